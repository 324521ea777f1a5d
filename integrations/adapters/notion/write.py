"""Canonical values as Notion takes them. Pure; refuses with `InvalidRecord` what Notion would refuse or spoil."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from integrations.adapters import errors
from integrations.adapters.notion.translate import END, file_url, moment
from integrations.adapters.values import Value, decimal

RUN_UNITS = 2000
MAX_RUNS = 100
MAX_ITEMS = 100
WHOLE = 2**53  # JSON numbers are doubles there: beyond this, whole numbers have gaps
NOTION_FILES = ("//prod-files-secure.s3.", "//secure.notion-static.com/", "//file.notion.so/")  # dead without signature

#: The user id for an e-mail (or for "notion:<id>"), None when the workspace has no such member.
Member = Callable[[str], str | None]
Properties = Mapping[str, Mapping[str, Any]]  # {property id: its definition, with "name" and "type"}


def to_properties(
    changed: Mapping[str, Value], properties: Properties, current: Mapping[str, Any] | None, member: Member
) -> dict[str, Any]:
    """The body's ``properties`` for the changed fields.

    current: the page as Notion answered it, for values of which only a part changes (dates, files). Raises
    SchemaChanged for a field that is no longer there, InvalidRecord for a value that does not fit.
    """
    gone = tuple(field for field in changed if field.removesuffix(END) not in properties)
    if gone:
        raise errors.SchemaChanged("fields that Notion no longer has: " + ", ".join(gone), fields=gone)
    body: dict[str, Any] = {}
    for field, value in changed.items():
        base = field.removesuffix(END)
        if base in body:
            continue
        kind = properties[base]["type"]
        before = _present(current, base)
        if kind == "date":
            body[base] = {"date": _date(base, changed, before)}
        elif kind == "people":
            body[base] = {"people": _people(field, value, member)}
        elif kind == "files":
            body[base] = {"files": _files(field, value, before or ())}
        elif kind in WRITERS:
            body[base] = {kind: WRITERS[kind](field, value, properties[base])}
        else:
            raise errors.InvalidRecord(f"“{properties[base]['name']}” is read-only in Notion", field)
    return body


def needs_current(changed: Mapping[str, Value], properties: Properties) -> bool:
    """Whether a part of a value is kept, so that the page must be known: half of a range, files Notion hosts."""
    for field, value in changed.items():
        kind = properties.get(field.removesuffix(END), {}).get("type")
        both = {field.removesuffix(END), field.removesuffix(END) + END} <= changed.keys()
        if (kind == "date" and not both and (value is not None or field.endswith(END))) or (kind == "files" and value):
            return True
    return False


def units(text: str) -> int:
    """Length as Notion counts it: UTF-16 code units, so an emoji counts two."""
    return len(text) + sum(char > "\uffff" for char in text)


def runs(text: str) -> list[str]:
    """`text` in pieces of at most 2000 UTF-16 units, never cut inside a character."""
    if len(text) * 2 <= RUN_UNITS or units(text) <= RUN_UNITS:
        return [text] if text else []
    pieces, start, size = [], 0, 0
    for index, char in enumerate(text):
        width = 2 if char > "\uffff" else 1
        if size + width > RUN_UNITS:
            pieces.append(text[start:index])
            start, size = index, 0
        size += width
    return [*pieces, text[start:]]


def _rich_text(field: str, value: Value, prop: Mapping[str, Any]) -> list[dict[str, Any]]:
    pieces = runs(str(value).replace("\x00", "")) if value is not None else []
    if len(pieces) > MAX_RUNS:
        raise errors.InvalidRecord(f"longer than the {RUN_UNITS * MAX_RUNS:,} characters that Notion holds", field)
    return [{"type": "text", "text": {"content": piece}} for piece in pieces]


def _number(field: str, value: Value, prop: Mapping[str, Any]) -> float | int | None:
    if value is None:
        return None
    if isinstance(value, bool):
        raise errors.InvalidRecord(f"“{value}” is not a number", field)
    try:
        number = float(value)
        exact = decimal(value)
    except (TypeError, ValueError) as error:
        raise errors.InvalidRecord(f"“{value}” is not a number", field) from error
    if not math.isfinite(number) or decimal(number) != exact:
        raise errors.InvalidRecord(f"{exact} has more digits than Notion keeps (about 15)", field)
    return int(number) if number.is_integer() and abs(number) <= WHOLE else number


def _checkbox(field: str, value: Value, prop: Mapping[str, Any]) -> bool:
    if value is not None and not isinstance(value, bool):
        raise errors.InvalidRecord(f"“{value}” is neither yes nor no", field)
    return bool(value)


def _plain(limit: int) -> Callable[[str, Value, Mapping[str, Any]], str | None]:
    def write(field: str, value: Value, prop: Mapping[str, Any]) -> str | None:
        if value is None or value == "":
            return None  # Notion refuses ""
        if units(str(value)) > limit:
            raise errors.InvalidRecord(f"longer than the {limit:,} characters that Notion takes here", field)
        return str(value)

    return write


def _option(field: str, name: str) -> dict[str, str]:
    if "," in name:
        raise errors.InvalidRecord(f"“{name}”: Notion takes no comma in the name of an option", field)
    if units(name) > 100:
        raise errors.InvalidRecord("the name of an option has at most 100 characters in Notion", field)
    return {"name": name}


def _select(field: str, value: Value, prop: Mapping[str, Any]) -> dict[str, str] | None:
    return _option(field, str(value)) if value else None


def _multi_select(field: str, value: Value, prop: Mapping[str, Any]) -> list[dict[str, str]]:
    return [_option(field, str(name)) for name in _list(field, value)]


def _status(field: str, value: Value, prop: Mapping[str, Any]) -> dict[str, str] | None:
    if not value:
        return None
    known = [option["name"] for option in (prop.get("status") or {}).get("options", ())]
    if value not in known:
        raise errors.InvalidRecord(f"“{value}” is not a status in Notion, which has: {', '.join(known)}", field)
    return {"name": value}


def _relation(field: str, value: Value, prop: Mapping[str, Any]) -> list[dict[str, str]]:
    return [{"id": str(page)} for page in _list(field, value)]


def _people(field: str, value: Value, member: Member) -> list[dict[str, str]]:
    found = []
    for name in _list(field, value):
        user = member(str(name))
        if user is None:
            raise errors.InvalidRecord(f"{name} is not a member of this Notion workspace", field)
        found.append({"object": "user", "id": user})
    return found


def _files(field: str, value: Value, before: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    hosted = {file_url(file): file for file in before if file.get("type") == "file"}
    found: list[dict[str, Any]] = []
    for file in _list(field, value):
        name, url = str(file.get("name") or "") or str(file["url"]).rpartition("/")[2] or "file", str(file["url"])
        if kept := hosted.get(url.partition("?")[0]):
            found.append({"name": name[:100], "type": "file", "file": kept["file"]})
        elif units(url) > 2000:
            raise errors.InvalidRecord("a link has at most 2,000 characters in Notion", field)
        elif any(host in url for host in NOTION_FILES):
            raise errors.InvalidRecord("a file kept by Notion cannot be copied to another row", field)
        else:
            found.append({"name": name[:100], "type": "external", "external": {"url": url}})
    return found


def _date(field: str, changed: Mapping[str, Value], before: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """One half of a range may be written alone; the other stays as the page has it."""
    kept_start = moment(before["start"], before.get("time_zone")) if before else None
    kept_end = moment(before["end"], before.get("time_zone")) if before and before.get("end") else None
    start = changed.get(field, kept_start)
    end = changed.get(field + END, kept_end)
    if start is None:
        if changed.get(field + END) is not None:
            raise errors.InvalidRecord("an end needs a beginning in Notion", field + END)
        return None
    if end is not None:
        if (len(start) == 10) != (len(end) == 10):
            raise errors.InvalidRecord("beginning and end must both be days, or both be times", field)
        if end < start:
            raise errors.InvalidRecord(f"it would end ({end}) before it begins ({start})", field)
    return {"start": start, "end": end} if end is not None else {"start": start}


def _list(field: str, value: Value) -> Sequence[Any]:
    items = [] if value is None else value if isinstance(value, list) else [value]
    if len(items) > MAX_ITEMS:
        raise errors.InvalidRecord(f"{len(items)} entries; Notion takes {MAX_ITEMS} at a time", field)
    return items


def _present(current: Mapping[str, Any] | None, field: str) -> Any:
    for prop in (current or {}).get("properties", {}).values():
        if prop["id"] == field:
            return prop[prop["type"]]
    return None


WRITERS: dict[str, Callable[[str, Value, Mapping[str, Any]], Any]] = {
    "title": _rich_text,
    "rich_text": _rich_text,
    "number": _number,
    "checkbox": _checkbox,
    "url": _plain(2000),
    "email": _plain(100),
    "phone_number": _plain(100),
    "select": _select,
    "multi_select": _multi_select,
    "status": _status,
    "relation": _relation,
}
