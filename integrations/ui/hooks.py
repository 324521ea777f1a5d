"""Whether the tool tells us of changes, in a line: when it last did, until when it will, or why it does not."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _

from integrations.models import IntegrationInstance
from integrations.services.connect import NEED_A_KEY
from integrations.ui import status, words
from integrations.ui.tools import tool
from integrations.webhooks import health


def shown(integration: IntegrationInstance) -> dict[str, Any] | None:
    """{"text", "heard_at", "until", "is_failing", "action"}; None where the tool does not call. Two queries."""
    calls = health.of([integration]).get(integration.pk)
    if calls is None:
        return None
    return {
        "text": _text(calls, tool(integration.provider).name),
        "heard_at": calls.heard_at,
        "until": calls.expires_at,
        "is_failing": calls.state == "failing",
        "action": status.mend(integration, "reconnect") if calls.code in NEED_A_KEY else None,
    }


def _text(calls: health.Calls, provider: str) -> str:
    if calls.state == "failing":
        own = {
            "not_https": _("this installation has no https address"),
            "access_denied": _("%(tool)s does not let this connection ask for calls") % {"tool": provider},
            "internal_error": _("a fault of ours, which is tried again"),
            "adapter_error": _("%(tool)s answers in a way that we do not understand") % {"tool": provider},
        }
        why = own.get(calls.code) or words.trouble(calls.code, calls.detail, provider).title
        return _("%(why)s; changes are found by the schedule") % {"why": why}
    return {
        "off": _("not set up; changes are found by the schedule"),
        "asked": _("being set up"),
        "on": "" if calls.heard_at else _("ready, no call yet"),
    }[calls.state]
