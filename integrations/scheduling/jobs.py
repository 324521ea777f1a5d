"""Work that a person asked for and that takes longer than a page may: an import, a large export.

A job is a row of the public table; a message only wakes. What the job does is up to its handler, which keeps its own place: a
job whose worker died is done again from there. The row goes when the handler says that it is finished.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.db.models import F
from django_tenants.utils import get_tenant_model, tenant_context

from integrations.scheduling.models import Job

log = logging.getLogger(__name__)

#: A wake-up that led nowhere is sent again after this long.
WAKE_AGAIN_SECONDS = 30
#: A job that failed so often in a row, or whose worker died over it, is told as failed.
ATTEMPTS = 3
AT_ONCE = 100


class Lost(Exception):
    """Another worker does this job now: stop without writing."""


@dataclass
class Turn:
    """The right to do one job for a while."""

    job_id: UUID
    fence: int
    until: float  # monotonic

    @property
    def is_over(self) -> bool:
        """Others wait, too: stop at the next good place and come back."""
        return time.monotonic() >= self.until

    def hold(self) -> None:
        """Check and prolong, within the transaction that is about to write. Raises Lost."""
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE public.scheduling_job SET leased_until = now() + %s * interval '1 second'"
                " WHERE id = %s AND fence = %s",
                [settings.LEASE_SECONDS, self.job_id, self.fence],
            )
            if cursor.rowcount != 1:
                raise Lost(str(self.job_id))


@dataclass(frozen=True)
class Handler:
    """work: does some of it; True when there is no more. fail: tells people, after the last attempt."""

    work: Callable[[UUID, Turn], bool]
    fail: Callable[[UUID], None]


_handlers: dict[str, Handler] = {}


def register(kind: str, handler: Handler) -> None:
    _handlers[kind] = handler


def ask(kind: str, job_id: UUID) -> None:
    """Have it done soon. Asking twice is asking once; a worker that is just about to be done with it does not take it away."""
    schema = connection.schema_name
    made = {"kind": kind, "tenant": get_tenant_model().objects.get(schema_name=schema)}
    again = {"kind": kind, "failures": 0, "fence": F("fence") + 1, "leased_until": None}
    Job.objects.update_or_create(id=job_id, defaults=again, create_defaults=made)
    transaction.on_commit(lambda: send(schema, job_id), robust=True)


def drop(job_id: UUID) -> None:
    Job.objects.filter(pk=job_id).delete()


def send(schema: str, job_id: UUID) -> None:
    from integrations.scheduling.tasks import do_job

    do_job.apply_async(args=[schema, str(job_id)], retry=False)


def wake() -> int:
    """Send what nobody works on. Run with every dispatch; answers how many."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH waiting AS (
                SELECT id FROM public.scheduling_job
                WHERE (leased_until IS NULL OR leased_until <= now())
                  AND coalesce(woken_at, asked_at) <= now() - %s * interval '1 second'
                ORDER BY asked_at LIMIT %s FOR UPDATE SKIP LOCKED
            ), woken AS (
                UPDATE public.scheduling_job j SET woken_at = now() FROM waiting w WHERE j.id = w.id
                RETURNING j.id, j.tenant_id
            )
            SELECT t.schema_name, woken.id FROM woken JOIN public.tenants_tenant t ON t.id = woken.tenant_id
            """,
            [WAKE_AGAIN_SECONDS, AT_ONCE],
        )
        found = cursor.fetchall()
    for schema, job_id in found:
        send(schema, job_id)
    return len(found)


def do(schema: str, job_id: UUID) -> str:
    """One turn of one job, if nobody else has it. Answers what happened, for the log."""
    claimed = _claim(schema, job_id)
    if claimed is None:
        return "not waiting"
    kind, fence, failures = claimed
    tenant = get_tenant_model().objects.filter(schema_name=schema).first()
    if tenant is None:
        return "no such tenant"
    handler = _handlers[kind]
    with tenant_context(tenant):
        if failures > ATTEMPTS:  # whoever had it before died each time
            return _fail(handler, job_id, fence)
        try:
            is_finished = handler.work(job_id, Turn(job_id, fence, time.monotonic() + settings.SLICE_SECONDS))
        except Lost:
            return "lost"
        except Exception:  # the edge of a job: recorded, tried again, and told to people in the end
            log.exception("%s %s failed", kind, job_id)
            if failures >= ATTEMPTS:
                return _fail(handler, job_id, fence)
            _give_back(job_id, fence, failures)
            return "failed"
    if is_finished:
        Job.objects.filter(pk=job_id, fence=fence).delete()
        return "done"
    _give_back(job_id, fence, 0)
    send(schema, job_id)
    return "turn over"


def do_all(limit: int = AT_ONCE) -> int:
    """In this process, for installations without a worker."""
    waiting = list(Job.objects.order_by("asked_at").values_list("tenant__schema_name", "pk")[:limit])
    return sum(do(schema, job_id) in ("done", "turn over") for schema, job_id in waiting)


def _fail(handler: Handler, job_id: UUID, fence: int) -> str:
    """Told and over at once, or not at all; not where another worker has the job, or somebody asked for it again."""
    with transaction.atomic():
        if not Job.objects.select_for_update().filter(pk=job_id, fence=fence).exists():
            return "lost"
        handler.fail(job_id)
        Job.objects.filter(pk=job_id).delete()
    return "done"


def _claim(schema: str, job_id: UUID) -> tuple[str, int, int] | None:
    """(kind, fence, failures): each claim counts as a failure until its turn is through, because a death counts nothing.

    Of this tenant: to another one the job would look as if there were nothing to do, and be gone.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE public.scheduling_job SET fence = fence + 1, failures = failures + 1,"
            " leased_until = now() + %s * interval '1 second'"
            " WHERE id = %s AND tenant_id = (SELECT id FROM public.tenants_tenant WHERE schema_name = %s)"
            " AND (leased_until IS NULL OR leased_until <= now()) RETURNING kind, fence, failures",
            [settings.LEASE_SECONDS, job_id, schema],
        )
        return cursor.fetchone()


def _give_back(job_id: UUID, fence: int, failures: int) -> None:
    Job.objects.filter(pk=job_id, fence=fence).update(leased_until=None, failures=failures)
