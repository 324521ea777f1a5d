"""Whether the tool tells us of changes, in a line: when it last did, until when it will, or why it does not."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _

from integrations.models import IntegrationInstance
from integrations.ui import words
from integrations.ui.tools import tool
from integrations.webhooks import health


def shown(integration: IntegrationInstance) -> dict[str, Any] | None:
    """{"text", "heard_at", "until", "is_failing"}; None where the tool does not call. Two queries."""
    calls = health.of([integration]).get(integration.pk)
    if calls is None:
        return None
    return {
        "text": _text(calls, tool(integration.provider).name),
        "heard_at": calls.heard_at,
        "until": calls.expires_at,
        "is_failing": calls.state == "failing",
    }


def _text(calls: health.Calls, provider: str) -> str:
    if calls.state == "failing":
        own = {
            "not_https": _("this installation has no https address"),
            "access_denied": _("%(tool)s does not let this connection ask for calls") % {"tool": provider},
        }
        why = own.get(calls.code) or words.trouble(calls.code, calls.detail, provider).title
        return _("%(why)s; changes are found by the schedule") % {"why": why}
    return {
        "off": _("not set up; changes are found by the schedule"),
        "asked": _("being set up"),
        "on": "" if calls.heard_at else _("ready, no call yet"),
    }[calls.state]
