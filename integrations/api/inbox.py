"""Endpoints: conflicts, and records that are set aside."""

from __future__ import annotations

from typing import Any, Literal
from uuid import UUID

from django.http import HttpRequest
from ninja import Query, Router

from integrations.adapters.registry import adapters
from integrations.api.callers import MEMBER, VIEWER, AtLeast
from integrations.api.paging import Paging, page, page_of
from integrations.api.schemas.inbox import (
    Asked,
    Cause,
    Conflict,
    Incident,
    Mend,
    RefusedConflict,
    Resolve,
    Resolved,
    ResolveMany,
    RetryMany,
    RetryOne,
    SetAside,
)
from integrations.models import Conflict as ConflictRow
from integrations.models import IntegrationInstance, Stream
from integrations.models import SetAside as SetAsideRow
from integrations.services import conflicts, incidents, problems, set_aside

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
    critical: bool | None = None,
    unseen: bool = False,
) -> Any:
    """Conflicts, newest first: those that wait, and those that were settled by rule or by a person.

    `unseen=true`: only alerts, which are settled conflicts of critical fields that nobody has acknowledged.
    """
    asked = (("state", state), ("stream__integration", integration), ("stream", stream), ("critical", critical))
    found = ConflictRow.objects.filter(**{name: value for name, value in asked if value is not None})
    rows, following = page(conflicts.unseen(found) if unseen else found, ("-at", "-id"), paging)
    return ConflictPage(items=[Conflict.of(row) for row in rows], next=following)


@router.get("/conflicts/{uuid:conflict_id}", response=Conflict)
def get_conflict(request: HttpRequest, conflict_id: UUID) -> Any:
    """One conflict."""
    return Conflict.of(ConflictRow.objects.get(pk=conflict_id))


@router.post("/conflicts/{uuid:conflict_id}/resolve", auth=MEMBER, response=Conflict)
def resolve_conflict(request: HttpRequest, conflict_id: UUID, body: Resolve) -> Any:
    """Say which side wins. The next run carries it out. Refused (`edited_since`) when that would overwrite a newer edit here."""
    return Conflict.of(conflicts.resolve(_conflict(conflict_id), body.winner, request.auth.actor))


@router.post("/conflicts/{uuid:conflict_id}/swap", auth=MEMBER, response=Conflict)
def swap_conflict(request: HttpRequest, conflict_id: UUID) -> Any:
    """Let the other side win after all; with `field` empty: delete after all, or bring back."""
    return Conflict.of(conflicts.swap(_conflict(conflict_id), request.auth.actor))


@router.post("/conflicts/{uuid:conflict_id}/acknowledge", auth=MEMBER, response=Conflict)
def acknowledge_conflict(request: HttpRequest, conflict_id: UUID) -> Any:
    """Say that the alert of a critical field was read."""
    return Conflict.of(conflicts.acknowledge(_conflict(conflict_id), request.auth.actor))


@router.post("/conflicts/resolve", auth=MEMBER, response=Resolved)
def resolve_conflicts(request: HttpRequest, body: ResolveMany) -> Any:
    """Say which side wins, for up to 500 at once. Each is settled or refused on its own."""
    done = conflicts.resolve_many(body.conflicts, body.winner, request.auth.actor)
    return Resolved(
        settled=[Conflict.of(one) for one in done.settled],
        refused=[RefusedConflict(id=pk, reason=reason) for pk, reason in done.refused.items()],
    )


def _conflict(conflict_id: UUID) -> ConflictRow:
    return ConflictRow.objects.select_related("stream__integration").get(pk=conflict_id)


@router.post("/set-aside/{int:aside_id}/retry", auth=MEMBER, response=Asked)
def retry_one_set_aside(request: HttpRequest, aside_id: int, body: RetryOne) -> Any:
    """Try one again with a run at once; with `group`, everything that is set aside for the same cause.

    With the code `unsure_create` the answer to a create was lost: look in the tool first, because this sends it again.
    """
    one = SetAsideRow.objects.get(pk=aside_id)
    wanted = set_aside.group_of(one) if body.group else SetAsideRow.objects.filter(pk=one.pk)
    return Asked(number=set_aside.retry_chosen(wanted, "api"))


@router.post("/set-aside/retry", auth=MEMBER, response=Asked)
def retry_set_aside(request: HttpRequest, body: RetryMany) -> Any:
    """Try all again with a run at once, or those of an integration, a stream, a field or a code."""
    return Asked(number=set_aside.retry(SetAsideRow.objects.filter(**body.wanted), "api"))


@router.get("/set-aside", response=SetAsidePage)
def list_set_aside(
    request: HttpRequest, paging: Query[Paging], integration: UUID | None = None, stream: UUID | None = None
) -> Any:
    """Records that wait with their reason, newest first. They are tried again by themselves once a value changes."""
    wanted = {n: value for n, value in (("stream__integration", integration), ("stream", stream)) if value}
    rows, following = page(SetAsideRow.objects.filter(**wanted), ("-first_at", "-id"), paging)
    return SetAsidePage(items=[SetAside.of(row) for row in rows], next=following)


CAUSES = 200


@router.get("/causes", response=list[Cause])
def list_causes(request: HttpRequest, integration: UUID | None = None) -> Any:
    """What is set aside by cause, the most frequent first, with what can be done about all of one cause at once."""
    streams = Stream.objects.select_related("integration").prefetch_related("mappings")
    if integration is not None:
        streams = streams.filter(integration=IntegrationInstance.objects.get(pk=integration))
    return [Cause.of(row, _tool(row.stream.integration)) for row in problems.of(streams, CAUSES)]


@router.post("/causes/mend", auth=MEMBER, response=Asked)
def mend_cause(request: HttpRequest, body: Mend) -> Any:
    """Do one of the `ways` of a cause. 404 when nothing waits for it any more, `does_not_apply` when that way does not help."""
    AtLeast(problems.NEEDS[body.way])(request)
    return Asked(number=problems.act(body.cause, body.way, "api", request.auth.label))


@router.get("/incidents", response=list[Incident])
def list_incidents(request: HttpRequest) -> Any:
    """Tools that you have connected and that have trouble for many at once, now."""
    providers = IntegrationInstance.objects.values_list("provider", flat=True).distinct()
    return [
        Incident(provider=one.provider, code=one.kind, since=one.began_at, note=one.note)
        for one in incidents.open_of(providers).values()
    ]


def _tool(integration: IntegrationInstance) -> str:
    adapter = adapters().get(integration.provider)
    return adapter.manifest.name if adapter else integration.provider
