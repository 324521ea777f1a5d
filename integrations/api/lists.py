"""Endpoints: saved views of lists, and one thing done to many records."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from ninja import Router, Status

from crm import bulk_actions, filters, records, saved_views
from crm.models import BulkAction
from crm.saved_views import Keeper, NotYours
from crm.selection import Selection
from integrations.api.callers import MEMBER, VIEWER, Caller
from integrations.api.paging import page_of
from integrations.api.problems import Problem
from integrations.api.schemas import lists as schemas

router = Router(tags=["Records"], auth=VIEWER)
ViewPage = page_of(schemas.View)


@router.get("/records/{entity}/views", response=ViewPage)
def list_views(request: HttpRequest, entity: str) -> Any:
    """The saved views of a list: the shared ones, and a person's own. Always whole."""
    described = records.describe(entity)
    return ViewPage(
        items=[schemas.View.of(view) for view in saved_views.visible(described.name, _keeper(request.auth))]
    )


@router.post("/records/{entity}/views", auth=MEMBER, response={201: schemas.View})
def create_view(request: HttpRequest, entity: str, body: schemas.ViewCreate) -> Any:
    """Keep a list under a name. A token's views are always shared."""
    described, keeper = records.describe(entity), _keeper(request.auth)
    is_shared = body.is_shared or keeper.user_id is None
    try:
        view = saved_views.make(described, keeper, body.name, body.query, body.columns, is_shared)
    except NotYours as error:
        raise Problem("forbidden", str(error)) from error
    return Status(201, schemas.View.of(view))


@router.patch("/records/{entity}/views/{int:view_id}", auth=MEMBER, response=schemas.View)
def update_view(request: HttpRequest, entity: str, view_id: int, body: schemas.ViewChange) -> Any:
    """Change what is given. Only its maker, an admin or an owner may."""
    described, keeper = records.describe(entity), _keeper(request.auth)
    view = saved_views.find(entity, view_id, keeper)
    try:
        saved_views.change(described, view, keeper, **body.model_dump(exclude_none=True))
    except NotYours as error:
        raise Problem("forbidden", str(error)) from error
    return schemas.View.of(view)


@router.delete("/records/{entity}/views/{int:view_id}", auth=MEMBER, response={204: None})
def delete_view(request: HttpRequest, entity: str, view_id: int) -> Any:
    """Delete the view; its records are untouched."""
    records.describe(entity)
    keeper = _keeper(request.auth)
    try:
        saved_views.remove(saved_views.find(entity, view_id, keeper), keeper)
    except NotYours as error:
        raise Problem("forbidden", str(error)) from error
    return Status(204, None)


@router.post("/records/{entity}/actions", auth=MEMBER, response={201: schemas.Action})
def create_action(request: HttpRequest, entity: str, body: schemas.ActionCreate, response: HttpResponse) -> Any:
    """Set a field of many records, add or remove tags, or delete them. Of more than 1,000 records it goes on in the background:
    ask for the answer's `id` until its state is done."""
    described = records.describe(entity)
    if (body.ids is None) == (body.query is None):
        raise Problem("invalid", _("Send either ids or query."))
    for name, value in schemas.named(body.query or ""):  # more than in a list: an empty one must not mean every record
        if not filters.understood(described, name, value):
            told = f"{name}={value}" if filters.exists(described, name) else name
            raise Problem("unknown_field", _("There is no filter “%(name)s”.") % {"name": told})
    selection = Selection(described, tuple(dict.fromkeys(map(str, body.ids or ()))), body.query)
    caller: Caller = request.auth
    action = bulk_actions.do(selection, body.kind, body.field, body.value, caller.actor, _user(caller))
    response["Location"] = f"/api/v1/records/{entity}/actions/{action.pk}"
    return Status(201, schemas.Action.of(action))


@router.get("/records/{entity}/actions/{uuid:action_id}", response=schemas.Action)
def get_action(request: HttpRequest, entity: str, action_id: UUID) -> Any:
    """How far it is, what it changed, and what it left as it is and why."""
    return schemas.Action.of(_action(entity, action_id))


@router.post("/records/{entity}/actions/{uuid:action_id}/undo", auth=MEMBER, response=schemas.Action)
def undo_action(request: HttpRequest, entity: str, action_id: UUID) -> Any:
    """Set everything back where the value still is what the action wrote. Its maker may, and an admin."""
    action, caller = _action(entity, action_id), request.auth
    mine = (action.actor.get("kind"), action.actor.get("id")) == (caller.actor.kind, caller.actor.id)
    if not bulk_actions.may_undo(action, mine, caller.may("admin")):
        words = _("An admin or an owner can undo this.")
        raise Problem("forbidden", words if mine else _("Somebody else did this. An admin or an owner can undo it."))
    return schemas.Action.of(bulk_actions.take_back(action, caller.actor) or action)


def _action(entity: str, action_id: UUID) -> BulkAction:
    records.describe(entity)
    return bulk_actions.find(entity, action_id)


def _user(caller: Caller) -> int | None:
    return int(caller.id) if caller.kind == "person" else None


def _keeper(caller: Caller) -> Keeper:
    return Keeper(_user(caller), caller.label, caller.may("member"), caller.may("admin"))
