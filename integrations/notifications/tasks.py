"""Celery tasks: thin. What was rung for stays rung until a look answered it, so a lost or doubled message does no harm."""

from __future__ import annotations

from celery import shared_task
from django.db import transaction
from django_tenants.utils import get_tenant_model, tenant_context

from integrations.notifications import mails, watch
from integrations.notifications.bell import rings


@shared_task(acks_late=True, ignore_result=True)
def answer_bell() -> int:
    """Have each tenant where something happened, or a mail is due, looked at by a task of its own. Run by beat."""
    schemas = rings.rung()
    for schema in schemas:
        look.apply_async(args=[schema], retry=False)
    return len(schemas)


@shared_task(acks_late=True, ignore_result=True)
def look(schema: str) -> str:
    """Tell what changed in one tenant, and send the mails that are due."""
    tenant = get_tenant_model().objects.filter(schema_name=schema).first()
    if tenant is None:
        return "no such tenant"
    with tenant_context(tenant):
        return look_here()


def look_here() -> str:
    heard = rings.heard()
    if not heard:
        return "nobody rang"
    made = watch.look()
    sent = mails.send_due()
    with transaction.atomic():
        rings.take_turn()
        rings.answered(heard, mails.next_due())
    return f"{made} told, {sent} sent"
