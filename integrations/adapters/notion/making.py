"""Databases made from templates: where they can stand, and each only once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from notion_client import Client

from integrations.adapters.base import Collection, NewField
from integrations.adapters.notion import translate

Paged = Callable[[Callable[..., Any]], Iterator[Any]]


def places(notion: Client, paged: Paged) -> list[Collection]:
    """The pages that are shared with the connection; a database's rows are pages too, and no place for a database."""
    only = {"property": "object", "value": "page"}
    found = []
    for page in paged(lambda **more: notion.search(filter=only, page_size=100, **more)):
        home = (page.get("parent") or {}).get("type")
        if home in ("workspace", "page_id", "block_id") and not page.get("in_trash"):
            found.append(Collection(page["id"], _title(page), url=page.get("url") or ""))
    return found


def standing(notion: Client, paged: Paged, page: str, name: str) -> str:
    """The data source of the database of this name in the page, or "". Blocks are read consistently; the search index lags."""
    for block in paged(lambda **more: notion.blocks.children.list(page, page_size=100, **more)):
        if block.get("type") == "child_database" and (block.get("child_database") or {}).get("title") == name:
            database: Any = notion.databases.retrieve(block["id"])
            if not database.get("in_trash") and database.get("data_sources"):
                return str(database["data_sources"][0]["id"])
    return ""


def create(notion: Client, page: str, name: str, fields: Sequence[NewField]) -> str:
    """Make the database; answers its data source's id."""
    title, *others = fields
    properties: dict[str, Any] = {title.name: {"title": {}}}
    properties |= {field.name: translate.created_field(field.type, field.options, field.target) for field in others}
    made: Any = notion.databases.create(
        parent={"type": "page_id", "page_id": page},
        title=[{"type": "text", "text": {"content": name}}],
        initial_data_source={"properties": properties},
    )
    return str(made["data_sources"][0]["id"])


def _title(page: Any) -> str:
    properties = (page.get("properties") or {}).values()
    runs = next((one.get("title") or [] for one in properties if one.get("type") == "title"), [])
    return "".join(run.get("plain_text", "") for run in runs) or "Untitled"
