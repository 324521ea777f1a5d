"""Airtable's tables and records in canonical form. Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from integrations.adapters import errors, values
from integrations.adapters.base import Collection, Field, Record, Schema
from integrations.adapters.values import Type, Unfit, Value
from integrations.adapters.words import gettext_noop as _

MARKER = "Raccord ID"
NOBODY = "airtable:"  # before a user id: somebody whose e-mail is not told
MOST_TEXT = 100_000
HOME = "https://airtable.com"

#: Of a currency field only a symbol is known; one that several currencies share says nothing.
CURRENCIES = {
    "€": "EUR",
    "£": "GBP",
    "CHF": "CHF",
    "₹": "INR",
    "₽": "RUB",
    "₺": "TRY",
    "zł": "PLN",
    "₩": "KRW",
    "₴": "UAH",
}

RawField = Mapping[str, Any]
Reader = Callable[[Any, RawField], Value]


# --- one cell ---------------------------------------------------------------------------------------------------------


def _text(value: Any, field: RawField) -> Value:
    return values.text(value)


def rich(text: str) -> str | None:
    """Airtable ends Markdown with a line break of its own, and leaves one behind in an emptied cell."""
    return text.rstrip("\n") or None


def _rich(value: Any, field: RawField) -> Value:
    text = values.text(value)
    return rich(text) if text else None


def _number(value: Any, field: RawField) -> Value:
    return values.decimal(value)


def _whole(value: Any, field: RawField) -> Value:
    return values.canonical(Type.INTEGER, value)


def currency_of(field: RawField) -> str | None:
    return CURRENCIES.get(str((field.get("options") or {}).get("symbol", "")).strip())


def _money(value: Any, field: RawField) -> Value:
    return {"amount": values.decimal(value), "currency": currency_of(field)}


def _yes(value: Any, field: RawField) -> Value:
    return bool(value)


def _day(value: Any, field: RawField) -> Value:
    return values.date(value)


def _moment(value: Any, field: RawField) -> Value:
    return values.datetime(value)


def _names(value: Any, field: RawField) -> Value:
    return values.names(value)


def person(user: Mapping[str, Any]) -> str:
    return str(user.get("email") or "").lower() or f"{NOBODY}{user['id']}"


def _person(value: Any, field: RawField) -> Value:
    return person(value)


def _people(value: Any, field: RawField) -> Value:
    return sorted({person(each) for each in value}) or None


def _barcode(value: Any, field: RawField) -> Value:
    return values.text(value.get("text"))


def _button(value: Any, field: RawField) -> Value:
    return values.text(value.get("url") or value.get("label")) if isinstance(value, dict) else values.text(value)


def _written_by_ai(value: Any, field: RawField) -> Value:
    return values.text(value.get("value")) if isinstance(value, dict) else values.text(value)


def _joined(value: Any, field: RawField) -> Value:
    """What a formula, rollup or lookup came to, as text: lists joined, people and files by name."""
    items = value if isinstance(value, list) else [value]
    return values.text(", ".join(part for part in (_part(item) for item in items) if part))


def _part(item: Any) -> str:
    if isinstance(item, dict):
        return str(next((item[key] for key in ("name", "filename", "email", "text", "id") if item.get(key)), ""))
    if isinstance(item, bool):
        return "true" if item else "false"
    if isinstance(item, int | float):
        return values.decimal(item)
    return "" if item is None else str(item)


def _json(value: Any, field: RawField) -> Value:
    return values.data(value) or None


@dataclass(frozen=True, slots=True)
class Kind:
    """How one of Airtable's field types is described and read. `wide`: it always holds several."""

    type: Type
    read: Reader
    read_only: bool = False
    wide: bool = False
    note: str = ""


COMPUTED_THERE = _("Airtable computes it. A change that comes from another record shows with the daily full reading.")
SET_THERE = _("Airtable sets it.")

