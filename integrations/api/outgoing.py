"""Endpoints: the webhooks that Raccord sends, and what became of them."""

from __future__ import annotations

from typing import Any, Literal
from uuid import UUID

from django.http import HttpRequest
from ninja import Query, Router, Status

from integrations.api.callers import ADMIN
from integrations.api.paging import Paging, page, page_of
from integrations.api.schemas.outgoing import (
    Delivery,
    DeliveryDetail,
    Endpoint,
    EndpointAsk,
    EndpointChange,
    NewEndpoint,
    Resent,
    Secret,
)
from integrations.outgoing import endpoints, models

router = Router(tags=["Webhook endpoints"], auth=ADMIN)

EndpointPage = page_of(Endpoint)
DeliveryPage = page_of(Delivery)


@router.get("", response=EndpointPage)
def list_webhook_endpoints(request: HttpRequest, paging: Query[Paging]) -> Any:
    """The addresses that are told what happens, the oldest first."""
    rows, following = page(models.Endpoint.objects.all(), ("id",), paging)
    return EndpointPage(items=[Endpoint.of(row) for row in rows], next=following)


@router.post("", response={201: NewEndpoint})
def create_webhook_endpoint(request: HttpRequest, body: EndpointAsk) -> Any:
    """Have an address told. The answer holds the secret that signs, and nobody is shown it again."""
    row, secret = endpoints.add(body.url, body.events, body.note, request.auth.label)
    return Status(201, NewEndpoint(**Endpoint.of(row).model_dump(), secret=secret))


@router.get("/{uuid:endpoint_id}", response=Endpoint)
def get_webhook_endpoint(request: HttpRequest, endpoint_id: UUID) -> Any:
    """One of them."""
    return Endpoint.of(endpoints.get(endpoint_id))


@router.patch("/{uuid:endpoint_id}", response=Endpoint)
def change_webhook_endpoint(request: HttpRequest, endpoint_id: UUID, body: EndpointChange) -> Any:
    """Another address, other events, another note; or switch it off or on. What is left out stays."""
    row = endpoints.get(endpoint_id)
    endpoints.change(row, body.url, body.events, body.note)
    if body.on is not None and body.on != row.is_on:
        endpoints.switch_on(row) if body.on else endpoints.switch_off(row)
    return Endpoint.of(row)


@router.delete("/{uuid:endpoint_id}", response={204: None})
def delete_webhook_endpoint(request: HttpRequest, endpoint_id: UUID) -> Any:
    """Tell it nothing any more, and forget what it was told."""
    endpoints.remove(endpoints.get(endpoint_id))
    return Status(204, None)


@router.post("/{uuid:endpoint_id}/secret", response=Secret)
def renew_webhook_secret(request: HttpRequest, endpoint_id: UUID) -> Any:
    """A new secret. The one before signs too for a day, so that nothing is missed while you change over."""
    row = endpoints.get(endpoint_id)
    secret, until = endpoints.new_secret(row)
    return Secret(secret=secret, old_signs_until=until)


@router.post("/{uuid:endpoint_id}/test", response={202: Delivery})
def test_webhook_endpoint(request: HttpRequest, endpoint_id: UUID) -> Any:
    """Send the event `webhook.test`; read the delivery to see what became of it."""
    return Status(202, Delivery.of(endpoints.test(endpoints.get(endpoint_id))))


@router.get("/{uuid:endpoint_id}/deliveries", response=DeliveryPage)
def list_webhook_deliveries(
    request: HttpRequest,
    endpoint_id: UUID,
    paging: Query[Paging],
    state: Literal["waiting", "delivered", "failed"] | None = None,
) -> Any:
    """What was sent and what waits, newest first."""
    found = endpoints.get(endpoint_id).deliveries.select_related("event")
    rows, following = page(found.filter(state=state) if state else found, ("-at", "-id"), paging)
    return DeliveryPage(items=[Delivery.of(row) for row in rows], next=following)


@router.get("/{uuid:endpoint_id}/deliveries/{uuid:delivery_id}", response=DeliveryDetail)
def get_webhook_delivery(request: HttpRequest, endpoint_id: UUID, delivery_id: UUID) -> Any:
    """One delivery with its body, the answer and the tries."""
    found = endpoints.get(endpoint_id).deliveries.select_related("event")
    return DeliveryDetail.detailed(found.get(pk=delivery_id))


@router.post("/{uuid:endpoint_id}/deliveries/{uuid:delivery_id}/resend", response={202: Resent})
def resend_webhook_delivery(request: HttpRequest, endpoint_id: UUID, delivery_id: UUID) -> Any:
    """Send it again at once, with the id and the body it had."""
    row = endpoints.get(endpoint_id)
    wanted = row.deliveries.get(pk=delivery_id)
    return Status(202, Resent(number=endpoints.send_again(row.deliveries.filter(pk=wanted.pk), row)))


@router.post("/{uuid:endpoint_id}/resend", response={202: Resent})
def resend_failed_webhooks(request: HttpRequest, endpoint_id: UUID) -> Any:
    """Send again everything that was given up."""
    row = endpoints.get(endpoint_id)
    return Status(202, Resent(number=endpoints.send_again(endpoints.failed(row), row)))
