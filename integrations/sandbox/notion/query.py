"""Queries of a data source: which rows, in which order, and where a cursor continues.

A cursor is a UUID to look at, as Notion's are; inside it holds the key of the last row served, how many were served,
and a digest of the query. So it costs a bisect, survives a restart, and cannot be used with another query.
"""

from __future__ import annotations

import hashlib
import uuid
from bisect import bisect_left, bisect_right
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from integrations.sandbox.notion import dates, errors
from integrations.sandbox.notion.filters import TIMESTAMPS, Filter, FilterReader
from integrations.sandbox.notion.index import UNSORTED, SourceIndex
from integrations.sandbox.notion.model import MINUTE_MS, SEQ_BITS, Page, Prop, Source, dashed, plain_text

if TYPE_CHECKING:
    from integrations.sandbox.notion.world import NotionWorld

MAX_PAGE = 100
CEILING = 10_000  # results of one query, over all its pages
_CACHED_QUERIES = 64


@dataclass(frozen=True, slots=True)
class Found:
    """One page of results. `is_capped`: the query has more than 10,000, so it will end before its end."""

    pages: list[Page]
    next_cursor: str | None
    is_capped: bool


@dataclass(frozen=True, slots=True)
class Matches:
    """Keys in query order: `keys[low:high]`, backwards if `descending`; `sorted`: a cursor is found by bisect."""

    keys: Sequence[int]
    low: int
    high: int
    descending: bool = False
    is_sorted: bool = True

    def __len__(self) -> int:
        return max(0, self.high - self.low)

    def after(self, key: int) -> int:
        """How many matches lie up to and including `key`."""
        if not self.is_sorted:
            return self.keys.index(key) + 1 if key in self.keys else 0
        if self.descending:
            return self.high - bisect_left(self.keys, key, self.low, self.high)
        return bisect_right(self.keys, key, self.low, self.high) - self.low

    def cut(self, start: int, count: int) -> Sequence[int]:
        count = min(count, len(self) - start)
        if count <= 0:
            return []
        if self.descending:
            last = self.high - start
            return self.keys[last - count : last][::-1]
        return self.keys[self.low + start : self.low + start + count]


