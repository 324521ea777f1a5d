"""Reading without skipping a row, against the worst Notion we can think of: `start_cursor` counts positions in a list
that is made anew for each page, and edits may become visible late."""

# ruff: noqa: B007, B020 - a reading is resumed from the loop variable that its last page left
from __future__ import annotations

import datetime as dt
import functools
import random
from collections.abc import Callable
from typing import Any

import pytest

from integrations.adapters import errors
from integrations.adapters.notion import reading
from integrations.adapters.notion.reading import Cursor

START = dt.datetime(2026, 11, 20, 10, 0, tzinfo=dt.UTC)
MINUTE = dt.timedelta(minutes=1)
CEILING = 10_000


class OffsetNotion:
    """Rows are {id: [created, edited, visible_at]}; `between` is called before every answer but the first."""

    def __init__(self) -> None:
        self.now = START
        self.rows: dict[str, list[dt.datetime]] = {}
        self.requests = 0
        self.has_clock = True
        self.between: Callable[[], None] | None = None

    def add(self, count: int, at: dt.datetime, name: str = "r") -> None:
        for _ in range(count):
            self.rows[f"{name}{len(self.rows)}"] = [at, at, at]

    def edit(self, row: str, lag: dt.timedelta = dt.timedelta()) -> None:
        self.rows[row] = [self.rows[row][0], self.now, self.now + lag]

    def query(self, where: Any, sorts: Any, token: str | None, size: int) -> reading.Answer:
        self.requests += 1
        if self.between and self.requests > 1:
            self.between()
        key, backwards = sorts[0]["timestamp"], sorts[0]["direction"] == "descending"
        found: list[dict[str, str]] = [
            {"id": name, "created_time": cut(created), "last_edited_time": cut(edited)}
            for name, (created, edited, visible) in self.rows.items()
            if visible <= self.now
        ]
        for part in [where] if where and "timestamp" in where else (where or {}).get("and", []):
            kind = part["timestamp"]
            for condition, bound in part[kind].items():
                found = [row for row in found if (row[kind] >= full(bound)) is (condition == "on_or_after")]
        found.sort(key=lambda row: row[key], reverse=backwards)
        at, incomplete = int(token or 0), len(found) > CEILING
        rows = found[:CEILING][at : at + size]
        more = at + size < min(len(found), CEILING)
        return reading.Answer(
            rows, str(at + size) if more else None, incomplete and not more, self.now if self.has_clock else None
        )


