"""What an integration keeps in step: collections paired with entities, and their fields."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from crm.fields import new_id
from integrations.models.instance import IntegrationInstance


class Direction(models.TextChoices):
    BOTH = "both", _("Both ways")
    IMPORT = "import", _("Only in: from the tool to here")
    EXPORT = "export", _("Only out: from here to the tool")


class Policy(models.TextChoices):
    """Who wins a field that both sides changed. Every such conflict is recorded, whoever wins."""

    NEWEST = "newest", _("The newest edit wins")
    LOCAL = "local", _("Here wins")
    REMOTE = "remote", _("The tool wins")
    ASK = "ask", _("Ask a person")
    FILL = "fill", _("Fill in only what is empty")


class FirstPolicy(models.TextChoices):
    """Who wins a field that holds something else on both sides when two records meet for the first time."""

    AS_LATER = "", _("The rule for changes decides")
    NEWEST = Policy.NEWEST.value, Policy.NEWEST.label
    LOCAL = Policy.LOCAL.value, Policy.LOCAL.label
    REMOTE = Policy.REMOTE.value, Policy.REMOTE.label
    ASK = Policy.ASK.value, Policy.ASK.label


class Matching(models.TextChoices):
    MATCH_OR_CREATE = "match_or_create", _("Pair what matches, create the rest")
    CREATE_ONLY = "create_only", _("Pair nothing, create everything")
    MATCH_ONLY = "match_only", _("Pair what matches, create nothing")


class Deletions(models.TextChoices):
    IGNORE = "ignore", _("Leave the other side alone; the pair comes back with the record")
    UNLINK = "unlink", _("Leave the other side alone, and part the two for good")
    ARCHIVE = "archive", _("Put into the bin on the other side, too")
    DELETE = "delete", _("Delete for good on the other side too")


class Drift(models.TextChoices):
    """What a table does when a mapped field is gone there, or holds something else. A key or a title always stops it."""

    ASK = "ask", _("Go on without the field, and ask a person")
    APPLY = "apply", _("Go on without the field")
    STOP = "stop", _("Stop the table")


class Stream(models.Model):
    """One collection with one entity.

    schema: the collection as last described (JSON of adapters.base.Schema). cursor: the adapter's, durable.
    feed_txid, feed_id: how far the change feed has been looked through. version: counts changes of the mapping.
    listed_at: end of the first complete reading; until then records that could match are held back.
    filters: {"there": [condition], "here": [condition]} as in sync/filters.py: which records take part.
    brake_deletes, brake_overwrites: per cent of the linked records beyond which a run stops and asks.
    settle_seconds: an edit here that is younger waits, because somebody may still be typing.
    sweep_cursor: where a full listing goes on that did not fit into one slice.
    drift: what changed in the table's fields, the newest first: {"at", "kind", "field", "name", "was"} as in sync/drift.py.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    integration = models.ForeignKey(IntegrationInstance, models.CASCADE, related_name="streams")
    collection = models.CharField(max_length=300)
    collection_name = models.CharField(max_length=500)
    collection_url = models.URLField(max_length=2000, blank=True, default="")
    entity = models.CharField(max_length=50)
    direction = models.CharField(max_length=10, choices=Direction.choices, default=Direction.BOTH)
    policy = models.CharField(max_length=10, choices=Policy.choices, default=Policy.NEWEST)
    first_policy = models.CharField(max_length=10, choices=FirstPolicy.choices, blank=True, default="")
    matching = models.CharField(max_length=20, choices=Matching.choices, default=Matching.MATCH_OR_CREATE)
    match_fields = models.JSONField(default=list)  # local field names, tried in this order
    deletions = models.CharField(max_length=10, choices=Deletions.choices, default=Deletions.ARCHIVE)
    filters = models.JSONField(default=dict, blank=True)
    brake_deletes = models.PositiveSmallIntegerField(default=30)
    brake_overwrites = models.PositiveSmallIntegerField(default=75)
    settle_seconds = models.PositiveSmallIntegerField(default=10)
    on_drift = models.CharField(max_length=10, choices=Drift.choices, default=Drift.ASK)
    drift = models.JSONField(default=list)
    schema = models.JSONField(default=dict)
    version = models.PositiveIntegerField(default=1)
    is_active = models.BooleanField(default=True)
    brake_lifted = models.BooleanField(default=False)  # a person allowed the next run to delete many records
    problem_code = models.CharField(max_length=50, blank=True, default="")
    problem_detail = models.TextField(blank=True, default="")

    cursor = models.TextField(blank=True, default="")
    listed_at = models.DateTimeField(null=True)
    exported_at = models.DateTimeField(null=True)  # when the records that stood here were queued for the first export
    swept_at = models.DateTimeField(null=True)
    sweep_cursor = models.TextField(blank=True, default="")
    feed_txid = models.BigIntegerField(default=0)
    feed_id = models.BigIntegerField(default=0)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["integration", "collection", "entity"], name="stream_pairs_once")
        ]

    def __str__(self) -> str:
        return f"{self.collection_name} ↔ {self.entity}"

    @property
    def origin(self) -> str:
        """How the change feed names what this stream brought in."""
        return f"stream:{self.id}"


class FieldMapping(models.Model):
    """One remote field with one local field.

    options: {"transforms": [{"name": "number", "decimal": ","}]} as in sync/transforms, {"values": {remote option: local option}}
    for short, "currency": "EUR" for bare numbers that become money, "options_there": "add" to make what is missing there.

    critical: whether every conflict of this field alerts people, also a settled one; None: as the entity says.
    gone: the remote field is, or holds something else: it takes no part until it comes back or a person maps another.
    """

    stream = models.ForeignKey(Stream, models.CASCADE, related_name="mappings")
    remote = models.CharField(max_length=300)  # the remote field's id
    remote_name = models.CharField(max_length=300)
    local = models.CharField(max_length=60)
    direction = models.CharField(max_length=10, choices=Direction.choices, default=Direction.BOTH)
    policy = models.CharField(max_length=10, choices=Policy.choices, blank=True, default="")  # "": the stream's
    options = models.JSONField(default=dict, blank=True)
    critical = models.BooleanField(null=True)
    gone = models.BooleanField(default=False)
    position = models.IntegerField(default=0)

    class Meta:
        ordering = ["position", "id"]
        constraints = [
            models.UniqueConstraint(fields=["stream", "local"], name="mapping_local_once"),
            models.UniqueConstraint(fields=["stream", "remote"], name="mapping_remote_once"),
        ]

    def __str__(self) -> str:
        return f"{self.remote_name} ↔ {self.local}"
