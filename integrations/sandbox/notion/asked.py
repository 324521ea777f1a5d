"""One checked request: who asks, for what, and the small refusals that every handler needs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import orjson

from integrations.sandbox.calls import Answer, Call
from integrations.sandbox.notion import errors
from integrations.sandbox.notion.model import Connection, Database, Page, Source, dashed, new_id

if TYPE_CHECKING:
    from integrations.sandbox.notion.world import NotionWorld


@dataclass(frozen=True, slots=True)
class Asked:
    call: Call
    connection: Connection
    body: Any
    world: NotionWorld

    def need(self, capability: str) -> None:
        if not self.connection.can(capability):
            raise errors.restricted()

    def only(self, *keys: str) -> None:
        if not isinstance(self.body, dict):
            raise errors.body_invalid("body should be an object.")
        for key, value in self.body.items():
            if key not in keys:
                shown = orjson.dumps(value).decode()[:200]
                raise errors.body_invalid(f"body.{key} should be not present, instead was `{shown}`.")

    def number(self, name: str) -> int | None:
        text = self.call.param(name)
        if text is None:
            return None
        if not text.lstrip("-").isdigit():
            raise errors.invalid(f"query failed validation: query.{name} should be a number, instead was `{text}`.")
        return int(text)

    def uuid(self, text: str, where: str) -> str:
        found = dashed(unquote(text))
        if found is None:
            raise errors.invalid(
                f'path failed validation: path.{where} should be a valid uuid, instead was `"{unquote(text)}"`.'
            )
        return found

    def missing(self, kind: str, ident: str) -> errors.NotionError:
        return errors.not_found(kind, ident, self.connection.name, self.connection.integration)

    def page(self, text: str) -> Page:
        ident = self.uuid(text, "page_id")
        page = self.world.pages.get(ident)
        if page is None or not self.world.sees_page(self.connection, page):
            raise self.missing("page", ident)
        return page

    def source(self, text: str) -> Source:
        ident = self.uuid(text, "data_source_id")
        source = self.world.sources.get(ident)
        if source is None or not self.world.sees(self.connection, source.database):
            raise self.missing("data_source", ident)
        return source

    def database(self, text: str) -> Database:
        ident = self.uuid(text, "database_id")
        database = self.world.databases.get(ident)
        if database is None or not self.world.sees(self.connection, ident):
            raise self.missing("database", ident)
        return database

    def filter_properties(self, source: Source | None) -> list[str] | None:
        """Property ids to show; None shows all."""
        names = [value for key, value in self.call.query if key in ("filter_properties", "filter_properties[]")]
        if not names:
            return None
        found = []
        for name in names:
            prop = source.prop(name) if source else None
            if prop is None:
                raise errors.invalid(f"Could not find property with name or id: {name}")
            found.append(prop.id)
        return found

    def page_answer(self, page: Page, only: list[str] | None = None) -> Answer:
        world = self.world
        raw = world.page_bytes(page, self.connection) if only is None else None
        if raw is None:
            raw = world.writer(page, self.connection).page(page, only)
        return Answer(200, raw[:-1] + b',"request_id":"%s"}' % new_id().encode())
