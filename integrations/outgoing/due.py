"""Which endpoints are to be sent something, for all tenants (`scheduling.DueEndpoint`): who goes next, and who is at it."""

from __future__ import annotations

import datetime as dt
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from integrations.scheduling.models import DueEndpoint

#: Longer than a turn and its last attempt take.
LEASE_SECONDS = 60

#: What was told since the last look. Marks of endpoints that are gone simply go.
COLLECT = """
    WITH told AS (
        DELETE FROM public.scheduling_told WHERE id IN (
            SELECT id FROM public.scheduling_told ORDER BY id LIMIT 10000 FOR UPDATE SKIP LOCKED
        ) RETURNING endpoint_id
    )
    UPDATE public.scheduling_dueendpoint SET due_at = least(due_at, clock_timestamp())
    WHERE endpoint_id IN (SELECT endpoint_id FROM told)
"""

#: One per tenant before a second of the same; those that fail get half of the places, so that they keep nobody waiting.
NEXT = """
    WITH free AS (
        SELECT %(places)s - count(*) AS places, greatest(%(places)s / 2, 1) - count(*) FILTER (WHERE failures > 0) AS failing
        FROM public.scheduling_dueendpoint WHERE leased_until > clock_timestamp()
    ), ready AS (
        SELECT endpoint_id, tenant_id, failures > 0 AS fails, due_at,
               row_number() OVER (PARTITION BY tenant_id ORDER BY due_at) AS turn,
               row_number() OVER (PARTITION BY failures > 0 ORDER BY due_at) AS place
        FROM public.scheduling_dueendpoint
        WHERE due_at <= clock_timestamp() AND (not_before IS NULL OR not_before <= clock_timestamp())
          AND (leased_until IS NULL OR leased_until <= clock_timestamp())
    )
    SELECT t.schema_name, ready.endpoint_id
    FROM ready JOIN public.tenants_tenant t ON t.id = ready.tenant_id CROSS JOIN free
    WHERE NOT ready.fails OR ready.place <= free.failing
    ORDER BY ready.turn, ready.fails, ready.due_at LIMIT greatest((SELECT places FROM free), 0)
"""

CLAIM = """
    UPDATE public.scheduling_dueendpoint SET leased_until = lease.ends, due_at = lease.ends
    FROM (SELECT clock_timestamp() + %s * interval '1 second' AS ends) lease
    WHERE endpoint_id = %s AND due_at <= clock_timestamp() AND (not_before IS NULL OR not_before <= clock_timestamp())
      AND (leased_until IS NULL OR leased_until <= clock_timestamp())
    RETURNING leased_until, failures
"""

#: `due_at` is earlier than the lease's end only when something was told meanwhile: that stays.
RELEASE = """
    UPDATE public.scheduling_dueendpoint
    SET due_at = CASE WHEN due_at < leased_until THEN least(due_at, %(next)s) ELSE %(next)s END,
        leased_until = NULL, not_before = %(not_before)s, failures = %(failures)s
    WHERE endpoint_id = %(endpoint)s AND leased_until = %(lease)s
"""


def collect() -> None:
    with connection.cursor() as cursor:
        cursor.execute(COLLECT)


def following() -> list[tuple[str, UUID]]:
    """(schema, endpoint) to wake now: no more than there are places (OUTGOING_AT_ONCE) for."""
    with connection.cursor() as cursor:
        cursor.execute(NEXT, {"places": settings.OUTGOING_AT_ONCE})
        return cursor.fetchall()


def claim(endpoint: UUID) -> tuple[dt.datetime, int] | None:
    """The lease and the failures in a row; None when it is not due or somebody else is at it."""
    with connection.cursor() as cursor:
        cursor.execute(CLAIM, [LEASE_SECONDS, endpoint])
        return cursor.fetchone()


def release(
    endpoint: UUID, lease: dt.datetime, due_at: dt.datetime | None, failures: int, not_before: dt.datetime | None
) -> None:
    facts: dict[str, Any] = {
        "endpoint": endpoint,
        "lease": lease,
        "next": due_at,
        "failures": failures,
        "not_before": not_before,
    }
    with connection.cursor() as cursor:
        cursor.execute(RELEASE, facts)


def begin(endpoint: UUID) -> None:
    """An endpoint that is on, with nothing that waits."""
    defaults = {"tenant": connection.tenant, "due_at": None, "not_before": None, "failures": 0}
    DueEndpoint.objects.update_or_create(endpoint_id=endpoint, defaults=defaults)


def at_once(endpoint: UUID) -> None:
    """A person asked: also while it is resting after a failure."""
    DueEndpoint.objects.filter(pk=endpoint).update(due_at=timezone.now(), not_before=None)
    wake_on_commit(endpoint)


def rest(endpoint: UUID) -> None:
    DueEndpoint.objects.filter(pk=endpoint).update(due_at=None, leased_until=None, not_before=None, failures=0)


def forget(endpoint: UUID) -> None:
    DueEndpoint.objects.filter(pk=endpoint).delete()


def wake_on_commit(endpoint: UUID) -> None:
    """A broker that is down delays, it does not break: the sweep finds the row."""
    from integrations.scheduling.tasks import deliver

    args = [connection.schema_name, str(endpoint)]
    transaction.on_commit(lambda: deliver.apply_async(args=args, retry=False), robust=True)
