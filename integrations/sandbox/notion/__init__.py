"""Notion, API versions 2025-09-03 and 2026-03-11."""

from __future__ import annotations

from integrations.sandbox.clock import Clock
from integrations.sandbox.notion.world import NotionWorld
from integrations.sandbox.state import Store


class NotionProvider:
    slug = "notion"
    name = "Notion"
    api = ("/v1/",)
    results_key = "results"
    requests_per_minute: int | None = 180

    def open(self, store: Store, clock: Clock) -> NotionWorld:
        return NotionWorld(store, clock)


provider = NotionProvider()
