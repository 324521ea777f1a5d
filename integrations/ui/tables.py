"""The tables of a tool and the kinds of records that they are paired with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse
from django.utils import formats
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from integrations.adapters.base import Collection
from integrations.models import IntegrationInstance, Stream
from integrations.services import connect, discovery, samples, setup, streams, templates
from integrations.services.connect import Refused
from integrations.services.samples import Size
from integrations.ui import pairing
from integrations.ui.forms import entity_choices, suggest_entity
from integrations.ui.status import plural
from integrations.ui.tools import tool

#: More are found by searching.
SHOWN = 100


def context(integration: IntegrationInstance, query: Mapping[str, str], ask: bool) -> dict[str, Any]:
    """For tables.html and _tables.html. ask: list the tables even if that takes calls; else only what is known."""
    pairs = _pairs(integration)
    wanted = query.get("q", "").strip()
    found, problem = None, ""
    try:
        found = setup.tables(integration, "fresh" in query) if ask else setup.known_tables(integration)
    except Refused as refused:
        problem = str(refused)
    listed = sorted((one for one in found or [] if _speaks_of(one, wanted)), key=lambda one: one.name.casefold())
    shown = [_shown(integration, one, pairs) for one in listed[:SHOWN]]
    return {
        "integration": integration,
        "address": home(integration),
        "tool": tool(integration.provider),
        "pairs": pairs,
        "next_url": next((pair["url"] for pair in pairs), ""),
        "known": found is not None,
        "problem": problem,
        "tables": shown,
        "free": [one for one in shown if not one["paired"]],
        "again": [one for one in shown if one["paired"]],
        "more": max(len(listed) - SHOWN, 0),
        "matching": []
        if wanted
        else pairing.offered(listed, {(p["stream"].collection, p["stream"].entity) for p in pairs}),
        "entities": entity_choices(),
        "lacks": [
            {"name": one.name, "why": _(one.why), "needed": not one.optional}
            for one in connect.not_granted(integration)
        ],
        "can_make": bool(templates.offered(integration)),
        "can_resolve": streams.can_resolve(integration.provider),
        "q": wanted,
    }


def _pairs(integration: IntegrationInstance) -> list[dict[str, Any]]:
    return [
        {
            "stream": stream,
            "table": stream.collection_name,
            "entity": plural(stream.entity),
            "mapped": len(stream.mappings.all()),
            "fields": len(stream.schema.get("fields", ())),
            "url": reverse("connections:mapping", args=[integration.pk, stream.pk]),
        }
        for stream in integration.streams.prefetch_related("mappings")
    ]


def size(integration: IntegrationInstance, collection: str) -> dict[str, Any]:
    """For _size.html; asks the tool. What it refuses to count stays without a number: the table is listed all the same."""
    if collection not in {one.id for one in setup.known_tables(integration) or []}:
        return {"words": "", "asked": True}
    try:
        return _size(discovery.size(integration, collection))
    except Refused:
        return {"words": _("not counted"), "asked": True}


def _size(found: Size | None) -> dict[str, Any]:
    if found is None:
        return {"words": "", "asked": False}
    number = formats.number_format(found.records, force_grouping=True)
    if found.is_exact:
        words_ = ngettext("%(n)s record", "%(n)s records", found.records)
    else:
        words_ = ngettext("more than %(n)s record", "more than %(n)s records", found.records)
    return {"words": words_ % {"n": number}, "asked": True}


def _shown(integration: IntegrationInstance, one: Collection, pairs: list[dict[str, Any]]) -> dict[str, Any]:
    same = [pair for pair in pairs if pair["stream"].collection == one.id]
    taken = {pair["stream"].entity for pair in same}
    return {
        "id": one.id,
        "name": one.name,
        "query": urlencode({"collection": one.id}),
        "path": " / ".join(one.path),
        "url": one.url if one.url.startswith("https://") else "",
        "paired": ", ".join(pair["entity"] for pair in same),
        "entities": [choice for choice in entity_choices() if choice[0] not in taken],
        "suggested": suggest_entity(one),
        "size": _size(samples.size(integration, one.id)),
    }


def _speaks_of(one: Collection, wanted: str) -> bool:
    return wanted.casefold() in " ".join([one.name, *one.path]).casefold()


def home(integration: IntegrationInstance) -> str:
    """Where the tables are: in the wizard, or later."""
    if integration.setup_step == "done":
        return reverse("connections:tables", args=[integration.pk])
    return reverse("connections:setup", args=[integration.pk, "map"])


# --- from one mapping to the next ----------------------------------------------------------------------------------------


def tabs(stream: Stream, name: str = "connections:mapping") -> list[dict[str, Any]]:
    """The pairs of a connection, to go from the page `name` of one to that of another."""
    every = list(stream.integration.streams.defer("schema"))
    return [
        {
            "label": _both(plural(one.entity), one.collection_name),
            "url": reverse(name, args=[one.integration_id, one.pk]),
            "active": one.pk == stream.pk,
        }
        for one in every
    ]


def _both(here: str, there: str) -> str:
    return here if here.casefold() == there.casefold() else f"{here} · {there}"


def is_last(stream: Stream) -> bool:
    return not _after(stream)


def _after(stream: Stream) -> Stream | None:
    return stream.integration.streams.filter(pk__gt=stream.pk).order_by("pk").first()


def after_mapping(stream: Stream) -> str:
    """Where saving leads: in the wizard to the next pair, after the last one to the rules; later back to the connection."""
    integration = stream.integration
    if integration.setup_step == "done":
        page = "connections:settings" if not stream.is_active else "connections:detail"
        return reverse(page, args=[integration.pk])
    if following := _after(stream):
        return reverse("connections:mapping", args=[integration.pk, following.pk])
    try:
        return reverse("connections:setup", args=[integration.pk, setup.go_on(integration, "map")])
    except Refused:
        return reverse("connections:setup", args=[integration.pk, "map"])
