"""Endpoints: what ran, and which records it touched."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpRequest
from ninja import Query, Router

from integrations.api.callers import ADMIN, MEMBER, VIEWER
from integrations.api.paging import Paging, page, page_of
from integrations.api.schemas.runs import STATE, Run, RunDetail, RunLine, UndoAsk, UndoPreview
from integrations.models import SyncLog
from integrations.services import run_lines, undo
from tenants.models import Role

router = Router(tags=["Runs"], auth=VIEWER)

RunPage = page_of(Run)
RunLinePage = page_of(RunLine)


@router.get("", response=RunPage)
def list_runs(
    request: HttpRequest, paging: Query[Paging], integration: UUID | None = None, state: STATE | None = None
) -> Any:
    """Runs, newest first."""
    wanted = {name: value for name, value in (("integration", integration), ("state", state)) if value}
    rows, following = page(
        SyncLog.objects.select_related("integration").filter(**wanted), ("-started_at", "-id"), paging
    )
    return RunPage(items=[Run.of(row) for row in rows], next=following)


@router.get("/{uuid:run_id}", response=RunDetail)
def get_run(request: HttpRequest, run_id: UUID) -> Any:
    """One run; poll it until `state` is not `running`."""
    return RunDetail.detailed(SyncLog.objects.get(pk=run_id), request.auth.may(Role.ADMIN))


@router.get("/{uuid:run_id}/records", response=RunLinePage)
def list_run_records(
    request: HttpRequest,
    run_id: UUID,
    paging: Query[Paging],
    action: str = "",
    stream: UUID | None = None,
    search: str = "",
) -> Any:
    """The records that the run touched, in order. `search`: in their titles."""
    run = SyncLog.objects.get(pk=run_id)
    found = run_lines.chosen(run, action, search=search).select_related("stream")
    rows, following = page(found.filter(stream=stream) if stream else found, ("id",), paging)
    run_lines.with_values(run, rows)
    return RunLinePage(items=[RunLine.of(row) for row in rows], next=following)


@router.get("/{uuid:run_id}/undo", response=UndoPreview)
def preview_undo(request: HttpRequest, run_id: UUID, record_id: UUID | None = None, field: str = "") -> Any:
    """What taking the run back would do now, and what has moved since and would stay."""
    return UndoPreview.of(undo.preview(SyncLog.objects.get(pk=run_id), record_id, field))


@router.post("/{uuid:run_id}/undo", auth=ADMIN, response={202: Run})
def undo_run(request: HttpRequest, run_id: UUID, body: UndoAsk | None = None) -> Any:
    """Take back what the run did, on both sides, where it still is what the run wrote; answers the run that does it."""
    run = SyncLog.objects.get(pk=run_id)
    scope = (body.record_id, body.field) if body else ()
    return Run.of(undo.ask(run, request.auth.actor, *scope))


@router.post("/{uuid:run_id}/retry", auth=MEMBER, response={202: Run})
def retry_run(request: HttpRequest, run_id: UUID) -> Any:
    """Sync again at once, and try again what this run has set aside. The run itself stays as it is."""
    run = SyncLog.objects.select_related("integration").get(pk=run_id)
    run_lines.retry(run, request.auth.trigger)
    return Run.of(run)
