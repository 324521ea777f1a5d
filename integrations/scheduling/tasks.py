"""Celery tasks: thin, carrying ids. A lost or doubled message does no harm; the table of what is due is the truth."""

from __future__ import annotations

import sys
from uuid import UUID

from celery import shared_task
from celery.signals import worker_init, worker_shutting_down
from django.db import connection, transaction

from integrations.scheduling import dispatch as dispatching
from integrations.scheduling import jobs


@shared_task(acks_late=True, ignore_result=True)
def dispatch() -> int:
    """Wake what is due. Run every few seconds by beat, and by the cron endpoint."""
    return dispatching.dispatch() + jobs.wake()


@shared_task(acks_late=True, ignore_result=True)
def do_job(schema: str, job_id: str) -> str:
    """One turn of an import or export that somebody asked for."""
    return jobs.do(schema, UUID(job_id))


@shared_task(acks_late=True, ignore_result=True)
def wake(schema: str, integration_id: str) -> str:
    """Run one integration if it is due and nobody runs it."""
    return dispatching.run_woken(schema, UUID(integration_id))


@shared_task(acks_late=True, ignore_result=True)
def make_plan(schema: str, plan_id: str) -> str:
    """Work out what a run would do."""
    return dispatching.make_plan(schema, UUID(plan_id))


@shared_task(acks_late=True, ignore_result=True)
def tend_webhooks() -> None:
    """Have what is to be made, prolonged or ended looked after, each integration in a task of its own."""
    for schema, integration_id in dispatching.webhooks_to_tend():
        tend_integration.apply_async(args=[schema, str(integration_id)], retry=False)


@shared_task(acks_late=True, ignore_result=True)
def tend_integration(schema: str, integration_id: str) -> None:
    dispatching.tend_webhooks(schema, UUID(integration_id))


@shared_task(acks_late=True, ignore_result=True)
def deliver(schema: str, endpoint_id: str) -> None:
    """Send what waits for one endpoint; then see who is next, because a place is free again."""
    if dispatching.deliver(schema, UUID(endpoint_id)):
        dispatching.dispatch_outgoing()


@shared_task(acks_late=True, ignore_result=True)
def prune() -> None:
    """Have every tenant forget what is old, each in a task of its own; drop what dead workers left of plans."""
    dispatching.drop_leftovers()
    dispatching.forget_calls()
    dispatching.forget_incidents()
    for schema in dispatching.schemas():
        prune_tenant.apply_async(args=[schema], retry=False)


@shared_task(acks_late=True, ignore_result=True)
def prune_tenant(schema: str) -> None:
    dispatching.prune(schema)


@shared_task(acks_late=True, ignore_result=True)
def renew_idle() -> None:
    """Renew the grants that no sync uses, of every tenant in a task of its own; forget old ways to a provider and back."""
    dispatching.forget_visits()
    for schema in dispatching.schemas():
        renew_idle_of.apply_async(args=[schema], retry=False)


@shared_task(acks_late=True, ignore_result=True)
def renew_idle_of(schema: str) -> int:
    return dispatching.renew_idle(schema)


@shared_task(acks_late=True, ignore_result=True)
def measure_agreement() -> None:
    """Have a few pairs of every stream read on both sides once a day, each tenant in a task of its own."""
    for schema in dispatching.schemas():
        measure_agreement_of.apply_async(args=[schema], retry=False)


@shared_task(acks_late=True, ignore_result=True)
def measure_agreement_of(schema: str) -> int:
    return dispatching.measure_agreement(schema)


@worker_init.connect
def take_short_turns(**_: object) -> None:
    """Threads that wait for the database or a tool get the core back after one millisecond, and not after five."""
    sys.setswitchinterval(0.001)


@worker_shutting_down.connect
def end_soon(**_: object) -> None:
    """A worker that is asked to end gives its leases back after the present step, so that another can go on at once."""
    from integrations.sync import engine

    engine.ending.set()


def wake_on_commit(integration_id: UUID) -> None:
    """Send the wake-up once the row it is about can be seen. A broker that is down delays, it does not break."""
    schema = connection.schema_name
    transaction.on_commit(lambda: dispatching.send_wake(schema, integration_id), robust=True)


def tend_on_commit(integration_id: UUID) -> None:
    """The same for webhooks; what is not sent, beat finds."""
    args = [connection.schema_name, str(integration_id)]
    transaction.on_commit(lambda: tend_integration.apply_async(args=args, retry=False), robust=True)
