"""Endpoints: integrations, from the first draft to the running sync."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from ninja import Header, Query, Router, Status

from integrations.adapters.base import Account
from integrations.api import seen
from integrations.api.callers import ADMIN, MEMBER, VIEWER
from integrations.api.paging import Paging, page, page_of
from integrations.api.schemas import integrations as schemas
from integrations.api.schemas.plans import Plan
from integrations.api.schemas.streams import Collection
from integrations.models import IntegrationInstance, Part
from integrations.services import connect, discovery, edits, lifecycle, plans

router = Router(tags=["Integrations"], auth=VIEWER)

IntegrationPage = page_of(schemas.Integration)
CollectionPage = page_of(Collection)
EditPage = page_of(schemas.Edit)


def found(integration_id: UUID) -> IntegrationInstance:
    return IntegrationInstance.objects.get(pk=integration_id)


@router.get("", response=IntegrationPage)
def list_integrations(request: HttpRequest, paging: Query[Paging], provider: str = "", status: str = "") -> Any:
    """The tenant's integrations, by name."""
    wanted = {name: value for name, value in (("provider", provider), ("status", status)) if value}
    rows, following = page(IntegrationInstance.objects.filter(**wanted), ("name", "id"), paging)
    return IntegrationPage(items=schemas.Integration.many(rows), next=following)


@router.post("", auth=ADMIN, response={201: schemas.Integration})
def create_integration(request: HttpRequest, body: schemas.IntegrationCreate, response: HttpResponse) -> Any:
    """Begin an integration: a draft that waits for credentials."""
    integration = connect.start(body.provider, body.name.strip(), by=request.auth.label)
    response["Location"] = f"/api/v1/integrations/{integration.pk}"
    return schemas.Integration.of(integration)


@router.get("/{uuid:integration_id}", response=schemas.Integration)
def get_integration(request: HttpRequest, integration_id: UUID, response: HttpResponse) -> Any:
    """One integration. `ETag` grows with whatever is set in its setup, not with what runs."""
    integration = found(integration_id)
    seen.tell(integration, response)
    return schemas.Integration.of(integration)


@router.get("/{uuid:integration_id}/edits", response=EditPage)
def list_edits(request: HttpRequest, integration_id: UUID, paging: Query[Paging]) -> Any:
    """Who set what in its setup, the newest first, with the settings before and after. Kept for 90 days."""
    rows, following = page(found(integration_id).edits.all(), ("-id",), paging)
    return EditPage(items=[schemas.Edit.of(one) for one in rows], next=following)


@router.patch("/{uuid:integration_id}", auth=ADMIN, response=schemas.Integration)
def change_integration(
    request: HttpRequest,
    integration_id: UUID,
    body: schemas.IntegrationChange,
    response: HttpResponse,
    if_match: str = Header("", description=seen.IF_MATCH),
) -> Any:
    """Rename it, or sync at another frequency. When something is refused, nothing changes."""
    integration, by, known = found(integration_id), request.auth.label, seen.number(if_match)
    with transaction.atomic():
        if body.name is not None:
            with edits.saving(integration, Part.NAME, by, known):
                connect.rename(integration, body.name)
        if body.frequency is not None:
            with edits.saving(integration, Part.FREQUENCY, by, known):
                lifecycle.set_frequency(integration, body.frequency)
    seen.tell(integration, response)
    return schemas.Integration.of(integration)


@router.delete("/{uuid:integration_id}", auth=ADMIN, response={204: None})
def delete_integration(request: HttpRequest, integration_id: UUID, clear: bool = False) -> Any:
    """Forget the integration, its links and its runs. Records stay as they are, on both sides.

    `clear`: of a tool that Raccord gives itself (practice), what stands there is thrown away as well.
    """
    lifecycle.delete(found(integration_id), clear=clear)
    return Status(204, None)


