"""What a run would do, stored so that a person can read it, approve it, and see afterwards what became of it."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from crm.fields import new_id
from integrations.models.instance import IntegrationInstance
from integrations.models.stream import Stream


class Plan(models.Model):
    """One plan. Approved, a run does exactly its lines; what moved since is left out and listed.

    counts: as in SyncLog, over all streams. streams: [{"stream", "counts", "problems"}]. places: how far the run that carries
    it out has read, per stream; the streams' own checkpoints stay, so that the next ordinary run sees what was left out.
    """

    class State(models.TextChoices):
        MAKING = "making", _("Being made")
        READY = "ready", _("Ready")
        APPROVED = "approved", _("Being carried out")
        DONE = "done", _("Carried out")
        FAILED = "failed", _("Failed")
        DISCARDED = "discarded", _("Discarded")

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    integration = models.ForeignKey(IntegrationInstance, models.CASCADE, related_name="plans")
    state = models.CharField(max_length=10, choices=State.choices, default=State.MAKING)
    made_by = models.CharField(max_length=254, blank=True, default="")
    approved_by = models.CharField(max_length=254, blank=True, default="")
    asked_at = models.DateTimeField(auto_now_add=True)
    made_at = models.DateTimeField(null=True)
    approved_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    progress = models.JSONField(default=dict)
    counts = models.JSONField(default=dict)
    streams = models.JSONField(default=list)
    places = models.JSONField(default=dict)
    error_code = models.CharField(max_length=50, blank=True, default="")
    error_detail = models.TextField(blank=True, default="")

    class Meta:
        ordering = ["-asked_at"]
        indexes = [models.Index(fields=["integration", "-asked_at"], name="plan_recent")]

    def __str__(self) -> str:
        return f"{self.integration} {self.asked_at:%Y-%m-%d %H:%M}"


class PlanLine(models.Model):
    """One record that would be touched. changes: {local field name: [old, new]} on `side`, as in SyncLogLine.

    record_id: also of a record that would be created here: the run that carries the plan out uses it.
    outcome: "" while nothing was done, "done", "left_out" (it moved since; `outcome_reason` says how).
    """

    id = models.BigAutoField(primary_key=True)
    plan = models.ForeignKey(Plan, models.CASCADE, related_name="lines", db_index=False)
    stream = models.ForeignKey(Stream, models.CASCADE, related_name="+", db_index=False)
    record_id = models.UUIDField(null=True)
    remote_id = models.CharField(max_length=300, blank=True, default="")
    title = models.CharField(max_length=500, blank=True, default="")
    side = models.CharField(max_length=5)
    action = models.CharField(max_length=12)
    changes = models.JSONField(default=dict)
    rules = models.JSONField(null=True)
    reason = models.TextField(blank=True, default="")
    outcome = models.CharField(max_length=10, blank=True, default="")
    outcome_reason = models.TextField(blank=True, default="")

    class Meta:
        ordering = ["id"]
        indexes = [
            models.Index(fields=["plan", "action", "side", "id"], name="plan_line_by_action"),
            models.Index(fields=["plan", "stream", "remote_id"], name="plan_line_by_remote"),
            models.Index(fields=["plan", "stream", "record_id"], name="plan_line_by_record"),
            models.Index(fields=["plan", "outcome", "id"], name="plan_line_by_outcome"),
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.title}"
