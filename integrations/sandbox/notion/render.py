"""Notion's JSON. Pages are joined from bytes: a query page of 100 is the hot path of every benchmark."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import orjson

from integrations.sandbox.notion import formulas
from integrations.sandbox.notion.model import (
    Connection,
    Database,
    Page,
    Prop,
    Source,
    User,
    Workspace,
    plain_text,
)

if TYPE_CHECKING:
    from integrations.sandbox.notion.world import NotionWorld

PIECE = 2000  # UTF-16 units in one run
SHOWN = 25  # references in one property value
PLAIN = {
    "bold": False,
    "italic": False,
    "strikethrough": False,
    "underline": False,
    "code": False,
    "color": "default",
}
_PLAIN_TAIL = b',"href":null,"annotations":' + orjson.dumps(PLAIN) + b"}"


@lru_cache(maxsize=65536)
def minute_text(ms: int) -> str:
    moment = datetime.fromtimestamp(ms // 60_000 * 60, UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:00.000Z")


def exact_text(ms: int) -> str:
    """Databases and data sources carry milliseconds, unlike pages."""
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds")


def pieces(text: str) -> list[str]:
    """Cut at 2000 UTF-16 units, never inside a surrogate pair."""
    if len(text) <= PIECE // 2:
        return [text] if text else []
    found, start, units = [], 0, 0
    for index, char in enumerate(text):
        width = 2 if ord(char) > 0xFFFF else 1
        if units + width > PIECE:
            found.append(text[start:index])
            start, units = index, 0
        units += width
    return [*found, text[start:]] if start < len(text) else found


def rich_text(value: Any) -> list[dict[str, Any]]:
    runs = [{"t": value}] if isinstance(value, str) else value or []
    return [_run(piece, run) for run in runs for piece in pieces(run["t"])]


def _run(text: str, run: dict[str, Any]) -> dict[str, Any]:
    if "m" in run:
        head: dict[str, Any] = {"type": "mention", "mention": run["m"]}
    elif "e" in run:
        head = {"type": "equation", "equation": {"expression": run["e"]}}
    else:
        link = run.get("l")
        head = {"type": "text", "text": {"content": text, "link": {"url": link} if link else None}}
    return head | {"plain_text": text, "href": run.get("l"), "annotations": PLAIN | run.get("a", {})}


def _text_bytes(value: Any) -> bytes:
    if isinstance(value, str) and len(value) <= PIECE // 2:
        if not value:
            return b"[]"
        text = orjson.dumps(value)
        return b'[{"type":"text","text":{"content":' + text + b',"link":null},"plain_text":' + text + _PLAIN_TAIL + b"]"
    return orjson.dumps(rich_text(value))


def partial_user(ident: str) -> dict[str, str]:
    return {"object": "user", "id": ident}


def user(person: User, with_email: bool = True) -> dict[str, Any]:
    return {
        "object": "user",
        "id": person.id,
        "name": person.name,
        "avatar_url": None,
        "type": "person",
        "person": {"email": person.email} if with_email else {},
    }


def bot(connection: Connection, workspace: Workspace, owner: User | None) -> dict[str, Any]:
    who: dict[str, Any] = {"type": "workspace", "workspace": True}
    if owner is not None:
        who = {"type": "user", "user": user(owner)}
    return {
        "object": "user",
        "id": connection.id,
        "name": connection.name,
        "avatar_url": None,
        "type": "bot",
        "bot": {
            "owner": who,
            "workspace_id": workspace.id,
            "workspace_limits": {"max_file_upload_size_in_bytes": 5_368_709_120},
            "workspace_name": workspace.name,
        },
    }


def _choice(option: dict[str, Any]) -> dict[str, Any]:
    return {"id": option["id"], "name": option["name"], "color": option["color"]}


class PageWriter:
    """Writes pages of one data source as one schema version has it, for one view of people."""

    def __init__(self, world: NotionWorld, source: Source | None, people: str, hidden: list[str]) -> None:
        self.world, self.source, self.people = world, source, people
        self.blind = {
            prop.id
            for prop in (source.props.values() if source else ())
            if prop.type == "relation" and _is_hidden(world, prop, hidden)
        }
        self.heads: dict[str, bytes] = {}
        self.choices: dict[str, dict[str, bytes]] = {}
        for prop in source.props.values() if source else ():
            head = orjson.dumps(prop.name) + b":" + orjson.dumps({"id": prop.id, "type": prop.type})[:-1]
            self.heads[prop.id] = head + b"," + orjson.dumps(prop.type) + b":"
            if prop.type in ("select", "multi_select", "status"):
                self.choices[prop.id] = {o["id"]: orjson.dumps(_choice(o)) for o in prop.options}
        if source is not None:
            self.parent = orjson.dumps(
                {"type": "data_source_id", "data_source_id": source.id, "database_id": source.database}
            )
        self.users: dict[str, bytes] = {}
        # Only what depends on the page itself may be kept: not what looks into other pages, not a reduced view.
        rollups = [prop for prop in (source.props.values() if source else ()) if prop.type == "rollup"]
        looks_out = any(prop.config["function"] != "count" for prop in rollups)
        self.cacheable = people == "email" and not self.blind and not looks_out

    def page(self, page: Page, only: list[str] | None = None) -> bytes:
        return b"".join((self._top(page), self.properties(page, only), b"}"))

    def properties(self, page: Page, only: list[str] | None = None) -> bytes:
        if self.source is None:
            title = _text_bytes(page.values.get("title"))
            return b'{"title":{"id":"title","type":"title","title":' + title + b"}}"
        props = self.source.props.values()
        chosen = props if only is None else [prop for prop in props if prop.id in only]
        return b"{" + b",".join([self._property(page, prop) for prop in chosen]) + b"}"

    def _property(self, page: Page, prop: Prop) -> bytes:
        tail = b',"has_more":false}' if prop.type == "relation" else b"}"
        if prop.type == "relation" and len(self.related(page, prop)) > SHOWN:
            tail = b',"has_more":true}'
        return self.heads[prop.id] + self.value(page, prop) + tail

    def _top(self, page: Page) -> bytes:
        trashed = b"true" if page.trashed else b"false"
        name = plain_text(page.values.get("title"))
        slug = quote("-".join(name.split())[:60], safe="-") if name else ""
        url = f"https://app.notion.com/p/{slug + '-' if slug else ''}{page.id.replace('-', '')}"
        head = (
            f'{{"object":"page","id":"{page.id}","created_time":"{minute_text(page.created)}",'
            f'"last_edited_time":"{minute_text(page.edited)}",'
            f'"created_by":{{"object":"user","id":"{page.created_by}"}},'
            f'"last_edited_by":{{"object":"user","id":"{page.edited_by}"}},"cover":null,"icon":null,'
            f'"url":"{url}","public_url":null,'
        ).encode()
        parent = self.parent if self.source is not None else orjson.dumps(_page_parent(page))
        flags = b',"in_trash":' + trashed + b',"is_archived":false,"is_locked":false,"properties":'
        return head + b'"parent":' + parent + flags

    def value(self, page: Page, prop: Prop) -> bytes:
        """What stands under the type's name."""
        value, kind = page.values.get(prop.id), prop.type
        if kind in ("title", "rich_text"):
            return _text_bytes(value) if value else b"[]"
        if kind in ("select", "status"):
            return self.choices[prop.id].get(value, b"null") if value else b"null"
        if kind == "checkbox":
            return b"true" if value else b"false"
        if kind == "multi_select":
            known = self.choices[prop.id]
            return b"[" + b",".join([known[ident] for ident in value or () if ident in known]) + b"]"
        if kind == "relation":
            shown = self.related(page, prop)[:SHOWN]
            return b"[" + b",".join([f'{{"id":"{ident}"}}'.encode() for ident in shown]) + b"]"
        if kind == "people":
            return b"[" + b",".join([self._user(ident) for ident in (value or ())[:SHOWN]]) + b"]"
        if kind == "date":
            return orjson.dumps(value | {"time_zone": None}) if value else b"null"
        if kind == "files":
            return orjson.dumps(value or [])
        if kind in formulas.COMPUTED_KINDS:
            return self._computed(page, prop)
        return orjson.dumps(value)

    def related(self, page: Page, prop: Prop) -> list[str]:
        """Without access to the other side, a relation reads as empty."""
        return [] if prop.id in self.blind else self.world.shown_relation(page, prop)

    def _computed(self, page: Page, prop: Prop) -> bytes:
        match prop.type:
            case "created_time":
                return orjson.dumps(minute_text(page.created))
            case "last_edited_time":
                return orjson.dumps(minute_text(page.edited))
            case "created_by":
                return self._user(page.created_by)
            case "last_edited_by":
                return self._user(page.edited_by)
            case "unique_id":
                return orjson.dumps({"prefix": prop.config.get("prefix"), "number": page.number})
            case "formula":
                return orjson.dumps(formulas.formula(self.world, page, prop))
            case "rollup":
                return orjson.dumps(formulas.rollup(self.world, page, prop))
            case "button":
                return b"{}"
        return b"null"

    def _user(self, ident: str) -> bytes:
        if ident not in self.users:
            self.users[ident] = orjson.dumps(self.world.user_object(ident, self.people))
        return self.users[ident]


