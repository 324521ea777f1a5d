"""What the page of one connection shows. A fixed number of queries, however much there is."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.urls import reverse
from django.utils import formats, timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from integrations.models import IntegrationInstance, Status, Stream, SyncLog
from integrations.scheduling.models import Due
from integrations.services import failures, given, health, lifecycle, waiting
from integrations.services import problems as causes
from integrations.ui import agreement, hooks, incidents, past, plans, problems, status, usage, words
from integrations.ui.activity import QUIET
from integrations.ui.activity import rows as rows_of_runs
from integrations.ui.living import live_progress
from integrations.ui.tools import tool

RUNS = 6
CAUSES = 3  # of what is set aside; the inbox has all


@dataclass(frozen=True, slots=True)
class Now:
    """How a connection stands right now, asked once for all that tells of it. last: how the last run failed, as a code."""

    running: SyncLog | None
    due: Due | None
    streams: list[Stream]
    left: status.Unsettled
    last: str


def now(integration: IntegrationInstance, *, briefly: bool = False) -> Now:
    """briefly: for `live` alone, without the schemas of the tables and their mappings."""
    tables = integration.streams.select_related("integration")
    ended = integration.runs.filter(ended_at__isnull=False).order_by("-started_at")
    return Now(
        integration.runs.filter(state=SyncLog.State.RUNNING).first(),
        Due.objects.filter(pk=integration.pk).first(),
        list(tables.defer("schema") if briefly else tables.prefetch_related("mappings")),
        status.unsettled([integration.pk]).get(integration.pk, status.Unsettled()),
        ended.values_list("error_code", flat=True).first() or "",
    )


def live(integration: IntegrationInstance, at: Now) -> dict[str, Any]:
    """For _live.html: the sentence, and the progress of a run while there is one."""
    return {
        "integration": integration,
        "standing": status.standing(integration, at.running, at.due, at.streams, at.left, at.last),
        "progress": _progress(at.running, integration) if at.running else None,
        "due": at.due,
    }


def _progress(run: SyncLog, integration: IntegrationInstance) -> dict[str, Any]:
    return {
        "run": run,
        "trigger": words.trigger(run.trigger),
        "table": run.progress.get("stream", ""),
        **live_progress(run),
        "totals": words.totals(run.counts, tool(integration.provider).name),
        "url": reverse("connections:run", args=[integration.pk, run.pk]),
    }


def _number(number: int) -> str:
    return formats.number_format(number, force_grouping=True)


def context(integration: IntegrationInstance, at: Now) -> dict[str, Any]:
    """For _overview.html."""
    streams, waits = at.streams, waiting.count(integration.pk)
    provider = tool(integration.provider)
    counts = health.counts(stream.pk for stream in streams)
    groups = causes.of(streams, CAUSES + 1)
    return {
        "integration": integration,
        "tool": provider,
        "streams": [_stream(stream, counts[stream.pk], provider.name) for stream in streams],
        "trouble": _trouble(integration, streams, provider.name),
        "stream_troubles": [
            _stream_trouble(stream, provider.name)
            for stream in streams
            if stream.problem_code not in ("", integration.status_code)  # that one is told above
        ],
        "groups": problems.shown(groups[:CAUSES]),
        "all_causes": f"{reverse('inbox:list')}?{urlencode({'kind': 'problems', 'tool': integration.pk})}"
        if len(groups) > CAUSES
        else "",
        "incidents": incidents.shown([integration.provider]),
        "passing": _passing(integration, at.last, waits, provider.name),
        "waits": _waits(integration, waits, provider.name),
        "warning": _warning(integration, provider.name),
        "plan": _plan(integration, provider.name, at.running),
        "is_catching_up": lifecycle.is_catching_up(integration),
        "open_conflicts": sum(one.failing - one.set_aside for one in counts.values()),
        "runs": rows_of_runs(integration.runs.exclude(QUIET).defer("exchanges")[:RUNS], {integration.pk: integration}),
        "due": at.due,
        "is_busy": status.standing(integration, at.running, at.due, at.streams, at.left, at.last).is_busy,
        "is_active": integration.status == Status.ACTIVE,
        "is_paused": integration.status == Status.PAUSED,
        "frequency": integration.get_frequency_display(),
        "hooks": hooks.shown(integration),
        "usage": usage.shown(integration, provider.name),
        "agreement": agreement.of([integration.pk]).get(integration.pk),
        "charts": past.of(integration, provider.name),
        "failed": _failed(integration),
        "waiting_count": waits,
    }


def _failed(integration: IntegrationInstance) -> dict[str, Any] | None:
    """The last run that kept a request that failed; its page shows it, as it was sent and answered."""
    run = integration.runs.exclude(exchanges=[]).defer("exchanges").order_by("-started_at").first()
    if run is None:
        return None
    return {"at": run.started_at, "url": f"{reverse('connections:run', args=[integration.pk, run.pk])}#requests"}


def _stream(stream: Stream, counts: health.Counts, provider: str) -> dict[str, Any]:
    return {
        "stream": stream,
        "table": stream.collection_name,
        "table_url": stream.collection_url if stream.collection_url.startswith("https://") else "",
        "entity": status.plural(stream.entity),
        "entity_url": reverse("records:list", args=[stream.entity]),
        "direction": stream.direction,
        "direction_words": words.direction(stream.direction, provider),
        "counts": counts,
        "fields": len(stream.mappings.all()),
        "can_begin": not stream.is_active and not stream.problem_code,
        "url": reverse("connections:mapping", args=[stream.integration_id, stream.pk]),
        "health_url": reverse("connections:health", args=[stream.integration_id, stream.pk]),
        "rules_url": reverse("connections:table_rules", args=[stream.integration_id, stream.pk]),
        "filtered": sum(len(side) for side in (stream.filters or {}).values()),
    }


def _trouble(integration: IntegrationInstance, streams: list[Stream], provider: str) -> dict[str, Any] | None:
    """Why everything stopped, and the way on."""
    if integration.status != Status.ATTENTION:
        return None
    trouble = words.trouble(integration.status_code, integration.status_detail, provider)
    return {
        "title": trouble.title,
        "text": trouble.text,
        "since": integration.status_since,
        "actions": status.mends(integration, trouble.mend) if trouble.mend != "go_on" else [],
        "brakes": [
            {
                "table": stream.collection_name,
                "url": reverse("connections:lift_brake", args=[integration.pk, stream.pk]),
            }
            for stream in _braked(streams)
        ]
        if trouble.mend == "go_on"
        else [],
    }


def _passing(integration: IntegrationInstance, last: str, waits: int, provider: str) -> dict[str, str] | None:
    """Why it is trying again by itself, and that nothing is lost."""
    code = status.passing(integration, last)
    if not code:
        return None
    told = failures.tell(code, tool=provider)
    return {"title": told.title, "text": f"{told.text} {_waits(integration, waits, provider)}".strip()}


def _waits(integration: IntegrationInstance, number: int, provider: str) -> str:
    """While it stands still: how much of ours waits to go out. On their side the tool keeps what waits."""
    if integration.status == Status.ACTIVE and not integration.failures:
        return ""
    if not number:
        return _("No change of yours waits here. What changes in %(tool)s is read when it goes on.") % {
            "tool": provider
        }
    said = ngettext(
        "%(n)s change waits here for %(tool)s; nothing is lost.",
        "%(n)s changes wait here for %(tool)s; nothing is lost.",
        number,
    )
    return said % {"n": _number(number), "tool": provider}


def _warning(integration: IntegrationInstance, provider: str) -> dict[str, str] | None:
    """It has failed for long and is going to be paused."""
    if integration.status != Status.ACTIVE or not (integration.warned_at and integration.failing_since):
        return None
    pauses_at = integration.failing_since + dt.timedelta(hours=settings.FAILING_PAUSE_HOURS)
    day = {"tool": provider, "since": _moment(integration.failing_since), "until": _moment(pauses_at)}
    return {
        "title": _("The sync with %(tool)s has failed since %(since)s") % day,
        "text": _("It is tried again by itself. If nothing changes it is paused on %(until)s; changes go on waiting.")
        % day,
    }


def _moment(at: dt.datetime) -> str:
    return formats.date_format(timezone.localtime(at), "DATETIME_FORMAT")


def _plan(integration: IntegrationInstance, provider: str, running: SyncLog | None) -> dict[str, Any] | None:
    """A plan that is being made, waits for somebody, or for the run that carries it out: that run is shown itself."""
    plan = plans.latest(integration)
    if plan is None or plan.state == plan.State.APPROVED and running is not None:
        return None
    return {
        "url": reverse("connections:plan", args=[integration.pk, plan.pk]),
        "state": plan.state,
        "title": plans.heading(plan),
        "summary": words.expected(plan.counts, provider) if plan.state == plan.State.READY else "",
        "made_at": plan.made_at,
    }


def _braked(streams: list[Stream]) -> list[Stream]:
    return [stream for stream in streams if stream.problem_code in ("brake", "brake_overwrites")] or streams


def _stream_trouble(stream: Stream, provider: str) -> dict[str, Any]:
    trouble = words.trouble(stream.problem_code, stream.problem_detail, provider)
    action = status.mend(stream.integration, trouble.mend, stream)
    if trouble.mend in ("go_on", "look"):  # leads to the page that this is on
        action = None
    return {"table": stream.collection_name, "title": trouble.title, "text": trouble.text, "action": action}


def leaving(integration: IntegrationInstance) -> dict[str, Any]:
    """What deleting it means."""
    return {
        "integration": integration,
        "tool": tool(integration.provider),
        "links": health.pairs(integration.streams.all()),
        "given_url": given.url(integration),
    }
