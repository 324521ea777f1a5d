"""What the first page of a tenant shows of its connections."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from integrations.models import Conflict
from integrations.ui import status


def overview() -> dict[str, Any]:
    """sentence, glyph: is everything in step; connections: rows for ui/_connection.html; waiting: open conflicts."""
    rows = status.rows()
    waiting = Conflict.objects.filter(state=Conflict.State.OPEN).count()
    return {
        "connections": rows,
        "waiting": waiting,
        "sentence": _sentence(rows, waiting),
        "glyph": _glyph(rows, waiting),
    }


def _sentence(rows: list[dict[str, Any]], conflicts: int) -> str:
    if not rows:
        return _("No tool is connected yet.")
    failing = sum(row["state"] == "failing" for row in rows)
    if failing:
        first = ngettext("%(n)s connection needs you.", "%(n)s connections need you.", failing) % {"n": failing}
    elif running := sum(row["state"] == "running" for row in rows):
        first = ngettext("%(n)s connection is syncing now.", "%(n)s connections are syncing now.", running) % {
            "n": running
        }
    elif all(row["state"] == "in_step" for row in rows):
        first = ngettext("Your connection is in step.", "All %(n)s connections are in step.", len(rows)) % {
            "n": len(rows)
        }
    else:
        steady = sum(row["state"] == "in_step" for row in rows)
        said = ngettext("%(n)s of %(all)s connections is in step.", "%(n)s of %(all)s connections are in step.", steady)
        first = said % {"n": steady, "all": len(rows)}
    if not conflicts:
        return first
    second = ngettext("%(n)s conflict waits for you.", "%(n)s conflicts wait for you.", conflicts) % {"n": conflicts}
    return f"{first} {second}"


def _glyph(rows: list[dict[str, Any]], conflicts: int) -> str:
    states = {row["state"] for row in rows}
    for state in ("failing", "running", "waiting"):
        if state in states:
            return state
    return "waiting" if conflicts or not rows else "in_step"
