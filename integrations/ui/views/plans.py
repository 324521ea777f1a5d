"""Plans: ask for one, look at it record by record, approve it or let it go."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.text import slugify
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from integrations.models import IntegrationInstance, Plan
from integrations.services import plans as services
from integrations.services.connect import Refused
from integrations.ui import plans
from integrations.ui.pages import is_htmx, page, partial, redrawn, see_other, told, two_bodies
from integrations.ui.steps import bar
from tenants.access import require_role


def _plan(pk: UUID, plan: UUID) -> Plan:
    return get_object_or_404(Plan.objects.select_related("integration"), pk=plan, integration=pk)


@require_role("member")
@require_POST
def make(request: HttpRequest, pk: UUID) -> HttpResponse:
    """See what would happen."""
    integration = get_object_or_404(IntegrationInstance, pk=pk)
    try:
        made = services.ask(integration, str(request.user))
    except Refused as refused:
        messages.error(request, str(refused))
        return see_other(reverse("connections:detail", args=[pk]))
    return see_other(reverse("connections:plan", args=[pk, made.pk]))


@require_role("viewer")
@two_bodies
def plan(request: HttpRequest, pk: UUID, plan: UUID) -> HttpResponse:
    found = services.look(_plan(pk, plan))
    if is_htmx(request) and request.GET.get("after"):
        return partial(request, "_plan_lines", plans.lines(found, request.GET))
    context = plans.of(found, request.GET) | {"request": request}
    if found.integration.setup_step != "done":
        context["steps"] = bar(found.integration, "activate")
    if not is_htmx(request):
        return page(request, "plan", context)
    if request.GET.get("was", found.state) != found.state:
        return redrawn(request, "plan", context)
    return partial(request, "_plan_page", context)


@require_role("viewer")
def download(request: HttpRequest, pk: UUID, plan: UUID) -> HttpResponse:
    """The lines under the filters of the address, as CSV."""
    found = _plan(pk, plan)
    chosen = plans.wanted(request.GET)
    text = services.download(
        found,
        stream=plans.stream_of(chosen),
        action=chosen["action"],
        side=chosen["side"],
        outcome=chosen["outcome"],
        search=chosen["q"],
    )
    response = StreamingHttpResponse(text, content_type="text/csv; charset=utf-8")
    name = f"{slugify(found.integration.name) or 'plan'}-{found.asked_at:%Y-%m-%d}.csv"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response  # type: ignore[return-value]


@require_role("admin")
@require_POST
def approve(request: HttpRequest, pk: UUID, plan: UUID) -> HttpResponse:
    found = _plan(pk, plan)
    if found.integration.setup_step != "done":
        text = _("“%(name)s” is on. Its first sync begins.") % {"name": found.integration.name}
        back = reverse("connections:detail", args=[pk])
    else:
        text = _("Approved. It begins at once; what has moved since is left out and listed.")
        back = reverse("connections:plan", args=[pk, plan])
    return told(request, lambda: services.approve(found, str(request.user)), text, back)


@require_role("member")
@require_POST
def discard(request: HttpRequest, pk: UUID, plan: UUID) -> HttpResponse:
    found = _plan(pk, plan)
    back = reverse("connections:detail", args=[pk])
    if found.integration.setup_step != "done":
        back = reverse("connections:setup", args=[pk, "settings"])
    return told(request, lambda: services.discard(found), _("The plan is discarded. Nothing was written."), back)
