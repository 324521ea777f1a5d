"""Whether a run wrote unusually much, and whether a table has been silent for unusually long. Pure.

Median and median deviation, because one odd run among thirty moves neither of them.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from statistics import median

KEPT = 30  # busy runs of a table that are looked back on
ENOUGH = 10  # with fewer nothing is called usual
#: So few are nobody's worry, however unusual.
FLOOR = {"created": 25, "changed": 50, "deleted": 10}
FAR = 6  # deviations
#: A weekend, also a long one, is no silence.
SILENCE = dt.timedelta(days=4)
TIMES = 3  # the longest usual gap


def usual(counts: Sequence[int]) -> int:
    return round(median(counts))


def is_odd(what: str, count: int, before: Sequence[int]) -> bool:
    """before: how many of `what` the busy runs before this one wrote."""
    if len(before) < ENOUGH or count < FLOOR[what]:
        return False
    middle = median(before)
    deviation = 1.4826 * median(abs(one - middle) for one in before)  # of normal numbers: the standard deviation
    return count > middle + FAR * max(deviation, 0.25 * middle, 1.0)


def is_silent(busy: Sequence[dt.datetime], at: dt.datetime) -> bool:
    """busy: when runs wrote something, oldest first."""
    if len(busy) < ENOUGH:
        return False
    gaps = [later - earlier for earlier, later in zip(busy, busy[1:], strict=False)]
    return at - busy[-1] > max(SILENCE, TIMES * max(gaps))