def _is_hidden(world: NotionWorld, prop: Prop, hidden: list[str]) -> bool:
    target = world.sources.get(prop.config["source"])
    return target is None or target.database in hidden


def _page_parent(page: Page) -> dict[str, Any]:
    return {"type": "page_id", "page_id": page.parent} if page.parent else {"type": "workspace", "workspace": True}


def property_config(world: NotionWorld, prop: Prop) -> dict[str, Any]:
    return {
        "id": prop.id,
        "name": prop.name,
        "description": prop.description,
        "type": prop.type,
        prop.type: _config(world, prop),
    }


def _config(world: NotionWorld, prop: Prop) -> dict[str, Any]:
    config = prop.config
    match prop.type:
        case "select" | "multi_select":
            return {"options": [_choice(option) | {"description": None} for option in prop.options]}
        case "status":
            options = [_choice(option) | {"description": None} for option in prop.options]
            return {"options": options, "groups": config["groups"]}
        case "relation":
            return _relation_config(world, prop)
        case "rollup":
            return _rollup_config(world, prop)
        case "number" | "unique_id" | "formula":
            return dict(config)
    return {}


def _relation_config(world: NotionWorld, prop: Prop) -> dict[str, Any]:
    target = world.sources.get(prop.config["source"])
    head = {"database_id": target.database if target else "", "data_source_id": prop.config["source"]}
    synced = target.props.get(prop.config.get("synced", "")) if target else None
    if synced is None:
        return head | {"type": "single_property", "single_property": {}}
    dual = {"synced_property_id": synced.id, "synced_property_name": synced.name}
    return head | {"type": "dual_property", "dual_property": dual}


