"""What the practice tool keeps. All of it lives in the tenant's schema, and goes with it."""

from __future__ import annotations

from typing import Any

from django.db import models

from crm.fields import new_id
from integrations.secrets import SecretField


class Workspace(models.Model):
    """One account of the practice tool: each connection that practises has its own.

    integration_id: the connection that practises here; None once that is deleted: the next one goes on with these rows.
    faults: the switches that are on, {name: since (ISO time)}. asked: how many requests came in, for "every third".
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    name = models.CharField(max_length=100)
    integration_id = models.UUIDField(null=True, unique=True)
    faults = models.JSONField(default=dict)
    asked = models.PositiveBigIntegerField(default=0)
    made_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["made_at"]

    def __str__(self) -> str:
        return self.name


class Key(models.Model):
    """What a caller shows. Only its hash is kept. is_expired: the switch "the key expires" met it."""

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="keys")
    digest = models.CharField(max_length=64, unique=True)
    is_expired = models.BooleanField(default=False)
    made_at = models.DateTimeField(auto_now_add=True)


class Table(models.Model):
    """fields: [{"id", "name", "type", "required"?, "options"?, "many"?, "target"?, "currency"?}], the first names a row.

    last: the position of the newest change in it. Whoever writes a row takes the next one and holds this row of ours until the
    commit, so positions become visible in their order: a reader that goes on from one never misses another.
    """

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="tables")
    slug = models.CharField(max_length=60)
    name = models.CharField(max_length=100)
    fields = models.JSONField(default=list)
    last = models.PositiveBigIntegerField(default=0)
    place = models.PositiveSmallIntegerField(default=0)

    class Meta:
        ordering = ["place", "id"]
        constraints = [models.UniqueConstraint(fields=["workspace", "slug"], name="practice_table_once")]

    def __str__(self) -> str:
        return self.name

    def field(self, ident: str) -> dict[str, Any] | None:
        return next((field for field in self.fields if field["id"] == ident), None)

    @property
    def title(self) -> str:
        """The id of the field that names a row; "" while there is none."""
        return str(self.fields[0]["id"]) if self.fields else ""


class Row(models.Model):
    """values: {field id: canonical value}; one that is absent is empty. is_gone: deleted, and kept as a tombstone.

    ident: the row's id there, once in its table. external_id: the caller's own, written with a create. key, answer: of an
    idempotent create, what it was asked by and what it was answered. nudged: the switch "stale versions" has met it once.
    """

    table = models.ForeignKey(Table, models.CASCADE, related_name="rows")
    ident = models.CharField(max_length=40)
    values = models.JSONField(default=dict)
    version = models.PositiveIntegerField(default=1)
    position = models.PositiveBigIntegerField()
    made_at = models.DateTimeField()
    edited_at = models.DateTimeField()
    edited_by = models.CharField(max_length=100, blank=True, default="")
    is_gone = models.BooleanField(default=False)
    nudged = models.BooleanField(default=False)
    external_id = models.CharField(max_length=100, null=True)
    key = models.CharField(max_length=100, null=True)
    answer = models.JSONField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["table", "ident"], name="practice_row_once"),
            models.UniqueConstraint(fields=["table", "position"], name="practice_position_once"),
            models.UniqueConstraint(fields=["table", "key"], name="practice_key_once"),
        ]

    def __str__(self) -> str:
        return self.ident


class Hook(models.Model):
    """Who wants to be called when a table changes. path: of the address; it is called at this installation and nowhere else."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    table = models.ForeignKey(Table, models.CASCADE, related_name="hooks")
    url = models.CharField(max_length=500)
    secret = SecretField(editable=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["table", "url"], name="practice_hook_once")]


class Event(models.Model):
    """One thing that happened, for the page: somebody edited here, or Raccord asked for something. Only the last ones are kept.

    by: the person's name, "" for a request of Raccord's. kind: see `Kind`. fault: the switch that met the request.
    """

    class Kind(models.TextChoices):  # its words are made in `shown`, whole sentences
        EDITED = "edited"
        ADDED = "added"
        DELETED = "deleted"
        COLUMN = "column"
        SWITCHED = "switched"
        RESET = "reset"
        ASKED = "asked"
        CALLED = "called"

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="events")
    at = models.DateTimeField(auto_now_add=True)
    by = models.CharField(max_length=150, blank=True, default="")
    kind = models.CharField(max_length=10, choices=Kind.choices)
    table = models.CharField(max_length=100, blank=True, default="")
    row = models.CharField(max_length=40, blank=True, default="")
    title = models.CharField(max_length=200, blank=True, default="")
    field = models.CharField(max_length=100, blank=True, default="")
    old = models.CharField(max_length=200, blank=True, default="")
    new = models.CharField(max_length=200, blank=True, default="")
    what = models.CharField(max_length=20, blank=True, default="")
    status = models.PositiveSmallIntegerField(default=0)
    count = models.PositiveIntegerField(default=0)
    fault = models.CharField(max_length=20, blank=True, default="")

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["workspace", "-id"], name="practice_last_events")]
