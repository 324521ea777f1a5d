"""How the records of one table stand, as three lists, each row with the one button that mends it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from crm import present, registry
from integrations.models import Direction, LeftOut, Stream
from integrations.services import agreement, health
from integrations.services.agreement import Day
from integrations.services.connect import Refused
from integrations.services.health import Counts, Row
from integrations.ui import agreement as measured
from integrations.ui import tables
from integrations.ui.tools import tool

ROWS = 50
LISTS = ("in_step", "left_out", "failing")


def context(stream: Stream, query: Mapping[str, str]) -> dict[str, Any]:
    """For health.html. A fixed number of queries."""
    counts = health.counts([stream.pk])[stream.pk]
    chosen = query.get("list", "")
    if chosen not in LISTS:
        chosen = "failing" if counts.failing else "in_step"
    parts = _parts(counts)
    return rows(stream, chosen, query.get("after", "")) | {
        "heading": _("Health of %(table)s") % {"table": stream.collection_name},
        "sentence": _sentence(counts),
        "parts": parts,
        "total": sum(part["count"] for part in parts),
        "tables": tables.tabs(stream, "connections:health"),
        "tabs": [
            {"label": label, "url": _link(stream, name), "active": name == chosen, "count": number}
            for name, label, number in (
                ("in_step", ngettext("In step", "In step", counts.in_step), counts.in_step),
                ("left_out", _("Left out"), counts.left_out),
                ("failing", _("Failing"), counts.failing),
            )
        ],
        "empty": _empty(chosen),
        "measured": _measured(stream),
    }


def _measured(stream: Stream) -> dict[str, Any] | None:
    """What was found when pairs were last read on both sides; None before anybody has looked."""
    kept = agreement.of_stream(stream)
    if not kept:
        return None
    days = [Day(one.day, one.seen, one.agree, one.moving, len(one.differ)) for one in reversed(kept)]
    fields = registry.entity(stream.entity).fields
    return measured.shown(days, str(stream.pk)) | {
        "pairs": [
            {
                "title": one["title"] or _("without a name"),
                "url": reverse("records:detail", args=[stream.entity, one["record_id"]]) if one["record_id"] else "",
                "fields": ", ".join(fields[name].label if name in fields else name for name in one["fields"]),
            }
            for one in kept[0].differ
        ],
    }


def rows(stream: Stream, chosen: str, after: str) -> dict[str, Any]:
    """For _health_rows.html: a page of one list."""
    read = {"in_step": health.in_step, "left_out": health.left_out, "failing": health.failing}[chosen]
    try:
        found = read(stream, after, ROWS + 1)
    except Refused:  # a place that means nothing is the beginning
        found = read(stream, "", ROWS + 1)
    more = found[ROWS - 1].place if len(found) > ROWS else ""
    address = present.addresses(stream.entity)
    return {
        "stream": stream,
        "integration": stream.integration,
        "tool": tool(stream.integration.provider),
        "rows": [_row(stream, chosen, row, address) for row in found[:ROWS]],
        "more_url": _link(stream, chosen, more) if more else "",
        "back": _link(stream, chosen),
    }


def _link(stream: Stream, chosen: str, after: str = "") -> str:
    query = {"list": chosen} | ({"after": after} if after else {})
    return f"{reverse('connections:health', args=[stream.integration_id, stream.pk])}?{urlencode(query)}"


def _row(stream: Stream, chosen: str, row: Row, address: Callable[[str], str]) -> dict[str, Any]:
    return {
        "title": row.title or _("without a name"),
        "url": address(str(row.record_id)) if row.record_id else "",
        "remote_url": row.url if row.url.startswith("https://") else "",
        "reason": row.words,
        "since": row.since if chosen == "failing" else None,
        "action": _action(stream, chosen, row),
    }


def _action(stream: Stream, chosen: str, row: Row) -> dict[str, Any] | None:
    """The one thing that mends it."""
    here = [stream.integration_id, stream.pk]
    if row.link_id and row.code in (LeftOut.PAUSED, LeftOut.PING_PONG):
        return {
            "label": _("Go on"),
            "url": reverse("connections:link_take_up", args=[*here, row.link_id]),
            "post": True,
        }
    if row.code == LeftOut.FILTER:
        return {"label": _("See the filter"), "url": f"{reverse('connections:table_rules', args=here)}#filters"}
    if row.code == LeftOut.NO_MATCH and not row.record_id and stream.direction != Direction.EXPORT:
        query = urlencode({"remote": row.remote_id, "title": row.title})
        return {"label": _("Pair it"), "url": f"{reverse('connections:pair', args=here)}?{query}"}
    if row.code == "ambiguous":
        return {"label": _("Choose"), "url": reverse("connections:matches", args=here)}
    if row.code == "conflict":
        return {"label": _("Settle"), "url": f"{reverse('inbox:list')}#conflicts"}
    if chosen == "failing" and (number := _aside(row)):
        label = _("It is not there: send it again") if row.code == "unsure_create" else _("Try again")
        return {"label": label, "url": reverse("inbox:retry_one", args=[number]), "post": True}
    return None


def _aside(row: Row) -> int | None:
    """What is set aside, from the place of its row: "<time> a<id>"."""
    kind, number = row.place.rpartition(" ")[2][:1], row.place.rpartition(" ")[2][1:]
    return int(number) if kind == "a" and number.isdecimal() else None


def _parts(counts: Counts) -> list[dict[str, Any]]:
    """For the bar: shares of 100, each at least visible."""
    named = (
        ("in_step", ngettext("in step", "in step", counts.in_step), counts.in_step),
        ("waiting", _("on their way"), counts.waiting),
        ("left_out", ngettext("left out", "left out", counts.left_out), counts.left_out),
        ("failing", _("failing"), counts.failing),
    )
    shown = [(key, label, number) for key, label, number in named if number]
    total = sum(number for _key, _label, number in shown)
    parts: list[dict[str, Any]] = []
    for key, label, number in shown:
        start = parts[-1]["start"] + parts[-1]["share"] if parts else 0
        share = max(100 * number / total, 1)
        parts.append({"key": key, "label": label, "count": number, "start": round(start, 2), "share": round(share, 2)})
    return parts


def _sentence(counts: Counts) -> str:
    if counts.failing:
        return _("Some records could not be kept in step. Each says why, and what mends it.")
    if counts.waiting:
        return _("Nothing fails. Some changes are on their way.")
    return _("Everything that takes part is in step.")


def _empty(chosen: str) -> dict[str, str]:
    return {
        "in_step": {
            "title": _("No record is in step yet"),
            "text": _("Records come here as soon as both sides hold the same."),
        },
        "left_out": {
            "title": _("No record is left out"),
            "text": _("Records outside a filter, paused ones and those that were deleted on one side come here."),
        },
        "failing": {
            "title": _("Nothing fails"),
            "text": _("Records that the other side refused, and those that wait for a decision, come here."),
        },
    }[chosen]
