"""What the page tells of Raccord's side: which connection practises here, how it stands, and where the edited record is."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _

from integrations.models import IntegrationInstance, RecordLink, Status, SyncLog
from integrations.services import waiting
from practice.models import Event, Table, Workspace


@dataclass(frozen=True, slots=True)
class Guide:
    """Three steps, each "todo", "current" or "done", and a sentence about what just happened.

    mood: "agree", "trouble" or "" for the sentence. record: where the last edited row is in Raccord; None while nobody knows.
    """

    integration: IntegrationInstance | None
    steps: tuple[dict[str, Any], ...]
    sentence: str
    mood: str
    record: dict[str, str] | None
    is_busy: bool

    @property
    def fingerprint(self) -> str:
        """Another one when the page would show something else."""
        standing = self.integration and (self.integration.status, self.integration.setup_step)
        told = repr((self.sentence, self.record, self.is_busy, standing, self.steps))
        return hashlib.sha256(told.encode()).hexdigest()[:12]


def guide(workspace: Workspace) -> Guide:
    mine = IntegrationInstance.objects.defer("credentials")
    integration = mine.filter(pk=workspace.integration_id).first() if workspace.integration_id else None
    edit = workspace.events.filter(kind__in=[Event.Kind.EDITED, Event.Kind.ADDED]).first()
    run = integration.runs.order_by("-started_at").first() if integration else None
    is_busy = bool(run and run.state in (SyncLog.State.ASKED, SyncLog.State.RUNNING))
    has_run = bool(edit and run and run.state == SyncLog.State.DONE and run.started_at >= edit.at)
    record = _record(integration, workspace, edit) if integration and edit else None
    goes_out = bool(integration and has_run and record and waiting.count(integration.pk))
    looked = has_run and not goes_out
    states = ["done" if edit else "current", "done" if looked else "current" if edit else "todo"]
    states.append("done" if goes_out else "current" if has_run and record else "todo")
    sentence, mood = _sentence(integration, edit, run, is_busy, has_run, record, goes_out)
    return Guide(
        integration,
        tuple({"state": state} for state in states),
        sentence,
        mood,
        record,
        is_busy,
    )


def _sentence(
    integration: IntegrationInstance | None,
    edit: Event | None,
    run: SyncLog | None,
    is_busy: bool,
    has_run: bool,
    record: dict[str, str] | None,
    goes_out: bool,
) -> tuple[str, str]:
    if integration is None:
        return _("No connection practises here any more. Start again in Raccord, and it goes on with these rows."), ""
    if integration.setup_step != "done":
        return _("The connection is not set up yet. Finish it in Raccord: a few steps, nothing to type."), ""
    if integration.status == Status.ATTENTION:
        return _("The connection has stopped and waits for you in Raccord. Nothing is lost meanwhile."), "trouble"
    if integration.status == Status.PAUSED:
        return _("The connection is paused. What you change here waits until it goes on."), ""
    if is_busy:
        return _("Raccord is syncing now."), ""
    if edit is None:
        return _("Click a cell and change it: Raccord is told within seconds."), ""
    facts = {"what": edit.title, "field": edit.field}
    if goes_out:
        return _("A change made in Raccord is on its way here. Press Sync now to see it at once."), ""
    if has_run and record:
        return _("It has arrived: %(what)s is the same on both sides.") % facts, "agree"
    if has_run:
        return _("Raccord has looked. %(what)s has no record there yet; its inbox says why.") % facts, ""
    if run and run.state == SyncLog.State.FAILED and run.started_at >= edit.at:
        return _("The sync did not get through, and is tried again by itself. Your change waits here."), "trouble"
    return _("You changed %(what)s. Raccord has been told; press Sync now to see it at once.") % facts, ""


def _record(integration: IntegrationInstance, workspace: Workspace, edit: Event) -> dict[str, str] | None:
    table = Table.objects.filter(workspace=workspace, name=edit.table).first()
    link = (
        RecordLink.objects.filter(
            stream__integration=integration, stream__collection=table.slug, remote_id=edit.row, record_id__isnull=False
        )
        .select_related("stream")
        .first()
        if table
        else None
    )
    if link is None:
        return None
    return {"title": edit.title, "url": reverse("records:detail", args=[link.stream.entity, link.record_id])}
