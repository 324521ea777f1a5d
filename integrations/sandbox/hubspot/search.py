"""Search: an index that lags, and ends after 10,000 results."""

from __future__ import annotations

import zlib
from decimal import Decimal, InvalidOperation
from typing import Any

from integrations.sandbox.calls import Answer, Routes, json_answer
from integrations.sandbox.hubspot import errors, values
from integrations.sandbox.hubspot.asked import Asked
from integrations.sandbox.hubspot.model import Kind, Prop, Record
from integrations.sandbox.hubspot.objects_api import shown

GROUPS, FILTERS, ALL_FILTERS, MOST = 5, 6, 18, 200
Held = dict[str, str]


def register(routes: Routes) -> None:
    routes.add("POST", "/crm/v3/objects/{kind}/search", search)


def search(asked: Asked, kind: str) -> Answer:
    found, body = asked.kind(kind), asked.body
    size = body.get("limit", 10)
    if not isinstance(size, int) or not 1 <= size <= MOST:
        raise errors.invalid(f"Invalid input: limit is at most {MOST}.")
    after = str(body.get("after") or "0")
    if not after.isdecimal():
        raise errors.invalid(f"There was a problem with the request: after is no number: {after}")
    start = int(after)
    if start >= asked.world.search_ceiling:
        raise errors.invalid(f"There was a problem with the request: after is at most {asked.world.search_ceiling}.")
    groups = _groups(found, body.get("filterGroups") or [])
    seen = [(r, held) for r in asked.table(found).records.values() if (held := asked.world.indexed(r)) is not None]
    rows = [row for row in seen if not groups or any(all(_matches(row[1], f) for f in group) for group in groups)]
    _sort(found, rows, body.get("sorts") or [])
    part = rows[start : start + size]
    results = [shown(found, record, body.get("properties") or [], held) for record, held in part]
    answer: dict[str, Any] = {"total": len(rows), "results": results}
    if start + size < len(rows):
        answer["paging"] = {"next": {"after": str(start + size)}}
    return json_answer(answer)


def _groups(kind: Kind, given: list[Any]) -> list[list[tuple[Prop, str, dict[str, Any]]]]:
    groups = [[_filter(kind, one) for one in group.get("filters") or []] for group in given]
    if len(groups) > GROUPS or any(len(group) > FILTERS for group in groups) or sum(map(len, groups)) > ALL_FILTERS:
        raise errors.invalid("There was a problem with the request: too many filters.")
    return groups


def _filter(kind: Kind, one: dict[str, Any]) -> tuple[Prop, str, dict[str, Any]]:
    prop = kind.live(str(one.get("propertyName")))
    if prop is None:
        raise errors.invalid(f"There was a problem with the request: no property {one.get('propertyName')}")
    operator = str(one.get("operator"))
    if operator not in _OPERATORS:
        raise errors.invalid(f"There was a problem with the request: no operator {operator}")
    if operator.endswith("HAS_PROPERTY") and "value" in one:
        raise errors.invalid("There was a problem with the request: HAS_PROPERTY takes no value")
    return prop, operator, one


def _matches(held: Held, condition: tuple[Prop, str, dict[str, Any]]) -> bool:
    prop, operator, one = condition
    text = held.get(prop.name) or ""
    if operator == "HAS_PROPERTY":
        return text != ""
    if operator == "NOT_HAS_PROPERTY":
        return text == ""
    if operator in ("NEQ", "NOT_IN", "NOT_CONTAINS_TOKEN") and not text:
        return True
    return bool(text) and bool(_OPERATORS[operator](prop, text, one))


def _key(prop: Prop, text: Any) -> Any:
    """What comparing goes by: milliseconds, numbers, or text without case."""
    text = str(text)
    match prop.type:
        case "datetime" | "date":
            ms = values.moment(text)
            if ms is None:
                raise errors.invalid(f"There was a problem with the request: {text} is no time")
            return ms
        case "number":
            try:
                return Decimal(text)
            except InvalidOperation as error:
                raise errors.invalid(f"There was a problem with the request: {text} is no number") from error
    return text if prop.type == "enumeration" else text.lower()


def _tokens(text: str) -> set[str]:
    return set(text.lower().replace("@", " ").replace(".", " ").split())


_OPERATORS: dict[str, Any] = {
    "EQ": lambda p, t, one: _key(p, t) == _key(p, one["value"]),
    "NEQ": lambda p, t, one: _key(p, t) != _key(p, one["value"]),
    "LT": lambda p, t, one: _key(p, t) < _key(p, one["value"]),
    "LTE": lambda p, t, one: _key(p, t) <= _key(p, one["value"]),
    "GT": lambda p, t, one: _key(p, t) > _key(p, one["value"]),
    "GTE": lambda p, t, one: _key(p, t) >= _key(p, one["value"]),
    "BETWEEN": lambda p, t, one: _key(p, one["value"]) <= _key(p, t) <= _key(p, one["highValue"]),
    "IN": lambda p, t, one: _key(p, t) in one["values"],  # the values have to come in lower case
    "NOT_IN": lambda p, t, one: _key(p, t) not in one["values"],
    "CONTAINS_TOKEN": lambda p, t, one: _tokens(one["value"].strip("*")) <= _tokens(t),
    "NOT_CONTAINS_TOKEN": lambda p, t, one: not _tokens(one["value"].strip("*")) <= _tokens(t),
    "HAS_PROPERTY": None,
    "NOT_HAS_PROPERTY": None,
}


def _sort(kind: Kind, rows: list[tuple[Record, Held]], given: list[Any]) -> None:
    """In place. What is equal comes in no useful order."""
    rows.sort(key=lambda row: zlib.crc32(row[0].id.encode()))
    if len(given) > 1:
        raise errors.invalid("There was a problem with the request: one sort at most")
    for one in given:
        if isinstance(one, dict):
            name, down = one.get("propertyName"), one.get("direction") == "DESCENDING"
        else:
            name, down = str(one).removeprefix("-"), str(one).startswith("-")
        prop = kind.live(str(name))
        if prop is None:
            raise errors.invalid(f"There was a problem with the request: no property {name}")
        with_value = [row for row in rows if row[1].get(prop.name)]
        without = [row for row in rows if not row[1].get(prop.name)]
        with_value.sort(key=lambda row: _key(prop, row[1][prop.name]), reverse=down)
        rows[:] = with_value + without
