"""What the first sync would do, gathered without doing it, in words."""

from __future__ import annotations

from collections import Counter
from typing import Any

from integrations.models import IntegrationInstance
from integrations.services import planning
from integrations.services.connect import Refused
from integrations.ui import words
from integrations.ui.shown import Shown, plain
from integrations.ui.status import plural
from integrations.ui.tools import tool

UNFOLDED = 8
ALWAYS = ("created_here", "created_there", "linked")


def context(integration: IntegrationInstance) -> dict[str, Any]:
    """For _plan.html; `refused` when the tool could not be asked."""
    try:
        made = planning.make(integration)
    except Refused as refused:
        return {"refused": str(refused)}
    name = tool(integration.provider).name
    shown = Shown({one.stream.entity: [] for one in made.streams})
    every = sum((Counter(one.counts) for one in made.streams), Counter())
    return {
        "plan": [_stream(one, name, shown) for one in made.streams],
        "totals": words.totals(every, name, words.planned, ALWAYS),
        "read": every.get("read", 0),
        "changes": sum(every.get(key, 0) for key in words.SIDES if key.startswith(("created", "updated"))),
    }


def _stream(one: Any, name: str, shown: Shown) -> dict[str, Any]:
    lines = [_line(one.stream.entity, line, name, shown) for line in one.samples]
    return {
        "table": one.stream.collection_name,
        "entity": plural(one.stream.entity),
        "direction": words.direction(one.stream.direction, name),
        "totals": words.totals(one.counts, name, words.planned),
        "read": one.counts.get("read", 0),
        "problems": one.problems,
        "truncated": one.truncated,
        "lines": lines[:UNFOLDED],
        "more_lines": lines[UNFOLDED:],
    }


def _line(entity: str, line: Any, name: str, shown: Shown) -> dict[str, Any]:
    """changes come by the field's label, as people read it."""
    names = {field.label: field.name for field in shown.entities[entity].fields.values()}
    fresh = line.action == "created"
    return {
        "title": line.title,
        "what": _future(line.action, line.side, name),
        "side": line.side if line.action in ("created", "updated", "deleted") else "",
        "reason": line.reason,
        "changes": [
            {
                "field": label,
                "side": line.side,
                "old": shown.text(entity, names[label], old) if label in names else plain(old),
                "new": shown.text(entity, names[label], new) if label in names else plain(new),
                "other": shown.text(entity, names[label], new) if label in names else plain(new),
                "fresh": fresh,
            }
            for label, (old, new) in line.changes.items()
        ],
    }


def _future(action: str, side: str, name: str) -> str:
    key = action if action in words.SIDES else f"{action}_{side}"
    return words.planned(key, name, 1).capitalize() if key in words.SIDES else action
