"""How a data source is read without skipping a row: cursors, seeking and settling. No translation here.

What makes this hard (Notion's reference and changelog; recorded answers):

* Times are cut to the minute. `on_or_after` a whole minute is exact whether filters see the hidden seconds or not.
* A query is evaluated anew for each of its pages, so a row that moves (edited) or leaves (trashed) shifts the rest
  under `start_cursor`. We therefore *seek*: the next page is a new query from the last minute seen. Only where one
  minute fills more than a page do we follow `start_cursor`; if anything was edited meanwhile, that minute is read
  again until a pass brings nothing new.
* A query ends after 10,000 rows without an error. Seeking starts a new query long before.
* Queries are served from replicas: an edit may become visible late. We allow for LAG.

The cursor of incremental reading is {since, look, due}:

* Everything edited before `since` has certainly been seen.
* Rows edited from `look` on are read by every run. Mostly `look` is `since`.
* After a bulk edit, more rows than fit one request lie within the last LAG, and reading them at every quiet run would
  cost a thousand requests. Then `look` is the minute in which that reading began: later edits have later times. What
  became visible late in between is caught by one more reading of [since, look), once, after `due` = then + LAG.
* Once the newest row is older than LAG on Notion's own clock (the answers' Date), nothing at or before its minute can
  still appear, and `since` moves behind it. From then on a quiet run is one request with an empty answer, and its
  cursor stays as it was. Without a Date header nothing settles, which costs requests and loses nothing.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from integrations.adapters import errors

LAG = dt.timedelta(minutes=5)
MINUTE = dt.timedelta(minutes=1)
EPOCH = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)  # before Notion was
PAGE_SIZE = 100
SEEK_TAIL = 20  # rows that may be read twice to seek instead of following start_cursor, in a full listing
MAX_PASSES = 4

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Answer:
    """One page of a query. now: Notion's clock when it answered, None when it did not say."""

    rows: list[Row]
    next_cursor: str | None
    cut: bool  # stopped at the 10,000 ceiling
    now: dt.datetime | None


#: Sends one query: (filter, sorts, start_cursor, page_size). Raises InvalidRecord for a dead start_cursor.
Query = Callable[[dict[str, Any] | None, list[dict[str, str]], str | None, int], Answer]


@dataclass(frozen=True, slots=True)
class Cursor:
    """Opaque outside. Times are whole minutes. `full` is the listing's progress by created_time ("" at its start)."""

    since: dt.datetime | None = None
    look: dt.datetime | None = None
    due: dt.datetime | None = None
    full: str | None = None  # a full listing is under way and has come so far
    at: dt.datetime | None = None  # an incremental reading is under way and has come so far
    start: dt.datetime | None = None  # when that reading, or the full listing, began on Notion's clock
    newest: dt.datetime | None = None  # newest edit known when it began (full) or seen so far (incremental)
    recent: int = 0  # rows seen so far that may have to be read again

    def dump(self) -> str:
        state = {"s": self.since, "l": self.look, "d": self.due, "f": self.full, "a": self.at}
        state |= {"t": self.start, "n": self.newest}
        plain: dict[str, Any] = {
            key: stamp(value) if isinstance(value, dt.datetime) else value
            for key, value in state.items()
            if value is not None
        }
        return json.dumps(plain | ({"r": self.recent} if self.recent else {}), separators=(",", ":"))

    @classmethod
    def load(cls, text: str) -> Cursor:
        state = json.loads(text)
        since, look, due, at, start, newest = (
            dt.datetime.fromisoformat(state[key]) if key in state else None for key in "sldatn"
        )
        return cls(since, look, due, state.get("f"), at, start, newest, state.get("r", 0))


