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


class DueEndpoint(models.Model):
    """When an endpoint of a tenant (integrations/outgoing) is to be sent something next, and who is at it.

    due_at: None while nothing waits. While somebody is at it, it is `leased_until`, so that a death leaves it due; earlier than
    that, something happened meanwhile. not_before: after a failure. failures: in a row.
    """

    endpoint_id = models.UUIDField(primary_key=True)
    tenant = models.ForeignKey(settings.TENANT_MODEL, models.CASCADE, related_name="+")
    due_at = models.DateTimeField(null=True)
    not_before = models.DateTimeField(null=True)
    leased_until = models.DateTimeField(null=True)
    failures = models.PositiveIntegerField(default=0)

    class Meta:
        verbose_name_plural = "due endpoints"
        indexes = [models.Index(fields=["due_at"], name="due_endpoint", condition=models.Q(due_at__isnull=False))]

    def __str__(self) -> str:
        return f"{self.endpoint_id} at {self.due_at}"


class Told(models.Model):
    """A mark that an endpoint has something to be sent, written with the event and taken away by the dispatcher.

    A row of its own for each: to touch `DueEndpoint` would have all writers of a tenant wait for one another.
    """

    endpoint_id = models.UUIDField()

    def __str__(self) -> str:
        return str(self.endpoint_id)


class Job(models.Model):
    """Work that a person asked for once: an import of a file, a large export. `id` is that of the tenant's own row about it.

    leased_until: a worker does it until then; fence: counts claims; failures: in a row.
    """

    id = models.UUIDField(primary_key=True)
    kind = models.CharField(max_length=20)
    tenant = models.ForeignKey(settings.TENANT_MODEL, models.CASCADE, related_name="+")
    asked_at = models.DateTimeField(auto_now_add=True)
    woken_at = models.DateTimeField(null=True)
    leased_until = models.DateTimeField(null=True)
    fence = models.PositiveIntegerField(default=0)
    failures = models.PositiveSmallIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"
