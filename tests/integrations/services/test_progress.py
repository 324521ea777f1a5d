"""How far a run has come: only what can be known."""

from __future__ import annotations

import datetime as dt

import pytest
from django.utils import timezone

from integrations.models import IntegrationInstance, Plan, RecordLink, Stream, SyncLog
from integrations.services import progress

NOW = timezone.now()


@pytest.fixture
def stream(tenant):
    made = IntegrationInstance.objects.create(provider="notion", name="Notion")
    return Stream.objects.create(integration=made, collection="c", collection_name="Contacts", entity="contact")


def run(stream, phase, counts, begun=None, seconds=10):
    told = {"stream": "Contacts", "phase": phase, "id": str(stream.pk), "begun": begun or {},
            "since": (NOW - dt.timedelta(seconds=seconds)).isoformat()}  # fmt: skip
    return SyncLog(integration=stream.integration, progress=told, counts=counts, started_at=NOW - dt.timedelta(hours=1))


def test_first_reading_is_as_long_as_the_plan_before_it(stream):
    Plan.objects.create(
        integration=stream.integration, state="done", made_at=NOW,
        streams=[{"stream": str(stream.pk), "counts": {"read": 1200}}],
    )  # fmt: skip
    found = progress.of(run(stream, "reading", {"read": 200}), NOW)
    assert (found.done, found.total, found.rate, found.left) == (200, 1200, 20.0, 50.0)


def test_what_changed_nobody_knows_before_it_is_read(stream):
    stream.listed_at = NOW
    stream.save()
    found = progress.of(run(stream, "reading", {"read": 200}), NOW)
    assert (found.total, found.left, found.rate) == (None, None, 20.0)


def test_listing_is_as_long_as_what_is_paired(stream):
    RecordLink.objects.bulk_create([RecordLink(stream=stream, remote_id=f"r{n}") for n in range(40)])
    assert progress.of(run(stream, "listing", {"read": 10}), NOW).left == 30.0
    more = progress.of(run(stream, "listing", {"read": 50}), NOW)  # there is more than we knew
    assert (more.total, more.left) == (None, None)


def test_sending_counts_from_where_it_began(stream):
    RecordLink.objects.bulk_create([RecordLink(stream=stream, remote_id=f"r{n}", dirty=True) for n in range(20)])
    found = progress.of(run(stream, "sending", {"read": 900, "updated_there": 70}, {"updated_there": 60}), NOW)
    assert (found.done, found.total, found.left) == (10, 30, 20.0)


def test_first_seconds_say_nothing_of_the_rate(stream):
    assert progress.of(run(stream, "reading", {"read": 500}, seconds=1), NOW).rate == 0
    assert progress.of(SyncLog(integration=stream.integration, started_at=NOW), NOW).done == 0
