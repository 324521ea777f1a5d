"""What happened: runs, a line per touched record, conflicts."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from crm.fields import new_id
from integrations.models.instance import IntegrationInstance
from integrations.models.stream import Stream


class SyncLog(models.Model):
    """One run. It may take several slices and survive the death of a worker: it stays `running` until nothing is left.

    counts: read, created_here, created_there, updated_here, updated_there, deleted_here, deleted_there, linked,
    skipped, set_aside, conflicts, requests. progress: {"stream": name, "phase": word}.
    """

    class State(models.TextChoices):
        RUNNING = "running", _("Running")
        DONE = "done", _("Done")
        FAILED = "failed", _("Failed")
        CANCELLED = "cancelled", _("Cancelled")

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    integration = models.ForeignKey(IntegrationInstance, models.CASCADE, related_name="runs")
    trigger = models.CharField(max_length=20)  # person, api, schedule, webhook
    state = models.CharField(max_length=10, choices=State.choices, default=State.RUNNING)
    started_at = models.DateTimeField(auto_now_add=True)
    ended_at = models.DateTimeField(null=True)
    worked_seconds = models.FloatField(default=0)
    slices = models.PositiveIntegerField(default=0)
    counts = models.JSONField(default=dict)
    progress = models.JSONField(default=dict)
    error_code = models.CharField(max_length=50, blank=True, default="")
    error_detail = models.TextField(blank=True, default="")
    exchanges = models.JSONField(default=list)  # last failing requests and answers, secrets removed
    cancel_asked = models.BooleanField(default=False)

    class Meta:
        ordering = ["-started_at"]
        constraints = [
            models.UniqueConstraint(fields=["integration"], condition=models.Q(state="running"), name="one_running_run")
        ]
        indexes = [models.Index(fields=["integration", "-started_at"], name="run_recent")]

    def __str__(self) -> str:
        return f"{self.integration} {self.started_at:%Y-%m-%d %H:%M}"


class SyncLogLine(models.Model):
    """One touched record of a run. changes: {local field name: [old, new]} on `side` ("here" or "there")."""

    id = models.BigAutoField(primary_key=True)
    run = models.ForeignKey(SyncLog, models.CASCADE, related_name="lines", db_index=False)
    stream = models.ForeignKey(Stream, models.CASCADE, related_name="+", db_index=False)
    record_id = models.UUIDField(null=True)
    remote_id = models.CharField(max_length=300, blank=True, default="")
    title = models.CharField(max_length=500, blank=True, default="")
    side = models.CharField(max_length=5)
    action = models.CharField(max_length=12)  # created, updated, deleted, restored, linked, set_aside, conflict
    changes = models.JSONField(default=dict)
    reason = models.TextField(blank=True, default="")
    at = models.DateTimeField()

    class Meta:
        ordering = ["id"]
        indexes = [models.Index(fields=["run", "action", "id"], name="line_by_action")]

    def __str__(self) -> str:
        return f"{self.action} {self.title}"


class Conflict(models.Model):
    """A field (or, with field "", the record's existence) that both sides changed since they last agreed, differently.

    Values are in local form. winner: local, remote, or "" while a person is asked.
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
    at = models.DateTimeField()

    class Meta:
        ordering = ["-at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["stream", "record_id", "field"], condition=models.Q(state="open"), name="one_open_conflict"
            )
        ]
        indexes = [models.Index(fields=["state", "-at"], name="conflict_state")]

    def __str__(self) -> str:
        return f"{self.title}: {self.field}"
