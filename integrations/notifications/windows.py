"""When a digest is sent. Pure."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

from integrations.notifications.kinds import Rhythm


def next_window(after: dt.datetime, rhythm: str, hour: int, weekday: int, zone: ZoneInfo) -> dt.datetime | None:
    """The first window later than `after`, in UTC; None for a rhythm of never. weekday: 0 is Monday."""
    if rhythm == Rhythm.NEVER:
        return None
    day = after.astimezone(zone).date()
    if rhythm == Rhythm.WEEKLY:
        day += dt.timedelta(days=(weekday - day.weekday()) % 7)
    days = 7 if rhythm == Rhythm.WEEKLY else 1
    window = _at(day, hour, zone)
    return window if window > after else _at(day + dt.timedelta(days=days), hour, zone)


def _at(day: dt.date, hour: int, zone: ZoneInfo) -> dt.datetime:
    """An hour that a clock change leaves out is the one after it."""
    return dt.datetime.combine(day, dt.time(hour), tzinfo=zone).astimezone(dt.UTC)
