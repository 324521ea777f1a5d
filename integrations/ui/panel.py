"""Beside a record: the tools that it lives in. And in its history: which connection a change came in from."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db.models import Exists, OuterRef
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from integrations.models import Conflict, LinkState, RecordLink, SetAside, Stream
from integrations.ui import words
from integrations.ui.tools import tool


def lives_in(request: HttpRequest, entity: str, record_id: UUID) -> SafeString | None:
    """One query; nothing for a record that lives only here."""
    aside = SetAside.objects.filter(stream=OuterRef("stream"), record_id=OuterRef("record_id"))
    asked = Conflict.objects.filter(
        stream=OuterRef("stream"), record_id=OuterRef("record_id"), state=Conflict.State.OPEN
    )
    links = (
        RecordLink.objects.filter(record_id=record_id, stream__entity=entity)
        .exclude(state=LinkState.EXTRA)
        .select_related("stream__integration")
        .defer("stream__schema", "stream__integration__credentials", "base_local", "base_remote")
        .annotate(is_aside=Exists(aside), is_asked=Exists(asked))
        .order_by("stream__integration__name", "id")
    )
    places = [_place(link) for link in links]
    return render_to_string("integrations/_lives_in.html", {"places": places}) if places else None


def _place(link: Any) -> dict[str, Any]:
    integration = link.stream.integration
    provider = tool(integration.provider)
    state, note = _state(link)
    return {
        "table": link.stream.collection_name,
        "integration": integration.name,
        "tool": provider.name,
        "letters": provider.letters,
        "tone": provider.tone,
        "remote_url": link.remote_url if link.remote_url.startswith("https://") else "",
        "url": reverse("connections:detail", args=[integration.pk]),
        "direction": words.direction(link.stream.direction, provider.name),
        "state": state,
        "note": note,
    }


def _state(link: Any) -> tuple[str, str]:
    if link.is_asked:
        return "waiting", _("both sides changed it: it waits for a decision in the inbox")
    if link.is_aside:
        return "failing", _("a value waits with its reason")
    if link.state == LinkState.NEW:
        return "waiting", _("goes there with the next run")
    if link.state in (LinkState.GONE, LinkState.UNLINKED, LinkState.LOST):
        return "paused", _("deleted there")
    if link.dirty or link.intent:
        return "waiting", _("changes wait for the next run")
    if link.waiting or link.waits_out:
        return "in_step", _("a link waits until the record it points to is paired, too")
    return "in_step", ""


def origin_words(origins: set[str]) -> dict[str, str]:
    """{"stream:<id>": "Notion · Customers"} for the history of a record."""
    ids = {}
    for origin in origins:
        kind, _colon, pk = origin.partition(":")
        if kind == "stream":
            ids[pk] = origin
    found = Stream.objects.filter(pk__in=ids).values_list("pk", "integration__name", "collection_name")
    return {ids[str(pk)]: f"{name} · {table}" for pk, name, table in found}
