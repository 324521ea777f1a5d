"""The first page of a tenant: is everything in step, does anything need me, what happened?"""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from crm import happened
from integrations.files.models import Import
from integrations.ui import home as connections
from tenants.access import require_role
from tenants.models import Membership

NEW_DAYS = 14  # so long the first steps are shown, unless all are done before


@require_role("viewer")
def home(request: HttpRequest) -> HttpResponse:
    manages = request.membership.may("admin")
    context = connections.overview(manages) | {"entries": happened.today()}
    return render(request, "home.html", context | {"steps": _steps(request, context["connections"]) if manages else []})


def _steps(request: HttpRequest, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What a new tenant does first; each ticks itself. Empty when all is done, or the tenant is not new any more."""
    if timezone.now() - request.tenant.created_at > dt.timedelta(days=NEW_DAYS):
        return []
    live = [row for row in rows if not row["is_draft"]]
    steps = [
        {
            "label": _("Connect a tool"),
            "text": _("Four steps. Nothing is written before you have seen it."),
            "url": reverse("connections:gallery"),
            "icon": "cable",
            "done": any(row["slug"] != "practice" for row in live),
        },
        {
            "label": _("Try the practice tool"),
            "text": _("A pretend tool to edit and to break. No account is needed."),
            "url": reverse("connections:start", args=["practice"]),
            "icon": "play",
            "done": any(row["slug"] == "practice" for row in live),
        },
        {
            "label": _("Import a file"),
            "text": _("Contacts from a spreadsheet. You see every change first."),
            "url": reverse("files:import", args=["contact"]),
            "icon": "upload",
            "done": Import.objects.filter(state=Import.State.DONE).exists(),
        },
        {
            "label": _("Invite somebody"),
            "text": _("Whoever knows a record settles its conflicts sooner."),
            "url": reverse("settings:members"),
            "icon": "users",
            "done": Membership.objects.filter(tenant=request.tenant).count() > 1,
        },
    ]
    return [] if all(step["done"] for step in steps) else steps
