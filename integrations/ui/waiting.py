"""The inbox: conflicts that wait, what is set aside by cause, fields that changed there, connections that need somebody, clashes
of critical fields that nobody has seen, and what was settled lately.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence, Set
from functools import cache
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.db.models import Count, Exists, OuterRef, Q
from django.urls import reverse
from django.utils import formats, timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from crm.fields import is_id
from integrations.models import Conflict, FieldMapping, IntegrationInstance, SetAside, Status, Stream
from integrations.services import conflicts, solved
from integrations.services import problems as causes
from integrations.ui import drift, incidents, problems, status, words
from integrations.ui.clashes import Drawing
from integrations.ui.frame import NEEDS_SOMEBODY, UNSEEN
from integrations.ui.paging import newest_first
from integrations.ui.shown import Shown
from integrations.ui.tools import tool

OPEN = 20
ALERTS = 20
SETTLED = 10
WINNERS = {"local": "remote", "remote": "local"}
KINDS = ("conflicts", "alerts", "problems", "fields", "connections")
NEW_DAYS = 7  # so long a field that is new there is news


def context(query: Mapping[str, str], may_manage: bool = True, may_write: bool = True) -> dict[str, Any]:
    """For inbox.html. A fixed number of queries."""
    chosen = _chosen(query)
    integrations = list(IntegrationInstance.objects.defer("credentials"))
    mine = [one for one in integrations if str(one.pk) == chosen["tool"]] or integrations
    ids = [one.pk for one in mine]
    streams = _streams(mine)
    every = Conflict.objects.filter(stream__in=streams).defer("remote_raw")
    open_ones = newest_first(every.filter(state=Conflict.State.OPEN), "at", query.get("before", ""), OPEN)
    alerts = newest_first(conflicts.unseen(every), "at", query.get("alerts", ""), ALERTS)
    settled = newest_first(
        every.filter(state=Conflict.State.SETTLED).exclude(UNSEEN), "at", query.get("settled", ""), SETTLED
    )
    looked_at = [*open_ones.items, *alerts.items, *settled.items]
    for one in looked_at:
        one.stream = streams[one.stream_id]
    told = _Told(_shown(looked_at))
    draw = Drawing(may_write)
    gone = set(FieldMapping.objects.filter(gone=True, stream__in=streams).values_list("stream", flat=True).distinct())
    found: dict[str, Any] = {
        "conflicts": [(one := told.conflict(each)) | {"html": draw.card(one)} for each in open_ones.items],
        "more_conflicts": open_ones.next,
        "alerts": [told.conflict(one) for one in alerts.items],
        "more_alerts": alerts.next,
        "stopped": _stopped(ids, may_manage),
        "fields": _fields(streams.values(), gone),
        "ambiguous": _ambiguous(streams),
        "groups": problems.shown(causes.of(_troubled(streams), without=["ambiguous"])),
        "solved": problems.solved(solved.lately(streams)),
    }
    found["alert_groups"] = _folded(found["alerts"], draw)
    counts = _counts(streams, ids) | {
        "fields": len(found["fields"]) or len(gone),
        "connections": len(found["stopped"]),
    }
    nothing = not any(found[name] for name in ("conflicts", "alerts", "stopped", "fields", "ambiguous", "groups"))
    if chosen["kind"]:
        found = {name: value if _belongs(name, chosen["kind"]) else [] for name, value in found.items()}
    return found | {
        "settled": [(one := told.conflict(each)) | {"html": draw.row(one)} for each in settled.items]
        if not chosen["kind"]
        else [],
        "more_settled": settled.next,
        "nothing": nothing,
        "kinds": [] if nothing else _kinds(chosen, counts),
        "tools": _tools(chosen, integrations),
        "incidents": incidents.shown({one.provider for one in mine}) if mine else [],
        "keep": urlencode({name: value for name, value in chosen.items() if value}),
    }


def _streams(mine: Iterable[IntegrationInstance]) -> dict[UUID, Stream]:
    """All tables of these connections, without what describes their fields. One query, for whatever stands in the page."""
    by_id = {one.pk: one for one in mine}
    found = {one.pk: one for one in Stream.objects.filter(integration__in=by_id).defer("schema")}
    for stream in found.values():
        stream.integration = by_id[stream.integration_id]
    return found


# --- what is chosen -----------------------------------------------------------------------------------------------------


def _chosen(query: Mapping[str, str]) -> dict[str, str]:
    kind, pk = query.get("kind", ""), query.get("tool", "")
    return {"kind": kind if kind in KINDS else "", "tool": pk if is_id(pk) else ""}


def _belongs(name: str, kind: str) -> bool:
    sections = {
        "conflicts": ("conflicts", "more_conflicts"),
        "alerts": ("alerts", "alert_groups", "more_alerts"),
        "problems": ("groups", "ambiguous", "solved"),
        "fields": ("fields",),
        "connections": ("stopped",),
    }
    return name in sections[kind]


def _counts(streams: Iterable[UUID], ids: Iterable[UUID]) -> dict[str, int]:
    """How much waits of what is shown in parts. Two queries."""
    clashes = Conflict.objects.filter(stream__in=streams).aggregate(
        conflicts=Count("pk", filter=Q(state=Conflict.State.OPEN)), alerts=Count("pk", filter=UNSEEN)
    )
    return {**clashes, "problems": causes.count(ids)}


def _link(chosen: Mapping[str, str], **other: str) -> str:
    query = {name: value for name, value in (dict(chosen) | other).items() if value}
    return f"{reverse('inbox:list')}?{urlencode(query)}" if query else reverse("inbox:list")


def _kinds(chosen: Mapping[str, str], counts: Mapping[str, int]) -> list[dict[str, Any]]:
    labels = {
        "": _("All"),
        "conflicts": _("Conflicts"),
        "alerts": _("Critical fields"),
        "problems": _("Problems"),
        "fields": _("Field changes"),
        "connections": _("Stopped connections"),
    }
    return [
        {"label": label, "url": _link(chosen, kind=kind), "active": kind == chosen["kind"], "count": counts.get(kind)}
        for kind, label in labels.items()
        if not kind or counts[kind] or kind == chosen["kind"]
    ]


def _tools(chosen: Mapping[str, str], integrations: Sequence[IntegrationInstance]) -> list[dict[str, Any]]:
    """A filter for ui/_filters.html, where there are several to choose from."""
    if len(integrations) < 2:
        return []
    options = [
        {"label": one.name, "url": _link(chosen, tool=str(one.pk)), "active": str(one.pk) == chosen["tool"]}
        for one in integrations
    ]
    value = next((one["label"] for one in options if one["active"]), "")
    return [{"label": _("Connection"), "value": value, "clear_url": _link(chosen, tool=""), "options": options}]


# --- what waits ---------------------------------------------------------------------------------------------------------


def _stopped(ids: Sequence[UUID], may_manage: bool) -> list[dict[str, Any]]:
    found = list(IntegrationInstance.objects.filter(NEEDS_SOMEBODY, pk__in=ids).distinct())
    return status.rows(found, may_manage) if found else []


def _troubled(known: Mapping[UUID, Stream]) -> list[Stream]:
    """Those in which something is set aside, with their fields, for what can be done about it."""
    aside = SetAside.objects.filter(stream=OuterRef("pk"))
    found = list(Stream.objects.filter(Exists(aside), pk__in=known).prefetch_related("mappings"))
    for stream in found:
        stream.integration = known[stream.pk].integration
    return found


def _fields(streams: Iterable[Stream], gone: Set[UUID]) -> list[dict[str, Any]]:
    """Tables whose fields changed there: mapped ones that are gone, and what was new in the last days."""
    since = timezone.now() - dt.timedelta(days=NEW_DAYS)
    found = []
    for stream in sorted(streams, key=lambda one: one.collection_name):
        if stream.integration.status != Status.ACTIVE:
            continue
        news = [
            one
            for one, kind in drift.told(stream)
            if one["at"] and (one["at"] >= since or (stream.pk in gone and kind == "gone"))
        ]
        if news:
            found.append(
                {
                    "table": stream.collection_name,
                    "integration": stream.integration.name,
                    "news": news,
                    "is_gone": stream.pk in gone,
                    "url": reverse("connections:mapping", args=[stream.integration_id, stream.pk]),
                }
            )
    return sorted(found, key=lambda one: not one["is_gone"])


def _ambiguous(streams: Mapping[UUID, Stream]) -> list[dict[str, Any]]:
    """Tables where a person has to say which records belong together. One query."""
    rows = SetAside.objects.filter(code="ambiguous", stream__in=streams).values_list("stream")
    return [
        {
            "count": count,
            "table": streams[pk].collection_name,
            "integration": streams[pk].integration.name,
            "url": reverse("connections:matches", args=[streams[pk].integration_id, pk]),
        }
        for pk, count in rows.annotate(count=Count("id")).order_by("-count")
    ]


# --- conflicts ----------------------------------------------------------------------------------------------------------


def _folded(alerts: Sequence[dict[str, Any]], draw: Drawing) -> list[dict[str, Any]]:
    """Clashes of one field of one connection together: six cards that say the same are one line with a table."""
    groups: dict[tuple[UUID, str], list[dict[str, Any]]] = {}
    for one in alerts:
        groups.setdefault((one["integration_id"], one["field"]), []).append(one)
    for some in groups.values():
        for one in some:
            one["html"] = draw.row(one) if some[1:] else draw.card(one, is_settled=True)
    return [
        {
            "title": _fold_title(field, some),
            # the title has named the tool already
            "integration": some[0]["integration"] if some[0]["integration"] != some[0]["tool"] else "",
            "field": field,
            "rows": some,
        }
        for (_integration, field), some in groups.items()
    ]


def _fold_title(field: str, some: Sequence[dict[str, Any]]) -> str:
    facts = {"n": formats.number_format(len(some), force_grouping=True), "field": field, "tool": some[0]["tool"]}
    winners = {one["winner"] for one in some}
    if winners == {"local"}:
        said = ngettext(
            "%(field)s of %(n)s record clashed with %(tool)s: what stood here won",
            "%(field)s of %(n)s records clashed with %(tool)s: what stood here won",
            len(some),
        )
    elif winners == {"remote"}:
        said = ngettext(
            "%(field)s of %(n)s record clashed with %(tool)s: what stood there won",
            "%(field)s of %(n)s records clashed with %(tool)s: what stood there won",
            len(some),
        )
    else:
        said = ngettext(
            "%(field)s of %(n)s record clashed with %(tool)s",
            "%(field)s of %(n)s records clashed with %(tool)s",
            len(some),
        )
    return said % facts


def _shown(found: Iterable[Conflict]) -> Shown:
    held: dict[str, list[dict[str, Any]]] = {}
    for one in found:
        for value in (one.base, one.local, one.remote):
            held.setdefault(one.stream.entity, []).append({one.field: value} if one.field else {})
    return Shown(held)


class _Told:
    """Conflicts for integrations.ui.clashes. What is the same for many is asked for once."""

    def __init__(self, shown: Shown) -> None:
        self.shown = shown
        self.nameless, self.record, self.somebody = _("without a name"), _("The record itself"), _("somebody here")
        self.keep, self.inside = _("Keep this value"), _("in %(tool)s")
        self.policies = cache(words.policies)
        nobody = UUID(int=0)
        self.deeds = {name: reverse(f"inbox:{name}", args=[nobody]) for name in ("resolve", "swap", "acknowledge")}
        self.nobody = str(nobody)

    def conflict(self, one: Conflict) -> dict[str, Any]:
        stream = one.stream
        name = tool(stream.integration.provider).name
        return {
            "id": one.pk,
            "tool": name,
            "integration": stream.integration.name,
            "integration_id": stream.integration_id,
            "title": one.title or self.nameless,
            "url": self.shown.address(stream.entity, one.record_id),
            "critical": one.critical,
            "at": one.at,
            "field": self.shown.label(stream.entity, one.field) if one.field else self.record,
            "winner": one.winner,
            "other": WINNERS.get(one.winner, ""),
            "by": one.ended or one.settled_by or self.policies(name).get(one.policy, ""),
            **self._deeds(one),
            **self._sides(one, name),
        }

    def _deeds(self, one: Conflict) -> dict[str, str]:
        """Where what can be done about it is done."""
        if one.state == Conflict.State.OPEN:
            return {"resolve_url": self._deed("resolve", one)}
        is_unseen = one.critical and one.seen_at is None
        return {"swap_url": self._deed("swap", one), "seen_url": self._deed("acknowledge", one) if is_unseen else ""}

    def _deed(self, name: str, one: Conflict) -> str:
        return self.deeds[name].replace(self.nobody, str(one.pk))

    def _sides(self, one: Conflict, name: str) -> dict[str, Any]:
        keep = {"here": self.keep, "there": self.keep}
        if one.field:
            values = (one.local, one.base, one.remote)
            here, before, there = (self.shown.text(one.stream.entity, one.field, value) for value in values)
        else:  # about whether the record is there at all
            here, there = (_("edited") if value is not None else _("deleted") for value in (one.local, one.remote))
            before = _("one pair")
            keep = {
                "here": _("Keep the record")
                if one.local is not None
                else _("Delete it in %(tool)s too") % {"tool": name},
                "there": _("Keep the record") if one.remote is not None else _("Delete it here too"),
            }
        return {
            "here": {"value": here, "by": one.local_actor or self.somebody, "at": one.local_at, "keep": keep["here"]},
            "before": before,
            "there": {"value": there, "by": self.inside % {"tool": name}, "at": one.remote_at, "keep": keep["there"]},
        }
