"""A canonical value as a cell of a file, and back.

What `Writer` writes, `reader` reads; and a cell that is just what would be written for the present value changes nothing,
whatever the form of a cell cannot hold (the company of two that share a name, the currency that stands in another column).

Several names in one cell stand as "red; green"; one that itself has a semicolon or a quotation mark stands in quotation marks.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _

import values
from crm import registry
from crm.fields import is_id, new_id
from crm.registry import Entity, Field, People
from integrations.files import sheet
from integrations.files.reading import as_cell, to_milliseconds
from integrations.services.sheet import SIGNS, inner_harmless
from integrations.sync.transforms.base import NO, YES
from integrations.sync.transforms.numbers import read_number
from values import Type, Unfit, Value

SEPARATOR = ";"
#: A spreadsheet takes a text that begins so for a formula; ours gets an apostrophe before it, and loses it when it is read. So
#: does what another separator would make the beginning of a cell.
FORMULA = re.compile(f"'*[{SIGNS}\t\r\n]")
NEUTRALISED = re.compile(f"'+[{SIGNS}\t\r\n]")
NEUTRALISED_INSIDE = re.compile(f"(?<=[,;|\t\r\n])'(?=['\"]*[{SIGNS}])")
#: The currency of an amount of money stands in a column of its own, so that the amount can be a number.
CURRENCY = ".currency"
EXACT_DIGITS = 15


def fields_of(entity: Entity) -> dict[str, Field]:
    """The entity's fields as columns of a file: those of the registry, and the currency beside each amount."""
    found: dict[str, Field] = {}
    for name, described in entity.fields.items():
        found[name] = described
        if described.type is Type.MONEY:
            label = _("%(amount)s: currency") % {"amount": described.label}
            found[name + CURRENCY] = replace(
                described, name=name + CURRENCY, label=label, type=Type.TEXT, max_length=3, required=False
            )
    return found


def neutral(text: str) -> str:
    return inner_harmless(f"'{text}" if FORMULA.match(text) else text)


def restored(text: str) -> str:
    text = NEUTRALISED_INSIDE.sub("", text)
    return text[1:] if NEUTRALISED.match(text) else text


def joined(names: Iterable[str]) -> str:
    def quoted(name: str) -> str:
        odd = SEPARATOR in name or '"' in name or name != name.strip()
        return '"' + name.replace('"', '""') + '"' if odd else name

    return f"{SEPARATOR} ".join(quoted(name) for name in names)


PART = re.compile(r'\s*(?:"((?:[^"]|"")*)"|([^;]*))\s*(?:;|$)')


def parted(text: str) -> list[str]:
    found, at = [], 0
    while at < len(text):
        piece = PART.match(text, at)
        if piece is None:  # a quotation mark in the middle of a name: take it as it is
            end = text.find(SEPARATOR, at)
            end = len(text) if end < 0 else end
            found.append(text[at:end].strip())
            at = end + 1
            continue
        quoted, plain = piece.groups()
        found.append(quoted.replace('""', '"') if quoted is not None else plain.strip())
        at = piece.end()
    return [name for name in found if name]


# --- out ----------------------------------------------------------------------------------------------------------------


