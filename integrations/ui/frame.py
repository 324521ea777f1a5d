"""What the frame of the tenant's pages shows of the integrations."""

from __future__ import annotations

from django.db.models import Q

from integrations.models import Conflict, IntegrationInstance, Status
from integrations.services import problems

#: Stopped as a whole, or one of its tables did.
NEEDS_SOMEBODY = Q(status=Status.ATTENTION) | Q(status=Status.ACTIVE, streams__problem_code__gt="")
#: Critical fields that clashed and were settled by a rule.
UNSEEN = Q(state=Conflict.State.SETTLED, critical=True, seen_at=None)


def inbox_count() -> int:
    """How many things wait for a person; of what is set aside, each cause is one."""
    to_see = Conflict.objects.filter(Q(state=Conflict.State.OPEN) | UNSEEN).count()
    return to_see + problems.count() + IntegrationInstance.objects.filter(NEEDS_SOMEBODY).distinct().count()
