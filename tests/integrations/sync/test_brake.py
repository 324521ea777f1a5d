"""A run that would delete or overwrite more than a set share stops before that step, asks, and is let through once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from crm.feed import Actor
from crm.models import Contact
from integrations.api.schemas.runs import Run
from integrations.models import RecordLink, SetAside, Stream, SyncLog
from integrations.services import lifecycle, streams, undo
from integrations.services.connect import Refused
from integrations.sync.brake import BrakeApplied
from tests.simulation.memory import Fault, Profile
from tests.simulation.play import Play


@pytest.fixture
def play(live_tenant: Any) -> Iterator[Callable[..., Play]]:
    made: list[Play] = []

    def make(profile: Profile | None = None, records: int = 0, **choices: Any) -> Play:
        story = Play(live_tenant, profile or Profile(page=500, batch=10), entities=("contact",), choices=choices)
        made.append(story)
        for _ in range(records):
            story.new_there("contact", job="v60000")
        assert story.run() == "done"
        return story

    yield make
    for one in made:
        one.close()


def stopped(story: Play) -> BrakeApplied:
    """The run ends as a failed one, as services.runs would close it."""
    with pytest.raises(BrakeApplied) as caught:
        story.run()
    SyncLog.objects.filter(state="running").update(state="failed")
    return caught.value


def stream() -> Stream:
    return Stream.objects.get()


def edit_all_there(story: Play, number: int, value: str = "v60001") -> None:
    for remote in list(story.world.rows)[:number]:
        story.edit_there("contact", remote, "job_title", value)
    story.world.rest()


def edit_here(number: int, value: str = "v60001") -> None:
    ids = list(Contact.objects.order_by("pk").values_list("pk", flat=True)[:number])
    Contact.objects.filter(pk__in=ids).update(job_title=value)


# --- overwriting here -------------------------------------------------------------------------------------------------


def test_overwriting_too_many_here_stops_before_it_is_done(play):
    story = play(records=80, brake_overwrites=45)
    edit_all_there(story, 60)
    error = stopped(story)
    assert (error.code, error.count, error.total) == ("brake_overwrites", 60, 80)
    assert not Contact.objects.filter(job_title="v60001").exists()
    assert (stream().problem_code, stream().problem_detail) == ("brake_overwrites", "60 of 80")


def test_it_is_let_through_once(play):
    story = play(records=80, brake_overwrites=45)
    edit_all_there(story, 60)
    stopped(story)
    lifecycle.lift_brake(stream())
    assert story.run() == "done"
    assert Contact.objects.filter(job_title="v60001").count() == 60
    assert not stream().brake_lifted and not stream().problem_code
    edit_all_there(story, 60, "v60002")
    stopped(story)


def test_filling_what_is_empty_and_new_records_are_no_overwriting(play):
    story = play(records=80, brake_overwrites=45)
    for remote in list(story.world.rows):
        story.edit_there("contact", remote, "score", "60001")
    for _ in range(80):
        story.new_there("contact")
    story.world.rest()
    assert story.run() == "done"
    assert Contact.objects.exclude(score=None).count() == 80 and Contact.objects.count() == 160


def test_emptying_is_overwriting(play):
    story = play(records=80, brake_overwrites=45)
    for remote in list(story.world.rows)[:60]:
        story.edit_there("contact", remote, "job_title", None)
    story.world.rest()
    assert stopped(story).code == "brake_overwrites"


def test_few_stop_a_run_only_where_the_share_was_set_lower(play):
    story = play(records=90)
    edit_all_there(story, 90)
    assert story.run() == "done"
    Stream.objects.update(brake_overwrites=49)
    edit_all_there(story, 45, "v60002")
    assert stopped(story).code == "brake_overwrites"


def test_the_usual_share_stops_a_run_from_a_hundred_on(play):
    story = play(records=150)
    edit_all_there(story, 120)
    assert stopped(story).count == 120


def test_the_share_is_the_streams_own(play):
    story = play(records=80, brake_overwrites=80)
    edit_all_there(story, 60)
    assert story.run() == "done"
    Stream.objects.update(brake_overwrites=10)
    edit_all_there(story, 51, "v60002")
    assert stopped(story).code == "brake_overwrites"


def test_it_is_counted_over_all_slices_of_a_run(play):
    story = play(Profile(page=20, batch=10), records=80, brake_overwrites=45)
    run = SyncLog.objects.create(integration=story.integration, state="running", trigger="schedule")
    edit_all_there(story, 30)
    assert story.run(seconds=600) == "done"
    SyncLog.objects.filter(pk=run.pk).update(state="running")  # it was only a slice
    for remote in list(story.world.rows)[30:50]:
        story.edit_there("contact", remote, "job_title", "v60002")
    story.world.rest()
    assert stopped(story).count == 50


def test_a_record_that_is_overwritten_again_counts_once(play):
    story = play(records=80, brake_overwrites=45)
    run = SyncLog.objects.create(integration=story.integration, state="running", trigger="schedule")
    for value in ("v60001", "v60002"):
        edit_all_there(story, 30, value)
        assert story.run() == "done"
        SyncLog.objects.filter(pk=run.pk).update(state="running")
    assert Contact.objects.filter(job_title="v60002").count() == 30


# --- overwriting there ------------------------------------------------------------------------------------------------


def test_overwriting_too_many_there_stops_before_the_step_that_goes_beyond(play):
    story = play(records=120, brake_overwrites=49)
    edit_here(120)
    error = stopped(story)
    assert error.code == "brake_overwrites"
    written = sum(row.values["job"] == "v60001" for row in story.world.rows.values())
    assert written <= 60
    lifecycle.lift_brake(stream())
    assert story.run() == "done"
    assert all(row.values["job"] == "v60001" for row in story.world.rows.values())


def test_what_is_promised_there_is_that_the_step_which_crosses_the_share_is_not_sent(play):
    """Before the first write nobody knows how many will follow: what one step may send (100 links) is known, and no more."""
    story = play(Profile(page=500, batch=10), records=240, brake_overwrites=49)
    edit_here(240)
    error = stopped(story)
    written = sum(row.values["job"] == "v60001" for row in story.world.rows.values())
    assert (written, error.count, error.total) == (100, 200, 240)  # 100 of 240 may go, 200 may not
    assert not RecordLink.objects.filter(intent__isnull=False).exists()


# --- beside an undo ---------------------------------------------------------------------------------------------------


def undoing(story: Play) -> SyncLog:
    """A run that takes back the edits of 50 of 80 records."""
    edit_all_there(story, 50)
    Stream.objects.update(brake_overwrites=100)
    assert story.run() == "done"
    Stream.objects.update(brake_overwrites=45)
    asked = undo.ask(SyncLog.objects.latest("started_at"), Actor("user", "1", "Ada"))
    SyncLog.objects.filter(pk=asked.pk).update(state="running")
    return asked


def test_what_an_undo_sets_back_is_free_also_after_an_interruption(play):
    story = play(records=80)
    undoing(story)
    assert story.run([Fault(2, "killed", on="push")]) == "killed"
    assert story.run() == "done"
    assert not Contact.objects.filter(job_title="v60001").exists()
    assert {row.values["job"] for row in story.world.rows.values()} == {"v60000"}


def test_what_others_edited_and_goes_out_beside_an_undo_is_not(play):
    story = play(records=80)
    undoing(story)
    Contact.objects.exclude(job_title="v60001").update(job_title="v60005")  # 30 are fewer than the share
    ids = list(Contact.objects.filter(job_title="v60001").values_list("pk", flat=True)[:10])
    Contact.objects.filter(pk__in=ids).update(job_title="v60005")  # 40 are more
    error = stopped(story)
    assert (error.code, error.count, error.total) == ("brake_overwrites", 40, 80)
    assert "v60005" not in {row.values["job"] for row in story.world.rows.values()}
    assert Contact.objects.filter(job_title="v60005").count() == 40


# --- deleting ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("side", ["here", "there"])
def test_deleting_too_many_stops_with_the_streams_share(play, side):
    story = play(records=40, brake_deletes=50)
    _delete(story, side, 15)
    assert story.run() == "done"
    _delete(story, side, 14)
    error = stopped(story)
    assert (error.code, error.count, error.total) == ("brake", 14, 25)
    assert Contact.objects.count() + (14 if side == "here" else 0) == 25
    assert len(story.world.alive("contacts")) + (14 if side == "there" else 0) == 25


def _delete(story: Play, side: str, number: int) -> None:
    if side == "here":
        for pk in list(Contact.objects.values_list("pk", flat=True))[:number]:
            story.delete_here("contact", str(pk))
    else:
        for row in story.world.alive("contacts")[:number]:
            story.trash_there(row.id)
        story.world.rest()


@pytest.mark.parametrize("policy", ["ignore", "unlink"])
def test_deletions_that_do_not_travel_stop_nothing(play, policy):
    story = play(records=40, deletions=policy)
    _delete(story, "there", 30)
    assert story.run() == "done"
    assert Contact.objects.count() == 40


def test_a_collection_that_looks_halved_stops_at_once(play):
    story = play(Profile(page=500, tombstones=False), records=40)
    for remote in list(story.world.rows)[:25]:
        story.world.rows.pop(remote)  # neither listed nor to be read by id
    Stream.objects.update(swept_at=None)
    fetched = story.world.calls["fetch"]
    error = stopped(story)
    assert (error.code, error.count, error.total) == ("brake", 25, 40)
    assert story.world.calls["fetch"] == fetched and not SetAside.objects.exists()
    lifecycle.lift_brake(stream())
    assert story.run() == "done"
    assert SetAside.objects.filter(code="vanished").count() == 25 and Contact.objects.count() == 40
    Stream.objects.update(swept_at=None)
    assert story.run() == "done"  # those are known by now


# --- what a person asked for ------------------------------------------------------------------------------------------


def test_what_a_person_asked_for_is_not_stopped(play):
    story = play(records=80, brake_overwrites=45)
    edit_all_there(story, 60)
    SyncLog.objects.create(integration=story.integration, state="running", trigger="plan")
    assert story.run() == "done"
    assert Contact.objects.filter(job_title="v60001").count() == 60


def test_what_the_brake_has_counted_is_no_part_of_the_public_counts(play):
    story = play(records=80)
    edit_all_there(story, 60)
    assert story.run() == "done"
    run = SyncLog.objects.latest("started_at")
    assert run.counts[f"overwrites:{stream().pk}"] == 60
    told = Run.of(run).counts
    assert told["updated_here"] == 60 and not [name for name in told if ":" in name]


@pytest.mark.parametrize("name", ["brake_deletes", "brake_overwrites"])
def test_shares_are_whole_numbers_from_1_to_100(play, name):
    play()
    streams.change(stream(), **{name: 100})
    assert getattr(stream(), name) == 100
    for wrong in (0, 101, -1, 2.5, "7", True, None):
        with pytest.raises(Refused):
            streams.change(stream(), **{name: wrong})


def test_whoever_cancels_or_pauses_takes_the_lifting_back(play):
    story = play(records=80, brake_overwrites=45)
    for take_back in (lifecycle.cancel, lifecycle.pause):
        Stream.objects.update(brake_lifted=True)
        take_back(story.integration)
        assert not stream().brake_lifted
