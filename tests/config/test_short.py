"""What is long is cut as Django cuts it, and what is not is left alone."""

from __future__ import annotations

from django.template import Context, Engine

CUT = Engine(builtins=["config.short"]).from_string("{{ text|truncatechars:6 }}")


def test_only_what_is_longer_is_cut():
    drawn = [CUT.render(Context({"text": text})) for text in ("", "short", "123456", "1234567", 1234567)]
    assert drawn == ["", "short", "123456", "12345…", "12345…"]


def test_what_is_cut_is_escaped():
    assert CUT.render(Context({"text": "<b>x"})) == "&lt;b&gt;x"
