"""What waits for a person, on all connections: each thing with its one button. For home; the inbox shows them whole."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

from django.db.models import Count, Q
from django.urls import reverse
from django.utils import formats, timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from integrations.models import Conflict, FieldMapping, IntegrationInstance, Plan, SetAside, Status
from integrations.services import conflicts, lifecycle, plans, problems
from integrations.ui.frame import GONE
from integrations.ui.tools import tool


def of(rows: Sequence[dict[str, Any]], may_manage: bool) -> list[dict[str, Any]]:
    """rows: of `status.rows`. A fixed number of queries; the most urgent first. [{glyph, title, text, url, label}]"""
    found = [_stopped(row) for row in rows if row["state"] == "failing" and not row["is_draft"]]
    if any(not row["is_draft"] for row in rows):
        found += _conflicts()
        found += _set_aside()
        found += _fields()
    if may_manage and rows:
        found += _plans()
        found += [_draft(row) for row in rows if row["is_draft"]]
    return found


def _need(title: str, text: str, url: str, label: str, glyph: str = "waiting") -> dict[str, Any]:
    return {"glyph": glyph, "title": title, "text": text, "url": url, "label": label}


def _stopped(row: dict[str, Any]) -> dict[str, Any]:
    action = row["action"] or {"label": _("See what it is about"), "url": row["url"]}
    return _need(row["name"], row["status"], action["url"], action["label"], "failing")


def _draft(row: dict[str, Any]) -> dict[str, Any]:
    action = row["action"] or {"label": _("Go on with the setup"), "url": row["url"]}
    return _need(row["name"], row["status"], action["url"], action["label"])


def _conflicts() -> list[dict[str, Any]]:
    unseen = conflicts.unseen(Conflict.objects.all())
    number = Conflict.objects.aggregate(
        open=Count("pk", filter=Q(state=Conflict.State.OPEN)), unseen=Count("pk", filter=Q(pk__in=unseen.values("pk")))
    )
    found = []
    if number["open"]:
        said = ngettext("%(n)s conflict waits for you", "%(n)s conflicts wait for you", number["open"])
        found.append(
            _need(
                said % {"n": _n(number["open"])},
                _("Both sides changed the same field. Choose which value stays."),
                _inbox("conflicts"),
                _("Settle"),
            )
        )
    if number["unseen"]:
        said = ngettext(
            "A rule settled %(n)s clash of a critical field", "A rule settled %(n)s clashes of critical fields",
            number["unseen"],
        )  # fmt: skip
        found.append(
            _need(
                said % {"n": _n(number["unseen"])},
                _("Nothing is held up. Check that the right value won."),
                _inbox("alerts"),
                _("Look"),
            )
        )
    return found


def _set_aside() -> list[dict[str, Any]]:
    doubtful = Q(code="ambiguous")
    number = SetAside.objects.aggregate(
        doubtful=Count("pk", filter=doubtful),
        tables=Count("stream", filter=doubtful, distinct=True),
        others=Count("pk", filter=~doubtful),
    )
    found = []
    if number["others"]:
        said = ngettext("%(n)s record is set aside", "%(n)s records are set aside", number["others"])
        things = problems.count() - number["tables"]
        why = ngettext(
            "One cause to mend; all other records go on.",
            "%(n)s causes to mend; all other records go on.",
            things,
        )
        found.append(
            _need(
                said % {"n": _n(number["others"])},
                why % {"n": _n(things)},
                _inbox("problems"),
                _("See what helps"),
                "failing",
            )
        )
    if number["doubtful"]:
        said = ngettext(
            "%(n)s record has several possible partners", "%(n)s records have several possible partners",
            number["doubtful"],
        )  # fmt: skip
        where = ngettext(
            "They are in %(n)s table and share a key, so nothing was guessed.",
            "They are in %(n)s tables and share a key, so nothing was guessed.",
            number["tables"],
        )
        found.append(
            _need(
                said % {"n": _n(number["doubtful"])},
                where % {"n": _n(number["tables"])},
                _inbox("ambiguous"),
                _("Choose"),
            )
        )
    return found


def _fields() -> list[dict[str, Any]]:
    """Mapped fields that are gone there, one line for each table."""
    gone = FieldMapping.objects.filter(GONE)
    rows = gone.values("stream", "stream__integration", "stream__integration__name", "stream__collection_name")
    found = []
    for row in rows.annotate(number=Count("pk")).order_by("stream__collection_name"):
        said = ngettext(
            "%(n)s mapped field of %(table)s is gone", "%(n)s mapped fields of %(table)s are gone", row["number"]
        )
        found.append(
            _need(
                said % {"n": row["number"], "table": row["stream__collection_name"]},
                _("%(name)s: the other fields go on.") % {"name": row["stream__integration__name"]},
                reverse("connections:mapping", args=[row["stream__integration"], row["stream"]]),
                _("Look at the mapping"),
            )
        )
    return found


def _plans() -> list[dict[str, Any]]:
    oldest = timezone.now() - dt.timedelta(hours=plans.VALID_HOURS)
    ready = Plan.objects.filter(state=Plan.State.READY, made_at__gte=oldest, integration__setup_step="done")
    catching_up = IntegrationInstance.objects.filter(status_code=lifecycle.CATCH_UP, status=Status.PAUSED)
    found = [
        _need(
            _("Ready to catch up with %(tool)s") % {"tool": tool(one.provider).name},
            _("It stood still. Before it goes on, look at what it would do."),
            reverse("connections:detail", args=[one.pk]),
            _("Look at it"),
        )
        for one in catching_up
    ]
    return found + [
        _need(
            _("A plan for %(name)s waits for you") % {"name": plan.integration.name},
            _("Nothing of it is done before somebody approves it."),
            reverse("connections:plan", args=[plan.integration_id, plan.pk]),
            _("Look at the plan"),
        )
        for plan in ready.select_related("integration").defer("integration__credentials", "streams", "places")
        if plan.integration_id not in {one.pk for one in catching_up}
    ]


def _inbox(part: str) -> str:
    return f"{reverse('inbox:list')}#{part}"


def _n(number: int) -> str:
    return formats.number_format(number, force_grouping=True)
