"""What is left of a quota, as the headers of an answer tell it.

There is no standard, but a common way of naming: `…RateLimit-Remaining` beside `…RateLimit-Max` (or `-Limit`), with the window in
milliseconds, and `-Daily` in the name of a day's. Sources: HubSpot "Usage guidelines", Trello "Rate limits", Toast "Rate limits".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

#: "daily-remaining" and "remaining" both end in this; what stands before it names the quota.
_LEFT = re.compile(r"(.*rate-?limit.*)-remaining", re.IGNORECASE)
DAY_SECONDS = 86_400.0


@dataclass(frozen=True, slots=True)
class Quota:
    """left: requests; of: in all, 0 where it is not told; seconds: the window, 0 where it is not told."""

    left: int
    of: int
    seconds: float

    @property
    def is_daily(self) -> bool:
        return self.seconds == DAY_SECONDS


def told(headers: Mapping[str, str]) -> tuple[Quota, ...]:
    """All quotas that an answer tells of. headers: names in any case."""
    known = {name.lower(): value for name, value in headers.items()}
    found = []
    for name, value in known.items():
        match = _LEFT.fullmatch(name)
        if match is None or not value.strip().isdigit():
            continue
        of = next((known[end] for end in _ends(match[1], "-max", "-limit", "") if end in known), "")
        milliseconds = next(
            (known[end] for end in _ends(match[1], "-interval-milliseconds", "-interval-ms") if end in known), ""
        )
        seconds = _number(milliseconds) / 1000 or (DAY_SECONDS if "daily" in name else 0.0)
        found.append(Quota(int(value), _number(of), seconds))
    return tuple(found)


def _ends(name: str, *ends: str) -> list[str]:
    return [name + end for end in ends]


def _number(text: str) -> int:
    return int(text) if text.strip().isdigit() else 0
