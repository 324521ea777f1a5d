"""What people set in the setup of an integration: who, when, and how it stood before; and what they have not saved yet."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from integrations.models.instance import IntegrationInstance
from integrations.models.stream import Stream


class Part(models.TextChoices):
    """What is saved together. Of the whole integration, or (mapping, rules) of one stream."""

    NAME = "name", _("its name")
    ACCOUNT = "account", _("its account")
    FREQUENCY = "frequency", _("how often it runs")
    TABLES = "tables", _("which tables are paired")
    MAPPING = "mapping", _("which fields belong together")
    RULES = "rules", _("the rules")


class Edit(models.Model):
    """One saving that changed something. before, after: {setting: value} of the part, as in services/edits.py.

    Ids grow in the order in which edits of one integration became visible, so that a form can carry the newest it has shown.
    """

    integration = models.ForeignKey(IntegrationInstance, models.CASCADE, related_name="edits")
    stream = models.ForeignKey(Stream, models.CASCADE, null=True, related_name="edits")
    part = models.CharField(max_length=10, choices=Part.choices)
    by = models.CharField(max_length=254, blank=True, default="")
    at = models.DateTimeField(auto_now_add=True)
    before = models.JSONField(default=dict)
    after = models.JSONField(default=dict)

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["integration", "part", "-id"], name="edit_newest")]

    def __str__(self) -> str:
        return f"{self.part} by {self.by}"


class Draft(models.Model):
    """What somebody changed on a page of the setup and has not saved: it is there when they come back. Never a secret.

    page: what it was changed on, such as "mapping <stream>". seen: the newest edit that the page had shown.
    """

    integration = models.ForeignKey(IntegrationInstance, models.CASCADE, related_name="drafts")
    user = models.CharField(max_length=40)
    page = models.CharField(max_length=60)
    data = models.JSONField()
    seen = models.BigIntegerField()
    at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["integration", "user", "page"], name="draft_once")]

    def __str__(self) -> str:
        return f"{self.page} of {self.user}"
