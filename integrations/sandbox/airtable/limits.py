"""Airtable's limits: so many requests a second and base, ten times as many a token; beyond, 30 seconds of refusals."""

from __future__ import annotations

import time
from collections import defaultdict, deque

from integrations.sandbox.limits import RateLimit

PENALTY_SECONDS = 30


class BaseLimit(RateLimit):
    """`per_window` is per minute, as everywhere in the sandbox; Airtable counts it by the second."""

    def __init__(self, per_window: int | None) -> None:
        super().__init__(per_window)
        self._recent: defaultdict[str, deque[float]] = defaultdict(deque)
        self._refused_until: dict[str, float] = {}

    def set(self, per_window: int | None) -> None:
        super().set(per_window)
        self._recent.clear()
        self._refused_until.clear()

    def wait_for(self, caller: str) -> int | None:
        """caller: "token", or "token base". Answers 0 when it is refused: Airtable does not say how long."""
        if self.per_window is None:
            return None
        token, _, base = caller.partition(" ")
        per_second = max(1, self.per_window // 60)
        buckets = [(f"token {token}", per_second * 10), *([(f"base {base}", per_second)] if base else [])]
        now = time.monotonic()
        refused = False
        for bucket, most in buckets:
            recent = self._recent[bucket]
            while recent and recent[0] <= now - 1:
                recent.popleft()
            recent.append(now)
            if len(recent) > most:
                self._refused_until[bucket] = now + PENALTY_SECONDS
            refused = refused or self._refused_until.get(bucket, 0) > now
        return 0 if refused else None
