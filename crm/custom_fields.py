"""Fields that a tenant adds to its entities."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from django.db import connection, transaction
from django.utils.text import slugify
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from crm import feed, registry
from crm.feed import Actor
from crm.models import CustomField
from values import Type

#: What a person may choose, in words.
TYPES = {
    Type.TEXT: gettext_lazy("Text"),
    Type.LONG_TEXT: gettext_lazy("Long text"),
    Type.DECIMAL: gettext_lazy("Number"),
    Type.DATE: gettext_lazy("Date"),
    Type.BOOLEAN: gettext_lazy("Yes or no"),
    Type.SELECT: gettext_lazy("One of several options"),
    Type.MULTI_SELECT: gettext_lazy("Several of several options"),
    Type.URL: gettext_lazy("Web address"),
    Type.EMAIL: gettext_lazy("E-mail"),
    Type.PHONE: gettext_lazy("Phone"),
    Type.PERSON: gettext_lazy("Person"),
}


#: What a type can become without a value being lost or changed in meaning.
WIDER: dict[Type, tuple[Type, ...]] = {
    Type.TEXT: (Type.LONG_TEXT, Type.SELECT),
    Type.SELECT: (Type.MULTI_SELECT, Type.TEXT),
    Type.URL: (Type.TEXT,),
    Type.EMAIL: (Type.TEXT,),
    Type.PHONE: (Type.TEXT,),
}
MOST_OPTIONS = 100

#: Asked with an entity's and a field's name: where other apps use the field, in words. `crm` knows nobody here.
Users = Callable[[str, str], list[str]]
_users: list[Users] = []


class Refused(Exception):
    """Not possible, with words for a person."""


def register_users(users: Users) -> None:
    if users not in _users:
        _users.append(users)


def users_of(field: CustomField) -> list[str]:
    return [words for users in _users for words in users(field.entity, f"custom.{field.name}")]


def held(field: CustomField) -> int:
    """How many records have a value in it."""
    return registry.ENTITIES[field.entity].model._default_manager.filter(custom__has_key=field.name).count()


def retypes(field: CustomField) -> list[Type]:
    """What it can be, the present type first."""
    return [Type(field.type), *WIDER.get(Type(field.type), ())]


def retype(field: CustomField, kind: str, by: Actor) -> None:
    """Another type for the same values. Raises Refused."""
    wanted = Type(kind)
    if wanted == field.type:
        return
    if wanted not in retypes(field):
        raise Refused(_("Its values would not survive that."))
    if used := users_of(field):
        raise Refused(_("It is mapped in %(places)s. Take it out of the mapping first.") % {"places": ", ".join(used)})
    with feed.acting(by):
        if wanted == Type.SELECT:
            field.options = _distinct(field)
        if wanted == Type.MULTI_SELECT:
            _wrap(field)
        field.type = wanted
        field.save(update_fields=["type", "options"])


def move(field: CustomField, up: bool) -> None:
    """One place up or down among the fields of its entity."""
    with transaction.atomic():
        row = list(CustomField.objects.select_for_update().filter(entity=field.entity))
        at = next(i for i, one in enumerate(row) if one.pk == field.pk)
        to = max(0, at - 1) if up else min(len(row) - 1, at + 1)
        row.insert(to, row.pop(at))
        for position, one in enumerate(row):
            if one.position != position:
                CustomField.objects.filter(pk=one.pk).update(position=position)


def _distinct(field: CustomField) -> list[str]:
    """The values that there are, as options."""
    with connection.cursor() as cursor:
        cursor.execute(
            f'SELECT DISTINCT custom ->> %s FROM "{_table(field)}" WHERE custom ? %s ORDER BY 1 LIMIT %s',  # noqa: S608
            [field.name, field.name, MOST_OPTIONS + 1],
        )
        found = [value for (value,) in cursor.fetchall() if value]
    if len(found) > MOST_OPTIONS or any(len(value) > 100 or "\n" in value for value in found):
        raise Refused(_("Its values are too many or too long to be options."))
    return found


def _wrap(field: CustomField) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            f'UPDATE "{_table(field)}" SET updated_at = now(),'  # noqa: S608
            " custom = custom || jsonb_build_object(%s::text, jsonb_build_array(custom -> %s))"
            " WHERE jsonb_typeof(custom -> %s) = 'string'",
            [field.name, field.name, field.name],
        )


def _table(field: CustomField) -> str:
    return registry.ENTITIES[field.entity].model._meta.db_table


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
    with feed.acting(by), connection.cursor() as cursor:
        cursor.execute(
            f'UPDATE "{_table(field)}" SET custom = custom - %s, updated_at = now() WHERE custom ? %s',  # noqa: S608
            [field.name, field.name],
        )
        touched = cursor.rowcount
        field.delete()
    return touched
