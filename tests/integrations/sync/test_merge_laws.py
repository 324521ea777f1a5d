"""Laws of the pure merge, whatever the values, bases, directions and policies: tried with Hypothesis.

Swapping the sides swaps the answer, without exception: who wins a tie is decided outside, by the policy that is asked.
"""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from integrations.sync.merge import Merge, Pair, Rule, is_empty, merge
from values import UNSEEN

NAMES = ("a", "b")
VALUES = st.sampled_from([None, "x", "y", "z", ["t"]])
BASES = st.sampled_from([UNSEEN, None, "x", "y", ["t"]])
WINNERS = {"local": "remote", "remote": "local", "ask": "ask"}


@st.composite
def met(draw):
    """(rules, pair, {name: who wins a contest}) of a record that needs no translation."""
    rules, winners = [], {}
    for name in NAMES:
        way = draw(st.sampled_from([(True, True), (True, False), (False, True)]))
        policy, first = (
            draw(st.sampled_from(["newest", "ask", "fill"])),
            draw(st.sampled_from(["", "", "newest", "ask"])),
        )
        rules.append(Rule(name, *way, policy=policy, first=first))
        winners[name] = draw(st.sampled_from(["local", "remote"]))
    local, remote = ({name: draw(VALUES) for name in NAMES} for _side in "lr")
    bases = []
    for _side in "lr":
        drawn = {name: draw(BASES) for name in NAMES}
        bases.append({name: value for name, value in drawn.items() if value is not UNSEEN})
    return rules, Pair(local, remote, remote, *bases), winners


def decided(rules, pair, winners) -> Merge:
    return merge(rules, pair, lambda name, rule: "ask" if rule == "ask" else winners[name])


def swapped(rules, pair, winners):
    rules = [replace(rule, inbound=rule.outbound, outbound=rule.inbound) for rule in rules]
    pair = Pair(pair.remote, pair.local, pair.local, pair.base_remote, pair.base_local)
    return rules, pair, {name: WINNERS[winner] for name, winner in winners.items()}


def applied(pair: Pair, result: Merge) -> Pair:
    """Both sides and their bases when everything has been written and answered."""
    sent = {name: pair.local[name] for name in result.to_remote}
    return Pair(
        local=dict(pair.local) | result.to_local,
        remote=(remote := dict(pair.remote) | sent),
        translated=remote,
        base_local=dict(pair.base_local) | result.base_local | sent,
        base_remote=dict(pair.base_remote) | result.base_remote | sent,
    )


@settings(max_examples=600)
@given(met())
def test_swapping_sides_swaps_the_answer(story):
    rules, pair, winners = story
    one, other = decided(*story), decided(*swapped(*story))
    assert set(one.to_local) == other.to_remote
    assert one.to_remote == set(other.to_local)
    assert all(other.to_local[name] == pair.local[name] for name in one.to_remote)
    assert all(one.to_local[name] == pair.remote[name] for name in other.to_remote)
    assert {name: WINNERS[winner] for name, winner in one.contested.items()} == other.contested
    turned = {"ours": "theirs", "theirs": "ours"}
    assert {name: turned.get(why, why) for name, why in one.why.items()} == other.why


@settings(max_examples=600)
@given(met())
def test_merging_again_after_it_is_carried_out_does_nothing(story):
    rules, pair, winners = story
    first = decided(*story)
    again = decided(rules, applied(pair, first), winners)
    asked = {name for name, winner in first.contested.items() if winner == "ask"}
    assert not again.to_local and not again.to_remote
    assert set(again.contested) == asked


@settings(max_examples=600)
@given(met())
def test_nothing_outside_the_rules_moves(story):
    rules, pair, winners = story
    result = decided(rules[:1], pair, winners)
    touched = {*result.to_local, *result.to_remote, *result.base_local, *result.base_remote, *result.contested}
    assert touched <= {rules[0].name} and set(result.why) <= {rules[0].name}
    assert not (result.to_local and not rules[0].inbound) and not (result.to_remote and not rules[0].outbound)


@settings(max_examples=600)
@given(met())
def test_filling_replaces_no_value_and_makes_no_conflict(story):
    rules, pair, winners = story
    rules = [replace(rule, policy="fill", first="") for rule in rules]
    result = decided(rules, pair, winners)
    on_its_way = pair.base_local.keys() ^ pair.base_remote.keys()  # one side was seen: the other is to replace it
    assert all(is_empty(pair.local[name]) for name in result.to_local.keys() - on_its_way)
    assert all(is_empty(pair.remote[name]) for name in result.to_remote - on_its_way)
    assert not result.contested


@settings(max_examples=600)
@given(met())
def test_every_field_that_moves_says_why(story):
    rules, pair, winners = story
    result = decided(*story)
    reasons = {
        "theirs",
        "ours",
        "same",
        "first_meeting",
        *(rule.policy for rule in rules),
        *(rule.first for rule in rules),
    }
    assert {*result.to_local, *result.to_remote} <= set(result.why) and set(result.why.values()) <= reasons


@settings(max_examples=600)
@given(met())
def test_a_value_that_nobody_gave_appears_nowhere(story):
    _rules, pair, _winners = story
    result = decided(*story)
    assert all(value == pair.remote[name] for name, value in result.to_local.items())


def test_an_emptied_value_is_not_filled_back_until_the_other_side_changes():
    rule = Rule("a", policy="fill")
    emptied = Pair({"a": None}, {"a": "x"}, {"a": "x"}, {"a": "x"}, {"a": "x"})
    quiet = merge([rule], emptied, nobody)
    assert not quiet.to_local and not quiet.to_remote and quiet.base_local == {"a": None}
    theirs = Pair({"a": None}, {"a": "y"}, {"a": "y"}, {"a": None}, {"a": "x"})
    assert merge([rule], theirs, nobody).to_local == {"a": "y"}


def nobody(name: str, rule: str):
    raise AssertionError(f"{rule} was asked about {name}")


@settings(max_examples=600)
@given(met())
def test_the_rule_of_the_first_meeting_decides_what_was_never_agreed_on_and_nothing_else(story):
    rules, pair, winners = story
    result = decided(*story)
    later = decided([replace(rule, first="") for rule in rules], pair, winners)
    for rule in rules:
        name = rule.name
        met_before = name in pair.base_local and name in pair.base_remote
        if met_before or not rule.first:
            assert [one.get(name) for one in (result.to_local, result.contested, result.why)] == [
                one.get(name) for one in (later.to_local, later.contested, later.why)
            ]
        elif name in result.contested:
            assert result.contested[name] == ("ask" if rule.first == "ask" else winners[name])


def test_what_fills_later_may_have_decided_at_the_first_meeting():
    rule = Rule("a", policy="fill", first="remote")
    new = Pair({"a": "ours"}, {"a": "theirs"}, {"a": "theirs"})
    assert merge([rule], new, lambda _name, rule: rule).to_local == {"a": "theirs"}
    later = Pair({"a": "ours"}, {"a": "theirs"}, {"a": "theirs"}, {"a": "x"}, {"a": "x"})
    assert not merge([rule], later, nobody).to_local


def test_what_was_seen_there_and_is_to_be_replaced_goes_out_whatever_the_rule():
    for policy in ("newest", "local", "remote", "ask", "fill"):
        seen = Pair({"a": "ours"}, {"a": "theirs"}, {"a": "theirs"}, {}, {"a": "theirs"})
        result = merge([Rule("a", policy=policy)], seen, nobody)
        assert (result.to_remote, result.to_local, result.base_local) == ({"a"}, {}, {})
