"""The setup of a connection, in four steps that can be left and taken up again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST

from crm.answers import go, reading_once
from integrations.models import Draft, Drift, IntegrationInstance, Part, Stream
from integrations.services import connect, cost, edits, lifecycle, plans, setup, streams
from integrations.services.connect import Refused
from integrations.ui import drift, effects, meanwhile, pairing, quick_rules, tables, unsaved
from integrations.ui.forms import FrequencyForm, ReconnectForm, StreamForm, TableForm
from integrations.ui.mapper import Mapper
from integrations.ui.pages import is_htmx, page, partial, see_other, told, two_bodies
from integrations.ui.steps import bar
from integrations.ui.tools import tool
from integrations.ui.views.gallery import chosen, connect_context, leaving
from tenants.access import require_role


def setup_url(integration: IntegrationInstance, step: str) -> str:
    return reverse("connections:setup", args=[integration.pk, step])


@require_role("admin")
@sensitive_post_parameters()
@two_bodies
def step(request: HttpRequest, pk: UUID, step: str) -> HttpResponse:
    """One of the four; a later one than was reached leads back to the furthest."""
    integration = get_object_or_404(IntegrationInstance, pk=pk)
    if step not in setup.STEPS:
        raise Http404("no such step")
    if integration.setup_step == "done":
        return redirect("connections:detail", pk)
    if not setup.is_open(integration, step):
        return redirect(setup_url(integration, setup.furthest(integration)))
    return SHOW[step](request, integration)


# --- connect ----------------------------------------------------------------------------------------------------------


def _connect(request: HttpRequest, integration: IntegrationInstance) -> HttpResponse:
    return connect_form(request, integration, lambda: setup_url(integration, "map"), bar(integration, "connect"))


@require_role("admin")
@sensitive_post_parameters()
def reconnect(request: HttpRequest, pk: UUID) -> HttpResponse:
    """A new key for the same connection: mappings, links and checkpoints stay."""
    integration = get_object_or_404(IntegrationInstance, pk=pk)
    return connect_form(request, integration, lambda: reverse("connections:detail", args=[pk]))


def connect_form(
    request: HttpRequest, integration: IntegrationInstance, after: Callable[[], str], steps: Any = None
) -> HttpResponse:
    ways = connect.ways(integration.provider)
    way = chosen(request, ways, before=integration.auth_kind)
    form = ReconnectForm(way, request.POST or None)
    if way and form.is_valid():
        again, by = form.cleaned_data["another_account"], str(request.user)
        try:
            if way.oauth:
                return leaving(request, integration)
            account = connect.connect(integration, form.credentials(), again, by, way.kind, meanwhile.posted(request))
        except Refused as refused:
            form.refuse(refused)
            integration = IntegrationInstance.objects.get(pk=integration.pk)  # whose account it is now
        else:
            messages.success(request, _("Connected to %(account)s.") % {"account": account.name})
            return see_other(after())
    context = connect_context(integration.provider, form, ways) | {"integration": integration, "steps": steps}
    context["seen"] = edits.seen(integration)  # what was refused is told: the next try is made knowing it
    return page(request, "connect", context, status=422 if form.errors else 200)


# --- map --------------------------------------------------------------------------------------------------------------


def _map(request: HttpRequest, integration: IntegrationInstance) -> HttpResponse:
    if request.method == "POST":
        return _add_table(request, integration, setup_url(integration, "map"))
    return show_tables(request, integration, bar(integration, "map"))


@require_role("admin")
@two_bodies
def live_tables(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The same list for a connection that is set up: to add a table, or to get to a mapping."""
    integration = get_object_or_404(IntegrationInstance, pk=pk)
    if integration.setup_step != "done":
        return redirect(setup_url(integration, setup.furthest(integration)))
    if request.method == "POST":
        return _add_table(request, integration, reverse("connections:tables", args=[pk]))
    return show_tables(request, integration)


def show_tables(
    request: HttpRequest, integration: IntegrationInstance, steps: Any = None, form: TableForm | None = None
) -> HttpResponse:
    part = request.GET.get("part") == "tables"
    context = tables.context(integration, request.GET, ask=part or "now" in request.GET or bool(form))
    context |= {"form": form or TableForm(), "steps": steps}
    if part and is_htmx(request):
        return partial(request, "_tables", context)
    return page(request, "tables", context, status=422 if form else 200)


@require_role("admin")
def size(request: HttpRequest, pk: UUID) -> HttpResponse:
    """How many records one table has, asked for when its row is seen."""
    integration = get_object_or_404(IntegrationInstance, pk=pk)
    return partial(request, "_size", {"size": tables.size(integration, request.GET.get("collection", ""))})


