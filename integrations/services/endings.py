"""How a run ends: closed with its reason, and the next one planned, by what `failures` says of the reason.

Everything here is one transaction that only the holder of the lease commits.
"""

from __future__ import annotations

import datetime as dt
import logging
import random

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Exists, OuterRef
from django.utils import timezone

from integrations.models import Direction, IntegrationInstance, RecordLink, SetAside, Status, SyncLog
from integrations.notifications.bell import rings
from integrations.scheduling import due, leases
from integrations.scheduling.leases import Lease
from integrations.scheduling.models import Priority
from integrations.services import failures, incidents, plans
from integrations.services.connect import mark
from integrations.services.failures import Effect
from integrations.sync import settling

log = logging.getLogger(__name__)

BACKOFF = (60, 120, 300, 900, 1800, 3600)  # seconds until a run that met a passing failure is tried again
#: What a run that found both sides in step may have counted.
QUIET_COUNTS = ("read", "requests", "skipped", "left_out")
CALM = {"failures": 0, "failing_since": None, "warned_at": None}


def end(integration: IntegrationInstance, run: SyncLog, lease: Lease, state: str) -> str:
    """Done or cancelled: the next run comes by the schedule."""
    if run.plan_id:
        plans.conclude(run, lease, is_whole=state == SyncLog.State.DONE)
    with transaction.atomic():
        lease.hold()
        if state == SyncLog.State.DONE:
            calm_down(integration)
        _close(run, state, is_calm=_is_empty(run))
        leases.release(lease, _next_due(integration), Priority.SCHEDULE)
    return state


def fail(
    integration: IntegrationInstance,
    run: SyncLog,
    lease: Lease,
    code: str,
    detail: str = "",
    at_least: float = 0.0,
    now: dt.datetime | None = None,
) -> str:
    """Failed: tried again by itself, or stopped until a person acts. at_least: seconds that the tool asked us to wait."""
    now = now or leases.database_time()
    failure = failures.of(code)
    is_for_all = incidents.failed(integration, code)
    with transaction.atomic():
        lease.hold()
        due_at = None
        if failure.effect is not Effect.RETRY:
            _stop(integration, code, detail)
        elif _fails_for_days(integration, failure, now, is_for_all):
            _stop(integration, "failing_for_days", f"{code}: {detail}")
        else:
            due_at = now + dt.timedelta(seconds=_backoff(integration, at_least))
        _close(run, SyncLog.State.FAILED, code, detail)
        is_active = IntegrationInstance.objects.filter(pk=integration.pk, status=Status.ACTIVE).exists()
        leases.release(lease, due_at if is_active else None, Priority.SCHEDULE, not_before=due_at)
    return SyncLog.State.FAILED


def stop(integration: IntegrationInstance, run: SyncLog, lease: Lease, code: str, detail: str) -> str:
    """Stopped until a person acts, whatever the reason would do to the schedule as a rule."""
    with transaction.atomic():
        lease.hold()
        _stop(integration, code, detail)
        _close(run, SyncLog.State.FAILED, code, detail)
        leases.release(lease, None, Priority.SCHEDULE)
    return SyncLog.State.FAILED


def put_off(integration: IntegrationInstance, run: SyncLog, lease: Lease, code: str) -> str:
    """Failed for a reason of ours that passes (staff switched the provider off): the schedule goes on as it was."""
    with transaction.atomic():
        lease.hold()
        _close(run, SyncLog.State.FAILED, code)
        leases.release(lease, _next_due(integration), Priority.SCHEDULE)
    return SyncLog.State.FAILED


def calm_down(integration: IntegrationInstance) -> None:
    """It works: what failed before is forgotten."""
    incidents.worked(integration)
    if integration.failures or integration.failing_since:
        for name, value in CALM.items():
            setattr(integration, name, value)
        IntegrationInstance.objects.filter(pk=integration.pk).update(**CALM)


def _fails_for_days(
    integration: IntegrationInstance, failure: failures.Failure, now: dt.datetime, is_for_all: bool
) -> bool:
    """Warns on the way. A tool that only asks us to slow down is not failing, however long it asks.

    While it fails for many tenants, staff know: nobody is warned or paused for it, and the days count from its end.
    """
    if is_for_all:
        integration.failing_since = integration.warned_at = None
        integration.save(update_fields=["failing_since", "warned_at"])
    if is_for_all or not failure.tires:
        return False
    integration.failing_since = integration.failing_since or now
    hours = (now - integration.failing_since).total_seconds() / 3600
    if hours >= settings.FAILING_WARN_HOURS and integration.warned_at is None:
        integration.warned_at = now
        log.warning("%s (%s) has failed since %s", integration.pk, integration.provider, integration.failing_since)
    integration.save(update_fields=["failing_since", "warned_at"])
    return hours >= settings.FAILING_PAUSE_HOURS


def _backoff(integration: IntegrationInstance, at_least: float) -> float:
    step = BACKOFF[min(integration.failures, len(BACKOFF) - 1)]
    integration.failures += 1
    integration.save(update_fields=["failures"])
    return max(at_least, step * random.uniform(0.8, 1.2))  # noqa: S311 - spreads retries, guards nothing


def _stop(integration: IntegrationInstance, code: str, detail: str) -> None:
    fresh = IntegrationInstance.objects.select_for_update().get(pk=integration.pk)
    if fresh.status == Status.ACTIVE:  # a person may have paused it meanwhile
        mark(fresh, Status.ATTENTION, code, detail[:2000])


def _close(run: SyncLog, state: str, code: str = "", detail: str = "", is_calm: bool = False) -> None:
    """is_calm: nobody has to be told of it, unless there was trouble before it."""
    rings.ring_after(run.integration_id, is_calm)
    SyncLog.objects.filter(pk=run.pk).update(
        state=state, ended_at=timezone.now(), error_code=code, error_detail=detail[:2000], progress={}, claims=0
    )


def _is_empty(run: SyncLog) -> bool:
    """It read, and that was all."""
    return not any(number for name, number in run.told_counts.items() if name not in QUIET_COUNTS)


def _next_due(integration: IntegrationInstance) -> dt.datetime | None:
    fresh = IntegrationInstance.objects.get(pk=integration.pk)
    if fresh.status != Status.ACTIVE:
        return None
    now = leases.database_time()
    if integration.runs.filter(state=SyncLog.State.ASKED).exists():
        return now  # asked for while this one was at work
    due_at = due.next_due(fresh.frequency, now, connection.tenant.timezone)
    if _is_open(integration):  # an answer was lost: whether the write arrived is looked up soon
        soon = now + dt.timedelta(seconds=BACKOFF[0])
        due_at = min(due_at or soon, soon)
    if typed := settling.settled_at(
        integration.pk
    ):  # what somebody was still typing goes out as soon as it has settled
        due_at = min(due_at or typed, typed)
    return due_at


def _is_open(integration: IntegrationInstance) -> bool:
    """Whether a run could find out what became of a write: not where a person is asked, or nothing flows out any more."""
    streams = integration.streams.filter(is_active=True).exclude(direction=Direction.IMPORT)
    asked = SetAside.objects.filter(
        stream=OuterRef("stream"), record_id=OuterRef("record_id"), side="here", code="unsure_create"
    )
    return RecordLink.objects.filter(~Exists(asked), stream__in=streams, intent__isnull=False).exists()
