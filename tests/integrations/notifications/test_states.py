"""When a change is worth telling: a state against the one that was told last."""

from __future__ import annotations

import datetime as dt
import itertools

import pytest

from integrations.notifications import states
from integrations.notifications.kinds import Kind, Level
from integrations.notifications.states import OK, Facts, Memory, State, of_incident, of_integration, of_stream, step

AT = dt.datetime(2026, 9, 15, 12, tzinfo=dt.UTC)
HOUR = dt.timedelta(hours=1)
PATIENCE = dt.timedelta(minutes=45)
DOWN, LOST, LONG = (
    State(Level.WARNING, "unavailable"),
    State(Level.WARNING, "outcome_unknown"),
    State(Level.LONG, "unavailable"),
)
KEY, BRAKE = State(Level.CRITICAL, "authentication_failed"), State(Level.CRITICAL, "brake")


def told(*seen):
    """What is told of these states, seen one hour after the other."""
    memory, news = Memory(), []
    for number, state in enumerate(seen):
        memory, one = step(memory, state, AT + number * HOUR)
        news.append(one and (one.kind, one.state.code, one.again))
    return news


def test_trouble_is_told_once_however_often_it_is_seen():
    assert told(OK, DOWN, DOWN, None, DOWN) == [None, (Kind.WARNING, "unavailable", False), None, None, None]


def test_what_passes_by_itself_is_one_trouble_whatever_its_code_is_today():
    assert told(DOWN, LOST, DOWN)[1:] == [None, None]


def test_recovery_is_told_once_and_only_after_trouble_that_was():
    assert told(OK, OK) == [None, None]
    assert told(DOWN, None, OK, OK)[2:] == [(Kind.RECOVERED, "unavailable", False), None]


def test_worse_is_told_and_so_is_another_reason_to_stop():
    assert [one[0] for one in told(DOWN, LONG, KEY, BRAKE)] == [
        Kind.WARNING,
        Kind.WARNING,
        Kind.CRITICAL,
        Kind.CRITICAL,
    ]


def test_on_the_way_down_nothing_is_told_until_it_works():
    assert told(LONG, DOWN, OK)[1:] == [None, (Kind.RECOVERED, "unavailable", False)]
    assert told(KEY, DOWN)[1] == (
        Kind.WARNING,
        "unavailable",
        False,
    )  # the key was mended, and now it is something else


def test_the_same_trouble_soon_after_is_marked_as_told_before():
    assert told(DOWN, OK, DOWN)[2] == (Kind.WARNING, "unavailable", True)
    assert told(DOWN, OK, KEY)[2] == (Kind.CRITICAL, "authentication_failed", False)
    assert told(DOWN, OK, *[None] * 9, DOWN)[-1] == (Kind.WARNING, "unavailable", False)


STATES = [None, OK, DOWN, LOST, LONG, KEY, BRAKE, State(Level.SHARED, "unavailable")]
STORIES = [story for length in range(4) for story in itertools.product(STATES, repeat=length)]


def test_every_trouble_that_is_told_and_ends_is_told_to_be_over_once():
    for story in STORIES:
        kinds = [one[0] for one in told(*story, OK) if one]
        assert not kinds or kinds[-1] == Kind.RECOVERED, story
        assert (Kind.RECOVERED, Kind.RECOVERED) not in zip(kinds, kinds[1:], strict=False), story


def test_to_see_a_state_again_tells_nothing():
    for story in STORIES:
        assert story == () or told(*story, story[-1])[-1] is None, story


def integration(**facts):
    return of_integration(Facts(**{"status": "active"} | facts), AT, PATIENCE)


def test_states_of_a_connection():
    assert integration(proven=True) == OK
    assert integration() is None
    assert integration(failing_since=AT - PATIENCE, last_code="unavailable") == DOWN
    assert integration(failing_since=AT - PATIENCE / 2) is None
    assert integration(failing_since=AT - 30 * HOUR, is_warned=True, last_code="unavailable") == LONG
    assert integration(status="attention", status_code="brake", is_shared=True) == BRAKE
    assert integration(failing_since=AT - 30 * HOUR, is_shared=True) is None
    assert [integration(status=status, proven=True) for status in ("paused", "draft")] == [None, None]


@pytest.mark.parametrize(
    ("problem", "status", "proven", "state"),
    [
        ("not_found", "active", True, State(Level.WARNING, "not_found")),
        ("not_found", "attention", False, None),
        ("", "active", True, OK),
        ("", "active", False, None),
    ],
)
def test_states_of_a_table(problem, status, proven, state):
    assert of_stream(problem, status, proven) == state


def test_trouble_for_many_concerns_whom_it_meets():
    assert of_incident("unavailable", is_met=True) == State(Level.SHARED, "unavailable")
    assert of_incident("unavailable", is_met=False) is None
    assert of_incident(None, is_met=False) == OK
    assert states.KIND_OF[Level.SHARED] == Kind.WARNING
