"""The inbox: conflicts that wait, alerts that want to be seen, connections that need somebody, and what was settled lately."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.db.models import Count
from django.urls import reverse
from django.utils.translation import gettext as _

from integrations.models import Conflict, IntegrationInstance, Policy, SetAside, Stream
from integrations.services import conflicts, standing
from integrations.ui import problems, status
from integrations.ui.frame import NEEDS_SOMEBODY
from integrations.ui.paging import newest_first
from integrations.ui.shown import Shown
from integrations.ui.tools import tool

OPEN = 20
ALERTS = 20
SETTLED = 20
WINNERS = {"local": "remote", "remote": "local"}


def context(query: Mapping[str, str]) -> dict[str, Any]:
    """For inbox.html."""
    every = Conflict.objects.select_related("stream__integration").defer(
        "stream__schema", "stream__integration__credentials", "remote_raw"
    )
    open_ones = newest_first(every.filter(state=Conflict.State.OPEN), "at", query.get("before", ""), OPEN)
    alerts = newest_first(conflicts.unseen(every), "at", query.get("alerts", ""), ALERTS)
    settled = newest_first(every.filter(state=Conflict.State.SETTLED), "at", query.get("settled", ""), SETTLED)
    shown = _shown([*open_ones.items, *alerts.items, *settled.items])
    stopped = status.rows(list(IntegrationInstance.objects.filter(NEEDS_SOMEBODY).distinct()))
    pairs = list(
        Stream.objects.filter(set_aside__isnull=False).distinct().select_related("integration").defer("schema")
    )
    found = {
        "conflicts": [_conflict(one, shown) for one in open_ones.items],
        "more_conflicts": open_ones.next,
        "alerts": [_conflict(one, shown) for one in alerts.items],
        "more_alerts": alerts.next,
        "settled": [_conflict(one, shown) for one in settled.items],
        "more_settled": settled.next,
        "stopped": stopped,
        "ambiguous": _ambiguous(),
        "groups": problems.shown([one for one in standing.groups(pairs) if one.code != "ambiguous"]),
    }
    return found | {
        "nothing": not any(found[name] for name in ("conflicts", "alerts", "stopped", "ambiguous", "groups"))
    }


def _ambiguous() -> list[dict[str, Any]]:
    """Tables where a person has to say which records belong together. One query."""
    rows = (
        SetAside.objects.filter(code="ambiguous")
        .values("stream", "stream__integration", "stream__integration__name", "stream__collection_name")
        .annotate(count=Count("id"))
        .order_by("-count")
    )
    return [
        {
            "count": row["count"],
            "table": row["stream__collection_name"],
            "integration": row["stream__integration__name"],
            "url": reverse("connections:matches", args=[row["stream__integration"], row["stream"]]),
        }
        for row in rows
    ]


def _shown(found: Iterable[Conflict]) -> Shown:
    held: dict[str, list[dict[str, Any]]] = {}
    for one in found:
        for value in (one.base, one.local, one.remote):
            held.setdefault(one.stream.entity, []).append({one.field: value} if one.field else {})
    return Shown(held)


def _conflict(one: Conflict, shown: Shown) -> dict[str, Any]:
    """For integrations/_clash.html and the rows of what was settled."""
    name = tool(one.stream.integration.provider).name
    return {
        "id": one.pk,
        "tool": name,
        "integration": one.stream.integration.name,
        "title": one.title or _("without a name"),
        "url": reverse("records:detail", args=[one.stream.entity, one.record_id]),
        "critical": one.critical,
        "at": one.at,
        "field": shown.label(one.stream.entity, one.field) if one.field else _("The record itself"),
        "winner": one.winner,
        "other": WINNERS.get(one.winner, ""),
        "by": one.ended or one.settled_by or (Policy(one.policy).label if one.policy in Policy.values else ""),
        "resolve_url": reverse("inbox:resolve", args=[one.pk]),
        "swap_url": reverse("inbox:swap", args=[one.pk]),
        "seen_url": reverse("inbox:acknowledge", args=[one.pk]),
        **_sides(one, shown, name),
    }


def _sides(one: Conflict, shown: Shown, name: str) -> dict[str, Any]:
    if one.field:
        here, before, there = (shown.text(one.stream.entity, one.field, v) for v in (one.local, one.base, one.remote))
        keep = {"here": _("Keep this value"), "there": _("Keep this value")}
    else:  # about whether the record is there at all
        here, there = (_("edited") if value is not None else _("deleted") for value in (one.local, one.remote))
        before = _("one pair")
        keep = {
            "here": _("Keep the record") if one.local is not None else _("Delete it in %(tool)s too") % {"tool": name},
            "there": _("Keep the record") if one.remote is not None else _("Delete it here too"),
        }
    return {
        "here": {"value": here, "by": one.local_actor or _("somebody here"), "at": one.local_at, "keep": keep["here"]},
        "before": before,
        "there": {
            "value": there,
            "by": _("in %(tool)s") % {"tool": name},
            "at": one.remote_at,
            "keep": keep["there"],
        },
    }
