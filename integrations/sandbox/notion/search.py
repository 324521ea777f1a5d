"""Search by title over what the connection sees. It may lag: a fresh object is not found for a while."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from integrations.sandbox.calls import Answer
from integrations.sandbox.notion import errors, render
from integrations.sandbox.notion.asked import Asked
from integrations.sandbox.notion.model import Page, Source, new_id, plain_text
from integrations.sandbox.notion.query import page_size

if TYPE_CHECKING:
    from integrations.sandbox.notion.world import NotionWorld


def search(world: NotionWorld, asked: Asked) -> Answer:
    asked.need("read")
    asked.only("query", "sort", "filter", "start_cursor", "page_size")
    body = asked.body
    kind, in_trash = _read_filter(body.get("filter"))
    size = page_size(body.get("page_size"), "body.page_size")
    newest = world.now() - world.search_lag_seconds * 1000
    wanted = str(body.get("query") or "").lower()
    found: list[Source | Page] = []
    if kind in (None, "data_source"):
        found += [s for s in world.sources.values() if _fits_source(world, asked, s, wanted, in_trash)]
    if kind in (None, "page"):
        found += [p for p in world.pages.values() if _fits_page(world, asked, p, wanted, in_trash)]
    found = [thing for thing in found if thing.created <= newest]
    ascending = (body.get("sort") or {}).get("direction") == "ascending"
    found.sort(key=lambda thing: (thing.edited, thing.id), reverse=not ascending)
    return _page(world, asked, found, body.get("start_cursor"), size)


def _read_filter(body: Any) -> tuple[str | None, bool]:
    if body is None:
        return None, False
    if not isinstance(body, dict):
        raise errors.body_invalid("body.filter should be an object.")
    value = body.get("value")
    if "property" in body or value is not None:
        if body.get("property") != "object":
            raise errors.body_invalid('body.filter.property should be `"object"`.')
        if value not in ("page", "data_source"):
            shown = orjson.dumps(value).decode()
            raise errors.body_invalid(
                f'body.filter.value should be `"page"` or `"data_source"`, instead was `{shown}`.'
            )
    return value, body.get("in_trash") is True


def _fits_source(world: NotionWorld, asked: Asked, source: Source, wanted: str, in_trash: bool) -> bool:
    return (
        source.trashed is in_trash and wanted in source.title.lower() and world.sees(asked.connection, source.database)
    )


def _fits_page(world: NotionWorld, asked: Asked, page: Page, wanted: str, in_trash: bool) -> bool:
    if page.trashed is not in_trash or not world.sees_page(asked.connection, page):
        return False
    return not wanted or wanted in plain_text(page.values.get("title")).lower()


def _page(world: NotionWorld, asked: Asked, found: list[Source | Page], cursor: Any, size: int) -> Answer:
    start = 0
    if cursor is not None:
        start = next((at for at, thing in enumerate(found) if thing.id == cursor), -1)
        if start < 0:
            raise errors.invalid(f"The start_cursor provided is invalid: {cursor}")
    more = start + size < len(found)
    records = [
        world.page_bytes(thing, asked.connection)
        if isinstance(thing, Page)
        else orjson.dumps(render.source_object(world, thing))
        for thing in found[start : start + size]
    ]
    tail = {
        "next_cursor": found[start + size].id if more else None,
        "has_more": more,
        "type": "page_or_data_source",
        "page_or_data_source": {},
        "request_id": new_id(),
    }
    return Answer(200, b'{"object":"list","results":[' + b",".join(records) + b"]," + orjson.dumps(tail)[1:])
