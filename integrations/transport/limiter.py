"""Rate limits shared by all who use one account: which buckets a request fills, booked together in one step or not at all."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache

from integrations.adapters.base import RateLimit
from integrations.transport.stores import Changes, Found, MemoryStore, Store
from integrations.transport.windows import Bucket

#: Of a request that no limit is about: it may be paused, too.
FREE = RateLimit(sys.maxsize, 1.0)


@dataclass(frozen=True, slots=True)
class Place:
    """One bucket that a request fills."""

    key: str
    limit: RateLimit


@dataclass(frozen=True, slots=True)
class Booking:
    """A request that may go out now. at: by the store's clock; since: by this process's monotonic one, not later than `at`."""

    places: tuple[Place, ...]
    slots: tuple[int, ...]
    at: float
    since: float


@dataclass(frozen=True, slots=True)
class Settled:
    """A booking whose answer is here. Both times are by the store's clock, and surely not too early.

    fastest: the seconds from sending to answer of the fastest request to this provider.
    """

    booking: Booking
    sent_at: float
    answered_at: float
    fastest: float = 0.0

    @classmethod
    def now(cls, booking: Booking, sent: float | None = None, fastest: float = 0.0) -> Settled:
        """sent: by this process's monotonic clock; None where it never was, or is not known."""
        answered_at = booking.at + time.monotonic() - booking.since
        return cls(booking, answered_at if sent is None else booking.at + sent - booking.since, answered_at, fastest)


@dataclass(frozen=True, slots=True)
class Fill:
    """How full a bucket is. paused: seconds that everybody still waits."""

    limit: RateLimit
    used: int
    paused: float


class Limiter:
    """Counts requests where all workers see it. An account is named "provider:id"; limits "of all" go by the provider alone."""

    def __init__(self, store: Store | None = None) -> None:
        self.store = store or MemoryStore()

    def ask(
        self,
        account: str,
        limits: Sequence[RateLimit],
        path: str = "",
        priority: int = 0,
        settled: Iterable[Settled] = (),
    ) -> Booking | float:
        """Book one request in all buckets that it fills, or book nothing and answer the seconds to wait before asking again.

        priority: lower goes first. settled: what was answered since the last time; told along, it costs no step of its own.
        """
        places, settled, since = self.places(account, limits, path), tuple(settled), time.monotonic()
        asked = {place.key: place.limit for place in places}
        known = asked | {place.key: place.limit for one in settled for place in one.booking.places}

        def step(found: Found, now: float) -> tuple[Changes, tuple[int, ...] | float]:
            buckets = {key: Bucket.load(found.get(key)) for key in known}
            for one in settled:
                for place, slot in zip(one.booking.places, one.booking.slots, strict=True):
                    buckets[place.key].settle(place.limit, slot, one.sent_at, one.answered_at, one.fastest)
            waits = {key: buckets[key].wait(limit, priority, now) for key, limit in asked.items()}
            result: tuple[int, ...] | float = max(waits.values())
            if result:
                for key, wait in waits.items():
                    buckets[key].refuse(priority, wait, now)
            else:
                result = tuple(buckets[key].book(limit, priority, now) for key, limit in asked.items())
            kept = {key: (bucket.dump(), bucket.keep_seconds(known[key], now)) for key, bucket in buckets.items()}
            return kept, result

        result, at = self.store.change(sorted(known), step)
        return Booking(places, result, at, since) if isinstance(result, tuple) else result

    def pause(self, places: Sequence[Place], seconds: float) -> None:
        """Everybody in these buckets waits, all workers from their next look on."""

        def step(found: Found, now: float) -> tuple[Changes, None]:
            kept = {}
            for place in places:
                bucket = Bucket.load(found.get(place.key))
                bucket.pause(now + seconds)
                kept[place.key] = (bucket.dump(), bucket.keep_seconds(place.limit, now))
            return kept, None

        self.store.change(sorted(place.key for place in places), step)

    def carry(self, unknown: str, account: str, limits: Sequence[RateLimit], settled: Iterable[Settled] = ()) -> None:
        """Whose key it is is known now: what was booked under the key's name counts for its account, from now on and once.

        Only of the limits that are about an account as a whole: to learn its name, nothing else is asked.
        """
        moves = list(zip(self._whole(unknown, limits), self._whole(account, limits), strict=True))
        settled = tuple(settled)

        def step(found: Found, now: float) -> tuple[Changes, None]:
            kept = {}
            for old, new in moves:
                before, bucket = Bucket.load(found.get(old.key)), Bucket.load(found.get(new.key))
                for one in settled:
                    for place, slot in zip(one.booking.places, one.booking.slots, strict=True):
                        if place == old:
                            before.settle(place.limit, slot, one.sent_at, one.answered_at, one.fastest)
                bucket.take_over(before)
                kept[new.key] = (bucket.dump(), bucket.keep_seconds(new.limit, now))
                kept[old.key] = (Bucket().dump(), 1.0)
            return kept, None

        if moves:
            self.store.change(sorted(place.key for pair in moves for place in pair), step)

    def look(self, account: str, limits: Sequence[RateLimit]) -> list[Fill]:
        """How full the buckets are that belong to the account as a whole, in the order of the limits."""
        places = self._whole(account, limits)
        found, now = self.store.read([place.key for place in places])
        fills = []
        for place in places:
            bucket = Bucket.load(found.get(place.key))
            paused = max(0.0, bucket.paused_until - now)
            bucket.forget(place.limit, now)
            fills.append(Fill(place.limit, bucket.used(), paused))
        return fills

    def _whole(self, account: str, limits: Sequence[RateLimit]) -> list[Place]:
        return [place for limit in limits if not limit.path for place in self.places(account, [limit])]

    @staticmethod
    def places(account: str, limits: Sequence[RateLimit], path: str = "") -> tuple[Place, ...]:
        """The buckets that a request to this path fills."""
        found = []
        for limit in limits:
            match = _pattern(limit.path).search(path)
            if match is None:
                continue
            whose = account if limit.of == "account" else account.partition(":")[0]
            parts = (whose, f"{limit.requests}/{limit.seconds:g}", limit.path, *(part or "" for part in match.groups()))
            found.append(Place(" ".join(parts).rstrip(), limit))
        return tuple(found) or (Place(account, FREE),)


def narrowest(places: Sequence[Place]) -> list[Place]:
    """Where a refusal is most likely about: a bucket of a path before the account's, the account's before everybody's.

    The provider seldom says which limit it was. Whoever is outside and meets the same refusal pauses the rest.
    """

    def rank(place: Place) -> int:
        return 2 if place.limit.path else int(place.limit.of == "account")

    most = max(map(rank, places))
    return [place for place in places if rank(place) == most]


@cache
def _pattern(path: str) -> re.Pattern[str]:
    return re.compile(path)
