"""Plans: what a run would do, made by letting it happen on copies, stored to be read, filtered, approved or thrown away."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.utils.translation import ngettext

from crm import registry
from integrations.adapters import errors
from integrations.adapters.registry import adapter_class
from integrations.models import IntegrationInstance, Plan, PlanLine, Status, Stream, SyncLog
from integrations.scheduling import due
from integrations.scheduling.leases import Lease
from integrations.scheduling.models import Priority
from integrations.scheduling.tasks import wake_on_commit
from integrations.services import edits, failures, lifecycle, sheet
from integrations.services.adapters import NotConnected, ProviderOff, open_adapter
from integrations.services.connect import Refused
from integrations.sync import engine, guard, rehearsal, stage

log = logging.getLogger(__name__)

KEPT = 5  # plans per integration; older ones go when a new one is made
SILENT_SECONDS = (
    60  # a plan without progress for so long is given to a worker again: the message or the worker was lost
)
ATTEMPTS = 3
YOUNG_MINUTES = 10  # a younger plan need not be made again to be looked at
VALID_HOURS = 12  # an older plan says too little about now


class Writes(Exception):
    """A rehearsal was about to write to the tool."""


def ask(integration: IntegrationInstance, by: str) -> Plan:
    """Begin a plan; a worker makes it. One that is being made already is answered instead. Raises Refused."""
    if problems := lifecycle.ready_problems(integration):
        raise Refused(" ".join(problems), code="not_ready")
    with transaction.atomic():
        IntegrationInstance.objects.select_for_update().get(pk=integration.pk)
        making = integration.plans.filter(state=Plan.State.MAKING).first()
        if making is not None:
            return look(making)
        integration.plans.filter(state=Plan.State.READY).update(state=Plan.State.DISCARDED, ended_at=timezone.now())
        plan = Plan.objects.create(integration=integration, made_by=by)
        _forget_old(integration)
        _wake(plan)
    return plan


def current(integration: IntegrationInstance, by: str) -> Plan:
    """The plan that says what would happen now: one in the making, a young one that still fits, else a new one."""
    plan = integration.plans.filter(state__in=(Plan.State.MAKING, Plan.State.READY)).first()
    if plan is None or (plan.made_at and timezone.now() - plan.made_at > dt.timedelta(minutes=YOUNG_MINUTES)):
        return ask(integration, by)
    if plan.made_at and not guard.still_fits(plan, integration.streams.filter(is_active=True)):
        return ask(integration, by)
    return look(plan)


def look(plan: Plan) -> Plan:
    """The plan as it stands; one that nobody works at any more is given to a worker again, and after a few times given up."""
    if plan.state != Plan.State.MAKING:
        return plan
    seen = plan.progress.get("at")
    last = dt.datetime.fromisoformat(seen) if seen else plan.asked_at
    if (timezone.now() - last).total_seconds() < SILENT_SECONDS or stage.is_occupied(plan.pk):
        return plan
    with transaction.atomic():
        plan = Plan.objects.select_for_update().get(pk=plan.pk)
        if plan.state == Plan.State.MAKING and plan.progress.get("at") == seen:
            if plan.progress.get("attempts", 0) >= ATTEMPTS:
                _fail(plan, "interrupted", "")
            else:
                plan.progress |= {"at": timezone.now().isoformat()}
                plan.save(update_fields=["progress"])
                _wake(plan)
    return plan


def asked_for() -> list[UUID]:
    return list(Plan.objects.filter(state=Plan.State.MAKING).values_list("pk", flat=True))


def make(plan_id: UUID) -> str:
    """Make a plan that was asked for; answers what happened, in a word. A second worker leaves it to the first."""
    plan = Plan.objects.filter(pk=plan_id, state=Plan.State.MAKING).select_related("integration").first()
    if plan is None:
        return "not asked for"
    try:
        with closing(open_adapter(plan.integration, before_send=_refuse_writes)) as adapter:
            streams = rehearsal.rehearse(plan, plan.integration, adapter, begin=lambda: _begin(plan))
    except stage.Occupied:
        return "being made"
    except rehearsal.Stopped:
        return "given up"
    except engine.SliceOver:
        return "interrupted"  # whoever looks at it next has it made again
    except (NotConnected, ProviderOff) as error:
        return _fail(plan, "not_connected" if isinstance(error, NotConnected) else "provider_off", "")
    except errors.AdapterError as error:
        return _fail(plan, error.code, str(error))
    except Exception:
        log.exception("plan %s of %s failed", plan.pk, plan.integration_id)
        return _fail(plan, "internal_error", "")
    _count_anew()
    done = Plan.objects.filter(pk=plan.pk, state=Plan.State.MAKING)
    done.update(state=Plan.State.READY, made_at=timezone.now(), streams=streams)
    return "ready"


def _begin(plan: Plan) -> None:
    """From the beginning: what an earlier attempt left is forgotten."""
    _delete_lines([plan.pk])
    progress = {"at": timezone.now().isoformat(), "attempts": plan.progress.get("attempts", 0) + 1}
    Plan.objects.filter(pk=plan.pk, state=Plan.State.MAKING).update(progress=progress, counts={})


def _count_anew() -> None:
    """So many lines came at once that PostgreSQL would go on planning for the few that there were."""
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE integrations_planline")


def _refuse_writes(is_write: bool) -> None:
    if is_write:
        raise Writes


def _fail(plan: Plan, code: str, detail: str) -> str:
    plan.state, plan.error_code, plan.error_detail, plan.ended_at = (
        Plan.State.FAILED,
        code,
        detail[:2000],
        timezone.now(),
    )
    facts = {name: getattr(plan, name) for name in ("state", "error_code", "error_detail", "ended_at")}
    Plan.objects.filter(pk=plan.pk, state=Plan.State.MAKING).update(**facts)
    return "failed"


# --- carrying out ---------------------------------------------------------------------------------------------------


def approve(plan: Plan, by: str) -> Plan:
    """Have exactly this done, at once; ordinary runs follow. Starts a connection that was not active yet. Raises Refused."""
    with transaction.atomic():
        integration = IntegrationInstance.objects.select_for_update().get(pk=plan.integration_id)
        plan = Plan.objects.select_for_update().get(pk=plan.pk)
        _refuse_outdated(plan, integration)
        plan.state, plan.approved_by, plan.approved_at = Plan.State.APPROVED, by, timezone.now()
        plan.save(update_fields=["state", "approved_by", "approved_at"])
        SyncLog.objects.create(integration=integration, state=SyncLog.State.ASKED, trigger="plan", plan=plan)
        if integration.status == Status.DRAFT:
            lifecycle.activate(integration, by="plan")
        elif integration.status != Status.ACTIVE:
            lifecycle.go_on(integration, by="plan")
        else:
            due.ask(integration.pk, Priority.PERSON, "plan")
            wake_on_commit(integration.pk)
    return plan


def _refuse_outdated(plan: Plan, integration: IntegrationInstance) -> None:
    if plan.state in (Plan.State.APPROVED, Plan.State.DONE) and plan.approved_by:
        raise Refused(_("%(who)s has approved this plan already.") % {"who": plan.approved_by}, code="plan_not_ready")
    if plan.state == Plan.State.DISCARDED:
        raise Refused(_("This plan was discarded meanwhile. Nothing of it was written."), code="plan_not_ready")
    if plan.state != Plan.State.READY:
        raise Refused(_("This plan cannot be approved (any more). Make a new one."), code="plan_not_ready")
    if plan.made_at is None or timezone.now() - plan.made_at > dt.timedelta(hours=VALID_HOURS):
        raise Refused(_("This plan is too old to be carried out. Make a new one."), code="plan_too_old")
    if not guard.still_fits(plan, integration.streams.filter(is_active=True)):
        text = _("The mapping was changed after this plan was made. Make a new one.")
        if edit := integration.edits.filter(at__gt=plan.asked_at).defer("before", "after").first():
            text = _("%(who)s changed the setup after this plan was made. Make a new one.") % {"who": edits.who(edit)}
        raise Refused(text, code="plan_outdated")


def unfinished(integration: IntegrationInstance) -> Plan | None:
    """An approved plan whose run failed: the next run goes on with it. One that waited for too long is given up."""
    plan = integration.plans.filter(state=Plan.State.APPROVED).first()
    if plan is None or plan.approved_at is None:
        return None
    if timezone.now() - plan.approved_at < dt.timedelta(hours=VALID_HOURS):
        return plan
    guard.finish(plan, _("The tool could not be reached for too long to carry this out."))
    _close(plan)
    return None


def conclude(run: SyncLog, lease: Lease, is_whole: bool) -> None:
    """The run that carries out a plan has come to its end, or a person stopped it: what was not done is left out."""
    plan = Plan.objects.get(runs=run)
    guard.finish(plan, "" if is_whole else _("The run was stopped before it came to this."))
    with transaction.atomic():
        lease.hold()
        if is_whole:
            guard.go_on_from_here(plan)
        _close(plan)


def _close(plan: Plan) -> None:
    Plan.objects.filter(pk=plan.pk, state=Plan.State.APPROVED).update(state=Plan.State.DONE, ended_at=timezone.now())


def discard(plan: Plan) -> None:
    """Nobody wants it. One that is being made stops at its next step. Raises Refused."""
    open_ = Plan.objects.filter(pk=plan.pk, state__in=(Plan.State.MAKING, Plan.State.READY, Plan.State.FAILED))
    if not open_.update(state=Plan.State.DISCARDED, ended_at=timezone.now()):
        raise Refused(_("This plan is being carried out, or has been."), code="not_open")
    plan.refresh_from_db()


def _forget_old(integration: IntegrationInstance) -> None:
    old = [pk for pk in integration.plans.values_list("pk", flat=True)[KEPT:]]
    carried_out = integration.plans.filter(pk__in=old, state=Plan.State.APPROVED).values_list("pk", flat=True)
    old = [pk for pk in old if pk not in set(carried_out)]
    _delete_lines(old)
    Plan.objects.filter(pk__in=old).delete()


def _delete_lines(plans: list[Any]) -> None:
    """In one statement: Django would read them first."""
    lines = PlanLine.objects.filter(plan__in=plans)
    lines._raw_delete(lines.db)


def _wake(plan: Plan) -> None:
    from integrations.scheduling.tasks import make_plan

    schema = connection.schema_name
    transaction.on_commit(lambda: make_plan.apply_async(args=[schema, str(plan.pk)], retry=False), robust=True)


# --- reading --------------------------------------------------------------------------------------------------------

AT_ONCE = 2000  # lines per part of a download


def lines(
    plan: Plan,
    stream: UUID | None = None,
    action: str = "",
    side: str = "",
    outcome: str = "",
    search: str = "",
    after: int = 0,
    limit: int = 100,
) -> list[PlanLine]:
    """The next lines in the plan's order. outcome: "done", "left_out" or "waiting". search: in the title."""
    return list(chosen(plan, stream, action, side, outcome, search).filter(pk__gt=after)[:limit])


