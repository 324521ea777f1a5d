"""From calls to runs: many calls become one run, none is lost, and nothing runs that shall not."""

from __future__ import annotations

import datetime as dt

import pytest
from django.db import connection
from django.utils import timezone

from integrations.adapters.registry import adapter_class
from integrations.scheduling import dispatch, leases
from integrations.scheduling.models import Due, Priority
from integrations.webhooks import noticing
from integrations.webhooks.models import Subscription

LAG = dt.timedelta(seconds=adapter_class("notion").manifest.can.lag_seconds)


@pytest.fixture
def heard(listens):
    """heard(seconds ago, …the due row) -> a row that was called then, long enough ago to read what it was about."""

    def make(ago: float = 60, last: float | None = None, row: Subscription | None = None, **due) -> Subscription:
        now = timezone.now()
        row = row or listens()
        Subscription.objects.filter(pk=row.pk).update(
            called_at=now - dt.timedelta(seconds=ago),
            heard_at=now - dt.timedelta(seconds=ago if last is None else last),
        )
        Due.objects.filter(pk=row.integration_id).update(**due)
        return row

    return make


def due_of(row: Subscription) -> Due:
    return Due.objects.get(pk=row.integration_id)


def is_marked(row: Subscription) -> bool:
    return Subscription.objects.filter(pk=row.pk, called_at__isnull=False).exists()


def test_what_was_called_for_is_due_at_once(heard, listens):
    row, another = heard(), listens("another")
    assert noticing.notice() == 1
    due = due_of(row)
    assert due.due_at <= timezone.now() and (due.priority, due.trigger) == (Priority.WEBHOOK, "webhook")
    assert not is_marked(row)
    assert due_of(another).due_at > timezone.now()
    assert noticing.notice() == 0


def test_the_dispatcher_wakes_it_in_the_same_turn(heard):
    row = heard()
    noticing.notice()
    assert dispatch.due_now(10) == [(connection.schema_name, row.integration_id)]


def test_many_tables_of_one_integration_become_one_run(heard, listens):
    first = heard()
    second = heard(row=listens("table-2", integration_id=first.integration_id))
    assert noticing.notice() == 2
    assert not is_marked(first) and not is_marked(second)
    assert len(dispatch.due_now(10)) == 1


def test_it_waits_until_what_changed_can_be_read(heard):
    row = heard(ago=LAG.total_seconds() - 2)
    noticing.notice()
    assert is_marked(row) and due_of(row).due_at > timezone.now()


def test_what_was_heard_too_lately_for_that_run_leads_to_one_more(heard):
    row = heard(ago=60, last=0)
    noticing.notice()
    assert due_of(row).due_at <= timezone.now()
    assert is_marked(row)
    assert noticing.notice() == 0  # not before it can be read


def test_a_call_during_a_run_leads_to_one_more_run_after_it(heard):
    row = heard(due_at=timezone.now() - dt.timedelta(seconds=1))
    lease = leases.claim(row.integration_id)
    noticing.notice()
    assert is_marked(row)
    leases.release(lease, timezone.now() + dt.timedelta(minutes=5), Priority.SCHEDULE)
    assert noticing.notice() == 1
    assert leases.claim(row.integration_id).trigger == "webhook"


def test_a_long_reading_goes_on_first(heard):
    row = heard(due_at=timezone.now(), priority=Priority.BACKFILL, trigger="person")
    noticing.notice()
    assert is_marked(row) and due_of(row).priority == Priority.BACKFILL
    Due.objects.update(priority=Priority.SCHEDULE)
    noticing.notice()
    assert not is_marked(row)


def test_a_persons_request_stays_theirs(heard):
    row = heard(due_at=timezone.now(), priority=Priority.PERSON, trigger="person")
    noticing.notice()
    assert (due_of(row).priority, due_of(row).trigger) == (Priority.PERSON, "person")


def test_nothing_runs_where_nothing_is_planned(heard):
    """Paused, stopped, or only when asked."""
    row = heard(due_at=None)
    noticing.notice()
    assert due_of(row).due_at is None and not is_marked(row)


def test_after_a_failure_the_tool_is_not_asked_before_its_time(heard):
    at = timezone.now() + dt.timedelta(minutes=3)
    past = timezone.now() - dt.timedelta(minutes=1)
    row = heard(due_at=past)
    leases.release(leases.claim(row.integration_id), at, Priority.SCHEDULE, not_before=at)
    noticing.notice()
    assert due_of(row).due_at == at
    Due.objects.update(due_at=past)
    leases.release(leases.claim(row.integration_id), at, Priority.SCHEDULE)  # the next run went well
    heard(row=row)
    noticing.notice()
    assert due_of(row).due_at <= timezone.now()
