"""The body of a page: listing and appending blocks. Flat, and only as much as a sync ever meets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from integrations.sandbox.calls import Answer, Routes, json_answer
from integrations.sandbox.notion import errors, render, values
from integrations.sandbox.notion.asked import Asked
from integrations.sandbox.notion.model import Database, Page, new_id
from integrations.sandbox.notion.query import page_size

if TYPE_CHECKING:
    from integrations.sandbox.notion.world import NotionWorld

MAX_CHILDREN = 100
_TEXT_BLOCKS = (
    "paragraph heading_1 heading_2 heading_3 bulleted_list_item numbered_list_item to_do toggle quote callout code"
).split()


class ContentApi:
    def __init__(self, world: NotionWorld) -> None:
        self.world = world

    def register(self, routes: Routes) -> None:
        routes.add("GET", "/v1/blocks/{block}/children", self.children)
        routes.add("PATCH", "/v1/blocks/{block}/children", self.append)

    def children(self, asked: Asked, block: str) -> Answer:
        asked.need("read")
        page = asked.page(block)
        tables = [one for one in self.world.databases.values() if one.parent == page.id and not one.trashed]
        blocks = [*self.world.blocks.get(page.id, []), *(self._table(one) for one in tables)]
        return self._list(asked, page, blocks)

    def _table(self, database: Database) -> dict[str, Any]:
        """A database stands in its page as a block with its own id."""
        author = self.world.sources[database.sources[0]].created_by
        return {
            "id": database.id,
            "type": "child_database",
            "at": database.created,
            "by": author,
            "title": database.title,
        }

    def append(self, asked: Asked, block: str) -> Answer:
        asked.need("insert")
        old_way = asked.call.headers.get("notion-version") == "2025-09-03"
        asked.only("children", "after" if old_way else "position")
        page = asked.page(block)
        if page.trashed:
            raise errors.invalid("Can't edit block that is archived. You must unarchive the block before editing.")
        added = append_blocks(self.world, page, asked.body.get("children"), asked.connection.id)
        # Content written through the API does not move last_edited_time.
        self.world.webhooks.page_changed("page.content_updated", page, [], asked.connection.id)
        return self._list(asked, page, added)

    def _list(self, asked: Asked, page: Page, blocks: list[dict[str, Any]]) -> Answer:
        size = page_size(asked.number("page_size"), "query.page_size")
        idents, cursor = [block["id"] for block in blocks], asked.call.param("start_cursor")
        if cursor is not None and cursor not in idents:
            raise errors.invalid(f"The start_cursor provided is invalid: {cursor}")
        start = idents.index(cursor) if cursor else 0
        more = start + size < len(blocks)
        body = {
            "object": "list",
            "results": [block_object(page, block) for block in blocks[start : start + size]],
            "next_cursor": idents[start + size] if more else None,
            "has_more": more,
            "type": "block",
            "block": {},
            "request_id": new_id(),
        }
        return json_answer(body)


def append_blocks(world: NotionWorld, page: Page, children: Any, author: str) -> list[dict[str, Any]]:
    if not isinstance(children, list):
        raise errors.body_invalid("body.children should be an array.")
    if len(children) > MAX_CHILDREN:
        raise errors.body_invalid(f"body.children.length should be ≤ `{MAX_CHILDREN}`, instead was `{len(children)}`.")
    added = [_read_block(number, child, world.now(), author) for number, child in enumerate(children)]
    world.blocks.setdefault(page.id, []).extend(added)
    world.store.put("blocks", page.id, {"page": page.id, "blocks": world.blocks[page.id]})
    return added


def _read_block(number: int, child: Any, now: int, author: str) -> dict[str, Any]:
    kind = next((kind for kind in (*_TEXT_BLOCKS, "divider") if isinstance(child, dict) and kind in child), None)
    if kind is None:
        raise errors.body_invalid(f"body.children[{number}].paragraph should be defined, instead was `undefined`.")
    block = {"id": new_id(), "type": kind, "at": now, "by": author, "extra": {}}
    if kind != "divider":
        runs = child[kind].get("rich_text", [])
        values.check_runs(f"body.children[{number}].{kind}.rich_text", runs)
        block["text"] = values.read_runs(runs)
        block["extra"] = {key: child[kind][key] for key in ("checked", "language") if key in child[kind]}
    return block


def block_object(page: Page, block: dict[str, Any]) -> dict[str, Any]:
    kind = block["type"]
    inner: dict[str, Any] = {}
    if kind == "child_database":
        inner = {"title": block["title"]}
    elif kind != "divider":
        inner = {"rich_text": render.rich_text(block["text"]), "color": "default"} | block["extra"]
        if kind.startswith("heading"):
            inner["is_toggleable"] = False
        if kind == "to_do":
            inner.setdefault("checked", False)
        if kind == "callout":
            inner["icon"] = None
        if kind == "code":
            inner = {"rich_text": inner["rich_text"], "caption": [], "language": inner.get("language", "plain text")}
    moment = render.minute_text(block["at"])
    who = render.partial_user(block["by"])
    return {
        "object": "block",
        "id": block["id"],
        "parent": {"type": "page_id", "page_id": page.id},
        "created_time": moment,
        "last_edited_time": moment,
        "created_by": who,
        "last_edited_by": who,
        "has_children": False,
        "in_trash": False,
        "type": kind,
        kind: inner,
    }
