"""Public schema."""

from __future__ import annotations

from django.conf import settings
from django.db import models


class Ring(models.Model):
    """Something happened in a tenant that people may have to be told, or a mail of it is due. Gone once that was looked at.

    A row of its own for each, which nobody else writes to: a run that ends never waits for another one here.
    """

    id = models.BigAutoField(primary_key=True)
    tenant = models.ForeignKey(settings.TENANT_MODEL, models.CASCADE, related_name="+")
    look_at = models.DateTimeField(db_index=True)
    woken_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.tenant_id} at {self.look_at}"


class FailedMail(models.Model):
    """A mail that was given up, for staff: whose and why, never what stood in it. `mail_id`: the row in the tenant's schema."""

    mail_id = models.UUIDField(primary_key=True)
    tenant = models.ForeignKey(settings.TENANT_MODEL, models.CASCADE, related_name="+")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    problem = models.CharField(max_length=300)
    tries = models.PositiveSmallIntegerField()
    failed_at = models.DateTimeField(db_index=True)

    class Meta:
        ordering = ["-failed_at"]

    def __str__(self) -> str:
        return f"{self.user} {self.problem}"
