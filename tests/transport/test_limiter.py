"""Rate limits: never more than N at the provider in any window, nine tenths of them used, in the right order, whatever the store.

The workers of these tests live on a clock of their own: a heap of what happens next. Nothing is slept.
"""

from __future__ import annotations

import heapq
import itertools
import math
import random
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import pytest

from integrations.adapters.base import RateLimit
from integrations.adapters.registry import adapters
from integrations.transport import windows
from integrations.transport.limiter import Booking, Limiter, Settled, narrowest
from integrations.transport.stores import MemoryStore

NOTION, AIRTABLE, HUBSPOT = RateLimit(180, 60), RateLimit(5, 1), RateLimit(100, 10)
PERSON, WEBHOOK, SCHEDULE, BACKFILL = range(4)


@dataclass
class World:
    """Workers that ask without end. sent: (when it arrived, priority).

    travel, oversleep, linger (between booking and sending): the longest, in seconds. stall: by that one in twenty comes late.
    """

    seed: int = 1
    travel: float = 0.02
    oversleep: float = 0.01
    linger: float = 0.0
    stall: float = 0.0
    start: float = 1_000_000.0
    sent: list[tuple[float, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.now, self.dice, self.numbers = self.start, random.Random(self.seed), itertools.count()
        self.limiter, self.fastest = Limiter(MemoryStore(lambda: self.now)), math.inf

    def run(self, limits: list[RateLimit], workers: list[tuple[int, float]], seconds: float, path: str = "") -> World:
        """workers: (priority, seconds after the start when it begins)."""
        heap = [(self.start + begin, next(self.numbers), priority, []) for priority, begin in workers]
        heapq.heapify(heap)
        while heap[0][0] < self.start + seconds:
            self.now, _, priority, settled = heapq.heappop(heap)
            turn = self.limiter.ask("tool:me", limits, path, priority, settled)
            settled = []
            if isinstance(turn, Booking):
                sent = self.now + self.dice.uniform(0, self.linger)
                arrived = sent + self.dice.uniform(0, self.travel) + self.stall * (self.dice.random() < 0.05)
                again = arrived + self.dice.uniform(0, self.travel)
                self.sent.append((arrived, priority))
                self.fastest = min(self.fastest, again - sent)
                settled = [Settled(turn, sent, again, self.fastest)]
            else:
                again = self.now + turn + self.dice.uniform(0, self.oversleep)
            heapq.heappush(heap, (again, next(self.numbers), priority, settled))
        return self

    def times(self, priority: int | None = None) -> list[float]:
        return sorted(at - self.start for at, one in self.sent if priority in (None, one))


def most_in_a_window(times: list[float], seconds: float) -> int:
    most, first = 0, 0
    for number, at in enumerate(times):
        while at - times[first] >= seconds:
            first += 1
        most = max(most, number - first + 1)
    return most


SHIPPED = {
    f"{slug} {limit.requests} in {limit.seconds:g} s": limit
    for slug, cls in adapters().items()
    for limit in cls.manifest.limits
    if limit.seconds < 86_400  # a day's is the same arithmetic, and 250,000 requests more
}


@pytest.mark.parametrize("limit", SHIPPED.values(), ids=SHIPPED)
@pytest.mark.parametrize("seed", range(3))
def test_four_workers_use_nine_tenths_and_the_provider_never_sees_too_many(limit: RateLimit, seed: int) -> None:
    limit = replace(limit, path="", of="account")
    seconds = 6 * limit.seconds if limit.seconds > 1 else 30
    times = World(seed).run([limit], [(SCHEDULE, 0.0)] * 4, seconds).times()
    assert most_in_a_window(times, limit.seconds) <= limit.requests
    assert len(times) >= 0.9 * limit.requests * seconds / limit.seconds


def test_a_slow_network_costs_requests_and_never_a_refusal() -> None:
    slow = World(travel=0.09, oversleep=0.05).run([HUBSPOT], [(SCHEDULE, 0.0)] * 8, 60)
    assert most_in_a_window(slow.times(), 10) <= 100
    slow = World(travel=0.1, oversleep=0.05, linger=0.4).run([AIRTABLE], [(SCHEDULE, 0.0)] * 8, 60)
    assert most_in_a_window(slow.times(), 1) <= 5


@pytest.mark.parametrize("limit", [AIRTABLE, HUBSPOT], ids=["5 a second", "100 in 10 s"])
def test_a_request_that_is_held_up_on_its_way_is_counted_when_it_came(limit: RateLimit) -> None:
    """A lost packet is sent again after 0.2 s or more: with a tool that punishes, one late arrival would cost half a minute."""
    times = World(stall=0.35).run([limit], [(SCHEDULE, 0.0)] * 4, 60).times()
    assert most_in_a_window(times, limit.seconds) <= limit.requests


def test_after_a_burst_the_rest_is_spread() -> None:
    times = World(travel=0.001).run([RateLimit(40, 2)], [(SCHEDULE, 0.0)], 12).times()
    assert times[19] < 0.1  # the first half goes out at once
    assert (
        max(later - earlier for earlier, later in itertools.pairwise(times)) < 0.5
    )  # and nobody stands still for two seconds


def test_several_limits_are_booked_together_or_not_at_all() -> None:
    """HubSpot: search 5 a second and 100 in 10 s in all; Airtable: 5 a second for a base, 50 for everything."""
    search = RateLimit(5, 1, path=r"/search$")
    world = World()
    world.run([search, HUBSPOT], [(SCHEDULE, 0.0)] * 4, 20, "/crm/v3/objects/contacts/search")
    assert most_in_a_window(world.times(), 1) <= 5
    (fill,) = world.limiter.look("tool:me", [search, HUBSPOT])
    in_ten_seconds = sum(20 - at <= 10 for at in world.times())
    assert (
        in_ten_seconds <= fill.used <= in_ten_seconds + 2
    )  # those that had to wait for the search have not been booked here


def test_who_counts_together() -> None:
    base, mine = RateLimit(5, 1, path=r"/v0/(app\w+)", of="all"), RateLimit(50, 1)
    places = Limiter.places
    one, account = places("airtable:me", [base, mine], "/v0/appONE/tbl1")
    assert one in places("airtable:you", [base, mine], "/v0/appONE/tbl2")
    assert one not in places("airtable:me", [base, mine], "/v0/appTWO/tbl1")
    assert account in places("airtable:me", [base, mine], "/v0/appTWO/tbl1")
    assert account not in places("airtable:you", [base, mine], "/v0/appONE/tbl1")
    assert places("airtable:me", [base, mine], "/v0/meta/bases") == (account,)
    assert narrowest((one, account)) == [one]
    (none,) = places("square:me", [])
    assert none not in places("square:you", [])


# --- priorities -------------------------------------------------------------------------------------------------------


def test_a_person_goes_before_a_backfill() -> None:
    """The window is full when the person comes; from then on she gets what gets free, whatever the others want."""
    world = World().run([AIRTABLE], [(BACKFILL, 0.0)] * 4 + [(PERSON, 10.0)], 12)
    hers, theirs = world.times(PERSON), [at for at in world.times(BACKFILL) if at > 10.0]
    assert hers[0] < 11.2
    assert len(hers) > 2 * len(theirs)


def test_some_is_left_for_a_person_who_was_here_just_now() -> None:
    world = World().run([HUBSPOT], [(BACKFILL, 0.0)] * 4, 30)
    world.limiter.ask("tool:me", [HUBSPOT], priority=PERSON)
    assert isinstance(world.limiter.ask("tool:me", [HUBSPOT], priority=BACKFILL), float)
    world.now += 10.5  # everything has left the window, and the person has gone
    asked = [world.limiter.ask("tool:me", [HUBSPOT], priority=BACKFILL) for _ in range(50)]
    assert all(isinstance(one, Booking) for one in asked)


@pytest.mark.parametrize("limit", [AIRTABLE, HUBSPOT, NOTION], ids=["5 a second", "100 in 10 s", "180 a minute"])
def test_nobody_starves(limit: RateLimit) -> None:
    """Persons, webhooks and the schedule never stop; the backfill still gets a request every few seconds."""
    seconds = 4 * limit.seconds + 30
    world = World().run(
        [limit], [(PERSON, 0.0)] * 3 + [(WEBHOOK, 0.0)] * 2 + [(SCHEDULE, 0.0), (BACKFILL, 0.0)], seconds
    )
    patience = max(windows.PATIENCE_SECONDS, windows.PATIENCE_REQUESTS * limit.seconds / limit.requests)
    for priority in (WEBHOOK, SCHEDULE, BACKFILL):
        times = [0.0, *world.times(priority)]
        assert max(b - a for a, b in itertools.pairwise(times)) < 3 * patience + limit.seconds
    assert len(world.times(PERSON)) > len(world.times(WEBHOOK)) >= len(world.times(BACKFILL))
    assert most_in_a_window(world.times(), limit.seconds) <= limit.requests


def test_workers_of_one_priority_lose_nothing_by_it() -> None:
    """Priorities cost only where two of them want the same."""
    assert len(World().run([AIRTABLE], [(BACKFILL, 0.0)] * 4, 30).sent) == len(
        World().run([AIRTABLE], [(PERSON, 0.0)] * 4, 30).sent
    )


# --- the stores -------------------------------------------------------------------------------------------------------


@pytest.fixture(params=["memory", "shared"])
def limiter(request: pytest.FixtureRequest) -> Iterator[Limiter]:
    """In memory, and where this installation shares it: PostgreSQL, or Redis on servers."""
    if request.param == "memory":
        yield Limiter()
        return
    request.getfixturevalue("django_db_setup")
    from integrations.services.adapters import limiter as shared

    shared().store.reset()
    yield shared()
    shared().store.reset()


def test_workers_at_the_same_time_never_book_one_too_many(limiter: Limiter) -> None:
    limit, booked = RateLimit(20, 600), []

    def work() -> None:
        for _ in range(15):
            turn = limiter.ask("tool:me", [limit, RateLimit(1000, 60)])
            if isinstance(turn, Booking):
                booked.append(turn)

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert 10 <= len(booked) <= 20  # half at once, the rest is paced
    assert [fill.used for fill in limiter.look("tool:me", [limit, RateLimit(1000, 60)])] == [len(booked)] * 2


def test_a_pause_is_seen_by_all_and_never_shortened(limiter: Limiter) -> None:
    limits = [RateLimit(100, 60)]
    limiter.pause(limiter.places("tool:me", limits), 30)
    limiter.pause(limiter.places("tool:me", limits), 5)
    wait = limiter.ask("tool:me", limits)
    assert isinstance(wait, float) and 20 < wait <= 30
    assert 20 < limiter.look("tool:me", limits)[0].paused <= 30
    assert isinstance(limiter.ask("tool:you", limits), Booking)


def test_buckets_do_not_disturb_each_other(limiter: Limiter) -> None:
    limit = RateLimit(1, 600)
    assert isinstance(limiter.ask("tool:me", [limit]), Booking)
    assert isinstance(limiter.ask("tool:me", [limit]), float)
    assert isinstance(limiter.ask("tool:you", [limit]), Booking)


def test_what_a_key_asked_counts_for_its_account_once(limiter: Limiter) -> None:
    """Before the tool has said whose key it is; a request that is under way meanwhile is settled later, and harms nothing."""
    limits = [RateLimit(10, 600), RateLimit(2, 600, path="/search"), RateLimit(2, 600, path="/(app)", of="all")]
    limiter.ask("tool:me", limits)
    first, second = limiter.ask("tool:key 1", limits), limiter.ask("tool:key 1", limits)
    assert isinstance(first, Booking) and isinstance(second, Booking)
    for _ in range(2):
        limiter.carry("tool:key 1", "tool:me", limits, [Settled.now(first)])
        assert [limiter.look(name, limits)[0].used for name in ("tool:me", "tool:key 1")] == [3, 0]
    limiter.pause(limiter.places("tool:key 1", limits), 30)
    limiter.carry("tool:key 1", "tool:me", limits)
    assert isinstance(limiter.ask("tool:me", limits, settled=[Settled.now(second)]), float)
    assert limiter.look("tool:me", limits)[0].paused > 20
    limiter.carry("tool:key 1", "tool:me", [])


def test_what_is_answered_frees_its_place_sooner(limiter: Limiter) -> None:
    limit = RateLimit(1, 600)
    turn = limiter.ask("tool:me", [limit])
    assert isinstance(turn, Booking)
    unknown = limiter.ask("tool:me", [limit])
    known = limiter.ask("tool:me", [limit], settled=[Settled.now(turn)])
    assert isinstance(unknown, float) and isinstance(known, float)
    assert known < unknown - 1


def test_counters_of_the_store_count_and_expire(limiter: Limiter) -> None:
    counters = limiter.store.counters
    assert counters.check() and counters.get("a") == 0
    assert [counters.incr("a", 60), counters.incr("a", 60, amount=3)] == [1, 4]
    assert counters.get("a") == 4
    counters.clear("a")
    assert counters.get("a") == 0
