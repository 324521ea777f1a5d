"""Where a value comes from: per field, who or which run, when, by which rule, with the values before."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from crm import feed, records
from crm.feed import Actor
from crm.models import Contact
from integrations.models import Conflict, RecordLink, SyncLog
from integrations.services import conflicts, provenance
from integrations.services.provenance import Origin
from integrations.sync import tables
from tests.simulation.play import Play

ADA = Actor("user", "1", "Ada")
SCRIPT = Actor("api", "2", "Import script")


@pytest.fixture
def play(live_tenant: Any) -> Iterator[Callable[..., Play]]:
    made: list[Play] = []

    def make(**choices: Any) -> Play:
        made.append(Play(live_tenant, entities=("contact",), choices=choices))
        return made[-1]

    yield make
    for one in made:
        one.close()


def came_in(story: Play, **given: Any) -> tuple[str, str]:
    """A contact that a first import brought: our id and theirs."""
    remote = story.new_there("contact", **given)
    assert story.run() == "done"
    return str(RecordLink.objects.get(remote_id=remote).record_id), remote


def origin(pk: str, name: str) -> Origin:
    return next(one for one in provenance.of("contact", pk) if one.field == name)


def test_a_value_of_the_first_import_names_the_run(play):
    story = play()
    pk, _remote = came_in(story, job="v80001")
    one = origin(pk, "job_title")
    assert (one.value, one.kind, one.who, one.rule) == ("v80001", "run", "Memory", "created")
    assert (one.run, one.integration, one.stream) == (SyncLog.objects.get().pk, "Memory", "Contacts")
    assert one.at and one.words and not one.earlier


def test_a_field_never_written_answers_the_creation(play):
    story = play()
    pk, _remote = came_in(story)
    one = origin(pk, "phone")
    assert (one.value, one.rule, one.kind) == (None, "created", "run")


def test_a_persons_edit_and_what_was_before(play):
    story = play()
    pk, _remote = came_in(story, job="v80001")
    records.update("contact", pk, {"job_title": "v80002"}, ADA)
    records.update("contact", pk, {"job_title": "v80003"}, SCRIPT)
    one = origin(pk, "job_title")
    assert (one.value, one.kind, one.who, one.rule, one.run) == ("v80003", "api", "Import script", "edited", None)
    assert [(e.value, e.who) for e in one.earlier] == [("v80002", "Ada"), ("v80001", "Memory")]
    assert one.at > one.earlier[0].at > one.earlier[1].at


def test_an_edit_there_says_that_only_they_changed_it(play):
    story = play()
    pk, remote = came_in(story, job="v80001")
    story.edit_there("contact", remote, "job_title", "v80002")
    story.run()
    one = origin(pk, "job_title")
    assert (one.value, one.rule, one.kind) == ("v80002", "theirs", "run")
    assert one.run == SyncLog.objects.first().pk


@pytest.mark.parametrize("policy", ["remote", "newest"])
def test_a_conflict_says_which_rule_decided(play, policy):
    story = play(policy=policy)
    pk, remote = came_in(story, job="v80001")
    records.update("contact", pk, {"job_title": "v80002"}, ADA)
    story.world.tick += 10_000
    story.edit_there("contact", remote, "job_title", "v80003")
    story.run()
    one = origin(pk, "job_title")
    assert (one.value, one.rule) == ("v80003", policy)
    assert one.earlier[0].value == "v80002" and one.earlier[0].who == "Ada"


def test_what_a_person_chose_in_a_conflict(play):
    story = play(policy="ask")
    pk, remote = came_in(story, job="v80001")
    records.update("contact", pk, {"job_title": "v80002"}, ADA)
    story.edit_there("contact", remote, "job_title", "v80003")
    story.run()
    conflicts.resolve(Conflict.objects.get(), "remote", ADA)
    one = origin(pk, "job_title")
    assert (one.value, one.kind, one.who, one.rule) == ("v80003", "user", "Ada", "person")


def test_what_was_empty_at_the_first_meeting(play):
    story = play()
    pk = story.new_here("contact", email="v80001@x.example")
    story.new_there("contact", mail="v80001@x.example", name=Contact.objects.get(pk=pk).name, job="v80002")
    story.come_to_rest()
    assert (origin(pk, "job_title").value, origin(pk, "job_title").rule) == ("v80002", "first_meeting")


def test_a_record_that_came_back(play):
    story = play()
    pk, _remote = came_in(story, job="v80001")
    records.delete("contact", [pk], ADA)
    entity = records.describe("contact")
    with feed.acting(ADA):
        records.insert_rows(entity, [tables.deleted_row(entity, pk)])
    one = origin(pk, "job_title")
    assert (one.value, one.rule, one.who) == ("v80001", "restored", "Ada")


def test_a_run_that_is_no_longer_kept(play):
    story = play()
    pk, _remote = came_in(story, job="v80001")
    SyncLog.objects.all().delete()
    one = origin(pk, "job_title")
    assert (one.kind, one.who, one.run, one.rule) == ("run", "Memory", None, "created")


def test_the_number_of_queries_does_not_grow_with_the_history(play):
    story = play()
    pk, remote = came_in(story, job="v80001")

    def queries() -> int:
        with CaptureQueriesContext(
            connection,
        ) as caught:
            provenance.of("contact", pk)
        return len(caught)

    few = queries()
    for number in range(6):
        story.edit_there("contact", remote, "job_title", f"v8001{number}")
        story.run()
        records.update("contact", pk, {"phone": f"+33 {number}"}, ADA)
    assert queries() == few <= 16
    assert len(origin(pk, "job_title").earlier) == 6


def test_an_unknown_record_is_missing(tenant):
    with pytest.raises(records.Missing):
        provenance.of("contact", "01993f0a-1b5d-7e20-93c1-7a6b5c4d3e10")
