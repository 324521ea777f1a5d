"""Settings › Webhooks: who is told what happened, and what became of it."""

from __future__ import annotations

import datetime as dt
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from integrations.outgoing import endpoints
from integrations.outgoing.models import Delivery, Endpoint
from integrations.services.connect import Refused
from integrations.ui import deliveries
from integrations.ui.endpoint_form import EndpointForm
from integrations.ui.pages import see_other
from tenants.access import require_role
from tenants.settings.views import page

WHAT = gettext_lazy("manage webhooks")


@require_role("admin", WHAT)
def webhooks(request: HttpRequest) -> HttpResponse:
    given_up = Count("deliveries", filter=Q(deliveries__state=Delivery.State.FAILED))
    rows = [
        {
            "endpoint": one,
            "standing": deliveries.standing(one, one.given_up),
            "glyph": deliveries.glyph(one),
            "events": [deliveries.words_of(name) for name in one.events],
        }
        for one in Endpoint.objects.annotate(given_up=given_up)
    ]
    return page(request, "webhooks", {"rows": rows})


@require_role("admin", WHAT)
@never_cache
def add(request: HttpRequest) -> HttpResponse:
    form = EndpointForm(request.POST or None)
    if form.is_valid():
        try:
            made, secret = endpoints.add(**form.cleaned_data, by=str(request.user))
        except Refused as error:
            form.add_error(error.field or None, str(error))
        else:
            return _detail(request, made, secret=secret)
    return page(request, "webhook_form", {"form": form})


@require_role("admin", WHAT)
def webhook(request: HttpRequest, pk: UUID) -> HttpResponse:
    return _detail(request, get_object_or_404(Endpoint, pk=pk))


@require_role("admin", WHAT)
def change(request: HttpRequest, pk: UUID) -> HttpResponse:
    endpoint = get_object_or_404(Endpoint, pk=pk)
    known = {"url": endpoint.url, "note": endpoint.note, "events": endpoint.events}
    form = EndpointForm(request.POST or None, initial=known)
    if form.is_valid():
        try:
            endpoints.change(endpoint, **form.cleaned_data)
        except Refused as error:
            form.add_error(error.field or None, str(error))
        else:
            messages.success(request, _("Saved."))
            return see_other(reverse("settings:webhook", args=[pk]))
    return page(request, "webhook_form", {"form": form, "endpoint": endpoint})


@require_role("admin", WHAT)
@require_POST
@never_cache
def secret(request: HttpRequest, pk: UUID) -> HttpResponse:
    endpoint = get_object_or_404(Endpoint, pk=pk)
    fresh, until = endpoints.new_secret(endpoint)
    return _detail(request, endpoint, secret=fresh, until=until)


@require_role("admin", WHAT)
@require_POST
def test(request: HttpRequest, pk: UUID) -> HttpResponse:
    endpoint = get_object_or_404(Endpoint, pk=pk)
    try:
        sent = endpoints.test(endpoint)
    except Refused as error:
        messages.error(request, str(error))
        return see_other(reverse("settings:webhook", args=[pk]))
    return see_other(reverse("settings:webhook_delivery", args=[pk, sent.pk]))


@require_role("admin", WHAT)
@require_POST
def switch(request: HttpRequest, pk: UUID) -> HttpResponse:
    endpoint = get_object_or_404(Endpoint, pk=pk)
    if request.POST.get("to") == "on":
        endpoints.switch_on(endpoint)
        messages.success(request, _("The webhook is on. It is told what happens from now on."))
    else:
        endpoints.switch_off(endpoint)
        messages.success(request, _("The webhook is off. It is told nothing until you switch it on."))
    return see_other(reverse("settings:webhook", args=[pk]))


@require_role("admin", WHAT)
@require_POST
def remove(request: HttpRequest, pk: UUID) -> HttpResponse:
    endpoints.remove(get_object_or_404(Endpoint, pk=pk))
    messages.success(request, _("The webhook is removed."))
    return see_other(reverse("settings:webhooks"))


@require_role("admin", WHAT)
def delivery(request: HttpRequest, pk: UUID, delivery: UUID) -> HttpResponse:
    endpoint = get_object_or_404(Endpoint, pk=pk)
    found = get_object_or_404(endpoint.deliveries.select_related("event"), pk=delivery)
    return page(request, "webhook_delivery", deliveries.detail(found) | {"endpoint": endpoint})


@require_role("admin", WHAT)
@require_POST
def resend(request: HttpRequest, pk: UUID, delivery: UUID) -> HttpResponse:
    endpoint = get_object_or_404(Endpoint, pk=pk)
    get_object_or_404(endpoint.deliveries, pk=delivery)
    _send_again(request, endpoint, Q(pk=delivery))
    return see_other(reverse("settings:webhook_delivery", args=[pk, delivery]))


@require_role("admin", WHAT)
@require_POST
def resend_failed(request: HttpRequest, pk: UUID) -> HttpResponse:
    endpoint = get_object_or_404(Endpoint, pk=pk)
    _send_again(request, endpoint, Q(state=Delivery.State.FAILED))
    return see_other(reverse("settings:webhook", args=[pk]))


def _send_again(request: HttpRequest, endpoint: Endpoint, which: Q) -> None:
    try:
        number = endpoints.send_again(endpoint.deliveries.filter(which), endpoint)
    except Refused as error:
        messages.error(request, str(error))
        return
    words = ngettext("%(n)s delivery is sent again.", "%(n)s deliveries are sent again.", number)
    messages.success(request, words % {"n": number})


def _detail(
    request: HttpRequest, endpoint: Endpoint, secret: str = "", until: dt.datetime | None = None
) -> HttpResponse:
    failed = endpoints.failed(endpoint).count()
    context: dict[str, Any] = {
        "endpoint": endpoint,
        "secret": secret,
        "old_until": until,
        "failed": failed,
        "standing": deliveries.standing(endpoint, failed),
        "glyph": deliveries.glyph(endpoint),
        "events": [deliveries.words_of(name) for name in endpoint.events],
        "filters": [("", _("All")), *((state.value, state.label) for state in Delivery.State)],
    }
    asked = (request.GET.get("state", ""), request.GET.get("before", ""))
    return page(request, "webhook", context | deliveries.deliveries(endpoint, *asked))