@functools.cache
def cut(moment: dt.datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:00.000Z")


def full(bound: str) -> str:
    return bound.replace("Z", ".000Z")


def read_all(notion: OffsetNotion) -> tuple[list[str], Cursor, bool]:
    found, whole, cursor = [], False, Cursor()
    for rows, cursor, whole in reading.full(notion.query, None):
        found += [row["id"] for row in rows]
    return found, again(cursor), whole


def read_changes(notion: OffsetNotion, cursor: Cursor) -> tuple[list[str], Cursor, int]:
    before, found, after = notion.requests, [], cursor
    for rows, after in reading.changes(notion.query, cursor):
        found += [row["id"] for row in rows]
    return found, again(after), notion.requests - before


def again(cursor: Cursor) -> Cursor:
    assert Cursor.load(cursor.dump()) == cursor
    return cursor


@pytest.fixture
def notion() -> OffsetNotion:
    return OffsetNotion()


def test_a_full_listing_finds_every_row_and_is_whole(notion: OffsetNotion) -> None:
    for minute in range(60):
        notion.add(7, START - minute * MINUTE)
    found, _, whole = read_all(notion)
    assert set(found) == set(notion.rows)
    assert whole


def test_a_listing_goes_on_behind_the_ceiling(notion: OffsetNotion) -> None:
    for minute in range(100):
        notion.add(125, START - (200 - minute) * MINUTE)
    found, _, whole = read_all(notion)
    assert len(notion.rows) == 12_500
    assert set(found) == set(notion.rows)
    assert whole


def test_a_minute_with_more_than_a_query_lists_is_read_by_the_other_time(notion: OffsetNotion) -> None:
    notion.add(10_500, START - 90 * MINUTE)
    notion.add(50, START - 30 * MINUTE)
    for number, times in enumerate(notion.rows.values()):
        times[1] += (number % 60) * MINUTE
    found, _, whole = read_all(notion)
    assert set(found) == set(notion.rows)
    assert whole


def test_what_cannot_be_listed_whole_is_never_called_whole(notion: OffsetNotion) -> None:
    notion.add(10_500, START - 90 * MINUTE)
    with pytest.raises(errors.SchemaChanged, match="10,000"):
        read_all(notion)


def test_a_broken_off_listing_goes_on_and_is_whole_at_its_end(notion: OffsetNotion) -> None:
    for minute in range(50):
        notion.add(10, START - (100 - minute) * MINUTE)
    listing = reading.full(notion.query, None)
    seen: set[str] = set()
    for _ in range(3):
        rows, cursor, _ = next(listing)
        seen |= {row["id"] for row in rows}
    rest: set[str] = set()
    wholes = []
    for rows, _, whole in reading.full(notion.query, Cursor.load(cursor.dump())):
        rest |= {row["id"] for row in rows}
        wholes.append(whole)
    assert len(seen) < 500
    assert seen | rest == set(notion.rows)
    assert wholes[-1] and not any(wholes[:-1])


def test_what_is_edited_during_the_listing_is_read_afterwards(notion: OffsetNotion) -> None:
    notion.add(500, START - 900 * MINUTE)

    def edit_something() -> None:
        notion.now += dt.timedelta(seconds=20)
        notion.edit("r3")

    notion.between = edit_something
    _, cursor, _ = read_all(notion)
    notion.between = None
    found, _, _ = read_changes(notion, cursor)
    assert found == ["r3"]


@pytest.mark.parametrize("age", [0, 3, 30])
def test_a_quiet_reading_is_one_request_and_leaves_the_cursor(notion: OffsetNotion, age: int) -> None:
    notion.add(60, START - age * MINUTE)
    _, cursor, _ = read_all(notion)
    found, after, requests = read_changes(notion, cursor)
    assert (after, requests) == (cursor, 1)
    assert len(found) == (60 if age < 6 else 0)


def test_a_bulk_import_just_now_is_not_read_again_at_every_quiet_run(notion: OffsetNotion) -> None:
    for second in range(0, 120):
        notion.add(50, START - dt.timedelta(seconds=130 - second))
    _, cursor, _ = read_all(notion)
    costs = []
    for _ in range(12):
        notion.now += MINUTE
        before = cursor
        _, cursor, requests = read_changes(notion, cursor)
        costs.append((requests, before == cursor))
    assert [cost for cost in costs if cost != (1, True)] == [(costs[5][0], False)]  # once, when LAG is over
    assert cursor == Cursor(notion.now.replace(minute=0), notion.now.replace(minute=0)) or cursor.look == cursor.since


def test_an_edit_that_shows_late_is_not_lost_behind_a_bulk_import(notion: OffsetNotion) -> None:
    notion.add(5000, START - 1 * MINUTE)
    notion.rows["r17"][1:] = [START - 2 * MINUTE, START + 2 * MINUTE]  # edited before we read, visible after
    _, cursor, _ = read_all(notion)
    seen: set[str] = set()
    for _ in range(8):
        notion.now += MINUTE
        found, cursor, _ = read_changes(notion, cursor)
        seen |= set(found)
    assert "r17" in seen


def test_two_edits_in_one_minute_are_both_seen(notion: OffsetNotion) -> None:
    notion.add(5, START - 500 * MINUTE)
    _, cursor, _ = read_all(notion)
    notion.now += dt.timedelta(minutes=30, seconds=5)
    notion.edit("r1")
    first, cursor, _ = read_changes(notion, cursor)
    notion.now += dt.timedelta(seconds=40)
    notion.edit("r2")
    second, _, _ = read_changes(notion, cursor)
    assert first == ["r1"]
    assert "r2" in second


def test_without_a_clock_nothing_settles_and_nothing_is_lost(notion: OffsetNotion) -> None:
    notion.has_clock = False
    notion.add(30, START - 500 * MINUTE)
    _, cursor, _ = read_all(notion)
    notion.edit("r7", lag=3 * MINUTE)
    notion.edit("r8")
    _, cursor, _ = read_changes(notion, cursor)
    notion.now += 4 * MINUTE
    found, _, _ = read_changes(notion, cursor)
    assert "r7" in found


def test_an_empty_table_has_a_cursor_too(notion: OffsetNotion) -> None:
    _, cursor, whole = read_all(notion)
    assert whole
    notion.now += 30 * MINUTE
    notion.add(1, notion.now)
    assert read_changes(notion, cursor)[0] == ["r0"]


@pytest.mark.parametrize("crowded", [False, True], ids=["spread", "one minute"])
@pytest.mark.parametrize("seed", range(10))
def test_rows_that_move_while_we_page_are_not_skipped(notion: OffsetNotion, crowded: bool, seed: int) -> None:
    dice = random.Random(seed)
    notion.add(10, START - 9000 * MINUTE)
    _, cursor, _ = read_all(notion)
    for number in range(600):
        at = START + 60 * MINUTE + (0 if crowded else number // 40) * MINUTE
        notion.rows[f"m{number}"] = [at, at, at]
    notion.now = START + 200 * MINUTE
    moved: list[str] = []

    def somebody_works() -> None:
        notion.now += dt.timedelta(seconds=15)
        if len(moved) < 12:
            moved.extend(dice.sample(sorted(notion.rows), 2))
            for row in moved[-2:]:
                notion.edit(row)

    notion.between = somebody_works
    seen: set[str] = set()
    for rows, cursor in reading.changes(notion.query, cursor):
        seen |= {row["id"] for row in rows}
    notion.between = None
    found, _, _ = read_changes(notion, cursor)
    assert {name for name in notion.rows if name.startswith("m")} <= seen | set(found)


@pytest.mark.parametrize("seed", range(60))
def test_over_a_long_life_every_edit_is_read_after_it_was_made(seed: int) -> None:
    """Random edits, bulk edits, late visibility up to four minutes, runs at random times, broken off or not."""
    notion, dice = OffsetNotion(), random.Random(seed)
    notion.add(300, START - 5000 * MINUTE)
    edited: dict[str, dt.datetime] = {}
    read_at: dict[str, str] = {}

    def take(rows: list[Any]) -> None:
        for row in rows:
            read_at[row["id"]] = max(read_at.get(row["id"], ""), row["last_edited_time"])

    cursor = Cursor()
    for rows, cursor, _ in reading.full(notion.query, None):
        take(rows)
    for _ in range(60):
        notion.now += dt.timedelta(seconds=dice.choice([5, 40, 61, 300, 2000]))
        for row in dice.sample(sorted(notion.rows), dice.choice([0, 0, 1, 3, 250])):
            lag = dt.timedelta(seconds=dice.choice([0, 0, 30, 240]))
            notion.edit(row, lag)
            edited[row] = notion.now
        limit = dice.choice([1, 2, 100, 100])
        for number, (rows, after) in enumerate(reading.changes(notion.query, cursor)):
            take(rows)
            last = after
            if number + 1 == limit:
                break
        cursor = Cursor.load(last.dump())
    for _ in range(3):
        notion.now += 10 * MINUTE
        for rows, cursor in reading.changes(notion.query, cursor):
            take(rows)
    missed = {row for row, moment in edited.items() if read_at[row] != cut(moment)}
    assert missed == set()
    assert read_changes(notion, cursor)[1:] == (cursor, 1)
