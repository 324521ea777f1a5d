"""The inbox: open conflicts, connections that need somebody, records set aside, and what was settled lately."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _

from integrations.models import Conflict, IntegrationInstance, Policy, Stream
from integrations.services import standing
from integrations.ui import problems, status
from integrations.ui.frame import NEEDS_SOMEBODY
from integrations.ui.paging import newest_first
from integrations.ui.shown import Shown
from integrations.ui.tools import tool

OPEN = 20
SETTLED = 20


def context(query: Mapping[str, str]) -> dict[str, Any]:
    """For inbox.html."""
    conflicts = Conflict.objects.select_related("stream__integration").defer(
        "stream__schema", "stream__integration__credentials", "remote_raw"
    )
    open_ones = newest_first(conflicts.filter(state=Conflict.State.OPEN), "at", query.get("before", ""), OPEN)
    settled = newest_first(conflicts.filter(state=Conflict.State.SETTLED), "at", query.get("settled", ""), SETTLED)
    shown = _shown([*open_ones.items, *settled.items])
    stopped = status.rows(list(IntegrationInstance.objects.filter(NEEDS_SOMEBODY).distinct()))
    pairs = list(
        Stream.objects.filter(set_aside__isnull=False).distinct().select_related("integration").defer("schema")
    )
    return {
        "conflicts": [_conflict(one, shown) for one in open_ones.items],
        "more_conflicts": open_ones.next,
        "settled": [_settled(one, shown) for one in settled.items],
        "more_settled": settled.next,
        "stopped": stopped,
        "groups": problems.shown(standing.groups(pairs)),
    }


def _shown(conflicts: Iterable[Conflict]) -> Shown:
    held: dict[str, list[dict[str, Any]]] = {}
    for one in conflicts:
        for value in (one.base, one.local, one.remote):
            held.setdefault(one.stream.entity, []).append({one.field: value} if one.field else {})
    return Shown(held)


def _conflict(one: Conflict, shown: Shown) -> dict[str, Any]:
    name = tool(one.stream.integration.provider).name
    return {
        "conflict": one,
        "tool": name,
        "integration": one.stream.integration.name,
        "title": one.title or _("without a name"),
        "url": reverse("records:detail", args=[one.stream.entity, one.record_id]),
        "critical": one.critical,
        "resolve_url": reverse("inbox:resolve", args=[one.pk]),
        "fields": [_sides(one, shown, name)],
    }


def _sides(one: Conflict, shown: Shown, name: str) -> dict[str, Any]:
    """For ui/_conflict.html. Without a field, it is about whether the record is there at all."""
    if one.field:
        values = [shown.text(one.stream.entity, one.field, value) for value in (one.local, one.base, one.remote)]
    else:
        there = _("still there"), _("deleted")
        values = [there[0] if one.local is not None else there[1], "", there[0] if one.remote is not None else there[1]]
    return {
        "name": "winner",
        "label": shown.label(one.stream.entity, one.field) if one.field else _("The record itself"),
        "before": values[1],
        "chosen": one.winner,
        "here": {"value": values[0], "by": one.local_actor or _("somebody here"), "at": one.local_at},
        "there": {"value": values[2], "by": _("in %(tool)s") % {"tool": name}, "at": one.remote_at},
    }


def _settled(one: Conflict, shown: Shown) -> dict[str, Any]:
    name = tool(one.stream.integration.provider).name
    sides = _sides(one, shown, name)
    return {
        "title": one.title or _("without a name"),
        "url": reverse("records:detail", args=[one.stream.entity, one.record_id]),
        "field": sides["label"],
        "here": sides["here"]["value"],
        "there": sides["there"]["value"],
        "winner": one.winner,
        "other": {"local": "remote", "remote": "local"}.get(one.winner, "") if one.field else "",
        "resolve_url": reverse("inbox:resolve", args=[one.pk]),
        "tool": name,
        "by": one.settled_by or (Policy(one.policy).label if one.policy in Policy.values else ""),
        "critical": one.critical,
        "at": one.at,
    }