class Writer:
    """Cells of one entity's records. `titles` of related records are given for each part of the records."""

    def __init__(self, people: People, zone: ZoneInfo) -> None:
        self.people, self.zone = people, zone
        self.titles: Mapping[str, Mapping[str, str]] = {}

    def text(self, described: Field, value: Value) -> str:
        """For CSV, before formulas are made harmless."""
        if value is None:
            return ""
        return WRITE.get(described.type, _plain)(self, described, value)

    def maker(self, described: Field, kind: str) -> Callable[[Value], Any]:
        """`csv` or `typed` for one field, made once and run for many records."""
        if kind == "xlsx":
            return lambda value: None if value is None else self.typed(described, value)
        write = WRITE.get(described.type, _plain)
        if described.type in NEVER_FORMULAS:
            return lambda value: "" if value is None else write(self, described, value)
        return lambda value: "" if value is None else neutral(write(self, described, value))

    def typed(self, described: Field, value: Value) -> Any:
        """For XLSX: a value that the sheet can hold as what it is, else text."""
        if value is None:
            return None
        kind = described.type
        if kind is Type.BOOLEAN:
            return bool(value)
        if kind in (Type.INTEGER, Type.DECIMAL, Type.MONEY) and not described.name.endswith(CURRENCY):
            number = Decimal(str(value["amount"] if isinstance(value, dict) else value))
            return number if len(number.as_tuple().digits) <= EXACT_DIGITS else self.text(described, value)
        if kind is Type.DATE:
            day = dt.date.fromisoformat(value)
            return day if day >= sheet.FIRST_DAY else value
        if kind is Type.DATETIME:
            moment = _local(value, self.zone)
            return to_milliseconds(moment) if moment and moment.date() >= sheet.FIRST_DAY else value
        return self.text(described, value)[: sheet.MAX_TEXT]

    def seen(self, described: Field, value: Value, kind: str) -> str:
        """The cell as it would be read again from a file of this kind."""
        if kind == "xlsx":
            typed = self.typed(described, value)
            return as_cell(typed)[0] if typed is not None else ""
        text = self.text(described, value)
        return text if text.strip() else ""


def _plain(_writer: Writer, _described: Field, value: Value) -> str:
    return str(value)


def _money(_writer: Writer, described: Field, value: Value) -> str:
    return str(value["amount"])


def _datetime(writer: Writer, _described: Field, value: Value) -> str:
    moment = _local(value, writer.zone)
    return moment.isoformat() if moment else str(value)


def _relation(writer: Writer, described: Field, value: Value) -> str:
    """By title; what has none, or is gone, by its id."""
    known = writer.titles.get(described.target, {})
    names = [known.get(str(pk)) or str(pk) for pk in value]
    return joined(names) if described.many else names[0]


def _local(value: str, zone: ZoneInfo) -> dt.datetime | None:
    try:
        return dt.datetime.fromisoformat(value).astimezone(zone)
    except (ValueError, OverflowError):
        return None


WRITE: dict[Type, Callable[[Writer, Field, Any], str]] = {
    Type.MONEY: _money,
    Type.BOOLEAN: lambda _w, _f, value: "true" if value else "false",
    Type.DATETIME: _datetime,
    Type.MULTI_SELECT: lambda _w, _f, value: joined(value),
    Type.PERSON: lambda _w, _f, value: joined(value) if isinstance(value, list) else str(value),
    Type.RELATION: _relation,
    Type.FILE: lambda _w, _f, value: joined(str(one.get("url") or one.get("name")) for one in value),
    Type.JSON: lambda _w, _f, value: json.dumps(value, ensure_ascii=False),
}
NEVER_FORMULAS = {Type.INTEGER, Type.DECIMAL, Type.MONEY, Type.BOOLEAN, Type.DATE, Type.DATETIME}


