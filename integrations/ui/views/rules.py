"""The rules of one table, in the wizard and later, and its restarts."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext as _

from crm.answers import reading_once
from integrations.models import Part, Status, Stream
from integrations.services import edits, health, restarts
from integrations.ui import meanwhile, tables, unsaved
from integrations.ui.pages import is_htmx, page, partial, see_other, told, two_bodies
from integrations.ui.rules import Rules
from integrations.ui.steps import bar
from integrations.ui.tools import tool
from integrations.ui.views.wizard import unpaired
from tenants.access import require_role


def stream_of(pk: UUID, stream: UUID) -> Stream:
    return get_object_or_404(Stream.objects.select_related("integration"), pk=stream, integration=pk)


@require_role("admin")
@two_bodies
@reading_once
def table_rules(request: HttpRequest, pk: UUID, stream: UUID) -> HttpResponse:
    """Without `do`, a POST saves."""
    found = Stream.objects.select_related("integration").filter(pk=stream, integration=pk).first()
    if found is None:
        return unpaired(request, pk, stream)
    seen = meanwhile.carried(request, found.integration)  # before the rules are read
    if request.method != "POST":
        if draft := unsaved.of(request, found.integration, _page(found)):
            return _show(request, Rules.drafted(found, draft.data), draft.seen, more={"draft": draft})
        return _show(request, Rules.of(found), seen)
    if request.POST.get("do") == "fresh":
        unsaved.forget(request, found.integration, _page(found))
        return see_other(request.path)
    rules = Rules.posted(found, request.POST)
    if do := request.POST.get("do"):
        rules.do(do if do != "key-add" else f"key-add:{request.POST.get('add_key', '')}")
        unsaved.keep(request, found.integration, _page(found), rules.draft())
        return _show(request, rules, seen)
    if not rules.is_whole():
        return _show(request, rules, seen, status=422)
    return _save(request, rules, seen)


def _save(request: HttpRequest, rules: Rules, seen: int) -> HttpResponse:
    """What somebody else saved meanwhile stays, unless both changed the same rule: then both are shown."""
    wanted, known = rules.settings(), meanwhile.posted(request)
    if met := edits.meeting(rules.stream, Part.RULES, known, wanted):
        if met.clashes:
            both = meanwhile.rows(met, rules.name_of, rules.words)
            context = meanwhile.shown(request, met, both, "rules-form")
            return _show(request, rules, met.seen, 409, {"meanwhile": context})
        wanted, known = met.merged, met.seen
    if not rules.save(wanted, str(request.user), known):
        return _show(request, rules, seen, status=422)
    unsaved.forget(request, rules.stream.integration, _page(rules.stream))
    if met and (text := meanwhile.kept(met, rules.name_of)):
        messages.info(request, text)
    messages.success(request, _("Saved. The next run follows the new rules."))
    return see_other(_back(rules.stream))


def _page(stream: Stream) -> str:
    return f"rules {stream.pk}"


def _back(stream: Stream) -> str:
    if stream.integration.setup_step != "done":
        return reverse("connections:setup", args=[stream.integration_id, "settings"])
    return reverse("connections:detail", args=[stream.integration_id])


def _show(
    request: HttpRequest, rules: Rules, seen: int, status: int = 200, more: dict[str, Any] | None = None
) -> HttpResponse:
    stream = rules.stream
    context: dict[str, Any] = rules.context() | {"integration": stream.integration}
    if is_htmx(request):
        return partial(request, "_table_rules", context | {"request": request}, status)
    if stream.integration.setup_step != "done":
        context["steps"] = bar(stream.integration, "settings")
    context |= {
        "tabs": tables.tabs(stream, "connections:table_rules"),
        "back_url": _back(stream),
        "links": health.pairs([stream]),
        "can_go_on": stream.integration.status in (Status.PAUSED, Status.ATTENTION),
        "seen": seen,
        "saved": edits.last(stream, Part.RULES),
    } | (more or {})
    return page(request, "table_rules", context, status)


@require_role("admin")
def restart(request: HttpRequest, pk: UUID, stream: UUID, what: str) -> HttpResponse:
    """Asks on a page of its own, so that it works without a script; with one, a dialog has asked."""
    found = stream_of(pk, stream)
    if what not in ("read-again", "match-anew") or found.integration.setup_step != "done":
        raise Http404("no such restart")
    if request.method != "POST":
        context = {"stream": found, "integration": found.integration, "tool": tool(found.integration.provider)}
        return page(request, "restart", context | {"what": what, "links": health.pairs([found])})
    act, text = {
        "read-again": (restarts.read_again, _("The next run reads every record again.")),
        "match-anew": (restarts.match_anew, _("The pairs are forgotten. The next run matches anew.")),
    }[what]
    return told(request, lambda: act(found), text, reverse("connections:detail", args=[pk]))
