"""A run from claim to release: opens the adapter, works a slice, and ends it by what came of it."""

from __future__ import annotations

import logging
import time
from contextlib import closing
from dataclasses import asdict

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from integrations.adapters import errors
from integrations.adapters.base import Adapter
from integrations.models import IntegrationInstance, Status, Stream, SyncLog
from integrations.scheduling import leases
from integrations.scheduling.leases import Lease, LeaseLost
from integrations.scheduling.models import Priority
from integrations.services import endings, plans, undo
from integrations.services.adapters import NotConnected, ProviderOff, open_adapter
from integrations.sync import engine, slices
from integrations.sync.brake import BrakeApplied
from integrations.sync.store import MappingChanged
from integrations.transport.http import Interrupted

log = logging.getLogger(__name__)

#: Workers that may die of a run in a row. Each time the lease is twice as long, so that the next one takes it up later.
DEATHS = 5


def run_slice(lease: Lease) -> str:
    """One turn of a claimed integration. Answers what happened, in a word."""
    integration = IntegrationInstance.objects.filter(pk=lease.integration_id).first()
    if integration is None or integration.status != Status.ACTIVE:
        leases.release(lease, None, Priority.SCHEDULE)
        return "not active"
    run = _open_run(integration, lease)
    started = time.monotonic()
    try:
        if run.claims > DEATHS:
            log.error("run %s of %s: %s workers in a row died of it", run.pk, integration.pk, run.claims - 1)
            return endings.stop(
                integration, run, lease, "internal_error", f"{run.claims - 1} workers ended in the middle"
            )
        _lengthen(lease, run)
        with slices.present(lease):
            return _work(integration, run, lease)
    except LeaseLost:
        log.warning("lease of %s lost; another worker goes on", integration.pk)
        return "lease lost"
    finally:
        SyncLog.objects.filter(pk=run.pk).update(
            worked_seconds=F("worked_seconds") + time.monotonic() - started, slices=F("slices") + 1
        )


def _open_run(integration: IntegrationInstance, lease: Lease) -> SyncLog:
    """The run that is still open (a slice before this one, or a worker that died), the oldest asked for, or a new one."""
    states = SyncLog.State
    run = integration.runs.filter(state=states.RUNNING).first()
    if run is None:
        run = integration.runs.filter(state=states.ASKED).order_by("started_at").first()
        if run is not None:
            run.state, run.started_at = states.RUNNING, timezone.now()
            run.save(update_fields=["state", "started_at"])
    if run is None:
        run = undo.unfinished(integration)
    if run is None:
        plan = plans.unfinished(integration)
        trigger = "plan" if plan else lease.trigger
        run = SyncLog.objects.create(integration=integration, state=states.RUNNING, trigger=trigger, plan=plan)
    run.integration = integration
    run.claims += 1
    SyncLog.objects.filter(pk=run.pk).update(claims=run.claims)
    return run


def _lengthen(lease: Lease, run: SyncLog) -> None:
    """A worker that dies holding a longer lease is followed later: what kills workers shall not eat them all."""
    if run.claims > 1:
        lease.seconds *= 2 ** (run.claims - 1)
        lease.hold()


def _work(integration: IntegrationInstance, run: SyncLog, lease: Lease) -> str:
    try:
        with closing(open_adapter(integration, lease.before_send, lease.priority)) as adapter:
            _slice(integration, run, lease, adapter)
    except (engine.SliceOver, MappingChanged):
        return _yield(integration, run, lease)
    except engine.Cancelled:
        return endings.end(integration, run, lease, SyncLog.State.CANCELLED)
    except LeaseLost:
        raise
    except BrakeApplied as error:
        return endings.fail(integration, run, lease, error.code, f"{error.count}/{error.total}")
    except ProviderOff:
        return endings.put_off(integration, run, lease, "provider_off")
    except NotConnected:
        return endings.fail(integration, run, lease, "not_connected")
    except errors.AdapterError as error:
        if isinstance(error, errors.KeyUnreadable):
            log.error("the key of %s (%s): %s (docs/security.md)", integration.pk, integration.provider, error)
        log.info("run %s of %s: %s: %s", run.pk, integration.pk, error.code, error)
        return endings.fail(integration, run, lease, error.code, str(error), getattr(error, "retry_after", 0.0))
    except Exception:
        log.exception("run %s of %s failed", run.pk, integration.pk)
        return endings.fail(integration, run, lease, "internal_error")
    return endings.end(integration, run, lease, SyncLog.State.DONE)


def _slice(integration: IntegrationInstance, run: SyncLog, lease: Lease, adapter: Adapter) -> None:
    turn = engine.Slice(run, adapter, lease, settings.SLICE_SECONDS)
    adapter.transport.sleep = turn.sleep
    try:
        engine.work(turn, _streams(integration))
    except engine.SliceOver:
        if turn.stored:  # it works, however long it takes
            endings.calm_down(integration)
        raise
    except (errors.AdapterError, Interrupted) as error:
        if turn.stopped:  # the error is only how a wait was cut short
            raise turn.stopped from error
        raise
    finally:
        turn.give_up()
        _keep_exchanges(run, adapter)


def _yield(integration: IntegrationInstance, run: SyncLog, lease: Lease) -> str:
    """The rest comes when nobody more urgent waits, whoever asked for it: it has had its turn, if the worker did not just end."""
    priority = lease.priority if slices.ending.is_set() else Priority.BACKFILL
    with transaction.atomic():
        SyncLog.objects.filter(pk=run.pk).update(claims=0)
        leases.release(lease, leases.database_time(), priority, lease.trigger)
        _wake(integration)
    return "slice over"


def _streams(integration: IntegrationInstance) -> list[Stream]:
    return list(integration.streams.filter(is_active=True).select_related("integration").prefetch_related("mappings"))


def _keep_exchanges(run: SyncLog, adapter: Adapter) -> None:
    failures = adapter.transport.failures
    if failures:
        kept = [asdict(failure) | {"at": str(failure.at)} for failure in failures]
        SyncLog.objects.filter(pk=run.pk).update(exchanges=kept)


def _wake(integration: IntegrationInstance) -> None:
    from integrations.scheduling.tasks import wake_on_commit

    wake_on_commit(integration.pk)
