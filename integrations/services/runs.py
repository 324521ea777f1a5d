"""A run from claim to release: opens the adapter, works a slice, and turns failures into waiting, pausing or asking."""

from __future__ import annotations

import datetime as dt
import logging
import random
import time
from contextlib import closing
from dataclasses import asdict

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from integrations.adapters import errors
from integrations.models import IntegrationInstance, RecordLink, Status, Stream, SyncLog
from integrations.scheduling import due, leases
from integrations.scheduling.leases import Lease, LeaseLost
from integrations.scheduling.models import Priority
from integrations.services.adapters import ProviderOff, open_adapter
from integrations.services.connect import mark
from integrations.sync import engine
from integrations.sync.pull import BrakeApplied
from integrations.sync.store import MappingChanged

log = logging.getLogger(__name__)

BACKOFF = (60, 120, 300, 900, 1800, 3600)  # seconds until a run that met a passing failure is tried again
PAUSING = ("authentication_failed", "access_denied")


def run_slice(lease: Lease) -> str:
    """One turn of a claimed integration. Answers what happened, in a word."""
    integration = IntegrationInstance.objects.filter(pk=lease.integration_id).first()
    if integration is None or integration.status != Status.ACTIVE:
        leases.release(lease, None, Priority.SCHEDULE)
        return "not active"
    run = _open_run(integration, lease)
    started = time.monotonic()
    try:
        outcome = _work(integration, run, lease)
    except LeaseLost:
        log.warning("lease of %s lost; another worker goes on", integration.pk)
        return "lease lost"
    finally:
        SyncLog.objects.filter(pk=run.pk).update(
            worked_seconds=run.worked_seconds + time.monotonic() - started, slices=run.slices + 1
        )
    return outcome


def _open_run(integration: IntegrationInstance, lease: Lease) -> SyncLog:
    """The run that is still open (a slice before this one, or a worker that died), or a new one."""
    run, _ = SyncLog.objects.get_or_create(
        integration=integration, state=SyncLog.State.RUNNING, defaults={"trigger": lease.trigger}
    )
    run.integration = integration
    return run


def _work(integration: IntegrationInstance, run: SyncLog, lease: Lease) -> str:
    try:
        with closing(open_adapter(integration, before_send=lease.before_send)) as adapter:
            turn = engine.Slice(run, adapter, lease, settings.SLICE_SECONDS)
            try:
                engine.work(turn, _streams(integration))
            finally:
                _keep_exchanges(run, adapter)
    except (engine.SliceOver, MappingChanged):
        due_at = timezone.now()
        leases.release(
            lease, due_at, Priority.BACKFILL if lease.priority > Priority.PERSON else lease.priority, lease.trigger
        )
        _wake(integration)
        return "slice over"
    except engine.Cancelled:
        return _end(integration, run, lease, SyncLog.State.CANCELLED)
    except LeaseLost:
        raise
    except BrakeApplied as error:
        return _stop(integration, run, lease, "brake", f"{error.count}/{error.total}")
    except ProviderOff:
        return _end(integration, run, lease, SyncLog.State.FAILED, "provider_off")
    except errors.AdapterError as error:
        return _failed(integration, run, lease, error)
    except Exception:
        log.exception("run %s of %s failed", run.pk, integration.pk)
        return _again_later(integration, run, lease, "internal_error", "")
    return _end(integration, run, lease, SyncLog.State.DONE)


def _streams(integration: IntegrationInstance) -> list[Stream]:
    return list(integration.streams.filter(is_active=True).select_related("integration").prefetch_related("mappings"))


def _failed(integration: IntegrationInstance, run: SyncLog, lease: Lease, error: errors.AdapterError) -> str:
    """By type: wait and try again, or stop until a person acts."""
    log.info("run %s of %s: %s: %s", run.pk, integration.pk, error.code, error)
    if error.transient:
        wait = getattr(error, "retry_after", 0.0)
        return _again_later(integration, run, lease, error.code, str(error), wait)
    return _stop(integration, run, lease, error.code, str(error))


def _again_later(
    integration: IntegrationInstance, run: SyncLog, lease: Lease, code: str, detail: str, at_least: float = 0.0
) -> str:
    step = BACKOFF[min(integration.failures, len(BACKOFF) - 1)]
    wait = max(at_least, step * random.uniform(0.8, 1.2))  # noqa: S311 - spreads retries, guards nothing
    integration.failures += 1
    integration.save(update_fields=["failures"])
    return _end(
        integration, run, lease, SyncLog.State.FAILED, code, detail, timezone.now() + dt.timedelta(seconds=wait)
    )


def _stop(integration: IntegrationInstance, run: SyncLog, lease: Lease, code: str, detail: str) -> str:
    with transaction.atomic():
        lease.hold()
        fresh = IntegrationInstance.objects.select_for_update().get(pk=integration.pk)
        if fresh.status == Status.ACTIVE:
            mark(fresh, Status.ATTENTION, code, detail)
    return _end(integration, run, lease, SyncLog.State.FAILED, code, detail, None, stop=True)


def _end(
    integration: IntegrationInstance,
    run: SyncLog,
    lease: Lease,
    state: str,
    code: str = "",
    detail: str = "",
    due_at: dt.datetime | None = None,
    stop: bool = False,
) -> str:
    """Close the run and plan the next one, in one transaction that only the holder of the lease commits."""
    now = timezone.now()
    with transaction.atomic():
        lease.hold()
        SyncLog.objects.filter(pk=run.pk).update(
            state=state, ended_at=now, error_code=code, error_detail=detail[:2000], progress={}
        )
        if state == SyncLog.State.DONE and integration.failures:
            IntegrationInstance.objects.filter(pk=integration.pk).update(failures=0)
        fresh = IntegrationInstance.objects.get(pk=integration.pk)
        if due_at is None and not stop and fresh.status == Status.ACTIVE:
            due_at = due.next_due(fresh.frequency, now, connection.tenant.timezone)
            if _is_open(integration):  # an answer was lost: whether the write arrived is looked up soon
                soon = now + dt.timedelta(seconds=BACKOFF[0])
                due_at = min(due_at or soon, soon)
        leases.release(lease, due_at if fresh.status == Status.ACTIVE else None, Priority.SCHEDULE)
    return state


def _is_open(integration: IntegrationInstance) -> bool:
    streams = integration.streams.filter(is_active=True)
    return RecordLink.objects.filter(stream__in=streams, intent__isnull=False).exists()


def _keep_exchanges(run: SyncLog, adapter: object) -> None:
    failures = getattr(getattr(adapter, "transport", None), "failures", ())
    if failures:
        kept = [asdict(failure) | {"at": str(failure.at)} for failure in failures]
        SyncLog.objects.filter(pk=run.pk).update(exchanges=kept)


def _wake(integration: IntegrationInstance) -> None:
    from integrations.scheduling.tasks import wake_on_commit

    wake_on_commit(integration.pk)
