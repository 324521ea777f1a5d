"""What the frame of the tenant's pages shows of the integrations."""

from __future__ import annotations

from django.db.models import Q

from integrations.models import Conflict, IntegrationInstance, Status

#: Stopped as a whole, or one of its tables did.
NEEDS_SOMEBODY = Q(status=Status.ATTENTION) | Q(status=Status.ACTIVE, streams__problem_code__gt="")


def inbox_count() -> int:
    """How many things wait for a person."""
    open_conflicts = Conflict.objects.filter(state=Conflict.State.OPEN).count()
    return open_conflicts + IntegrationInstance.objects.filter(NEEDS_SOMEBODY).distinct().count()
