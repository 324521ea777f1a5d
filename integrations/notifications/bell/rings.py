"""Ringing the bell, and who is woken by it. What it costs is what happened, not how many tenants there are.

Imports nothing of the notifications: runs ring it, and shall not know who is told what.
"""

from __future__ import annotations

import datetime as dt
from uuid import UUID

from celery import current_app
from django.db import connection, transaction

#: A wake-up that led nowhere (a lost message, a dead worker) is sent again after this long.
WAKE_AGAIN_SECONDS = 60
LOOK = "integrations.notifications.tasks.look"


def ring(at: dt.datetime | None = None) -> None:
    """Have this tenant looked at: now, once this transaction is stored, or at a later time, when beat finds it."""
    tenant = connection.tenant.pk
    with connection.cursor() as cursor:
        if at is not None:
            cursor.execute("INSERT INTO public.bell_ring (tenant_id, look_at) VALUES (%s, %s)", [tenant, at])
            return
        cursor.execute("INSERT INTO public.bell_ring (tenant_id, look_at) VALUES (%s, now())", [tenant])
    args = [connection.schema_name]
    transaction.on_commit(lambda: current_app.send_task(LOOK, args=args, retry=False), robust=True)


def ring_after(integration_id: UUID, is_calm: bool) -> None:
    """A run ends. One that wrote nothing, failed nowhere, and had no trouble before it, leaves nothing to tell.

    To be called in the transaction that ends it, when what it did is stored.
    """
    if not is_calm or _is_troubled(integration_id):
        ring()


def _is_troubled(integration_id: UUID) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT FROM notifications_told WHERE level > 0"
            " AND (integration_id = %(id)s OR integration_id IS NULL)) OR"
            " EXISTS (SELECT FROM integrations_stream WHERE integration_id = %(id)s AND problem_code > '')",
            {"id": integration_id},
        )
        return cursor.fetchone()[0]


def rung(limit: int = 200) -> list[str]:
    """Schemas to be looked at now. Marks them as woken."""
    with connection.cursor() as cursor:
        cursor.execute(
            "WITH due AS (SELECT id FROM public.bell_ring WHERE look_at <= now()"
            " AND (woken_at IS NULL OR woken_at <= now() - %s * interval '1 second')"
            " ORDER BY look_at LIMIT %s FOR UPDATE SKIP LOCKED),"
            " woken AS (UPDATE public.bell_ring r SET woken_at = now() FROM due WHERE r.id = due.id RETURNING tenant_id)"
            " SELECT DISTINCT schema_name FROM woken JOIN public.tenants_tenant t ON t.id = woken.tenant_id",
            [WAKE_AGAIN_SECONDS, limit],
        )
        return [schema for (schema,) in cursor.fetchall()]


def heard() -> list[int]:
    """The rings of this tenant that a look which begins now answers."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id FROM public.bell_ring WHERE tenant_id = %s AND look_at <= now()", [connection.tenant.pk]
        )
        return [pk for (pk,) in cursor.fetchall()]


def answered(heard: list[int], next_at: dt.datetime | None) -> None:
    """Looked at; the next time is known. To be called with the tenant's turn taken, or a later time could be lost."""
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM public.bell_ring WHERE tenant_id = %s AND (id = ANY(%s) OR look_at > now())",
            [connection.tenant.pk, heard],
        )
    if next_at is not None:
        ring(next_at)


def take_turn() -> None:
    """One at a time looks at a tenant; held until the transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('notifications'), %s)", [connection.tenant.pk])
