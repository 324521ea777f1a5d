"""When a digest comes, in whose time."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from integrations.notifications.windows import next_window

PARIS, SYDNEY = ZoneInfo("Europe/Paris"), ZoneInfo("Australia/Sydney")


def window(after, rhythm="daily", hour=8, weekday=0, zone=PARIS):
    return next_window(dt.datetime.fromisoformat(after), rhythm, hour, weekday, zone).isoformat()


def test_daily_is_the_next_such_hour_there():
    assert window("2026-09-15T05:59:00+00:00") == "2026-09-15T06:00:00+00:00"
    assert window("2026-09-15T06:00:00+00:00") == "2026-09-16T06:00:00+00:00"
    assert window("2026-09-14T23:00:00+00:00", zone=SYDNEY) == "2026-09-15T22:00:00+00:00"


def test_weekly_is_that_day():
    assert window("2026-09-15T05:00:00+00:00", "weekly") == "2026-09-21T06:00:00+00:00"
    assert window("2026-09-14T05:00:00+00:00", "weekly") == "2026-09-14T06:00:00+00:00"
    assert window("2026-09-14T07:00:00+00:00", "weekly") == "2026-09-21T06:00:00+00:00"
    assert window("2026-09-15T05:00:00+00:00", "weekly", weekday=6) == "2026-09-20T06:00:00+00:00"


def test_clock_changes_move_it_in_utc_and_not_there():
    assert window("2026-10-24T12:00:00+00:00") == "2026-10-25T07:00:00+00:00"
    assert window("2026-03-29T00:00:00+00:00", hour=2) == "2026-03-29T01:00:00+00:00"  # there is no such hour that day


def test_never_has_no_window():
    assert next_window(dt.datetime.now(dt.UTC), "never", 8, 0, PARIS) is None


@settings(max_examples=50, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.datetimes(dt.datetime(2024, 1, 1), dt.datetime(2030, 1, 1), timezones=st.just(dt.UTC)),  # noqa: DTZ001
    st.sampled_from(["daily", "weekly"]), st.integers(0, 23), st.integers(0, 6), st.sampled_from([PARIS, SYDNEY]),
)  # fmt: skip
def test_it_is_always_later_and_never_much(after, rhythm, hour, weekday, zone):
    found = next_window(after, rhythm, hour, weekday, zone)
    assert dt.timedelta() < found - after <= dt.timedelta(days=7 if rhythm == "weekly" else 1, hours=2)
