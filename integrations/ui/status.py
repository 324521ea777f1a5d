"""How an integration stands, in a glyph, a sentence and the button that mends it. Asks a fixed number of queries."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Count, Q
from django.db.models.functions import TruncDate
from django.urls import reverse
from django.utils import formats, timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from crm.registry import ENTITIES
from integrations.models import IntegrationInstance, Status, Stream, SyncLog
from integrations.scheduling.models import Due
from integrations.services import setup
from integrations.ui import words
from integrations.ui.tools import tool

DAYS = 14


@dataclass(frozen=True, slots=True)
class Standing:
    """state: of ui/_glyph.html. action: {label, url, post} or None. is_busy: worth asking again in two seconds."""

    state: str
    sentence: str
    action: dict[str, Any] | None = None
    is_busy: bool = False


def standing(
    integration: IntegrationInstance, running: SyncLog | None, due: Due | None, streams: Sequence[Stream]
) -> Standing:
    provider = tool(integration.provider).name
    if integration.status == Status.DRAFT:
        return _of_draft(integration)
    if integration.status == Status.ATTENTION:
        trouble = words.trouble(integration.status_code, integration.status_detail, provider)
        return Standing("failing", f"{trouble.title}.", mend(integration, trouble.mend))
    if running and integration.status == Status.ACTIVE:
        return Standing("running", progress(running), is_busy=True)
    if integration.status == Status.PAUSED:
        sentence = _("Paused. Changes wait on both sides.")
        if running:
            sentence = _("Pausing: the run stops at its next page.")
        action = {"label": _("Resume"), "url": reverse("connections:resume", args=[integration.pk]), "post": True}
        return Standing("paused", sentence, action, is_busy=bool(running))
    if due and due.due_at and due.due_at <= timezone.now():
        return Standing("waiting", _("Waiting for its turn to run."), is_busy=True)
    if integration.failures and due and due.due_at:
        sentence = _("%(tool)s did not answer. The next try is at %(time)s.")
        clock = formats.time_format(timezone.localtime(due.due_at), "TIME_FORMAT")
        return Standing("waiting", sentence % {"tool": provider, "time": clock})
    if troubled := next((stream for stream in streams if stream.problem_code), None):
        trouble = words.trouble(troubled.problem_code, troubled.problem_detail, provider)
        action = {
            "label": _("Look at the mapping"),
            "url": reverse("connections:mapping", args=[integration.pk, troubled.pk]),
        }
        return Standing("failing", f"{troubled.collection_name}: {trouble.title}.", action)
    return Standing("in_step", covers(streams, provider))


def _of_draft(integration: IntegrationInstance) -> Standing:
    step = setup.furthest(integration)
    number = setup.STEPS.index(step) + 1
    sentence = _("Not set up yet: step %(n)s of %(all)s waits for you.") % {"n": number, "all": len(setup.STEPS)}
    url = reverse("connections:setup", args=[integration.pk, step])
    return Standing("waiting", sentence, {"label": _("Go on with the setup"), "url": url})


def mend(integration: IntegrationInstance, what: str) -> dict[str, Any] | None:
    """The one button for a trouble."""
    if what == "reconnect":
        return {"label": _("Reconnect"), "url": reverse("connections:reconnect", args=[integration.pk])}
    if what == "mapping":
        return {"label": _("Look at the mapping"), "url": reverse("connections:tables", args=[integration.pk])}
    if what == "resume":
        return {"label": _("Resume"), "url": reverse("connections:resume", args=[integration.pk]), "post": True}
    if what == "brake":
        return {"label": _("See what it is about"), "url": reverse("connections:detail", args=[integration.pk])}
    return None


def progress(run: SyncLog) -> str:
    read = run.counts.get("read", 0)
    where = run.progress.get("stream", "")
    step = words.phase(run.progress.get("phase", ""))
    seen = ngettext("%(n)s record read", "%(n)s records read", read) % {
        "n": formats.number_format(read, force_grouping=True)
    }
    return f"{where}: {step}, {seen}" if where else f"{step}, {seen}".capitalize()


def covers(streams: Sequence[Stream], provider: str) -> str:
    """What is kept in step: "Contacts and deals, both ways"."""
    by_direction: dict[str, list[str]] = {}
    for stream in streams:
        by_direction.setdefault(stream.direction, []).append(plural(stream.entity))
    parts = [f"{_join(names)} {words.direction(way, provider)}" for way, names in by_direction.items()]
    return "; ".join(parts) or _("No table is paired yet.")


def plural(entity: str) -> str:
    declared = ENTITIES.get(entity)
    return str(declared.model._meta.verbose_name_plural).capitalize() if declared else entity


def _join(names: list[str]) -> str:
    names = list(dict.fromkeys(names))
    first, rest = names[0], [name[:1].lower() + name[1:] for name in names[1:]]
    if not rest:
        return first
    head = ", ".join([first, *rest[:-1]])
    return _("%(first)s and %(last)s") % {"first": head, "last": rest[-1]}


# --- several at once --------------------------------------------------------------------------------------------------


def rows(integrations: Sequence[IntegrationInstance] | None = None) -> list[dict[str, Any]]:
    """All connections (or these) as ui/_connection.html takes them: five queries, however many there are."""
    shown = list(IntegrationInstance.objects.all()) if integrations is None else list(integrations)
    ids = [one.pk for one in shown]
    running = {run.integration_id: run for run in SyncLog.objects.filter(integration__in=ids, state="running")}
    due = Due.objects.in_bulk(ids)
    streams: dict[UUID, list[Stream]] = {}
    for stream in Stream.objects.filter(integration__in=ids).defer("schema"):
        streams.setdefault(stream.integration_id, []).append(stream)
    ended = SyncLog.objects.filter(integration__in=ids).exclude(state="running")
    last = dict(
        ended.order_by("integration", "-started_at").distinct("integration").values_list("integration", "ended_at")
    )
    days = _days(ids)
    return [
        _row(one, standing(one, running.get(one.pk), due.get(one.pk), streams.get(one.pk, [])), last.get(one.pk), days)
        for one in shown
    ]


def _row(one: IntegrationInstance, how: Standing, last: dt.datetime | None, days: dict[Any, Any]) -> dict[str, Any]:
    provider = tool(one.provider)
    bars = _bars(days.get(one.pk, {})) if one.status != Status.DRAFT else None
    return {
        "id": one.pk,
        "name": one.name,
        "url": reverse("connections:detail", args=[one.pk]),
        "provider": provider.name,
        "letters": provider.letters,
        "tone": provider.tone,
        "state": how.state,
        "status": how.sentence,
        "last_at": last,
        "is_draft": one.status == Status.DRAFT,
        "days": bars,
        "days_words": _days_words(bars) if bars else "",
        "action": _link(how.action, one),
    }


def _link(action: dict[str, Any] | None, one: IntegrationInstance) -> dict[str, Any] | None:
    """In a list a button leads to the page where the deed is done: one does not resume what one does not see."""
    if action and action.get("post"):
        return action | {"url": reverse("connections:detail", args=[one.pk])}
    return action


def _days(ids: Sequence[UUID]) -> dict[UUID, dict[dt.date, tuple[int, int]]]:
    """{integration: {day: (runs, failed ones)}} of the last two weeks."""
    since = timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0) - dt.timedelta(days=DAYS - 1)
    found: dict[UUID, dict[dt.date, tuple[int, int]]] = {}
    rows = (
        SyncLog.objects.filter(integration__in=ids, started_at__gte=since)
        .annotate(day=TruncDate("started_at"))
        .values_list("integration", "day")
        .annotate(runs=Count("id"), failed=Count("id", filter=Q(state="failed")))
        .order_by()
    )
    for integration, day, runs, failed in rows:
        found.setdefault(integration, {})[day] = (runs, failed)
    return found


def _bars(days: dict[dt.date, tuple[int, int]]) -> list[dict[str, Any]]:
    today = timezone.localdate()
    most = max((runs for runs, _failed in days.values()), default=1)
    bars = []
    for back in range(DAYS - 1, -1, -1):
        day = today - dt.timedelta(days=back)
        runs, failed = days.get(day, (0, 0))
        state = "" if not runs else "failed" if failed == runs else "some" if failed else "ok"
        said = ngettext("%(day)s: %(n)s run, %(failed)s failed", "%(day)s: %(n)s runs, %(failed)s failed", runs)
        words_ = said % {"day": formats.date_format(day, "MONTH_DAY_FORMAT"), "n": runs, "failed": failed}
        bars.append({"state": state, "level": max(1, round(4 * runs / most)) if runs else 0, "words": words_,
                     "runs": runs, "failed": failed})  # fmt: skip
    return bars


def _days_words(bars: list[dict[str, Any]]) -> str:
    return _("The last %(days)s days: %(runs)s runs, %(failed)s failed") % {
        "days": len(bars),
        "runs": sum(bar["runs"] for bar in bars),
        "failed": sum(bar["failed"] for bar in bars),
    }
