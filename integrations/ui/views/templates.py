"""Making tables in the tool from a template."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import ngettext

from crm.answers import reading_once
from integrations.models import IntegrationInstance
from integrations.services import setup, templates
from integrations.services.connect import Refused
from integrations.ui.forms import TemplateForm
from integrations.ui.pages import page, see_other
from integrations.ui.status import plural
from integrations.ui.tools import tool
from tenants.access import require_role


@require_role("admin")
@reading_once
def choose(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Which template, and where its tables shall stand."""
    integration = get_object_or_404(IntegrationInstance, pk=pk)
    if not templates.offered(integration) or not integration.has_key:
        raise Http404("this tool makes no tables")
    places, problem = [], ""
    try:
        places = templates.places(integration)
    except Refused as refused:
        problem = str(refused)
    form = TemplateForm(templates.offered(integration), places, request.POST if request.method == "POST" else None)
    if form.is_valid():
        try:
            template = templates.find(integration, form.cleaned_data["template"])
            made = templates.make(integration, template, form.cleaned_data["place"])
        except Refused as refused:
            form.refuse(refused)
        else:
            setup.forget_tables(integration)
            text = ngettext("%(n)s table is made and mapped.", "%(n)s tables are made and mapped.", len(made))
            messages.success(request, text % {"n": len(made)})
            return see_other(reverse("connections:mapping", args=[pk, made[0].pk]))
    context = {
        "integration": integration,
        "tool": tool(integration.provider),
        "form": form,
        "places": places,
        "problem": problem,
        "templates": [_shown(one, form) for one in templates.offered(integration)],
        "back": back(integration),
    }
    return page(request, "template", context, status=422 if form.errors else 200)


def back(integration: IntegrationInstance) -> str:
    if integration.setup_step == "done":
        return reverse("connections:tables", args=[integration.pk])
    return reverse("connections:setup", args=[integration.pk, "map"])


def _shown(template: templates.Template, form: TemplateForm) -> dict[str, Any]:
    tables = [{"name": plural(one.entity), "fields": ", ".join(templates.labels(one))} for one in template.tables]
    chosen = form["template"].value() == template.slug
    return {"slug": template.slug, "name": template.name, "about": template.about, "tables": tables, "chosen": chosen}
