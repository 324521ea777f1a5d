"""What was told, to whom, and by which mail. All of it lives in the tenant's schema; people are known by their id."""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models import Q

from integrations.models import IntegrationInstance, Stream
from integrations.notifications.kinds import ByMail, Kind, Rhythm


class Told(models.Model):
    """What people know about one subject. turn: counts its notices, so that one change makes one, whoever sees it.

    subject: "integration:<id>", "stream:<id>", "incident:<provider>", "conflicts:<id>", "set_aside:<id>", "volumes:<id>",
    "silence:<id>", "webhook:<id>", "export:<id>", "runs". memory: what the subject needs besides, see watch.py.
    """

    subject = models.CharField(max_length=120, unique=True)
    integration = models.ForeignKey(IntegrationInstance, models.CASCADE, null=True, related_name="+")
    level = models.PositiveSmallIntegerField(default=0)
    code = models.CharField(max_length=50, blank=True, default="")
    before_level = models.PositiveSmallIntegerField(default=0)
    before_code = models.CharField(max_length=50, blank=True, default="")
    over_at = models.DateTimeField(null=True)
    turn = models.PositiveIntegerField(default=0)
    memory = models.JSONField(default=dict)

    class Meta:
        verbose_name_plural = "told"
        indexes = [models.Index(fields=["integration"], name="told_trouble", condition=Q(level__gt=0))]

    def __str__(self) -> str:
        return f"{self.subject}: {self.level} {self.code}"


class Notice(models.Model):
    """One change of state. facts: names and numbers for its words (words.py); never a value of a record, never a secret. With
    "user" in it, it is told to that person alone.

    over_at: when what it tells of was over; it is dismissed then.
    """

    id = models.BigAutoField(primary_key=True)
    kind = models.CharField(max_length=10, choices=Kind.choices)
    subject = models.CharField(max_length=120)
    turn = models.PositiveIntegerField()
    level = models.PositiveSmallIntegerField(default=0)
    code = models.CharField(max_length=50, blank=True, default="")
    integration = models.ForeignKey(IntegrationInstance, models.CASCADE, null=True, related_name="+")
    facts = models.JSONField(default=dict)
    at = models.DateTimeField()
    over_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-id"]
        constraints = [models.UniqueConstraint(fields=["subject", "turn"], name="notice_once")]
        indexes = [
            models.Index(fields=["at"], name="notice_at"),
            models.Index(fields=["subject"], name="notice_open", condition=Q(over_at=None)),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.subject} {self.turn}"


class Mail(models.Model):
    """One mail to one person. It collects until its time comes, is sent, and sent again while that fails.

    At least once: a crash between handing it over and writing that down sends it a second time, under the same Message-ID.
    held_until: while a worker sends it nobody else does.
    """

    class Sort(models.TextChoices):
        NOW = "now"
        DIGEST = "digest"

    class State(models.TextChoices):
        WAITING = "waiting"
        SENDING = "sending"
        SENT = "sent"
        FAILED = "failed"  # given up
        DROPPED = "dropped"  # nothing left to tell, or nobody to tell it to

    #: Those that go out, or go out again.
    PENDING = (State.WAITING, State.SENDING)

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user_id = models.BigIntegerField()
    sort = models.CharField(max_length=6, choices=Sort.choices)
    state = models.CharField(max_length=7, choices=State.choices, default=State.WAITING)
    due_at = models.DateTimeField()
    held_until = models.DateTimeField(null=True)
    tries = models.PositiveSmallIntegerField(default=0)
    made_at = models.DateTimeField(auto_now_add=True)
    sent_at = models.DateTimeField(null=True)
    problem = models.CharField(max_length=300, blank=True, default="")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user_id", "sort"], condition=Q(state="waiting"), name="one_waiting_mail")
        ]
        indexes = [
            models.Index(fields=["due_at"], name="mail_due", condition=Q(state__in=["waiting", "sending"])),
            models.Index(fields=["user_id", "sort", "-sent_at"], name="mail_last"),
        ]

    def __str__(self) -> str:
        return f"{self.sort} mail to {self.user_id}: {self.state}"


class Delivery(models.Model):
    """A notice for one person: shown in the app, sent by mail, or both."""

    id = models.BigAutoField(primary_key=True)
    notice = models.ForeignKey(Notice, models.CASCADE, related_name="deliveries", db_index=False)
    user_id = models.BigIntegerField()
    in_app = models.BooleanField(default=True)
    by_mail = models.CharField(max_length=6, choices=ByMail.choices, default=ByMail.NEVER)
    mail = models.ForeignKey(Mail, models.SET_NULL, null=True, related_name="deliveries")
    read_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-id"]
        verbose_name_plural = "deliveries"
        constraints = [models.UniqueConstraint(fields=["notice", "user_id"], name="delivery_once")]
        indexes = [
            models.Index(fields=["user_id", "-id"], name="delivery_list", condition=Q(in_app=True)),
            models.Index(fields=["user_id"], name="delivery_unread", condition=Q(in_app=True, read_at=None)),
        ]

    def __str__(self) -> str:
        return f"{self.notice_id} for {self.user_id}"


class Preference(models.Model):
    """How one person wants to be told here. choices: {kind: [in the app, by mail]}; one that is missing is the role's."""

    user_id = models.BigIntegerField(unique=True)
    choices = models.JSONField(default=dict)
    digest = models.CharField(max_length=6, choices=Rhythm.choices, default=Rhythm.DAILY)
    hour = models.PositiveSmallIntegerField(default=8)
    weekday = models.PositiveSmallIntegerField(default=0)

    def __str__(self) -> str:
        return str(self.user_id)


class Volume(models.Model):
    """What one run wrote in one table, on both sides. Of each table volumes.KEPT are kept; empty runs leave none."""

    stream = models.ForeignKey(Stream, models.CASCADE, related_name="+", db_index=False)
    run_id = models.UUIDField()
    at = models.DateTimeField()
    created = models.PositiveIntegerField(default=0)
    changed = models.PositiveIntegerField(default=0)
    deleted = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["stream", "run_id"], name="volume_once")]
        indexes = [models.Index(fields=["stream", "-at"], name="volume_recent")]

    def __str__(self) -> str:
        return f"{self.stream_id} {self.at}"
