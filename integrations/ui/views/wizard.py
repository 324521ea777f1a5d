"""The setup of a connection, in four steps that can be left and taken up again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST

from integrations.models import IntegrationInstance, Stream
from integrations.services import connect, cost, lifecycle, plans, setup, streams
from integrations.services.connect import Refused
from integrations.ui import drift, tables
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
            account = connect.connect(integration, form.credentials(), again, by, way.kind)
        except Refused as refused:
            form.refuse(refused)
        else:
            messages.success(request, _("Connected to %(account)s.") % {"account": account.name})
            return see_other(after())
    context = connect_context(integration.provider, form, ways) | {"integration": integration, "steps": steps}
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


def _add_table(request: HttpRequest, integration: IntegrationInstance, back: str) -> HttpResponse:
    form = TableForm(request.POST)
    if form.is_valid():
        given = form.cleaned_data
        try:
            stream = setup.add(integration, given["collection"], given["link"], given["entity"])
        except Refused as refused:
            form.refuse(refused)
        else:
            text = _("“%(table)s” is paired. Its obvious fields are mapped.") % {"table": stream.collection_name}
            messages.success(request, text)
            return see_other(back)
    return show_tables(
        request, integration, bar(integration, "map") if integration.setup_step != "done" else None, form
    )


@require_role("admin")
@require_POST
def remove_table(request: HttpRequest, pk: UUID, stream: UUID) -> HttpResponse:
    found = get_object_or_404(Stream.objects.select_related("integration"), pk=stream, integration=pk)
    back = setup_url(found.integration, "map")
    if found.integration.setup_step == "done":
        back = reverse("connections:tables", args=[pk])
    text = _("“%(table)s” is no longer paired. Records stay on both sides.") % {"table": found.collection_name}
    return told(request, lambda: streams.remove(found), text, back)


@require_role("admin")
@two_bodies
def mapping(request: HttpRequest, pk: UUID, stream: UUID) -> HttpResponse:
    """The fields of one pair, in the wizard and later. Without `do`, a POST saves."""
    found = get_object_or_404(Stream.objects.select_related("integration"), pk=stream, integration=pk)
    if request.method != "POST":
        return _show_mapping(request, Mapper.of(found))
    mapper = Mapper.posted(found, request.POST)
    try:
        if do := request.POST.get("do"):
            mapper.do(do)
            return _show_mapping(request, mapper)
        streams.set_mappings(found, mapper.wanted())
        return see_other(tables.after_mapping(found))
    except Refused as refused:
        mapper.error = str(refused)
        return _show_mapping(request, mapper, status=422)


def _show_mapping(request: HttpRequest, mapper: Mapper, status: int = 200) -> HttpResponse:
    integration = mapper.stream.integration
    context = mapper.context() | {"integration": integration, "tool": tool(integration.provider)}
    if is_htmx(request):
        return partial(request, "_mapper", context, status)
    if integration.setup_step != "done":
        context["steps"] = bar(integration, "map")
    last = tables.is_last(mapper.stream)
    context |= {"tabs": tables.tabs(mapper.stream), "last": last, "news": drift.news(mapper.stream)}
    return page(request, "mapping", context, status)


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
    data = request.POST or None
    known = tool(integration.provider)
    frequency = FrequencyForm(
        data, costs=cost.costs(integration), tool=known.name, initial={"frequency": integration.frequency}
    )
    pairs = [StreamForm(one, data) for one in integration.streams.prefetch_related("mappings")]
    if data is not None and all([frequency.is_valid(), *(pair.is_valid() for pair in pairs)]):
        if _keep_rules(pairs):
            return _save_rules(request, integration, frequency)
    context = {"integration": integration, "tool": known, "frequency": frequency, "pairs": pairs, "steps": steps}
    return page(request, "settings", context, status=422 if data is not None else 200)


def _keep_rules(pairs: list[StreamForm]) -> bool:
    """All of them or none; what is refused stands at its field."""
    with transaction.atomic():
        for pair in pairs:
            try:
                streams.change(pair.stream, **pair.cleaned_data)
            except Refused as refused:
                pair.refuse(refused)
                transaction.set_rollback(True)
    return not any(pair.errors for pair in pairs)


def _save_rules(request: HttpRequest, integration: IntegrationInstance, frequency: FrequencyForm) -> HttpResponse:
    lifecycle.set_frequency(integration, frequency.cleaned_data["frequency"])
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
