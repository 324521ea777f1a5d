"""Query filters: from Notion's JSON to one predicate, plus the time bounds that an index can answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from integrations.sandbox.notion import dates, errors, formulas
from integrations.sandbox.notion.model import Page, Prop, Source, cut_to_minute, dashed, plain_text

if TYPE_CHECKING:
    from integrations.sandbox.notion.world import NotionWorld

Predicate = Callable[[Page], bool]
Getter = Callable[[Page], Any]
TIMESTAMPS = ("created_time", "last_edited_time")
FOREVER = (-(1 << 60), 1 << 60)
MAX_CONDITIONS = 100
_TEXTS = ("title", "rich_text", "url", "email", "phone_number")
_PEOPLE = ("people", "created_by", "last_edited_by")
_META = {"property", "type", "timestamp"}


@dataclass(slots=True)
class Filter:
    """Pages pass if they are within `bounds` (ms by timestamp, inclusive) and `predicate` says so (None: all do)."""

    predicate: Predicate | None = None
    bounds: dict[str, tuple[int, int]] = field(default_factory=dict)
    rows: set[int] | None = None  # when an index knows the only rows that can pass

    def narrow(self, timestamp: str, first: int, last: int) -> None:
        low, high = self.bounds.get(timestamp, FOREVER)
        self.bounds[timestamp] = max(low, first), min(high, last)


class FilterReader:
    def __init__(self, world: NotionWorld, source: Source) -> None:
        self.world, self.source = world, source
        self.now = world.now()

    def read(self, body: Any) -> Filter:
        made = Filter()
        if body is None:
            return made
        is_joined = isinstance(body, dict) and set(body) == {"and"}
        conditions = body["and"] if is_joined else [body]
        _check_group(conditions)
        rest = []
        for condition in conditions:
            if isinstance(condition, dict) and condition.get("timestamp") in TIMESTAMPS:
                timestamp = condition["timestamp"]
                made.narrow(timestamp, *self._span(condition, timestamp))
            else:
                rest.append(self._condition(condition, depth=2 if is_joined else 1))
                if (known := self._rows_of(condition)) is not None:
                    made.rows = known if made.rows is None else made.rows & known
        made.predicate = None if not rest else rest[0] if len(rest) == 1 else _all(rest)
        return made

    def _rows_of(self, body: Any) -> set[int] | None:
        """The rows of a text `equals`, or of an `or` of such: how clients look up keys."""
        if "or" in body:
            found = [self._rows_of(inner) for inner in body["or"]]
            return None if None in found else set().union(*[rows for rows in found if rows is not None])
        prop = self.source.prop(str(body.get("property")))
        wanted = body.get(prop.type, body.get("rich_text")) if prop and prop.type in _TEXTS else None
        if prop is None or not isinstance(wanted, dict) or set(wanted) != {"equals"}:
            return None
        return self.world.index(self.source.id).rows_with(prop.id, wanted["equals"])

    def _condition(self, body: Any, depth: int) -> Predicate:
        if not isinstance(body, dict):
            raise errors.body_invalid("body.filter should be an object.")
        for word, joined in (("and", _all), ("or", _any)):
            if word in body:
                if depth > 2:
                    raise errors.body_invalid(f"body.filter.{word} is nested more than two levels deep.")
                _check_group(body[word])
                return joined([self._condition(inner, depth + 1) for inner in body[word]])
        if "timestamp" in body:
            timestamp = body["timestamp"]
            if timestamp not in TIMESTAMPS or timestamp not in body:
                raise errors.body_invalid("body.filter.timestamp should be `created_time` or `last_edited_time`.")
            first, last = self._span(body, timestamp)
            getter = _time_getter(timestamp)
            return lambda page: first <= getter(page) <= last
        return self._on_property(body)

    def _span(self, body: dict[str, Any], timestamp: str) -> tuple[int, int]:
        return date_span(body.get(timestamp), self.now)

    def _on_property(self, body: dict[str, Any]) -> Predicate:
        name = body.get("property")
        if not isinstance(name, str):
            raise errors.body_invalid("body.filter.property should be defined, instead was `undefined`.")
        prop = self.source.prop(name)
        if prop is None:
            raise errors.invalid(f"Could not find property with name or id: {name}")
        kinds = [key for key in body if key not in _META]
        if len(kinds) != 1:
            raise errors.body_invalid(f"body.filter.{prop.type} should be defined, instead was `undefined`.")
        kind = kinds[0]
        if kind != prop.type and not (prop.type == "title" and kind == "rich_text"):
            raise errors.invalid(f"database property {prop.type} does not match filter {kind}")
        condition = body[kind]
        if prop.type in ("formula", "rollup"):
            return self._on_computed(prop, condition)
        return condition_on(prop.type, self._getter(prop), self._named(prop, condition), self.now)

    def _on_computed(self, prop: Prop, condition: Any) -> Predicate:
        if not isinstance(condition, dict) or len(condition) != 1:
            raise errors.body_invalid(f"body.filter.{prop.type} should hold one condition.")
        kind, inner = next(iter(condition.items()))
        kinds = {"string": "rich_text", "number": "number", "checkbox": "checkbox", "date": "date"}
        if kind not in kinds:
            raise errors.invalid(f"Filter {kind} is not supported for {prop.type} here.")
        compute, world = getattr(formulas, prop.type), self.world

        def value(page: Page) -> Any:
            computed = compute(world, page, prop)
            return computed.get(computed["type"])

        return condition_on(kinds[kind], value, inner, self.now)

    def _named(self, prop: Prop, condition: Any) -> Any:
        """Option names become ids, ids of pages and people get their dashes: what the pages hold."""
        if not isinstance(condition, dict):
            raise errors.body_invalid(f"body.filter.{prop.type} should be an object.")
        if prop.type in ("select", "status", "multi_select"):
            return {word: self._option(prop, word, wanted) for word, wanted in condition.items()}
        if prop.type in ("relation", *_PEOPLE):
            return {word: dashed(want) if isinstance(want, str) else want for word, want in condition.items()}
        return condition

    def _option(self, prop: Prop, word: str, wanted: Any) -> Any:
        if word in ("is_empty", "is_not_empty"):
            return wanted
        if isinstance(wanted, list):
            return [self._option(prop, word, each) for each in wanted]
        option = prop.option(wanted)
        if option is None and prop.type != "multi_select":
            raise errors.invalid(f'{prop.type} option "{wanted}" not found for property "{prop.name}".')
        return option["id"] if option else ""

    def _getter(self, prop: Prop) -> Getter:
        ident = prop.id
        if prop.type in ("title", "rich_text"):
            return lambda page: plain_text(page.values.get(ident))
        if prop.type in TIMESTAMPS:
            return _time_getter(prop.type)
        if prop.type == "created_by":
            return lambda page: [page.created_by]
        if prop.type == "last_edited_by":
            return lambda page: [page.edited_by]
        if prop.type == "unique_id":
            return lambda page: page.number
        if prop.type == "relation":
            return lambda page: self.world.shown_relation(page, prop)
        return lambda page: page.values.get(ident)


def _check_group(conditions: Any) -> None:
    if not isinstance(conditions, list):
        raise errors.body_invalid("body.filter should hold an array of conditions.")
    if len(conditions) > MAX_CONDITIONS:
        raise errors.body_invalid(
            f"body.filter length should be ≤ `{MAX_CONDITIONS}`, instead was `{len(conditions)}`."
        )


def _time_getter(timestamp: str) -> Getter:
    # What is served is what is compared: the hidden seconds take no part.
    if timestamp == "created_time":
        return lambda page: cut_to_minute(page.created)
    return lambda page: cut_to_minute(page.edited)


def _all(predicates: list[Predicate]) -> Predicate:
    return lambda page: all(predicate(page) for predicate in predicates)


def _any(predicates: list[Predicate]) -> Predicate:
    return lambda page: any(predicate(page) for predicate in predicates)


def condition_on(kind: str, value: Getter, condition: Any, now: int) -> Predicate:
    if not isinstance(condition, dict) or len(condition) != 1:
        raise errors.body_invalid(f"body.filter.{kind} should hold exactly one condition.")
    word, wanted = next(iter(condition.items()))
    if word in ("is_empty", "is_not_empty"):
        return _emptiness(value, word == "is_empty")
    if kind in _TEXTS:
        made = _on_text(value, word, wanted)
    elif kind in ("number", "unique_id"):
        made = _on_number(value, word, wanted)
    elif kind in ("date", *TIMESTAMPS):
        made = _on_date(value, condition, now)
    elif kind == "checkbox":
        made = _on_checkbox(value, word, wanted)
    elif kind in ("select", "status"):
        made = _on_choice(value, word, wanted)
    else:
        made = _on_list(value, word, wanted)
    if made is None:
        raise errors.body_invalid(f"body.filter.{kind}.{word} should be not present.")
    return made


def _emptiness(value: Getter, wanted: bool) -> Predicate:
    return lambda page: (value(page) in (None, "", [], False)) is wanted


def _on_text(value: Getter, word: str, wanted: Any) -> Predicate | None:
    # Case is ignored: Notion does not say whether it is, so clients must compare for themselves.
    if not isinstance(wanted, str):
        raise errors.body_invalid(f"body.filter.{word} should be a string.")
    low = wanted.lower()
    match word:
        case "equals":
            return lambda page: (value(page) or "").lower() == low
        case "does_not_equal":
            return lambda page: (value(page) or "").lower() != low
        case "contains":
            return lambda page: low in (value(page) or "").lower()
        case "does_not_contain":
            return lambda page: low not in (value(page) or "").lower()
        case "starts_with":
            return lambda page: (value(page) or "").lower().startswith(low)
        case "ends_with":
            return lambda page: (value(page) or "").lower().endswith(low)
    return None


def _on_number(value: Getter, word: str, wanted: Any) -> Predicate | None:
    if not isinstance(wanted, int | float):
        raise errors.body_invalid(f"body.filter.number.{word} should be a number.")
    match word:
        case "equals":
            return lambda page: value(page) == wanted
        case "does_not_equal":
            return lambda page: value(page) != wanted
        case "greater_than":
            return lambda page: (found := value(page)) is not None and found > wanted
        case "less_than":
            return lambda page: (found := value(page)) is not None and found < wanted
        case "greater_than_or_equal_to":
            return lambda page: (found := value(page)) is not None and found >= wanted
        case "less_than_or_equal_to":
            return lambda page: (found := value(page)) is not None and found <= wanted
    return None


def date_span(condition: Any, now: int) -> tuple[int, int]:
    if not isinstance(condition, dict) or len(condition) != 1:
        raise errors.body_invalid("body.filter should hold exactly one date condition.")
    word, wanted = next(iter(condition.items()))
    if word in ("is_empty", "is_not_empty"):
        return FOREVER if word == "is_not_empty" else (1, 0)
    if word in ("this_week", "past_week", "past_month", "past_year", "next_week", "next_month", "next_year"):
        return dates.window(word, now)
    if not isinstance(wanted, str) or not (dates.is_iso(wanted) or wanted in dates.RELATIVE):
        raise errors.body_invalid(f"body.filter.{word} should be a valid ISO 8601 date string, instead was `{wanted}`.")
    first, last = dates.span(wanted, now)
    spans = {
        "equals": (first, last),
        "before": (FOREVER[0], first - 1),
        "after": (last + 1, FOREVER[1]),
        "on_or_before": (FOREVER[0], last),
        "on_or_after": (first, FOREVER[1]),
    }
    if word not in spans:
        raise errors.body_invalid(f"body.filter.{word} should be not present.")
    return spans[word]


def _on_date(value: Getter, condition: Any, now: int) -> Predicate:
    first, last = date_span(condition, now)

    def passes(page: Page) -> bool:
        found = value(page)
        if isinstance(found, dict):
            found = dates.to_ms(found["start"])
        return found is not None and first <= found <= last

    return passes


def _on_checkbox(value: Getter, word: str, wanted: Any) -> Predicate | None:
    if word not in ("equals", "does_not_equal"):
        return None
    target = bool(wanted) is (word == "equals")
    return lambda page: bool(value(page)) is target


def _on_choice(value: Getter, word: str, wanted: Any) -> Predicate | None:
    targets = frozenset(wanted if isinstance(wanted, list) else [wanted])
    if word == "equals":
        return lambda page: value(page) in targets
    if word == "does_not_equal":
        return lambda page: value(page) not in targets
    return None


def _on_list(value: Getter, word: str, wanted: Any) -> Predicate | None:
    targets = wanted if isinstance(wanted, list) else [wanted]
    if word == "contains":
        return lambda page: any(target in (value(page) or ()) for target in targets)
    if word == "does_not_contain":
        return lambda page: not any(target in (value(page) or ()) for target in targets)
    return None
