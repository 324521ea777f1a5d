"""The way back from a provider's sign-in: over the public host to the tenant's, where the person says yes if need be."""

from __future__ import annotations

from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_GET

from integrations.models import IntegrationInstance
from integrations.oauth import gateway
from integrations.oauth.models import Visit
from integrations.services.connect import Refused
from integrations.ui.pages import page, see_other
from integrations.ui.tools import tool
from tenants.access import require_role
from tenants.middleware import person


@require_GET
@never_cache
@sensitive_variables("code")
def callback(request: HttpRequest, provider: str) -> HttpResponse:
    """On the public host. Who it is does not matter here: the state alone says where to go on."""
    state, code, error = (request.GET.get(name, "") for name in ("state", "code", "error"))
    visit = gateway.come_back(provider, state, code, error)
    if visit is None:
        return render(request, "integrations/signed_in_lost.html", status=400)
    return redirect(
        visit.tenant.url + reverse("connections:arrive", args=[visit.handle], urlconf=settings.ROOT_URLCONF)
    )


@require_role("admin")
@never_cache
def arrive(request: HttpRequest, handle: UUID) -> HttpResponse:
    """On the tenant's host. A POST answers what the page asked: `switch` to the other account, `keep` the old one, `again`."""
    visit = gateway.of(handle, request.tenant)
    if visit is None:
        return page(request, "signed_in", {"code": "used"}, status=404)
    integration = IntegrationInstance.objects.filter(pk=visit.integration_id).first()
    if visit.user_id != person(request).pk:
        return page(request, "signed_in", {"code": "somebody_else", "integration": integration}, status=403)
    do = request.POST.get("do", "")
    if integration and do == "keep":
        gateway.settle(visit)
        messages.info(request, _("Nothing was changed: “%(name)s” keeps its account.") % {"name": integration.name})
        return see_other(_after(integration))
    try:
        account = gateway.finish(visit, another_account=do == "switch", by=str(request.user))
    except Refused as refused:
        return _explain(request, visit, integration, refused)
    messages.success(request, _("Connected to %(account)s.") % {"account": account.name})
    return see_other(_after(IntegrationInstance.objects.get(pk=visit.integration_id)))


def _explain(
    request: HttpRequest, visit: Visit, integration: IntegrationInstance | None, refused: Refused
) -> HttpResponse:
    visit.refresh_from_db()
    context = {
        "code": refused.code,
        "text": str(refused),
        "integration": integration,
        "tool": tool(visit.provider),
        "waits": visit.settled_at is None and bool(visit.grant),  # it can be tried again without going there
    }
    return page(request, "signed_in", context, status=422)


def _after(integration: IntegrationInstance) -> str:
    """Where the person left from: the wizard, or the connection's own page."""
    if integration.setup_step == "done":
        return reverse("connections:detail", args=[integration.pk])
    return reverse("connections:setup", args=[integration.pk, integration.setup_step])