KINDS: dict[str, Kind] = {
    "singleLineText": Kind(Type.TEXT, _text),
    "multilineText": Kind(Type.LONG_TEXT, _text),
    "richText": Kind(Type.LONG_TEXT, _rich, note=_("Formatted text travels as Markdown.")),
    "email": Kind(Type.EMAIL, _text),
    "url": Kind(Type.URL, _text),
    "phoneNumber": Kind(Type.PHONE, _text),
    "number": Kind(Type.DECIMAL, _number),
    "currency": Kind(Type.MONEY, _money),
    "percent": Kind(Type.DECIMAL, _number, note=_("12.3 percent is 0.123.")),
    "duration": Kind(Type.DECIMAL, _number, note=_("In seconds.")),
    "rating": Kind(Type.INTEGER, _whole),
    "checkbox": Kind(Type.BOOLEAN, _yes),
    "date": Kind(Type.DATE, _day),
    "dateTime": Kind(Type.DATETIME, _moment),
    "singleSelect": Kind(Type.SELECT, _text),
    "multipleSelects": Kind(Type.MULTI_SELECT, _names),
    "singleCollaborator": Kind(Type.PERSON, _person),
    "multipleCollaborators": Kind(Type.PERSON, _people, wide=True),
    "multipleRecordLinks": Kind(Type.RELATION, _names, wide=True),
    "multipleAttachments": Kind(
        Type.FILE, _json, note=_("As links that open in Airtable; a link written here is copied by Airtable.")
    ),
    "barcode": Kind(Type.TEXT, _barcode),
    "autoNumber": Kind(Type.INTEGER, _whole, read_only=True, note=SET_THERE),
    "createdTime": Kind(Type.DATETIME, _moment, read_only=True, note=SET_THERE),
    "lastModifiedTime": Kind(Type.DATETIME, _moment, read_only=True, note=SET_THERE),
    "createdBy": Kind(Type.PERSON, _person, read_only=True, note=SET_THERE),
    "lastModifiedBy": Kind(Type.PERSON, _person, read_only=True, note=SET_THERE),
    "externalSyncSource": Kind(Type.SELECT, _text, read_only=True, note=SET_THERE),
    "button": Kind(Type.URL, _button, read_only=True, note=SET_THERE),
    "aiText": Kind(Type.LONG_TEXT, _written_by_ai, read_only=True, note=SET_THERE),
    "count": Kind(Type.INTEGER, _whole, read_only=True, note=COMPUTED_THERE),
}
RESULTS = ("number", "percent", "duration", "date", "dateTime", "checkbox", "rating", "email", "url", "phoneNumber")
COMPUTED = ("formula", "rollup", "multipleLookupValues")
UNKNOWN = Kind(Type.JSON, _json, read_only=True, note=_("Raccord does not know this type of field yet."))


def kind_of(field: RawField) -> Kind:
    name, options = str(field["type"]), field.get("options") or {}
    result = str((options.get("result") or {}).get("type", ""))
    if name in ("createdTime", "lastModifiedTime") and result == "date":
        return Kind(Type.DATE, _day, read_only=True, note=SET_THERE)
    if name in COMPUTED:
        one = KINDS[result] if result in RESULTS and name != "multipleLookupValues" else None
        if result == "currency" and name != "multipleLookupValues":
            one = KINDS["number"]
        type_, read = (one.type, _single(one.read)) if one else (Type.TEXT, _joined)
        return Kind(type_, read, read_only=True, note=COMPUTED_THERE)
    return KINDS.get(name, UNKNOWN)


def _single(read: Reader) -> Reader:
    """A rollup may answer a list of one for a single value."""

    def unwrapped(value: Any, field: RawField) -> Value:
        if isinstance(value, list):
            if len(value) > 1:
                raise Unfit("several values where one is expected")
            value = value[0] if value else None
        return None if value is None else read(value, field)

    return unwrapped


# --- tables -----------------------------------------------------------------------------------------------------------


def to_schema(collection: Collection, table: Mapping[str, Any], base: str, may_write: bool) -> Schema:
    """base: the base's id, in which the tables that links lead to are too."""
    fields = tuple(_field(raw, base, may_write) for raw in table["fields"] if raw["name"] != MARKER)
    return Schema(collection, fields, title=table["primaryFieldId"])


