"""Canonical values: the one form in which records, engine, mapping and adapters speak of a field's content.

Stands at the root because `crm` and `integrations.adapters` both need it and may not import each other.

Every canonical value is plain JSON, so bases are stored as they are and compared with ``==``. None means empty;
empty text, an empty list and an empty choice are None too. An adapter reads remote values into these forms
and writes them back; `canonical` is the one function that says whether a value has its form.

=============  ==========================================================================
type           canonical form
=============  ==========================================================================
text           str, no line breaks kept apart from what was written
long_text      str, "\\n" as line break
integer        int
decimal        str, shortest plain notation: "12.5", "-3", never "1E+2" nor "12.50"
money          {"amount": decimal, "currency": "EUR"}; currency may be None where a tool keeps none
boolean        bool
date           "2026-09-15"; a day, never an instant
datetime       "2026-09-15T09:00:00Z", UTC, fraction only where it is not zero
select         str, the option's name
multi_select   list of names, each once, sorted
email          str, as written; compared by `key`
phone, url     str
person         str, an e-mail in lower case; `many`: sorted list
relation       list of record ids, each once, sorted (remote ids on the remote side, ours on ours)
file           list of {"name", "url"}
json           anything JSON
=============  ==========================================================================
"""

from __future__ import annotations

import datetime as dt
import re
import unicodedata
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any, ClassVar

__all__ = [
    "UNSEEN",
    "Type",
    "Unfit",
    "Value",
    "canonical",
    "date",
    "datetime",
    "decimal",
    "key",
    "names",
    "text",
]

Value = Any  # JSON: None, bool, int, str, list, dict

#: Not None: "never agreed on this field" differs from "agreed on empty".
UNSEEN: Any = type("Unseen", (), {"__repr__": lambda _: "UNSEEN", "__bool__": lambda _: False})()


class Type(StrEnum):
    TEXT = "text"
    LONG_TEXT = "long_text"
    INTEGER = "integer"
    DECIMAL = "decimal"
    MONEY = "money"
    BOOLEAN = "boolean"
    DATE = "date"
    DATETIME = "datetime"
    SELECT = "select"
    MULTI_SELECT = "multi_select"
    EMAIL = "email"
    PHONE = "phone"
    URL = "url"
    PERSON = "person"
    RELATION = "relation"
    FILE = "file"
    JSON = "json"


class Unfit(ValueError):
    """A value that its field cannot hold. The text is for a person and says why, in the language of whoever reads.

    It is given with the parts to be put in, so that it can be translated; `makemessages` collects it.
    """

    #: The application's translation; nothing here knows of one.
    translate: ClassVar[Callable[[str], str]] = staticmethod(lambda text: text)

    def __init__(self, text: str, /, **parts: object) -> None:
        super().__init__(text)
        self.text, self.parts = text, parts

    def __str__(self) -> str:
        text = Unfit.translate(self.text) if self.text else ""
        return text % self.parts if self.parts else text