class Queries:
    def __init__(self, world: NotionWorld) -> None:
        self.world = world
        self._kept: OrderedDict[tuple[str, int, int, int, bytes], list[int]] = OrderedDict()

    def run(self, source: Source, body: dict[str, Any]) -> Found:
        size = page_size(body.get("page_size"), "body.page_size")
        digest = _digest(source, body)
        position = _open_cursor(body.get("start_cursor"), digest)
        found = FilterReader(self.world, source).read(body.get("filter"))
        matches = self._match(source, found, read_sorts(source, body.get("sorts")), digest)
        start, served = (matches.after(position[0]), position[1]) if position else (0, 0)
        keys = matches.cut(start, min(size, CEILING - served))
        index = self.world.index(source.id)
        more = start + len(keys) < len(matches) and served + len(keys) < CEILING and bool(keys)
        cursor = _cursor(keys[-1], served + len(keys), digest) if more else None
        return Found([index.page_of(key) for key in keys], cursor, len(matches) > CEILING)

    def _match(self, source: Source, found: Filter, sorts: list[Sort], digest: bytes) -> Matches:
        index = self.world.index(source.id)
        by_time = sorts[0].timestamp if len(sorts) == 1 else None
        order = by_time or UNSORTED
        descending = by_time is not None and sorts[0].descending
        bounds = dict(found.bounds)
        low, high = _range(index.orders[order], bounds.pop(order, None))
        if not bounds and found.predicate is None and (by_time or not sorts):
            return Matches(index.orders[order], low, high, descending)
        # Relations look into other tables and `past_week` at the calendar: any change and a new day make it old.
        changes = sum(each.change for each in self.world.indexes.values())
        key = (source.id, changes, source.version, self.world.now() // dates.DAY_MS, digest)
        if key not in self._kept:
            candidates: Sequence[int] = index.orders[order][low:high]
            if found.rows is not None:
                known = (index.key_of(order, row) for row in found.rows)
                in_range = range(candidates[0], candidates[-1] + 1) if candidates else range(0)
                candidates = sorted(key for key in known if key in in_range)
            keys = self._scan(index, candidates, Filter(found.predicate, bounds))
            self._kept[key] = keys if by_time or not sorts else _sorted(self.world, source, index, keys, sorts)
            while len(self._kept) > _CACHED_QUERIES:
                self._kept.popitem(last=False)
        keys = self._kept[key]
        return Matches(keys, 0, len(keys), descending, is_sorted=by_time is not None or not sorts)

    @staticmethod
    def _scan(index: SourceIndex, keys: Sequence[int], wanted: Filter) -> list[int]:
        pages, mask = index.pages, (1 << SEQ_BITS) - 1
        passes = wanted.predicate
        kept = [key for key in keys if passes is None or passes(pages[key & mask])]
        for timestamp, (first, last) in wanted.bounds.items():
            time = "created" if timestamp == "created_time" else "edited"
            kept = [k for k in kept if first <= getattr(pages[k & mask], time) // MINUTE_MS * MINUTE_MS <= last]
        return kept


@dataclass(frozen=True, slots=True)
class Sort:
    timestamp: str | None
    prop: Prop | None
    descending: bool


def read_sorts(source: Source, body: Any) -> list[Sort]:
    if body is None:
        return []
    if not isinstance(body, list) or not all(isinstance(item, dict) for item in body):
        raise errors.body_invalid("body.sorts should be an array of objects.")
    return [_read_sort(source, number, item) for number, item in enumerate(body)]


def _read_sort(source: Source, number: int, item: dict[str, Any]) -> Sort:
    direction = item.get("direction", "ascending")
    if direction not in ("ascending", "descending"):
        raise errors.body_invalid(f"body.sorts[{number}].direction should be `ascending` or `descending`.")
    if "timestamp" in item:
        if item["timestamp"] not in TIMESTAMPS:
            raise errors.body_invalid(f"body.sorts[{number}].timestamp should be `created_time` or `last_edited_time`.")
        return Sort(item["timestamp"], None, direction == "descending")
    prop = source.prop(str(item.get("property")))
    if prop is None:
        raise errors.invalid(f"Could not find sort property with name or id: {item.get('property')}")
    timestamp = prop.type if prop.type in TIMESTAMPS else None
    return Sort(timestamp, prop, direction == "descending")


def _sorted(world: NotionWorld, source: Source, index: SourceIndex, keys: list[int], sorts: list[Sort]) -> list[int]:
    for sort in reversed(sorts):
        empty_last = [key for key in keys if _rank(world, sort, index.page_of(key)) is None]
        filled = [key for key in keys if _rank(world, sort, index.page_of(key)) is not None]
        filled.sort(key=lambda key: _rank(world, sort, index.page_of(key)), reverse=sort.descending)
        keys = filled + empty_last
    return keys


def _rank(world: NotionWorld, sort: Sort, page: Page) -> Any:
    """What a page is sorted by; None goes to the end."""
    if sort.timestamp:
        return (page.created if sort.timestamp == "created_time" else page.edited) // MINUTE_MS
    prop = sort.prop
    if prop is None:
        return None
    value = page.values.get(prop.id)
    match prop.type:
        case "title" | "rich_text":
            return plain_text(value).lower() or None
        case "checkbox":
            return bool(value)
        case "unique_id":
            return page.number
        case "select" | "status":
            return next((at for at, option in enumerate(prop.options) if option["id"] == value), None)
        case "date":
            return value["start"] if value else None
        case "number" | "url" | "email" | "phone_number":
            return value
    return str(value) if value else None


def _range(order: list[int], bounds: tuple[int, int] | None) -> tuple[int, int]:
    if bounds is None:
        return 0, len(order)
    first, last = bounds
    low = bisect_left(order, max(0, -(-first // MINUTE_MS)) << SEQ_BITS)
    high = bisect_left(order, max(0, last // MINUTE_MS + 1) << SEQ_BITS)
    return low, max(low, high)


def page_size(value: Any, where: str) -> int:
    if value is None:
        return MAX_PAGE
    if isinstance(value, bool) or not isinstance(value, int):
        raise errors.body_invalid(f"{where} should be a number, instead was `{orjson.dumps(value).decode()}`.")
    if not 1 <= value <= MAX_PAGE:
        sign, bound = ("≥", 1) if value < 1 else ("≤", MAX_PAGE)
        raise errors.body_invalid(f"{where} should be {sign} `{bound}`, instead was `{value}`.")
    return value


def _digest(source: Source, body: dict[str, Any]) -> bytes:
    told = [source.id, body.get("filter"), body.get("sorts")]
    return hashlib.blake2b(orjson.dumps(told, option=orjson.OPT_SORT_KEYS), digest_size=6).digest()


def _cursor(key: int, served: int, digest: bytes) -> str:
    return str(uuid.UUID(bytes=key.to_bytes(8, "big") + served.to_bytes(2, "big") + digest))


def _open_cursor(text: Any, digest: bytes) -> tuple[int, int] | None:
    if text is None:
        return None
    whole = dashed(text) if isinstance(text, str) else None
    raw = uuid.UUID(whole).bytes if whole else b""
    if raw[10:] != digest:
        raise errors.invalid(f"The start_cursor provided is invalid: {text}")
    return int.from_bytes(raw[:8], "big"), int.from_bytes(raw[8:10], "big")
