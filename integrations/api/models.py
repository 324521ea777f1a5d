"""What the API remembers: the answers to calls that carried an `Idempotency-Key`. In the tenant's schema, as its records."""

from __future__ import annotations

from django.db import models


class Answer(models.Model):
    """The first answer to a call, given again when the call is repeated. Written in the transaction of what the call did.

    caller: whose key it is. fingerprint: keyed hash of method, address and body, so no credential stands here; body: sealed.
    """

    caller = models.CharField(max_length=60)
    key = models.CharField(max_length=255)
    fingerprint = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField()
    headers = models.JSONField(default=dict)
    body = models.TextField(blank=True, default="")
    at = models.DateTimeField(auto_now_add=True, db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["caller", "key"], name="api_answer_once")]

    def __str__(self) -> str:
        return f"{self.key}: {self.status}"
