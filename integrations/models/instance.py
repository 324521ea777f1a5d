"""One tenant's configured connection to one provider."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from crm.fields import new_id
from integrations.secrets import SecretField


class Status(models.TextChoices):
    """draft: in the wizard. attention: stopped until a person acts, `status_code` says why."""

    DRAFT = "draft", _("Not set up yet")
    ACTIVE = "active", _("Active")
    PAUSED = "paused", _("Paused")
    ATTENTION = "attention", _("Needs you")


class Frequency(models.TextChoices):
    MANUAL = "manual", _("Only when asked")
    FIVE_MINUTES = "5min", _("Every 5 minutes")
    FIFTEEN_MINUTES = "15min", _("Every 15 minutes")
    HOURLY = "hourly", _("Every hour")
    DAILY = "daily", _("Every day")
    WEEKLY = "weekly", _("Every week")


class IntegrationInstance(models.Model):
    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    provider = models.CharField(max_length=50)  # the slug; no foreign key: the catalog lives in the public schema
    name = models.CharField(_("name"), max_length=100)
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.DRAFT)
    status_code = models.CharField(max_length=50, blank=True, default="")  # an errors.*.code
    status_detail = models.TextField(blank=True, default="")
    status_since = models.DateTimeField(auto_now_add=True)
    setup_step = models.CharField(max_length=10, default="connect")  # connect, map, settings, activate, done
    auth_kind = models.CharField(max_length=30, blank=True, default="")
    credentials = SecretField(null=True, editable=False)
    account_id = models.CharField(max_length=200, blank=True, default="")
    account_name = models.CharField(max_length=200, blank=True, default="")
    account_may = models.JSONField(default=list)
    frequency = models.CharField(max_length=10, choices=Frequency.choices, default=Frequency.FIVE_MINUTES)
    failures = models.PositiveIntegerField(default=0)  # runs in a row that ended in a transient error
    failing_since = models.DateTimeField(null=True)  # the first of them
    warned_at = models.DateTimeField(null=True)  # when people were told that it has failed for long
    created_by = models.CharField(max_length=254, blank=True, default="")
    created_at = models.DateTimeField(auto_now_add=True)
    activated_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["name", "id"]
        constraints = [models.UniqueConstraint(fields=["name"], name="integration_name_once")]

    def __str__(self) -> str:
        return self.name

    @property
    def has_key(self) -> bool:
        """OAuth keeps its tokens in `Grant`, where workers renew them."""
        return bool(self.credentials) or self.auth_kind == "oauth2"
