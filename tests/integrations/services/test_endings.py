"""How runs end over HTTP with a tool that fails: tried again, warned about, paused; and what stops the rest."""

from __future__ import annotations

import datetime as dt
import logging

import pytest
from django.db import connection
from django.utils import timezone

from crm import records
from crm.models import Contact
from integrations.models import IntegrationInstance, RecordLink, Status, SyncLog
from integrations.scheduling import dispatch, due, leases
from integrations.scheduling.models import Due, Priority
from integrations.services import adapters, lifecycle, runs, waiting
from integrations.services.adapters import breakers
from integrations.services.endings import BACKOFF
from integrations.transport.breaker import TRIPS_AFTER
from tests.between import meanwhile
from tests.integrations.sync.test_two_way import ADA, connected, notion, sync

__all__ = ["notion"]
HOUR = dt.timedelta(hours=1)


@pytest.fixture
def linked(live_tenant, notion, monkeypatch):
    """No request is tried again: what is tested is what comes after that."""
    monkeypatch.setitem(adapters.RUN_WAITS, "waits", ())
    integration = connected(live_tenant, ("Contacts", "contact"))
    lifecycle.activate(integration)
    sync(integration)
    return integration


def run_once(integration):
    due.ask(integration.pk)
    outcome = dispatch.run_if_due(connection.schema_name, integration.pk)
    integration.refresh_from_db()
    return outcome


def down(notion):
    notion.fail(fault="status", status=503, times=None)


def failing_since(integration, hours):
    IntegrationInstance.objects.filter(pk=integration.pk).update(failing_since=timezone.now() - hours * HOUR)


def wait_planned(integration):
    return (Due.objects.get(pk=integration.pk).due_at - timezone.now()).total_seconds()


def test_failures_in_a_row_wait_longer_and_a_success_forgets_them(linked, notion):
    down(notion)
    for step in BACKOFF[:3]:
        assert run_once(linked) == "failed"
        assert 0.7 * step < wait_planned(linked) <= 1.3 * step
    assert linked.failures == 3 and linked.failing_since is not None
    notion.clear_faults()
    assert run_once(linked) == "done"
    assert (linked.failures, linked.failing_since, linked.warned_at) == (0, None, None)


def test_a_day_of_failures_is_warned_about_once(linked, notion, caplog):
    down(notion)
    run_once(linked)
    assert linked.warned_at is None
    failing_since(linked, 25)
    with caplog.at_level(logging.WARNING, logger="integrations.services.endings"):
        run_once(linked)
        run_once(linked)
    assert linked.status == Status.ACTIVE and linked.warned_at is not None
    assert [one.levelname for one in caplog.records if one.name.endswith("endings")] == ["WARNING"]


def test_five_days_of_failures_pause_it_and_resuming_asks_first(linked, notion):
    down(notion)
    failing_since(linked, 121)
    run_once(linked)
    assert (linked.status, linked.status_code) == (Status.ATTENTION, "failing_for_days")
    assert Due.objects.get(pk=linked.pk).due_at is None
    notion.clear_faults()
    lifecycle.resume(linked)
    assert lifecycle.is_catching_up(linked)
    lifecycle.resume(linked)
    assert linked.status == Status.ACTIVE
    sync(linked)


def test_being_asked_to_slow_down_for_days_is_no_failure(linked, notion):
    notion.fail(fault="rate_limited", times=None, retry_after=3600)
    failing_since(linked, 500)
    assert run_once(linked) == "failed"
    assert SyncLog.objects.first().error_code == "rate_limited"
    assert linked.status == Status.ACTIVE and linked.warned_at is None
    assert wait_planned(linked) > 3000


def test_fault_of_ours_backs_off_and_tells_staff(linked, caplog):
    with (
        caplog.at_level(logging.ERROR, logger="integrations.services.runs"),
        meanwhile('FROM "integrations_fieldmapping"', lambda: 1 / 0),
    ):
        assert run_once(linked) == "failed"
    assert SyncLog.objects.first().error_code == "internal_error"
    assert "ZeroDivisionError" in caplog.text
    assert wait_planned(linked) > 40 and linked.failing_since


def test_without_a_key_it_stops_and_says_so(linked):
    IntegrationInstance.objects.filter(pk=linked.pk).update(credentials=None)
    run_once(linked)
    assert (linked.status, linked.status_code) == (Status.ATTENTION, "not_connected")


# --- the breaker ---------------------------------------------------------------------------------------------------


