"""What is due, for all tenants, in one public table. Celery messages only wake; this table is the truth."""

from __future__ import annotations

from django.conf import settings
from django.db import models


class Priority(models.IntegerChoices):
    """Lower goes first."""

    PERSON = 0, "a person asked"
    WEBHOOK = 1, "the tool called"
    SCHEDULE = 2, "by the schedule"
    BACKFILL = 3, "the rest of a long run"


class Due(models.Model):
    """When an integration is to run next, and who runs it now.

    due_at: None while nothing is planned (manual, paused, draft). It moves only when a run ends, so the death of a worker
    leaves the row due. asked_at: when somebody last asked for a run; one that came during a run is not forgotten.
    not_before: after a failure, when the tool may be asked again; only a person does so earlier.
    fence: counts claims; a worker whose number is not the row's any more has lost its lease.
    woken_at: when a wake-up was last sent, so that the dispatcher does not send one every few seconds.
    """

    integration_id = models.UUIDField(primary_key=True)
    tenant = models.ForeignKey(settings.TENANT_MODEL, models.CASCADE, related_name="+")
    due_at = models.DateTimeField(null=True)
    priority = models.SmallIntegerField(default=Priority.SCHEDULE, choices=Priority.choices)
    trigger = models.CharField(max_length=20, default="schedule")
    asked_at = models.DateTimeField(null=True)
    claimed_at = models.DateTimeField(null=True)
    woken_at = models.DateTimeField(null=True)
    not_before = models.DateTimeField(null=True)
    fence = models.BigIntegerField(default=0)
    leased_until = models.DateTimeField(null=True)
    holder = models.CharField(max_length=100, blank=True, default="")

    class Meta:
        verbose_name_plural = "due"
        indexes = [
            models.Index(fields=["due_at"], name="due_next", condition=models.Q(due_at__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"{self.integration_id} at {self.due_at}"
