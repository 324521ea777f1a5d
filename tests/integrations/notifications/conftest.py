"""
============  ========================================================================================================
notion        a connection of `tenant` that runs, with the table “Contacts”: nothing is asked of any tool
table         that table
ended         ended("done", updated_here=3) -> a run of it that has ended; ended("failed", code="unavailable") for trouble
stops         stops("authentication_failed"): it needs a person
look          look() -> the notices that a look makes, as a worker would: with mails
============  ========================================================================================================
"""

from __future__ import annotations

import datetime as dt

import pytest
from django.utils import timezone


@pytest.fixture
def notion(tenant):
    from integrations.models import IntegrationInstance

    since = timezone.now() - dt.timedelta(days=30)
    made = IntegrationInstance.objects.create(
        provider="notion", name="Team wiki", status="active", setup_step="done", activated_at=since
    )
    IntegrationInstance.objects.filter(pk=made.pk).update(status_since=since)
    made.refresh_from_db()
    return made


@pytest.fixture
def table(notion):
    from integrations.models import Stream

    return Stream.objects.create(integration=notion, collection="c1", collection_name="Contacts", entity="contact")


@pytest.fixture
def ended(notion):
    return lambda state="done", code="", trigger="schedule", of=notion, **counts: a_run(
        of, state, code, trigger, counts
    )


def a_run(of, state, code, trigger, counts):
    from integrations.models import IntegrationInstance, SyncLog

    if code:
        of.failures += 1
        of.failing_since = of.failing_since or timezone.now()
        of.save()
    elif state == "done":
        IntegrationInstance.objects.filter(pk=of.pk).update(failures=0, failing_since=None, warned_at=None)
        of.refresh_from_db()
    run = SyncLog.objects.create(integration=of, trigger=trigger, state=state, error_code=code, counts=counts)
    SyncLog.objects.filter(pk=run.pk).update(ended_at=timezone.now())
    return run


@pytest.fixture
def stops(notion):
    from integrations.services.connect import mark

    return lambda code, detail="": mark(notion, "attention", code, detail)


@pytest.fixture
def fails_for(notion):
    def failing(hours, code="unavailable", is_warned=False):
        notion.failing_since = timezone.now() - dt.timedelta(hours=hours)
        notion.warned_at = timezone.now() if is_warned else None
        notion.save()
        a_run(notion, "failed", code, "schedule", {})

    return failing


@pytest.fixture
def look(tenant):
    from integrations.notifications import tasks
    from integrations.notifications.bell import rings
    from integrations.notifications.models import Notice

    def looked():
        last = Notice.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
        rings.ring()
        tasks.look_here()
        return list(Notice.objects.filter(pk__gt=last).order_by("pk"))

    return looked
