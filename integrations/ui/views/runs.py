"""What ran: one run with every record it touched, how to take it back, and the runs of all connections."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.text import slugify
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from crm.answers import reading_once
from integrations.models import SyncLog
from integrations.services import run_lines
from integrations.services import undo as services
from integrations.services.connect import Refused
from integrations.ui import activity, undoing
from integrations.ui.pages import actor, is_htmx, may, page, partial, redrawn, see_other, told, two_bodies
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
    if not is_htmx(request):
        return page(request, "run", context)
    if context["is_busy"]:
        return partial(request, "_run_page", context | {"request": request})
    return redrawn(request, "run", context)


@require_role("admin")
@two_bodies
@reading_once
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


@require_role("viewer")
def download(request: HttpRequest, pk: UUID, run: UUID) -> HttpResponse:
    """The touched records under the filters of the address, as CSV."""
    found, chosen = _run(pk, run), activity.wanted(request.GET)
    text = run_lines.download(found, action=chosen["action"], side=chosen["side"], search=chosen["q"])
    response = StreamingHttpResponse(text, content_type="text/csv; charset=utf-8")
    name = f"{slugify(found.integration.name) or 'run'}-{found.started_at:%Y-%m-%d-%H%M}.csv"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response  # type: ignore[return-value]


@require_role("member")
@require_POST
def retry(request: HttpRequest, pk: UUID, run: UUID) -> HttpResponse:
    """Sync again, and try again what this run has set aside."""
    found = _run(pk, run)
    back = reverse("connections:detail", args=[pk])
    return told(request, lambda: run_lines.retry(found), _("The sync begins again."), back)
