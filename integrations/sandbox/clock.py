"""The time inside the sandbox, which tests can shift or stop."""

from __future__ import annotations

import time
from datetime import UTC, datetime


class Clock:
    """Milliseconds since 1970 (UTC), real time plus an offset, or frozen."""

    def __init__(self) -> None:
        self.offset_ms = 0
        self.frozen_ms: int | None = None

    def now_ms(self) -> int:
        if self.frozen_ms is not None:
            return self.frozen_ms
        return time.time_ns() // 1_000_000 + self.offset_ms

    def shift(self, seconds: float) -> None:
        """Set how far the sandbox is ahead of (or behind) the real time; a frozen clock starts again."""
        self.frozen_ms = None
        self.offset_ms = round(seconds * 1000)

    def freeze(self, moment: str | None) -> None:
        """Stop at an ISO time (UTC unless it has an offset), or at this moment."""
        self.frozen_ms = self.now_ms() if moment is None else parse_ms(moment)

    def advance(self, seconds: float) -> None:
        if self.frozen_ms is None:
            self.offset_ms += round(seconds * 1000)
        else:
            self.frozen_ms += round(seconds * 1000)

    def describe(self) -> dict[str, object]:
        return {"now": iso(self.now_ms()), "frozen": self.frozen_ms is not None, "offset": self.offset_ms / 1000}


def parse_ms(text: str) -> int:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return round(moment.timestamp() * 1000)


def iso(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
