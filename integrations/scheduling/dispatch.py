"""From the table of what is due to running workers, taking turns between tenants."""

from __future__ import annotations

import datetime as dt
import logging
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.utils import timezone, translation
from django_tenants.utils import get_tenant_model, tenant_context

from integrations.scheduling import leases
from integrations.webhooks import noticing

log = logging.getLogger(__name__)

BATCH = 200
#: A wake-up that led nowhere (a lost message, a dead worker) is sent again after this long.
WAKE_AGAIN_SECONDS = 30


def dispatch(limit: int = BATCH) -> int:
    """Wake what is due, also because a tool called. Answers how many were woken."""
    noticing.notice()
    found = due_now(limit)
    for schema, integration_id in found:
        send_wake(schema, integration_id)
    dispatch_outgoing()
    return len(found)


#: By what is due, which the index holds in order, and sorted then: what is planned for later costs nothing.
DUE = """
    WITH due AS (
        SELECT integration_id, tenant_id, priority, due_at FROM public.scheduling_due
        WHERE due_at <= now() AND (leased_until IS NULL OR leased_until <= now())
          AND (woken_at IS NULL OR woken_at <= now() - %s * interval '1 second')
        ORDER BY priority, due_at LIMIT %s FOR UPDATE SKIP LOCKED
    ), woken AS (
        UPDATE public.scheduling_due d SET woken_at = now() FROM due WHERE d.integration_id = due.integration_id
    )
    SELECT t.schema_name, due.integration_id FROM due JOIN public.tenants_tenant t ON t.id = due.tenant_id
    ORDER BY due.priority, row_number() OVER (PARTITION BY due.tenant_id ORDER BY due.due_at), due.due_at
"""


def due_now(limit: int) -> list[tuple[str, UUID]]:
    """(schema, integration) to be woken: persons first, one per tenant before a second of the same. Marks them as woken."""
    with connection.cursor() as cursor:
        cursor.execute(DUE, [WAKE_AGAIN_SECONDS, limit])
        return cursor.fetchall()


def send_wake(schema: str, integration_id: UUID) -> None:
    from integrations.scheduling.tasks import wake

    wake.apply_async(args=[schema, str(integration_id)], retry=False)


#: What is due, not taken, and more urgent than this one.
MORE_URGENT = """
    SELECT t.schema_name, d.integration_id FROM public.scheduling_due d JOIN public.tenants_tenant t ON t.id = d.tenant_id
    WHERE d.due_at <= now() AND (d.leased_until IS NULL OR d.leased_until <= now())
      AND d.priority < (SELECT priority FROM public.scheduling_due WHERE integration_id = %s)
    ORDER BY d.priority, d.due_at LIMIT 1
"""


def run_woken(schema: str, integration_id: UUID) -> str:
    """Run what this wake-up is about, after one that is more urgent: brokers hand messages out in the order they came."""
    with connection.cursor() as cursor:
        cursor.execute(MORE_URGENT, [integration_id])
        first = cursor.fetchone()
    if first:
        run_if_due(*first)
    return run_if_due(schema, integration_id)


def run_if_due(schema: str, integration_id: UUID) -> str:
    """Claim and run one slice. Answers what happened, for the log."""
    lease = leases.claim(integration_id)
    if lease is None:
        return "not due"
    from integrations.services.runs import run_slice

    tenant = get_tenant_model().objects.filter(schema_name=schema).first()
    if tenant is None:
        return "no such tenant"
    with tenant_context(tenant), translation.override(tenant.language):  # reasons are stored as words
        ended = run_slice(lease)
    dispatch_outgoing()  # whoever asked to be told of it is told at once
    return ended


def dispatch_outgoing() -> int:
    """Have the tenants' webhooks told what happened."""
    from integrations.outgoing import turns

    return turns.dispatch()


def deliver_due() -> int:
    """Send to them in the process that asks, for installations without a worker."""
    from integrations.outgoing import due

    due.collect()
    return sum(deliver(schema, endpoint_id) for schema, endpoint_id in due.following())


def deliver(schema: str, endpoint_id: UUID) -> int:
    from integrations.outgoing import turns

    tenant = get_tenant_model().objects.filter(schema_name=schema).first()
    if tenant is None:
        return 0
    with tenant_context(tenant):
        return turns.turn(endpoint_id)


def make_plan(schema: str, plan_id: UUID) -> str:
    from integrations.services import plans

    tenant = get_tenant_model().objects.filter(schema_name=schema).first()
    if tenant is None:
        return "no such tenant"
    with tenant_context(tenant), translation.override(tenant.language):
        return plans.make(plan_id)


def webhooks_to_tend() -> list[tuple[str, UUID]]:
    from integrations.webhooks import tending

    return tending.to_tend()


def tend_webhooks(schema: str, integration_id: UUID) -> int:
    from integrations.webhooks import tending

    tenant = get_tenant_model().objects.filter(schema_name=schema).first()
    if tenant is None:
        return 0
    with tenant_context(tenant):
        return tending.tend(integration_id)


def schemas() -> list[str]:
    return list(get_tenant_model().objects.exclude(schema_name="public").values_list("schema_name", flat=True))


def drop_leftovers() -> int:
    from integrations.sync import stage

    return stage.drop_leftovers()


def forget_calls() -> int:
    from integrations.webhooks import intake

    return intake.forget(timezone.now())


def forget_incidents() -> None:
    from integrations.services import incidents

    incidents.forget(timezone.now() - dt.timedelta(days=settings.KEEP_RUNS_DAYS))


def prune(schema: str) -> None:
    from integrations.files import keeping as files
    from integrations.notifications import keeping
    from integrations.services import bulk, retention
    from integrations.webhooks import wishes

    tenant = get_tenant_model().objects.filter(schema_name=schema).first()
    if tenant is not None:
        with tenant_context(tenant):
            retention.prune()
            files.forget()
            keeping.keep(timezone.now())
            wishes.follow_all()
            bulk.take_up(timezone.now())


def measure_agreement(schema: str) -> int:
    from integrations.services import agreement

    tenant = get_tenant_model().objects.filter(schema_name=schema).first()
    if tenant is None:
        return 0
    with tenant_context(tenant):
        return agreement.measure_due()


def forget_visits() -> None:
    from integrations.oauth import gateway

    gateway.forget()


def renew_idle(schema: str) -> int:
    from integrations.oauth import idle

    tenant = get_tenant_model().objects.filter(schema_name=schema).first()
    if tenant is None:
        return 0
    with tenant_context(tenant):
        return idle.renew_idle(timezone.now())
