"""What waits for a person: conflicts, connections that stopped, records set aside."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from crm.feed import Actor
from integrations.models import Conflict
from integrations.ui import waiting
from integrations.ui.pages import page, told
from tenants.access import require_role


@require_role("viewer")
def inbox(request: HttpRequest) -> HttpResponse:
    return page(request, "inbox", waiting.context(request.GET))


@require_role("member")
@require_POST
def resolve(request: HttpRequest, pk: UUID) -> HttpResponse:
    from integrations.services import conflicts

    conflict = get_object_or_404(Conflict.objects.select_related("stream__integration"), pk=pk)
    by = Actor("user", str(request.user.pk), str(request.user))
    text = _("Settled. The other side gets it with the next run.")
    winner = request.POST.get("winner", "")
    return told(request, lambda: conflicts.resolve(conflict, winner, by), text, reverse("inbox:list"))
