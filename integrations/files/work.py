"""What workers do for imports and exports."""

from __future__ import annotations

from contextlib import contextmanager
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import override

from integrations.files import applying, exports, imports
from integrations.files.models import Export, Import
from integrations.notifications.bell import rings
from integrations.scheduling.jobs import Handler, Turn

State = Import.State


def do_import(job_id: UUID, turn: Turn) -> bool:
    """The next piece of an import, in the language of whoever brought the file: its reasons are stored as words."""
    job = Import.objects.filter(pk=job_id).first()
    if job is None:
        return True
    with _speaking(job.language):
        if job.state == State.PLANNING:
            imports.make_plan(job_id, turn, connection.tenant)
            return True
        finished = applying.apply(job_id, turn) if job.state == State.RUNNING else applying.undo(job_id, turn)
    if finished:
        _forget_file(job_id)
    return finished


def _forget_file(job_id: UUID) -> None:
    """Of one that is over. A message that comes again finds a plan that waits for approval: it may be changed still, and read
    again."""
    job = Import.objects.filter(pk=job_id, state__in=(State.DONE, State.UNDONE, State.DISCARDED)).first()
    if job:
        imports.forget_file(job)


def import_failed(job_id: UUID) -> None:
    """What was done is done, and can be taken back; the rest is told as not done."""
    job = Import.objects.select_for_update().get(pk=job_id)
    with _speaking(job.language):
        told = _("A fault of ours stopped it. What is done is listed below; bring the file again for the rest.")
        if job.state == State.PLANNING:
            told = _("A fault of ours stopped it. Nothing was written.")
        if job.state == State.UNDOING:
            told = _("A fault of ours stopped it. Take the import back once more for the rest.")
    after = {State.PLANNING: State.FAILED, State.RUNNING: State.DONE, State.UNDOING: State.DONE}.get(State(job.state))
    if after is not None:  # else it was thrown away meanwhile
        Import.objects.filter(pk=job_id).update(
            state=after, problem=told, version=F("version") + 1, ended_at=timezone.now(), changed_at=timezone.now()
        )


def export_failed(job_id: UUID) -> None:
    unfinished = Export.objects.filter(pk=job_id, state__in=(Export.State.WAITING, Export.State.RUNNING))
    with transaction.atomic():
        if unfinished.update(state=Export.State.FAILED, ended_at=timezone.now()):
            rings.ring()


@contextmanager
def _speaking(language: str) -> Any:
    with override(language or None), timezone.override(getattr(connection.tenant, "timezone", None)):
        yield


on_import = Handler(do_import, import_failed)
on_export = Handler(exports.do, export_failed)
