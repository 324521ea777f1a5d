"""Fields that a tenant adds to its entities."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import connection, transaction
from django.utils.text import slugify
from django.utils.translation import gettext_lazy as _

from crm import feed, registry
from crm.feed import Actor
from crm.models import CustomField
from values import Type

#: What a person may choose, in words.
TYPES = {
    Type.TEXT: _("Text"),
    Type.LONG_TEXT: _("Long text"),
    Type.DECIMAL: _("Number"),
    Type.DATE: _("Date"),
    Type.BOOLEAN: _("Yes or no"),
    Type.SELECT: _("One of several options"),
    Type.MULTI_SELECT: _("Several of several options"),
    Type.URL: _("Web address"),
    Type.EMAIL: _("E-mail"),
    Type.PHONE: _("Phone"),
    Type.PERSON: _("Person"),
}


def add(entity: str, label: str, kind: str, options: Sequence[str] = ()) -> CustomField:
    """A new field at the end. Its name follows from the label and never changes, so mappings outlive a new label."""
    with transaction.atomic():
        taken = set(CustomField.objects.filter(entity=entity).values_list("name", flat=True))
        base = slugify(label).replace("-", "_")[:45] or "field"
        name = next(n for n in (base, *(f"{base}_{i}" for i in range(2, 10_000))) if n not in taken)
        return CustomField.objects.create(
            entity=entity, name=name, label=label, type=Type(kind), options=list(options), position=len(taken)
        )


def change(field: CustomField, label: str, options: Sequence[str] | None = None) -> None:
    """A new label, other options. Values that are no option any more stay as they are until somebody edits them."""
    field.label = label
    if options is not None:
        field.options = list(options)
    field.save(update_fields=["label", "options"])


def remove(field: CustomField, by: Actor) -> int:
    """The field and its values, which the change feed keeps. Answers how many records had one."""
    table = registry.ENTITIES[field.entity].model._meta.db_table
    with feed.acting(by), connection.cursor() as cursor:
        cursor.execute(
            f'UPDATE "{table}" SET custom = custom - %s, updated_at = now() WHERE custom ? %s',  # noqa: S608
            [field.name, field.name],
        )
        touched = cursor.rowcount
        field.delete()
    return touched
