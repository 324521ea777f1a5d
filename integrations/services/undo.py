"""Taking a run back: whole, one record of it, or one field. First a look at what is possible, then a run that does it."""

from __future__ import annotations

from contextlib import closing
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from crm.feed import Actor
from integrations.models import IntegrationInstance, Status, SyncLog
from integrations.scheduling import due
from integrations.scheduling.models import Priority
from integrations.scheduling.tasks import wake_on_commit
from integrations.services.adapters import open_adapter
from integrations.services.connect import Refused
from integrations.services.streams import words
from integrations.sync import undo
from integrations.sync.effects import ACTIONS
from integrations.sync.store import Store
from integrations.sync.undo import Asked, Preview

LOOKED_AT = 150  # lines of the run that a preview looks at; of a longer run it tells about these
SHOWN = 100  # lines of either kind
RECENT = 10  # undos that are looked at for one that did not come to its end


def preview(run: SyncLog, record_id: UUID | None = None, field: str = "") -> Preview:
    """What would be taken back and what not, from what stands here now; the tool is asked only when it is done."""
    asked = _asked(run, Actor("system"), record_id, field)
    streams = run.integration.streams.filter(is_active=True).select_related("integration")
    with words(), closing(open_adapter(run.integration)) as adapter, transaction.atomic():
        stores = {
            stream.pk: Store(SyncLog(integration=run.integration), stream, None, adapter)  # type: ignore[arg-type]
            for stream in streams.prefetch_related("mappings")
        }
        return undo.preview(asked, stores, LOOKED_AT, SHOWN)


def ask(run: SyncLog, by: Actor, record_id: UUID | None = None, field: str = "") -> SyncLog:
    """Ask for a run that takes this one back, as soon as the integration is free. Raises Refused."""
    asked = _asked(run, by, record_id, field)
    with transaction.atomic():
        integration = IntegrationInstance.objects.select_for_update().get(pk=run.integration_id)
        _refuse(integration, run, asked)
        made = SyncLog.objects.create(
            integration=integration, state=SyncLog.State.ASKED, trigger="undo", undoes=run, undo_scope=asked.scope
        )
        due.ask(integration.pk, Priority.PERSON, "undo")
        wake_on_commit(integration.pk)
    return made


def unfinished(integration: IntegrationInstance) -> SyncLog | None:
    """A run that goes on with the undo that failed last; None when there is none."""
    undos = integration.runs.filter(undoes__isnull=False).order_by("-started_at", "-pk")
    last = next((one for one in undos[:RECENT] if _waits_to_go_on(one, undos)), None)
    if last is None:
        return None
    return SyncLog.objects.create(
        integration=integration,
        state=SyncLog.State.RUNNING,
        trigger="undo",
        undoes_id=last.undoes_id,
        undo_scope=last.undo_scope,
    )


def _waits_to_go_on(run: SyncLog, undos: QuerySet[SyncLog]) -> bool:
    """Failed, and no later run has gone on with it. A flaw of ours in it must not keep everything else from going on."""
    if run.state != SyncLog.State.FAILED or run.error_code == "internal_error":
        return False
    scope = {f"undo_scope__{name}": (run.undo_scope or {}).get(name) for name in ("record_id", "field")}
    return not undos.filter(undoes=run.undoes_id, started_at__gt=run.started_at, **scope).exists()


def _asked(run: SyncLog, by: Actor, record_id: UUID | None, field: str) -> Asked:
    """The change feed shall tell an edit of somebody's from an undo that they asked for."""
    label = _("%(who)s (undo)") % {"who": by.label}
    return Asked(run, Actor(by.kind, by.id, label), str(record_id or ""), field)


def _refuse(integration: IntegrationInstance, run: SyncLog, asked: Asked) -> None:
    states = SyncLog.State
    if run.state in (states.ASKED, states.RUNNING):
        raise Refused(_("This run has not ended yet. Wait for it, or cancel it."), code="still_running")
    if integration.status != Status.ACTIVE:
        raise Refused(
            _("Only an active connection can take a run back. Resume or reconnect it first."), code="not_active"
        )
    if asked.field and not asked.record_id and not _knows(run, asked.field):
        raise Refused(_("The run did not touch this field."), "field", "nothing_to_undo")
    for other in run.undone_by.filter(state__in=(states.ASKED, states.RUNNING)):
        if _covers(other.undo_scope or {}, asked):
            raise Refused(_("This is being taken back already."), code="undo_asked")
    lines = run.lines.filter(action__in=ACTIONS)
    if asked.record_id:
        lines = lines.filter(record_id=asked.record_id)
    if not lines.exists():
        raise Refused(_nothing(run, asked), code="nothing_to_undo")


def _covers(scope: dict[str, Any], asked: Asked) -> bool:
    """Whether what was asked for already includes this."""
    return all(not scope.get(name) or scope[name] == getattr(asked, name) for name in ("record_id", "field"))


def _knows(run: SyncLog, field: str) -> bool:
    return run.lines.filter(action__in=ACTIONS, changes__has_key=field).exists()


def _nothing(run: SyncLog, asked: Asked) -> str:
    wrote = any(number and name.partition("_")[0] in ACTIONS for name, number in run.counts.items())
    if asked.record_id:
        return _("The run did not touch this record, or its details are not kept any more.")
    if wrote:
        return _("What this run did is not kept in detail any more, so it cannot be taken back.")
    return _("This run changed nothing.")
