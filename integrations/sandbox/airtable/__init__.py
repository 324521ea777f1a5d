"""Airtable, Web API v0."""

from __future__ import annotations

from integrations.sandbox.airtable.limits import BaseLimit
from integrations.sandbox.airtable.world import AirtableWorld
from integrations.sandbox.clock import Clock
from integrations.sandbox.state import Store


class AirtableProvider:
    slug = "airtable"
    name = "Airtable"
    api = ("/v0/", "/oauth2/")
    results_key = "records"
    requests_per_minute: int | None = 300  # five a second and base
    limit = BaseLimit

    def open(self, store: Store, clock: Clock) -> AirtableWorld:
        return AirtableWorld(store, clock)


provider = AirtableProvider()
