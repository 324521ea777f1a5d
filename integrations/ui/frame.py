"""What the frame of the tenant's pages shows of the integrations."""

from __future__ import annotations

from integrations.models import Conflict, IntegrationInstance, Status


def inbox_count() -> int:
    """How many things wait for a person."""
    open_conflicts = Conflict.objects.filter(state=Conflict.State.OPEN).count()
    return open_conflicts + IntegrationInstance.objects.filter(status=Status.ATTENTION).count()
