"""Reading without skipping an edit, against the worst Airtable we can think of: times rounded to whole seconds, edits that become
visible late, offsets that die, records that change and come while they are listed."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Callable
from typing import Any

import pytest

from integrations.adapters import errors
from integrations.adapters.airtable import reading
from integrations.adapters.airtable.failures import Refused
from integrations.adapters.airtable.reading import Cursor

START = dt.datetime(2026, 11, 20, 10, 0, tzinfo=dt.UTC)
PAGE = 10


class RoundingAirtable:
    """Records are {id: [edited, visible from]}; `between` is called before every answer but the first."""

    def __init__(self) -> None:
        self.now = START
        self.records: dict[str, list[dt.datetime]] = {}
        self.listings: list[list[str]] = []
        self.has_clock = True
        self.alive_from = 0  # listings before this one are forgotten
        self.between: Callable[[], None] | None = None

    def edit(self, name: str, lag: float = 0.0) -> None:
        self.records[name] = [self.now, self.now + dt.timedelta(seconds=lag)]

    def ask(self, formula: str | None, offset: str | None) -> reading.Answer:
        if self.between and (self.listings or offset):
            self.between()
        if offset is None:
            bound = dt.datetime.fromisoformat(formula.split("'")[1]) if formula else None
            found = [name for name in sorted(self.records) if bound is None or self._told(name) > bound]
            self.listings.append(found)
            offset = f"{len(self.listings) - 1}/0"
        number, _, at = offset.partition("/")
        if int(number) < self.alive_from:
            raise Refused("gone", "LIST_RECORDS_ITERATOR_NOT_AVAILABLE")
        ids, start = self.listings[int(number)], int(at)
        rows = [{"id": name, "edited": self._seen(name)} for name in ids[start : start + PAGE]]
        more = f"{number}/{start + PAGE}" if start + PAGE < len(ids) else None
        return reading.Answer(rows, more, self.now.replace(microsecond=0) if self.has_clock else None)

    def _seen(self, name: str) -> dt.datetime:
        """The edit that a reader sees now; one that is not visible yet looks like none."""
        edited, visible = self.records[name]
        return edited if visible <= self.now else START

    def _told(self, name: str) -> dt.datetime:
        """LAST_MODIFIED_TIME(): whole seconds, rounded."""
        return (self._seen(name) + dt.timedelta(seconds=0.5)).replace(microsecond=0)


@pytest.fixture
def airtable() -> RoundingAirtable:
    return RoundingAirtable()


def read(airtable: RoundingAirtable, cursor: Cursor, pages: int = 10_000) -> tuple[dict[str, Any], Cursor, bool]:
    """({id: when it was edited, as read}, the cursor as it is stored, whole) of so many pages at most."""
    found: dict[str, Any] = {}
    whole = False
    for number, (rows, after, whole) in enumerate(reading.pages(airtable.ask, cursor)):  # noqa: B007 - the last one is told
        found |= {row["id"]: row["edited"] for row in rows}
        cursor = Cursor.load(after.dump())
        assert cursor == after
        if number + 1 == pages:
            break
    return found, cursor, whole


def test_a_listing_that_is_broken_off_goes_on_and_is_whole(airtable: RoundingAirtable) -> None:
    for number in range(55):
        airtable.edit(f"r{number:02}")
    first, cursor, whole = read(airtable, Cursor(), pages=2)
    rest, cursor, done = read(airtable, cursor)
    assert (len(first), whole, done, len(airtable.listings)) == (20, False, True, 1)
    assert set(first) | set(rest) == set(airtable.records) and not cursor.offset


def test_a_listing_whose_place_is_lost_begins_again_on_its_own_time(airtable: RoundingAirtable) -> None:
    for number in range(55):
        airtable.edit(f"r{number:02}")
    _, cursor, _ = read(airtable, Cursor(), pages=2)
    airtable.alive_from, airtable.now = 1, airtable.now + dt.timedelta(hours=2)
    found, cursor, whole = read(airtable, cursor)
    assert whole and set(found) == set(airtable.records)
    assert cursor.since == reading.stamp(airtable.now - reading.MARGIN)


def test_an_increment_that_is_broken_off_does_not_move_its_place(airtable: RoundingAirtable) -> None:
    _, cursor, _ = read(airtable, Cursor())
    airtable.now += dt.timedelta(minutes=5)
    for number in range(30):
        airtable.edit(f"r{number:02}")
    _, broken, whole = read(airtable, cursor, pages=1)
    assert (broken.since, whole) == (cursor.since, False)
    airtable.alive_from = len(airtable.listings)
    assert len(read(airtable, broken)[0]) == 30


def test_without_a_clock_the_place_stays(airtable: RoundingAirtable) -> None:
    airtable.has_clock = False
    airtable.edit("r1")
    _, cursor, _ = read(airtable, Cursor())
    for _ in range(3):
        found, cursor, _ = read(airtable, cursor)
        assert set(found) == {"r1"}


def test_other_refusals_are_not_taken_for_a_lost_place() -> None:
    def ask(formula: str | None, offset: str | None) -> reading.Answer:
        raise Refused("no", "INVALID_FILTER_BY_FORMULA")

    with pytest.raises(errors.InvalidRecord):
        list(reading.pages(ask, Cursor(offset="0/10")))


@pytest.mark.parametrize("seed", range(40))
def test_over_a_long_life_every_edit_is_read_after_it_was_made(seed: int) -> None:
    airtable, dice = RoundingAirtable(), random.Random(seed)
    for number in range(60):
        airtable.edit(f"r{number:03}")
    read_at: dict[str, Any] = {}
    cursor = Cursor()

    def take(pages: int) -> None:
        nonlocal cursor
        found, cursor, _ = read(airtable, cursor, pages)
        for name, edited in found.items():
            read_at[name] = max(read_at.get(name, START), edited)

    def somebody_works() -> None:
        airtable.now += dt.timedelta(seconds=dice.choice([0, 0.1, 0.4, 0.5, 1.2]))
        for _ in range(dice.choice([0, 0, 1, 2])):
            airtable.edit(f"r{dice.randrange(70):03}", lag=dice.choice([0, 0, 2, 6]))
        if dice.random() < 0.05:
            airtable.alive_from = len(airtable.listings)

    airtable.between = somebody_works
    for _ in range(60):
        airtable.now += dt.timedelta(seconds=dice.choice([0.3, 5, 9.9, 61, 3000]))
        for _ in range(dice.choice([0, 1, 3, 25])):
            airtable.edit(f"r{dice.randrange(70):03}", lag=dice.choice([0, 0, 2, 6]))
            airtable.now += dt.timedelta(seconds=dice.random() / 3)
        take(dice.choice([1, 2, 100, 100]))
    airtable.between = None
    for _ in range(3):
        airtable.now += dt.timedelta(minutes=10)
        take(10_000)
    assert {name: edited for name, (edited, _) in airtable.records.items()} == read_at
    airtable.now += dt.timedelta(minutes=10)
    assert read(airtable, cursor)[0] == {}
