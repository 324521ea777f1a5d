"""How an integration stands, in a glyph, a sentence and the button that mends it. Asks a fixed number of queries."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.db import connection
from django.db.models import Count, Q
from django.db.models.functions import TruncDate
from django.urls import reverse
from django.utils import formats, timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from crm.registry import ENTITIES
from integrations.models import IntegrationInstance, Status, Stream, SyncLog
from integrations.scheduling.models import Due
from integrations.services import failures, problems, setup
from integrations.services.failures import Effect
from integrations.ui import agreement, words
from integrations.ui.tools import tool

DAYS = 14


@dataclass(frozen=True, slots=True)
class Standing:
    """state: of ui/_glyph.html. action: {label, url, post} or None. is_busy: worth asking again in two seconds."""

    state: str
    sentence: str
    action: dict[str, Any] | None = None
    is_busy: bool = False


@dataclass(frozen=True, slots=True)
class Unsettled:
    """failing: causes of what is set aside, and conflicts that wait, as the inbox counts them. waiting: records to be sent."""

    failing: int = 0
    waiting: int = 0


def standing(
    integration: IntegrationInstance,
    running: SyncLog | None,
    due: Due | None,
    streams: Sequence[Stream],
    left: Unsettled,
    last: str = "",
) -> Standing:
    """last: how the last run failed, as a code; "" when it did not."""
    provider = tool(integration.provider).name
    if integration.status == Status.DRAFT:
        return _of_draft(integration)
    if integration.status == Status.ATTENTION:
        trouble = words.trouble(integration.status_code, integration.status_detail, provider)
        return Standing("failing", f"{trouble.title}.", mends(integration, trouble.mend)[0])
    if running and integration.status == Status.ACTIVE:
        return Standing("running", progress(running), is_busy=True)
    if integration.status == Status.PAUSED:
        sentence = _("Paused. Changes wait on both sides.")
        if integration.status_code:
            sentence = f"{words.trouble(integration.status_code, integration.status_detail, provider).title}."
        if running:
            sentence = _("Pausing: the run stops at its next page.")
        action = {"label": _("Resume"), "url": reverse("connections:resume", args=[integration.pk]), "post": True}
        return Standing("paused", sentence, action, is_busy=bool(running))
    if due and due.due_at and due.due_at <= timezone.now():
        return Standing("waiting", _("Waiting for its turn to run."), is_busy=True)
    if (code := passing(integration, last)) and due and due.due_at:
        told = f"{words.trouble(code, '', provider).title}. {_next_try(due.due_at)}"
        if integration.warned_at and integration.failing_since:
            warning = _("Runs have failed since %(day)s; if this goes on, the connection is paused.")
            day = formats.date_format(timezone.localtime(integration.failing_since), "SHORT_DATE_FORMAT")
            return Standing("failing", f"{told} {warning % {'day': day}}")
        return Standing("waiting", told)
    if troubled := next((stream for stream in streams if stream.problem_code), None):
        trouble = words.trouble(troubled.problem_code, troubled.problem_detail, provider)
        mended = mend(integration, trouble.mend, troubled)
        told = _("%(table)s: %(title)s") % {"table": troubled.collection_name, "title": trouble.title}
        return Standing("failing", f"{told}.", mended)
    if left.failing:
        sentence = ngettext("%(n)s thing needs a look.", "%(n)s things need a look.", left.failing)
        look = {"label": _("Look"), "url": f"{reverse('inbox:list')}?{urlencode({'tool': integration.pk})}"}
        return Standing("waiting", sentence % {"n": formats.number_format(left.failing, force_grouping=True)}, look)
    if left.waiting:
        sentence = ngettext("%(n)s record waits to be sent.", "%(n)s records wait to be sent.", left.waiting)
        return Standing("waiting", sentence % {"n": formats.number_format(left.waiting, force_grouping=True)})
    return Standing("in_step", covers(streams, provider))


UNSETTLED = f"""{problems.CAUSES}
    SELECT s.integration_id, sum(found.aside + found.conflicts), sum(found.waiting)
    FROM integrations_stream s CROSS JOIN LATERAL (SELECT
        (SELECT {problems.THINGS} FROM causes WHERE causes.stream_id = s.id) AS aside,
        (SELECT count(*) FROM integrations_conflict c WHERE c.stream_id = s.id AND c.state = 'open') AS conflicts,
        (SELECT count(*) FROM integrations_recordlink l
         WHERE l.stream_id = s.id AND l.dirty AND l.left_out = '' AND l.state IN ('new', 'linked', 'lost')) AS waiting
    ) found
    WHERE s.integration_id = ANY(%s::uuid[]) GROUP BY s.integration_id