@router.post("/{uuid:integration_id}/credentials", auth=ADMIN, response=schemas.Integration)
def set_credentials(
    request: HttpRequest,
    integration_id: UUID,
    body: schemas.Credentials,
    if_match: str = Header("", description=seen.IF_MATCH),
) -> Any:
    """Check credentials with the provider, then keep them. Wrong ones are refused, and the old ones stay."""
    integration, known = found(integration_id), seen.number(if_match)
    connect.connect(integration, body.given, body.another_account, by=request.auth.label, seen=known)
    return schemas.Integration.of(integration)


@router.post("/{uuid:integration_id}/sign-in", auth=ADMIN, response=schemas.SignIn)
def sign_in_address(request: HttpRequest, integration_id: UUID) -> Any:
    """Where an admin of the tenant connects it by signing in at the provider: that takes a person and a browser."""
    return schemas.SignIn(url=connect.sign_in_url(found(integration_id), request.tenant))


@router.post("/{uuid:integration_id}/test", auth=ADMIN, response=schemas.Checked)
def test_credentials(request: HttpRequest, integration_id: UUID) -> Any:
    """Ask the provider whether the credentials that are kept still work."""
    return schemas.Checked(account=_account(discovery.recheck(found(integration_id))))


@router.post("/{uuid:integration_id}/discover", auth=ADMIN, response=CollectionPage)
def discover_collections(request: HttpRequest, integration_id: UUID) -> Any:
    """Look at the provider anew: the collections that it shows, and the fields of those that are paired already."""
    return CollectionPage(items=[Collection.of(one) for one in discovery.discover(found(integration_id))])


@router.post("/{uuid:integration_id}/plan", auth=MEMBER, response={202: Plan})
def plan_integration(request: HttpRequest, integration_id: UUID, response: HttpResponse) -> Any:
    """Ask what a run would do now, without doing it. Poll the plan until its `state` is not `making`."""
    plan = plans.ask(found(integration_id), by=request.auth.label)
    response["Location"] = f"/api/v1/plans/{plan.pk}"
    return Plan.of(plan)


@router.post("/{uuid:integration_id}/activate", auth=ADMIN, response=schemas.Integration)
def activate_integration(request: HttpRequest, integration_id: UUID) -> Any:
    """Start syncing. The first run goes at once."""
    integration = found(integration_id)
    lifecycle.activate(integration, by=request.auth.trigger)
    return schemas.Integration.of(integration)


@router.post("/{uuid:integration_id}/pause", auth=ADMIN, response=schemas.Integration)
def pause_integration(request: HttpRequest, integration_id: UUID) -> Any:
    """No more runs until it is resumed. Changes wait on both sides."""
    integration = found(integration_id)
    lifecycle.pause(integration)
    return schemas.Integration.of(integration)


@router.post("/{uuid:integration_id}/resume", auth=ADMIN, response=schemas.Integration)
def resume_integration(request: HttpRequest, integration_id: UUID) -> Any:
    """Go on after a pause, or after what needed a person was put right.

    After a long standstill, and after reconnecting, it is `paused` with the code `catch_up`: a plan of what waits on both
    sides is being made. Approve it, or resume once more to go on without looking.
    """
    integration = found(integration_id)
    lifecycle.resume(integration, by=request.auth.label)
    return schemas.Integration.of(integration)


@router.post("/{uuid:integration_id}/sync", auth=MEMBER, response={202: schemas.SyncAnswer})
def sync_integration(request: HttpRequest, integration_id: UUID, body: schemas.SyncAsk | None = None) -> Any:
    """Ask for a run now."""
    integration = found(integration_id)
    lifecycle.sync_now(integration, by=request.auth.trigger, whole=bool(body and body.whole))
    return schemas.SyncAnswer.of(integration)


@router.post("/{uuid:integration_id}/cancel", auth=MEMBER, response={202: schemas.SyncAnswer})
def cancel_run(request: HttpRequest, integration_id: UUID) -> Any:
    """Stop the present run at its next page. What it has done stays; the next run goes on from there."""
    integration = found(integration_id)
    lifecycle.cancel(integration)
    return schemas.SyncAnswer.of(integration)


def _account(account: Account) -> schemas.Account:
    return schemas.Account(id=account.id, name=account.name, may=list(account.may))
