"""Cancelling, yielding and going on, over HTTP: a slow tool is left soon, and what was done stays done."""

from __future__ import annotations

import threading
import time

import pytest
from django.db import connection
from django.utils import timezone

from crm import records
from crm.models import Contact
from integrations.models import IntegrationInstance, RecordLink, Status, Stream, SweptRecord, SyncLog
from integrations.scheduling import dispatch, due, leases
from integrations.scheduling.models import Due, Priority
from integrations.services import lifecycle
from integrations.sync import pull, slices
from tests.between import meanwhile
from tests.contract.wire import Killed
from tests.integrations.sync.test_two_way import ADA, connected, notion, sync

__all__ = ["notion"]
PAGE = 100
PAGES = 10


@pytest.fixture
def integration(live_tenant, notion):
    notion.reset()
    notion.seed("bulk", records=PAGES * PAGE)
    notion.limit(None)
    made = connected(live_tenant, (notion.tables()[0]["name"], "contact"))
    lifecycle.activate(made)
    return made


@pytest.fixture
def elsewhere(live_tenant):
    """elsewhere(work, when) does `work` on a connection of its own as soon as `when()` is true."""
    threads = []

    def start(work, when):
        def run():
            connection.set_tenant(live_tenant)
            try:
                until = time.monotonic() + 30
                while not when() and time.monotonic() < until:
                    time.sleep(0.02)
                work()
            finally:
                connection.close()

        threads.append(threading.Thread(target=run))
        threads[-1].start()

    yield start
    for thread in threads:
        thread.join()


def run_once(integration):
    due.ask(integration.pk)
    outcome = dispatch.run_if_due(connection.schema_name, integration.pk)
    integration.refresh_from_db()
    return outcome


def cancel():
    SyncLog.objects.filter(state="running").update(cancel_asked=True)


def agree(notion):
    there = notion.rows(notion.tables()[0]["name"], limit=1000)
    assert Contact.objects.count() == len(there) == RecordLink.objects.filter(state="linked").count()


# --- cancel ---------------------------------------------------------------------------------------------------------


def test_slow_pages_are_stored_one_by_one_and_cancel_stops_at_the_next(integration, notion, elsewhere):
    notion.fail(fault="slow", seconds=1.5, method="POST", path="query$", times=None)
    elsewhere(cancel, lambda: RecordLink.objects.count() >= PAGE)
    assert run_once(integration) == "cancelled"
    assert PAGE <= Contact.objects.count() < PAGES * PAGE  # how many pages depends on how busy this machine is
    assert integration.status == Status.ACTIVE
    notion.clear_faults()
    sync(integration)
    agree(notion)


def test_cancel_ends_a_long_wait_that_the_tool_asked_for(integration, notion, elsewhere):
    notion.fail(fault="rate_limited", retry_after=45, path="query$", times=1)
    elsewhere(cancel, lambda: SyncLog.objects.filter(progress__phase="reading").exists())
    started = time.monotonic()
    assert run_once(integration) == "cancelled"
    assert time.monotonic() - started < 40  # it was asked to wait for 45
    lifecycle_pause_is_over(notion)
    sync(integration)
    agree(notion)


def lifecycle_pause_is_over(notion):
    """The note that everybody waits, which the limiter keeps, would hold up the rest of the test as well."""
    from integrations.services.adapters import limiter

    limiter().store.reset()


def test_cancel_between_two_writes_leaves_nothing_open(integration, notion, elsewhere):
    sync(integration)
    for contact in Contact.objects.order_by("id")[:40]:
        records.update("contact", contact.pk, {"phone": "+33 5"}, ADA)
    notion.fail(fault="slow", seconds=0.3, method="PATCH", times=None)
    elsewhere(cancel, lambda: notion.log()["by_route"].get("PATCH /v1/pages/{id}", 0) >= 2)
    assert run_once(integration) == "cancelled"
    sent = sum(row["values"].get("Phone") == "+33 5" for row in notion.rows(notion.tables()[0]["name"], limit=1000))
    assert 0 < sent < 40
    assert not RecordLink.objects.filter(intent__isnull=False).exists()
    assert RecordLink.objects.filter(dirty=True).count() == 40 - sent
    notion.clear_faults()
    sync(integration)
    there = notion.rows(notion.tables()[0]["name"], limit=1000)
    assert sum(row["values"].get("Phone") == "+33 5" for row in there) == 40


@pytest.fixture
def goes_on():
    """What is told that it ends in a test goes on after it."""
    yield
    slices.ending.clear()


def test_process_that_ends_gives_its_lease_back_in_a_long_wait(integration, notion, goes_on, elsewhere):
    notion.fail(fault="rate_limited", retry_after=45, path="query$", times=1)
    elsewhere(slices.ending.set, lambda: SyncLog.objects.filter(progress__phase="reading").exists())
    started = time.monotonic()
    assert run_once(integration) == "slice over"
    assert time.monotonic() - started < 40
    assert Due.objects.get(pk=integration.pk).leased_until is None


def test_long_wait_keeps_the_lease(integration, notion, settings):
    settings.LEASE_SECONDS = 3
    notion.fail(fault="rate_limited", retry_after=5, path="query$", times=1)
    assert run_once(integration) == "done"
    agree(notion)


# --- turns ----------------------------------------------------------------------------------------------------------


def somebody_waits(priority, seconds=5):
    """Another integration of this tenant is due, and nobody takes it."""
    from crm.fields import new_id

    Due.objects.create(
        integration_id=new_id(),
        tenant=connection.tenant,
        due_at=timezone.now() - timezone.timedelta(seconds=seconds),
        priority=priority,
    )


