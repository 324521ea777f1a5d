"""Who is told, what happened, and what became of telling it."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

from crm.fields import new_id
from integrations.secrets import SecretField


class Off(models.TextChoices):
    """Why an endpoint is told nothing."""

    PERSON = "person", _("Switched off")
    GONE = "gone", _("Switched off: it answered that it is gone")
    FAILING = "failing", _("Switched off: it took nothing for days")


class Endpoint(models.Model):
    """An address of the tenant's own programs.

    events: names of `events.EVENTS`. secret: the bytes in base64, as `signing` wants them; old_secret: signs too until
    `old_secret_until`, so that the receiver can change over. off: why it is off; "" while it is on.
    failing_since: the first of the failures in a row, with none that was taken since.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    url = models.CharField(max_length=2000)
    note = models.CharField(max_length=100, blank=True, default="")
    events = ArrayField(models.CharField(max_length=40))
    secret = SecretField(editable=False)
    old_secret = SecretField(null=True, editable=False)
    old_secret_until = models.DateTimeField(null=True)
    off = models.CharField(max_length=10, choices=Off.choices, blank=True, default="")
    off_at = models.DateTimeField(null=True)
    failing_since = models.DateTimeField(null=True)
    delivered_at = models.DateTimeField(null=True)
    created_by = models.CharField(max_length=254, blank=True, default="")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return self.note or self.url

    @property
    def is_on(self) -> bool:
        return not self.off


class Event(models.Model):
    """What happened, once, for all who are told. `id` is the header webhook-id of every delivery.

    data: what the trigger noted (ids, names, counts). body: what is sent, made when it first is, the same ever after.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    type = models.CharField(max_length=40)
    data = models.JSONField(default=dict)
    body = models.TextField(blank=True, default="")
    at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["at"], name="outgoing_event_at")]

    def __str__(self) -> str:
        return self.type


class Delivery(models.Model):
    """One event for one endpoint, written in the transaction of the event.

    next_at: of one that waits. tries: [{"at", "status", "error", "ms"}], the last ones. answer: the last, cut.
    error: of the last try, one of `post.ERRORS`, or "" when there was an answer.
    """

    class State(models.TextChoices):
        WAITING = "waiting", _("Waiting")
        DELIVERED = "delivered", _("Delivered")
        FAILED = "failed", _("Not delivered")

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    endpoint = models.ForeignKey(Endpoint, models.CASCADE, related_name="deliveries", db_index=False)
    event = models.ForeignKey(Event, models.CASCADE, related_name="deliveries")
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    at = models.DateTimeField()
    next_at = models.DateTimeField(null=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    status = models.PositiveSmallIntegerField(null=True)
    error = models.CharField(max_length=20, blank=True, default="")
    answer = models.TextField(blank=True, default="")
    ms = models.PositiveIntegerField(null=True)
    sent_at = models.DateTimeField(null=True)
    tries = models.JSONField(default=list)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["endpoint", "event"], name="delivered_once")]
        indexes = [
            models.Index(fields=["endpoint", "-at", "-id"], name="delivery_recent"),
            models.Index(fields=["endpoint", "next_at"], name="delivery_next", condition=models.Q(state="waiting")),
        ]

    def __str__(self) -> str:
        return f"{self.event} → {self.endpoint}"
