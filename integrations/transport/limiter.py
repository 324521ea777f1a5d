"""Rate limits shared by all who use one credential: a moving window, evenly paced, and "everybody wait" notes.

The store is the `limits` library's: ``memory://`` for one process, ``redis://…`` for many on many machines.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, cast

from limits import RateLimitItemPerSecond
from limits.storage import Storage, storage_from_string
from limits.strategies import MovingWindowRateLimiter

if TYPE_CHECKING:
    from integrations.adapters.base import RateLimit

#: A wait shorter than a timer's tick paces nothing and costs a system call.
TICK_SECONDS = 0.002


class Limiter:
    """Counts requests per bucket. A bucket is the name that all workers with the same credential share."""

    def __init__(self, uri: str = "memory://") -> None:
        self.storage = cast(Storage, storage_from_string(uri))
        self._window = MovingWindowRateLimiter(self.storage)
        self._booked_at: dict[str, float] = {}  # by this process; several processes each pace themselves

    def take(self, bucket: str, limits: Sequence[RateLimit]) -> float:
        """Book one request now and answer 0, or book nothing and answer the seconds to wait before asking again.

        Not more than N in *any* window, which a fixed window or a token bucket of size N would break. Up to half of
        the window goes out at once, so that short runs never wait; the rest is spread over the time until the window
        frees up, so that a long run is slowed, never stopped for a whole window after its burst.
        """
        for limit in limits:
            if wait := self._pace(bucket, limit):
                return wait
        for limit in limits:
            if not self._window.hit(_item(limit), bucket):
                return limit.seconds / limit.requests  # somebody was faster between asking and booking
        if limits:
            self._booked_at[bucket] = time.monotonic()
        return 0.0

    def pause(self, bucket: str, seconds: float) -> None:
        """Everybody on this bucket waits: the provider said so. A shorter pause never cuts a longer one."""
        if seconds > self.paused(bucket):
            key = f"pause/{bucket}"
            self.storage.clear(key)
            self.storage.incr(key, max(1, math.ceil(seconds)))

    def paused(self, bucket: str) -> float:
        """Seconds that are left of a pause; 0 when there is none."""
        key = f"pause/{bucket}"
        if not self.storage.get(key):
            return 0.0
        return max(0.0, self.storage.get_expiry(key) - time.time())

    def _pace(self, bucket: str, limit: RateLimit) -> float:
        item = _item(limit)
        reset_time, remaining = self._window.get_window_stats(item, bucket)
        if remaining * 2 > item.amount:
            return 0.0
        frees_up_in = reset_time - time.time()
        if remaining <= 0:
            return max(TICK_SECONDS, frees_up_in)
        even = frees_up_in / (remaining + 1)
        wait = even - (time.monotonic() - self._booked_at.get(bucket, 0.0))
        return wait if wait > TICK_SECONDS else 0.0


@cache
def _item(limit: RateLimit) -> RateLimitItemPerSecond:
    """Stores count whole seconds: a fraction is rounded up, and the number of requests with it."""
    whole = max(1, math.ceil(limit.seconds))
    return RateLimitItemPerSecond(math.floor(limit.requests * whole / limit.seconds), whole)


@cache
def in_process() -> Limiter:
    """The limiter of this process: for installations with one process, and for tests."""
    return Limiter()
