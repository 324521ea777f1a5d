"""The calls of a connection in words: "1,204 of 250,000", "12 of 100 in 10 s"."""

from __future__ import annotations

import math
from typing import Any

from django.utils import formats
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from integrations.models import IntegrationInstance
from integrations.services import quota


def shown(integration: IntegrationInstance) -> dict[str, Any]:
    """today: calls since midnight; more: what else there is to say, each a few words."""
    use = quota.usage(integration)
    more = []
    if use.left is not None:
        more.append(_("%(n)s left for all who use the account") % {"n": number(use.left)})
    for fill in use.fills:
        facts = {"n": number(fill.used), "of": number(fill.limit.requests), "seconds": number(fill.limit.seconds)}
        more.append(_("now %(n)s of %(of)s in %(seconds)s s") % facts)
    if use.waited >= 1:
        more.append(_("waited %(seconds)s s") % {"seconds": number(use.waited)})
    if use.refused:
        more.append(
            ngettext("asked to slow down once", "asked to slow down %(n)s times", use.refused) % {"n": use.refused}
        )
    if use.paused:
        more.append(_("waits %(seconds)s s more, as it was asked to") % {"seconds": number(use.paused)})
    today = number(use.requests)
    if use.of:
        today = _("%(n)s of %(of)s") % {"n": today, "of": number(use.of)}
    return {"today": today, "more": more, "meter": _meter(use)}


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
