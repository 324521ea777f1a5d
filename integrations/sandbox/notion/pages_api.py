"""Pages: create, read, change, trash, restore; and one property of a page, item by item."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import orjson

from integrations.sandbox.calls import Answer, Routes, json_answer
from integrations.sandbox.notion import content, edits, errors, render, values
from integrations.sandbox.notion.asked import Asked
from integrations.sandbox.notion.model import Page, Prop, Source, new_id
from integrations.sandbox.notion.query import page_size

if TYPE_CHECKING:
    from integrations.sandbox.notion.world import NotionWorld

MAX_BODY = 500_000
_CREATE_KEYS = ("parent", "properties", "icon", "cover", "content", "children", "markdown", "template", "position")
_CHANGE_KEYS = ("properties", "icon", "cover", "is_locked", "template", "erase_content", "in_trash", "is_archived")
TRASHED = "Can't edit block that is archived. You must unarchive the block before editing."


class PagesApi:
    def __init__(self, world: NotionWorld) -> None:
        self.world = world

    def register(self, routes: Routes) -> None:
        routes.add("POST", "/v1/pages", self.create)
        routes.add("GET", "/v1/pages/{page}", self.retrieve)
        routes.add("PATCH", "/v1/pages/{page}", self.change)
        routes.add("GET", "/v1/pages/{page}/properties/{prop}", self.property_item)

    def create(self, asked: Asked) -> Answer:
        asked.need("insert")
        asked.only(*_CREATE_KEYS)
        _check_size(asked)
        source, parent = self._parent(asked)
        properties = asked.body.get("properties") or {}
        author = asked.connection.id
        if source is None:
            title = _plain_title(properties)
            page = edits.create_page(self.world, None, {"title": title}, author, parent)
        else:
            written = values.read_properties(self.world, source, asked.connection, properties)
            self._add_options(source, written, author)
            page = edits.create_page(self.world, source, written.values, author)
        if children := asked.body.get("children"):
            content.append_blocks(self.world, page, children, author)
        return asked.page_answer(page)

    def retrieve(self, asked: Asked, page: str) -> Answer:
        asked.need("read")
        found = asked.page(page)
        return asked.page_answer(found, asked.filter_properties(self._source(found)))

    def change(self, asked: Asked, page: str) -> Answer:
        asked.need("update")
        old_way = asked.call.headers.get("notion-version") == "2025-09-03"
        asked.only(*_CHANGE_KEYS, *(("archived",) if old_way else ()))
        _check_size(asked)
        found = asked.page(page)
        body = asked.body
        trash = body.get("in_trash", body.get("archived"))
        if trash is not None and not isinstance(trash, bool):
            raise errors.body_invalid(
                f"body.in_trash should be a boolean, instead was `{orjson.dumps(trash).decode()}`."
            )
        if found.trashed and trash is not False:
            raise errors.invalid(TRASHED)
        written = self._written(asked, found, body.get("properties"))
        author = asked.connection.id
        if trash is False and found.trashed:
            edits.set_trashed(self.world, found, False, author)
        if written is not None:
            edits.change_page(self.world, found, written, author)
        if trash:
            edits.set_trashed(self.world, found, True, author)
        return asked.page_answer(found)

    def _written(self, asked: Asked, page: Page, properties: Any) -> dict[str, Any] | None:
        if not properties:
            return None
        source = self._source(page)
        if source is None:
            return {"title": _plain_title(properties)}
        written = values.read_properties(self.world, source, asked.connection, properties)
        self._add_options(source, written, asked.connection.id)
        return written.values

    def _add_options(self, source: Source, written: values.Written, author: str) -> None:
        for prop, option in written.new_options:
            prop.options.append(option)
        if written.new_options:
            source.version += 1
            source.edited, source.edited_by = self.world.now(), author
            self.world.save(source)

    def _parent(self, asked: Asked) -> tuple[Source | None, str | None]:
        parent = asked.body.get("parent")
        if not isinstance(parent, dict):
            raise errors.body_invalid("body.parent should be defined, instead was `undefined`.")
        if "data_source_id" in parent:
            source = asked.source(str(parent["data_source_id"]))
        elif "database_id" in parent:
            source = self._only_source(asked, str(parent["database_id"]))
        elif "page_id" in parent:
            return None, asked.page(str(parent["page_id"])).id
        else:
            kinds = ("page_id", "data_source_id")
            raise errors.fix_one([f"body.parent.{kind} should be defined, instead was `undefined`." for kind in kinds])
        if source.trashed:
            raise errors.invalid(TRASHED)
        return source, None

    def _only_source(self, asked: Asked, ident: str) -> Source:
        database = asked.database(ident)
        if len(database.sources) > 1:
            raise errors.invalid("Databases with multiple data sources are not supported in this API version.")
        return self.world.sources[database.sources[0]]

    def _source(self, page: Page) -> Source | None:
        return self.world.sources[page.source] if page.source else None

    # One property

    def property_item(self, asked: Asked, page: str, prop: str) -> Answer:
        asked.need("read")
        found = asked.page(page)
        source = self._source(found)
        known = source.prop(prop) or source.prop(unquote(prop)) if source else None
        if source is None and prop == "title":
            known = Prop("title", "title", "title")
        if known is None:
            raise errors.NotionError(404, "object_not_found", f"Could not find property with name or id: {prop}")
        if known.type not in ("title", "rich_text", "relation", "people"):
            return self._single_item(asked, found, known)
        return self._item_list(asked, found, known)

    def _single_item(self, asked: Asked, page: Page, prop: Prop) -> Answer:
        value = orjson.loads(self.world.writer(page, asked.connection).value(page, prop))
        body = {"object": "property_item", "id": prop.id, "type": prop.type, prop.type: value}
        return json_answer(body | {"request_id": new_id()})

    def _item_list(self, asked: Asked, page: Page, prop: Prop) -> Answer:
        items = self._items(asked, page, prop)
        size = page_size(asked.number("page_size"), "query.page_size")
        start = _offset(asked.call.param("start_cursor"), page, prop)
        shown, more = items[start : start + size], start + size < len(items)
        cursor = _offset_cursor(start + size, page) if more else None
        base = f"https://api.notion.com/v1/pages/{page.id}/properties/{prop.id}"
        next_url = f"{base}?start_cursor={cursor}" if cursor else None
        results = [{"object": "property_item", "id": prop.id, "type": prop.type, prop.type: item} for item in shown]
        body = {
            "object": "list",
            "results": results,
            "next_cursor": cursor,
            "has_more": more,
            "type": "property_item",
            "property_item": {"id": prop.id, "next_url": next_url, "type": prop.type, prop.type: {}},
            "request_id": new_id(),
        }
        return json_answer(body)

    def _items(self, asked: Asked, page: Page, prop: Prop) -> list[Any]:
        writer = self.world.writer(page, asked.connection)
        if prop.type == "relation":
            return [{"id": ident} for ident in writer.related(page, prop)]
        if prop.type == "people":
            return [self.world.user_object(ident, writer.people) for ident in page.values.get(prop.id, [])]
        return render.rich_text(page.values.get(prop.id))


def _check_size(asked: Asked) -> None:
    if len(asked.call.body) > MAX_BODY:
        raise errors.NotionError(413, "validation_error", f"body should be at most {MAX_BODY} bytes long.")


def _plain_title(properties: Any) -> Any:
    """A page outside a data source has a title and nothing else."""
    given = properties.get("title") if isinstance(properties, dict) else None
    runs = given.get("title", []) if isinstance(given, dict) else given or []
    values.check_runs("body.properties.title.title", runs)
    return values.read_runs(runs)


def _offset_cursor(start: int, page: Page) -> str:
    return f"{start:08x}" + page.id[8:]


def _offset(cursor: str | None, page: Page, prop: Prop) -> int:
    if cursor is None:
        return 0
    if len(cursor) != 36 or cursor[8:] != page.id[8:]:
        raise errors.invalid(f"The start_cursor provided is invalid: {cursor}")
    return int(cursor[:8], 16)
