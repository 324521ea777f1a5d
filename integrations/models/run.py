"""What happened: runs, a line per touched record, conflicts."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from crm.fields import new_id
from integrations.models.instance import IntegrationInstance
from integrations.models.stream import Stream


class SyncLog(models.Model):
    """One run. It may take several slices and survive the death of a worker: it stays `running` until nothing is left.

    asked: carries out a plan or takes a run back, as soon as the integration is free.

    plan: the approved plan that this run carries out. undoes: the run that this one takes back.
    counts: read, created_here, created_there, updated_here, updated_there, deleted_here, deleted_there, linked,
    skipped, set_aside, left_out, conflict, requests, and for the brake alone "deletes:<stream>" and "overwrites:<stream>".
    progress: {"stream": name, "phase": word}.
    """

    class State(models.TextChoices):
        ASKED = "asked", _("About to start")
        RUNNING = "running", _("Running")
        DONE = "done", _("Done")
        FAILED = "failed", _("Failed")
        CANCELLED = "cancelled", _("Cancelled")

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    integration = models.ForeignKey(IntegrationInstance, models.CASCADE, related_name="runs")
    trigger = models.CharField(max_length=20)  # person, api, schedule, webhook, plan, undo
    state = models.CharField(max_length=10, choices=State.choices, default=State.RUNNING)
    started_at = models.DateTimeField(auto_now_add=True)
    ended_at = models.DateTimeField(null=True)
    worked_seconds = models.FloatField(default=0)
    slices = models.PositiveIntegerField(default=0)
    claims = models.PositiveSmallIntegerField(default=0)  # workers that took it up since it last stored something
    counts = models.JSONField(default=dict)
    progress = models.JSONField(default=dict)
    error_code = models.CharField(max_length=50, blank=True, default="")
    error_detail = models.TextField(blank=True, default="")
    exchanges = models.JSONField(default=list)  # last failing requests and answers, secrets removed
    cancel_asked = models.BooleanField(default=False)
    plan = models.ForeignKey("integrations.Plan", models.SET_NULL, null=True, related_name="runs")
    undoes = models.ForeignKey("self", models.SET_NULL, null=True, related_name="undone_by")
    undo_scope = models.JSONField(null=True)  # as sync.undo.Asked.scope: how much of it, by whom, how far it has come

    class Meta:
        ordering = ["-started_at"]
        constraints = [
            models.UniqueConstraint(fields=["integration"], condition=models.Q(state="running"), name="one_running_run")
        ]
        indexes = [models.Index(fields=["integration", "-started_at"], name="run_recent")]

    def __str__(self) -> str:
        return f"{self.integration} {self.started_at:%Y-%m-%d %H:%M}"

    @property
    def told_counts(self) -> dict[str, int]:
        """`counts` as others may see them: without what only the brake asks for."""
        return {name: number for name, number in self.counts.items() if ":" not in name}


class SyncLogLine(models.Model):
    """One touched record of a run. changes: {local field name: [old, new]} on `side` ("here" or "there").

    before: {local field name: remote value in remote form} that a write there replaced although the two sides had not agreed
    on it: an undo gives it back to the tool alone. Of a line here: what stood there when it replaced ours though the two had
    never agreed; an undo leaves it there.
    rules: {local field name: why it went that way}: "theirs", "ours" (only that side changed), "first_meeting", "undo", "person"
    (chose in a conflict), or the name of the policy that decided a conflict.
    """

    id = models.BigAutoField(primary_key=True)
    run = models.ForeignKey(SyncLog, models.CASCADE, related_name="lines", db_index=False)
    stream = models.ForeignKey(Stream, models.CASCADE, related_name="+", db_index=False)
    record_id = models.UUIDField(null=True)
    remote_id = models.CharField(max_length=300, blank=True, default="")
    title = models.CharField(max_length=500, blank=True, default="")
    side = models.CharField(max_length=5)
    action = models.CharField(max_length=12)  # created, updated, deleted, restored, linked, set_aside, conflict
    changes = models.JSONField(default=dict)
    before = models.JSONField(null=True)
    rules = models.JSONField(null=True)
    reason = models.TextField(blank=True, default="")
    at = models.DateTimeField()

    class Meta:
        ordering = ["id"]
        indexes = [
            models.Index(fields=["run", "action", "id"], name="line_by_action"),
            models.Index(fields=["record_id", "id"], name="line_by_record"),
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.title}"


class Ended(models.TextChoices):
    """How an open conflict ended without anybody deciding it; kept as its `settled_by`."""

    AGREED = "agreed", _("Both sides agree now")
    GONE = "gone", _("The record is gone or no longer paired")
    UNMAPPED = "unmapped", _("The field is no longer mapped")
    RESTARTED = "restarted", _("Pairs were forgotten and matched anew")


class Conflict(models.Model):
    """A field (or, with field "", the record's existence) that both sides changed since they last agreed, differently.

    Values are in local form. winner: local, remote, or "" while a person is asked and when it ended by itself.
    settled_by: the person, one of `Ended`, or "" where the policy decided.
    """

    class State(models.TextChoices):
        OPEN = "open", _("Waits for you")
        SETTLED = "settled", _("Settled")

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    run = models.ForeignKey(SyncLog, models.SET_NULL, null=True, related_name="+")
    stream = models.ForeignKey(Stream, models.CASCADE, related_name="conflicts")
    record_id = models.UUIDField()
    remote_id = models.CharField(max_length=300, blank=True, default="")
    title = models.CharField(max_length=500, blank=True, default="")
    field = models.CharField(max_length=60, blank=True, default="")
    base = models.JSONField(null=True)
    local = models.JSONField(null=True)
    remote = models.JSONField(null=True)
    remote_raw = models.JSONField(null=True)  # the remote value in remote form, as read
    local_at = models.DateTimeField(null=True)
    remote_at = models.DateTimeField(null=True)
    local_actor = models.CharField(max_length=254, blank=True, default="")
    policy = models.CharField(max_length=10)
    winner = models.CharField(max_length=10, blank=True, default="")
    critical = models.BooleanField(default=False)
    state = models.CharField(max_length=10, choices=State.choices, default=State.SETTLED)
    settled_by = models.CharField(max_length=254, blank=True, default="")
    seen_at = models.DateTimeField(null=True)  # when a person acknowledged the alert of a critical field
    at = models.DateTimeField()

    class Meta:
        ordering = ["-at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["stream", "record_id", "field"], condition=models.Q(state="open"), name="one_open_conflict"
            )
        ]
        indexes = [
            models.Index(fields=["state", "-at"], name="conflict_state"),
            models.Index(fields=["record_id"], name="conflict_record"),
        ]

    def __str__(self) -> str:
        return f"{self.title}: {self.field}"

    @property
    def ended(self) -> str:
        """How it ended by itself, in words; "" where a policy or a person decided."""
        return str(Ended(self.settled_by).label) if self.settled_by in Ended.values else ""
