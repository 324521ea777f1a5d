"""How an object type is read without skipping a record: the listing, the search for what changed, and what was archived.

What makes this hard (HubSpot's reference; what others met in production, docs/providers/hubspot.md names it):

* The listing is ordered by id, and ids do not grow with time: what is made meanwhile may land behind us. So the moment at which
  the listing began is kept, and the first search goes back to it.
* A search ends after 10,000 results and is evaluated anew for each page, so that a record that is edited meanwhile shifts the
  others under its numbered pages. We never page by number: the next search begins at a time seen near the end of the last one.
  As results may come slightly out of order, that is the earliest of the last few.
* Many records can share a millisecond (imports, workflows). Where that fills a page, the records of that millisecond are read
  in the order of their ids, and the search goes on behind it.
* The index lags by seconds, at times minutes. What was changed within LAG before a reading began is read again by the next one.
* Archived records leave the search. They are listed apart, by id, for 90 days; a few pages of that are looked through each time.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

LAG = dt.timedelta(minutes=10)
SIZE = 200  # results of one search
TAIL = 10  # so many results are read twice, against results that are out of order
ARCHIVED_PAGES = 10  # a longer list is left to the whole listings
EPOCH = dt.datetime(2005, 1, 1, tzinfo=dt.UTC)  # before HubSpot was; a search from the year 1970 can fail

Row = Mapping[str, Any]
#: (body without properties) -> (rows, HubSpot's clock)
Search = Callable[[dict[str, Any]], tuple[list[Row], dt.datetime | None]]
#: (after) -> (answer, HubSpot's clock)
Listing = Callable[[str | None], tuple[dict[str, Any], dt.datetime | None]]


@dataclass(frozen=True, slots=True)
class Cursor:
    """Opaque outside. Times are milliseconds since 1970, on HubSpot's clock.

    since: everything changed before has been seen. at: an incremental reading has come so far. began: when the reading that is
    under way began. listed: how far a listing has come ("" at its start), None where none is under way.
    """

    since: int = 0
    at: int | None = None
    began: int | None = None
    listed: str | None = None

    def dump(self) -> str:
        state = {"s": self.since, "a": self.at, "b": self.began, "l": self.listed}
        return json.dumps({key: value for key, value in state.items() if value is not None}, separators=(",", ":"))

    @classmethod
    def load(cls, text: str) -> Cursor:
        state = json.loads(text)
        return cls(state.get("s", 0), state.get("a"), state.get("b"), state.get("l"))


def full(page: Listing, cursor: Cursor | None) -> Iterator[tuple[list[Row], Cursor, bool]]:
    """Every record by id: (rows, cursor after them, whether the listing ends here)."""
    state = cursor or Cursor(listed="")
    while True:
        answer, now = page(state.listed or None)
        began = state.began if state.began is not None else _ms(now) if now else None
        state = replace(state, began=began)
        after = ((answer.get("paging") or {}).get("next") or {}).get("after")
        if not after:
            yield answer["results"], settled(state), True
            return
        state = replace(state, listed=str(after))
        yield answer["results"], state, False


def changes(search: Search, modified: str, cursor: Cursor) -> Iterator[tuple[list[Row], Cursor]]:
    """Records changed since the cursor, oldest change first: (rows, cursor after them). modified: the property to go by."""
    state = replace(cursor, at=cursor.at if cursor.at is not None else cursor.since)
    while True:
        at = state.at or 0
        rows, now = search(_body([_bound(modified, "GTE", at)], modified))
        if state.began is None and now:
            state = replace(state, began=_ms(now))
        if len(rows) < SIZE:
            yield rows, settled(state, [_ms(changed(row, modified)) for row in rows])
            return
        onward = min(_ms(changed(row, modified)) for row in rows[-TAIL:])
        if onward > at:
            state = replace(state, at=onward)
            yield rows, state
            continue
        for some in _at_once(search, modified, at):
            yield some, state
        state = replace(state, at=at + 1)


def _at_once(search: Search, modified: str, at: int) -> Iterator[list[Row]]:
    """All records of one millisecond, in the order of their ids."""
    bounds, last = [_bound(modified, "GTE", at), _bound(modified, "LTE", at)], ""
    while True:
        behind = [{"propertyName": "hs_object_id", "operator": "GT", "value": last}] if last else []
        rows, _now = search(_body([*bounds, *behind], "hs_object_id"))
        yield rows
        if len(rows) < SIZE:
            return
        last = max((str(row["id"]) for row in rows), key=int)


def archived(page: Listing, cursor: Cursor) -> Iterator[list[Row]]:
    """What was archived since: HubSpot lists it by id only, so all of it is looked through, if it is not too long."""
    after: str | None = None
    edge = cursor.since - _span(LAG)
    for _ in range(ARCHIVED_PAGES):
        answer, _now = page(after)
        yield [row for row in answer["results"] if _ms(_archived(row)) >= edge]
        after = ((answer.get("paging") or {}).get("next") or {}).get("after")
        if not after:
            return


def settled(state: Cursor, seen: list[int] | None = None) -> Cursor:
    """The durable cursor after a reading that came to its end.

    What changed more than LAG before it began has certainly been seen. Without a clock in the answers, the times that were `seen`
    tell.
    """
    if state.began is not None:
        edge = state.began
    elif seen:
        edge = max(seen)
    else:
        edge = state.at or 0
    return Cursor(max(state.since, edge - _span(LAG), _ms(EPOCH)))


def changed(row: Row, modified: str) -> dt.datetime:
    """By the property that is searched and sorted by, which always comes along."""
    return dt.datetime.fromisoformat(row["properties"].get(modified) or row["updatedAt"])


def _archived(row: Row) -> dt.datetime:
    return dt.datetime.fromisoformat(row.get("archivedAt") or row["updatedAt"])


def _body(filters: list[dict[str, str]], sort: str) -> dict[str, Any]:
    return {"filterGroups": [{"filters": filters}], "sorts": [sort], "limit": SIZE, "after": "0"}


def _bound(name: str, operator: str, at: int) -> dict[str, str]:
    return {"propertyName": name, "operator": operator, "value": str(at)}


def _ms(moment: dt.datetime) -> int:
    return round(moment.timestamp() * 1000)


def _span(length: dt.timedelta) -> int:
    return round(length.total_seconds() * 1000)
