"""Files that people bring in and take out: what each is about, how far it is, and what became of every row."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from crm.fields import new_id


class Import(models.Model):
    """One file on its way in.

    layout: {"encoding", "delimiter", "sheet", "sheets", "header"}. columns: [{"id", "name", "type", "seen"}].
    mapping: [{"column", "field", "options"}]. matching: {"how", "keys", "empty"}.
    counts: rows by action, planned ("created") and done ("created_done"); "related": records made beside them. position:
    number of the last row that is done with.
    version: counts what people change, so that two of them do not overwrite each other.
    """

    class State(models.TextChoices):
        DRAFT = "draft", _("being set up")
        PLANNING = "planning", _("being worked out")
        READY = "ready", _("waits for approval")
        RUNNING = "running", _("running")
        DONE = "done", _("done")
        UNDOING = "undoing", _("being taken back")
        UNDONE = "undone", _("taken back")
        FAILED = "failed", _("failed")
        DISCARDED = "discarded", _("discarded")

    class How(models.TextChoices):
        BOTH = "both", _("Change the records that are here, add the others")
        CREATE = "create", _("Add every row as a new record")
        MATCH = "match", _("Only change records that are here")

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    entity = models.CharField(max_length=50)
    name = models.CharField(max_length=255)
    kind = models.CharField(max_length=4)  # csv or xlsx
    stored = models.CharField(max_length=255, blank=True, default="")  # in the storage "files"; "" once it is removed
    size = models.PositiveBigIntegerField()
    digest = models.CharField(max_length=64)
    layout = models.JSONField(default=dict)
    columns = models.JSONField(default=list)
    mapping = models.JSONField(default=list)
    matching = models.JSONField(default=dict)
    state = models.CharField(max_length=10, choices=State.choices, default=State.DRAFT)
    version = models.PositiveIntegerField(default=1)
    rows = models.PositiveIntegerField(default=0)
    counts = models.JSONField(default=dict)
    position = models.PositiveIntegerField(default=0)
    problem = models.CharField(max_length=500, blank=True, default="")
    new_options = models.JSONField(default=dict)  # {field: options that the approved import makes}
    language = models.CharField(max_length=10, blank=True, default="")
    by_id = models.CharField(max_length=50)
    by_kind = models.CharField(max_length=10, default="user")
    by = models.CharField(max_length=200)
    approved_by = models.CharField(max_length=200, blank=True, default="")
    created_at = models.DateTimeField(auto_now_add=True)
    changed_at = models.DateTimeField(auto_now=True)
    began_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-created_at"]
        indexes = [
            models.Index(fields=["entity", "-created_at"], name="import_latest"),
            models.Index(fields=["digest"], name="import_digest"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def origin(self) -> str:
        """How the change feed names what it did."""
        return f"import:{self.pk}"

    @property
    def is_busy(self) -> bool:
        return self.state in (self.State.PLANNING, self.State.RUNNING, self.State.UNDOING)


class ImportRow(models.Model):
    """One row of the file: what shall be done with it, and what was.

    number: as a spreadsheet counts. changes: {field: [old, new]}; of a new record old is None.
    cells: as they stand in the file, of rows that are refused. outcome: "" while nothing was done.
    """

    class Action(models.TextChoices):
        CREATED = "created", _("New")
        UPDATED = "updated", _("Changed")
        SAME = "same", _("As it is")
        REFUSED = "refused", _("Refused")
        AMBIGUOUS = "ambiguous", _("Several match")

    class Outcome(models.TextChoices):
        WAITING = "", _("waiting")
        DONE = "done", _("done")
        LEFT = "left", _("left out")
        UNDONE = "undone", _("taken back")
        KEPT = "kept", _("kept")

    job = models.ForeignKey(Import, models.CASCADE, related_name="lines", db_index=False)
    number = models.PositiveIntegerField()
    action = models.CharField(max_length=10, choices=Action.choices)
    record_id = models.UUIDField(null=True)
    title = models.CharField(max_length=300, default="")
    changes = models.JSONField(default=dict)
    reason = models.TextField(default="")
    cells = models.JSONField(null=True)
    outcome = models.CharField(max_length=10, choices=Outcome.choices, default="")

    class Meta:
        ordering = ["number"]
        constraints = [models.UniqueConstraint(fields=["job", "number"], name="import_row_once")]
        indexes = [models.Index(fields=["job", "action", "number"], name="import_row_action")]

    def __str__(self) -> str:
        return f"{self.number} {self.action}"


class ImportPartner(models.Model):
    """A record that rows of an import point to by a name that nobody here has: it is made with the first of them."""

    job = models.ForeignKey(Import, models.CASCADE, related_name="partners", db_index=False)
    entity = models.CharField(max_length=50)
    record_id = models.UUIDField()
    title = models.CharField(max_length=300)
    outcome = models.CharField(max_length=10, choices=ImportRow.Outcome.choices, default=ImportRow.Outcome.WAITING)

    class Meta:
        ordering = ["pk"]
        constraints = [models.UniqueConstraint(fields=["job", "record_id"], name="import_partner_once")]

    def __str__(self) -> str:
        return f"{self.entity} {self.title}"


class Export(models.Model):
    """Who took which records out, and when: the log of exports. Larger ones are written in the background and kept for a while.

    columns: names of fields, in order. query: of the list, or None where the records were chosen by id.
    """

    class State(models.TextChoices):
        WAITING = "waiting", _("waiting")
        RUNNING = "running", _("running")
        READY = "ready", _("ready")
        SENT = "sent", _("sent")  # straight to whoever asked
        FAILED = "failed", _("failed")
        REMOVED = "removed", _("removed")

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    entity = models.CharField(max_length=50)
    format = models.CharField(max_length=4)
    columns = models.JSONField(default=list)
    options = models.JSONField(default=dict)  # {"delimiter", "bom"}
    query = models.TextField(null=True)
    ids = models.JSONField(default=list)
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    total = models.PositiveIntegerField(default=0)
    rows = models.PositiveIntegerField(default=0)
    stored = models.CharField(max_length=255, blank=True, default="")
    size = models.PositiveBigIntegerField(default=0)
    language = models.CharField(max_length=10, blank=True, default="")
    by_id = models.CharField(max_length=50)
    by_kind = models.CharField(max_length=10, default="user")
    by = models.CharField(max_length=200)
    created_at = models.DateTimeField(auto_now_add=True)
    began_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-created_at"]
        indexes = [models.Index(fields=["entity", "-created_at"], name="export_latest")]

    def __str__(self) -> str:
        return f"{self.entity} {self.format}"
