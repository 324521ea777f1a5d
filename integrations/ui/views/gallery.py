"""The connections, the gallery of tools, and the first step of a new connection."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.debug import sensitive_post_parameters

from integrations.catalog.models import Provider
from integrations.services import connect, setup
from integrations.services.connect import Refused
from integrations.ui import status
from integrations.ui.forms import ConnectForm
from integrations.ui.pages import is_htmx, page, partial, see_other, two_bodies
from integrations.ui.steps import bar
from integrations.ui.tools import tool
from tenants.access import require_role


@require_role("viewer")
def connection_list(request: HttpRequest) -> HttpResponse:
    rows = status.rows()
    return page(request, "connections", {"rows": rows, "sentence": _sentence(rows)})


@require_role("viewer")
@two_bodies
def gallery(request: HttpRequest) -> HttpResponse:
    wanted = request.GET.get("q", "").strip()
    context = {"providers": [_tile(one) for one in connect.providers() if _speaks_of(one, wanted)], "q": wanted}
    return partial(request, "_tiles", context) if is_htmx(request) else page(request, "gallery", context)


@require_role("admin")
@sensitive_post_parameters()
def start(request: HttpRequest, provider: str) -> HttpResponse:
    way = _way(provider)
    form = ConnectForm(way, request.POST or None, initial={"name": connect.free_name(tool(provider).name)})
    if form.is_valid():
        try:
            made = setup.create(provider, form.cleaned_data["name"], form.credentials(), str(request.user))
        except Refused as refused:
            form.refuse(refused)
        else:
            messages.success(request, _("Connected to %(account)s.") % {"account": made.account_name})
            return see_other(reverse("connections:setup", args=[made.pk, made.setup_step]))
    context = {
        "form": form,
        "way": way,
        "tool": tool(provider),
        "steps": bar(None, "connect"),
        "guide": guide(way.help),
    }
    return page(request, "connect", context, status=422 if form.errors else 200)


def guide(text: str) -> list[str]:
    """How to find the key, sentence by sentence."""
    return [f"{sentence}." for sentence in _(text).rstrip(".").split(". ")] if text else []


def _way(provider: str) -> Any:
    if not any(one.slug == provider for one in connect.providers()):
        raise Http404("no such tool to connect")
    return connect.auth_of(provider)


def _tile(provider: Provider) -> dict[str, Any]:
    known = tool(provider.slug)
    can = known.manifest.can if known.manifest else None
    return {
        "name": provider.name,
        "letters": known.letters,
        "tone": known.tone,
        "url": reverse("connections:start", args=[provider.slug]),
        "what": provider.description or (_(known.manifest.tagline) if known.manifest else ""),
        "way": "both" if can and can.write else "in",
        "minutes": known.manifest.setup_minutes if known.manifest else None,
    }


def _speaks_of(provider: Provider, wanted: str) -> bool:
    manifest = tool(provider.slug).manifest
    spoken = [provider.name, provider.description, *((manifest.tagline, *manifest.categories) if manifest else ())]
    return all(word in " ".join(spoken).casefold() for word in wanted.casefold().split())


def _sentence(rows: list[dict[str, Any]]) -> str:
    if not rows:
        return ""
    acting = sum(row["state"] == "failing" for row in rows)
    drafts = sum(row["is_draft"] for row in rows)
    if acting:
        return ngettext("%(n)s needs you.", "%(n)s need you.", acting) % {"n": acting}
    if drafts:
        return ngettext("%(n)s is not set up yet.", "%(n)s are not set up yet.", drafts) % {"n": drafts}
    return _("All of them are in step.") if all(row["state"] == "in_step" for row in rows) else _("None needs you.")
