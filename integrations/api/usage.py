"""Endpoint: how many calls an integration makes, and how many are left."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpRequest
from ninja import Router

from integrations.api.callers import VIEWER
from integrations.api.schemas.usage import Usage
from integrations.models import IntegrationInstance

router = Router(tags=["Integrations"], auth=VIEWER)


@router.get("/{uuid:integration_id}/usage", response=Usage)
def get_usage(request: HttpRequest, integration_id: UUID) -> Any:
    """The calls of today, what is left of the tool's quota, and how full its limits are now."""
    return Usage.of_today(IntegrationInstance.objects.get(pk=integration_id))
