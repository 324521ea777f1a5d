"""The tenant's own records, what it may add to them, and the change feed. All of it lives in the tenant's schema."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _

from crm import feed
from crm.fields import LongTextField, MoneyField, PhoneField, RelationField, SelectField, new_id, search_text


class Person(models.Model):
    """Somebody who can be assigned: a member of the tenant, or a person known from a tool. Matched by e-mail."""

    name = models.CharField(_("name"), max_length=200)
    email = models.EmailField(_("e-mail"), unique=True)  # kept in lower case
    user_id = models.BigIntegerField(null=True, blank=True)  # of the public schema's User, for members

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Record(models.Model):
    """What every entity has."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    custom = models.JSONField(default=dict, blank=True)  # {custom field's name: canonical value}
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    updated_at = models.DateTimeField(_("changed"), auto_now=True)

    class Meta:
        abstract = True


class Company(Record):
    name = models.CharField(_("name"), max_length=300)
    website = models.URLField(_("website"), max_length=2000, blank=True, default="")
    industry = SelectField(
        _("industry"),
        options=("Agriculture", "Construction", "Energy", "Food", "Health", "Retail", "Software", "Travel"),
    )
    employees = models.IntegerField(_("employees"), null=True, blank=True)
    phone = PhoneField(_("phone"), max_length=100, blank=True, default="")
    city = models.CharField(_("city"), max_length=200, blank=True, default="")
    owner = models.ForeignKey(Person, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("owner"))
    notes = LongTextField(_("notes"), blank=True, default="")
    search = search_text("name")

    class Meta:
        verbose_name = _("company")
        verbose_name_plural = _("companies")
        triggers = feed.triggers("company")
        indexes = [
            models.Index(Lower("name"), "id", name="company_name_key"),
            models.Index(fields=["created_at", "id"], name="company_created"),
            models.Index(fields=["updated_at", "id"], name="company_updated"),
        ]

    def __str__(self) -> str:
        return self.name


class Contact(Record):
    name = models.CharField(_("name"), max_length=300)
    email = models.EmailField(_("e-mail"), max_length=254, blank=True, default="")
    phone = PhoneField(_("phone"), max_length=100, blank=True, default="")
    job_title = models.CharField(_("job title"), max_length=200, blank=True, default="")
    company = models.ForeignKey(
        Company, models.SET_NULL, null=True, blank=True, related_name="people", verbose_name=_("company")
    )
    status = SelectField(_("status"), options=("Lead", "Active", "Customer", "Former"))
    owner = models.ForeignKey(Person, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("owner"))
    tags = ArrayField(models.CharField(max_length=100), verbose_name=_("tags"), default=list, blank=True)
    birthday = models.DateField(_("birthday"), null=True, blank=True)
    last_contacted_at = models.DateTimeField(_("last contacted"), null=True, blank=True)
    newsletter = models.BooleanField(_("newsletter"), default=False)
    score = models.DecimalField(_("score"), max_digits=18, decimal_places=4, null=True, blank=True)
    website = models.URLField(_("website"), max_length=2000, blank=True, default="")
    notes = LongTextField(_("notes"), blank=True, default="")
    search = search_text("name", "email")

    class Meta:
        verbose_name = _("contact")
        verbose_name_plural = _("contacts")
        triggers = feed.triggers("contact")
        indexes = [
            models.Index(Lower("email"), "id", name="contact_email_key"),
            models.Index(Lower("name"), "id", name="contact_name_key"),
            models.Index(fields=["created_at", "id"], name="contact_created"),
            models.Index(fields=["updated_at", "id"], name="contact_updated"),
        ]

    def __str__(self) -> str:
        return self.name


class Deal(Record):
    name = models.CharField(_("name"), max_length=300)
    amount = MoneyField(_("amount"), max_digits=18, decimal_places=4, null=True, blank=True)
    amount_currency = models.CharField(max_length=3, blank=True, default="")
    stage = SelectField(_("stage"), options=("Qualified", "Proposal", "Negotiation", "Won", "Lost"))
    close_date = models.DateField(_("close date"), null=True, blank=True)
    company = models.ForeignKey(
        Company, models.SET_NULL, null=True, blank=True, related_name="deals", verbose_name=_("company")
    )
    contacts = RelationField("contact", verbose_name=_("contacts"))
    owner = models.ForeignKey(Person, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("owner"))
    notes = LongTextField(_("notes"), blank=True, default="")
    search = search_text("name")

    class Meta:
        verbose_name = _("deal")
        verbose_name_plural = _("deals")
        triggers = feed.triggers("deal")
        indexes = [
            models.Index(Lower("name"), "id", name="deal_name_key"),
            models.Index(fields=["created_at", "id"], name="deal_created"),
            models.Index(fields=["updated_at", "id"], name="deal_updated"),
            GinIndex(fields=["contacts"], name="deal_contacts"),
        ]

    def __str__(self) -> str:
        return self.name


class Task(Record):
    title = models.CharField(_("title"), max_length=500)
    done = models.BooleanField(_("done"), default=False)
    due_at = models.DateTimeField(_("due"), null=True, blank=True)
    priority = SelectField(_("priority"), options=("Low", "Normal", "High"))
    assignee = models.ForeignKey(
        Person, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("assignee")
    )
    deal = models.ForeignKey(Deal, models.SET_NULL, null=True, blank=True, related_name="tasks", verbose_name=_("deal"))
    contact = models.ForeignKey(
        Contact, models.SET_NULL, null=True, blank=True, related_name="tasks", verbose_name=_("contact")
    )
    notes = LongTextField(_("notes"), blank=True, default="")
    search = search_text("title")

    class Meta:
        verbose_name = _("task")
        verbose_name_plural = _("tasks")
        triggers = feed.triggers("task")
        indexes = [
            models.Index(Lower("title"), "id", name="task_title_key"),
            models.Index(fields=["created_at", "id"], name="task_created"),
            models.Index(fields=["updated_at", "id"], name="task_updated"),
            models.Index(fields=["due_at", "id"], name="task_due"),
        ]

    def __str__(self) -> str:
        return self.title