def _add_table(request: HttpRequest, integration: IntegrationInstance, back: str) -> HttpResponse:
    if (chosen := request.POST.getlist("pair")) or "entity" not in request.POST:  # none of them is ticked
        return _add_matching(request, integration, chosen, back)
    form = TableForm(request.POST)
    if form.is_valid():
        given = form.cleaned_data
        try:
            stream = setup.add(integration, given["collection"], given["link"], given["entity"], str(request.user))
        except Refused as refused:
            form.refuse(refused)
        else:
            text = _("“%(table)s” is paired. Its obvious fields are mapped.") % {"table": stream.collection_name}
            messages.success(request, text)
            return see_other(back)
    return show_tables(
        request, integration, bar(integration, "map") if integration.setup_step != "done" else None, form
    )


def _add_matching(request: HttpRequest, integration: IntegrationInstance, chosen: list[str], back: str) -> HttpResponse:
    """Each takes a second or more: with scripts one at a time, and the page tells how far it is."""
    if not chosen:
        messages.error(request, _("Choose at least one table to keep in step."))
        return go(request, back)
    total = request.POST.get("total", "")[:4]
    begun_with = int(total) if total.isdecimal() else 0
    turn = pairing.go_on(integration, chosen, begun_with, not is_htmx(request), str(request.user))
    for words in turn.refused:
        messages.error(request, words)
    if turn.left:
        return partial(request, "_pairing", pairing.context(turn) | {"address": request.path})
    if not turn.refused:
        messages.success(request, _("Paired. Look at the fields next: the obvious ones are mapped."))
    return go(request, back)


@require_role("admin")
@require_POST
def remove_table(request: HttpRequest, pk: UUID, stream: UUID) -> HttpResponse:
    found = get_object_or_404(Stream.objects.select_related("integration"), pk=stream, integration=pk)
    text = _("“%(table)s” is no longer paired. Records stay on both sides.") % {"table": found.collection_name}
    return told(request, lambda: setup.remove(found, str(request.user)), text, tables.home(found.integration))


@require_role("admin")
@two_bodies
@reading_once
def mapping(request: HttpRequest, pk: UUID, stream: UUID) -> HttpResponse:
    """The fields of one pair, in the wizard and later. Without `do`, a POST saves."""
    found = Stream.objects.select_related("integration").filter(pk=stream, integration=pk).first()
    if found is None:
        return unpaired(request, pk, stream)
    if request.method != "POST":
        return _show_mapping(request, found, Mapper.of, draft=unsaved.of(request, found.integration, _page(found)))
    if request.POST.get("do") == "fresh":
        unsaved.forget(request, found.integration, _page(found))
        return see_other(request.path)
    mapper = Mapper.posted(found, request.POST)
    try:
        if do := request.POST.get("do"):
            mapper.do(do)
            unsaved.keep(request, found.integration, _page(found), mapper.draft())
            return _show_mapping(request, found, lambda _stream: mapper)
        return _save_mapping(request, mapper)
    except Refused as refused:
        mapper.error = str(refused)
        return _show_mapping(request, found, lambda _stream: mapper, status=422)


def _page(stream: Stream) -> str:
    return f"mapping {stream.pk}"


def _save_mapping(request: HttpRequest, mapper: Mapper) -> HttpResponse:
    """What somebody else saved meanwhile stays, unless both changed the same pair: then both are shown."""
    stream, seen = mapper.stream, meanwhile.posted(request)
    if met := edits.meeting(stream, Part.MAPPING, seen, mapper.settings()):
        if met.clashes:
            both = meanwhile.rows(met, mapper.name_of, mapper.words)
            context = meanwhile.shown(request, met, both, "mapper-form")
            return _show_mapping(request, stream, lambda _stream: mapper, 409, {"meanwhile": context, "seen": met.seen})
        mapper.take(met.merged)
        seen = met.seen
    with edits.saving(stream, Part.MAPPING, str(request.user), seen):
        streams.set_mappings(stream, mapper.wanted())
    unsaved.forget(request, stream.integration, _page(stream))
    if met and (text := meanwhile.kept(met, mapper.name_of)):
        messages.info(request, text)
    return see_other(tables.after_mapping(stream))


def _show_mapping(
    request: HttpRequest,
    stream: Stream,
    mapper_of: Callable[[Stream], Mapper],
    status: int = 200,
    more: dict[str, Any] | None = None,
    draft: Draft | None = None,
) -> HttpResponse:
    integration = stream.integration
    seen = draft.seen if draft else meanwhile.carried(request, integration)  # before the mapping is read
    mapper = Mapper.drafted(stream, draft.data) if draft else mapper_of(stream)
    context = mapper.context() | {"integration": integration, "tool": tool(integration.provider)}
    context["tables_url"] = tables.home(integration)
    if is_htmx(request):
        return partial(request, "_mapper", context | {"request": request, "is_part": True}, status)
    if integration.setup_step != "done":
        context |= {"steps": bar(integration, "map"), "last": tables.is_last(stream)}
    news = drift.news(stream)
    context |= {"tabs": tables.tabs(stream), "news": news}
    context["new"] = sum(one["can_map"] for one in news)
    context["may_map_all"] = context["new"] > 1 and stream.on_drift != Drift.STOP  # whoever chose that looks at each
    context |= {"seen": seen, "saved": edits.last(stream, Part.MAPPING), "draft": draft} | (more or {})
    return page(request, "mapping", context, status)