def test_dead_provider_is_left_alone_and_tried_by_one(linked, notion):
    down(notion)
    for _run in range(TRIPS_AFTER):
        run_once(linked)
    assert breakers()["notion"].state == "open"
    notion.clear_log()
    assert run_once(linked) == "failed"
    assert notion.log()["total"] == 0
    assert SyncLog.objects.first().error_code == "unavailable"


# --- runs that kill their workers ------------------------------------------------------------------------------------


def dies(integration):
    """A worker takes it up and is killed; answers how long the next one waits for the lease."""
    due.ask(integration.pk)
    lease = leases.claim(integration.pk)
    run = runs._open_run(integration, lease)
    runs._lengthen(lease, run)
    row = Due.objects.get(pk=integration.pk)
    Due.objects.update(leased_until=timezone.now() - HOUR)
    return (row.leased_until - timezone.now()).total_seconds()


def test_run_that_kills_its_workers_is_taken_up_later_each_time_and_then_stopped(linked, settings):
    waits = [dies(linked) for _death in range(runs.DEATHS)]
    assert waits == sorted(waits) and waits[-1] > 10 * settings.LEASE_SECONDS
    assert run_once(linked) == "failed"
    assert (linked.status, linked.status_code) == (Status.ATTENTION, "internal_error")
    lifecycle.resume(linked)
    sync(linked)


def test_a_stored_step_or_an_orderly_end_forgets_the_deaths(linked, settings):
    for _death in range(runs.DEATHS - 1):
        dies(linked)
    assert run_once(linked) == "done"
    assert SyncLog.objects.first().claims == 0
    assert wait_planned(linked) > 0 and Due.objects.get(pk=linked.pk).leased_until is None


# --- waiting and catching up ----------------------------------------------------------------------------------------


def edit_three():
    for contact in Contact.objects.order_by("id")[:3]:
        records.update("contact", contact.pk, {"phone": "+33 9"}, ADA)


def test_changes_wait_are_counted_and_go_out_after_an_outage_by_themselves(linked, notion):
    assert waiting.count(linked.pk) == 0
    down(notion)
    edit_three()
    assert waiting.count(linked.pk) == 3
    run_once(linked)
    assert linked.status == Status.ACTIVE
    assert waiting.count(linked.pk) == 3
    notion.clear_faults()
    sync(linked)
    assert waiting.count(linked.pk) == 0
    assert sum(row["values"]["Phone"] == "+33 9" for row in notion.rows("Contacts", limit=1000)) == 3


def test_what_came_in_does_not_wait_to_go_out(linked, notion):
    notion.edit_row(RecordLink.objects.first().remote_id, Phone="+33 8")
    sync(linked)
    assert waiting.count(linked.pk) == 0


def test_short_pause_resumes_at_once_and_a_long_one_asks_first(linked):
    lifecycle.pause(linked)
    lifecycle.resume(linked)
    assert linked.status == Status.ACTIVE
    lifecycle.pause(linked)
    edit_three()
    linked.status_since = timezone.now() - 48 * HOUR
    linked.save()
    lifecycle.resume(linked, by="Ada")
    assert lifecycle.is_catching_up(linked)
    assert waiting.count(linked.pk) == 3
    assert linked.plans.get().made_by == "Ada"
    assert run_once(linked) == "not active"
    lifecycle.sync_now(linked)
    assert linked.plans.get().state == "discarded"  # it would wait for an answer that nobody gives any more
    sync(linked)
    assert waiting.count(linked.pk) == 0


# --- turns ----------------------------------------------------------------------------------------------------------


def test_rest_of_a_long_run_is_a_backfill_whoever_asked_for_it(linked, notion, settings):
    settings.SLICE_SECONDS = 0
    edit_three()
    assert run_once(linked) == "slice over"
    row = Due.objects.get(pk=linked.pk)
    assert (row.priority, row.leased_until) == (Priority.BACKFILL, None)


# --- clocks -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("hours", [-30, 30])
def test_jump_of_this_machines_clock_moves_no_run(linked, notion, settings, monkeypatch, hours):
    real = timezone.now
    monkeypatch.setattr(timezone, "now", lambda: real() + hours * HOUR)
    down(notion)
    run_once(linked)
    notion.clear_faults()
    assert 0 < (Due.objects.get(pk=linked.pk).due_at - real()).total_seconds() < 120
    assert run_once(linked) == "done"
    assert 0 < (Due.objects.get(pk=linked.pk).due_at - real()).total_seconds() < 600
    settings.SLICE_SECONDS = 0
    assert run_once(linked) in ("done", "slice over")
    assert linked.warned_at is None
