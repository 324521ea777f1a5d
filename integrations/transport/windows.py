"""How full a rate limit is and when the next request may go: pure arithmetic on one bucket's state, no clock, no store.

A provider counts a request when it arrives, and we only know that this was after it was sent and before its answer. So a request
fills the window until `window` seconds after its answer. Where answers are always slow, arriving is the smallest part of it: of
what the fastest answer took, no more than a tenth of the window counts. While it is under way, a request fills the window for
half a window longer, from its booking. Whatever a busy processor, a lost packet or a new connection does in between, the provider
does not see more than its limit, and what is given away is what an answer takes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from integrations.adapters.base import RateLimit

#: A window is counted in so many slots, so that 250,000 requests a day take no more room than five a second.
SLOTS = 200
#: As shares of the window, and in seconds at most: in what time a request arrives where nothing holds it up; and how long one
#: that nobody has told of any more is thought to be under way.
ARRIVES, UNDER_WAY, AT_MOST_SECONDS = 0.1, 0.5, 5.0
#: A wait shorter than a timer's tick paces nothing and costs a system call.
TICK_SECONDS = 0.002
#: Who has asked lately is going to ask again: so long the less urgent leave some of the bucket alone, and how much of it.
LATELY_SECONDS, RESERVE = 5.0, 0.25
#: Nobody starves: who was passed over for the time of so many requests goes first, once.
PATIENCE_REQUESTS, PATIENCE_SECONDS = 10, 1.0


@dataclass(slots=True)
class Bucket:
    """What was sent under one limit, and who waits.

    counts: {slot: requests}; a slot is named by its end in SLOTS-ths of the window. Times are seconds of the store's clock.
    expected: {priority: until when it is counted on to come again}. refused_since: {priority: first refusal after the last turn}.
    """

    counts: dict[int, int] = field(default_factory=dict)
    booked_at: float = 0.0
    paused_until: float = 0.0
    expected: dict[int, float] = field(default_factory=dict)
    refused_since: dict[int, float] = field(default_factory=dict)

    @classmethod
    def load(cls, text: bytes | str | None) -> Bucket:
        if not text:
            return cls()
        first, offsets, booked_at, paused_until, expected, refused = orjson.loads(text)
        counts = {first + int(offset): number for offset, number in offsets.items()}
        return cls(counts, booked_at, paused_until, _numbered(expected), _numbered(refused))

    def dump(self) -> str:
        """Short: PostgreSQL is slow with values of more than 2 kB, ten times as slow."""
        first = min(self.counts, default=0)
        offsets = {slot - first: number for slot, number in self.counts.items() if number}
        state = (first, offsets, self.booked_at, self.paused_until, self.expected, self.refused_since)
        return orjson.dumps(state, option=orjson.OPT_NON_STR_KEYS).decode()

    def keep_seconds(self, limit: RateLimit, now: float) -> float:
        """After so long nothing in here says anything any more."""
        return max(limit.window * 2, self.paused_until - now) + 2 * LATELY_SECONDS

    # --- asking ---------------------------------------------------------------------------------------------------------

    def wait(self, limit: RateLimit, priority: int, now: float) -> float:
        """Seconds until this priority may ask again; 0 when it may send now.

        Up to half of the limit goes out at once, so that short runs never wait; the rest is spread over the time until the
        window frees up, so that a long run is slowed, never stopped for a whole window after its burst.
        """
        self.forget(limit, now)
        if self.paused_until > now:
            return self.paused_until - now
        reserved, until = self._reserved(limit, priority, now)
        used = self.used()
        left = limit.requests - reserved - used
        if left <= 0:
            return max(TICK_SECONDS, min(self._frees_up_at(limit, 1 - left), until) - now)
        if left == 1 or left * 2 > limit.requests:
            return 0.0
        even = (self._frees_up_at(limit, 1) - now) / (left + 1)
        pace = self.booked_at + even - now
        return pace if pace > TICK_SECONDS else 0.0

    def used(self) -> int:
        return sum(self.counts.values())

    def refuse(self, priority: int, wait: float, now: float) -> None:
        """Somebody of this priority was told to wait, because of this bucket or (wait 0) another one."""
        self.expected[priority] = max(self.expected.get(priority, 0.0), now + wait + LATELY_SECONDS)
        if wait:
            self.refused_since.setdefault(priority, now)

    def book(self, limit: RateLimit, priority: int, now: float) -> int:
        """Answers the slot, for `settle`."""
        self.expected[priority] = max(self.expected.get(priority, 0.0), now + LATELY_SECONDS)
        self.refused_since.pop(priority, None)
        self.booked_at = now
        return self._add(_slot(limit, now + min(limit.window * UNDER_WAY, AT_MOST_SECONDS)))

    def settle(self, limit: RateLimit, slot: int, sent_at: float, answered_at: float, fastest: float = 0.0) -> None:
        """The answer is here: when the request had arrived is known better than when it was booked.

        fastest: seconds that answers take where nothing holds them up. What this one took longer may have been on its way there.
        """
        back = max(0.0, fastest - limit.window * ARRIVES)
        arrived = _slot(limit, min(answered_at - back, sent_at + AT_MOST_SECONDS))
        if self.counts.get(slot):
            self.counts[slot] -= 1
        elif arrived <= slot:
            return  # it has left the window long ago
        self._add(arrived)

    def pause(self, until: float) -> None:
        """The provider said so. A shorter pause never cuts a longer one."""
        self.paused_until = max(self.paused_until, until)

    def take_over(self, other: Bucket) -> None:
        """What was counted and asked for there counts here as well: at the provider both are one."""
        for slot, number in other.counts.items():
            self.counts[slot] = self.counts.get(slot, 0) + number
        self.booked_at = max(self.booked_at, other.booked_at)
        self.pause(other.paused_until)

    # --- inside ---------------------------------------------------------------------------------------------------------

    def _add(self, slot: int) -> int:
        self.counts[slot] = self.counts.get(slot, 0) + 1
        return slot

    def forget(self, limit: RateLimit, now: float) -> None:
        width = limit.window / SLOTS
        self.counts = {slot: n for slot, n in self.counts.items() if n and slot * width + limit.window > now}
        self.expected = {one: until for one, until in self.expected.items() if until > now}
        self.refused_since = {one: at for one, at in self.refused_since.items() if one in self.expected}

    def _frees_up_at(self, limit: RateLimit, places: int) -> float:
        """When so many of the oldest requests have left the window; infinite when there are not so many."""
        for slot in sorted(self.counts):
            places -= self.counts[slot]
            if places <= 0:
                return slot * limit.window / SLOTS + limit.window
        return math.inf

    def _reserved(self, limit: RateLimit, priority: int, now: float) -> tuple[int, float]:
        """How many requests are left to those who go first, and until when that surely holds."""
        patience = max(PATIENCE_SECONDS, PATIENCE_REQUESTS * limit.window / limit.requests)

        def place(one: int) -> tuple[bool, int]:
            return now - self.refused_since.get(one, now) < patience, one

        first = [one for one in self.expected if place(one) < place(priority)]
        if not first:
            return 0, math.inf
        passed_over_at = self.refused_since.get(priority, now) + patience
        until = min(passed_over_at, *(self.expected[one] for one in first)) if place(priority)[0] else math.inf
        return (math.ceil(limit.requests * RESERVE) if min(first) < priority else 1), until


def _slot(limit: RateLimit, at: float) -> int:
    return math.ceil(at * SLOTS / limit.window)


def _numbered(told: dict[str, Any]) -> dict[int, Any]:
    return {int(name): value for name, value in told.items()}
