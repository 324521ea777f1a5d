"""Notion's property values in canonical form. Pure: no clock, no network.

Facts are from Notion's reference for API version 2026-03-11 ("Property values", "Property objects"). A page's property
is ``{"id", "type", <type>: value}`` under its *name*; we key everything by *id*, which survives renaming.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from zoneinfo import ZoneInfo

from integrations.adapters import errors, values
from integrations.adapters.base import Collection, Field, Record, Schema
from integrations.adapters.values import Type, Unfit, Value
from integrations.adapters.words import gettext_noop as _

MARKER = "Raccord ID"
END = ":end"  # the end of a date range is a field of its own, under the date's id with this behind it
SHOWN_REFERENCES = 25  # a page's answer holds no more people, relations or mentions than this

#: What we call this user; may ask the workspace's directory.
People = Callable[[Mapping[str, Any]], str]
Reader = Callable[[Any], Value]


# --- reading values -----------------------------------------------------------------------------------------------


def text(runs: Sequence[Mapping[str, Any]]) -> str | None:
    """Notion cuts text into runs of its own choosing; only the whole is what was written."""
    if not runs:
        return None
    joined = runs[0]["plain_text"] if len(runs) == 1 else "".join([run["plain_text"] for run in runs])
    return values.text(joined) if "\r" in joined or "\x00" in joined else joined or None


def number(value: float | None) -> str | None:
    if value is None:
        return None
    if type(value) is int and -(2**53) <= value <= 2**53:
        return str(value)
    plain = repr(float(value))
    return plain[:-2] if plain.endswith(".0") and plain != "-0.0" else values.decimal(value)


def moment(value: str | None, zone: str | None = None) -> str | None:
    """A day stays a day; an instant becomes UTC. A time without offset counts as UTC, or as of its `time_zone`."""
    if value is None:
        return None
    if len(value) == 10:
        return value
    if value.endswith(("+00:00", "Z")) and value[19:24] in (".000+", ".000Z"):
        return value[:19] + "Z"
    if zone and len(value) <= 23:
        return values.datetime(dt.datetime.fromisoformat(value).replace(tzinfo=ZoneInfo(zone)))
    return values.datetime(value)


def choice(value: Mapping[str, Any] | None) -> str | None:
    return value["name"] if value else None


def choices(value: Sequence[Mapping[str, Any]]) -> list[str] | None:
    if not value:
        return None
    if len(value) == 1:
        return [value[0]["name"]]
    return sorted({option["name"] for option in value})


def related(value: Sequence[Mapping[str, Any]]) -> list[str] | None:
    if not value:
        return None
    return sorted({page["id"] for page in value})


def files(value: Sequence[Mapping[str, Any]]) -> list[dict[str, str]] | None:
    return values.data([{"name": file.get("name") or "", "url": file_url(file)} for file in value]) or None


def file_url(file: Mapping[str, Any]) -> str:
    """A file that Notion hosts has a new signature at every reading: without it, the same file stays the same."""
    kind = file.get("type") or ("file" if "file" in file else "external")
    url = str((file.get(kind) or {}).get("url", ""))
    return url.partition("?")[0] if kind == "file" else url


def ticket(value: Mapping[str, Any] | None) -> str | None:
    if not value or value.get("number") is None:
        return None
    prefix = value.get("prefix")
    return f"{prefix}-{value['number']}" if prefix else str(value["number"])


def computed(value: Mapping[str, Any] | None) -> Value:
    """A formula's or rollup's result as text, for its type is known only once it has one."""
    if not value:
        return None
    kind = value["type"]
    if kind in ("unsupported", "incomplete"):
        raise Unfit("Notion does not tell the result of this formula or rollup")
    if kind == "array":
        parts = [_part(item) for item in value["array"]]
        return ", ".join(part for part in parts if part) or None
    return _part(value)


def _part(value: Mapping[str, Any]) -> str | None:
    kind = value.get("type", "")
    read = READERS.get(kind) or _RESULTS.get(kind)
    if read is None:
        return None
    result = read(value.get(kind))
    if isinstance(result, bool):
        return "true" if result else "false"
    if isinstance(result, list):
        return ", ".join(item if isinstance(item, str) else item["name"] for item in result)
    return result if result is None else str(result)


def _start(value: Mapping[str, Any] | None) -> str | None:
    return moment(value["start"], value.get("time_zone")) if value else None


def _end(value: Mapping[str, Any] | None) -> str | None:
    return moment(value["end"], value.get("time_zone")) if value and value.get("end") else None


def _as_it_is(value: Any) -> Value:
    return values.data(value) or None


READERS: dict[str, Reader] = {
    "title": text,
    "rich_text": text,
    "number": number,
    "select": choice,
    "multi_select": choices,
    "status": choice,
    "date": _start,
    "checkbox": bool,
    "url": values.text,
    "email": values.text,
    "phone_number": values.text,
    "relation": related,
    "files": files,
    "formula": computed,
    "rollup": computed,
    "created_time": moment,
    "last_edited_time": moment,
    "unique_id": ticket,
    "verification": _as_it_is,
    "place": _as_it_is,
}
_RESULTS: dict[str, Reader] = {"string": values.text, "boolean": lambda value: value}


# --- reading records ----------------------------------------------------------------------------------------------


class Translator:
    """Turns pages of one data source into records. The list of readers is made from the first page and kept.

    Pages name their properties; when one is renamed, added or retyped while we read, the list is made anew from the
    page that differs.
    """

    def __init__(self, people: People, fields: Sequence[str] | None = None) -> None:
        self._people = people
        self._wanted = None if fields is None else {name.removesuffix(END) for name in fields}
        self._plan: list[tuple[str, str, str, Reader]] = []
        self._lists: list[tuple[str, str, str]] = []
        self._dates: list[tuple[str, str]] = []
        self._marker: str | None = None
        self._size = -1

    def record(self, page: Mapping[str, Any], bot: Callable[[], str]) -> tuple[Record, list[tuple[str, str]]]:
        """The record, and (id, type) of the fields whose list the page shows only in part.

        bot: names our own user, asked only for rows with a marker. Raises SchemaChanged when Notion leaves out a key
        that it documents, or a field that was asked for.
        """
        try:
            properties = page["properties"]
            if len(properties) != self._size:
                self._make_plan(properties)
            try:
                found, unfit, partial = self._values(properties)
            except KeyError:  # a property changed its name or type between two pages
                self._make_plan(properties)
                found, unfit, partial = self._values(properties)
            marker = None
            if self._marker is not None and self._marker in properties:
                marker = text(properties[self._marker]["rich_text"])
            edited = page["last_edited_time"]
            record = Record(
                id=page["id"],
                values=found,
                edited_at=dt.datetime.fromisoformat(edited),
                deleted=bool(page.get("in_trash")),
                marker=marker,
                # A row that a person duplicates has our marker, too; its maker tells them apart.
                made_by_us=marker is not None and page["created_by"]["id"] == bot(),
                edited_by=(page.get("last_edited_by") or {}).get("id", ""),
                url=page.get("url") or "",
                created_at=dt.datetime.fromisoformat(page["created_time"]),
                unfit=unfit,
                raw=page,
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise errors.SchemaChanged(f"a Notion page is not as documented: {error!r}") from error
        return record, partial

    def one(self, kind: str, value: Any) -> Value:
        """A single value, as read whole from the property's own address."""
        return self._reader(kind)(value)

    def _values(self, properties: Mapping[str, Any]) -> tuple[dict[str, Value], dict[str, str], list[tuple[str, str]]]:
        found: dict[str, Value] = {}
        unfit: dict[str, str] = {}
        for name, field, kind, read in self._plan:
            try:
                prop = properties[name]
                if prop["id"] != field:  # two properties swapped their names
                    raise KeyError(name)
                found[field] = read(prop[kind])
            except Unfit as error:
                unfit[field] = str(error)
            except ValueError as error:
                unfit[field] = f"cannot be read: {error}"
        for name, field in self._dates:
            try:
                found[field] = _end(properties[name]["date"])
            except ValueError as error:
                unfit[field] = str(error)
        partial = [(field, kind) for name, field, kind in self._lists if _is_cut(properties[name], kind)]
        return found, unfit, partial

    def _make_plan(self, properties: Mapping[str, Any]) -> None:
        self._plan, self._lists, self._dates, self._marker = [], [], [], None
        for name, prop in properties.items():
            field, kind = prop["id"], prop["type"]
            if name == MARKER and kind == "rich_text":
                self._marker = name
            elif kind != "button" and (self._wanted is None or field in self._wanted):
                self._plan.append((name, field, kind, self._reader(kind)))
                if kind in ("relation", "people", "rich_text", "title"):
                    self._lists.append((name, field, kind))
                elif kind == "date":
                    self._dates.append((name, field + END))
        self._size = len(properties)
        gone = tuple((self._wanted or set()) - {prop["id"] for prop in properties.values()})
        if gone:
            raise errors.SchemaChanged("fields that Notion no longer has: " + ", ".join(gone), fields=gone)

    def _reader(self, kind: str) -> Reader:
        person = self._people
        if kind == "people":
            return lambda value: sorted({person(user) for user in value}) or None
        if kind in ("created_by", "last_edited_by"):
            return lambda value: person(value) if value else None
        return READERS.get(kind, _as_it_is)


