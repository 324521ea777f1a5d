"""Fields that a tenant adds to its entities."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from django.db import connection, transaction
from django.utils.text import slugify
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from crm import bulk_actions, field_work, followers, registry
from crm.feed import Actor
from crm.models import BulkAction, CustomField
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


class Refused(Exception):
    """Not possible, with words for a person."""


@dataclass(frozen=True)
class Wanted:
    """How a field is to be; None: as it is.

    renamed: {old option: new}, the new ones being among `options`, where these are given. seen: the options that there were when
    somebody began to choose: what came since stays, what went since stays away. None: whatever there is was seen.
    """

    label: str | None = None
    options: Sequence[str] | None = None
    renamed: Mapping[str, str] = field(default_factory=dict)
    seen: Sequence[str] | None = None
    type: str | None = None


def users_of(field: CustomField) -> list[str]:
    """Where other apps use it, in words."""
    return followers.places(field.entity, f"custom.{field.name}")


def held(field: CustomField) -> int:
    """How many records have a value in it."""
    return field_work.count(field, "drop")


def holding(field: CustomField, option: str) -> int:
    """How many records hold this option."""
    return field_work.count(field, "rename", {option: ""})


def retypes(field: CustomField) -> list[Type]:
    """What it can be, the present type first."""
    return [Type(field.type), *WIDER.get(Type(field.type), ())]


def edit(field_id: int, wanted: Wanted, by: Actor, user_id: int | None = None) -> tuple[CustomField, BulkAction | None]:
    """The field as wanted, and what its records follow by, if they do. Raises Refused.

    Two who change one field wait for each other, and for a run that writes it.
    """
    with transaction.atomic():
        field, action = _held(field_id), None
        if wanted.label:
            field.label = wanted.label
        kind = Type(wanted.type or field.type)
        options = check(field, wanted)
        total = field_work.count(field, "rename", wanted.renamed) if wanted.renamed else 0
        if wanted.renamed:
            field_work.rename_options(field, wanted.renamed)
        if options is not None:
            field.options = options
        field.save(update_fields=["label", "options"])
        if wanted.renamed:
            action = bulk_actions.do_to_field(field, "rename", dict(wanted.renamed), total, by, user_id)
        if kind != field.type:
            action = _retype(field, kind, by, user_id) or action
    return field, action


def _held(field_id: int) -> CustomField:
    """The row, which nobody else changes before the transaction ends; whoever syncs the field is held first, as a run does."""
    try:
        found = CustomField.objects.get(pk=field_id)
        followers.hold(found.entity, f"custom.{found.name}")
        return CustomField.objects.select_for_update().get(pk=field_id)
    except CustomField.DoesNotExist as error:  # by somebody else, since the page was drawn
        raise Refused(_("The field was removed since.")) from error


def check(field: CustomField, wanted: Wanted) -> list[str] | None:
    """The options as they would be, with what others did to them meanwhile. Raises Refused."""
    if (wanted.renamed or wanted.type not in (None, field.type)) and field_work.unfinished(field.entity, field.name):
        raise Refused(field_work.busy())
    for old, new in wanted.renamed.items():
        if old not in field.options:
            raise Refused(_("“%(name)s” was renamed or removed meanwhile. Look at the options again.") % {"name": old})
        if new in field.options:
            raise Refused(
                _(
                    "There is an option “%(new)s” already. To make one of the two, set “%(new)s” in the records that have"
                    " “%(old)s”, then remove that option."
                )
                % {"new": new, "old": old}
            )
        if wanted.options is not None and old in wanted.options:
            raise Refused(_("“%(name)s” is being renamed. Save that first, then add it again.") % {"name": old})
        if wanted.options is not None and new not in wanted.options:
            raise Refused(_("“%(name)s” has to be among the options.") % {"name": new})
    if len(set(wanted.renamed.values())) < len(wanted.renamed):
        raise Refused(_("Two options cannot get the same name."))
    if wanted.options is None:
        return None
    fresh, seen = list(wanted.options), set(field.options if wanted.seen is None else wanted.seen)
    gone = seen - set(field.options) - set(wanted.renamed.values())
    since = [option for option in field.options if option not in seen and option not in fresh]
    return [option for option in fresh if option not in gone] + since


def _retype(field: CustomField, kind: Type, by: Actor, user_id: int | None) -> BulkAction | None:
    if kind not in retypes(field):
        raise Refused(_("Its values would not survive that."))
    if used := users_of(field):
        raise Refused(_("It is mapped in %(places)s. Take it out of the mapping first.") % {"places": ", ".join(used)})
    if kind == Type.SELECT:
        field.options = _distinct(field)
    field.type = kind
    field.save(update_fields=["type", "options"])
    if kind != Type.MULTI_SELECT:
        return None
    return bulk_actions.do_to_field(field, "wrap", None, field_work.count(field, "wrap"), by, user_id)


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


def _table(field: CustomField) -> str:
    return registry.ENTITIES[field.entity].model._meta.db_table


def add(entity: str, label: str, kind: str, options: Sequence[str] = ()) -> CustomField:
    """A new field at the end. Its name follows from the label and never changes, so mappings outlive a new label.

    The name of a field that was removed is not given again: its values may still be going, and may be brought back.
    """
    with transaction.atomic():
        position = CustomField.objects.filter(entity=entity).count()
        taken = set(CustomField.objects.filter(entity=entity).values_list("name", flat=True))
        removed = BulkAction.objects.filter(entity=entity, kind="drop").values_list("field", flat=True)
        taken |= {name.removeprefix("custom.") for name in removed}
        base = slugify(label).replace("-", "_")[:45] or "field"
        name = next(n for n in (base, *(f"{base}_{i}" for i in range(2, 10_000))) if n not in taken)
        return CustomField.objects.create(
            entity=entity, name=name, label=label, type=Type(kind), options=list(options), position=position
        )


def remove(field: CustomField, by: Actor, user_id: int | None = None) -> BulkAction:
    """The field at once; its values follow, and the change feed keeps them. Raises Refused."""
    with transaction.atomic():
        field = _held(field.pk)
        if field_work.unfinished(field.entity, field.name):
            raise Refused(field_work.busy())
        total, definition = held(field), field_work.definition(field)
        field.delete()
        followers.changed(field.entity, f"custom.{field.name}")
        return bulk_actions.do_to_field(field, "drop", definition, total, by, user_id)
