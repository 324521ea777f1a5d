"""Canonical values as Airtable takes them. Pure; refuses with `InvalidRecord` what Airtable would refuse or spoil."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from integrations.adapters import errors
from integrations.adapters.airtable.translate import HOME, KINDS, MOST_TEXT, NOBODY, RawField, currency_of, rich
from integrations.adapters.base import Change, NewField
from integrations.adapters.values import Type, Unfit, Value, canonical, decimal

WHOLE = 2**53  # JSON numbers are doubles there: beyond this, whole numbers have gaps
KEPT_FILE = re.compile(re.escape(HOME) + r"/app\w+/tbl\w+/rec\w+/fld\w+/(att\w+)$")
SELECTS = ("singleSelect", "multipleSelects")

Fields = Mapping[str, RawField]  # by id, as the metadata API tells them
Writer = Callable[[Value, RawField], Any]


def to_cells(change: Change, fields: Fields) -> dict[str, Any]:
    """{field id: what to send}. Raises SchemaChanged for fields that are gone, InvalidRecord for a value that does not fit."""
    gone = tuple(field for field in change.values if field not in fields)
    if gone:
        raise errors.SchemaChanged("fields that Airtable no longer has: " + ", ".join(gone), fields=gone)
    cells = {field: _cell(value, fields[field]) for field, value in change.values.items()}
    if makes_options(change, fields):
        _refuse_other_options(change, fields)
    return cells


def makes_options(change: Change, fields: Fields) -> bool:
    """Whether this change is to make an option, which only typecast does. It converts whatever else a request holds, too."""
    return any(_missing(change, fields, field) for field in change.new_options)


def reads_back(raw: RawField, value: Value) -> Value:
    """What a value looks like once Airtable has it."""
    kind = raw["type"]
    if kind == "checkbox":
        return bool(value)
    if value is None:
        return None
    if kind == "dateTime":
        head, dot, fraction = str(value).rstrip("Z").partition(".")
        kept = fraction[:3].rstrip("0")
        return f"{head}.{kept}Z" if dot and kept else f"{head}Z"
    if kind == "currency":
        amount = value["amount"] if isinstance(value, dict) else value
        return {"amount": decimal(amount), "currency": currency_of(raw)}
    if kind == "rating":
        return canonical(Type.INTEGER, value)
    if kind in KINDS and KINDS[kind].type is Type.DECIMAL:
        return decimal(value)
    if isinstance(value, str):
        value = value.replace("\x00", "")
        return rich(re.sub(r"(?m)^(\s*)\* ", r"\1- ", value)) if kind == "richText" else value or None
    return value


#: {our type: (Airtable's, its options)} of a field made on request.
MADE: dict[Type, tuple[str, dict[str, Any]]] = {
    Type.TEXT: ("singleLineText", {}),
    Type.LONG_TEXT: ("multilineText", {}),
    Type.INTEGER: ("number", {"precision": 0}),
    Type.DECIMAL: ("number", {"precision": 2}),  # only how it is shown
    Type.MONEY: ("number", {"precision": 2}),  # a currency field holds one currency, and nobody says which
    Type.BOOLEAN: ("checkbox", {"icon": "check", "color": "greenBright"}),
    Type.DATE: ("date", {"dateFormat": {"name": "iso"}}),
    Type.DATETIME: (
        "dateTime",
        {"dateFormat": {"name": "iso"}, "timeFormat": {"name": "24hour"}, "timeZone": "client"},
    ),
    Type.SELECT: ("singleSelect", {}),
    Type.MULTI_SELECT: ("multipleSelects", {}),
    Type.EMAIL: ("email", {}),
    Type.PHONE: ("phoneNumber", {}),
    Type.URL: ("url", {}),
    Type.PERSON: ("singleCollaborator", {}),
    Type.RELATION: ("multipleRecordLinks", {}),
    Type.FILE: ("multipleAttachments", {}),
    Type.JSON: ("multilineText", {}),
}


def to_field(new: NewField) -> dict[str, Any]:
    """The body that creates a field."""
    kind, options = MADE[new.type]
    options = dict(options)
    if kind in SELECTS:
        options["choices"] = [{"name": name} for name in new.options]
    if kind == "multipleRecordLinks":
        options["linkedTableId"] = new.target.rpartition("/")[2]
    return {"name": new.name, "type": kind} | ({"options": options} if options else {})


# --- one cell ---------------------------------------------------------------------------------------------------------


def _cell(value: Value, raw: RawField) -> Any:
    writer = WRITERS.get(raw["type"])
    if writer is None:
        raise errors.InvalidRecord(f"“{raw['name']}” is read-only in Airtable", raw["id"])
    if raw["type"] == "checkbox":
        return bool(value)
    if value is None or value in ("", []):
        return None
    try:
        return writer(value, raw)
    except Unfit as error:
        raise errors.InvalidRecord(str(error), raw["id"]) from error


def _text(value: Value, raw: RawField) -> str:
    text = str(value).replace("\x00", "")
    if len(text) > MOST_TEXT:
        raise errors.InvalidRecord(f"longer than the {MOST_TEXT:,} characters that Airtable holds", raw["id"])
    return text


def _number(value: Value, raw: RawField) -> float | int:
    if isinstance(value, bool):
        raise errors.InvalidRecord(f"“{value}” is not a number", raw["id"])
    exact = decimal(value)
    number = float(exact)
    if not math.isfinite(number) or decimal(number) != exact:
        raise errors.InvalidRecord(f"{exact} has more digits than Airtable keeps (about 15)", raw["id"])
    return int(number) if number.is_integer() and abs(number) <= WHOLE else number


def _money(value: Value, raw: RawField) -> float | int:
    amount, currency = (value["amount"], value.get("currency")) if isinstance(value, dict) else (value, None)
    here = currency_of(raw)
    if here and currency and currency != here:
        raise errors.InvalidRecord(f"“{raw['name']}” holds {here} in Airtable, not {currency}", raw["id"])
    return _number(amount, raw)


def _rating(value: Value, raw: RawField) -> int:
    stars, most = canonical(Type.INTEGER, value), raw["options"]["max"]
    if not 1 <= stars <= most:
        raise errors.InvalidRecord(f"“{raw['name']}” goes from 1 to {most}", raw["id"])
    return int(stars)


def _same(value: Value, raw: RawField) -> Any:
    return value


def _list(value: Value, raw: RawField) -> list[Any]:
    return list(value) if isinstance(value, list) else [value]


def _person(value: Value, raw: RawField) -> dict[str, str]:
    names = _list(value, raw)
    if len(names) > 1:
        raise errors.InvalidRecord(f"“{raw['name']}” holds one person in Airtable", raw["id"])
    name = str(names[0])
    return {"id": name.removeprefix(NOBODY)} if name.startswith(NOBODY) else {"email": name}


def _people(value: Value, raw: RawField) -> list[dict[str, str]]:
    return [_person(name, raw) for name in _list(value, raw)]


def _files(value: Value, raw: RawField) -> list[dict[str, str]]:
    """A file that Airtable keeps is named by its id; any other link it fetches and copies."""
    made = []
    for file in _list(value, raw):
        kept = KEPT_FILE.fullmatch(str(file["url"]))
        named = {"filename": str(file["name"])} if file.get("name") else {}
        made.append({"id": kept[1]} if kept else {"url": str(file["url"]), **named})
    return made


def _barcode(value: Value, raw: RawField) -> dict[str, str]:
    return {"text": _text(value, raw)}


def _missing(change: Change, fields: Fields, field: str) -> set[str]:
    raw = fields.get(field)
    if raw is None or raw["type"] not in SELECTS or not change.values.get(field):
        return set()
    value = change.values[field]
    wanted: Sequence[str] = value if isinstance(value, list) else [value]
    return set(wanted) - {choice["name"] for choice in raw["options"]["choices"]}


def _refuse_other_options(change: Change, fields: Fields) -> None:
    """Typecast holds for the whole request: it must not make options in fields where nobody asked for them."""
    for field in change.values:
        if field not in change.new_options and (missing := _missing(change, fields, field)):
            raise errors.InvalidRecord(f"no such option in Airtable: {', '.join(sorted(missing))}", field)


WRITERS: dict[str, Writer] = {
    "singleLineText": _text,
    "multilineText": _text,
    "richText": _text,
    "email": _text,
    "url": _text,
    "phoneNumber": _text,
    "number": _number,
    "currency": _money,
    "percent": _number,
    "duration": _number,
    "rating": _rating,
    "checkbox": _same,
    "date": _same,
    "dateTime": _same,
    "singleSelect": _text,
    "multipleSelects": _list,
    "singleCollaborator": _person,
    "multipleCollaborators": _people,
    "multipleRecordLinks": _list,
    "multipleAttachments": _files,
    "barcode": _barcode,
}
