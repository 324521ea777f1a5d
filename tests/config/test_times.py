"""Relative times: the words of the server, which the script in the page repeats."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.utils import timezone, translation

from config import times

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("language", "ago", "words"),
    [
        ("en", timedelta(seconds=59), "just now"),
        ("en", timedelta(seconds=119), "1 minute ago"),
        ("en", timedelta(minutes=-5), "in 5 minutes"),
        ("fr", timedelta(hours=5), "il y a 5 heures"),
        ("it", timedelta(days=13), "1 settimana fa"),
        ("it", timedelta(days=59), "1 mese fa"),
        ("fr", timedelta(days=366), "il y a 1 an"),
    ],
)
def test_the_largest_whole_unit_is_said(language, ago, words):
    with translation.override(language):
        assert times.relative_to(NOW - ago, NOW) == words


def test_the_script_counts_in_the_same_units():
    script = (Path(__file__).parents[2] / "static/js/raccord.js").read_text()
    steps = re.search(r"STEPS = (\[.*\]);", script)
    assert steps and tuple(map(int, re.findall(r"\d+", steps[1]))) == times.STEPS


def test_what_is_due_by_now_is_not_to_come():
    now = timezone.now()
    assert times.is_to_come(now + timedelta(seconds=90))
    assert not times.is_to_come(now + timedelta(seconds=30)) and not times.is_to_come(now - timedelta(hours=2))
