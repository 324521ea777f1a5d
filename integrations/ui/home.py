"""What the first page of a tenant shows of its connections: is everything in step, does anything need me?"""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from integrations.models import Conflict
from integrations.ui import incidents, needs, status

SHOWN = 8  # of what waits; the inbox has all


def overview(may_manage: bool = True) -> dict[str, Any]:
    """sentence, glyph: is everything in step; connections: rows for ui/_connection.html; waiting: open conflicts.

    needs: what waits for a person, each with its one button; incidents: tools that have trouble for many.
    """
    rows = status.rows(may_manage=may_manage)
    waiting = Conflict.objects.filter(state=Conflict.State.OPEN).count()
    found = needs.of(rows, may_manage)
    return {
        "connections": rows,
        "waiting": waiting,
        "sentence": _sentence(rows, waiting),
        "glyph": _glyph(rows, waiting),
        "needs": found[:SHOWN],
        "more_needs": max(len(found) - SHOWN, 0),
        "incidents": incidents.shown({row["slug"] for row in rows}) if rows else [],
    }


def _sentence(rows: list[dict[str, Any]], conflicts: int) -> str:
    live = [row for row in rows if not row["is_draft"]]
    if not live:
        return _("No tool is connected yet.")
    failing = sum(row["state"] == "failing" for row in live)
    if failing:
        first = ngettext("%(n)s connection needs you.", "%(n)s connections need you.", failing) % {"n": failing}
    elif running := sum(row["state"] == "running" for row in live):
        first = ngettext("%(n)s connection is syncing now.", "%(n)s connections are syncing now.", running) % {
            "n": running
        }
    elif all(row["state"] == "in_step" for row in live):
        first = ngettext("Your connection is in step.", "All %(n)s connections are in step.", len(live)) % {
            "n": len(live)
        }
    else:
        steady = sum(row["state"] == "in_step" for row in live)
        said = ngettext("%(n)s of %(all)s connections is in step.", "%(n)s of %(all)s connections are in step.", steady)
        first = said % {"n": steady, "all": len(live)}
        if len(live) == 1:
            first = _("Your connection is not quite in step.")
        elif not steady:
            first = _("Your connections are not quite in step.")
    if not conflicts:
        return first
    second = ngettext("%(n)s conflict waits for you.", "%(n)s conflicts wait for you.", conflicts) % {"n": conflicts}
    return f"{first} {second}"


def _glyph(rows: list[dict[str, Any]], conflicts: int) -> str:
    states = {row["state"] for row in rows if not row["is_draft"]}
    for state in ("failing", "running", "waiting"):
        if state in states:
            return state
    return "waiting" if conflicts or not states else "in_step"
