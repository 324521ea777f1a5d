"""What does not fit is set aside with its reason, tried again by itself, and blocks nothing else."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from typing import Any

import pytest
from django.utils import timezone

from crm.models import Contact, SelectOption
from integrations.adapters.base import Field
from integrations.models import FieldMapping, RecordLink, SetAside, Stream
from integrations.scheduling.models import Due
from integrations.services import set_aside, streams
from tests.simulation.memory import Profile
from tests.simulation.play import CONTACTS, Play
from values import Type

MINUTES, HOURS, DAYS = (dt.timedelta(**{unit: 1}) for unit in ("minutes", "hours", "days"))


@pytest.fixture
def play(live_tenant: Any) -> Iterator[Callable[..., Play]]:
    made: list[Play] = []

    def make(profile: Profile | None = None, **choices: Any) -> Play:
        made.append(Play(live_tenant, profile or Profile(), entities=("contact",), choices=choices))
        return made[-1]

    yield make
    for one in made:
        one.close()


def met(story: Play) -> tuple[str, str]:
    ours = story.new_here("contact")
    assert story.run() == "done"
    return ours, RecordLink.objects.get(record_id=ours).remote_id


def refused(play: Callable[..., Play]) -> tuple[Play, str, str]:
    """A job of ours that the tool refuses (70034 is a multiple of 97)."""
    story = play(Profile(refuses=97))
    pk, remote = met(story)
    story.edit_here("contact", pk, "job_title", "v70034")
    assert story.run() == "done"
    return story, pk, remote


def unfit(play: Callable[..., Play]) -> tuple[Play, str, str]:
    """An address of theirs that is none."""
    story = play()
    pk, remote = met(story)
    story.edit_there("contact", remote, "email", "nonsense")
    story.come_to_rest(1)
    return story, pk, remote


def only() -> SetAside:
    return SetAside.objects.get()


def due_now() -> None:
    SetAside.objects.update(retry_at=timezone.now() - MINUTES)


# --- with its reason, on a growing delay ------------------------------------------------------------------------------


@pytest.mark.parametrize(("told", "side", "field"), [(refused, "here", "job_title"), (unfit, "there", "email")])
def test_it_waits_with_its_reason_on_a_growing_delay(play, told, side, field):
    story, pk, _remote = told(play)
    one = only()
    assert (one.side, one.field, str(one.record_id)) == (side, field, pk) and one.reason
    for wait in (10 * MINUTES, HOURS, 6 * HOURS, DAYS, DAYS):
        assert abs(only().retry_at - timezone.now() - wait) < MINUTES
        attempts = only().attempts
        story.come_to_rest(1)
        assert only().attempts == attempts  # not before its time
        due_now()
        story.come_to_rest(1)
        assert only().attempts == attempts + 1


def test_it_is_tried_again_by_itself(play):
    story, _pk, remote = refused(play)
    story.world.profile = replace(story.world.profile, refuses=0)
    story.come_to_rest(1)
    assert only()
    due_now()
    story.come_to_rest(1)
    assert not SetAside.objects.exists() and story.world.rows[remote].values["job"] == "v70034"


def test_theirs_is_read_again_by_itself_also_when_no_listing_tells(play):
    story, pk, remote = unfit(play)
    story.world.rows[remote].values["mail"] = "v70001@x.example"
    due_now()
    story.run()
    assert not SetAside.objects.exists()
    assert Contact.objects.get(pk=pk).email == "v70001@x.example"


# --- at once, when its data changes -----------------------------------------------------------------------------------


def test_another_value_here_goes_at_once(play):
    story, pk, remote = refused(play)
    story.edit_here("contact", pk, "job_title", "v70001")
    story.run()
    assert not SetAside.objects.exists() and story.world.rows[remote].values["job"] == "v70001"


def test_another_value_there_comes_at_once(play):
    story, pk, remote = unfit(play)
    story.edit_there("contact", remote, "email", "v70001@x.example")
    story.come_to_rest(1)
    assert not SetAside.objects.exists() and Contact.objects.get(pk=pk).email == "v70001@x.example"


def test_a_value_taken_back_is_no_trouble_any_more(play):
    story, pk, _remote = refused(play)
    story.edit_here("contact", pk, "job_title", None)
    story.run()
    assert not SetAside.objects.exists()


def test_a_record_that_is_deleted_is_no_trouble_any_more(play):
    story, pk, _remote = refused(play)
    story.delete_here("contact", pk)
    story.come_to_rest()
    assert not SetAside.objects.exists()


# --- at once, when its mapping or its reason changes ------------------------------------------------------------------


def test_another_mapping_tries_at_once(play):
    story, _pk, remote = refused(play)
    kept = [
        {"remote": "own" if one.local == "job_title" else one.remote, "local": one.local}
        for one in FieldMapping.objects.all()
    ]
    story.world.profile = replace(story.world.profile, refuses=0)
    streams.set_mappings(Stream.objects.get(), kept)
    story.come_to_rest(1)
    assert not SetAside.objects.exists() and story.world.rows[remote].values["own"] == "v70034"


def with_job(field: Field, story: Play) -> None:
    """The tool's jobs are described so from now on."""
    fields = tuple(field if one.id == "job" else one for one in CONTACTS.fields)
    story.world.schemas["contacts"] = replace(CONTACTS, fields=fields)


