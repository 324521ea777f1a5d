"""How many of the pairs that we call in step really agree, as measured by reading both sides."""

from __future__ import annotations

from django.db import models

from integrations.models.stream import Stream


class Agreement(models.Model):
    """One day's sample of a stream: `seen` pairs were read on both sides (services/agreement.py).

    moving: pairs of which somebody was changing a value just then; they say nothing. differ: the links that do not agree,
    [{"link", "record_id", "remote_id", "title", "fields"}]. upto: the last link of the sample; the next one begins after it.
    """

    stream = models.ForeignKey(Stream, models.CASCADE, related_name="agreements", db_index=False)
    day = models.DateField()
    seen = models.PositiveIntegerField(default=0)
    agree = models.PositiveIntegerField(default=0)
    moving = models.PositiveIntegerField(default=0)
    differ = models.JSONField(default=list)
    upto = models.BigIntegerField(default=0)
    at = models.DateTimeField()

    class Meta:
        ordering = ["-day"]
        constraints = [models.UniqueConstraint(fields=["stream", "day"], name="agreement_once_a_day")]

    def __str__(self) -> str:
        return f"{self.stream} {self.day}: {self.agree} of {self.seen}"
