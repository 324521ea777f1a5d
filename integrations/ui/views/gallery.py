"""The connections, the gallery of tools, and the first step of a new connection."""

from __future__ import annotations

from collections import Counter
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop, ngettext
from django.views.decorators.debug import sensitive_post_parameters

from integrations.adapters.base import Auth
from integrations.catalog.models import Provider
from integrations.models import IntegrationInstance
from integrations.oauth import gateway
from integrations.services import connect, setup
from integrations.services.connect import Refused
from integrations.ui import incidents, status
from integrations.ui.forms import ConnectForm
from integrations.ui.pages import is_htmx, may, page, partial, see_other, two_bodies
from integrations.ui.steps import bar
from integrations.ui.tools import tool
from tenants.access import require_role
from tenants.middleware import person

#: What manifests call their kinds of tools, as people do; in this order.
KINDS = {
    "crm": gettext_noop("Customers and sales"),
    "tables": gettext_noop("Tables"),
    "boards": gettext_noop("Boards and tasks"),
    "pos": gettext_noop("Points of sale"),
    "storage": gettext_noop("Files"),
    "analytics": gettext_noop("Reports"),
    "practice": gettext_noop("To practise"),
}


@require_role("viewer")
def connection_list(request: HttpRequest) -> HttpResponse:
    rows = status.rows(may_manage=may(request, "admin"))
    banners = incidents.shown({row["slug"] for row in rows})
    return page(request, "connections", {"rows": rows, "sentence": _sentence(rows), "incidents": banners})


@require_role("viewer")
@two_bodies
def gallery(request: HttpRequest) -> HttpResponse:
    wanted, kind = request.GET.get("q", "").strip(), request.GET.get("kind", "")
    found = [one for one in connect.providers() if _speaks_of(one, wanted)]
    held = Counter(IntegrationInstance.objects.values_list("provider", flat=True))
    context = {
        "providers": [_tile(one, held[one.slug]) for one in found if not kind or kind in categories(one)],
        "kinds": _kinds(found, wanted, kind),
        "q": wanted,
        "kind": kind,
    }
    return partial(request, "_tiles", context) if is_htmx(request) else page(request, "gallery", context)


def categories(provider: Provider) -> tuple[str, ...]:
    manifest = tool(provider.slug).manifest
    return manifest.categories if manifest else ()


def _kinds(found: list[Provider], wanted: str, kind: str) -> list[dict[str, Any]]:
    """The kinds of tools that there are among these, for ui/_tabs.html; none where there is no choice."""
    there = Counter(one for provider in found for one in categories(provider))
    if len(there) < 2 and not kind:
        return []
    home = reverse("connections:gallery")

    def tab(slug: str, label: str, count: int) -> dict[str, Any]:
        query = urlencode({name: value for name, value in (("q", wanted), ("kind", slug)) if value})
        return {
            "label": label,
            "count": count,
            "url": f"{home}?{query}" if query else home,
            "active": slug == kind,
        }

    shown = [slug for slug in KINDS if slug in there or slug == kind]
    return [
        tab("", _("All"), len(found)),
        *(tab(slug, _(KINDS[slug]), there[slug]) for slug in shown),
    ]


@require_role("admin")
@sensitive_post_parameters()
def start(request: HttpRequest, provider: str) -> HttpResponse:
    """The name, and one of the ways to connect: by signing in there where that is offered, or by a key."""
    if not any(one.slug == provider for one in connect.providers()):
        raise Http404("no such tool to connect")
    ways = connect.ways(provider)
    way, by = chosen(request, ways), str(request.user)
    draft = connect.begun(provider, by)
    name = draft.name if draft else connect.free_name(tool(provider).name)
    form = ConnectForm(way, request.POST or None, initial={"name": name})
    if way and form.is_valid():
        name = form.cleaned_data["name"]
        try:
            if way.oauth:
                return leaving(request, _draft(draft, provider, name, by))
            made = _keyed(draft, provider, name, form, by)
        except Refused as refused:
            form.refuse(refused)
        else:
            messages.success(request, _("Connected to %(account)s.") % {"account": made.account_name})
            return see_other(reverse("connections:setup", args=[made.pk, made.setup_step]))
    context = connect_context(provider, form, ways) | {"steps": bar(None, "connect")}
    return page(request, "connect", context, status=422 if form.errors else 200)


def _keyed(
    draft: IntegrationInstance | None, provider: str, name: str, form: ConnectForm, by: str
) -> IntegrationInstance:
    """By a key; where the same person left a sign-in before, that draft becomes the connection."""
    if draft is None:
        return setup.create(provider, name, form.credentials(), by)
    connect.rename(draft, name)
    connect.connect(draft, form.credentials(), by=by, kind=form.way.kind if form.way else "")
    return draft


def _draft(draft: IntegrationInstance | None, provider: str, name: str, by: str) -> IntegrationInstance:
    """Whoever left at the tool's sign-in page and comes again goes on with the same draft."""
    if draft is None:
        return connect.start(provider, name, by)
    connect.rename(draft, name)
    return draft


def chosen(request: HttpRequest, ways: list[Auth], before: str = "") -> Auth | None:
    """The way that the page is about: the one asked for, the one taken before, or the first."""
    wanted = request.POST.get("way") or request.GET.get("way") or before
    return next((way for way in ways if way.kind == wanted), ways[0] if ways else None)


def connect_context(provider: str, form: ConnectForm, ways: list[Auth]) -> dict[str, Any]:
    way = form.way
    asked = way.oauth.scopes if way and way.oauth else ()
    scopes = [
        {"optional": optional, "scopes": [{"name": scope.name, "why": _(scope.why)} for scope in group]}
        for optional in (False, True)
        if (group := [scope for scope in asked if scope.optional == optional])
    ]
    return {
        "form": form,
        "way": way,
        "others": [one for one in ways if one is not way],
        "scopes": scopes,
        "tool": tool(provider),
        "guide": guide(way.help) if way else [],
    }


def leaving(request: HttpRequest, integration: IntegrationInstance) -> HttpResponse:
    """On to the provider. By a page and not by a redirect, which our CSP lets no form make to another host."""
    url = gateway.leave(integration, request.tenant, person(request))
    return page(request, "leaving", {"integration": integration, "tool": tool(integration.provider), "url": url})


def guide(text: str) -> list[str]:
    """How to find the key, sentence by sentence."""
    return [f"{sentence}." for sentence in _(text).rstrip(".").split(". ")] if text else []


def _tile(provider: Provider, held: int) -> dict[str, Any]:
    """held: how many connections of it there are already."""
    known = tool(provider.slug)
    can = known.manifest.can if known.manifest else None
    connected = ngettext("%(n)s connection", "%(n)s connections", held) % {"n": held} if held else ""
    return {
        "name": known.name,
        "letters": known.letters,
        "tone": known.tone,
        "url": reverse("connections:start", args=[provider.slug]),
        "what": provider.description or (_(known.manifest.tagline) if known.manifest else ""),
        "way": "both" if can and can.write else "in",
        "minutes": known.manifest.setup_minutes if known.manifest else None,
        "connected": connected,
    }


def _speaks_of(provider: Provider, wanted: str) -> bool:
    known = tool(provider.slug)
    manifest = known.manifest
    spoken = [known.title, known.name, provider.description]
    if manifest:
        kinds = [_(KINDS[one]) if one in KINDS else one for one in manifest.categories]
        spoken += [_(manifest.tagline), manifest.tagline, *manifest.categories, *kinds]
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
    if all(row["state"] == "in_step" for row in rows):
        return ngettext("It is in step.", "All of them are in step.", len(rows))
    return _("Nothing needs you.")
