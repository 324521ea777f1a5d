"""Who is to be told when a provider calls, for all tenants, in the public schema: a call finds its integrations in one look."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from integrations.secrets import SecretField


class Subscription(models.Model):
    """One collection of one integration whose changes the provider tells us of.

    Where whoever sets up the app there asks for the calls (`Hooks.made` "app"), the row only says whom a call concerns. Where
    we ask ("api"), it stands before the provider is asked, so that a lost answer leaves nothing unknown; `id` is the last part
    of the address that the provider calls.

    is_wanted: False: to be ended there, and then forgotten. remote_id: the provider's; "" until it has answered.
    tend_at: when to ask, prolong, or try again; None: nothing to do. heard_at: the last call.
    called_at: the first call that no run has been asked for yet.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    tenant = models.ForeignKey(settings.TENANT_MODEL, models.CASCADE, related_name="+", verbose_name=_("tenant"))
    integration_id = models.UUIDField(_("integration"))
    provider = models.CharField(_("provider"), max_length=50)
    account_id = models.CharField(_("account"), max_length=200)
    collection = models.CharField(_("collection"), max_length=300)
    is_wanted = models.BooleanField(_("wanted"), default=True)
    remote_id = models.CharField(max_length=300, blank=True, default="")
    secret = SecretField(null=True, shared=True, editable=False)
    expires_at = models.DateTimeField(_("expires"), null=True)
    tend_at = models.DateTimeField(_("looked after"), null=True)
    failures = models.PositiveSmallIntegerField(default=0)
    problem_code = models.CharField(
        _("problem"), max_length=50, blank=True, default=""
    )  # an errors.*.code, or not_https
    problem_detail = models.CharField(max_length=500, blank=True, default="")
    heard_at = models.DateTimeField(_("last heard"), null=True)
    called_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["integration_id", "collection"], name="subscription_once")]
        indexes = [
            models.Index(fields=["provider", "account_id"], name="subscription_of_account"),
            models.Index(fields=["tend_at"], name="subscription_to_tend", condition=models.Q(tend_at__isnull=False)),
            models.Index(fields=["called_at"], name="subscription_called", condition=models.Q(called_at__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"{self.provider} {self.collection}"


class Heard(models.Model):
    """A call that was heard, by its digest, for as long as it could come again."""

    digest = models.BinaryField(primary_key=True, max_length=32)
    at = models.DateTimeField()


class Handshake(models.Model):
    """A secret that somebody who says to be the provider handed over. Nothing is signed with it until staff confirm it."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    provider = models.CharField(_("provider"), max_length=50)
    secret = SecretField(shared=True, editable=False)
    address = models.CharField(_("came from"), max_length=100)
    at = models.DateTimeField(_("arrived"), auto_now_add=True)

    class Meta:
        ordering = ["-at"]

    def __str__(self) -> str:
        return f"{self.provider}, {self.at:%Y-%m-%d %H:%M}"
