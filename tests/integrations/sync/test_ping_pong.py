"""Two writers that keep changing one field: only that record is left out, and both are named."""

from __future__ import annotations

import pytest

from crm import records
from crm.feed import Actor
from crm.models import Contact
from integrations.models import RecordLink, SetAside
from integrations.services import links
from integrations.sync.flips import is_ping_pong, noted
from tests.simulation.memory import Profile
from tests.simulation.play import Play

NOW = 1_000_000.0
ROBOT = Actor("api", "1", "Formatter")


def written(sides, values, step=60.0):
    history = []
    for number, (side, value) in enumerate(zip(sides, values, strict=True)):
        at = NOW + number * step
        history = noted(history, [side, value, at, ""], now=at)
    return history, NOW + (len(sides) - 1) * step


TURNS = ["there", "here"]


def test_the_same_two_values_by_turns_three_times_is_ping_pong():
    assert is_ping_pong(*written(TURNS * 3, ["a", "b"] * 3))
    assert not is_ping_pong(*written((TURNS * 3)[:5], (["a", "b"] * 3)[:5]))


def test_slower_than_an_hour_is_not():
    assert not is_ping_pong(*written(TURNS * 3, ["a", "b"] * 3, step=800))


@pytest.mark.parametrize(
    ("sides", "values"),
    [
        (TURNS * 4, "abcdefgh"),  # a conversation
        (TURNS * 4, "abacadae"),  # one side keeps its value, the other's differ
        (["here"] * 8, "abababab"),  # one writer alone
        (["there", "there", "here", "here"] * 2, "ababcdcd"),
        (TURNS * 3, "aaaaaa"),  # nothing moves
    ],
)
def test_ordinary_editing_is_not(sides, values):
    assert not is_ping_pong(*written(sides, list(values)))


def test_many_turns_in_a_hurry_are_whatever_the_values():
    sides, values = (TURNS * 11)[:21], [str(n) for n in range(21)]
    assert is_ping_pong(*written(sides, values, step=20))
    assert not is_ping_pong(*written(sides, values, step=40))
    assert not is_ping_pong(*written(sides[:20], values[:20], step=20))


def test_a_history_stays_short():
    history, _now = written(["there"] * 500, ["a"] * 500, step=1)
    assert len(history) == 21


@pytest.fixture
def play(live_tenant):
    made = Play(live_tenant, Profile(batch=5), entities=("contact",))
    yield made
    made.close()


def test_only_that_record_is_left_out_and_both_writers_are_named(play):
    ours, other = play.new_here("contact"), play.new_here("contact")
    play.run()
    remote = {str(pk): there for pk, there in RecordLink.objects.values_list("record_id", "remote_id")}
    for _ in range(3):
        assert not RecordLink.objects.exclude(left_out="").exists()
        play.edit_there("contact", remote[ours], "job_title", "BOSS")
        play.run()
        records.update("contact", ours, {"job_title": "Boss"}, ROBOT)
        play.run()
    link = RecordLink.objects.get(record_id=ours)
    assert link.left_out == "ping_pong"
    aside = SetAside.objects.get()
    assert (aside.code, aside.side, str(aside.record_id), aside.field) == ("ping_pong", "here", ours, "job_title")
    assert all(word in aside.reason for word in ("Formatter", "Boss", "BOSS", "Memory"))
    writes = play.world.writes
    play.edit_there("contact", remote[ours], "job_title", "BOSS")
    play.edit_there("contact", remote[other], "job_title", "v20001")
    play.come_to_rest()
    assert play.world.writes == writes
    assert Contact.objects.get(pk=ours).job_title == "Boss" and Contact.objects.get(pk=other).job_title == "v20001"
    assert SetAside.objects.get().code == "ping_pong"
    links.take_up(link, "Olga")
    play.come_to_rest()
    link.refresh_from_db()
    assert (link.left_out, SetAside.objects.count()) == ("", 0)
    assert Contact.objects.get(pk=ours).job_title == play.world.rows[remote[ours]].values["job"]


def test_a_first_import_and_plain_edits_note_nothing(play):
    ours = play.new_here("contact")
    play.new_there("contact")
    play.run()
    play.edit_here("contact", ours, "job_title", "v20001")
    play.run()
    assert set(map(str, RecordLink.objects.values_list("flips", flat=True))) == {"{}"}
