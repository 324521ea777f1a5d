"""What ran: one run with every record it touched, and the runs of all connections."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404

from integrations.models import SyncLog
from integrations.ui import activity
from integrations.ui.pages import is_htmx, page, partial, two_bodies
from tenants.access import require_role


@require_role("viewer")
@two_bodies
def run(request: HttpRequest, pk: UUID, run: UUID) -> HttpResponse:
    found = get_object_or_404(SyncLog.objects.select_related("integration"), pk=run, integration=pk)
    lines = activity.lines(found, request.GET.get("action", ""), request.GET.get("after", ""))
    if is_htmx(request) and request.GET.get("after"):
        return partial(request, "_run_lines", lines)
    return page(request, "run", lines | activity.of_run(found, request.GET.get("action", "")))


@require_role("viewer")
@two_bodies
def run_list(request: HttpRequest) -> HttpResponse:
    """All connections' runs, the newest first; those that found nothing to do can be left out."""
    context = activity.runs(request.GET)
    return partial(request, "_run_rows", context) if is_htmx(request) else page(request, "activity", context)
