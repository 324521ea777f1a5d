"""Pictures of numbers, drawn here: from numbers to the parts of an SVG, for ui/_chart.html. Pure.

Every picture has its numbers beside it as a table. Coordinates are text, so that no locale writes them with a comma. What is
there for each day is drawn here: some hundred marks and cells, which a template would look at one by one.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils import formats
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

STEP, BAR = 12, 9  # from column to column, and how wide one is
FEW, SLIM = 14, 6  # so few columns are drawn wide; one fills less of its place, or it would be a block
HEIGHT = 60
LEAST = 2  # what is not nothing can be seen
SPANS = (7, 14)
BAR_DRAWN = '<rect class="{}" x="{}" y="{}" width="{}" height="{}"><title>{}</title></rect>'


@dataclass(frozen=True, slots=True)
class Series:
    """key: its class (ok, some, trouble, here, there, agree, plain); values: one for each label."""

    key: str
    label: str
    values: Sequence[float]


def day(at: dt.date) -> str:
    return formats.date_format(at, "MONTH_DAY_FORMAT")


def lately(days: Sequence[dt.date], first: dt.date | None) -> Sequence[dt.date]:
    """The last of these days: a week, two, or all of them, whichever holds the first with something to show."""
    return next((days[-span:] for span in SPANS if first and len(days) > span and first >= days[-span]), days)


def columns(id_: str, title: str, labels: Sequence[str], series: Sequence[Series], summary: str = "") -> dict[str, Any]:
    """A column for each label, with the series one above the other; a mark at the foot where there is nothing."""
    wide = SLIM if len(labels) <= FEW else BAR
    totals = [sum(one.values[at] for one in series) for at in range(len(labels))]
    most = max(totals, default=0)
    bars: list[tuple[str, ...]] = []
    both = _("%(label)s: %(text)s")
    for at in range(len(labels)):
        top = float(HEIGHT)
        for one in series:
            if one.values[at]:
                tall = max(one.values[at] / most * HEIGHT, LEAST)
                top = max(top - tall, 0)
                words = both % {"label": labels[at], "text": f"{_n(one.values[at])} {one.label}"}
                bars.append((one.key, _xy(at * STEP), _xy(top), str(wide), _xy(tall), words))
    return {
        "id": f"chart-{id_}",
        "kind": "columns",
        "title": title,
        "summary": summary,
        "days": len(labels),
        "width": max(len(labels) * STEP - (STEP - wide), 1),
        "height": HEIGHT,
        "bars": format_html_join("", BAR_DRAWN, bars),
        "nothing": "".join(f"M{at * STEP} {HEIGHT}h{wide}" for at, total in enumerate(totals) if not total),
        "total": _n(sum(totals)),
        "most": _n(most) if len([total for total in totals if total]) > 1 else "",
        "first": labels[0] if labels else "",
        "last": labels[-1] if labels else "",
        "legend": [{"key": one.key, "label": one.label} for one in series if any(one.values)]
        if len(series) > 1
        else [],
        "heads": [one.label for one in series],
        "rows": _rows((label, [_n(one.values[at]) for one in series]) for at, label in enumerate(labels) if totals[at]),
        "is_empty": not most,
    }


def line(
    id_: str, title: str, labels: Sequence[str], values: Sequence[float | None], low: float, high: float, unit: str = ""
) -> dict[str, Any]:
    """One line from `low` to `high`; days without a value are gaps, and a day alone is a dot."""
    width = max((len(values) - 1) * STEP, 1)
    places = [
        None
        if value is None
        else (at * STEP, HEIGHT - (min(max(value, low), high) - low) / ((high - low) or 1) * HEIGHT)
        for at, value in enumerate(values)
    ]
    known = [place for place in places if place]
    return {
        "id": f"chart-{id_}",
        "kind": "line",
        "title": title,
        "width": width,
        "height": HEIGHT,
        "path": _path(places),
        "dots": [{"x": _xy(x), "y": _xy(y)} for x, y in _alone(places)],
        "last_dot": {"x": _xy(known[-1][0]), "y": _xy(known[-1][1])} if known else None,
        "first": labels[0] if labels else "",
        "last": labels[-1] if labels else "",
        "heads": [title],
        "rows": _rows(
            (label, [f"{_n(value)}{unit}"]) for label, value in zip(labels, values, strict=True) if value is not None
        ),
        "is_empty": not known,
    }


Place = tuple[float, float]


def _path(places: Sequence[Place | None]) -> str:
    parts, is_on = [], False
    for place in places:
        if place is not None:
            parts.append(f"{'L' if is_on else 'M'}{_xy(place[0])} {_xy(place[1])}")
        is_on = place is not None
    return " ".join(parts)


def _alone(places: Sequence[Place | None]) -> list[Place]:
    """Days with a value between two without: a line cannot show them."""
    around = [None, *places, None]
    return [
        place
        for before, place, after in zip(around, around[1:], around[2:], strict=False)
        if place and not before and not after
    ]


def _xy(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")


def _rows(rows: Iterable[tuple[str, list[str]]]) -> SafeString:
    """Of the table of numbers: a head and its cells for each day that has any."""
    return format_html_join(
        "",
        '<tr><th scope="row">{}</th>{}</tr>',
        (
            (label, format_html_join("", '<td class="number">{}</td>', ((cell,) for cell in cells)))
            for label, cells in rows
        ),
    )


def _n(value: float) -> str:
    if value == int(value) and 0 <= value < 1000:
        return str(int(value))  # alike in every language
    digits = 0 if value == int(value) else 1
    return formats.number_format(value, digits, force_grouping=True)
