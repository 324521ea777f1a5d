"""Endpoints: what a sync would cost and which records would meet, before anything is saved or written."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpRequest
from ninja import Query, Router

from integrations.api.callers import VIEWER
from integrations.api.integrations import found
from integrations.api.schemas import forecast as schemas
from integrations.api.streams import stream_of
from integrations.services import discovery, matching

router = Router(tags=["Streams"], auth=VIEWER)


@router.get("/integrations/{uuid:integration_id}/collections/{path:collection_id}/size", response=schemas.Size)
def get_collection_size(request: HttpRequest, integration_id: UUID, collection_id: str) -> Any:
    """How many records a collection has: as the provider counts them, or as many as one page holds. Asked once an hour."""
    return schemas.Size.model_validate(discovery.size(found(integration_id), collection_id), from_attributes=True)


@router.get("/integrations/{uuid:integration_id}/cost", response=schemas.Cost)
def get_cost(request: HttpRequest, integration_id: UUID) -> Any:
    """The calls a day at each frequency, and what the first import takes by the sizes that are known."""
    return schemas.Cost.of(found(integration_id))


@router.get("/streams/{uuid:stream_id}/forecast", response=schemas.Forecast)
def forecast_matching(request: HttpRequest, stream_id: UUID, match_fields: list[str] = Query(default=[])) -> Any:  # noqa: B008
    """Which records would meet by these keys, or by the stream's own, looked at on some real ones. Nothing is changed."""
    stream = stream_of(stream_id)
    told = matching.forecast(stream, match_fields or stream.match_fields)
    return schemas.Forecast.model_validate(told or matching.NOTHING, from_attributes=True)
