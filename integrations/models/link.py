"""What ties one remote record to one local record, and what keeps a record from being tied."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from integrations.models.stream import Stream


class LinkState(models.TextChoices):
    """new: a local record waiting to be created there. gone: deleted on both sides; kept so that it stays so.

    unlinked: one side was deleted and the other is left alone. lost: deleted there although changed here, to be brought
    back. extra: a second copy of ours that is being put away.
    """

    NEW = "new"
    LINKED = "linked"
    GONE = "gone"
    UNLINKED = "unlinked"
    LOST = "lost"
    EXTRA = "extra"


class RecordLink(models.Model):
    """One remote record with one local record in a stream.

    base_local, base_remote: {local field name: canonical value} that each side held when they last agreed.
    intent: a write that was about to be sent: {"action", "fields": {name: [local value, value as it should read back]}}.
    ghosts: {name: [[local value, read-back value, until (unix seconds)], …]}: our writes whose outcome never became known.
    waiting: {name: remote value} of relations whose other end is not linked yet; waits_out: names that wait to go out.
    dirty: look at this record when pushing. unsure: a create of it was sent without ever learning its outcome.
    """

    id = models.BigAutoField(primary_key=True)
    stream = models.ForeignKey(Stream, models.CASCADE, related_name="links", db_index=False)
    remote_id = models.CharField(max_length=300, null=True)
    record_id = models.UUIDField(null=True)
    state = models.CharField(max_length=10, choices=LinkState.choices, default=LinkState.LINKED)
    base_local = models.JSONField(default=dict)
    base_remote = models.JSONField(default=dict)
    intent = models.JSONField(null=True)
    ghosts = models.JSONField(default=dict)
    waiting = models.JSONField(default=dict)
    waits_out = models.BooleanField(default=False)
    dirty = models.BooleanField(default=False)
    unsure = models.BooleanField(default=False)
    remote_version = models.CharField(max_length=200, null=True)
    remote_edited_at = models.DateTimeField(null=True)
    remote_url = models.CharField(max_length=2000, blank=True, default="")
    linked_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["stream", "remote_id"], name="link_remote_once"),
            models.UniqueConstraint(fields=["stream", "record_id"], name="link_record_once"),
        ]
        indexes = [
            models.Index(fields=["record_id"], name="link_record"),
            models.Index(fields=["stream", "id"], name="link_dirty", condition=Q(dirty=True)),
            models.Index(fields=["stream"], name="link_intent", condition=Q(intent__isnull=False)),
            models.Index(fields=["stream"], name="link_waiting", condition=Q(waits_out=True) | ~Q(waiting={})),
        ]

    def __str__(self) -> str:
        return f"{self.remote_id} ↔ {self.record_id}"


class HeldRecord(models.Model):
    """A remote record met during the first reading that could match a local one: decided when the listing is whole."""

    stream = models.ForeignKey(Stream, models.CASCADE, related_name="+", db_index=False)
    remote_id = models.CharField(max_length=300)
    key = models.TextField()
    record = models.JSONField()  # adapters.base.Record without `raw`

    class Meta:
        constraints = [models.UniqueConstraint(fields=["stream", "remote_id"], name="held_once")]
        indexes = [models.Index(fields=["stream", "key"], name="held_key")]

    def __str__(self) -> str:
        return self.remote_id


class SetAside(models.Model):
    """A record, or one field of it, that waits with its reason while the rest goes on.

    side: "here" when our value could not go out, "there" when theirs could not come in.
    fingerprint: of the value or key it is about; another value is tried at once.
    """

    stream = models.ForeignKey(Stream, models.CASCADE, related_name="set_aside")
    side = models.CharField(max_length=5)
    remote_id = models.CharField(max_length=300, blank=True, default="")
    record_id = models.UUIDField(null=True)
    title = models.CharField(max_length=500, blank=True, default="")
    field = models.CharField(max_length=60, blank=True, default="")
    code = models.CharField(max_length=50)
    reason = models.TextField()
    fingerprint = models.CharField(max_length=64, blank=True, default="")
    attempts = models.PositiveIntegerField(default=1)
    first_at = models.DateTimeField(auto_now_add=True)
    retry_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-first_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["stream", "side", "remote_id", "record_id", "field"],
                name="set_aside_once",
                nulls_distinct=False,
            )
        ]

    def __str__(self) -> str:
        return f"{self.title}: {self.reason}"
