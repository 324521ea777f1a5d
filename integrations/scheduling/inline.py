"""Running what is due in the process that asks, for installations without a worker."""

from __future__ import annotations

import time

from django.db import connection
from django.utils import translation
from django_tenants.utils import get_public_schema_name, get_tenant_model, tenant_context

from integrations.scheduling import jobs
from integrations.scheduling.dispatch import deliver_due, run_if_due, tend_webhooks, webhooks_to_tend
from integrations.webhooks import noticing


def run_due(seconds: float) -> int:
    """Make the plans that were asked for, and look after webhooks; then run slices, persons first, for `seconds`.

    Answers how many slices ran. Each integration gets one slice before any gets a second one.
    """
    make_plans()
    jobs.do_all()
    deliver_due()
    for schema, integration_id in webhooks_to_tend():
        tend_webhooks(schema, integration_id)
    noticing.notice()
    tell()
    until, ran = time.monotonic() + seconds, 0
    while time.monotonic() < until:
        waiting = _due()
        if not waiting:
            break
        before = ran
        for schema, integration_id in waiting:
            if time.monotonic() >= until:
                return ran
            ran += run_if_due(schema, integration_id) not in ("not due", "no such tenant")
        if ran == before:
            break
    return ran


def tell() -> None:
    """Tell people what changed, and send the mails that are due."""
    from integrations.notifications import tasks
    from integrations.notifications.bell import rings

    for schema in rings.rung():
        tasks.look(schema)


def make_plans() -> None:
    """Who waits for a plan looks at a page meanwhile. Looks through all tenants: without a worker they are few."""
    from integrations.services import plans

    for tenant in get_tenant_model().objects.exclude(schema_name=get_public_schema_name()):
        with tenant_context(tenant), translation.override(tenant.language):
            for plan_id in plans.asked_for():
                plans.make(plan_id)


def _due() -> list[tuple]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT t.schema_name, d.integration_id FROM public.scheduling_due d"
            " JOIN public.tenants_tenant t ON t.id = d.tenant_id"
            " WHERE d.due_at <= now() AND (d.leased_until IS NULL OR d.leased_until <= now())"
            " ORDER BY d.priority, row_number() OVER (PARTITION BY d.tenant_id ORDER BY d.due_at), d.due_at LIMIT 200"
        )
        return cursor.fetchall()
