"""What an OAuth sign-in gave us, apart from the integration's row."""

from __future__ import annotations

from django.db import models

from integrations.models.instance import IntegrationInstance
from integrations.secrets import SecretField


class Grant(models.Model):
    """Tokens that workers renew. Many parts write to an integration's row; here writes `integrations.oauth` alone.

    asked_at: a renewal was asked for, and what became of it is not stored. Still set when the next one begins, it says that
    an answer was lost, and with it perhaps the only new token.
    """

    integration = models.OneToOneField(IntegrationInstance, models.CASCADE, primary_key=True, related_name="grant")
    tokens = SecretField(editable=False)  # {"token", "refresh_token", "scope"}
    expires_at = models.DateTimeField(null=True)  # of the access token; null: the provider does not say
    renew_by = models.DateTimeField(null=True, db_index=True)  # unused for much longer, it would lapse
    renewed_at = models.DateTimeField()
    asked_at = models.DateTimeField(null=True)
    failures = models.PositiveIntegerField(default=0)  # renewals in a row that met trouble that may pass
    failed_at = models.DateTimeField(null=True)  # the last of them
    ended_at = models.DateTimeField(null=True)  # the provider takes it no more: only a person can mend that
    ended_code = models.CharField(max_length=50, blank=True, default="")  # an errors.*.code
    ended_detail = models.TextField(blank=True, default="")