# --- in -----------------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Around:
    """What reading needs to know of the tenant and of the rows at hand.

    found: {entity: {key of a title or e-mail, or id: ids of the records}}, asked once for many rows.
    """

    zone: ZoneInfo
    currency: str
    people: People
    found: dict[str, dict[str, list[str]]] = field(default_factory=dict)
    by_name: dict[str, list[str]] = field(default_factory=dict)
    #: {(entity, key of a name): (id, name)} of records that are not here and shall be made.
    coming: dict[tuple[str, str], tuple[str, str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for email, name in self.people.names.items():
            self.by_name.setdefault(values.key(name) or "", []).append(email)


Read = Callable[[str, Around], Value]


def reader(described: Field, creates: bool = False) -> Read:
    """Text of a cell, never empty, as a canonical value that the field can hold. Raises Unfit.

    creates: a record that is named and not here is one that comes with the import.
    """
    kind = described.type
    if kind is Type.RELATION:
        new = _newcomer(described) if creates else None
        return lambda text, around: _read_relation(described, text, around, new)
    check = registry.checker(replace(described, options=()) if kind is Type.SELECT else described)
    if described.name.endswith(CURRENCY):
        return lambda text, _around: _currency(text)
    read = READ.get(kind)
    if read is None:
        return lambda text, _around: check(text)
    return lambda text, around: check(read(text.strip(), around))


def _read_number(text: str, _around: Around) -> Value:
    return read_number(text, ".")[0]


def _read_money(text: str, _around: Around) -> Value:
    amount, currency = read_number(text, ".")
    return {"amount": amount, "currency": currency or None}


def _currency(text: str) -> str:
    code = text.strip().upper()
    if not (len(code) <= 3 and code.isalnum()):
        raise Unfit("“%(value)s” is not a currency (a currency looks like EUR)", value=text)
    return code


def _read_boolean(text: str, _around: Around) -> bool:
    word = text.casefold()
    if word not in YES | NO:
        raise Unfit("“%(value)s” is neither yes nor no", value=text)
    return word in YES


def _read_date(text: str, around: Around) -> str:
    try:
        return dt.date.fromisoformat(text).isoformat()
    except ValueError:
        pass
    moment = _read_datetime(text, around)
    return dt.datetime.fromisoformat(moment).astimezone(around.zone).date().isoformat()


def _read_datetime(text: str, around: Around) -> str:
    """A clock without a zone is that of the organisation; a day is its first moment."""
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError as error:
        raise Unfit("“%(value)s” is not a date or time that is understood as it stands", value=text) from error
    return values.datetime(moment if moment.tzinfo else moment.replace(tzinfo=around.zone))


def _read_person(text: str, around: Around) -> str:
    if "@" in text:
        return text
    known = around.by_name.get(values.key(text) or "", [])
    if len(known) > 1:
        raise Unfit("several people are called “%(name)s”: write the e-mail address", name=text)
    if not known:
        raise Unfit("nobody here is called “%(name)s”: write the e-mail address", name=text)
    return known[0]


Newcomer = Callable[[str, Around], str]


def _newcomer(described: Field) -> Newcomer:
    """The id of a record that is to be made, the same for the same name. What looks like an id or an address is no name."""
    target = registry.entity(described.target)
    check = registry.checker(target.fields[target.title])

    def new(name: str, around: Around) -> str:
        if is_id(name) or "@" in name:
            raise Unfit("%(label)s: there is no record called “%(name)s”", label=described.label, name=name)
        check(name)
        return around.coming.setdefault((target.name, values.key(name) or ""), (str(new_id()), name))[0]

    return new


def _read_relation(described: Field, text: str, around: Around, new: Newcomer | None = None) -> Value:
    ids = []
    for name in parted(text) if described.many else [text.strip()]:
        found = around.found.get(described.target, {})
        ids_of = found.get(values.key(name) or "", [])
        if len(ids_of) > 1:
            raise Unfit(
                "%(label)s: %(n)s records are called “%(name)s”", label=described.label, n=len(ids_of), name=name
            )
        if not ids_of and new is None:
            raise Unfit("%(label)s: there is no record called “%(name)s”", label=described.label, name=name)
        ids.append(ids_of[0] if ids_of or new is None else new(name, around))
    return values.names(ids)


def names_in(described: Field, text: str) -> list[str]:
    """The records that a cell names, to be looked for beforehand."""
    return parted(text) if described.many else [text.strip()]


READ: dict[Type, Callable[[str, Around], Value]] = {
    Type.INTEGER: _read_number,
    Type.DECIMAL: _read_number,
    Type.MONEY: _read_money,
    Type.BOOLEAN: _read_boolean,
    Type.DATE: _read_date,
    Type.DATETIME: _read_datetime,
    Type.PERSON: _read_person,
    Type.MULTI_SELECT: lambda text, _around: parted(text),
    Type.SELECT: lambda text, _around: text,
    Type.EMAIL: lambda text, _around: text,
    Type.PHONE: lambda text, _around: text,
    Type.URL: lambda text, _around: text,
}