def chosen(
    plan: Plan, stream: UUID | None = None, action: str = "", side: str = "", outcome: str = "", search: str = ""
) -> QuerySet[PlanLine]:
    found = PlanLine.objects.filter(plan=plan).order_by("id")
    wanted = {name: value for name, value in (("stream", stream), ("action", action), ("side", side)) if value}
    if outcome:
        wanted["outcome"] = "" if outcome == "waiting" else outcome
    if search:
        wanted["title__icontains"] = search
    return found.filter(**wanted)


def problems(stream: Stream, summary: Mapping[str, Any]) -> list[str]:
    """Why something of this stream stays behind, each reason once with its number. summary: one of Plan.streams."""
    told = []
    if summary["trouble"]:
        code, detail = summary["trouble"]
        manifest = adapter_class(stream.integration.provider).manifest
        told.append(failures.tell(code, detail, _(manifest.name)).text)
    fields = registry.entity(stream.entity).fields if summary["reasons"] else {}
    for name, reason, number in summary["reasons"]:
        label = fields[name].label if name in fields else name
        text = _("%(label)s: %(text)s") % {"label": label, "text": reason} if label else reason
        told.append(
            ngettext("%(number)s record waits. %(reason)s", "%(number)s records wait. %(reason)s", number)
            % {"number": number, "reason": text}
        )
    return told


