"""A circuit breaker: when a provider does not answer anybody, ask it rarely until it does.

Counted in the same store as the rate limits, so that all workers share it, and by its expiring keys, so that nothing has to be
reset. Only what is certainly the provider's own outage counts (no answer, 5xx on reads, after all retries); any answer at all,
also a refusal, says that it is there.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import Literal

from limits.storage import Storage

from integrations.adapters import errors

TRIPS_AFTER = 5  # requests in a row that were given up
OPEN_SECONDS = 60  # then one run may try, and then again after so long
FORGET_SECONDS = 900  # failures further apart than this are not one outage

State = Literal["closed", "open", "half_open"]


class Open(errors.Unavailable):
    """The provider has not answered anybody lately, so it was not asked."""

    def __init__(self, message: str, retry_after: float) -> None:
        super().__init__(message)
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class Look:
    """How a breaker stands. failures: in a row. opens_in: seconds until somebody may try."""

    state: State
    failures: int
    opens_in: float


class Breaker:
    """Of one provider at one base URL."""

    def __init__(self, storage: Storage, name: str) -> None:
        self.storage, self.name = storage, name
        self._failures, self._open = f"breaker/failures/{name}", f"breaker/open/{name}"
        self._saw_none = False

    def ask(self) -> None:
        """Before a request. Raises Open. Of those who come when the pause is over, the first one tries for all."""
        failures = self.storage.get(self._failures)
        self._saw_none = not failures
        if failures < TRIPS_AFTER:
            return
        if self.storage.incr(self._open, OPEN_SECONDS) > 1:
            raise Open(f"{self.name} has not answered for a while; it is asked again soon", self._left() or 1.0)

    def answered(self) -> None:
        """What failed since `ask` saw no failure is forgiven by the next answer: one look for each request is enough."""
        if not self._saw_none and self.storage.get(self._failures):
            self.reset()

    def failed(self) -> None:
        self._saw_none = False
        failures = self.storage.incr(self._failures, FORGET_SECONDS)
        if failures == TRIPS_AFTER:
            self.storage.incr(self._open, OPEN_SECONDS)
        elif failures > TRIPS_AFTER:  # it lasts: the count is remembered from now
            self.storage.clear(self._failures)
            self.storage.incr(self._failures, FORGET_SECONDS, amount=failures)

    def reset(self) -> None:
        self.storage.clear(self._failures)
        self.storage.clear(self._open)

    def look(self) -> Look:
        failures = self.storage.get(self._failures)
        if failures < TRIPS_AFTER:
            return Look("closed", failures, 0.0)
        left = self._left()
        return Look("open" if left else "half_open", failures, left)

    def _left(self) -> float:
        if not self.storage.get(self._open):
            return 0.0
        return max(0.0, math.ceil(self.storage.get_expiry(self._open) - time.time()))
