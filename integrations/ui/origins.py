"""Beside each field of a record: where its value comes from, and what stood there before."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpRequest
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from crm import records
from integrations.models import IntegrationInstance, SyncLog
from integrations.services import provenance
from integrations.services.provenance import Origin
from integrations.ui.shown import Shown
from integrations.ui.tools import Tool, tool
from integrations.ui.words import sentence

EARLIER = 5  # the whole history is a click away
OWN = ("id", "created_at", "updated_at")


def marks(request: HttpRequest, entity: str, record_id: UUID) -> dict[str, SafeString]:
    """{field: the mark} of every field that holds or held something. A fixed number of queries."""
    try:
        origins = [one for one in provenance.of(entity, record_id) if one.field not in OWN and (one.at or one.earlier)]
    except records.Missing:
        return {}
    origins = [one for one in origins if one.value not in (None, "", [], False) or one.earlier]
    shown = Shown({entity: [{one.field: old.value} for one in origins for old in one.earlier[:EARLIER]]})
    tools = {one.name: tool(one.provider) for one in IntegrationInstance.objects.only("name", "provider")}
    runs = dict(SyncLog.objects.filter(pk__in={one.run for one in origins if one.run}).values_list("pk", "integration"))
    history = reverse("records:history", args=[entity, record_id])
    return {
        one.field: render_to_string("ui/_origin.html", {"origin": _origin(entity, one, shown, tools, runs, history)})
        for one in origins
    }


def _origin(
    entity: str, one: Origin, shown: Shown, tools: dict[str, Tool], runs: dict[Any, Any], history: str
) -> dict[str, Any]:
    known = tools.get(one.integration) if one.integration else None
    return {
        "field": one.label,
        "tool": one.integration,
        "letters": known.letters if known else "",
        "tone": known.tone if known else "",
        "table": one.stream,
        "by": one.who or _("somebody with direct access to the database"),
        "kind": one.kind,
        "at": one.at,
        "rule": sentence(one.words),
        "run_url": reverse("connections:run", args=[runs[one.run], one.run]) if one.run in runs else "",
        "url": history,
        "earlier": [
            {"value": shown.text(entity, one.field, old.value), "by": old.who, "at": old.at}
            for old in one.earlier[:EARLIER]
        ],
    }
