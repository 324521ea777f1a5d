"""How the records of a table stand, and pairing one by hand."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _

from crm import listing, records
from crm.fields import is_id
from integrations.models import Stream
from integrations.services import links
from integrations.services.connect import Refused
from integrations.ui import health
from integrations.ui.pages import is_htmx, page, partial, see_other, two_bodies
from integrations.ui.tools import tool
from integrations.ui.views.rules import stream_of
from tenants.access import require_role

FOUND = 10


@require_role("viewer")
@two_bodies
def lists(request: HttpRequest, pk: UUID, stream: UUID) -> HttpResponse:
    found = stream_of(pk, stream)
    chosen = request.GET.get("list", "")
    if is_htmx(request) and request.GET.get("after") and chosen in health.LISTS:
        return partial(request, "_health_rows", health.rows(found, chosen, request.GET["after"]))
    return page(request, "health", health.context(found, request.GET))


@require_role("member")
def pair(request: HttpRequest, pk: UUID, stream: UUID) -> HttpResponse:
    """Say which of ours a record there belongs to, or that it is one of its own."""
    found = stream_of(pk, stream)
    asked = request.POST if request.method == "POST" else request.GET
    remote_id = asked.get("remote", "")
    if request.method == "POST":
        return _pair(request, found, remote_id, request.POST.get("record", ""))
    entity, q = records.describe(found.entity), listing.plain(asked.get("q", asked.get("title", "")))
    items = listing.Listing(entity, listing.Asked(q=q), size=FOUND).page(counted=False).items
    context = {
        "stream": found,
        "integration": found.integration,
        "tool": tool(found.integration.provider),
        "entity": entity,
        "remote": remote_id,
        "title": asked.get("title", ""),
        "q": q,
        "items": [{"id": one.id, "title": one.title, "url": reverse("records:detail", args=[entity.name, one.id])}
                  for one in items],
    }  # fmt: skip
    return page(request, "pair", context)


def _pair(request: HttpRequest, stream: Stream, remote_id: str, record: str) -> HttpResponse:
    back = reverse("connections:health", args=[stream.integration_id, stream.pk])
    try:
        if is_id(record):
            links.pair(stream, remote_id, UUID(record), str(request.user))
            messages.success(request, _("Paired. Both are read and merged with the next run."))
        else:
            links.keep_apart(stream, remote_id, str(request.user))
            messages.success(request, _("It comes in as a record of its own with the next run."))
    except Refused as refused:
        messages.error(request, str(refused))
    return see_other(f"{back}?list=left_out")
