"""A create happens once, by whichever means the tool has: answers lost, workers killed, requests late, edits meanwhile.

The means are those of `Capabilities.create_once`; the tool is the one in memory (tests/simulation/memory.py). The protocol
itself is explored in tests/simulation/creates_model.py, and every real adapter is tried in tests/contract.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from crm.models import Contact
from integrations.models import Conflict, LinkState, Matching, RecordLink, SetAside
from integrations.services import links
from integrations.services.connect import Refused
from tests.simulation.memory import Fault, Profile
from tests.simulation.play import Play

MEANS = ["client_id", "key", "upsert", "marker", "search"]
LOOKS = ["upsert", "marker", "search"]
DAY = 24 * 3600


@pytest.fixture
def play(live_tenant: Any) -> Iterator[Callable[..., Play]]:
    made: list[Play] = []

    def make(means: str, **facts: Any) -> Play:
        choices = {"entities": ("contact",)} | {k: facts.pop(k) for k in ("choices",) if k in facts}
        made.append(Play(live_tenant, Profile(create_once=means, **facts), **choices))
        return made[-1]

    yield make
    for one in made:
        one.close()


def ends_well(story: Play) -> None:
    story.come_to_rest()
    story.check()


def alive(story: Play) -> list[Any]:
    return story.world.alive("contacts")


@pytest.mark.parametrize("means", MEANS)
@pytest.mark.parametrize("fault", ["lost", "not_sent", "late", "killed", "killed_after", "unavailable", "broken"])
def test_record_stands_there_once(play, means, fault):
    story = play(means, batch=2)
    pks = [story.new_here("contact") for _ in range(3)]
    try:
        story.run([Fault(0, fault, later=4)])
    except KeyError:
        assert fault == "broken"
    story.edit_here("contact", pks[0], "name", "v20001")
    ends_well(story)
    assert len(alive(story)) == 3
    assert "v20001" in {row.values["name"] for row in alive(story)}
    assert not Conflict.objects.exists() and not SetAside.objects.exists()


@pytest.mark.parametrize("means", MEANS)
def test_two_attempts_in_a_row_without_an_answer(play, means):
    story = play(means)
    pk = story.new_here("contact")
    for value in ("v20001", "v20002"):
        story.run([Fault(at, "not_sent") for at in range(3)])
        story.edit_here("contact", pk, "job_title", value)
    story.run([Fault(at, "lost") for at in range(3)])
    ends_well(story)
    assert [row.values["job"] for row in alive(story)] == ["v20002"]


@pytest.mark.parametrize("means", LOOKS)
def test_look_does_not_rely_on_a_listing_that_lags(play, means):
    story = play(means, lag=40)
    story.new_here("contact")
    story.run([Fault(0, "lost")])
    story.run()
    assert len(story.world.rows) == 1 and RecordLink.objects.get().state == LinkState.LINKED
    ends_well(story)


@pytest.mark.parametrize("means", MEANS)
def test_edit_there_after_the_lost_answer_is_kept(play, means):
    story = play(means)
    pk = story.new_here("contact")
    story.run([Fault(0, "lost")])
    story.edit_there("contact", alive(story)[0].id, "job_title", "v20001")
    ends_well(story)
    assert len(alive(story)) == 1
    assert Contact.objects.get(pk=pk).job_title == "v20001" == alive(story)[0].values["job"]


@pytest.mark.parametrize("means", MEANS)
@pytest.mark.parametrize("fault", ["killed", "not_sent"])
def test_nothing_is_made_for_a_record_deleted_before_its_create_was_sent(play, means, fault):
    story = play(means)
    pk = story.new_here("contact")
    story.run([Fault(0, fault)])
    story.delete_here("contact", pk)
    story.run()
    ends_well(story)
    assert not story.world.rows and not Contact.objects.exists()


@pytest.mark.parametrize("means", MEANS)
@pytest.mark.parametrize("fault", ["lost", "killed_after", "late"])
def test_create_that_landed_is_put_away_when_its_record_was_deleted(play, means, fault):
    story = play(means)
    pk = story.new_here("contact")
    story.run([Fault(0, fault, later=9)])
    story.delete_here("contact", pk)
    story.run()
    ends_well(story)
    assert not alive(story) and not Contact.objects.exists()


@pytest.mark.parametrize("means", MEANS)
def test_link_of_a_create_whose_record_is_gone_ends_after_a_day(play, means):
    story = play(means)
    pk = story.new_here("contact")
    story.run([Fault(0, "not_sent")])
    story.delete_here("contact", pk)
    ends_well(story)
    link = RecordLink.objects.get()
    if link.intent:
        link.intent["at"] -= DAY + 60
    link.ghosts = {name: [[*one[:2], one[2] - DAY - 60] for one in kept] for name, kept in link.ghosts.items()}
    link.save()
    story.run()
    assert not RecordLink.objects.exists()


@pytest.mark.parametrize("means", MEANS)
def test_late_request_leaves_no_second_record(play, means):
    story = play(means)
    pk = story.new_here("contact", job_title="v20000")
    story.run([Fault(0, "late", later=9)])
    story.edit_here("contact", pk, "job_title", "v20001")
    story.run()
    ends_well(story)
    assert [row.values["job"] for row in alive(story)] == ["v20001"]
    assert Contact.objects.count() == 1 and not SetAside.objects.exists()


@pytest.mark.parametrize("means", ["marker", "search"])
def test_second_copy_that_somebody_edited_goes_to_a_person(play, means):
    story = play(means)
    pk = story.new_here("contact")
    story.run([Fault(0, "late", later=6)])
    story.run()
    story.world.rest()
    (linked,) = RecordLink.objects.filter(record_id=pk).values_list("remote_id", flat=True)
    (copy,) = [row.id for row in alive(story) if row.id != linked]
    story.edit_there("contact", copy, "job_title", "v20001")
    story.come_to_rest()
    assert not story.world.rows[copy].deleted
    assert SetAside.objects.get(remote_id=copy).code == "second_copy"
    assert Contact.objects.count() == 1


# --- an id or a key of ours -------------------------------------------------------------------------------------------


def test_the_very_same_request_is_sent_again_and_the_edits_follow(play):
    """The tool in memory refuses a key that comes again with another body."""
    story = play("key")
    pk = story.new_here("contact", job_title="v20000")
    story.run([Fault(0, "not_sent")])
    key = RecordLink.objects.get().intent["key"]
    story.edit_here("contact", pk, "job_title", "v20001")
    story.run()
    assert list(story.world.keys) == [key]
    assert alive(story)[0].values["job"] == "v20001"
    ends_well(story)


def test_refused_create_gets_another_key(play):
    story = play("key", refuses=7)
    pk = story.new_here("contact", job_title="v20006")  # 20006 = 7 * 2858
    story.run()
    story.edit_here("contact", pk, "job_title", "v20001")
    ends_well(story)
    assert alive(story)[0].values["job"] == "v20001"


def test_key_that_the_tool_has_forgotten_is_left_to_a_person(play):
    story = play("key")
    pk = story.new_here("contact")
    story.run([Fault(0, "not_sent")])
    link = RecordLink.objects.get()
    link.intent["at"] -= DAY + 60
    link.save()
    story.run()
    story.run()
    assert not story.world.rows
    assert [(str(one.record_id), one.code) for one in SetAside.objects.all()] == [(pk, "unsure_create")]


def test_person_has_it_sent_again(play):
    story = play("key")
    pk = story.new_here("contact")
    story.run([Fault(0, "not_sent")])
    link = RecordLink.objects.get()
    link.intent["at"] -= DAY + 60
    link.save()
    story.run()
    links.send_again(RecordLink.objects.get(), "Ada")
    ends_well(story)
    assert len(alive(story)) == 1 and RecordLink.objects.get(record_id=pk).remote_id
    with pytest.raises(Refused):
        links.send_again(RecordLink.objects.get(), "Ada")


@pytest.mark.parametrize("means", ["client_id", "key"])
@pytest.mark.parametrize("edited", [False, True])
def test_late_copy_is_known_although_ours_was_paired_by_key_meanwhile(play, means, edited):
    story = play(means)
    pk = story.new_here("contact", email="ada@x.example")
    story.run([Fault(0, "late", later=500)])
    theirs = story.new_there("contact", mail="ada@x.example")
    story.run([Fault(0, "not_sent", on="push")])  # sent once more, again without an answer; then the two meet
    assert RecordLink.objects.get(record_id=pk).remote_id == theirs
    if edited:
        story.edit_here("contact", pk, "name", "v20001")
    ends_well(story)
    assert [row.id for row in alive(story)] == [theirs] and Contact.objects.count() == 1
    assert len(story.world.rows) == 2  # it did arrive


def test_ids_are_asked_for_as_many_as_are_needed(play):
    story = play("client_id")
    for _ in range(7):
        story.new_here("contact")
    story.run()
    assert sorted(row.id for row in alive(story)) == sorted(f"c{number}" for number in range(1, 8))


# --- nothing to go by but what was sent -------------------------------------------------------------------------------


def test_two_of_ours_that_look_alike_are_not_guessed(play):
    story = play("search", choices={"match_fields": ["name"]})
    for _ in range(2):
        story.new_here("contact", name="v20001")
    story.run([Fault(0, "lost"), Fault(1, "not_sent")])
    story.run()
    story.run()
    (there,) = alive(story)
    assert Contact.objects.count() == 2
    assert {one.code for one in SetAside.objects.filter(side="here")} == {"ambiguous", "unsure_create"}
    first, second = RecordLink.objects.order_by("pk")
    links.pair(first.stream, there.id, first.record_id, "Ada")  # then the other one was not sent
    ends_well(story)
    assert len(alive(story)) == 2 and not SetAside.objects.exists()
    assert RecordLink.objects.get(pk=first.pk).remote_id == there.id


def test_person_says_what_belongs_together_where_there_is_no_key(play):
    story = play("search", choices={"match_fields": [], "matching": Matching.CREATE_ONLY})
    pks = [story.new_here("contact", name="v20001", email="") for _ in range(2)]
    story.run([Fault(0, "lost"), Fault(1, "not_sent")])
    story.run()
    (there,) = alive(story)
    assert Contact.objects.count() == 2 and SetAside.objects.filter(code="unsure_create").count() == 3
    links.pair(RecordLink.objects.first().stream, there.id, pks[0], "Ada")
    ends_well(story)
    assert RecordLink.objects.get(record_id=pks[0]).remote_id == there.id
    assert len(alive(story)) == 2 and Contact.objects.count() == 2


@pytest.mark.parametrize("fault", ["late", "lost"])
def test_what_is_sent_again_may_still_arrive_the_first_time(play, fault):
    """late: it arrives after the second attempt, as a second copy. lost: it stood there all the time, and the person erred."""
    story = play("search", choices={"match_fields": [], "matching": Matching.CREATE_ONLY})
    pks = [story.new_here("contact", name="v20001", email="") for _ in range(2)]
    story.run([Fault(0, "lost"), Fault(1, fault, later=500)])
    story.run()
    assert {one.code for one in SetAside.objects.all()} == {"unsure_create"}
    stood = {row.id for row in alive(story)}
    (here, _other) = RecordLink.objects.filter(remote_id=None).order_by("id")
    for link in RecordLink.objects.filter(remote_id=None):
        links.send_again(link, "Ada")
    story.run()
    assert stood <= {row.id for row in alive(story)}  # nobody puts away what a person was asked about
    story.world.rest()
    story.come_to_rest()
    assert Contact.objects.count() == len(pks)
    asked = {one.remote_id for one in SetAside.objects.filter(side="there")}
    linked = set(RecordLink.objects.filter(state=LinkState.LINKED).values_list("remote_id", flat=True))
    assert {row.id for row in alive(story)} == linked | asked and len(linked) == 2


def test_what_our_account_made_before_is_not_taken_for_the_lost_one(play):
    story = play("search")
    pk = story.new_here("contact")
    story.run([Fault(0, "lost")])
    (row,) = alive(story)
    row.made = row.made.fromtimestamp(time.time() - 3600, row.made.tzinfo)
    story.run()
    linked = RecordLink.objects.get(record_id=pk).remote_id
    assert linked is not None


def test_record_that_somebody_else_made_is_not_taken_for_ours(play):
    story = play("search", choices={"match_fields": []})
    pk = story.new_here("contact", name="v20001", email="")
    story.run([Fault(0, "not_sent")])
    theirs = story.new_there("contact", name="v20001", mail=None)
    story.run()
    assert RecordLink.objects.get(record_id=pk).remote_id != theirs
    assert len(alive(story)) == 2 and Contact.objects.count() == 2


def test_tool_without_any_means_is_given_no_creates(play):
    story = play("")
    story.new_here("contact")
    story.run()
    assert not story.world.rows
    assert not RecordLink.objects.exclude(state=LinkState.NEW).exists()
