"""What the first page of a tenant shows of its connections."""

from __future__ import annotations

from typing import Any

from django.db.models import Max
from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from integrations.catalog.models import Provider
from integrations.models import Conflict, IntegrationInstance, Status, SyncLog


def overview() -> dict[str, Any]:
    """sentence, glyph: is everything in step; connections: rows for ui/_connection.html; waiting: conflicts."""
    found = list(IntegrationInstance.objects.annotate(last_at=Max("runs__started_at")))
    conflicts = Conflict.objects.filter(state=Conflict.State.OPEN).count()
    running = set(SyncLog.objects.filter(state=SyncLog.State.RUNNING).values_list("integration_id", flat=True))
    providers = dict(Provider.objects.values_list("slug", "name"))
    rows = [_row(integration, providers, integration.pk in running) for integration in found]
    return {
        "connections": rows,
        "waiting": conflicts,
        "sentence": _sentence(rows, conflicts),
        "glyph": _glyph(rows, conflicts),
    }


def _row(integration: IntegrationInstance, providers: dict[str, str], is_running: bool) -> dict[str, Any]:
    provider = providers.get(integration.provider, integration.provider.title())
    return {
        "name": integration.name,
        "url": _address(integration),
        "provider": provider,
        "letters": provider[:1],
        "state": _state(integration, is_running),
        "status": " · ".join(filter(None, [provider, integration.account_name])),
        "last_at": integration.last_at,  # type: ignore[attr-defined]
        "agreement": None,
    }



def _state(integration: IntegrationInstance, is_running: bool) -> str:
    if integration.status == Status.ATTENTION:
        return "failing"
    if integration.status == Status.PAUSED:
        return "paused"
    if is_running:
        return "running"
    return "in_step" if integration.status == Status.ACTIVE and integration.failures == 0 else "waiting"


def _sentence(rows: list[dict[str, Any]], conflicts: int) -> str:
    if not rows:
        return _("No tool is connected yet.")
    failing = sum(row["state"] == "failing" for row in rows)
    if failing:
        first = ngettext("%(n)s connection needs you.", "%(n)s connections need you.", failing) % {"n": failing}
    elif all(row["state"] == "in_step" for row in rows):
        first = ngettext("Your connection is in step.", "All %(n)s connections are in step.", len(rows)) % {"n": len(rows)}
    else:
        steady = sum(row["state"] == "in_step" for row in rows)
        first = _("%(n)s of %(all)s connections are in step.") % {"n": steady, "all": len(rows)}
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


def _address(integration: IntegrationInstance) -> str:
    try:
        return reverse("connections:detail", args=[integration.pk])
    except NoReverseMatch:
        return f"/connections/{integration.pk}/"