@dataclass(slots=True)
class Walk:
    """Reads one range of rows in the order of one timestamp. `at`: a new walk from there would miss nothing."""

    query: Query
    key: str  # "created_time" or "last_edited_time"
    at: dt.datetime | None = None
    before: dt.datetime | None = None
    within: Sequence[dict[str, Any]] = ()  # further filters
    seek_tail: int = PAGE_SIZE  # rows that may be read twice in order to seek
    now: dt.datetime | None = None  # Notion's clock at the first answer
    notes_crowds: bool = False  # a full listing does not need them, and they would grow with it
    crowds: dict[dt.datetime, set[str]] = field(default_factory=dict)  # ids by minute, where start_cursor was followed

    def pages(self) -> Iterator[list[Row]]:
        restarts, follow = 0, True
        while follow:
            began = self.at
            try:
                follow = yield from self._one_query(began)
            except _LostPlaceError as error:
                restarts += 1
                if restarts > MAX_PASSES:
                    raise error.refusal from error
            except _CrowdedError:
                yield from self._across(began or dt.datetime.min.replace(tzinfo=dt.UTC))
                self.at = began + MINUTE if began else None

    def _one_query(self, began: dt.datetime | None) -> Generator[list[Row], None, bool]:
        """The pages of one query, until it is better to seek; answers whether there is more to read."""
        token: str | None = None
        while True:
            answer = self._ask(began, token)
            rows = answer.rows
            if rows and (began is None or minute(rows[-1][self.key]) > began):
                self.at = minute(rows[-1][self.key])
            yield rows
            if answer.next_cursor is None and not answer.cut:
                return False
            if self.at != began and (answer.cut or self._tail(rows) <= self.seek_tail):
                return True
            if answer.cut:
                raise _CrowdedError
            if began is not None and self.notes_crowds:
                self.crowds.setdefault(began, set()).update(row["id"] for row in rows)
            token = answer.next_cursor

    def _ask(self, began: dt.datetime | None, token: str | None) -> Answer:
        parts = [*self.within]
        if began is not None:
            parts.append(_bound(self.key, "on_or_after", began))
        if self.before is not None:
            parts.append(_bound(self.key, "before", self.before))
        where = {"and": parts} if len(parts) > 1 else parts[0] if parts else None
        try:
            answer = self.query(where, [_sort(self.key)], token, PAGE_SIZE)
        except errors.InvalidRecord as error:
            if token is None:
                raise
            raise _LostPlaceError(error) from error  # the row that start_cursor named has gone
        self.now = self.now or answer.now
        return answer

    def _across(self, crowd: dt.datetime) -> Iterator[list[Row]]:
        """One minute with more rows than a query lists: in the order of the other timestamp."""
        if self.within:
            raise errors.SchemaChanged(
                f"more than 10,000 rows were made and edited in the minute {stamp(crowd)}; Notion lists no more of them"
            )
        other = "created_time" if self.key == "last_edited_time" else "last_edited_time"
        bounds = [_bound(self.key, "on_or_after", crowd), _bound(self.key, "before", crowd + MINUTE)]
        return Walk(self.query, other, within=bounds).pages()

    def _tail(self, rows: list[Row]) -> int:
        """How many rows a seek would read twice."""
        last = rows[-1][self.key]
        return sum(row[self.key] == last for row in rows)


class _LostPlaceError(Exception):
    """start_cursor no longer leads anywhere: this minute is begun anew."""

    def __init__(self, refusal: errors.InvalidRecord) -> None:
        super().__init__(str(refusal))
        self.refusal = refusal


class _CrowdedError(Exception):
    """A query ended at the ceiling within one minute."""


def full(query: Query, cursor: Cursor | None) -> Iterator[tuple[list[Row], Cursor, bool]]:
    """Every row, oldest first: (rows, cursor after them, whether a provably complete listing ends here)."""
    state = cursor or _begin_full(query)
    walk = Walk(query, "created_time", at=parse(state.full) if state.full else None, seek_tail=SEEK_TAIL)
    edge = _edge(state.start)
    for rows in walk.pages():
        recent = sum(edge is None or parse(row["last_edited_time"]) >= edge for row in rows)
        state = replace(state, full=stamp(walk.at) if walk.at else "", recent=state.recent + recent)
        if rows:
            yield rows, state, False
    yield [], settle(Cursor(), state.start, state.newest, state.recent, swept=True), True


def _begin_full(query: Query) -> Cursor:
    """The watermark is taken before the listing begins: what is edited while we list is read again afterwards."""
    first = query(None, [_sort("last_edited_time", "descending")], None, 1)
    newest = minute(first.rows[0]["last_edited_time"]) if first.rows else None
    return Cursor(full="", start=first.now, newest=newest)


