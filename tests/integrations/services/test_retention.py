"""What is forgotten with time, and what never is."""

from __future__ import annotations

import datetime as dt

import pytest
from django.db import connection
from django.utils import timezone

from crm import feed
from crm.models import Change, Contact
from integrations.models import IntegrationInstance, Stream, SweptRecord, SyncLog, SyncLogLine
from integrations.services import retention

DAY = dt.timedelta(days=1)


@pytest.fixture
def stream(tenant):
    integration = IntegrationInstance.objects.create(provider="notion", name="Notion")
    return Stream.objects.create(integration=integration, collection="c", collection_name="Contacts", entity="contact")


def run_of(stream, days_ago, **facts):
    at = timezone.now() - days_ago * DAY
    run = SyncLog.objects.create(integration=stream.integration, trigger="schedule", state="done", ended_at=at, **facts)
    SyncLog.objects.filter(pk=run.pk).update(started_at=at)
    SyncLogLine.objects.create(run=run, stream=stream, side="here", action="updated", at=at)
    return run


def grow_old(days):
    """Whatever the feed holds was written so many days ago."""
    Change.objects.update(at=timezone.now() - days * DAY)


def read_up(stream):
    """The stream has looked through everything."""
    last = Change.objects.order_by("-txid", "-id").first()
    Stream.objects.filter(pk=stream.pk).update(feed_txid=last.txid, feed_id=last.id)


def edited(times=3):
    contact = Contact.objects.create(name="Ada")
    for number in range(times):
        Contact.objects.filter(pk=contact.pk).update(phone=str(number))
    return contact


def test_lines_go_after_their_days_and_the_run_stays(stream):
    old, young = run_of(stream, 91), run_of(stream, 89)
    assert retention.prune()["lines"] == 1
    assert not old.lines.exists() and young.lines.exists()
    assert SyncLog.objects.count() == 2


def test_exchanges_go_first(stream):
    old, young = run_of(stream, 31, exchanges=[{"url": "x"}]), run_of(stream, 29, exchanges=[{"url": "x"}])
    assert retention.prune()["exchanges"] == 1
    old.refresh_from_db()
    young.refresh_from_db()
    assert old.exchanges == [] and young.exchanges


def test_old_runs_go_but_the_last_ones_stay_however_old(stream, settings):
    settings.KEEP_RUNS = 2
    runs = [run_of(stream, days) for days in (500, 450, 420, 410)]
    assert retention.prune()["runs"] == 2
    assert set(SyncLog.objects.values_list("pk", flat=True)) == {runs[2].pk, runs[3].pk}


def test_run_that_is_under_way_is_never_forgotten(stream, settings):
    settings.KEEP_RUNS = 1
    for days in (600, 500):
        run_of(stream, days)
    working = run_of(stream, 700)
    SyncLog.objects.filter(pk=working.pk).update(state="running", ended_at=None)
    retention.prune()
    assert SyncLog.objects.filter(pk=working.pk).exists()


def test_old_changes_go_and_the_last_of_every_record_stays(stream):
    contact = edited()
    grow_old(401)
    read_up(stream)
    assert retention.prune()["changes"] == 3
    (kept,) = Change.objects.filter(record_id=contact.pk)
    assert kept.after["phone"] == "2"


def test_changes_that_a_stream_has_not_seen_stay_however_old(stream):
    edited()
    grow_old(1000)
    Stream.objects.filter(pk=stream.pk).update(feed_txid=1, feed_id=1)
    assert retention.prune()["changes"] == 0


def test_stream_that_only_brings_in_keeps_no_changes(stream):
    edited()
    grow_old(1000)
    Stream.objects.filter(pk=stream.pk).update(feed_txid=1, feed_id=1, direction="import")
    assert retention.prune()["changes"] == 3


def test_young_changes_stay_also_behind_old_ones_in_small_parts(stream, monkeypatch):
    monkeypatch.setattr(retention, "BATCH", 2)
    edited(times=5)
    grow_old(401)
    contact = edited(times=2)
    read_up(stream)
    assert retention.prune()["changes"] == 5
    assert Change.objects.filter(record_id=contact.pk).count() == 3


def test_deleted_record_can_still_be_told(stream):
    contact = edited()
    pk = contact.pk
    contact.delete()
    grow_old(500)
    read_up(stream)
    retention.prune()
    assert [one.operation for one in Change.objects.filter(record_id=pk)] == ["delete"]


def test_what_a_given_up_listing_left_goes_and_one_that_goes_on_stays(stream):
    SweptRecord.objects.create(stream=stream, remote_id="1")
    Stream.objects.filter(pk=stream.pk).update(sweep_cursor="at:5")
    assert retention.prune()["swept"] == 0
    Stream.objects.filter(pk=stream.pk).update(sweep_cursor="")
    assert retention.prune()["swept"] == 1


def test_other_tenants_keep_theirs(stream, other_tenant):
    from django_tenants.utils import tenant_context

    with tenant_context(other_tenant):
        edited()
        grow_old(500)
        before = Change.objects.count()
    retention.prune()
    with tenant_context(other_tenant):
        assert Change.objects.count() == before


def test_no_stream_at_all_holds_nothing_back(tenant):
    edited()
    grow_old(500)
    assert retention.prune()["changes"] == 3
    assert feed.now().txid and connection.schema_name == tenant.schema_name


def test_beat_has_each_tenant_pruned_in_a_task_of_its_own(stream, tenant, monkeypatch):
    from integrations.scheduling import tasks

    run_of(stream, 91)
    sent = []
    monkeypatch.setattr(tasks.prune_tenant, "apply_async", lambda args, retry: sent.append(args[0]))
    tasks.prune()
    assert tenant.schema_name in sent and "public" not in sent
    tasks.prune_tenant(tenant.schema_name)
    assert not SyncLogLine.objects.exists()
