"""What a person decides about one record: leave it alone, take it up again, say which two belong together."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from integrations.models import RecordLink, Stream
from integrations.services import links
from integrations.services.connect import Refused
from integrations.ui import matches
from integrations.ui.pages import back_to, page, see_other, told
from tenants.access import require_role


@require_role("member")
@require_POST
def pause(request: HttpRequest, pk: UUID, stream: UUID, link: int) -> HttpResponse:
    return _told(request, pk, stream, link, links.pause, _("Paused. Both sides keep what they have until you go on."))


@require_role("member")
@require_POST
def take_up(request: HttpRequest, pk: UUID, stream: UUID, link: int) -> HttpResponse:
    return _told(request, pk, stream, link, links.take_up, _("Taken up again. Both sides are read and merged."))


@require_role("viewer")
def ambiguous(request: HttpRequest, pk: UUID, stream: UUID) -> HttpResponse:
    """Groups of records that share a key; a member says which belong together."""
    found = get_object_or_404(Stream.objects.select_related("integration"), pk=stream, integration=pk)
    if request.method == "POST":
        return _decide(request, found)
    return page(request, "matches", matches.context(found, request.GET.get("after", "")))


@require_role("member")
def _decide(request: HttpRequest, stream: Stream) -> HttpResponse:
    done = 0
    for remote_id, record_id in matches.chosen(stream, request.POST.dict()):
        try:
            if record_id is None:
                links.keep_apart(stream, remote_id, str(request.user))
            else:
                links.pair(stream, remote_id, record_id, str(request.user))
            done += 1
        except Refused as refused:
            messages.error(request, str(refused))
    if done:
        text = ngettext("%(n)s record has its partner.", "%(n)s records are decided.", done) % {"n": done}
        messages.success(request, text)
    return see_other(reverse("connections:matches", args=[stream.integration_id, stream.pk]))


def _told(
    request: HttpRequest, pk: UUID, stream: UUID, link: int, act: Callable[[RecordLink, str], object], text: str
) -> HttpResponse:
    found = get_object_or_404(
        RecordLink.objects.select_related("stream__integration"), pk=link, stream=stream, stream__integration=pk
    )
    back = reverse("connections:detail", args=[pk])
    if found.record_id:
        back = reverse("records:detail", args=[found.stream.entity, found.record_id])
    return told(request, lambda: act(found, str(request.user)), text, back_to(request, back))
