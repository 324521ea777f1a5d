"""What a deletion on one side does to the other, by policy; and what is no deletion at all."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from crm import feed, records
from crm.feed import Actor
from crm.models import Contact
from integrations.models import Conflict, IntegrationInstance, LinkState, RecordLink, SetAside, Stream, SyncLogLine
from integrations.services import streams
from integrations.services.connect import Refused
from integrations.sync import tables
from tests.simulation.memory import Fault, Profile
from tests.simulation.play import Play

ADA = Actor("user", "1", "Ada")


@pytest.fixture
def play(live_tenant: Any) -> Iterator[Callable[..., Play]]:
    made: list[Play] = []

    def make(policy: str = "archive", profile: Profile | None = None, **choices: Any) -> Play:
        made.append(
            Play(live_tenant, profile or Profile(), entities=("contact",), choices={"deletions": policy, **choices})
        )
        return made[-1]

    yield make
    for one in made:
        one.close()


def met(story: Play) -> tuple[str, str]:
    ours = story.new_here("contact", job_title="v50000")
    assert story.run() == "done"
    return ours, RecordLink.objects.get(record_id=ours).remote_id


def stands(story: Play, pk: str, remote: str) -> tuple[bool, bool]:
    row = story.world.rows.get(remote)
    return Contact.objects.filter(pk=pk).exists(), bool(row and not row.deleted)


def restore_here(pk: str) -> None:
    """As it was, by a person."""
    entity = records.describe("contact")
    with feed.acting(ADA):
        records.insert_rows(entity, [tables.deleted_row(entity, pk)])


def delete(story: Play, side: str, pk: str, remote: str) -> None:
    story.delete_here("contact", pk) if side == "here" else story.trash_there(remote)


def restore(story: Play, side: str, pk: str, remote: str) -> None:
    restore_here(pk) if side == "here" else story.restore_there(remote)


SIDES = pytest.mark.parametrize("side", ["here", "there"])
#: What stands (here, there) after a deletion on that side.
LEFT_ALONE = {"here": (False, True), "there": (True, False)}


# --- put away ---------------------------------------------------------------------------------------------------------


@SIDES
def test_archiving_puts_the_other_one_away_and_brings_it_back(play, side):
    story = play("archive")
    pk, remote = met(story)
    delete(story, side, pk, remote)
    story.come_to_rest()
    assert stands(story, pk, remote) == (False, False)
    assert RecordLink.objects.get().state == LinkState.GONE
    restore(story, side, pk, remote)
    story.come_to_rest()
    assert stands(story, pk, remote) == (True, True)


# --- ignore -----------------------------------------------------------------------------------------------------------


@SIDES
def test_ignoring_leaves_the_other_one_and_the_pair_comes_back(play, side):
    story = play("ignore")
    pk, remote = met(story)
    delete(story, side, pk, remote)
    story.come_to_rest()
    assert stands(story, pk, remote) == LEFT_ALONE[side]
    assert RecordLink.objects.get().state == LinkState.LEFT
    if side == "here":
        story.edit_there("contact", remote, "job_title", "v50001")
    else:
        story.edit_here("contact", pk, "job_title", "v50001")
    story.come_to_rest()
    assert stands(story, pk, remote) == LEFT_ALONE[side]
    restore(story, side, pk, remote)
    story.come_to_rest()
    assert RecordLink.objects.get().state == LinkState.LINKED
    assert Contact.objects.get().job_title == story.world.rows[remote].values["job"] == "v50001"
    assert len(story.world.rows) == 1
    assert not Conflict.objects.exists()


def test_ignoring_a_deletion_here_does_not_bring_it_back_when_edited_there_at_once(play):
    story = play("ignore")
    pk, remote = met(story)
    story.delete_here("contact", pk)
    story.edit_there("contact", remote, "job_title", "v50001")
    story.come_to_rest()
    assert stands(story, pk, remote) == (False, True)


def test_ignored_on_both_sides_in_turn(play):
    story = play("ignore")
    pk, remote = met(story)
    story.trash_there(remote)
    story.come_to_rest()
    story.delete_here("contact", pk)
    story.come_to_rest()
    assert stands(story, pk, remote) == (False, False)


# --- part for good ----------------------------------------------------------------------------------------------------


@SIDES
def test_parted_for_good_also_when_the_record_comes_back(play, side):
    story = play("unlink")
    pk, remote = met(story)
    delete(story, side, pk, remote)
    story.come_to_rest()
    assert stands(story, pk, remote) == LEFT_ALONE[side]
    restore(story, side, pk, remote)
    story.edit_here("contact", pk, "job_title", "v50001")
    story.edit_there("contact", remote, "job_title", "v50002")
    Stream.objects.update(deletions="ignore", listed_at=None, cursor="")  # nor by another policy, nor by matching anew
    story.come_to_rest()
    assert RecordLink.objects.get().state == LinkState.UNLINKED
    assert (Contact.objects.get().job_title, story.world.rows[remote].values["job"]) == ("v50001", "v50002")
    assert len(story.world.rows) == Contact.objects.count() == 1


# --- for good ---------------------------------------------------------------------------------------------------------


def test_deleting_for_good_leaves_nothing_there(play):
    story = play("delete", Profile(erase=True))
    pk, remote = met(story)
    story.delete_here("contact", pk)
    story.come_to_rest()
    assert remote not in story.world.rows
    assert SyncLogLine.objects.filter(side="there", action="deleted", remote_id=remote).count() == 1
    restore_here(pk)
    story.come_to_rest()
    (new,) = story.world.alive("contacts")
    assert new.id != remote and new.values["job"] == "v50000"


@pytest.mark.parametrize("kind", ["lost", "killed_after", "not_sent", "killed"])
def test_deleting_for_good_whose_answer_is_lost(play, kind):
    story = play("delete", Profile(erase=True))
    pk, remote = met(story)
    story.delete_here("contact", pk)
    story.run([Fault(1, kind)])
    story.come_to_rest()
    assert remote not in story.world.rows and not SetAside.objects.exists()
    assert not RecordLink.objects.filter(state=LinkState.LINKED).exists()


def test_a_record_edited_there_is_not_deleted_for_good(play):
    story = play("delete", Profile(erase=True))
    pk, remote = met(story)
    story.delete_here("contact", pk)
    story.run(on_call=lambda number: number == 0 and story.edit_there("contact", remote, "job_title", "v50001"))
    story.come_to_rest()
    assert stands(story, pk, remote) == (True, True)
    assert Conflict.objects.get().policy == "existence"


def test_where_the_tool_cannot_delete_for_good_it_is_put_away(play):
    story = play("delete")
    pk, remote = met(story)
    story.delete_here("contact", pk)
    story.come_to_rest()
    assert story.world.rows[remote].deleted


def test_deleting_for_good_is_refused_with_words_where_the_tool_has_no_such_thing(tenant):
    integration = IntegrationInstance.objects.create(provider="notion", name="Wiki")
    stream = Stream.objects.create(
        integration=integration, collection="1", collection_name="Contacts", entity="contact"
    )
    with pytest.raises(Refused) as refused:
        streams.change(stream, deletions="delete")
    assert (refused.value.code, refused.value.field) == ("cannot_erase", "deletions")
    with pytest.raises(Refused):
        streams.change(stream, deletions="shred")


# --- edit beats deletion ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("policy", ["archive", "delete"])
@SIDES
def test_an_edit_beats_a_deletion_and_is_told(play, policy, side):
    story = play(policy, Profile(erase=True))
    pk, remote = met(story)
    delete(story, side, pk, remote)
    if side == "here":
        story.edit_there("contact", remote, "job_title", "v50001")
    else:
        story.edit_here("contact", pk, "job_title", "v50001")
    story.come_to_rest()
    assert stands(story, pk, remote) == (True, True)
    assert Conflict.objects.get().winner == {"here": "remote", "there": "local"}[side]


# --- what is no deletion ----------------------------------------------------------------------------------------------


def test_a_listing_that_breaks_off_tells_of_no_deletion(play):
    story = play(profile=Profile(page=2, tombstones=False))
    remotes = [met(story)[1] for _ in range(6)]
    story.trash_there(remotes[-1])
    Stream.objects.update(swept_at=None)
    story.run(reading=[Fault(2, "cut")])
    assert Contact.objects.count() == 6
    story.come_to_rest()
    assert Contact.objects.count() == 5


def test_unshared_waits_and_shared_again_clears_itself(play):
    story = play(profile=Profile(tombstones=False))
    pk, remote = met(story)
    unshared = story.world.rows.pop(remote)  # neither listed nor read by id
    story.come_to_rest(1)
    assert SetAside.objects.get().code == "vanished" and Contact.objects.exists()
    story.edit_here("contact", pk, "job_title", "v50001")
    story.come_to_rest(1)
    assert Contact.objects.exists()
    story.world.rows[remote] = unshared
    story.come_to_rest()
    assert not SetAside.objects.exists()
    assert unshared.values["job"] == "v50001"
    assert RecordLink.objects.get().state == LinkState.LINKED


def test_an_edit_that_could_not_find_its_record_goes_out_as_soon_as_it_is_seen_again(play):
    story = play(profile=Profile(tombstones=False))
    pk, remote = met(story)
    unshared = story.world.rows.pop(remote)
    story.edit_here("contact", pk, "job_title", "v50001")
    story.run()
    assert SetAside.objects.get().code == "not_found"
    story.world.rows[remote] = unshared
    story.come_to_rest()
    assert not SetAside.objects.exists()
    assert unshared.values["job"] == "v50001"


@SIDES
def test_parted_when_both_were_deleted_at_once_neither_comes_back_with_the_other(play, side):
    story = play("unlink")
    pk, remote = met(story)
    story.delete_here("contact", pk)
    story.trash_there(remote)
    story.come_to_rest()
    restore(story, side, pk, remote)
    story.come_to_rest()
    assert stands(story, pk, remote) == ((True, False) if side == "here" else (False, True))
    assert len(story.world.rows) == 1
