"""Endpoints: what a person was told, and how they want to be told.

Both are a person's own. A token acts for whoever made it, as long as they belong to the tenant; one that may only read does not
change how they are told.
"""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.utils.translation import gettext as _
from ninja import Query, Router

from integrations.api.callers import OWN, VIEWER
from integrations.api.paging import Paging, page, page_of
from integrations.api.problems import Problem
from integrations.api.schemas.notifications import Notification, Preferences, Read, ReadAll
from integrations.notifications import listing, preferences, words
from tenants.models import ApiToken, Membership

router = Router(tags=["Notifications"], auth=VIEWER)

NotificationPage = page_of(Notification)


@router.get("/notifications", response=NotificationPage)
def list_notifications(request: HttpRequest, paging: Query[Paging], unread: bool = False) -> Any:
    """What the caller's person was told in the app, newest first. A token acts for whoever made it."""
    me = _person(request)
    mine = listing.mine(me.user_id)
    rows, following = page(mine.filter(read_at=None) if unread else mine, ("-id",), paging)
    entities = words.Entities()
    items = [Notification.of(row, me.role, request.tenant, entities) for row in rows]
    return NotificationPage(items=items, next=following)


@router.post("/notifications/read", auth=OWN, response=ReadAll)
def read_notifications(request: HttpRequest) -> Any:
    """Mark all as read."""
    return ReadAll(number=listing.read_all(_person(request).user_id))


@router.post("/notifications/{int:notification_id}/read", auth=OWN, response=Notification)
def read_notification(request: HttpRequest, notification_id: int, body: Read) -> Any:
    """Mark one as read, or as unread again."""
    me = _person(request)
    return Notification.of(listing.read(me.user_id, notification_id, body.read), me.role, request.tenant)


@router.get("/notification-preferences", response=Preferences)
def get_notification_preferences(request: HttpRequest) -> Any:
    """How the caller's person is told: what they chose, and for the rest what their role is told."""
    return Preferences.of(preferences.of(_person(request)))


@router.put("/notification-preferences", auth=OWN, response=Preferences)
def set_notification_preferences(request: HttpRequest, body: Preferences) -> Any:
    """Choose how to be told. What already waits for the digest comes in its new window."""
    me = _person(request)
    try:
        kept = preferences.keep(me, body.over(preferences.of(me)))
    except preferences.Unusable as error:
        raise Problem("invalid", str(error), [{"field": error.field, "detail": str(error)}]) from error
    return Preferences.of(kept)


def _person(request: HttpRequest) -> Membership:
    """Whose notifications these are."""
    caller, user_id = request.auth, None
    if caller.kind == "person":
        user_id = int(caller.id)
    else:
        user_id = ApiToken.objects.filter(pk=caller.id).values_list("created_by", flat=True).first()
    found = (
        Membership.objects.filter(tenant=request.tenant, user=user_id).select_related("user").first()
        if user_id
        else None
    )
    if found is None:
        raise Problem("no_person", _("This token belongs to nobody on the team. Make one in Settings → API tokens."))
    return found
