"""Bulk actions that nobody goes on with."""

from __future__ import annotations

import datetime as dt

from crm import bulk_actions
from integrations.scheduling import jobs
from integrations.scheduling.models import Job

#: Longer than any turn, so that nobody who is at it is meant.
NEGLECTED = dt.timedelta(hours=1)


def take_up(now: dt.datetime) -> int:
    """Ask for those again whose job is not there any more, as after a restored backup; answers how many.

    One whose worker died still has its job, which is found within minutes. In the tenant's schema.
    """
    waiting = bulk_actions.neglected(now - NEGLECTED)
    asked_for = set(Job.objects.filter(pk__in=waiting).values_list("pk", flat=True))
    lost = [pk for pk in waiting if pk not in asked_for]
    for pk in lost:
        jobs.ask("bulk", pk)
    return len(lost)
