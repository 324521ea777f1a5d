"""The one service layer for records: UI, API and engine write through here, so the same rules hold for all.

Values are canonical (see `values`). The functions for people check fields and protection; `insert_rows`, `update_rows` and
`delete_rows` are the bulk doors of the engine, which has checked its values and holds the transaction.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import F, QuerySet, TextField
from django.db.models import Value as Const
from django.db.models.fields.json import KeyTextTransform, KeyTransform
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.translation import gettext as _

from crm import feed, protection, registry
from crm.feed import Actor
from crm.fields import new_id
from crm.models import Change
from crm.registry import Entity, Field, People, Row
from values import Unfit, Value


class Missing(LookupError):
    """No such record, or no such entity."""


class Invalid(ValueError):
    """Values that fields cannot hold: `errors` is {field name: words for a person}."""

    def __init__(self, errors: dict[str, str]) -> None:
        super().__init__("; ".join(errors.values()))
        self.errors = errors


class ReadOnly(PermissionError):
    """The record is kept by a tool that only flows in; the text says which one."""


class Moved(RuntimeError):
    """Somebody changed the record since it was read; `item` is how it is now."""

    def __init__(self, item: Item) -> None:
        super().__init__("changed meanwhile")
        self.item = item


@dataclass(frozen=True, slots=True)
class Item:
    """A record as people and API see it. version: changes with every change of the record."""

    entity: str
    id: str
    title: str
    values: dict[str, Value]
    version: str


def describe(name: str) -> Entity:
    """The entity, or Missing."""
    try:
        return registry.entity(name)
    except KeyError as error:
        raise Missing(name) from error


def get(name: str, record_id: UUID | str) -> Item:
    entity = describe(name)
    found = registry.rows(entity, [record_id])
    if not found:
        raise Missing(record_id)
    return item(entity, found[str(record_id)], People())


def item(entity: Entity, row: Row, people: People) -> Item:
    return items(entity, [row], people)[0]


def items(entity: Entity, rows: Iterable[Row], people: People) -> list[Item]:
    readers = [(name, registry.reader(described, people)) for name, described in entity.fields.items()]
    return [
        Item(entity.name, row["id"], row[entity.title], {name: read(row) for name, read in readers}, row["updated_at"])
        for row in rows
    ]


def create(name: str, values: Mapping[str, Value], by: Actor) -> Item:
    """Raises Invalid."""
    entity = describe(name)
    row = registry.blank_row(entity, new_id(), timezone.now())
    with feed.acting(by):
        people = People()
        fill(entity, row, values, people, whole=True)
        insert_rows(entity, [row])
    return get(name, row["id"])


def update(name: str, record_id: UUID | str, values: Mapping[str, Value], by: Actor, version: str = "") -> Item:
    """Set some fields. Raises Missing, ReadOnly, Invalid, and Moved when `version` is given and not the present one."""
    entity = describe(name)
    with feed.acting(by):
        row = registry.rows(entity, [record_id], lock=True).get(str(record_id))
        if row is None:
            raise Missing(record_id)
        people = People()
        if version and version != row["updated_at"]:
            raise Moved(item(entity, row, people))
        _refuse_read_only(name, [record_id])
        before = dict(row)
        fill(entity, row, values, people)
        if row != before:
            update_rows(entity, [row])
    return get(name, record_id)


def delete(name: str, ids: Sequence[UUID | str], by: Actor) -> int:
    """Answers how many there were. Raises ReadOnly and deletes nothing when one of them is read-only."""
    entity = describe(name)
    with feed.acting(by):
        _refuse_read_only(name, ids)
        return delete_rows(entity, ids)


def history(
    name: str,
    record_id: UUID | str,
    limit: int = 100,
    before: int | None = None,
    field: str = "",
    origin: str | None = None,
) -> list[dict[str, Any]]:
    """The record's changes, newest first: at, operation, actor, origin, changes {field: [old, new]}.

    before: only those that come after the change with this id in that order; field: only those of this field, as far as the
    database can tell ("" and nothing are the same to it); origin: only those of this one, "" for what was done here.
    """
    entity, people = describe(name), People()
    readers = {name: registry.reader(described, people) for name, described in entity.fields.items()}
    passed_over = {"id", "created_at", "updated_at"}
    found = []
    kept = Change.objects.filter(record_id=record_id, entity=name)
    if before is not None:
        kept = kept.filter(id__lt=before)
    if origin is not None:
        kept = kept.filter(origin=origin)
    if field:
        kept = _touching(kept, entity.fields[field])
    for change in kept.order_by("-id")[:limit]:
        old_row, new_row = (_stored(entity, row) for row in (change.before, change.after))
        changes = {}
        for field, read in readers.items():
            old, new = (read(row) if row else None for row in (old_row, new_row))
            if old != new and field not in passed_over:
                changes[field] = [old, new]
        found.append(
            {
                "id": change.id,
                "at": change.at,
                "operation": change.operation,
                "actor": change.actor,
                "origin": change.origin,
                "changes": changes,
            }
        )
    return found


def _touching(changes: QuerySet[Change], described: Field) -> QuerySet[Change]:
    """Those that changed what this field holds."""
    sides = {}
    for name in ("before", "after"):
        inside: Any = KeyTransform("custom", name) if described.custom else name
        key = described.name.partition(".")[2] if described.custom else described.column
        sides[f"_{name}"] = Coalesce(KeyTextTransform(key, inside), Const(""), output_field=TextField())
    return changes.alias(**sides).exclude(_before=F("_after"))  # type: ignore[misc]


def _stored(entity: Entity, row: Row | None) -> Row | None:
    """A row of the past, with the columns that the entity has got since."""
    return None if row is None else dict.fromkeys(entity.columns) | row


def fill(
    entity: Entity,
    row: Row,
    values: Mapping[str, Value],
    people: People,
    whole: bool = False,
    there: set[str] | None = None,
) -> None:
    """Put checked values into a row. Raises Invalid.

    whole: it is a new one, so what is required must be among them; there: ids that relations of this transaction were found to
    lead to already, which this adds to.
    """
    errors: dict[str, str] = {}
    wanted = dict(values)
    if whole:
        wanted = {name: None for name, f in entity.fields.items() if f.required} | wanted
    for name, value in wanted.items():
        described = entity.fields.get(name)
        if described is None:
            errors[name] = _("There is no field “%(name)s”.") % {"name": name}
        elif described.read_only:
            errors[name] = _("%(label)s is kept by Raccord and cannot be set.") % {"label": described.label}
        else:
            try:
                checked = registry.check(described, value)
                if described.required and checked is None:  # asked of people only: tools do have records without a name
                    raise Unfit("%(label)s must not be empty.", label=described.label)
                registry.write(row, described, checked, people)
            except Unfit as error:
                errors[name] = str(error)
    if not errors:
        errors = _dangling(entity, row, wanted, set() if there is None else there)
    if errors:
        raise Invalid(errors)


def _dangling(entity: Entity, row: Row, names: Iterable[str], there: set[str]) -> dict[str, str]:
    """Relations to records that do not exist, as errors. Of several, only what is no id at all: the others may go later."""
    errors = {}
    for described in (entity.fields[name] for name in names):
        if not described.target or described.custom or not row[described.column]:
            continue
        given = row[described.column] if described.many else [row[described.column]]
        if all(map(_is_id, given)) and (described.many or given[0] in there or stay(described.target, given)):
            there |= set() if described.many else {given[0]}
        else:
            errors[described.name] = _("%(label)s: there is no such record.") % {"label": described.label}
    return errors


def stay(name: str, ids: Iterable[UUID | str]) -> set[str]:
    """Those that exist. They stay until the transaction ends: who deletes them waits for what is about to point to them."""
    table = registry.ENTITIES[name].model._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(
            f'SELECT id FROM "{table}" WHERE id = ANY(%s::uuid[]) ORDER BY id FOR KEY SHARE',  # noqa: S608
            [sorted(map(str, ids))],
        )
        return {str(pk) for (pk,) in cursor.fetchall()}


def _is_id(value: object) -> bool:
    try:
        UUID(str(value))
    except ValueError:
        return False
    return True


def _refuse_read_only(name: str, ids: Sequence[UUID | str]) -> None:
    reasons = protection.read_only(name, [UUID(str(pk)) for pk in ids])
    if reasons:
        raise ReadOnly(next(iter(reasons.values())))


# --- in bulk, within the caller's transaction -----------------------------------------------------------------------


def insert_rows(entity: Entity, rows: Sequence[Row]) -> None:
    """COPY rows that `registry.blank_row` began."""
    if not rows:
        return
    columns = entity.columns
    names = ", ".join(f'"{name}"' for name in columns)
    with connection.cursor() as cursor, cursor.copy(f'COPY "{entity.table}" ({names}) FROM STDIN') as copy:
        for row in rows:
            copy.write_row([json.dumps(v) if type(v := row[name]) is dict else v for name in columns])


def restore_rows(entity: Entity, rows: Sequence[Row]) -> set[str]:
    """Insert whole rows under their old ids, and answer which; passed over is what somebody else has brought back meanwhile."""
    if not rows:
        return set()
    names = ", ".join(f'"{name}"' for name in entity.columns)
    with connection.cursor() as cursor:
        cursor.execute(
            f'INSERT INTO "{entity.table}" ({names}) SELECT {names} '  # noqa: S608 - names come from the models
            f'FROM jsonb_populate_recordset(NULL::"{entity.table}", %s::jsonb) r ORDER BY id '
            "ON CONFLICT (id) DO NOTHING RETURNING id",
            [json.dumps(rows, default=str)],
        )
        return {str(pk) for (pk,) in cursor.fetchall()}


def update_rows(entity: Entity, rows: Sequence[Row]) -> None:
    """Write back whole rows that `registry.rows(lock=True)` gave and the caller changed; marks them as changed now."""
    if not rows:
        return
    stamp = timezone.now().isoformat()
    sent = json.dumps([row | {"updated_at": stamp} for row in rows], default=str)
    sets = ", ".join(f'"{name}" = r."{name}"' for name in entity.columns if name not in ("id", "created_at"))
    with connection.cursor() as cursor:
        cursor.execute(
            f'UPDATE "{entity.table}" t SET {sets} '  # noqa: S608 - names come from the models
            f'FROM jsonb_populate_recordset(NULL::"{entity.table}", %s::jsonb) r WHERE t.id = r.id',
            [sent],
        )


def delete_rows(entity: Entity, ids: Iterable[UUID | str]) -> int:
    """Delete; what points to them is set empty, and recorded as such. Whoever is about to point to them is waited for."""
    ids = sorted(map(str, ids))
    with connection.cursor() as cursor:
        cursor.execute(f'SELECT FROM "{entity.table}" WHERE id = ANY(%s::uuid[]) ORDER BY id FOR UPDATE', [ids])  # noqa: S608
    deleted, by_model = entity.model.objects.filter(pk__in=ids).delete()
    return by_model.get(entity.model._meta.label, 0)