def test_an_option_added_there_tries_at_once(play):
    story = play()
    job = Field("job", "Job", Type.SELECT, options=("Painter",))
    with_job(job, story)
    Stream.objects.update(schema=asdict(story.world.schemas["contacts"]))
    pk, remote = met(story)
    story.edit_here("contact", pk, "job_title", "Sculptor")
    story.run()
    assert (only().field, only().code) == ("job_title", "unfit")
    story.run()
    assert only().attempts == 1
    with_job(replace(job, options=("Painter", "Sculptor")), story)
    story.run()
    assert not SetAside.objects.exists() and story.world.rows[remote].values["job"] == "Sculptor"


def test_a_limit_raised_there_tries_what_was_refused_at_once(play):
    story, _pk, remote = refused(play)
    story.world.profile = replace(story.world.profile, refuses=0)
    with_job(Field("job", "Job", Type.TEXT, max_length=1000), story)
    story.run()
    assert not SetAside.objects.exists() and story.world.rows[remote].values["job"] == "v70034"


def test_an_option_added_here_tries_at_once(play):
    story = play()
    stream = Stream.objects.get()
    SetAside.objects.create(
        stream=stream, side="there", field="status", remote_id="r1", code="unfit", reason="no such option",
        retry_at=timezone.now() + DAYS,
    )  # fmt: skip
    SelectOption.objects.create(entity="contact", field="status", name="Sculptor")
    assert only().retry_at is None
    assert story


# --- never blocking ---------------------------------------------------------------------------------------------------


def test_the_other_fields_and_records_go(play):
    story, pk, remote = refused(play)
    story.edit_here("contact", pk, "score", "70001")
    other, other_remote = met(story)
    story.edit_here("contact", other, "job_title", "v70001")
    story.edit_there("contact", remote, "email", "v70002@x.example")
    story.come_to_rest(1)
    assert story.world.rows[remote].values["score"] == "70001"
    assert story.world.rows[other_remote].values["job"] == "v70001"
    assert Contact.objects.get(pk=pk).email == "v70002@x.example"
    assert only().field == "job_title"


# --- when a person asks -----------------------------------------------------------------------------------------------


def test_a_person_tries_one_or_the_whole_group_again(play):
    story, _pk, _remote = refused(play)
    for number in range(3):
        pk, _other = met(story)
        story.edit_here("contact", pk, "job_title", f"v{70131 + 97 * number}")
    story.run()
    assert SetAside.objects.count() == 4
    SetAside.objects.update(reason="Not wanted")
    first = SetAside.objects.first()
    Due.objects.filter(pk=story.integration.pk).update(due_at=None)
    assert set_aside.retry(SetAside.objects.filter(pk=first.pk)) == 1
    assert SetAside.objects.filter(retry_at=None).count() == 1
    assert Due.objects.get(pk=story.integration.pk).due_at is not None
    assert set_aside.retry(set_aside.group_of(first)) == 4
    story.world.profile = replace(story.world.profile, refuses=0)
    story.run()
    assert not SetAside.objects.exists()


def test_what_only_a_person_can_decide_is_not_tried_again(play):
    play()
    SetAside.objects.create(stream=Stream.objects.get(), side="there", remote_id="r1", code="ambiguous", reason="Two")
    assert set_aside.retry(SetAside.objects.all()) == 0
