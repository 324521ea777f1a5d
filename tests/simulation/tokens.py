"""Every value that a person writes carries a number of its own, so that it can be traced through both sides."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

EPOCH = dt.datetime(2030, 1, 1, tzinfo=dt.UTC)
FIRST = 10_000  # numbers have five digits, so that they are found in any text


def tokens_in(value: Any) -> set[str]:
    """The numbers in a canonical value, a record's values, or anything made of them."""
    if isinstance(value, dict):
        return set().union(*(tokens_in(part) for part in value.values())) if value else set()
    if isinstance(value, list):
        return set().union(*(tokens_in(part) for part in value)) if value else set()
    if not isinstance(value, str):
        return set()
    if re.fullmatch(r"20\d\d-\d\d-\d\dT.*Z", value):
        minutes = (dt.datetime.fromisoformat(value) - EPOCH).total_seconds() // 60
        return {str(int(minutes))} if minutes >= FIRST else set()
    return set(re.findall(r"(?:^|[vV])(\d{5})\b", value))


def text(number: int, loose: bool = False) -> str:
    """loose: with what a lossy tool drops."""
    return f"  V{number} " if loose else f"v{number}"


def instant(number: int, seconds: int = 0) -> str:
    moment = EPOCH + dt.timedelta(minutes=number, seconds=seconds)
    return moment.replace(tzinfo=None).isoformat() + "Z"
