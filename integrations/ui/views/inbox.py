"""What waits for a person: conflicts, alerts, connections that stopped, records set aside."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from django.contrib import messages
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from crm.answers import reading_once
from crm.fields import is_id
from integrations.models import Conflict, SetAside, Stream
from integrations.services import conflicts, set_aside
from integrations.services import problems as services
from integrations.services.connect import Refused
from integrations.ui import problems, waiting
from integrations.ui.pages import actor, back_to, is_htmx, may, page, partial, see_other, told, two_bodies
from tenants.access import refuse, require_role

MANY = 500


@require_role("viewer")
@reading_once
def inbox(request: HttpRequest) -> HttpResponse:
    return page(request, "inbox", waiting.context(request.GET, may(request, "admin"), may(request, "member")))


@require_role("member")
@require_POST
def resolve(request: HttpRequest, pk: UUID) -> HttpResponse:
    winner = request.POST.get("winner", "")
    text = _("Settled. The other side gets it with the next run.")
    return _told(request, pk, lambda conflict: conflicts.resolve(conflict, winner, actor(request)), text)


@require_role("member")
@require_POST
def swap(request: HttpRequest, pk: UUID) -> HttpResponse:
    text = _("Swapped. The other side gets it with the next run.")
    return _told(request, pk, lambda conflict: conflicts.swap(conflict, actor(request)), text)


@require_role("member")
@require_POST
def acknowledge(request: HttpRequest, pk: UUID) -> HttpResponse:
    return _told(request, pk, lambda conflict: conflicts.acknowledge(conflict, actor(request)), _("Seen."))


@require_role("member")
@require_POST
def resolve_many(request: HttpRequest) -> HttpResponse:
    """One side for all that were chosen."""
    ids = [UUID(pk) for pk in request.POST.getlist("ids") if is_id(pk)][:MANY]
    winner = request.POST.get("winner", "")
    if not ids:
        messages.info(request, _("Choose at least one conflict first."))
    done = conflicts.resolve_many(ids, winner, actor(request))
    if done.refused:
        text = ngettext(
            "%(n)s conflict could not be settled: %(why)s",
            "%(n)s conflicts could not be settled: %(why)s",
            len(done.refused),
        )
        messages.warning(request, text % {"n": len(done.refused), "why": next(iter(done.refused.values()))})
    if done.settled:
        text = ngettext("%(n)s conflict is settled.", "%(n)s conflicts are settled.", len(done.settled))
        messages.success(request, text % {"n": len(done.settled)})
    return see_other(reverse("inbox:list"))


@require_role("member")
@require_POST
def acknowledge_many(request: HttpRequest) -> HttpResponse:
    """All alerts that the page showed."""
    ids = [pk for pk in request.POST.getlist("shown") if is_id(pk)][:MANY]
    for conflict in conflicts.unseen(Conflict.objects.filter(pk__in=ids)):
        conflicts.acknowledge(conflict, actor(request))
    return see_other(reverse("inbox:list"))


@require_role("viewer")
@two_bodies
def problem(request: HttpRequest) -> HttpResponse:
    """All that was set aside for one cause. When nothing waits for it any more, that is good news and not an error."""
    cause = problems.asked(request.GET)
    if cause is None:
        raise Http404
    get_object_or_404(Stream, pk=cause.stream)
    try:
        found = services.one(cause)
    except SetAside.DoesNotExist:
        messages.success(request, _("Nothing waits for this any more."))
        return see_other(reverse("inbox:list"))
    rows = problems.rows(found, request.GET.get("after", ""))
    if is_htmx(request):
        return partial(request, "_problem_rows", rows)
    return page(request, "problem", rows | problems.context(found))


@require_role("member")
@require_POST
def act(request: HttpRequest) -> HttpResponse:
    """One of the ways to mend a cause: try all again, or change how the field is mapped."""
    cause, way = problems.asked(request.POST), request.POST.get("way", "")
    if cause is None:
        raise Http404
    get_object_or_404(Stream, pk=cause.stream)
    needs = services.NEEDS.get(way, "admin")
    if not may(request, needs):
        return refuse(request, needs)
    count = 0

    def work() -> None:
        nonlocal count
        try:
            count = services.act(cause, way, who=str(request.user))
        except SetAside.DoesNotExist as error:
            raise Refused(_("Nothing waits for this any more."), code="over") from error

    def text() -> str:
        if way == "retry":
            return _tried(count)
        return _("The mapping is changed. The next run goes by it.")

    return told(request, work, text, back_to(request, reverse("inbox:list")))


@require_role("member")
@require_POST
def retry(request: HttpRequest, pk: int) -> HttpResponse:
    """Everything that was set aside for the same cause as this one."""
    return _retry(request, set_aside.group_of(get_object_or_404(SetAside, pk=pk)))


@require_role("member")
@require_POST
def retry_one(request: HttpRequest, pk: int) -> HttpResponse:
    return _retry(request, SetAside.objects.filter(pk=get_object_or_404(SetAside, pk=pk).pk))


def _retry(request: HttpRequest, asides: QuerySet[SetAside]) -> HttpResponse:
    count = 0

    def act() -> None:
        nonlocal count
        count = set_aside.retry_chosen(asides)

    return told(request, act, lambda: _tried(count), back_to(request, reverse("inbox:list")))


def _tried(count: int) -> str:
    return ngettext("%(n)s record is tried again now.", "%(n)s records are tried again now.", count) % {"n": count}


def _told(request: HttpRequest, pk: UUID, act: Callable[[Conflict], object], text: str) -> HttpResponse:
    conflict = get_object_or_404(Conflict.objects.select_related("stream__integration"), pk=pk)
    return told(request, lambda: act(conflict), text, reverse("inbox:list"))
