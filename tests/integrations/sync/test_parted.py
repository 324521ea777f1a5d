"""What was parted on purpose stays parted, until a person pairs it: with the same one, or with another."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from crm.models import Contact
from integrations.models import Conflict, LinkState, RecordLink, SetAside
from integrations.services import links, restarts
from integrations.services.connect import Refused
from tests.simulation.memory import Fault, Profile
from tests.simulation.play import Play


@pytest.fixture
def play(live_tenant: Any) -> Iterator[Callable[..., Play]]:
    made: list[Play] = []

    def make(profile: Profile | None = None, **choices: Any) -> Play:
        made.append(Play(live_tenant, profile or Profile(batch=5), choices, entities=("contact",)))
        return made[-1]

    yield make
    for one in made:
        one.close()


def pairs() -> dict[str | None, str | None]:
    """{our record: the one there} of what is linked."""
    found = RecordLink.objects.filter(state=LinkState.LINKED).values_list("record_id", "remote_id")
    return {str(ours): theirs for ours, theirs in found}


def parted() -> set[tuple[str | None, str | None]]:
    found = RecordLink.objects.filter(state=LinkState.UNLINKED).values_list("record_id", "remote_id")
    return {(ours and str(ours), theirs) for ours, theirs in found}


def part(story: Play, number: int = 1) -> list[tuple[str, str]]:
    """So many pairs whose deletion there was not followed, and which were taken out of the trash again."""
    story.come_to_rest()
    made = [story.new_there("contact") for _ in range(number)]
    story.come_to_rest()
    for theirs in made:
        story.trash_there(theirs)
    story.come_to_rest()
    for theirs in made:
        story.restore_there(theirs)
    story.come_to_rest()
    ours = {theirs: ours for ours, theirs in parted()}
    return [(str(ours[theirs]), theirs) for theirs in made]


def stand(story: Play, number: int) -> None:
    assert (Contact.objects.count(), len(story.world.alive("contacts"))) == (number, number)


# --- a person pairs again ---------------------------------------------------------------------------------------------


def test_a_person_pairs_two_that_were_parted_again(play):
    story = play(deletions="unlink")
    ((ours, theirs),) = part(story)
    story.edit_here("contact", ours, "job_title", "v20001")
    story.come_to_rest()
    assert not pairs() and story.world.rows[theirs].values.get("job") != "v20001"
    links.pair(story.streams["contact"], theirs, ours, "Olga")
    story.come_to_rest()
    assert pairs() == {ours: theirs} and not parted()
    assert story.world.rows[theirs].values["job"] == "v20001"
    stand(story, 1)


def test_they_meet_as_for_the_first_time_so_nothing_is_overwritten_silently(play):
    story = play(deletions="unlink")
    ((ours, theirs),) = part(story)
    story.edit_here("contact", ours, "job_title", "v20001")
    story.edit_there("contact", theirs, "job_title", "v20002")
    links.pair(story.streams["contact"], theirs, ours, "Olga")
    story.come_to_rest()
    (conflict,) = Conflict.objects.filter(field="job_title")
    assert {conflict.local, conflict.remote} == {"v20001", "v20002"}


def test_parted_ones_can_be_paired_with_others_and_what_they_leave_stays_out(play):
    story = play(deletions="unlink")
    (ours, theirs), (other, another) = part(story, 2)
    links.pair(story.streams["contact"], another, ours, "Olga")
    story.come_to_rest()
    assert pairs() == {ours: another}
    assert parted() == {(None, theirs), (other, None)}
    stand(story, 2)
    story.edit_here("contact", other, "job_title", "v20003")
    story.new_there("contact", mail=Contact.objects.get(pk=other).email)  # it comes in, but not as the parted one
    story.come_to_rest()
    assert other not in pairs() and len(pairs()) == 2
    assert (Contact.objects.count(), len(story.world.alive("contacts"))) == (3, 3)
    links.pair(story.streams["contact"], theirs, other, "Olga")  # and the rest in the end
    story.come_to_rest()
    assert pairs().items() >= {ours: another, other: theirs}.items() and not parted()


def test_what_is_linked_is_refused_as_before(play):
    story = play(deletions="unlink")
    ((ours, theirs),) = part(story)
    there = story.new_there("contact")
    story.come_to_rest()
    ((here, _there),) = pairs().items()
    for wrong in ((there, ours), (theirs, here)):
        with pytest.raises(Refused) as caught:
            links.pair(story.streams["contact"], *wrong, "Olga")
        assert caught.value.code == "linked_already"
    assert parted() == {(ours, theirs)}


def test_one_that_is_deleted_there_parts_again(play):
    story = play(deletions="unlink")
    ((ours, theirs),) = part(story)
    story.trash_there(theirs)
    links.pair(story.streams["contact"], theirs, ours, "Olga")
    story.come_to_rest()
    assert parted() == {(ours, theirs)} and Contact.objects.filter(pk=ours).exists()


# --- matching anew ----------------------------------------------------------------------------------------------------


def test_matching_anew_leaves_apart_what_was_parted(play):
    story = play(deletions="unlink", match_fields=["email"])
    ((ours, theirs),) = part(story)
    restarts.match_anew(story.streams["contact"])
    story.come_to_rest()
    assert parted() == {(ours, theirs)} and not pairs()
    stand(story, 1)


def test_matching_anew_makes_nothing_anew_whose_deletion_was_ignored(play):
    story = play(deletions="ignore")
    story.come_to_rest()
    trashed, deleted = story.new_there("contact"), story.new_there("contact")
    story.come_to_rest()
    here = {theirs: ours for ours, theirs in pairs().items()}
    story.trash_there(trashed)
    story.delete_here("contact", str(here[deleted]))
    story.come_to_rest()
    assert RecordLink.objects.filter(state=LinkState.LEFT).count() == 2
    restarts.match_anew(story.streams["contact"])
    story.come_to_rest()
    assert [row.id for row in story.world.alive("contacts")] == [deleted]
    assert [str(pk) for pk in Contact.objects.values_list("pk", flat=True)] == [here[trashed]]
    story.restore_there(trashed)
    story.come_to_rest()
    assert pairs() == {here[trashed]: trashed}  # such a pair comes back with the record


@pytest.mark.parametrize("means", ["marker", "search"])
def test_matching_anew_goes_on_asking_about_a_second_copy(play, means):
    story = play(Profile(create_once=means))
    ours = story.new_here("contact")
    story.run([Fault(0, "late", later=6)])
    story.run()
    story.world.rest()
    linked = pairs()[ours]
    (copy,) = [row.id for row in story.world.alive("contacts") if row.id != linked]
    story.edit_there("contact", copy, "job_title", "v20001")
    story.come_to_rest()
    assert SetAside.objects.get().code == "second_copy"
    RecordLink.objects.update(ghosts={})  # more than a day later
    restarts.match_anew(story.streams["contact"])
    story.come_to_rest()
    assert (SetAside.objects.get().code, SetAside.objects.get().remote_id) == ("second_copy", copy)
    assert pairs() == {ours: linked} and Contact.objects.count() == 1


@pytest.mark.parametrize("means", ["marker", "search"])
def test_a_second_copy_is_decided_by_pairing_it(play, means):
    story = play(Profile(create_once=means))
    ours = story.new_here("contact")
    story.run([Fault(0, "late", later=6)])
    story.run()
    story.world.rest()
    linked = pairs()[ours]
    (copy,) = [row.id for row in story.world.alive("contacts") if row.id != linked]
    story.edit_there("contact", copy, "job_title", "v20001")
    story.come_to_rest()
    mine = str(Contact.objects.create(name="Somebody else", email="").pk)
    links.pair(story.streams["contact"], copy, mine, "Olga")
    story.come_to_rest()
    assert pairs() == {ours: linked, mine: copy} and not SetAside.objects.exists()