def decimal(value: Any) -> str:
    """The canonical form of a number. Raises Unfit for what is not a finite number."""
    try:
        number = value if isinstance(value, Decimal) else Decimal(str(value))
    except InvalidOperation as error:
        raise Unfit("“%(value)s” is not a number", value=value) from error
    if not number.is_finite():
        raise Unfit("“%(value)s” is not a number", value=value)
    if number == 0:
        return "0"
    text = format(number, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def date(value: Any) -> str:
    """A day, from a date or from text that begins with one."""
    if isinstance(value, dt.datetime):
        value = value.date()
    if isinstance(value, dt.date):
        return value.isoformat()
    try:
        return dt.date.fromisoformat(str(value)[:10]).isoformat()
    except ValueError as error:
        raise Unfit("“%(value)s” is not a date (a date looks like 2026-09-15)", value=value) from error


def datetime(value: Any) -> str:
    """An instant in UTC; a naive one is read as UTC, a day as its first moment."""
    if isinstance(value, str):
        try:
            value = dt.datetime.fromisoformat(value)
        except ValueError as error:
            raise Unfit("“%(value)s” is not a time (a time looks like 2026-09-15T09:00:00Z)", value=value) from error
    if not isinstance(value, dt.datetime):
        raise Unfit("“%(value)s” is not a time", value=value)
    try:
        value = value.replace(tzinfo=dt.UTC) if value.tzinfo is None else value.astimezone(dt.UTC)
    except OverflowError as error:  # the first or last day of the calendar, in another zone
        raise Unfit("“%(value)s” is out of range", value=value) from error
    text: str = value.replace(tzinfo=None).isoformat()
    return (text.rstrip("0") if "." in text else text) + "Z"


def text(value: Any) -> str | None:
    """Text, or None where there is none. NUL cannot be stored by PostgreSQL and is dropped."""
    if value is None:
        return None
    if isinstance(value, dict | list):
        raise Unfit("this is not text")
    value = str(value)
    if "\x00" in value or "\r" in value:
        value = value.replace("\x00", "").replace("\r\n", "\n")
    return value or None


def names(value: Any) -> list[str] | None:
    """A set of names: each once, sorted, None when there is none. Each is a text, so without NUL."""
    if isinstance(value, str):
        value = [value]
    if value is not None and (
        not isinstance(value, list | tuple | set | frozenset) or any(isinstance(one, dict | list) for one in value)
    ):
        raise Unfit("this is not a list of names")
    return sorted({name for item in value if (name := text(item))}) or None if value else None


def data(value: Any) -> Any:
    """Files or JSON, as they are. One with NUL somewhere is refused: without it a name or an address would be another one."""
    if _holds_nul(value):
        raise Unfit("it holds a character that cannot be stored (NUL): take it out, and the value goes through")
    return value


def _holds_nul(value: Any) -> bool:
    if isinstance(value, str):
        return "\x00" in value
    if isinstance(value, dict):
        return any(_holds_nul(name) or _holds_nul(held) for name, held in value.items())
    return isinstance(value, list | tuple) and any(_holds_nul(held) for held in value)


def _integer(value: Any) -> int:
    number = Decimal(decimal(value))
    if number != number.to_integral_value():
        raise Unfit("“%(value)s” is not a whole number", value=value)
    return int(number)


def _boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise Unfit("“%(value)s” is neither yes nor no", value=value)
    return value


def _money(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        return {"amount": decimal(value), "currency": None}
    if value.get("amount") is None:
        raise Unfit("money without an amount")
    currency = value.get("currency") or None
    if currency and not (isinstance(currency, str) and len(currency) <= 3 and "\x00" not in currency):
        raise Unfit("“%(value)s” is not a currency (a currency looks like EUR)", value=currency)
    return {"amount": decimal(value["amount"]), "currency": currency}


def _person(value: Any) -> str | list[str] | None:
    if isinstance(value, dict) or (isinstance(value, list) and any(isinstance(one, dict | list) for one in value)):
        raise Unfit("this is not a person’s e-mail address")
    if isinstance(value, list):
        return sorted({_address(item) for item in value if item} - {""}) or None
    return _address(value) or None


def _address(value: Any) -> str:
    return str(value).replace("\x00", "").strip().lower()


CANONICAL: dict[Type, Callable[[Any], Any]] = {
    Type.TEXT: text,
    Type.LONG_TEXT: text,
    Type.INTEGER: _integer,
    Type.DECIMAL: decimal,
    Type.MONEY: _money,
    Type.BOOLEAN: _boolean,
    Type.DATE: date,
    Type.DATETIME: datetime,
    Type.SELECT: text,
    Type.MULTI_SELECT: names,
    Type.EMAIL: text,
    Type.PHONE: text,
    Type.URL: text,
    Type.PERSON: _person,
    Type.RELATION: names,
    Type.FILE: lambda value: data(value) or None,
    Type.JSON: data,
}


def canonical(kind: Type, value: Any) -> Value:
    """`value` in the form of `kind`; raises Unfit, with words for a person, when it has none."""
    if value is None or value == "" or value == []:
        return None
    return CANONICAL[kind](value)


def key(value: Value) -> str | None:
    """How a value is compared when records are matched: case, accents' form and outer space do not count."""
    if value is None:
        return None
    if isinstance(value, dict | list):
        return None
    folded = unicodedata.normalize("NFKC", str(value)).casefold()
    return re.sub(r"\s+", " ", folded).strip() or None