def _is_cut(prop: Mapping[str, Any], kind: str) -> bool:
    """Relations say so; people and mentions do not, so the full number is a reason to ask."""
    if kind == "relation":
        return bool(prop.get("has_more"))
    items = prop[kind]
    if len(items) < SHOWN_REFERENCES:
        return False
    return kind == "people" or sum(run["type"] == "mention" for run in items) >= SHOWN_REFERENCES


# --- describing ---------------------------------------------------------------------------------------------------

TEXT_LIMIT = 200_000  # 100 runs of 2000 UTF-16 units

_TYPES: dict[str, Type] = {
    "title": Type.TEXT,
    "rich_text": Type.LONG_TEXT,
    "number": Type.DECIMAL,
    "select": Type.SELECT,
    "multi_select": Type.MULTI_SELECT,
    "status": Type.SELECT,
    "date": Type.DATETIME,
    "checkbox": Type.BOOLEAN,
    "url": Type.URL,
    "email": Type.EMAIL,
    "phone_number": Type.PHONE,
    "people": Type.PERSON,
    "relation": Type.RELATION,
    "files": Type.FILE,
    "formula": Type.TEXT,
    "rollup": Type.TEXT,
    "created_time": Type.DATETIME,
    "last_edited_time": Type.DATETIME,
    "created_by": Type.PERSON,
    "last_edited_by": Type.PERSON,
    "unique_id": Type.TEXT,
}
_READ_ONLY = {
    "formula": _("Notion computes it; it reads as text"),
    "rollup": _("Notion computes it from related rows"),
    "created_time": _("Notion keeps it, to the minute"),
    "last_edited_time": _("Notion keeps it, to the minute"),
    "created_by": _("Notion keeps it"),
    "last_edited_by": _("Notion keeps it"),
    "unique_id": _("Notion numbers the rows"),
    "button": _("a button holds no value"),
    "verification": _("Notion does not let connections write it"),
    "place": _("Notion does not let connections write it whole"),
}
_NOTES = {
    "rich_text": _("plain text only: writing a changed text drops bold, links and mentions"),
    "title": _("plain text only: writing a changed title drops its formatting"),
    "date": _("a day stays a day and a time a time; Notion keeps minutes, not seconds"),
    "status": _("new options can only be added in Notion"),
    "files": _("links can be written; files kept by Notion can only be kept or removed"),
    "people": _("only members of the workspace whose e-mail the connection may see"),
}
_LIMITS = {"title": TEXT_LIMIT, "rich_text": TEXT_LIMIT, "url": 2000, "email": 100, "phone_number": 100, "select": 100}


