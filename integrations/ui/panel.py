"""Beside a record: the tools that it lives in, and where each value comes from. And in its history: which connection a change
came in from."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db.models import Exists, OuterRef
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from crm import registry
from integrations.models import Conflict, LeftOut, LinkState, RecordLink, SetAside, Stream
from integrations.ui import words
from integrations.ui.pages import may
from integrations.ui.tools import tool


def lives_in(request: HttpRequest, entity: str, record_id: UUID) -> SafeString | None:
    """Two queries, and two small ones for links that wait; nothing for a record that lives only here."""
    asked = Conflict.objects.filter(
        stream=OuterRef("stream"), record_id=OuterRef("record_id"), state=Conflict.State.OPEN
    )
    links = list(
        RecordLink.objects.filter(record_id=record_id, stream__entity=entity)
        .exclude(state=LinkState.EXTRA)
        .select_related("stream__integration")
        .defer("stream__schema", "stream__integration__credentials", "base_local", "base_remote")
        .annotate(is_asked=Exists(asked))
        .order_by("stream__integration__name", "id")
    )
    if not links:
        return None
    reasons: dict[Any, list[SetAside]] = {}
    for aside in SetAside.objects.filter(record_id=record_id, stream__in=[link.stream_id for link in links]):
        reasons.setdefault(aside.stream_id, []).append(aside)
    places = [_place(link, reasons.get(link.stream_id, [])) for link in links]
    return render_to_string(
        "integrations/_lives_in.html", {"places": places, "may_write": may(request, "member")}, request
    )


def _place(link: Any, asides: list[SetAside]) -> dict[str, Any]:
    integration = link.stream.integration
    provider = tool(integration.provider)
    state, note = _state(link, asides)
    by_hand = link.left_out in (LeftOut.PAUSED, LeftOut.PING_PONG)
    may_pause = link.state in (LinkState.NEW, LinkState.LINKED) and not by_hand
    act = "link_pause" if may_pause else "link_take_up"
    return {
        "table": link.stream.collection_name,
        "integration": integration.name,
        "tool": provider.name,
        "letters": provider.letters,
        "tone": provider.tone,
        "remote_url": link.remote_url if link.remote_url.startswith("https://") else "",
        "url": reverse("connections:detail", args=[integration.pk]),
        "rules_url": reverse("connections:table_rules", args=[integration.pk, link.stream_id])
        if link.left_out == LeftOut.FILTER
        else "",
        "mend": _mend(link, asides),
        "direction": words.direction(link.stream.direction, provider.name),
        "state": state,
        "note": note,
        "reasons": [] if by_hand else list(dict.fromkeys(one.reason for one in asides)),
        "is_ping_pong": link.left_out == LeftOut.PING_PONG,
        "ping_pong": next((one.reason for one in asides if one.code == "ping_pong"), ""),
        "may_pause": may_pause,
        "may_take_up": by_hand,
        "act_url": reverse(f"connections:{act}", args=[integration.pk, link.stream_id, link.pk]),
    }


def _mend(link: Any, asides: list[SetAside]) -> dict[str, str] | None:
    """Where a person does what `_state` says is waited for."""
    inbox = reverse("inbox:list")
    if link.left_out:
        return None
    if link.is_asked:
        return {"label": _("Settle"), "url": f"{inbox}#conflicts"}
    return {"label": _("See what helps"), "url": f"{inbox}?kind=problems"} if asides else None


def _state(link: Any, asides: list[SetAside]) -> tuple[str, str]:
    if link.left_out == LeftOut.PING_PONG:
        return "paused", _("left out: two writers keep changing it back and forth")
    if link.left_out == LeftOut.PAUSED:
        return "paused", _("paused: nothing travels, and nothing is lost")
    if link.left_out:
        return "paused", _("left out: %(why)s") % {"why": link.get_left_out_display()}
    if link.is_asked:
        return "waiting", _("both sides changed it: it waits for a decision in the inbox")
    if asides:
        return "failing", _("a value waits with its reason")
    if link.state == LinkState.NEW:
        return "waiting", _("goes there with the next run")
    if link.state in (LinkState.GONE, LinkState.LEFT, LinkState.UNLINKED, LinkState.LOST):
        return "paused", _("deleted there")
    if link.dirty or link.intent:
        return "waiting", _("changes wait for the next run")
    if link.waiting:
        return "in_step", _waits_for_partner(link)
    if link.waits_out:
        return "in_step", _("a link waits until the record it points to is paired, too")
    return "in_step", ""


def _waits_for_partner(link: Any) -> str:
    """In the words of the fields that point to records which are not here yet."""
    fields = registry.entity(link.stream.entity).fields
    labels = [str(fields[name].label) for name in link.waiting if name in fields]
    if not labels:
        return _("a link waits until the record it points to is paired, too")
    text = ngettext(
        "%(fields)s waits until the record it points to is paired, too",
        "%(fields)s wait until the records they point to are paired, too",
        len(labels),
    )
    return text % {"fields": ", ".join(labels)}


def origin_words(origins: set[str]) -> dict[str, str]:
    """{"stream:<id>": "Notion · Customers"} for the history of a record."""
    ids = {}
    for origin in origins:
        kind, _colon, pk = origin.partition(":")
        if kind == "stream":
            ids[pk] = origin
    found = Stream.objects.filter(pk__in=ids).values_list("pk", "integration__name", "collection_name")
    return {ids[str(pk)]: f"{name} · {table}" for pk, name, table in found}
