"""Requests per 60-second window and caller."""

from __future__ import annotations

import math
import time
from collections import defaultdict, deque

WINDOW_SECONDS = 60.0


class RateLimit:
    """A sliding window in real time: the sandbox clock may be frozen, and callers' patience is not."""

    def __init__(self, per_window: int | None) -> None:
        self.per_window = per_window
        self._taken: defaultdict[str, deque[float]] = defaultdict(deque)

    def set(self, per_window: int | None) -> None:
        self.per_window = per_window
        self._taken.clear()

    def wait_for(self, caller: str) -> int | None:
        """Take one request; None if it may pass, else the whole seconds until one will."""
        if self.per_window is None:
            return None
        now, taken = time.monotonic(), self._taken[caller]
        while taken and taken[0] <= now - WINDOW_SECONDS:
            taken.popleft()
        if len(taken) < self.per_window:
            taken.append(now)
            return None
        oldest = taken[0] if taken else now
        return max(1, math.ceil(oldest + WINDOW_SECONDS - now))
