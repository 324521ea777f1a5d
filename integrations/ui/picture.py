"""What happens on both sides as a picture: bars to the left for here, to the right for there, what meets between them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

ACTIONS = ("created", "updated", "deleted", "restored")
BETWEEN = ("linked", "unlinked", "conflict", "ambiguous", "set_aside", "left_out", "skipped")
FULL = 100  # the longest bar


def of(counts: Mapping[str, int], tool: str, link: Callable[[str, str], str]) -> dict[str, Any]:
    """For integrations/_picture.html. link: (action, side) -> the address of those records."""
    most = max((counts.get(f"{action}_{side}", 0) for action in ACTIONS for side in ("here", "there")), default=0)
    rows = [_row(action, counts, most, link) for action in ACTIONS]
    return {
        "tool": tool,
        "is_empty": not most and not any(counts.get(key) for key in BETWEEN),
        "rows": [row for row in rows if row["here"]["count"] or row["there"]["count"] or row["always"]],
        "between": [
            {"key": key, "count": counts[key], "label": _between(counts[key])[key], "url": link(key, "")}
            for key in BETWEEN
            if counts.get(key)
        ],
    }


def _row(action: str, counts: Mapping[str, int], most: int, link: Callable[[str, str], str]) -> dict[str, Any]:
    label = {  # of records, on both sides
        "created": pgettext("records", "created"),
        "updated": pgettext("records", "changed"),
        "deleted": pgettext("records", "deleted"),
        "restored": pgettext("records", "brought back"),
    }[action]
    sides = {}
    for side in ("here", "there"):
        count = counts.get(f"{action}_{side}", 0)
        length = max(round(FULL * count / most), 2) if count else 0
        sides[side] = {"count": count, "length": length, "start": FULL - length, "url": link(action, side)}
    return {"action": action, "label": label, "always": action != "restored", **sides}


def _between(count: int) -> dict[str, str]:
    return {
        "linked": ngettext("paired", "paired", count),
        "unlinked": ngettext("parted", "parted", count),
        "conflict": ngettext("changed on both sides", "changed on both sides", count),
        "ambiguous": _("with several possible partners"),
        "set_aside": ngettext("set aside with a reason", "set aside with a reason", count),
        "left_out": ngettext("left out", "left out", count),
        "skipped": ngettext("left as it is", "left as they are", count),
    }
