"""What ties one remote record to one local record, and what keeps a record from being tied."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import Q, Value
from django.utils.translation import gettext_lazy as _

from integrations.models.stream import Stream


class LinkState(models.TextChoices):
    """new: a local record waiting to be created there. gone: deleted on both sides; kept so that it stays so.

    left: one side was deleted and the other is left alone; the pair comes back with the record. unlinked: parted for good, only a
    person pairs them again. lost: deleted there although changed here, to be brought
    back. extra: a record of ours there that is being put away: a second copy, or by an undo while ours stays.
    """

    NEW = "new"
    LINKED = "linked"
    GONE = "gone"
    LEFT = "left"
    UNLINKED = "unlinked"
    LOST = "lost"
    EXTRA = "extra"


class LeftOut(models.TextChoices):
    """Why a linked record does not travel for now. Its bases stay, so that it is merged when it takes part again."""

    FILTER = "filter", _("outside the filter")
    NO_MATCH = "no_match", _("has no partner, and only pairs are wanted")
    PAUSED = "paused", _("paused")
    PING_PONG = "ping_pong", _("two writers keep changing it back and forth")


class RecordLink(models.Model):
    """One remote record with one local record in a stream.

    base_local, base_remote: {local field name: canonical value} that each side held when they last agreed.
    intent: a write that was about to be sent: {"action", "at", "fields": {name: [local value, value as it should read back]}};
    of a create also what its means needs to know it again (sync/creates.py): {"id", "key", "values": {remote field id: value}}.
    ghosts: {name: [[local value, read-back value, until (unix seconds)], …]}: our writes whose outcome never became known;
    under "" the ids, made before the request, of creates that may still arrive.
    waiting: {name: remote value} of relations whose other end is not linked yet; waits_out: names that wait to go out.
    dirty: look at this record when pushing. reread: read it by id with the next run. left_out: it does not travel, and why.
    flips: {name: [[side, fingerprint, at (unix seconds), by], …]}: who wrote a field by turns lately, for the ping-pong breaker.
    unsure: a create of it was sent without ever learning its outcome.
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
    reread = models.BooleanField(default=False, db_default=False)
    left_out = models.CharField(max_length=10, choices=LeftOut.choices, blank=True, default="", db_default="")
    flips = models.JSONField(default=dict, db_default=Value({}, models.JSONField()))
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
            models.Index(fields=["stream"], name="link_reread", condition=Q(reread=True)),
            models.Index(fields=["stream", "id"], name="link_page"),
            models.Index(
                fields=["stream", "id"],
                name="link_left_out",
                include=["left_out"],
                condition=~Q(left_out="") | Q(state__in=["unlinked", "left"]),
            ),
            models.Index(fields=["stream"], name="link_apart", condition=Q(state__in=["new", "lost", "extra", "gone"])),
            models.Index(fields=["stream"], name="link_waiting", condition=Q(waits_out=True) | ~Q(waiting={})),
        ]

    def __str__(self) -> str:
        return f"{self.remote_id} ↔ {self.record_id}"


class HeldRecord(models.Model):
    """A remote record that is not linked, and why.

    keys: "match field\\nkey" of each match field that has a value; key: the one by which it is being matched.

    reason "": met during the first reading, it could match a local one; decided when the listing is whole.
    "filter": outside the filter. "no_match": only pairs are wanted and it has no partner. Both are met again when they change.
    "former": not met yet since pairs were forgotten; `former` is our record that it belonged to before.
    """

    stream = models.ForeignKey(Stream, models.CASCADE, related_name="+", db_index=False)
    remote_id = models.CharField(max_length=300)
    key = models.TextField(blank=True, default="")
    keys = ArrayField(models.TextField(), default=list)
    record = models.JSONField()  # adapters.base.Record without `raw`; of one that is left out only its address
    former = models.UUIDField(null=True)
    reason = models.CharField(max_length=10, blank=True, default="")
    title = models.CharField(max_length=500, blank=True, default="")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["stream", "remote_id"], name="held_once")]
        indexes = [
            models.Index(fields=["stream", "key"], name="held_key", condition=Q(reason="")),
            GinIndex(fields=["keys"], name="held_keys"),
        ]

    def __str__(self) -> str:
        return self.remote_id


class SweptRecord(models.Model):
    """A remote record that the present full listing has shown, or that was looked at because it did not.

    gone: it lies in their trash; ours follows when all are counted and the brake does not stop it. Emptied when all is done.
    """

    stream = models.ForeignKey(Stream, models.CASCADE, related_name="+", db_index=False)
    remote_id = models.CharField(max_length=300)
    gone = models.BooleanField(default=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["stream", "remote_id"], name="swept_once")]

    def __str__(self) -> str:
        return self.remote_id


class SetAside(models.Model):
    """A record, or one field of it, that waits with its reason while the rest goes on.

    side: "here" when our value could not go out, "there" when theirs could not come in.
    fingerprint: of the value or key it is about; another value is tried at once.
    cause: what the reasons of one cause have in common, as a key (sync/causes.py).
    """

    stream = models.ForeignKey(Stream, models.CASCADE, related_name="set_aside")
    side = models.CharField(max_length=5)
    remote_id = models.CharField(max_length=300, blank=True, default="")
    record_id = models.UUIDField(null=True)
    title = models.CharField(max_length=500, blank=True, default="")
    field = models.CharField(max_length=60, blank=True, default="")
    code = models.CharField(max_length=50)
    reason = models.TextField()
    cause = models.CharField(max_length=16, blank=True, default="", db_default="")
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
        indexes = [
            models.Index(fields=["stream", "fingerprint"], name="aside_ambiguous", condition=Q(code="ambiguous")),
            models.Index(fields=["stream", "record_id"], name="set_aside_record"),
            models.Index(fields=["stream", "side", "code", "field", "cause", "id"], name="set_aside_cause"),
        ]

    def __str__(self) -> str:
        return f"{self.title}: {self.reason}"
