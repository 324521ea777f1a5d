"""The short connector endpoints that simple clients know: by the provider's name instead of ids.

They answer for the tenant's one integration of a provider, through the same services as version 1. Where a tenant has
several of one provider, a name says too little: 409, and version 1 does it.
"""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.utils.translation import gettext as _
from ninja import Query, Router

from integrations.api.callers import ADMIN, MEMBER, VIEWER
from integrations.api.paging import Paging, page, page_of
from integrations.api.problems import Problem
from integrations.api.schemas import connectors as schemas
from integrations.api.schemas.integrations import Account, Checked, SyncAnswer
from integrations.catalog.models import Provider
from integrations.models import Direction, IntegrationInstance, Status, SyncLog
from integrations.services import connect, discovery, lifecycle, setup

router = Router(tags=["Connectors"], auth=VIEWER)

LogPage = page_of(schemas.Log)


def _provider(slug: str) -> Provider:
    found = next((one for one in connect.providers() if one.slug == slug), None)
    if found is None:
        raise Problem("no_provider", _("There is no tool called “%(slug)s” to connect.") % {"slug": slug})
    return found


def _only_one(slug: str) -> IntegrationInstance | None:
    """Raises Problem "several_integrations"."""
    rows = list(IntegrationInstance.objects.filter(provider=slug).prefetch_related("streams")[:2])
    if len(rows) > 1:
        raise Problem(
            "several_integrations",
            _("There are several connections to this tool. Name the one you mean: /api/v1/integrations/{id}."),
        )
    return rows[0] if rows else None


def _connected(slug: str) -> IntegrationInstance:
    found = _only_one(_provider(slug).slug)
    if found is None:
        raise Problem("not_connected", _("Connect the tool first."))
    return found


@router.get("/connectors/config", response=schemas.Connectors)
def list_connectors(request: HttpRequest) -> Any:
    """Every provider and how the tenant is connected to it. Always whole."""
    rows = IntegrationInstance.objects.prefetch_related("streams")
    return schemas.Connectors(connectors=schemas.Connector.many(connect.providers(), rows))


@router.put("/connectors/config/{provider}", auth=ADMIN, response=schemas.Connector)
def set_connector(request: HttpRequest, provider: str, body: schemas.ConnectorChange) -> Any:
    """Connect a provider, or change how it is connected. Credentials are checked before anything is kept."""
    known = _provider(provider)
    integration = _only_one(provider)
    if integration is None:
        integration = _begin(provider, body, request.auth.label)
    else:
        if body.name is not None:
            connect.rename(integration, body.name)
        if body.credentials is not None:
            new = body.credentials
            connect.connect(integration, new.given, new.another_account, by=request.auth.label)
    if body.frequency is not None:
        lifecycle.set_frequency(integration, body.frequency)
    if body.active is not None:
        _switch(integration, body.active, request.auth)
    return schemas.Connector.many([known], [_connected(provider)])[0]


def _begin(provider: str, body: schemas.ConnectorChange, by: str) -> IntegrationInstance:
    """Wrong credentials leave no draft behind."""
    name = (body.name or "").strip()
    if body.credentials is None:
        return connect.start(provider, name, by)
    return setup.create(provider, name, body.credentials.given, by)


def _switch(integration: IntegrationInstance, active: bool, caller: Any) -> None:
    if not active and integration.status == Status.ACTIVE:
        lifecycle.pause(integration)
    elif active and integration.setup_step != "done":
        lifecycle.activate(integration, by=caller.trigger)
    elif active and integration.status != Status.ACTIVE:
        lifecycle.resume(integration, by=caller.label)


@router.post("/connectors/test/{provider}", auth=ADMIN, response=Checked)
def test_connector(request: HttpRequest, provider: str, body: schemas.ConnectorTest | None = None) -> Any:
    """Ask the provider whom the credentials belong to: those given here, or those that are kept."""
    known = _provider(provider)
    if body and body.credentials:
        account = connect.check(known.slug, body.credentials.given)
    else:
        account = discovery.recheck(_connected(provider))
    return Checked(account=Account(id=account.id, name=account.name, may=list(account.may)))


@router.post("/sync/{provider}/import", auth=MEMBER, response={202: SyncAnswer})
def import_now(request: HttpRequest, provider: str) -> Any:
    """Ask for a run that lists everything there. Tables that also go out send what waits here in the same run."""
    return _ask(request, provider, Direction.EXPORT, whole=True)


@router.post("/sync/{provider}/export", auth=MEMBER, response={202: SyncAnswer})
def export_now(request: HttpRequest, provider: str) -> Any:
    """Ask for a run that sends what waits here. What changed there is read first, so that nothing of it is overwritten."""
    return _ask(request, provider, Direction.IMPORT, whole=False)


def _ask(request: HttpRequest, provider: str, other_way: str, whole: bool) -> SyncAnswer:
    integration = _connected(provider)
    if all(stream.direction == other_way for stream in integration.streams.all()):
        raise Problem("wrong_direction", _("No table of this connection flows that way."))
    lifecycle.sync_now(integration, by=request.auth.trigger, whole=whole)
    return SyncAnswer.of(integration)


@router.get("/sync/logs", response=LogPage)
def list_logs(request: HttpRequest, paging: Query[Paging], provider: str = "") -> Any:
    """What ran, newest first."""
    wanted = {"integration__provider": provider} if provider else {}
    rows = SyncLog.objects.select_related("integration").filter(**wanted)
    found, following = page(rows, ("-started_at", "-id"), paging)
    return LogPage(items=[schemas.Log.of(row) for row in found], next=following)