@pytest.fixture
def eager(monkeypatch):
    """Slices of no least length, that look whenever they may; none is long, however slow this machine is."""
    monkeypatch.setattr(slices, "LEAST_SECONDS", 0)
    monkeypatch.setattr(slices, "LONG_SECONDS", 600)
    monkeypatch.setattr(slices, "LOOK_SECONDS", 0)


@pytest.mark.parametrize(
    ("waits", "ours", "outcome"),
    [
        (Priority.PERSON, Priority.SCHEDULE, "slice over"),
        (Priority.WEBHOOK, Priority.BACKFILL, "slice over"),
        (Priority.SCHEDULE, Priority.SCHEDULE, "done"),
        (Priority.BACKFILL, Priority.PERSON, "done"),
    ],
)
def test_run_yields_early_to_who_is_more_urgent(integration, eager, waits, ours, outcome):
    somebody_waits(waits)
    due.ask(integration.pk, ours)
    assert dispatch.run_if_due(connection.schema_name, integration.pk) == outcome


def test_run_does_not_yield_to_what_a_free_worker_is_about_to_take_nor_to_what_nobody_will(
    integration, eager, monkeypatch
):
    monkeypatch.setattr(leases, "TAKEN_SECONDS", 60)
    somebody_waits(Priority.PERSON, seconds=0)
    somebody_waits(Priority.PERSON, seconds=2 * leases.FORGOTTEN_SECONDS)
    due.ask(integration.pk, Priority.SCHEDULE)
    assert dispatch.run_if_due(connection.schema_name, integration.pk) == "done"


def test_after_a_while_any_run_yields_to_the_schedule(integration, eager, monkeypatch):
    monkeypatch.setattr(slices, "LONG_SECONDS", 0)
    somebody_waits(Priority.SCHEDULE)
    assert run_once(integration) == "slice over"


def test_backfill_holds_still_beside_somebody_urgent_but_is_never_stopped(integration):
    def given_way(priority, beside):
        lease = leases.Lease(integration.pk, 1, 90, priority)
        turn = slices.Slice(SyncLog(), None, lease, 60)
        turn._resumed -= 0.1  # its last step took so long
        with slices.present(leases.Lease(integration.pk, 1, 90, beside)):
            started = time.monotonic()
            turn._give_way()
            return time.monotonic() - started

    held_still = 0.1 * slices.GIVE_WAY
    assert given_way(Priority.BACKFILL, beside=Priority.SCHEDULE) >= held_still
    assert given_way(Priority.BACKFILL, beside=Priority.BACKFILL) < held_still
    assert given_way(Priority.SCHEDULE, beside=Priority.PERSON) < held_still


@pytest.mark.parametrize(("woken", "taken"), [("backfill", ["person", "backfill"]), ("person", ["person"])])
def test_wake_up_of_a_backfill_takes_a_person_first(live_tenant, woken, taken):
    from integrations.scheduling import tasks

    waiting = {}
    for name, priority in (("backfill", Priority.BACKFILL), ("person", Priority.PERSON)):
        waiting[name] = IntegrationInstance.objects.create(provider="notion", name=name, status="active")
        due.ask(waiting[name].pk, priority)
    tasks.wake(live_tenant.schema_name, str(waiting[woken].pk))
    connection.set_tenant(live_tenant)
    stopped = IntegrationInstance.objects.filter(status_code="not_connected").order_by("status_since")
    assert list(stopped.values_list("name", flat=True)) == taken


# --- the daily listing --------------------------------------------------------------------------------------------


def slices_until_done(integration):
    number = 1
    while run_once(integration) == "slice over":
        number += 1
        assert number < 50
    return number


def test_sweep_goes_on_over_slices_and_finds_what_was_deleted(integration, notion, settings):
    sync(integration)
    gone = [notion.rows(notion.tables()[0]["name"], limit=1000)[place]["id"] for place in (3, 650)]
    for row in gone:
        notion.trash_row(row)
    settings.SLICE_SECONDS = 0
    Stream.objects.update(swept_at=None)
    notion.clear_log()
    assert slices_until_done(integration) >= 2
    assert Contact.objects.count() == PAGES * PAGE - 2
    assert not RecordLink.objects.filter(remote_id__in=gone, state="linked").exists()
    stream = integration.streams.get()
    assert stream.swept_at and not stream.sweep_cursor and not SweptRecord.objects.exists()
    queries = notion.log()["by_route"]["POST /v1/data_sources/{id}/query"]
    assert queries < 2 * PAGES + 20  # one listing, not one for each slice


@pytest.mark.parametrize("after", [1, 2, 3, 4])
def test_sweep_that_is_killed_goes_on(integration, notion, monkeypatch, after):
    sync(integration)
    for row in notion.rows(notion.tables()[0]["name"], limit=1000)[10:14]:
        notion.trash_row(row["id"])
    Stream.objects.update(swept_at=None)

    def dies():
        raise Killed

    monkeypatch.setattr(pull, "GATHER", 200)
    due.ask(integration.pk)
    with pytest.raises(Killed), meanwhile("INSERT INTO integrations_sweptrecord", dies, after=True, skip=after):
        dispatch.run_if_due(connection.schema_name, integration.pk)
    assert integration.streams.get().sweep_cursor
    Due.objects.update(leased_until=None)
    sync(integration)
    assert Contact.objects.count() == PAGES * PAGE - 4
    assert not SweptRecord.objects.exists()