def _rollup_config(world: NotionWorld, prop: Prop) -> dict[str, Any]:
    relation, target = formulas.rollup_ends(world, prop)
    return {
        "function": prop.config["function"],
        "relation_property_id": prop.config["relation"],
        "relation_property_name": relation.name if relation else "",
        "rollup_property_id": prop.config["target"],
        "rollup_property_name": target.name if target else "",
    }


def source_object(world: NotionWorld, source: Source) -> dict[str, Any]:
    database = world.databases[source.database]
    return {
        "object": "data_source",
        "id": source.id,
        "title": rich_text(source.title),
        "description": rich_text(database.description),
        "parent": {"type": "database_id", "database_id": database.id},
        "database_parent": _database_parent(database),
        "is_inline": False,
        "in_trash": source.trashed,
        "created_time": exact_text(source.created),
        "last_edited_time": exact_text(source.edited),
        "created_by": partial_user(source.created_by),
        "last_edited_by": partial_user(source.edited_by),
        "properties": {prop.name: property_config(world, prop) for prop in source.props.values()},
        "icon": None,
        "cover": None,
        "url": f"https://app.notion.com/p/{database.id.replace('-', '')}",
        "public_url": None,
    }


def database_object(world: NotionWorld, database: Database) -> dict[str, Any]:
    return {
        "object": "database",
        "id": database.id,
        "title": rich_text(database.title),
        "description": rich_text(database.description),
        "parent": _database_parent(database),
        "is_inline": False,
        "in_trash": database.trashed,
        "is_locked": False,
        "created_time": exact_text(database.created),
        "last_edited_time": exact_text(database.edited),
        "data_sources": [{"id": ident, "name": world.sources[ident].title} for ident in database.sources],
        "icon": None,
        "cover": None,
        "url": f"https://app.notion.com/p/{database.id.replace('-', '')}",
        "public_url": None,
    }


def _database_parent(database: Database) -> dict[str, Any]:
    if database.parent:
        return {"type": "page_id", "page_id": database.parent}
    return {"type": "workspace", "workspace": True}