def download(plan: Plan, **wanted: Any) -> Iterator[str]:
    """The lines as CSV, a row per field, part by part.

    wanted: as for `lines`.
    """
    told = {
        stream.pk: (stream.collection_name, _labels(stream.entity))
        for stream in Stream.objects.filter(integration=plan.integration_id).only("collection_name", "entity")
    }

    def part(last: int) -> tuple[Iterable[sheet.Row], int]:
        found = lines(plan, **wanted, after=last, limit=AT_ONCE)
        return (row for line in found for row in _rows(line, *told[line.stream_id])), found[-1].pk if found else 0

    return sheet.in_parts(COLUMNS, part)


COLUMNS = (
    lazy("Table"),
    lazy("Side"),
    lazy("Action"),
    lazy("Record"),
    lazy("Field"),
    lazy("Before"),
    lazy("After"),
    lazy("Why"),
    lazy("Outcome"),
)


def _labels(entity: str) -> dict[str, str]:
    return {name: field.label for name, field in registry.entity(entity).fields.items()}


def _rows(line: PlanLine, table: str, labels: Mapping[str, str]) -> Iterator[list[str]]:
    head = [table, line.side, line.action, line.title or line.remote_id or str(line.record_id)]
    outcome = f"{line.outcome}: {line.outcome_reason}" if line.outcome_reason else line.outcome
    for name, (old, new) in line.changes.items() or [("", (None, None))]:
        why = line.reason or (line.rules or {}).get(name, "")
        yield [*head, labels.get(name, name), sheet.text(old), sheet.text(new), why, outcome]
