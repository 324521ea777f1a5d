"""Which records take part: conditions on their values, on either side. Pure.

A condition is {"field": name or id, "op": one of OPS of its type, "value": canonical value, list or day}; all must hold.
A value that cannot be read fulfils no condition. docs/engine.md tells what becomes of a record that is left out.
"""

from __future__ import annotations

import datetime as dt
import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any
from zoneinfo import ZoneInfo

import values
from values import UNSEEN, Type, Unfit, Value

CREATED = "@created"  # there: when the record was made, where the tool tells

EMPTY = ("empty", "not_empty")
ORDER = ("gt", "gte", "lt", "lte")
WORDS = ("is", "is_not", "contains", "in", *EMPTY)
OPS: dict[Type, tuple[str, ...]] = {
    **dict.fromkeys((Type.TEXT, Type.LONG_TEXT, Type.EMAIL, Type.PHONE, Type.URL), WORDS),
    Type.SELECT: ("is", "is_not", "in", "contains", *EMPTY),
    Type.PERSON: WORDS,
    Type.MULTI_SELECT: ("contains", "in", "is", "is_not", *EMPTY),
    **dict.fromkeys((Type.INTEGER, Type.DECIMAL, Type.MONEY), ("is", "is_not", *ORDER, "in", *EMPTY)),
    **dict.fromkeys((Type.DATE, Type.DATETIME), ("is", "is_not", *ORDER, *EMPTY)),
    Type.BOOLEAN: ("is", "is_not"),
    **dict.fromkeys((Type.RELATION, Type.FILE, Type.JSON), EMPTY),
}
COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "gt": operator.gt,
    "gte": operator.ge,
    "lt": operator.lt,
    "lte": operator.le,
}


@dataclass(frozen=True, slots=True)
class Test:
    """One condition, ready to run."""

    field: str
    holds: Callable[[Value], bool]


def compiled(conditions: Iterable[Mapping[str, Any]], types: Mapping[str, Type], zone: ZoneInfo) -> list[Test]:
    """Conditions ready to run. One on a field that is there no more holds for no record."""
    return [Test(one["field"], _test(one, types.get(one["field"]), zone)) for one in conditions]


def passes(tests: Sequence[Test], read: Callable[[str], Value | Unfit]) -> bool | None:
    """Whether a record takes part. read: its value by field; UNSEEN where it was not told: then None, unless another fails."""
    unknown = False
    for test in tests:
        value = read(test.field)
        if value is UNSEEN:
            unknown = True
        elif isinstance(value, Unfit) or not test.holds(value):
            return False
    return None if unknown else True


def remote_fields(kept: Mapping[str, Any]) -> list[str]:
    """The remote fields that a stream's filters ask for."""
    return [one["field"] for one in (kept or {}).get("there") or () if one["field"] != CREATED]


def operand(kind: Type, op: str, value: Any) -> Value:
    """The value of a condition in canonical form. Raises Unfit with words for a person."""
    if op in EMPTY:
        return None
    if op == "in":
        if not isinstance(value, list) or not value:
            raise Unfit("“one of” needs a list of values")
        return [operand(kind, "is", one) for one in value]
    if kind is Type.MONEY:
        kind, value = Type.DECIMAL, value.get("amount") if isinstance(value, dict) else value
    if kind is Type.DATETIME and isinstance(value, str) and len(value) == 10:
        return values.date(value)  # a whole day of the tenant's
    if op == "contains" or (kind is Type.MULTI_SELECT and isinstance(value, str)) or kind is Type.PERSON:
        kind = Type.TEXT
    found = values.canonical(kind, value)
    if found is None:
        raise Unfit("this condition needs a value")
    return found


def _test(condition: Mapping[str, Any], kind: Type | None, zone: ZoneInfo) -> Callable[[Value], bool]:
    op = condition["op"]
    if kind is None:
        return lambda _value: False
    if op in EMPTY:
        return lambda value: (value in (None, "", [])) == (op == "empty")
    try:
        wanted = operand(kind, op, condition.get("value"))
        return _readable(_operation(kind, op, wanted, zone))
    except Unfit:
        return lambda _value: False


def _readable(holds: Callable[[Value], bool]) -> Callable[[Value], bool]:
    def run(value: Value) -> bool:
        try:
            return holds(value)
        except (TypeError, ValueError, KeyError, AttributeError, InvalidOperation, Unfit):
            return False

    return run


def _operation(kind: Type, op: str, wanted: Value, zone: ZoneInfo) -> Callable[[Value], bool]:
    if op == "is_not":
        same = _operation(kind, "is", wanted, zone)
        return lambda value: value is None or not same(value)
    if op == "in":
        each = [_operation(kind, "contains" if kind is Type.MULTI_SELECT else "is", one, zone) for one in wanted]
        return lambda value: any(one(value) for one in each)
    if kind is Type.BOOLEAN:
        return lambda value: bool(value) == wanted
    if kind in (Type.INTEGER, Type.DECIMAL, Type.MONEY):
        return _ordered(op, Decimal(str(wanted)), _number)
    if kind in (Type.DATE, Type.DATETIME):
        return _time(op, wanted, zone)
    return _words(op, wanted)


def _words(op: str, wanted: Value) -> Callable[[Value], bool]:
    if op == "is" and isinstance(wanted, list):
        return lambda value: value == wanted
    text = values.key(wanted) or ""
    if op == "is":
        return lambda value: [values.key(one) for one in _several(value)] == [text]

    def contains(value: Value) -> bool:
        if isinstance(value, list):
            return text in [values.key(one) for one in value]
        return text in (values.key(value) or "")

    return contains


def _several(value: Value) -> list[Value]:
    return value if isinstance(value, list) else [value]


def _ordered(op: str, wanted: Any, read: Callable[[Value], Any]) -> Callable[[Value], bool]:
    compare = COMPARE.get(op, operator.eq)
    return lambda value: value is not None and compare(read(value), wanted)


def _number(value: Value) -> Decimal:
    return Decimal(str(value["amount"] if isinstance(value, dict) else value))


def _time(op: str, wanted: str, zone: ZoneInfo) -> Callable[[Value], bool]:
    """Days are compared with days (of the tenant's zone), instants with instants."""
    if len(wanted) == 10:
        return _ordered(op, dt.date.fromisoformat(wanted), lambda value: _day(value, zone))
    return _ordered(op, dt.datetime.fromisoformat(wanted), lambda value: _instant(value, zone))


def _day(value: str, zone: ZoneInfo) -> dt.date:
    if len(value) == 10:
        return dt.date.fromisoformat(value)
    return dt.datetime.fromisoformat(value).astimezone(zone).date()


def _instant(value: str, zone: ZoneInfo) -> dt.datetime:
    found = dt.datetime.fromisoformat(value)
    return found if found.tzinfo else found.replace(tzinfo=zone)
