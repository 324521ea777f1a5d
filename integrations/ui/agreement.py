"""Measured agreement in words and as a line: "99.8 % of 50 looked at today agree". What nobody has measured is not pretended."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from django.utils import formats
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from integrations.services import agreement, calls
from integrations.services.agreement import Day
from integrations.ui import charts


def of(integrations: Iterable[UUID]) -> dict[UUID, dict[str, Any]]:
    """For each that was measured: {percent (a number), words, title, chart, is_full}. One query."""
    return {pk: shown(days, str(pk)) for pk, days in agreement.days(integrations).items()}


def shown(days: Sequence[Day], id_: str) -> dict[str, Any]:
    """days: the oldest first, at least one."""
    last = next((day for day in reversed(days) if day.compared), days[-1])
    return {
        "percent": _floor(last.percent),
        "words": _words(last),
        "moving": _moving(last),
        "differ": last.differ,
        "is_full": last.percent == 100,
        "chart": chart(days, id_),
    }


def chart(days: Sequence[Day], id_: str) -> dict[str, Any]:
    """The last 30 days, or fewer while there are fewer to show; from the lowest share, or 90 %, to 100 %."""
    today = calls.today()
    known = {day.day: _floor(day.percent) for day in days}
    month = [today - dt.timedelta(days=back) for back in range(agreement.DAYS - 1, -1, -1)]
    every = charts.lately(month, min((day for day in known if known[day] is not None), default=None))
    values = [known.get(day) for day in every]
    low = min([90.0, *(value for value in values if value is not None)])
    title = _("Share of looked-at pairs that agree")
    return charts.line(f"agree-{id_}", title, [charts.day(day) for day in every], values, low, 100.0, " %")


def _floor(percent: float | None) -> float | int | None:
    """Down to a tenth: what does not agree is never rounded away."""
    if percent is None:
        return None
    tenths = math.floor(percent * 10)
    return tenths / 10 if tenths % 10 else tenths // 10


def _words(day: Day) -> str:
    number = _floor(day.percent)
    if number is None:
        return _("Nothing could be compared: all that was looked at was just being changed.")
    facts = {
        "percent": formats.number_format(number, 0 if number == int(number) else 1),
        "n": formats.number_format(day.compared, force_grouping=True),
        "day": charts.day(day.day),
    }
    if day.day == calls.today():
        return ngettext(
            "%(percent)s %% of %(n)s pair looked at today agree", "%(percent)s %% of %(n)s looked at today agree",
            day.compared,
        ) % facts  # fmt: skip
    return ngettext(
        "%(percent)s %% of %(n)s pair looked at on %(day)s agree", "%(percent)s %% of %(n)s looked at on %(day)s agree",
        day.compared,
    ) % facts  # fmt: skip


def _moving(day: Day) -> str:
    if not day.moving:
        return ""
    return ngettext(
        "%(n)s more was just being changed and was not counted.",
        "%(n)s more were just being changed and were not counted.",
        day.moving,
    ) % {"n": day.moving}
