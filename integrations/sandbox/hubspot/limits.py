"""HubSpot's limits: 100 requests in ten seconds and so many a day per account, 5 searches a second."""

from __future__ import annotations

import time
from collections import defaultdict, deque

from integrations.sandbox.calls import Call
from integrations.sandbox.hubspot import errors

PER_TEN_SECONDS = 100
SEARCHES_PER_SECOND = 5
PER_DAY = 250_000


class Limits:
    """In real time, whatever the sandbox's clock says: the patience of callers is real."""

    def __init__(self) -> None:
        self.per_ten_seconds, self.searches_per_second = PER_TEN_SECONDS, SEARCHES_PER_SECOND
        self.per_day = PER_DAY
        self.today: defaultdict[int, int] = defaultdict(int)
        self._taken: defaultdict[tuple[int, str], deque[float]] = defaultdict(deque)

    def check(self, portal: int, call: Call) -> None:
        """Raises HubSpotError. A search counts for both windows."""
        if self.today[portal] >= self.per_day:
            raise errors.rate_limited("DAILY")
        if call.path.endswith("/search"):
            self._take((portal, "SECONDLY"), self.searches_per_second, 1)
        self._take((portal, "TEN_SECONDLY_ROLLING"), self.per_ten_seconds, 10)
        self.today[portal] += 1

    def headers(self, portal: int, call: Call) -> tuple[tuple[str, str], ...]:
        """None on searches."""
        if call.path.endswith("/search"):
            return ()
        left = self.per_ten_seconds - len(self._taken[portal, "TEN_SECONDLY_ROLLING"])
        return (
            ("X-HubSpot-RateLimit-Max", str(self.per_ten_seconds)),
            ("X-HubSpot-RateLimit-Remaining", str(left)),
            ("X-HubSpot-RateLimit-Interval-Milliseconds", "10000"),
            ("X-HubSpot-RateLimit-Daily", str(self.per_day)),
            ("X-HubSpot-RateLimit-Daily-Remaining", str(self.per_day - self.today[portal])),
        )

    def _take(self, key: tuple[int, str], requests: int, seconds: float) -> None:
        now, taken = time.monotonic(), self._taken[key]
        while taken and taken[0] <= now - seconds:
            taken.popleft()
        if len(taken) >= requests:
            raise errors.rate_limited(key[1])
        taken.append(now)