def to_schema(collection: Collection, properties: Mapping[str, Mapping[str, Any]]) -> Schema:
    """A data source's properties as fields, without our own marker."""
    fields: list[Field] = []
    title = ""
    for name, prop in properties.items():
        kind = prop["type"]
        if name == MARKER and kind == "rich_text":
            continue
        field = to_field(name, prop)
        fields.append(field)
        if kind == "title":
            title = field.id
        elif kind == "date":
            fields.append(
                Field(
                    field.id + END, f"{name} (end)", Type.DATETIME, note=_("the end of a range; it needs a beginning")
                )
            )
    return Schema(collection, tuple(fields), title)


def to_field(name: str, prop: Mapping[str, Any]) -> Field:
    kind = prop["type"]
    config = prop.get(kind) or {}
    known = kind in _TYPES or kind in _READ_ONLY
    return Field(
        id=prop["id"],
        name=name,
        type=_rollup_type(config) if kind == "rollup" else _TYPES.get(kind, Type.JSON),
        many=kind in ("people", "relation"),
        read_only=kind in _READ_ONLY or not known,
        options=tuple(option["name"] for option in config.get("options", ())),
        creates_options=kind in ("select", "multi_select"),
        target=config.get("data_source_id") or "" if kind == "relation" else "",
        max_length=_LIMITS.get(kind),
        note=_READ_ONLY.get(kind)
        or _NOTES.get(kind)
        or ("" if known else _("Raccord does not know fields of this kind")),
    )


def _rollup_type(config: Mapping[str, Any]) -> Type:
    match config.get("function"):
        case "earliest_date" | "latest_date":
            return Type.DATETIME
        case "show_original" | "show_unique" | "date_range" | None:
            return Type.TEXT
        case _:
            return Type.DECIMAL


def created_field(kind: Type, options: Sequence[str], target: str) -> dict[str, Any]:
    """The configuration of a new property for a canonical type."""
    listed = [{"name": name} for name in options[:100]]
    match kind:
        case Type.INTEGER | Type.DECIMAL | Type.MONEY:
            return {"number": {"format": "number"}}
        case Type.BOOLEAN:
            return {"checkbox": {}}
        case Type.DATE | Type.DATETIME:
            return {"date": {}}
        case Type.SELECT:
            return {"select": {"options": listed}}
        case Type.MULTI_SELECT:
            return {"multi_select": {"options": listed}}
        case Type.PERSON:
            return {"people": {}}
        case Type.RELATION if target:
            return {"relation": {"data_source_id": target, "type": "single_property", "single_property": {}}}
        case Type.EMAIL | Type.URL:
            return {kind.value: {}}
        case Type.PHONE:
            return {"phone_number": {}}
        case Type.FILE:
            return {"files": {}}
        case _:
            return {"rich_text": {}}
