"""What is unusual: many in one run, nothing for days."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from integrations.notifications.volumes import ENOUGH, FLOOR, is_odd, is_silent, usual

AT = dt.datetime(2026, 9, 15, 12, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)


@pytest.mark.parametrize(
    ("what", "count", "before", "odd"),
    [
        ("created", 400, [2, 5, 3, 0, 4, 2, 6, 1, 3, 2, 4], True),
        ("created", 24, [1] * 30, False),  # few are nobody's worry
        ("changed", 120, [80, 95, 110, 70, 100, 90, 105, 85, 115, 75], False),
        ("changed", 900, [80, 95, 110, 70, 100, 90, 105, 85, 115, 75], True),
        ("changed", 900, [80, 95, 110], False),  # nobody knows yet what is usual
        ("deleted", 12, [0] * 30, True),
        ("deleted", 12, [0, 9, 15, 8, 20, 11, 7, 14, 10, 13], False),
        ("changed", 60, [10] * 30, True),  # always the same
        ("created", 5000, [3] * 29 + [4000], True),  # one odd run before does not make it usual
    ],
)
def test_odd_is_far_from_the_usual(what, count, before, odd):
    assert is_odd(what, count, before) is odd


@settings(max_examples=50, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(sorted(FLOOR)), st.lists(st.integers(0, 10_000), min_size=ENOUGH, max_size=30))
def test_no_count_within_the_usual_is_odd_and_more_is_never_less_odd(what, before):
    assert not is_odd(what, usual(before), before)
    found = [is_odd(what, count, before) for count in (10, 100, 1000, 10_000, 100_000)]
    assert found == sorted(found)


def every(hours, number=20):
    return [AT - dt.timedelta(hours=hours) * back for back in range(number, 0, -1)]


@pytest.mark.parametrize(
    ("busy", "later", "silent"),
    [
        (every(1), 3 * DAY, False),  # a weekend
        (every(1), 5 * DAY, True),
        (every(24), 2 * DAY, False),
        (every(24), 5 * DAY, True),
        (every(24 * 7), 20 * DAY, True),
        (every(24 * 7), 12 * DAY, False),
        (every(1, number=5), 90 * DAY, False),
    ],
)
def test_silence_is_much_longer_than_any_usual_gap(busy, later, silent):
    assert is_silent(busy, AT + later) is silent
