"""Conflicts from engine to inbox: they end by themselves, are settled, swapped, seen; no newer edit is overwritten."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from crm.feed import Actor
from crm.models import Contact
from integrations.models import Conflict, FieldMapping, LinkState, RecordLink, SyncLogLine
from integrations.scheduling.models import Due
from integrations.services import conflicts
from integrations.services.connect import Refused
from tests.simulation.memory import Profile
from tests.simulation.play import Play

ADA = Actor("user", "1", "Ada")
OPEN, SETTLED = Conflict.State.OPEN, Conflict.State.SETTLED


@pytest.fixture
def play(live_tenant: Any) -> Iterator[Callable[..., Play]]:
    made: list[Play] = []

    def make(profile: Profile | None = None, **facts: Any) -> Play:
        made.append(Play(live_tenant, profile or Profile(), **{"entities": ("contact",), **facts}))
        return made[-1]

    yield make
    for one in made:
        one.close()


def met(story: Play) -> tuple[str, str]:
    ours = story.new_here("contact", job_title="v40000")
    assert story.run() == "done"
    return ours, RecordLink.objects.get(record_id=ours).remote_id


def here(pk: str) -> str:
    return Contact.objects.values_list("job_title", flat=True).get(pk=pk)


def there(story: Play, remote: str) -> Any:
    return story.world.rows[remote].values["job"]


def asked(play: Callable[..., Play], policy: str = "ask") -> tuple[Play, str, str]:
    """Ours is v40001, theirs v40002, both were v40000."""
    story = play(choices={"policy": policy})
    pk, remote = met(story)
    story.edit_here("contact", pk, "job_title", "v40001")
    story.edit_there("contact", remote, "job_title", "v40002")
    story.come_to_rest(1)
    return story, pk, remote


def only() -> Conflict:
    return Conflict.objects.get()


# --- what is kept -----------------------------------------------------------------------------------------------------


def test_a_conflict_keeps_the_base_both_values_and_times(play):
    asked(play)
    one = only()
    assert (one.base, one.local, one.remote, one.state, one.winner) == ("v40000", "v40001", "v40002", OPEN, "")
    assert one.local_at and one.remote_at


def test_one_that_waits_is_brought_up_to_date(play):
    story, pk, remote = asked(play)
    story.edit_there("contact", remote, "job_title", "v40003")
    story.edit_here("contact", pk, "job_title", "v40004")
    story.come_to_rest()
    assert (only().base, only().local, only().remote, only().state) == ("v40000", "v40004", "v40003", OPEN)


def test_a_rule_that_no_longer_asks_decides_what_waits(play):
    story, pk, remote = asked(play)
    FieldMapping.objects.filter(local="job_title").update(policy="remote")
    RecordLink.objects.update(reread=True)
    story.come_to_rest()
    assert (only().state, only().winner, only().policy) == (SETTLED, "remote", "remote")
    assert here(pk) == there(story, remote) == "v40002"


# --- ending by itself -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("side", ["here", "there"])
def test_it_ends_when_both_sides_became_equal(play, side):
    story, pk, remote = asked(play)
    if side == "here":
        story.edit_here("contact", pk, "job_title", "v40002")
    else:
        story.edit_there("contact", remote, "job_title", "v40001")
    writes = story.world.writes
    story.come_to_rest(1)
    assert (only().state, only().winner, only().settled_by) == (SETTLED, "", "agreed")
    assert only().ended
    assert here(pk) == there(story, remote) and story.world.writes == writes
    story.edit_here("contact", pk, "job_title", "v40005")
    story.come_to_rest()
    assert there(story, remote) == "v40005" and Conflict.objects.count() == 1
    assert SyncLogLine.objects.filter(side="there", action="updated").latest("pk").rules == {"job_title": "ours"}


@pytest.mark.parametrize("side", ["here", "there"])
def test_it_ends_when_one_side_goes_back(play, side):
    story, pk, remote = asked(play)
    if side == "here":
        story.edit_here("contact", pk, "job_title", "v40000")
    else:
        story.edit_there("contact", remote, "job_title", "v40000")
    story.come_to_rest()
    assert only().state == SETTLED
    assert here(pk) == there(story, remote) == ("v40002" if side == "here" else "v40001")


def test_it_ends_when_the_record_is_gone(play):
    story, pk, remote = asked(play)
    story.delete_here("contact", pk)
    story.trash_there(remote)
    story.come_to_rest()
    one = Conflict.objects.get(field="job_title")
    assert (one.state, one.settled_by) == (SETTLED, "gone")


def test_it_ends_when_the_field_is_no_longer_mapped(play):
    story, _pk, _remote = asked(play)
    FieldMapping.objects.filter(local="job_title").delete()
    story.come_to_rest()
    assert (only().state, only().settled_by) == (SETTLED, "unmapped")


# --- settling and swapping --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("winner", "value"), [("local", "v40001"), ("remote", "v40002")])
def test_a_person_chooses_and_swaps(play, winner, value):
    story, pk, remote = asked(play)
    conflicts.resolve(only(), winner, ADA)
    story.come_to_rest()
    assert here(pk) == there(story, remote) == value
    assert (only().state, only().winner, only().settled_by) == (SETTLED, winner, "Ada")
    conflicts.swap(only(), ADA)
    story.come_to_rest()
    assert here(pk) == there(story, remote) == {"v40001": "v40002", "v40002": "v40001"}[value]


@pytest.mark.parametrize("policy", ["local", "remote"])
def test_what_a_policy_decided_can_be_swapped(play, policy):
    story, pk, remote = asked(play, policy)
    assert only().winner == policy
    conflicts.swap(only(), ADA)
    story.come_to_rest()
    assert here(pk) == there(story, remote) == {"local": "v40002", "remote": "v40001"}[policy]
    line = SyncLogLine.objects.filter(side="there", action="updated").latest("pk")
    assert line.rules == {"job_title": "person"}


def test_a_decision_is_carried_out_at_once(play):
    story, _pk, _remote = asked(play)
    Due.objects.filter(pk=story.integration.pk).update(due_at=None)
    conflicts.resolve(only(), "local", ADA)
    assert Due.objects.get(pk=story.integration.pk).due_at is not None


def test_one_that_waits_cannot_be_swapped(play):
    asked(play)
    with pytest.raises(Refused) as refused:
        conflicts.swap(only(), ADA)
    assert refused.value.code == "not_settled"


def test_a_newer_edit_here_is_not_overwritten(play):
    story, pk, _remote = asked(play)
    story.edit_here("contact", pk, "job_title", "v40009")
    with pytest.raises(Refused) as refused:
        conflicts.resolve(only(), "remote", ADA)
    assert refused.value.code == "edited_since" and here(pk) == "v40009"
    assert only().state == OPEN


def test_a_newer_edit_here_is_not_overwritten_by_a_swap(play):
    story, pk, _remote = asked(play, "remote")
    story.edit_here("contact", pk, "job_title", "v40009")
    with pytest.raises(Refused):
        conflicts.swap(only(), ADA)
    assert here(pk) == "v40009"


def test_a_newer_edit_there_meets_as_a_new_conflict(play):
    story, pk, remote = asked(play)
    story.edit_there("contact", remote, "job_title", "v40009")
    conflicts.resolve(only(), "local", ADA)
    story.come_to_rest()
    new = Conflict.objects.get(state=OPEN)
    assert (new.local, new.remote) == ("v40001", "v40009")
    assert (here(pk), there(story, remote)) == ("v40001", "v40009")


def test_many_are_settled_each_on_its_own(play):
    story, pk, _remote = asked(play)
    other, other_remote = met(story)
    story.edit_here("contact", other, "job_title", "v40011")
    story.edit_there("contact", other_remote, "job_title", "v40012")
    story.come_to_rest(1)
    story.edit_here("contact", pk, "job_title", "v40009")
    ids = [one.pk for one in Conflict.objects.all()]
    done = conflicts.resolve_many([*ids, uuid.uuid4()], "remote", ADA)
    assert [str(one.record_id) for one in done.settled] == [other]
    assert list(done.refused) == [Conflict.objects.get(record_id=pk).pk]


# --- alerts -----------------------------------------------------------------------------------------------------------


def test_critical_fields_alert_even_when_they_are_settled(play):
    story = play(choices={"policy": "local"})
    pk, remote = met(story)
    for field, ours, theirs in (("email", "v40001@x.example", "v40002@x.example"), ("job_title", "v40003", "v40004")):
        story.edit_here("contact", pk, field, ours)
        story.edit_there("contact", remote, field, theirs)
    story.come_to_rest(1)
    assert [one.field for one in conflicts.alerts()] == ["email"]
    conflicts.acknowledge(conflicts.alerts().get(), ADA)
    assert not conflicts.alerts().exists()
    assert Conflict.objects.get(field="email").seen_at


def test_whoever_swaps_has_seen_it(play):
    story = play(choices={"policy": "local"})
    pk, remote = met(story)
    story.edit_here("contact", pk, "email", "v40001@x.example")
    story.edit_there("contact", remote, "email", "v40002@x.example")
    story.come_to_rest(1)
    assert conflicts.alerts().exists()
    conflicts.swap(only(), ADA)
    assert not conflicts.alerts().exists()


# --- edit against deletion --------------------------------------------------------------------------------------------


def deleted_there_edited_here(play: Callable[..., Play]) -> tuple[Play, str, str]:
    story = play()
    pk, remote = met(story)
    story.edit_here("contact", pk, "job_title", "v40001")
    story.trash_there(remote)
    story.come_to_rest()
    return story, pk, remote


def deleted_here_edited_there(play: Callable[..., Play]) -> tuple[Play, str, str]:
    story = play()
    pk, remote = met(story)
    story.delete_here("contact", pk)
    story.edit_there("contact", remote, "job_title", "v40001")
    story.come_to_rest()
    return story, pk, remote


def stands(story: Play, pk: str, remote: str) -> tuple[bool, bool]:
    return Contact.objects.filter(pk=pk).exists(), not story.world.rows[remote].deleted


@pytest.mark.parametrize(
    ("told", "winner"), [(deleted_there_edited_here, "local"), (deleted_here_edited_there, "remote")]
)
def test_an_edit_beats_a_deletion_until_a_person_swaps(play, told, winner):
    story, pk, remote = told(play)
    assert stands(story, pk, remote) == (True, True)
    assert (only().field, only().winner, only().policy) == ("", winner, "existence")
    conflicts.swap(only(), ADA)  # delete after all
    story.come_to_rest()
    assert stands(story, pk, remote) == (False, False)
    conflicts.swap(only(), ADA)  # bring it back
    story.come_to_rest()
    assert stands(story, pk, remote) == (True, True)
    assert here(pk) == there(story, remote) == "v40001"
    assert RecordLink.objects.get().state == LinkState.LINKED


@pytest.mark.parametrize("told", [deleted_there_edited_here, deleted_here_edited_there])
@pytest.mark.parametrize("side", ["here", "there"])
def test_what_was_edited_since_is_not_deleted_after_all(play, told, side):
    story, pk, remote = told(play)
    if side == "here":
        story.edit_here("contact", pk, "job_title", "v40009")
    else:
        story.edit_there("contact", remote, "job_title", "v40009")
        story.come_to_rest(1)
    with pytest.raises(Refused) as refused:
        conflicts.swap(only(), ADA)
    assert refused.value.code == "edited_since"
    assert stands(story, pk, remote) == (True, True)
