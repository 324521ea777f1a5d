"""Endpoints: conflicts, and records that are set aside."""

from __future__ import annotations

from typing import Any, Literal
from uuid import UUID

from django.http import HttpRequest
from ninja import Query, Router

from integrations.api.callers import MEMBER, VIEWER
from integrations.api.paging import Paging, page, page_of
from integrations.api.schemas.inbox import Conflict, Resolve, SetAside
from integrations.models import Conflict as ConflictRow
from integrations.models import SetAside as SetAsideRow
from integrations.services import conflicts

router = Router(tags=["Inbox"], auth=VIEWER)

ConflictPage = page_of(Conflict)
SetAsidePage = page_of(SetAside)


@router.get("/conflicts", response=ConflictPage)
def list_conflicts(
    request: HttpRequest,
    paging: Query[Paging],
    state: Literal["open", "settled"] | None = None,
    integration: UUID | None = None,
    stream: UUID | None = None,
) -> Any:
    """Conflicts, newest first: those that wait, and those that were settled by rule or by a person."""
    asked = (("state", state), ("stream__integration", integration), ("stream", stream))
    wanted = {name: value for name, value in asked if value}
    rows, following = page(ConflictRow.objects.filter(**wanted), ("-at", "-id"), paging)
    return ConflictPage(items=[Conflict.of(row) for row in rows], next=following)


@router.get("/conflicts/{uuid:conflict_id}", response=Conflict)
def get_conflict(request: HttpRequest, conflict_id: UUID) -> Any:
    """One conflict."""
    return Conflict.of(ConflictRow.objects.get(pk=conflict_id))


@router.post("/conflicts/{uuid:conflict_id}/resolve", auth=MEMBER, response=Conflict)
def resolve_conflict(request: HttpRequest, conflict_id: UUID, body: Resolve) -> Any:
    """Say which side wins. The next run carries it out."""
    conflict = ConflictRow.objects.select_related("stream__integration").get(pk=conflict_id)
    return Conflict.of(conflicts.resolve(conflict, body.winner, request.auth.actor))


@router.get("/set-aside", response=SetAsidePage)
def list_set_aside(
    request: HttpRequest, paging: Query[Paging], integration: UUID | None = None, stream: UUID | None = None
) -> Any:
    """Records that wait with their reason, newest first. They are tried again by themselves once a value changes."""
    wanted = {n: value for n, value in (("stream__integration", integration), ("stream", stream)) if value}
    rows, following = page(SetAsideRow.objects.filter(**wanted), ("-first_at", "-id"), paging)
    return SetAsidePage(items=[SetAside.of(row) for row in rows], next=following)
