"""Pictures of numbers: pure, without commas in coordinates, with their numbers beside them."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

from django.template.loader import render_to_string
from django.utils import translation

from integrations.ui import charts


def _cells(made: dict[str, Any]) -> list[list[str]]:
    return [re.findall(r"<td[^>]*>(.*?)</td>", row) for row in made["rows"].split("<tr>")[1:]]


def test_what_is_drawn_is_escaped():
    made = charts.columns("x", "Runs", ["<a>", "b"], [charts.Series("ok", "<b>", [1, 2])])
    assert "&lt;a&gt;: 1 &lt;b&gt;" in made["bars"] and '<th scope="row">&lt;a&gt;</th>' in made["rows"]


def test_columns_stand_on_each_other_and_never_above_the_top():
    made = charts.columns("x", "Runs", ["a", "b", "c"], [
        charts.Series("ok", "done", [3, 0, 100]), charts.Series("trouble", "failed", [1, 0, 1]),
    ])  # fmt: skip
    bars = re.findall(r' y="([\d.]+)" width="6" height="([\d.]+)"', made["bars"])
    assert len(bars) == 4
    for y, height in bars:
        assert 0 <= float(y) and float(y) + float(height) <= charts.HEIGHT + 0.01
        assert float(height) >= charts.LEAST  # what is not nothing can be seen
    assert _cells(made) == [["3", "1"], ["100", "1"]]  # a day without anything needs no row
    assert made["legend"] and not made["is_empty"]


def test_nothing_is_told_as_nothing():
    made = charts.columns("x", "Runs", ["a", "b"], [charts.Series("ok", "done", [0, 0])])
    assert made["is_empty"] and not made["bars"] and made["legend"] == []
    assert charts.columns("x", "Runs", [], [])["is_empty"]


def test_a_new_connection_is_drawn_over_a_week_and_an_old_one_over_a_month():
    month = [dt.date(2026, 11, 1) + dt.timedelta(days=at) for at in range(30)]
    assert charts.lately(month, month[-1]) == charts.lately(month, month[-7]) == month[-7:]
    assert charts.lately(month, month[-8]) == month[-14:]
    assert charts.lately(month, month[-15]) == charts.lately(month, None) == month


def test_a_day_without_anything_has_its_mark_and_only_what_there_is_stands_in_the_legend():
    made = charts.columns("x", "Runs", ["a", "b", "c"], [
        charts.Series("ok", "done", [0, 0, 2]), charts.Series("trouble", "failed", [0, 0, 0]),
    ])  # fmt: skip
    assert made["nothing"].count("M") == 2 and made["total"] == "2"
    assert [one["label"] for one in made["legend"]] == ["done"]
    assert not made["most"]  # of one day it would be the total again


def test_line_has_gaps_where_nobody_looked_and_dots_for_days_alone():
    made = charts.line("x", "Agree", list("abcdef"), [None, 99.0, None, 100.0, 98.5, None], 90, 100, " %")
    assert made["path"].count("M") == 2 and made["path"].count("L") == 1
    assert len(made["dots"]) == 1 and made["last_dot"]["y"] == "9"
    assert _cells(made) == [["99 %"], ["100 %"], ["98.5 %"]]
    assert charts.line("x", "Agree", ["a"], [None], 0, 1)["is_empty"]


def test_drawn_with_a_name_and_a_table_and_without_style():
    with translation.override("fr"):
        made = charts.columns("x", "Passages", ["1 mai", "2 mai"], [charts.Series("ok", "faits", [1, 2.5])])
        html = render_to_string("ui/_chart.html", {"chart": made})
        bare = render_to_string("ui/_chart.html", {"chart": made, "bare": True})
    assert 'role="img"' in html and "<title" in html and "<table" in html and "style=" not in html
    assert 'height="24"' in html and "2,5" in html  # coordinates as a machine reads them, numbers as a person does
    assert "visually-hidden" in bare and "<table" in bare
