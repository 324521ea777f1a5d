"""What ran: one run with every record it touched, how to take it back, and the runs of all connections."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext as _

from integrations.models import SyncLog
from integrations.services import undo as services
from integrations.services.connect import Refused
from integrations.ui import activity, undoing
from integrations.ui.pages import actor, is_htmx, may, page, partial, see_other, two_bodies
from tenants.access import require_role


def _run(pk: UUID, run: UUID) -> SyncLog:
    return get_object_or_404(SyncLog.objects.select_related("integration", "undoes"), pk=run, integration=pk)


@require_role("viewer")
@two_bodies
def run(request: HttpRequest, pk: UUID, run: UUID) -> HttpResponse:
    found = _run(pk, run)
    chosen = activity.wanted(request.GET)
    lines = activity.lines(found, chosen, request.GET.get("after", ""), may(request, "admin"))
    if is_htmx(request) and request.GET.get("after"):
        return partial(request, "_run_lines", lines)
    context = lines | activity.of_run(found, chosen)
    if is_htmx(request):
        response = partial(request, "_run_page", context | {"request": request})
        if not context["is_busy"]:
            response.headers["HX-Refresh"] = "true"  # its head says something else now
        return response
    return page(request, "run", context)


@require_role("admin")
@two_bodies
def undo(request: HttpRequest, pk: UUID, run: UUID) -> HttpResponse:
    """First what would be set back and what not; then, by POST, a run that does it."""
    found = _run(pk, run)
    if request.method != "POST":
        context = undoing.context(found, *undoing.scope(request.GET))
        return partial(request, "_undo", context) if is_htmx(request) else page(request, "undo", context)
    try:
        made = services.ask(found, actor(request), *undoing.scope(request.POST))
    except Refused as refused:
        messages.error(request, str(refused))
        return see_other(reverse("connections:run", args=[pk, run]))
    messages.success(request, _("It is being taken back. This page tells what was set back and what was left."))
    return see_other(reverse("connections:run", args=[pk, made.pk]))


@require_role("viewer")
@two_bodies
def run_list(request: HttpRequest) -> HttpResponse:
    """All connections' runs, the newest first; those that found nothing to do can be left out."""
    context = activity.runs(request.GET)
    return partial(request, "_run_rows", context) if is_htmx(request) else page(request, "activity", context)
