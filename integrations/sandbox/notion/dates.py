"""Dates as Notion reads, keeps and compares them."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from integrations.sandbox.notion import errors

_ISO = re.compile(r"\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:?\d{2})?)?")
DAY_MS = 86_400_000
RELATIVE = {
    "today": 0,
    "tomorrow": 1,
    "yesterday": -1,
    "one_week_ago": -7,
    "one_week_from_now": 7,
    "one_month_ago": -30,
    "one_month_from_now": 30,
}


def is_iso(text: str) -> bool:
    if not _ISO.fullmatch(text):
        return False
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def is_day(text: str) -> bool:
    return len(text) == 10


def to_ms(text: str) -> int:
    moment = datetime.fromisoformat(text)
    return round((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)


def normalise(value: dict[str, Any]) -> dict[str, Any]:
    """As it reads back: date-times with milliseconds and offset, seconds lost, the time zone folded into the offset."""
    zone = _zone(value.get("time_zone"))
    start, end = value["start"], value.get("end")
    kept = {"start": _moment(start, zone), "end": _moment(end, zone) if end else None}
    if end and is_day(start) != is_day(end):
        raise errors.invalid("Date start and end must both be dates or both be date-times.")
    if end and to_ms(end) < to_ms(start):
        raise errors.invalid("Date end must not be before its start.")
    return kept


def _zone(name: str | None) -> ZoneInfo | None:
    if name is None:
        return None
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise errors.body_invalid(f"time_zone should be a valid IANA time zone, instead was `{name}`.") from error


def _moment(text: str, zone: ZoneInfo | None) -> str:
    if is_day(text):
        if zone is not None:
            raise errors.invalid("A date without a time cannot have a time zone.")
        return text
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is not None and zone is not None:
        raise errors.invalid("A date with a UTC offset cannot have a time zone as well.")
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=zone or UTC)
    return moment.replace(second=0, microsecond=0).isoformat(timespec="milliseconds")


def span(text: str, now_ms: int) -> tuple[int, int]:
    """The moment a filter names, as [first, last] ms: a whole UTC day, or one millisecond."""
    if text in RELATIVE:
        text = (datetime.fromtimestamp(now_ms / 1000, UTC).date() + timedelta(days=RELATIVE[text])).isoformat()
    first = to_ms(text)
    return (first, first + DAY_MS - 1) if is_day(text) else (first, first)


def window(name: str, now_ms: int) -> tuple[int, int]:
    """`past_week` and its like, as [first, last] ms."""
    today: date = datetime.fromtimestamp(now_ms / 1000, UTC).date()
    days = {"week": 7, "month": 30, "year": 365}
    when, _, length = name.partition("_")
    if name == "this_week":
        first = today - timedelta(days=(today.weekday() + 1) % 7)
        last = first + timedelta(days=6)
    elif when == "past":
        first, last = today - timedelta(days=days[length]), today
    else:
        first, last = today, today + timedelta(days=days[length])
    return to_ms(first.isoformat()), to_ms(last.isoformat()) + DAY_MS - 1
