"""Reading everything again, and matching anew: nothing is lost, nothing stands twice."""

from __future__ import annotations

import pytest

from crm.models import Contact
from integrations.models import Conflict, HeldRecord, RecordLink, SetAside
from integrations.services import links, restarts
from integrations.sync.store import MappingChanged
from tests.simulation.memory import Fault, Profile
from tests.simulation.play import Play


@pytest.fixture
def begin(live_tenant):
    made = []

    def start(profile=None, **choices):
        made.append(Play(live_tenant, profile or Profile(batch=5), choices, entities=("contact",)))
        return made[-1]

    yield start
    for play in made:
        play.close()


def linked():
    return {
        str(pk): there for pk, there in RecordLink.objects.filter(state="linked").values_list("record_id", "remote_id")
    }


def stand_once(play, number):
    assert Contact.objects.count() == number and len(play.world.alive("contacts")) == number
    assert len(linked()) == number


def met(play):
    """Records made on both sides, some alike, some without any key."""
    for given in ({"email": "ada@x.example"}, {"email": ""}, {"email": "twin@x.example"}, {"email": "twin@x.example"}):
        play.new_here("contact", **given)
    for mail in ("bob@x.example", None, None):
        play.new_there("contact", mail=mail)
    play.come_to_rest()
    return linked()


def test_reading_again_loses_nothing_and_changes_nothing(begin):
    play = begin()
    pairs = met(play)
    ours, theirs = next(iter(pairs.items()))
    play.edit_here("contact", ours, "job_title", "v20001")
    play.edit_there("contact", theirs, "score", "5")
    reads = play.world.calls["read"]
    restarts.read_again(play.streams["contact"])
    play.come_to_rest()
    assert play.world.calls["read"] > reads + 1
    assert linked() == pairs
    contact = Contact.objects.get(pk=ours)
    assert (contact.score, play.world.rows[theirs].values["job"]) == (5, "v20001")
    stand_once(play, 7)


@pytest.mark.parametrize("matching", ["match_or_create", "create_only"])
def test_matching_anew_pairs_everything_again_also_what_no_key_tells_apart(begin, matching):
    play = begin(matching=matching)
    pairs = met(play)
    assert len(pairs) == 7
    restarts.match_anew(play.streams["contact"])
    assert not RecordLink.objects.exists()
    play.come_to_rest()
    assert linked() == pairs
    stand_once(play, 7)
    assert not SetAside.objects.exists() and not HeldRecord.objects.exists()
    play.check()


def test_what_both_sides_hold_differently_is_decided_by_the_rule_and_kept(begin):
    play = begin()
    ours, theirs = next(iter(met(play).items()))
    play.edit_here("contact", ours, "job_title", "v20001")
    play.edit_there("contact", theirs, "job_title", "v20002")
    restarts.match_anew(play.streams["contact"])
    play.come_to_rest()
    conflict = Conflict.objects.get()
    assert {conflict.local, conflict.remote} == {"v20001", "v20002"}
    stand_once(play, 7)


def test_pairs_that_a_stronger_key_contradicts_part(begin):
    play = begin()
    here = play.new_here("contact", email="a@x.example")
    there = play.new_there("contact", mail="b@x.example")
    play.integration.streams.update(direction="import")
    RecordLink.objects.create(
        stream=play.streams["contact"], record_id=here, remote_id=there, base_local={"email": "a@x.example"}
    )
    restarts.match_anew(play.streams["contact"])
    play.integration.streams.update(direction="both")
    play.come_to_rest()
    assert linked()[here] != there
    stand_once(play, 2)


def test_open_conflicts_are_closed_with_a_note_and_a_paused_record_stays_paused(begin):
    play = begin(policy="ask")
    (ours, theirs), (other, _there), *_rest = met(play).items()
    play.edit_here("contact", ours, "job_title", "v20001")
    play.edit_there("contact", theirs, "job_title", "v20002")
    links.pause(RecordLink.objects.get(record_id=other), "Olga")
    play.run()
    assert Conflict.objects.get().state == "open"
    restarts.match_anew(play.streams["contact"])
    assert (Conflict.objects.get().state, Conflict.objects.get().settled_by) == ("settled", "restarted")
    assert RecordLink.objects.get().left_out == "paused"
    play.come_to_rest()
    assert Conflict.objects.filter(state="open").count() == 1  # the first meeting asks again
    stand_once(play, 7)


@pytest.mark.parametrize("kind", ["lost", "late", "not_sent", "killed_after"])
def test_a_create_whose_answer_was_lost_is_not_doubled(begin, kind):
    play = begin()
    play.come_to_rest()
    play.new_here("contact", email="")
    play.run(faults=[Fault(0, kind)])
    restarts.match_anew(play.streams["contact"])
    play.come_to_rest(runs=3)
    stand_once(play, 1)


def test_a_run_at_work_begins_anew(begin):
    play = begin()
    met(play)
    done = []

    def restart(number):
        if not done:
            done.append(number)
            play.people.submit(restarts.match_anew, play.streams["contact"]).result()

    play.edit_there("contact", next(iter(linked().values())), "job_title", "v20001")
    try:
        play.run(on_call=restart)
    except MappingChanged:
        play.integration.runs.filter(state="running").update(state="done")
    play.come_to_rest()
    stand_once(play, 7)


def test_matching_anew_ends_in_short_slices_though_some_are_gone_there(begin):
    play = begin(Profile(tombstones=False))
    there = [play.new_there("contact", mail=None) for _ in range(4)]
    play.come_to_rest()
    restarts.match_anew(play.streams["contact"])
    for remote in there[:2]:
        play.trash_there(remote)
    slices = 0
    while play.run(seconds=0) == "slice over":
        slices += 1
        assert slices < 20
    play.come_to_rest()
    assert set(there[2:]) < set(linked().values()) and not HeldRecord.objects.exists()
    stand_once(play, 4)
