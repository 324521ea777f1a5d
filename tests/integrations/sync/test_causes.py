"""Reasons of one cause have one key, whatever values stand in them."""

from __future__ import annotations

import pytest

from integrations.sync import causes


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("“+33 1” is not a number", "“n/a” is not a number"),
        ("Property values were not valid: 'x@y'", "Property values were not valid: 'it'"),
        ("longer than the 2,000 characters that Notion takes", "longer than the 100 characters that Notion takes"),
        ("ada@acme.example is not a user of this account", "bo.x@acme.example is not a user of this account"),
    ],
)
def test_values_do_not_part_a_cause(one, other):
    assert causes.key("invalid_record", one) == causes.key("invalid_record", other) != ""


def test_other_words_are_another_cause():
    keys = {causes.key("unfit", words) for words in ("“x” is not a number", "“x” is not a date", "it's too long")}
    assert len(keys) == 3


def test_a_code_that_says_all_needs_no_words():
    assert causes.key("vanished", "whatever the sentence is") == "" == causes.key("unfit", "")


def test_pattern_is_for_people():
    assert causes.pattern("“+33 1” is not a phone number, see https://a.example/b") == "… is not a phone number, see …"


def test_a_reason_of_any_length_is_looked_through_at_once():
    """A tool may repeat a whole file in what it says; looking for addresses in it took half a minute."""
    for long in ("a" * 500_000, "“" * 500_000, "a@" * 250_000):
        assert len(causes.pattern(f"Refused: {long}")) <= causes.LOOKED_AT
    assert causes.pattern("Ask ada@rossi.example, or <bo@berg.example>.") == "Ask …, or …>."
