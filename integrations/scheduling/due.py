"""Saying what is due. Dispatching costs what is due, not the number of tenants."""

from __future__ import annotations

import datetime as dt
from uuid import UUID

from django.db import connection
from django.db.models.functions import Now

from integrations.models.instance import Frequency
from integrations.scheduling.models import Due, Priority

EVERY = {
    Frequency.FIVE_MINUTES: dt.timedelta(minutes=5),
    Frequency.FIFTEEN_MINUTES: dt.timedelta(minutes=15),
    Frequency.HOURLY: dt.timedelta(hours=1),
}
#: Daily and weekly runs start in the night of the tenant, weekly ones on Monday.
NIGHT_HOUR = 3


def next_due(frequency: str, now: dt.datetime, zone: dt.tzinfo) -> dt.datetime | None:
    """When a scheduled run comes next; None for manual. Days are those of the tenant's zone."""
    if frequency in EVERY:
        return now + EVERY[Frequency(frequency)]
    if frequency not in (Frequency.DAILY, Frequency.WEEKLY):
        return None
    local = now.astimezone(zone)
    day = local.date() + dt.timedelta(days=0 if local.hour < NIGHT_HOUR else 1)
    if frequency == Frequency.WEEKLY:
        day += dt.timedelta(days=-day.weekday() % 7)
    return dt.datetime.combine(day, dt.time(NIGHT_HOUR), tzinfo=zone).astimezone(dt.UTC)


def ask(integration_id: UUID, priority: int = Priority.PERSON, trigger: str = "person") -> None:
    """Run soon: at once when nobody runs it, else right after the present run."""
    now = Now()  # the database's clock, which also says when a run was claimed
    defaults = {"due_at": now, "asked_at": now, "priority": priority, "trigger": trigger, "woken_at": None}
    Due.objects.update_or_create(integration_id=integration_id, defaults=defaults | {"tenant": connection.tenant})


def plan(integration_id: UUID, due_at: dt.datetime | None) -> None:
    """Set the next scheduled run, or None for no run at all."""
    Due.objects.update_or_create(
        integration_id=integration_id,
        defaults={
            "tenant": connection.tenant,
            "due_at": due_at,
            "priority": Priority.SCHEDULE,
            "trigger": "schedule",
            "asked_at": None,
            "woken_at": None,
        },
    )


def forget(integration_id: UUID) -> None:
    Due.objects.filter(integration_id=integration_id).delete()
