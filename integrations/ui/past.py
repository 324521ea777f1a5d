"""What ran in the last days, as pictures: runs by how they ended, records by side, calls."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db import connection
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from integrations.catalog.models import Calls
from integrations.models import IntegrationInstance
from integrations.services import calls
from integrations.ui import charts

DAYS = 30
#: Written records: key of the counts -> its series.
WRITTEN = {
    "created_here": "here", "updated_here": "here", "deleted_here": "here",
    "created_there": "there", "updated_there": "there", "deleted_there": "there",
    "set_aside": "trouble", "conflict": "trouble",
}  # fmt: skip
ENDS = ("done", "failed", "cancelled")
#: A day in the tenant's zone, its runs by how they ended, its records by key of the counts.
BY_DAY = f"""
    SELECT (started_at AT TIME ZONE %s)::date,
        {", ".join(f"count(*) FILTER (WHERE state = '{state}')" for state in ENDS)},
        {", ".join(f"coalesce(sum((counts ->> '{key}')::float), 0)" for key in WRITTEN)}
    FROM integrations_synclog WHERE integration_id = ANY(%s::uuid[]) AND started_at >= %s GROUP BY 1
"""  # noqa: S608


def of(integration: IntegrationInstance, tool: str) -> list[dict[str, Any]]:
    """Three pictures of the last 30 days, or fewer while it is new; those without anything are left out. Two queries."""
    every = _days()
    runs, written = _runs([integration.pk], every[0])
    asked = dict(Calls.objects.filter(integration_id=integration.pk, day__gte=every[0]).values_list("day", "requests"))
    some = [day for (day, _key), number in (runs + written).items() if number] + [day for day in asked if asked[day]]
    days = charts.lately(every, min(some, default=None))
    labels = [charts.day(day) for day in days]
    made = [
        charts.columns(
            "runs", _("Runs"), labels, [
                charts.Series("ok", pgettext("runs", "done"), [runs[day, "done"] for day in days]),
                charts.Series("plain", pgettext("runs", "cancelled"), [runs[day, "cancelled"] for day in days]),
                charts.Series("trouble", pgettext("runs", "failed"), [runs[day, "failed"] for day in days]),
            ],
        ),
        charts.columns(
            "written", _("Records written"), labels, [
                charts.Series("here", _("here"), [written[day, "here"] for day in days]),
                charts.Series("there", _("in %(tool)s") % {"tool": tool}, [written[day, "there"] for day in days]),
                charts.Series("trouble", _("set aside or in conflict"), [written[day, "trouble"] for day in days]),
            ],
        ),
        charts.columns(
            "calls", _("Calls to %(tool)s") % {"tool": tool}, labels,
            [charts.Series("plain", _("calls"), [asked.get(day, 0) for day in days])],
        ),
    ]  # fmt: skip
    return [one for one in made if not one["is_empty"]]


def _days() -> list[dt.date]:
    today = calls.today()
    return [today - dt.timedelta(days=back) for back in range(DAYS - 1, -1, -1)]


def _runs(integrations: Sequence[UUID], since: dt.date) -> tuple[Counter[tuple], Counter[tuple]]:
    """({(day, state): runs}, {(day, series): records})."""
    zone = connection.tenant.timezone  # days as calls are counted, wherever the person is
    start = dt.datetime.combine(since, dt.time(), tzinfo=zone)
    runs: Counter[tuple] = Counter()
    written: Counter[tuple] = Counter()
    with connection.cursor() as cursor:
        cursor.execute(BY_DAY, [str(zone), list(integrations), start])
        for day, *numbers in cursor.fetchall():
            for state, number in zip(ENDS, numbers, strict=False):
                runs[day, state] += number
            for series, number in zip(WRITTEN.values(), numbers[len(ENDS) :], strict=True):
                written[day, series] += int(number)
    return runs, written
