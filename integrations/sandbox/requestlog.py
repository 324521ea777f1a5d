"""Which requests came, bounded, with totals that keep counting."""

from __future__ import annotations

import re
from collections import Counter, deque
from dataclasses import asdict, dataclass
from typing import Any

KEPT = 5000
_ID = re.compile(r"[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}|(?<=/)\d+(?=/|$)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Entry:
    """One request. status 0: no answer was sent. `at` is the sandbox's time in ms, `seconds` how long it took."""

    method: str
    path: str
    status: int
    seconds: float
    at: int
    caller: str
    fault: str | None


class RequestLog:
    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        self.entries: deque[Entry] = deque(maxlen=KEPT)
        self.total = 0
        self.by_status: Counter[int] = Counter()
        self.by_route: Counter[str] = Counter()
        self.in_flight = 0
        self.most_in_flight = 0

    def add(self, entry: Entry) -> None:
        self.entries.append(entry)
        self.total += 1
        self.by_status[entry.status] += 1
        self.by_route[f"{entry.method} {_ID.sub('{id}', entry.path)}"] += 1

    def describe(self, limit: int = 200) -> dict[str, Any]:
        return {
            "total": self.total,
            "by_status": {str(status): count for status, count in self.by_status.items()},
            "by_route": dict(self.by_route),
            "most_in_flight": self.most_in_flight,
            "entries": [asdict(entry) for entry in list(self.entries)[-limit:]],
        }