def _field(raw: RawField, base: str, may_write: bool) -> Field:
    kind, options = kind_of(raw), raw.get("options") or {}
    is_link, is_select = kind.type is Type.RELATION, raw["type"] in ("singleSelect", "multipleSelects")
    choices = options.get("choices") or () if kind.type in (Type.SELECT, Type.MULTI_SELECT) else ()
    note = kind.note
    if not may_write and not kind.read_only:
        note = _("You may only read this base.")
    return Field(
        id=raw["id"],
        name=raw["name"],
        type=kind.type,
        many=kind.wide and not (is_link and options.get("prefersSingleRecordLink")),
        read_only=kind.read_only or not may_write,
        options=tuple(choice["name"] for choice in choices),
        creates_options=is_select and may_write,
        target=f"{base}/{options['linkedTableId']}" if is_link else "",
        max_length=MOST_TEXT if kind.type in (Type.TEXT, Type.LONG_TEXT) and not kind.read_only else None,
        note=note,
    )


# --- records ----------------------------------------------------------------------------------------------------------


class Translator:
    """Turns records of one table, as it is described now, into ours.

    fields: ids wanted, None for all. An empty cell is absent in what Airtable tells, and so is one of a field that is gone:
    only where the fields were named in the request does absence mean empty (`asked`).
    """

    def __init__(self, collection: str, table: Mapping[str, Any], fields: Sequence[str] | None = None) -> None:
        known = {raw["id"]: raw for raw in table["fields"]}
        gone = tuple(field for field in fields or () if field not in known)
        if gone:
            raise errors.SchemaChanged("fields that Airtable no longer has: " + ", ".join(gone), fields=gone)
        self._link = f"{HOME}/{collection}"
        self.marker = next((raw["id"] for raw in table["fields"] if is_marker(raw)), None)
        self._stamp = next((raw["id"] for raw in table["fields"] if _tells_every_edit(raw)), None)
        wanted = [raw for raw in table["fields"] if raw["name"] != MARKER and (fields is None or raw["id"] in fields)]
        self._plan = [(str(raw["id"]), kind_of(raw).read, raw) for raw in wanted]

    @property
    def asked(self) -> list[str]:
        """What to ask for: the wanted fields, our marker, and the time of the last edit where the table has such a field."""
        more = [field for field in (self.marker, self._stamp) if field]
        return list(dict.fromkeys([*(field for field, _read, _raw in self._plan), *more]))

    def record(self, row: Mapping[str, Any], told: Sequence[str] | None = None) -> Record:
        """told: the fields of which absence means empty; None: all. Raises SchemaChanged for an answer of another shape."""
        try:
            cells, found, unfit = row["fields"], {}, {}
            for field, read, raw in self._plan:
                value = cells.get(field)
                if value is None:
                    if told is None or field in told:
                        found[field] = False if raw["type"] == "checkbox" else None
                    continue
                try:
                    found[field] = self._read(row["id"], value, read, raw)
                except Unfit as error:
                    unfit[field] = str(error)
            marker = cells.get(self.marker) if self.marker else None
            edited = cells.get(self._stamp) if self._stamp else None
            return Record(
                id=row["id"],
                values=found,
                edited_at=dt.datetime.fromisoformat(edited) if edited else None,
                marker=marker,
                # Who made a record is not told. A copy that a person made of ours has the marker, too.
                made_by_us=marker is not None,
                created_at=dt.datetime.fromisoformat(row["createdTime"]),
                url=f"{self._link}/{row['id']}",
                unfit=unfit,
            )
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise errors.SchemaChanged(f"a record is not as Airtable documents it: {error!r}") from error

    def _read(self, ident: str, value: Any, read: Reader, raw: RawField) -> Value:
        if isinstance(value, dict) and ("error" in value or "specialValue" in value):
            raise Unfit("Airtable could not compute it (%(error)s)", error=value.get("error") or value["specialValue"])
        if raw["type"] == "multipleAttachments":
            return values.data([self._file(ident, raw["id"], each) for each in value]) or None
        return read(value, raw)

    def _file(self, ident: str, field: str, attached: Mapping[str, Any]) -> dict[str, str]:
        """Airtable's own links die after two hours and differ at every look; this one opens the file for its users."""
        return {"name": attached.get("filename") or "file", "url": f"{self._link}/{ident}/{field}/{attached['id']}"}


def is_marker(raw: RawField) -> bool:
    return bool(raw["name"] == MARKER and raw["type"] in ("singleLineText", "multilineText"))


def _tells_every_edit(raw: RawField) -> bool:
    options = raw.get("options") or {}
    result = (options.get("result") or {}).get("type", "dateTime")
    return bool(raw["type"] == "lastModifiedTime") and not options.get("referencedFieldIds") and result == "dateTime"