def changes(query: Query, cursor: Cursor) -> Iterator[tuple[list[Row], Cursor]]:
    """Rows edited since the cursor, oldest edit first: (rows, cursor after them)."""
    state = cursor
    walk = Walk(query, "last_edited_time", at=cursor.at or cursor.look, notes_crowds=True)
    for rows in walk.pages():
        state = replace(_counted(state, rows, state.start or walk.now), at=walk.at)
        if rows:
            yield rows, state
    unsure = None
    for crowd in sorted(walk.crowds) if _edited_meanwhile(state) else ():
        steady = yield from _again(query, crowd, walk.crowds[crowd], state)
        unsure = unsure if steady or unsure else crowd
    swept = cursor.look == cursor.since
    if not swept and walk.now and cursor.due and walk.now >= cursor.due:
        for rows in Walk(query, "last_edited_time", at=cursor.since, before=cursor.look).pages():
            state = _counted(state, rows, state.start)
            yield rows, state
        swept = True
    after = settle(cursor, state.start, state.newest, state.recent, swept)
    if unsure and (after.since is None or unsure < after.since):
        after = Cursor(unsure, unsure)
    yield [], after


def _counted(state: Cursor, rows: list[Row], start: dt.datetime | None) -> Cursor:
    newest, recent, edge = state.newest, state.recent, _edge(start)
    for row in rows:
        edited = minute(row["last_edited_time"])
        newest = edited if newest is None or edited > newest else newest
        recent += edge is None or edited >= edge
    return replace(state, start=start, newest=newest, recent=recent)


def _edited_meanwhile(state: Cursor) -> bool:
    return state.start is None or (state.newest is not None and state.newest >= floor(state.start))


def _again(
    query: Query, crowd: dt.datetime, seen: set[str], state: Cursor
) -> Generator[tuple[list[Row], Cursor], None, bool]:
    """Read a crowded minute until a pass brings nothing new; answers whether one did."""
    for _ in range(MAX_PASSES):
        before = len(seen)
        for rows in Walk(query, "last_edited_time", at=crowd, before=crowd + MINUTE).pages():
            missed = [row for row in rows if row["id"] not in seen]
            seen.update(row["id"] for row in missed)
            if missed:
                yield missed, state
        if len(seen) == before:
            return True
    return False


def settle(cursor: Cursor, start: dt.datetime | None, newest: dt.datetime | None, recent: int, swept: bool) -> Cursor:
    """The durable cursor after a reading that came to its end.

    start: Notion's clock when it began. newest: the newest edit seen, None for none. recent: rows seen that may have
    to be read again. swept: everything from `cursor.since` on was read, not only from `cursor.look`.
    """
    if newest is None:
        if cursor.since is None:
            low = floor(start) - LAG if start else EPOCH
            return Cursor(low, low)
        return Cursor(cursor.look, cursor.look) if swept else Cursor(cursor.since, cursor.look, cursor.due)
    if swept and start is not None and newest + MINUTE + LAG <= start:
        return Cursor(newest + MINUTE, newest + MINUTE)
    # A long reading, or one that was broken off and taken up again, sees edits that are newer than its beginning; what
    # was late when it began may lie behind where it has passed.
    certain = (newest if start is None else min(newest, floor(start))) - LAG
    low = max(cursor.since or EPOCH, certain) if swept else (cursor.since or EPOCH)
    if start is None or (swept and recent <= PAGE_SIZE):
        return Cursor(low, low)
    look = max(cursor.look or EPOCH, floor(start))
    return Cursor(low, look, look + MINUTE + LAG if swept else cursor.due)


def _edge(start: dt.datetime | None) -> dt.datetime | None:
    """Rows edited from here on may have to be read again: nothing that is unsettled lies before."""
    return floor(start) - 2 * LAG - MINUTE if start else None


def _bound(key: str, condition: str, moment: dt.datetime) -> dict[str, Any]:
    return {"timestamp": key, key: {condition: stamp(moment)}}


def _sort(key: str, direction: str = "ascending") -> dict[str, str]:
    return {"timestamp": key, "direction": direction}


def parse(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text)


def floor(moment: dt.datetime) -> dt.datetime:
    return moment.replace(second=0, microsecond=0)


def minute(text: str) -> dt.datetime:
    return floor(dt.datetime.fromisoformat(text))


def stamp(moment: dt.datetime | None) -> str:
    return moment.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if moment else ""
