"""The provider catalog: one row per adapter, made from its manifest and curated by staff. Public schema."""

from __future__ import annotations

import re
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext_lazy as _

from integrations.catalog import texts
from integrations.secrets import SecretField

WRITE_ONLY = _("Shown to nobody. Left empty, the one that is stored stays.")


class Provider(models.Model):
    """`slug`, `name`, `tagline` and the manifest's facts follow the code; the rest is the staff's and is never overwritten."""

    slug = models.SlugField(max_length=50, unique=True, editable=False)
    name = models.CharField(max_length=100, editable=False)
    manifest = models.JSONField(default=dict, editable=False)  # capabilities, auth kinds, limits: for people to look at
    # staff's own
    is_active = models.BooleanField(_("active"), default=True, help_text=_("Off: no sync runs for any tenant."))
    is_visible = models.BooleanField(_("visible"), default=True, help_text=_("Off: cannot be newly connected."))
    description = models.TextField(_("description"), blank=True, help_text=_("Empty: the adapter's own sentence."))
    docs_url = models.URLField(_("documentation"), blank=True, help_text=_("Empty: the adapter's own link."))
    requests_per_minute = models.PositiveIntegerField(
        _("requests per minute"), null=True, blank=True, help_text=_("Per credential. Empty: the documented limit.")
    )
    position = models.IntegerField(_("position"), default=100)
    # our app there: of OAuth, and what its calls to us are signed with
    client_id = models.CharField(_("client id"), max_length=200, blank=True, default="")
    client_secret = SecretField(_("client secret"), null=True, blank=True, shared=True, help_text=WRITE_ONLY)
    hook_secret = SecretField(_("webhook secret"), null=True, blank=True, shared=True, help_text=WRITE_ONLY)
    is_present = models.BooleanField(default=True, editable=False)  # False once the adapter's folder is gone

    class Meta:
        ordering = ["position", "name"]

    def __str__(self) -> str:
        return self.name


class Calls(models.Model):
    """What one integration asked of its tool in one day of its tenant. Runs add to it when they end, not with every request.

    refused: answers that said "later". waited: seconds that requests waited for their turn or before they were sent again.
    left, of: a day's quota as the tool last told it; None where it does not. at: when something was last added.
    """

    integration_id = models.UUIDField()
    tenant = models.ForeignKey(settings.TENANT_MODEL, models.CASCADE, related_name="+")
    provider = models.CharField(max_length=50)
    day = models.DateField()
    requests = models.PositiveBigIntegerField(default=0)
    retries = models.PositiveBigIntegerField(default=0)
    refused = models.PositiveBigIntegerField(default=0)
    waited = models.FloatField(default=0.0)
    left = models.PositiveBigIntegerField(null=True)
    of = models.PositiveBigIntegerField(null=True)
    at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name = _("calls of a day")
        verbose_name_plural = _("calls by day")
        constraints = [models.UniqueConstraint(fields=["integration_id", "day"], name="calls_once_a_day")]
        indexes = [models.Index(fields=["day", "provider"], name="calls_of_provider")]

    def __str__(self) -> str:
        return f"{self.provider} {self.day}"


class Incident(models.Model):
    """A time in which a provider failed for many: opened, followed and ended by the runs that meet it (services/incidents.py).

    kind: the code of the failure. tenants, connections: the most that it hit. note: the staff's, shown to tenants.
    """

    provider = models.CharField(max_length=50, editable=False)
    kind = models.CharField(_("kind"), max_length=50, editable=False)
    began_at = models.DateTimeField(_("began"), editable=False)
    seen_at = models.DateTimeField(_("last seen"), editable=False)
    ended_at = models.DateTimeField(_("ended"), null=True, editable=False)
    tenants = models.PositiveIntegerField(_("tenants"), default=0, editable=False)
    connections = models.PositiveIntegerField(_("connections"), default=0, editable=False)
    note = models.TextField(_("note"), blank=True, default="", help_text=_("Tenants read it in their banner."))

    class Meta:
        ordering = ["-began_at"]
        verbose_name = _("incident")
        verbose_name_plural = _("incidents")
        constraints = [
            models.UniqueConstraint(
                fields=["provider"], condition=models.Q(ended_at=None), name="one_open_incident_of_a_provider"
            )
        ]

    def __str__(self) -> str:
        return f"{self.provider} {self.began_at:%Y-%m-%d %H:%M}"


class Unanswered(models.Model):
    """A connection whose last run failed by what may hit all tenants at once; gone when a run gets through."""

    integration_id = models.UUIDField(primary_key=True)
    tenant = models.ForeignKey(settings.TENANT_MODEL, models.CASCADE, related_name="+")
    provider = models.CharField(max_length=50)
    at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["provider", "at"], name="unanswered_of_provider")]

    def __str__(self) -> str:
        return f"{self.provider} {self.at}"


class FailureText(models.Model):
    """The staff's own words for a failure, in one language; what is left empty is told in the built-in words."""

    code = models.CharField(_("failure"), max_length=50)
    language = models.CharField(_("language"), max_length=10, choices=settings.LANGUAGES)
    title = models.CharField(_("what happened, in a few words"), max_length=200, blank=True, default="")
    happened = models.TextField(_("what it means"), max_length=600, blank=True, default="")
    todo = models.TextField(_("what to do"), max_length=600, blank=True, default="")

    class Meta:
        ordering = ["code", "language"]
        verbose_name = _("text of a failure")
        verbose_name_plural = _("texts of failures")
        constraints = [models.UniqueConstraint(fields=["code", "language"], name="text_of_failure_once")]

    def __str__(self) -> str:
        return f"{self.code} ({self.language})"

    def clean(self) -> None:
        """Only places that are filled in; anything else that looks like one is most likely a slip."""
        for name in texts.PARTS:
            if wrong := sorted(set(re.findall(r"%\((\w*)\)", getattr(self, name))) - set(texts.PLACES)):
                raise ValidationError(
                    {name: _("There is no “%(wrong)s” to be filled in; there are: %(known)s.")
                     % {"wrong": ", ".join(wrong), "known": ", ".join(f"%({one})s" for one in texts.PLACES)}}
                )  # fmt: skip
        if not any(getattr(self, name).strip() for name in texts.PARTS):
            raise ValidationError(_("Write at least one of the three texts; without any, the built-in ones are told."))

    def save(self, *args: Any, **kwargs: Any) -> None:
        super().save(*args, **kwargs)
        texts.forget()

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        done = super().delete(*args, **kwargs)
        texts.forget()
        return done
