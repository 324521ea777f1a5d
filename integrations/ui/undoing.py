"""What taking a run back would do, for the dialog that asks, and which runs and lines can be taken back at all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote_plus
from uuid import UUID

from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from crm.fields import is_id
from integrations.models import Status, SyncLog
from integrations.services import undo
from integrations.services.connect import Refused
from integrations.sync.effects import ACTIONS
from integrations.sync.tally import Line
from integrations.ui import words
from integrations.ui.lines import Drawing
from integrations.ui.shown import Shown
from integrations.ui.tools import tool

LINES = 20  # of either kind in the dialog


def is_possible(run: SyncLog) -> bool:
    """Whether it makes sense to offer it; the service has the last word."""
    states = SyncLog.State
    wrote = any(count and key.partition("_")[0] in ACTIONS for key, count in run.counts.items())
    return run.state not in (states.ASKED, states.RUNNING) and run.integration.status == Status.ACTIVE and wrote


def url(run: SyncLog) -> str:
    return reverse("connections:undo", args=[run.integration_id, run.pk])


def part(url: str, record_id: object, field: str = "") -> str:
    """Of one record of the run, or of one field of it."""
    return f"{url}?record={record_id}" + (f"&field={quote_plus(field)}" if field else "")


def scope(query: Mapping[str, str]) -> tuple[UUID | None, str]:
    """The record and the field that an address speaks of."""
    record = query.get("record", "")
    return (UUID(record) if is_id(record) else None), query.get("field", "")[:60]


def context(run: SyncLog, record_id: UUID | None, field: str) -> dict[str, Any]:
    """For _undo.html; `refused` when it cannot be done."""
    name = tool(run.integration.provider).name
    common = {"run": run, "integration": run.integration, "tool": tool(run.integration.provider), "record": record_id or "",
              "field": field}  # fmt: skip
    try:
        found = undo.preview(run, record_id, field)
    except Refused as refused:
        return common | {"refused": str(refused)}
    entities = dict(run.integration.streams.values_list("pk", "entity"))
    return common | {
        "counts": found.counts,
        "whole": found.whole,
        "deletes": _deletes({line.side for _pk, line in found.undone if line.action == "deleted"}, name),
        "undone": _lines(found.undone[:LINES], entities, name),
        "left_out": [{"title": _title(line), "reason": line.reason} for _pk, line in found.left_out[:LINES]],
        "more_left_out": max(found.counts.get("left_out", 0) - LINES, 0),
        "more_undone": max(found.counts.get("undone", 0) - LINES, 0),
    }


def _deletes(sides: set[str], name: str) -> str:
    """To set back what was created is to delete it; that is said before it is pressed."""
    told = {
        frozenset({"here"}): _("What the run created here is deleted again."),
        frozenset({"there"}): _("What the run created in %(tool)s is deleted again.") % {"tool": name},
        frozenset({"here", "there"}): _("What the run created here and in %(tool)s is deleted again.") % {"tool": name},
    }
    return told.get(frozenset(sides), "")


def _title(line: Line) -> str:
    return line.title or _("without a name")


def _lines(found: Iterable[tuple[UUID, Line]], entities: Mapping[UUID, str], name: str) -> list[SafeString]:
    pairs = [(entities[pk], line) for pk, line in found if pk in entities]
    held: dict[str, list[dict[str, Any]]] = {}
    for entity, line in pairs:
        for at in (0, 1):
            held.setdefault(entity, []).append({field: pair[at] for field, pair in line.changes.items()})
    shown, draw = Shown(held), Drawing(name)
    return [
        draw.set_back(
            {
                "title": _title(line),
                "side": line.side,
                "what": words.action(line.action, line.side, name),
                "changes": shown.changes(entity, line.changes, line.side, line.action == "created"),
            }
        )
        for entity, line in pairs
    ]
