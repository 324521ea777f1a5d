"""The calls of a connection in words: "1,204 of 250,000", "12 in the last minute of the 180 that Notion allows"."""

from __future__ import annotations

import math
from typing import Any

from django.utils import formats
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from integrations.models import IntegrationInstance
from integrations.services import quota

MINUTES_FROM = 120  # so many seconds are told in minutes


def shown(integration: IntegrationInstance, tool: str) -> dict[str, Any]:
    """today: calls since midnight; more: what else there is to say, each a few words."""
    use = quota.usage(integration)
    more = []
    if use.left is not None:
        more.append(_("%(n)s left for all who use the account") % {"n": number(use.left)})
    more += [_lately(fill, tool) for fill in use.fills]
    if use.waited >= 1:
        more.append(_("held back for %(time)s to stay within the limit") % {"time": _time(use.waited)})
    if use.refused:
        asked = ngettext("%(tool)s asked to slow down once", "%(tool)s asked to slow down %(n)s times", use.refused)
        more.append(asked % {"tool": tool, "n": number(use.refused)})
    if use.paused:
        more.append(_("goes on in %(time)s, as %(tool)s asked") % {"time": _time(use.paused), "tool": tool})
    today = number(use.requests)
    if use.of:
        today = _("%(n)s of %(of)s") % {"n": today, "of": number(use.of)}
    return {"today": today, "more": more, "meter": _meter(use)}


def _lately(fill: quota.Fill, tool: str) -> str:
    said = {
        1: _("%(n)s in the last second of the %(of)s that %(tool)s allows"),
        60: _("%(n)s in the last minute of the %(of)s that %(tool)s allows"),
    }.get(int(fill.limit.seconds), _("%(n)s in the last %(seconds)s seconds of the %(of)s that %(tool)s allows"))
    facts = {"n": number(fill.used), "of": number(fill.limit.requests), "seconds": number(fill.limit.seconds)}
    return said % (facts | {"tool": tool})


def _time(seconds: float) -> str:
    if seconds < MINUTES_FROM:
        return ngettext("%(n)s second", "%(n)s seconds", math.ceil(seconds)) % {"n": number(seconds)}
    return ngettext("%(n)s minute", "%(n)s minutes", math.ceil(seconds / 60)) % {"n": number(seconds / 60)}


def _meter(use: quota.Usage) -> dict[str, Any] | None:
    """How full the day's quota of the account is, whoever used it; None where the tool has none."""
    if not use.of:
        return None
    used = use.of - use.left if use.left is not None else use.requests
    percent = min(100, math.ceil(100 * used / use.of))
    return {
        "percent": percent,
        "is_high": percent >= 80,
        "words": _("%(percent)s %% of the day’s quota is used") % {"percent": percent},
    }


def number(value: float) -> str:
    return formats.number_format(math.ceil(value), force_grouping=True)
