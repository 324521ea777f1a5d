"""Transforms of days and instants: written dates, and the day of an instant in a time zone."""

from __future__ import annotations

import datetime as dt
import re
from functools import cache
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

import values
from integrations.sync.transforms.base import (
    PLAIN_TEXTS,
    Around,
    Parameter,
    Step,
    Transform,
    always,
    inverse,
)
from values import Type, Unfit, Value

#: What a pattern is made of. Two-digit years are those from 1969 to 2068, as everywhere.
TOKENS = {
    "YYYY": r"(?P<year>\d{4})",
    "YY": r"(?P<short>\d{2})",
    "MM": r"(?P<month>\d{1,2})",
    "DD": r"(?P<day>\d{1,2})",
    "hh": r"(?P<hour>\d{1,2})",
    "mm": r"(?P<minute>\d{2})",
}
PATTERNS = (
    "DD/MM/YYYY",
    "DD.MM.YYYY",
    "DD-MM-YYYY",
    "DD/MM/YY",
    "DD.MM.YY",
    "MM/DD/YYYY",
    "MM/DD/YY",
    "YYYY-MM-DD",
    "YYYY/MM/DD",
    "YYYYMMDD",
)
WITH_TIME = ("DD/MM/YYYY hh:mm", "DD.MM.YYYY hh:mm", "MM/DD/YYYY hh:mm", "YYYY-MM-DD hh:mm")
EXAMPLE = dt.datetime(2026, 9, 15, 14, 30, tzinfo=dt.UTC)

ZONE = Parameter(
    "zone", gettext_lazy("Time zone"), "zone", "", help=gettext_lazy("Such as Europe/Rome; empty: your organisation’s.")
)


def zone_of(step: Step, around: Around) -> ZoneInfo:
    return ZoneInfo(step.params["zone"]) if step.params["zone"] else around.zone


def read_time(text: str, pattern: str) -> dt.datetime:
    """A naive time written in this pattern; midnight where the pattern has no hour. Raises Unfit."""
    found = _expression(pattern).fullmatch(text.strip())
    if not found:
        raise Unfit("“%(value)s” is not written like %(example)s", value=text, example=_example(pattern))
    parts = {name: int(digits) for name, digits in found.groupdict().items()}
    short = parts.get("short", 0)
    year = parts["year"] if "year" in parts else (2000 + short if short < 69 else 1900 + short)
    try:
        day = dt.date(year, parts["month"], parts["day"])
        return dt.datetime.combine(day, dt.time(parts.get("hour", 0), parts.get("minute", 0)))
    except ValueError as error:
        raise Unfit("“%(value)s” is not a calendar date", value=text) from error


@cache
def _expression(pattern: str) -> re.Pattern[str]:
    expression = re.sub("|".join(TOKENS), lambda token: TOKENS[token[0]], re.escape(pattern))
    if pattern == "YYYYMMDD":
        expression = expression.replace("{1,2}", "{2}")
    return re.compile(expression, re.ASCII)


@cache
def _example(pattern: str) -> str:
    return write_time(EXAMPLE, pattern)


def write_time(moment: dt.datetime, pattern: str) -> str:
    parts = {
        "YYYY": f"{moment.year:04}",
        "YY": f"{moment.year % 100:02}",
        "MM": f"{moment.month:02}",
        "DD": f"{moment.day:02}",
        "hh": f"{moment.hour:02}",
        "mm": f"{moment.minute:02}",
    }
    return re.sub("|".join(TOKENS), lambda token: parts[token[0]], pattern)


def _date(value: Value, _now: Value, step: Step, _around: Around) -> Value:
    return read_time(str(value), step.params["pattern"]).date().isoformat()


def _written_date(value: Value, _now: Value, step: Step, _around: Around) -> Value:
    day = dt.datetime.fromisoformat(value[:10])
    text = write_time(day, step.params["pattern"])
    if read_time(text, step.params["pattern"]) != day:  # a year that two digits cannot tell
        raise Unfit("“%(value)s” cannot be written like %(pattern)s", value=value, pattern=step.params["pattern"])
    return text


DATE = Transform(
    "date",
    gettext_lazy("Read as a date"),
    gettext_lazy("“15/09/2026” becomes a date, by the pattern set here."),
    frozenset(PLAIN_TEXTS | {Type.SELECT}),
    always(Type.DATE),
    _date,
    _written_date,
    (
        Parameter(
            "pattern", gettext_lazy("Written as"), "choice", PATTERNS[0],
            tuple((pattern, write_time(EXAMPLE, pattern)) for pattern in PATTERNS),
        ),
    ),
    loses=lambda _step: _("The date comes back as it is, but written the one way that is set here."),
)  # fmt: skip

WRITE_DATE = inverse(
    DATE,
    "write_date",
    gettext_lazy("Write a date as text"),
    gettext_lazy("A date becomes “15/09/2026”, and is read back from it."),
    {Type.DATE},
    Type.TEXT,
)


def _time(value: Value, _now: Value, step: Step, around: Around) -> Value:
    return values.datetime(read_time(str(value), step.params["pattern"]).replace(tzinfo=zone_of(step, around)))


def _written_time(value: Value, _now: Value, step: Step, around: Around) -> Value:
    return write_time(_moment(value, zone_of(step, around)), step.params["pattern"])


TIME = Transform(
    "time",
    gettext_lazy("Read as a date and time"),
    gettext_lazy("“15/09/2026 14:30” becomes that moment in the time zone set here."),
    frozenset(PLAIN_TEXTS),
    always(Type.DATETIME),
    _time,
    _written_time,
    (
        Parameter(
            "pattern", gettext_lazy("Written as"), "choice", WITH_TIME[0],
            tuple((pattern, write_time(EXAMPLE, pattern)) for pattern in WITH_TIME),
        ),
        ZONE,
    ),
    loses=lambda _step: _("Seconds do not come back, nor which of two equal hours it was on the night when clocks go back."),
)  # fmt: skip


def _moment(value: str, zone: ZoneInfo) -> dt.datetime:
    """A canonical day or instant, on the clock of a zone."""
    if len(value) == len("2026-09-15"):
        return dt.datetime.fromisoformat(value).replace(tzinfo=zone)
    return dt.datetime.fromisoformat(value).astimezone(zone)


def _day(value: Value, _now: Value, step: Step, around: Around) -> Value:
    return _moment(value, zone_of(step, around)).date().isoformat()


def _of_day(value: Value, now: Value, step: Step, around: Around) -> Value:
    """The hour that stands there stays; a plain day there stays a plain day; otherwise it is the day's first moment.

    Where clocks jump over midnight that is the hour they jump to: the offset from before the jump is applied (PEP 495, fold 0).
    """
    if now and len(now) == len("2026-09-15"):
        return value
    zone = zone_of(step, around)
    clock = _moment(now, zone).time() if now else dt.time()
    moved = dt.datetime.combine(dt.date.fromisoformat(value), clock, tzinfo=zone)
    return values.datetime(moved)


DAY = Transform(
    "day",
    gettext_lazy("Day in a time zone"),
    gettext_lazy("Which day a moment falls on depends on the time zone: set it, if it is not your organisation’s."),
    frozenset({Type.DATETIME}),
    always(Type.DATE),
    _day,
    _of_day,
    (ZONE,),
    loses=lambda _step: _("The hour does not come in. It stays there; what is made here gets the day’s first moment."),
)