def unpaired(request: HttpRequest, pk: UUID, stream: UUID) -> HttpResponse:
    """Somebody unpaired a table that is still open elsewhere: say who, and go where the tables are."""
    integration = get_object_or_404(IntegrationInstance, pk=pk)
    edit = setup.removed_by(integration, stream)
    if edit is None:
        raise Http404("no such table")
    facts = {"who": edits.who(edit), "table": edit.before[str(stream)]}
    messages.warning(request, _("%(who)s has unpaired “%(table)s”. Records stay on both sides.") % facts)
    if is_htmx(request):
        return HttpResponse(status=204, headers={"HX-Redirect": tables.home(integration)})
    return see_other(tables.home(integration))


# --- rules ------------------------------------------------------------------------------------------------------------


def _settings(request: HttpRequest, integration: IntegrationInstance) -> HttpResponse:
    return rules(request, integration, bar(integration, "settings"))


@require_role("admin")
def settings(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The same rules for a connection that is set up."""
    integration = get_object_or_404(IntegrationInstance, pk=pk)
    if integration.setup_step != "done":
        return redirect(setup_url(integration, setup.furthest(integration)))
    return rules(request, integration)


def rules(request: HttpRequest, integration: IntegrationInstance, steps: Any = None) -> HttpResponse:
    if request.POST.get("do") == "fresh":
        unsaved.forget(request, integration, "rules")
        return see_other(request.path)
    draft = unsaved.of(request, integration, "rules") if request.method == "GET" else None
    data = unsaved.as_posted(draft) if draft else request.POST or None
    known, seen = tool(integration.provider), draft.seen if draft else meanwhile.carried(request, integration)
    frequency = FrequencyForm(
        data, costs=cost.costs(integration), tool=known.name, initial={"frequency": integration.frequency}
    )
    pairs = [StreamForm(one, data) for one in integration.streams.prefetch_related("mappings")]
    context: dict[str, Any] = {"integration": integration, "tool": known, "frequency": frequency, "pairs": pairs}
    context |= {"steps": steps, "seen": seen, "saved": edits.last(integration, Part.RULES, Part.FREQUENCY)}
    context["draft"] = draft
    part = request.GET.get("part") == "effects"
    context["effects"] = effects.of(integration, frequency, pairs, known, ask=part or "now" in request.GET)
    if part and is_htmx(request):
        if request.method == "POST":
            unsaved.keep(request, integration, "rules", dict(request.POST.lists()))
        return partial(request, "_effects", context | {"request": request, "is_part": True})
    if data is None or draft or part:
        return page(request, "settings", context)
    if all([frequency.is_valid(), *(pair.is_valid() for pair in pairs)]):
        met = quick_rules.meetings(integration, frequency, pairs, meanwhile.posted(request))
        if met.rows:
            context |= {"meanwhile": meanwhile.shown(request, met.newest, met.rows, "rules"), "seen": met.seen}
            return page(request, "settings", context, status=409)
        if quick_rules.keep(integration, frequency, pairs, met, str(request.user)):
            unsaved.forget(request, integration, "rules")
            return _after_rules(request, integration, met.kept)
    return page(request, "settings", context, status=422)


def _after_rules(request: HttpRequest, integration: IntegrationInstance, kept: list[str]) -> HttpResponse:
    for text in kept:
        messages.info(request, text)
    if integration.setup_step != "done":
        return see_other(setup_url(integration, setup.go_on(integration, "settings")))
    messages.success(request, _("Saved. The next run follows the new rules."))
    return see_other(reverse("connections:detail", args=[integration.pk]))


# --- check and start --------------------------------------------------------------------------------------------------


def _activate(request: HttpRequest, integration: IntegrationInstance) -> HttpResponse:
    if request.method == "POST":
        text = _("“%(name)s” is on. Its first sync begins.") % {"name": integration.name}
        return told(
            request, lambda: lifecycle.activate(integration), text, reverse("connections:detail", args=[integration.pk])
        )
    try:
        plan = plans.current(integration, by=str(request.user))
    except Refused as refused:
        messages.error(request, str(refused))
        return redirect(setup_url(integration, "map"))
    return redirect("connections:plan", integration.pk, plan.pk)


SHOW = {"connect": _connect, "map": _map, "settings": _settings, "activate": _activate}


@require_role("admin")
@require_POST
def begin(request: HttpRequest, pk: UUID, stream: UUID) -> HttpResponse:
    """Start a pair that was added to a live connection."""
    found = get_object_or_404(Stream.objects.select_related("integration"), pk=stream, integration=pk)
    text = _("“%(table)s” is on. Its first sync begins.") % {"table": found.collection_name}
    return told(request, lambda: setup.begin(found), text, reverse("connections:detail", args=[pk]))
