"""The page of one connection: how it stands, what ran, what needs somebody, and its controls."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import formats
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from crm.answers import reading_once
from integrations.models import IntegrationInstance, Part, Status, Stream
from integrations.services import brought, connect, edits, given, lifecycle, setup
from integrations.services.connect import Refused
from integrations.ui import meanwhile, overview, tools
from integrations.ui.forms import NameForm
from integrations.ui.pages import actor, is_htmx, may, page, partial, see_other, told, two_bodies
from tenants.access import require_role


def _detail_url(pk: UUID) -> str:
    return reverse("connections:detail", args=[pk])


@require_role("viewer")
@two_bodies
@reading_once
def detail(request: HttpRequest, pk: UUID) -> HttpResponse:
    integration = get_object_or_404(IntegrationInstance, pk=pk)
    if integration.setup_step != "done" and may(request, "admin") and not is_htmx(request):
        return redirect("connections:setup", pk, setup.furthest(integration))
    now = overview.now(integration)
    context = overview.context(integration, now)
    if is_htmx(request):
        return partial(request, "_overview", context)
    there = {"given_url": given.url(integration)}
    return page(request, "detail", context | overview.live(integration, now) | there)


@require_role("viewer")
def live(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Asked every two seconds while something goes on: a few queries, and word to the page when it ends."""
    integration = get_object_or_404(IntegrationInstance.objects.defer("credentials"), pk=pk)
    context = overview.live(integration, overview.now(integration, briefly=True))
    response = partial(request, "_live", context)
    if request.GET.get("was") == "busy" and not context["standing"].is_busy:
        response.headers["HX-Trigger"] = "integration-changed"
    return response


@require_role("member")
@require_POST
def sync(request: HttpRequest, pk: UUID) -> HttpResponse:
    integration = get_object_or_404(IntegrationInstance, pk=pk)
    whole = "whole" in request.POST
    return told(request, lambda: lifecycle.sync_now(integration, whole=whole), _("The sync begins."), _detail_url(pk))


@require_role("admin")
@require_POST
def pause(request: HttpRequest, pk: UUID) -> HttpResponse:
    integration = get_object_or_404(IntegrationInstance, pk=pk)
    text = _("Paused. Changes wait on both sides.")
    return told(request, lambda: lifecycle.pause(integration), text, _detail_url(pk))


@require_role("admin")
@require_POST
def resume(request: HttpRequest, pk: UUID) -> HttpResponse:
    integration = get_object_or_404(IntegrationInstance, pk=pk)

    def text() -> str:
        if lifecycle.is_catching_up(integration):
            return _("It stood still: look at what it would do before it goes on.")
        return _("Resumed. The sync begins.")

    return told(request, lambda: lifecycle.resume(integration, str(request.user)), text, _detail_url(pk))


@require_role("member")
@require_POST
def cancel(request: HttpRequest, pk: UUID) -> HttpResponse:
    integration = get_object_or_404(IntegrationInstance, pk=pk)
    text = _("The run stops at its next page. What it did stays.")
    return told(request, lambda: lifecycle.cancel(integration), text, _detail_url(pk))


@require_role("admin")
@require_POST
def lift_brake(request: HttpRequest, pk: UUID, stream: UUID) -> HttpResponse:
    found = get_object_or_404(Stream.objects.select_related("integration"), pk=stream, integration=pk)
    text = _("The run goes on and does what it had stopped before.")
    return told(request, lambda: lifecycle.lift_brake(found), text, _detail_url(pk))


@require_role("admin")
def rename(request: HttpRequest, pk: UUID) -> HttpResponse:
    integration = get_object_or_404(IntegrationInstance, pk=pk)
    form = NameForm(request.POST or None, initial={"name": integration.name})
    if form.is_valid():
        try:
            with edits.saving(integration, Part.NAME, str(request.user), meanwhile.posted(request)):
                connect.rename(integration, form.cleaned_data["name"])
        except Refused as refused:
            form.refuse(refused)
        else:
            messages.success(request, _("Renamed."))
            return see_other(_detail_url(pk))
    context: dict[str, Any] = {"integration": integration, "form": form, "seen": edits.seen(integration)}
    return page(request, "rename", context, status=422 if form.errors else 200)


@require_role("admin")
def delete(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Asks on a page of its own, so that it works without a script."""
    integration = get_object_or_404(IntegrationInstance, pk=pk)
    is_given = integration.provider in given.providers()
    found = brought.by(integration) if is_given else {}
    number = sum(map(len, found.values()))  # not what is still there then: a second click says the same
    if request.method != "POST":
        return page(request, "delete", overview.leaving(integration) | {"brought": number})
    facts, clear, was_draft = {"name": integration.name}, "clear" in request.POST, integration.status == Status.DRAFT
    ended = lifecycle.delete(integration, clear=clear)
    if "brought" in request.POST and found:
        brought.delete(found, actor(request))
        told = ngettext(
            "“%(name)s” is deleted, and with it %(n)s record here that it had brought.",
            "“%(name)s” is deleted, and with it %(n)s records here that it had brought.",
            number,
        )
        facts |= {"n": formats.number_format(number, force_grouping=True)}
    elif was_draft:
        told = _("The draft “%(name)s” is thrown away. No record was touched.")
    elif clear and is_given:
        told = _("“%(name)s” is deleted, with what stood there. Records here stay.")
    else:
        told = _("“%(name)s” is deleted. Its records stay on both sides.")
    messages.success(request, told % facts)
    if not ended:
        words = _("%(tool)s did not take back what was granted to us. End it there, among the connected apps.")
        messages.warning(request, words % {"tool": tools.tool(integration.provider).name})
    return see_other(reverse("connections:list"))
