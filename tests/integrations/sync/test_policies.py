"""Who wins, per stream and per field, with the real engine; and that a run's lines say by which rule."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from crm.feed import Actor
from crm.models import Contact
from integrations.models import Conflict, FieldMapping, RecordLink, Stream, SyncLogLine
from integrations.services import conflicts, streams
from integrations.services.connect import Refused
from tests.simulation.memory import Profile
from tests.simulation.play import Play

ADA = Actor("user", "1", "Ada")


@pytest.fixture
def play(live_tenant: Any) -> Iterator[Callable[..., Play]]:
    made: list[Play] = []

    def make(profile: Profile | None = None, **facts: Any) -> Play:
        made.append(Play(live_tenant, profile or Profile(), **{"entities": ("contact",), **facts}))
        return made[-1]

    yield make
    for one in made:
        one.close()


def met(story: Play, **given: Any) -> tuple[str, str]:
    ours = story.new_here("contact", **given)
    assert story.run() == "done"
    return ours, RecordLink.objects.get(record_id=ours).remote_id


def here(pk: str, field: str = "job_title") -> Any:
    return Contact.objects.values_list(field, flat=True).get(pk=pk)


def set_policy(field: str, policy: str, **facts: Any) -> None:
    FieldMapping.objects.filter(local=field).update(policy=policy, **facts)


def rules(pk: str, side: str) -> dict[str, str]:
    """The rules of the last line of this record on that side."""
    return SyncLogLine.objects.filter(record_id=pk, side=side, action="updated").latest("pk").rules


def both_edit(story: Play, pk: str, remote: str, ours: Any, theirs: Any, field: str = "job_title") -> None:
    story.edit_here("contact", pk, field, ours)
    story.edit_there("contact", remote, field, theirs)


def test_each_field_has_its_own_policy(play):
    story = play(choices={"policy": "local"})
    pk, remote = met(story)
    set_policy("score", "remote")
    set_policy("name", "ask")
    both_edit(story, pk, remote, "v30001", "v30002")
    both_edit(story, pk, remote, "30003", "30004", "score")
    both_edit(story, pk, remote, "v30005", "v30006", "name")
    story.run()
    there = story.world.rows[remote].values
    assert (here(pk), there["job"]) == ("v30001", "v30001")
    assert (here(pk, "score"), there["score"]) == (30004, "30004")
    assert (here(pk, "name"), there["name"]) == ("v30005", "v30006")
    assert dict(Conflict.objects.values_list("field", "policy")) == {
        "job_title": "local", "score": "remote", "name": "ask",
    }  # fmt: skip


def test_filling_goes_both_ways_into_what_is_empty(play):
    story = play(choices={"policy": "fill"})
    pk, remote = met(story)
    story.edit_here("contact", pk, "job_title", "v30001")
    story.edit_there("contact", remote, "score", "30002")
    story.come_to_rest()
    assert story.world.rows[remote].values["job"] == "v30001"
    assert here(pk, "score") == 30002
    story.check()


def test_filling_replaces_no_value_and_stays_quiet(play):
    story = play(choices={"policy": "fill"})
    pk, remote = met(story, job_title="v30001")
    story.edit_here("contact", pk, "job_title", "v30002")
    story.come_to_rest()
    assert (here(pk), story.world.rows[remote].values["job"]) == ("v30002", "v30001")
    story.edit_there("contact", remote, "job_title", "v30003")
    story.come_to_rest()
    assert (here(pk), story.world.rows[remote].values["job"]) == ("v30002", "v30003")
    assert not Conflict.objects.exists()
    writes, lines = story.world.writes, SyncLogLine.objects.count()
    story.come_to_rest()
    assert (story.world.writes, SyncLogLine.objects.count()) == (writes, lines)


def test_an_emptied_field_stays_empty_until_the_other_side_changes(play):
    story = play(choices={"policy": "fill"})
    pk, remote = met(story, job_title="v30001")
    story.edit_here("contact", pk, "job_title", None)
    story.come_to_rest()
    assert (here(pk), story.world.rows[remote].values["job"]) == ("", "v30001")
    story.edit_there("contact", remote, "job_title", "v30002")
    story.come_to_rest()
    assert (here(pk), story.world.rows[remote].values["job"]) == ("v30002", "v30002")


def test_filling_where_both_changed_at_once(play):
    story = play(choices={"policy": "fill"})
    pk, remote = met(story, job_title="v30001")
    both_edit(story, pk, remote, None, "v30002")
    story.come_to_rest()
    assert here(pk) == "v30002"
    assert rules(pk, "here") == {"job_title": "fill"}
    assert not Conflict.objects.exists()


def test_critical_can_be_said_of_a_field_and_unsaid(play):
    story = play(choices={"policy": "local"})
    pk, remote = met(story)
    set_policy("job_title", "", critical=True)
    set_policy("email", "", critical=False)
    both_edit(story, pk, remote, "v30001", "v30002")
    both_edit(story, pk, remote, "v30003@x.example", "v30004@x.example", "email")
    story.run()
    assert dict(Conflict.objects.values_list("field", "critical")) == {"job_title": True, "email": False}


def test_mappings_take_a_policy_and_whether_they_are_critical(play):
    story = play()
    stream = Stream.objects.get(pk=story.streams["contact"].pk)
    streams.set_mappings(stream, [{"remote": "job", "local": "job_title", "policy": "fill", "critical": True}])
    one = FieldMapping.objects.get()
    assert (one.policy, one.critical) == ("fill", True)
    with pytest.raises(Refused):
        streams.set_mappings(stream, [{"remote": "job", "local": "job_title", "policy": "loudest"}])


# --- what the lines say -----------------------------------------------------------------------------------------------


def test_lines_say_that_only_one_side_changed(play):
    story = play()
    pk, remote = met(story)
    story.edit_here("contact", pk, "job_title", "v30001")
    story.edit_there("contact", remote, "score", "30002")
    story.run()
    assert rules(pk, "there") == {"job_title": "ours"}
    assert rules(pk, "here") == {"score": "theirs"}


@pytest.mark.parametrize(("policy", "side"), [("local", "there"), ("remote", "here"), ("newest", "here")])
def test_lines_name_the_policy_that_decided_a_conflict(play, policy, side):
    story = play(choices={"policy": policy})
    pk, remote = met(story)
    story.world.tick += 10_000  # the edit there is the newer one
    both_edit(story, pk, remote, "v30001", "v30002")
    story.run()
    assert rules(pk, side) == {"job_title": policy}
    story.edit_here("contact", pk, "job_title", "v30003")
    story.run()
    assert rules(pk, "there") == {"job_title": "ours"}


def test_lines_say_that_a_person_decided(play):
    story = play(choices={"policy": "ask"})
    pk, remote = met(story)
    both_edit(story, pk, remote, "v30001", "v30002")
    story.run()
    conflicts.resolve(Conflict.objects.get(), "local", ADA)
    story.run()
    assert story.world.rows[remote].values["job"] == "v30001"
    assert rules(pk, "there") == {"job_title": "person"}


def test_lines_tell_a_first_meeting(play):
    story = play()
    remote = story.new_there("contact", mail="v30001@x.example", score=None, job="v30002")
    pk = story.new_here("contact", email="v30001@x.example", score="30003")
    Contact.objects.filter(pk=pk).update(name=story.world.rows[remote].values["name"])
    story.come_to_rest()
    assert rules(pk, "here") == {"job_title": "first_meeting"}
    assert rules(pk, "there") == {"score": "first_meeting"}


# --- the first meeting --------------------------------------------------------------------------------------------------


def strangers(story: Play) -> tuple[str, str]:
    """The same person on both sides, not paired yet, with a job that differs."""
    remote = story.new_there("contact", mail="v30001@x.example", job="v30002")
    pk = story.new_here("contact", email="v30001@x.example", job_title="v30003")
    Contact.objects.filter(pk=pk).update(name=story.world.rows[remote].values["name"])
    return pk, remote


def jobs(story: Play, pk: str, remote: str) -> tuple[Any, Any]:
    return here(pk), story.world.rows[remote].values["job"]


OURS, THEIRS = ("v30003", "v30003"), ("v30002", "v30002")


@pytest.mark.parametrize("later", ["newest", "local", "remote", "fill"])
@pytest.mark.parametrize(("first", "then"), [("local", OURS), ("remote", THEIRS)])
def test_who_wins_at_the_first_meeting_need_not_win_later(play, later, first, then):
    story = play(choices={"policy": later, "first_policy": first})
    pk, remote = strangers(story)
    story.come_to_rest()
    assert jobs(story, pk, remote) == then
    told = Conflict.objects.get(field="job_title")
    assert (told.policy, told.winner, told.local, told.remote) == (first, first, "v30003", "v30002")
    assert rules(pk, "there" if first == "local" else "here")["job_title"] == first
    both_edit(story, pk, remote, "v40001", "v40002")
    story.come_to_rest()
    winner = {"newest": "v40002", "local": "v40001", "remote": "v40002"}.get(later)
    assert jobs(story, pk, remote) == ((winner, winner) if winner else ("v40001", "v40002"))


def test_the_first_meeting_may_be_asked_about_and_nothing_is_written_until_then(play):
    story = play(choices={"policy": "remote", "first_policy": "ask"})
    pk, remote = strangers(story)
    story.come_to_rest()
    assert jobs(story, pk, remote) == ("v30003", "v30002")
    waiting = Conflict.objects.get()
    assert (waiting.policy, waiting.state, waiting.base) == ("ask", Conflict.State.OPEN, None)
    conflicts.resolve(waiting, "local", ADA)
    story.come_to_rest()
    assert jobs(story, pk, remote) == OURS


def test_a_field_with_a_rule_of_its_own_follows_it_from_the_beginning(play):
    story = play(choices={"policy": "newest", "first_policy": "local"})
    set_policy("job_title", "remote")
    pk, remote = strangers(story)
    story.come_to_rest()
    assert jobs(story, pk, remote) == THEIRS


def test_an_empty_side_is_filled_whoever_wins_at_the_first_meeting(play):
    story = play(choices={"policy": "newest", "first_policy": "local"})
    remote = story.new_there("contact", mail="v30001@x.example", job="v30002")
    pk = story.new_here("contact", email="v30001@x.example", job_title="")
    Contact.objects.filter(pk=pk).update(name=story.world.rows[remote].values["name"])
    story.come_to_rest()
    assert jobs(story, pk, remote) == THEIRS


APART = ("v30003", "v30002")


@pytest.mark.parametrize("of", ["the table", "the field"])
@pytest.mark.parametrize("first", ["newest", "local", "remote", "ask"])
@pytest.mark.parametrize(("way", "source", "then"), [("import", "remote", THEIRS), ("export", "local", OURS)])
def test_what_only_fills_one_way_replaces_a_value_at_first_only_for_the_side_it_comes_from(
    play, way, source, then, first, of
):
    story = play(choices={"policy": "fill", "first_policy": first} | ({"direction": way} if of == "the table" else {}))
    FieldMapping.objects.filter(local="job_title").update(direction=way)
    pk, remote = strangers(story)
    story.come_to_rest()
    assert jobs(story, pk, remote) == (then if first == source else APART)
    assert not Conflict.objects.exists()


@pytest.mark.parametrize("now", ["ask", ""])
def test_what_a_person_chose_goes_out_though_the_rule_only_fills(play, now):
    story = play(choices={"policy": "fill", "first_policy": "ask"})
    pk, remote = strangers(story)
    story.come_to_rest()
    streams.change(Stream.objects.get(), first_policy=now)
    conflicts.resolve(Conflict.objects.get(), "local", ADA)
    story.come_to_rest()
    assert jobs(story, pk, remote) == OURS
    assert rules(pk, "there")["job_title"] == "person"


def test_what_was_asked_before_the_rule_only_filled_goes_out_as_well(play):
    story = play(choices={"policy": "ask"})
    pk, remote = met(story)
    both_edit(story, pk, remote, "v30003", "v30002")
    story.run()
    streams.change(Stream.objects.get(), policy="fill")
    conflicts.resolve(Conflict.objects.get(), "local", ADA)
    story.come_to_rest()
    assert jobs(story, pk, remote) == OURS


@pytest.mark.parametrize(("first", "one", "other"), [("local", OURS, THEIRS), ("remote", THEIRS, OURS)])
def test_swapping_who_won_at_first_reaches_both_sides_though_the_rule_only_fills(play, first, one, other):
    story = play(choices={"policy": "fill", "first_policy": first})
    pk, remote = strangers(story)
    for then in (one, other, one):
        story.come_to_rest()
        assert jobs(story, pk, remote) == then
        conflicts.swap(Conflict.objects.get(), ADA)


def test_an_emptying_that_a_person_swapped_to_is_not_filled_back(play):
    story = play(choices={"policy": "local"})
    pk, remote = met(story, job_title="v30001")
    both_edit(story, pk, remote, "v30003", None)
    story.come_to_rest()
    streams.change(Stream.objects.get(), policy="fill")
    conflicts.swap(Conflict.objects.get(), ADA)
    story.come_to_rest()
    assert here(pk) == ""


def test_there_is_no_filling_at_the_first_meeting_only(play):
    stream = play().streams["contact"]
    with pytest.raises(Refused):
        streams.change(stream, first_policy="fill")