"""  # noqa: S608


def unsettled(ids: Sequence[UUID]) -> dict[UUID, Unsettled]:
    """What keeps these integrations from being in step, in one query; without those that have no table."""
    with connection.cursor() as cursor:
        cursor.execute(UNSETTLED, [list(ids)])
        return {pk: Unsettled(int(failing), int(waiting)) for pk, failing, waiting in cursor.fetchall()}


def _of_draft(integration: IntegrationInstance) -> Standing:
    step = setup.furthest(integration)
    number = setup.STEPS.index(step) + 1
    sentence = _("Not set up yet: step %(n)s of %(all)s waits for you.") % {"n": number, "all": len(setup.STEPS)}
    url = reverse("connections:setup", args=[integration.pk, step])
    return Standing("waiting", sentence, {"label": _("Go on with the setup"), "url": url, "needs_admin": True})


def passing(integration: IntegrationInstance, last: str) -> str:
    """Why an active connection is trying again by itself, as a code; "" when it is not."""
    if integration.status != Status.ACTIVE:
        return ""
    if last and failures.of(last).effect == Effect.RETRY:
        return last
    return "unavailable" if integration.failures else ""


def _next_try(at: dt.datetime) -> str:
    local = timezone.localtime(at)
    if local.date() == timezone.localdate():
        return _("The next try is at %(time)s.") % {"time": formats.time_format(local, "TIME_FORMAT")}
    return _("The next try is on %(day)s.") % {"day": formats.date_format(local, "DATETIME_FORMAT")}


def mend(integration: IntegrationInstance, what: str, stream: Stream | None = None) -> dict[str, Any] | None:
    """The one button for a trouble, of the whole connection or of one table. needs_admin: whoever is not may not go there."""
    leads = {
        "reconnect": (_("Reconnect"), "connections:reconnect"),
        "fix_mapping": (_("Look at the mapping"), "connections:tables"),
        "choose_table": (_("Look at the tables"), "connections:tables"),
        "go_on": (_("See what it is about"), "connections:detail"),
        "look": (_("See what it is about"), "connections:detail"),
        "resume": (_("Resume"), "connections:resume"),
        "contact_support": (_("Resume"), "connections:resume"),  # the text says whom to write to
    }
    if what not in leads:
        return None
    label, name = leads[what]
    if stream is not None and what == "fix_mapping":
        url = reverse("connections:mapping", args=[integration.pk, stream.pk])
        return {"label": label, "url": url, "needs_admin": True}
    action: dict[str, Any] = {"label": label, "url": reverse(name, args=[integration.pk])}
    if name in ("connections:reconnect", "connections:tables"):
        action["needs_admin"] = True
    return action | {"post": True} if name == "connections:resume" else action


def mends(integration: IntegrationInstance, what: str) -> list[dict[str, Any]]:
    """For a connection that stands still: the button that mends it, and where that alone does not set it going, another.

    Access that is missing is given at the tool, or by signing in anew, where the connection was made so. A key that cannot be
    read can be again once the operator has put the encryption key back.
    """
    if integration.status_code == "key_unreadable":
        wanted = ["reconnect", "resume"]
    elif what in ("reconnect", "go_on"):
        wanted = [what]
    elif integration.status_code == "access_denied":
        wanted = ["reconnect", "resume"] if integration.auth_kind == "oauth2" else ["resume", "reconnect"]
    else:
        wanted = [what, "resume"]
    found = {action["url"]: action for one in wanted if (action := mend(integration, one))}
    return list(found.values())


def progress(run: SyncLog) -> str:
    read = run.counts.get("read", 0)
    where = run.progress.get("stream", "")
    step = words.phase(run.progress.get("phase", ""))
    seen = ngettext("%(n)s record read", "%(n)s records read", read) % {
        "n": formats.number_format(read, force_grouping=True)
    }
    if where:
        return _("%(label)s: %(text)s") % {"label": where, "text": f"{step}, {seen}"}
    return f"{step}, {seen}".capitalize()


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


def rows(integrations: Sequence[IntegrationInstance] | None = None, may_manage: bool = True) -> list[dict[str, Any]]:
    """All connections (or these) as ui/_connection.html takes them: seven queries, however many there are.

    may_manage: without, no button leads where this person may not go.
    """
    shown = list(IntegrationInstance.objects.all()) if integrations is None else list(integrations)
    ids = [one.pk for one in shown]
    running = {run.integration_id: run for run in SyncLog.objects.filter(integration__in=ids, state="running")}
    due = Due.objects.in_bulk(ids)
    streams: dict[UUID, list[Stream]] = {}
    for stream in Stream.objects.filter(integration__in=ids).defer("schema"):
        streams.setdefault(stream.integration_id, []).append(stream)
    ended = SyncLog.objects.filter(integration__in=ids, ended_at__isnull=False)
    newest = ended.order_by("integration_id", "-started_at").distinct("integration_id")
    last = {run.integration_id: run for run in newest.only("integration_id", "ended_at", "error_code")}
    days, left, agree = _days(ids), unsettled(ids), agreement.of(ids)

    def stands(one: IntegrationInstance) -> Standing:
        mine = streams.get(one.pk, [])
        code = last[one.pk].error_code if one.pk in last else ""
        return standing(one, running.get(one.pk), due.get(one.pk), mine, left.get(one.pk, Unsettled()), code)

    return [
        _row(one, _open_to(one, stands(one), may_manage), last[one.pk].ended_at if one.pk in last else None, days)
        | _agreement(agree.get(one.pk))
        for one in shown
    ]


def _open_to(one: IntegrationInstance, how: Standing, may_manage: bool) -> Standing:
    if may_manage or not (how.action and how.action.get("needs_admin")):
        return how
    if one.status == Status.DRAFT:
        return replace(how, sentence=_("Not set up yet. An owner or admin can go on with it."), action=None)
    look = {"label": _("See what it is about"), "url": reverse("connections:detail", args=[one.pk])}
    return replace(how, action=look)


def _agreement(found: dict[str, Any] | None) -> dict[str, Any]:
    """Absent before the first sample: nothing is pretended."""
    if found is None or found["percent"] is None:
        return {"agreement": None}
    return {"agreement": found["percent"], "agreement_words": found["words"], "agreement_chart": found["chart"]}


def _row(one: IntegrationInstance, how: Standing, last: dt.datetime | None, days: dict[Any, Any]) -> dict[str, Any]:
    provider = tool(one.provider)
    bars = _bars(days.get(one.pk, {})) if one.status != Status.DRAFT else None
    return {
        "id": one.pk,
        "name": one.name,
        "url": reverse("connections:detail", args=[one.pk]),
        "provider": provider.name,
        "slug": provider.slug,
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
