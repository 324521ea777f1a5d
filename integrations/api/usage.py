"""Endpoints: how many calls an integration makes and how many are left; how many of its pairs really agree."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpRequest
from ninja import Router

from integrations.api.callers import VIEWER
from integrations.api.schemas.usage import Agreement, Usage
from integrations.models import IntegrationInstance, Stream
from integrations.services import agreement

router = Router(tags=["Integrations"], auth=VIEWER)


@router.get("/{uuid:integration_id}/usage", response=Usage)
def get_usage(request: HttpRequest, integration_id: UUID) -> Any:
    """The calls of today, what is left of the tool's quota, and how full its limits are now."""
    return Usage.of_today(IntegrationInstance.objects.get(pk=integration_id))


@router.get("/{uuid:integration_id}/agreement", response=list[Agreement])
def get_agreement(request: HttpRequest, integration_id: UUID, stream: UUID | None = None) -> Any:
    """Measured agreement of the last 30 days: once a day a few pairs of each stream are read on both sides.

    No item for a day means that nobody looked; it does not mean that all agrees.
    """
    integration = IntegrationInstance.objects.get(pk=integration_id)
    rows = agreement.of_integration(integration)
    if stream is not None:
        Stream.objects.get(pk=stream, integration=integration)
    return [Agreement.of(row) for row in rows if stream in (None, row.stream_id)]