class CustomField(models.Model):
    """A field that the tenant added to an entity. Its values stand in `Record.custom` under `name`."""

    entity = models.CharField(max_length=50)
    name = models.SlugField(max_length=50)
    label = models.CharField(_("label"), max_length=100)
    type = models.CharField(_("type"), max_length=20)
    options = models.JSONField(default=list, blank=True)
    target = models.CharField(max_length=50, blank=True, default="")
    position = models.IntegerField(default=0)

    class Meta:
        ordering = ["position", "id"]
        constraints = [models.UniqueConstraint(fields=["entity", "name"], name="custom_field_once")]

    def __str__(self) -> str:
        return self.label


class SelectOption(models.Model):
    """An option that the tenant, or a tool that it imports from, added to a built-in select field."""

    entity = models.CharField(max_length=50)
    field = models.CharField(max_length=60)
    name = models.CharField(max_length=100)

    class Meta:
        ordering = ["id"]
        constraints = [models.UniqueConstraint(fields=["entity", "field", "name"], name="select_option_once")]

    def __str__(self) -> str:
        return self.name


class SavedView(models.Model):
    """A list as a person wants to find it again: search, filters, sort and columns; for herself, or for the organisation."""

    entity = models.CharField(max_length=50)
    name = models.CharField(_("name"), max_length=60)
    query = models.TextField(blank=True, default="")  # as in the list's address: "q=…&status=Lead&sort=-name"
    columns = ArrayField(models.CharField(max_length=60), default=list, blank=True)  # empty: those of the entity
    is_shared = models.BooleanField(default=False)
    user_id = models.BigIntegerField(null=True)  # who made it; None: a program
    made_by = models.CharField(max_length=200, blank=True, default="")
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["created_at", "id"]
        indexes = [models.Index(fields=["entity", "created_at"], name="saved_view_of")]

    def __str__(self) -> str:
        return self.name


class ListMemory(models.Model):
    """How a person left the list of an entity; it follows her to other devices."""

    user_id = models.BigIntegerField()
    entity = models.CharField(max_length=50)
    sort = models.CharField(max_length=70, blank=True, default="")
    columns = ArrayField(models.CharField(max_length=60), default=list, blank=True)
    last = models.ForeignKey(SavedView, models.SET_NULL, null=True, related_name="+")
    first = models.ForeignKey(SavedView, models.SET_NULL, null=True, related_name="+")  # shown before the last one

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user_id", "entity"], name="list_memory_once")]

    def __str__(self) -> str:
        return f"{self.entity} of {self.user_id}"


class BulkAction(models.Model):
    """One thing that a person, or a program, does to many records, in chunks of one transaction each.

    `position` is the last record done, so whoever finds a half-done one goes on there; `parts` are the pieces of the change feed
    that it wrote, [transaction id, first change, last change] each, from which it is undone.
    """

    class State(models.TextChoices):
        RUNNING = "running"
        DONE = "done"
        UNDOING = "undoing"
        UNDONE = "undone"
        FAILED = "failed"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    entity = models.CharField(max_length=50)
    kind = models.CharField(max_length=10)  # set, add, remove or delete; rename, drop or wrap as in crm.field_work
    field = models.CharField(max_length=60, blank=True, default="")
    value = models.JSONField(null=True)  # canonical
    ids = ArrayField(models.UUIDField(), default=list)
    query = models.TextField(null=True)  # None: by ids, as in crm.selection
    state = models.CharField(max_length=10, choices=State.choices, default=State.RUNNING)
    position = models.UUIDField(null=True)
    total = models.IntegerField(default=0)
    seen = models.IntegerField(default=0)
    changed = models.IntegerField(default=0)
    undone = models.IntegerField(default=0)
    left = models.JSONField(default=list)  # the first of what was not changed: {id, title, reason}
    left_count = models.IntegerField(default=0)
    kept = models.JSONField(default=list)  # the same for the undo
    kept_count = models.IntegerField(default=0)
    parts = models.JSONField(default=list)
    actor = models.JSONField(default=dict)
    user_id = models.BigIntegerField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)
    touched_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.kind} {self.entity} {self.field}"


class Change(models.Model):
    """One change of one record, append-only, written by the triggers of `feed` only.

    before, after: the whole row as the database holds it; None where there was, or is, no row.
    """

    id = models.BigAutoField(primary_key=True)
    txid = models.BigIntegerField()
    entity = models.CharField(max_length=50)
    record_id = models.UUIDField()
    operation = models.CharField(max_length=6)
    before = models.JSONField(null=True)
    after = models.JSONField(null=True)
    actor = models.JSONField(default=dict)
    origin = models.CharField(max_length=100, default="")
    at = models.DateTimeField()

    class Meta:
        indexes = [
            models.Index(fields=["entity", "txid", "id"], name="change_feed"),
            models.Index(fields=["record_id", "id"], name="change_history"),
        ]

    def __str__(self) -> str:
        return f"{self.operation} {self.entity} {self.record_id}"
