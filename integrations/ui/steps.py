"""The wizard's bar: four steps, with what was chosen under each."""

from __future__ import annotations

from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from integrations.models import IntegrationInstance
from integrations.services import setup


def bar(integration: IntegrationInstance | None, here: str) -> list[dict[str, Any]]:
    """For ui/_steps.html. None: a connection that is only beginning."""
    labels = {"connect": _("Connect"), "map": _("Map"), "settings": _("Rules"), "activate": _("Check and start")}
    chosen = _chosen(integration) if integration else {}
    return [
        {
            "label": labels[step],
            "chosen": chosen.get(step, ""),
            "url": reverse("connections:setup", args=[integration.pk, step]) if integration else "",
            "state": _state(integration, step, here),
        }
        for step in setup.STEPS
    ]


def _state(integration: IntegrationInstance | None, step: str, here: str) -> str:
    if step == here:
        return "current"
    if step == setup.STEPS[-1] and integration and setup.is_open(integration, step):
        return "open"
    return "done" if integration and setup.is_open(integration, step) else "todo"


def _chosen(integration: IntegrationInstance) -> dict[str, str]:
    found = {"connect": integration.account_name}
    tables = [stream.collection_name for stream in integration.streams.all()]
    if tables:
        rest = ngettext("%(first)s and %(n)s more", "%(first)s and %(n)s more", len(tables) - 1)
        found["map"] = tables[0] if len(tables) == 1 else rest % {"first": tables[0], "n": len(tables) - 1}
    if setup.is_open(integration, "activate"):
        found["settings"] = integration.get_frequency_display()
    return found
