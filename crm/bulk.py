"""Many changes at once for people and the API: the rules of `records`, a few statements however many records, a result each.

One transaction: what is right is done together, what is wrong is told and leaves no trace.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal
from uuid import UUID

from django.utils import timezone

from crm import feed, protection, registry
from crm.feed import Actor
from crm.fields import new_id
from crm.records import (
    Invalid,
    Item,
    Missing,
    Moved,
    ReadOnly,
    delete_rows,
    describe,
    fill,
    insert_rows,
    item,
    update_rows,
)
from crm.registry import Entity, People, Row
from values import Value


@dataclass(frozen=True, slots=True)
class Wanted:
    """One change. version: as in `records.update`, also for a deletion."""

    action: Literal["create", "update", "delete"]
    id: str = ""
    values: Mapping[str, Value] = field(default_factory=dict)
    version: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one change: the record as it is now (None after a deletion), or why not."""

    item: Item | None = None
    error: Invalid | Missing | Moved | ReadOnly | None = None


def apply(name: str, wanted: Sequence[Wanted], by: Actor) -> list[Outcome]:
    """In the given order; a record may occur more than once. Raises Missing for an unknown entity."""
    entity = describe(name)
    with feed.acting(by):
        batch = _Batch(entity, wanted)
        done = [batch.take(one) for one in wanted]
        batch.write()
        now = registry.rows(entity, {pk for pk in done if isinstance(pk, str)})
        people = People()
    return [_outcome(entity, one, now, people) for one in done]


def _outcome(
    entity: Entity, done: str | Invalid | Missing | Moved | ReadOnly, now: dict[str, Row], people: People
) -> Outcome:
    if not isinstance(done, str):
        return Outcome(error=done)
    return Outcome(item(entity, now[done], people) if done in now else None)


class _Batch:
    """The rows as they will be; nothing is written before `write`."""

    def __init__(self, entity: Entity, wanted: Sequence[Wanted]) -> None:
        ids = {one.id for one in wanted if one.id}
        self.entity, self.people = entity, People()
        self.rows = registry.rows(entity, ids, lock=True)
        self.kept_elsewhere = protection.read_only(entity.name, [UUID(pk) for pk in ids]) if ids else {}
        self.created: dict[str, Row] = {}
        self.changed: dict[str, Row] = {}
        self.deleted: set[str] = set()
        self.there: set[str] = set()

    def take(self, one: Wanted) -> str | Invalid | Missing | Moved | ReadOnly:
        """The id of the record, or why it cannot be done."""
        try:
            return self._create(one) if one.action == "create" else self._change(one)
        except (Invalid, Missing, Moved, ReadOnly) as error:
            return error

    def write(self) -> None:
        insert_rows(self.entity, list(self.created.values()))
        update_rows(self.entity, [row for pk, row in sorted(self.changed.items()) if pk not in self.deleted])
        if self.deleted:
            delete_rows(self.entity, self.deleted)

    def _create(self, one: Wanted) -> str:
        row = registry.blank_row(self.entity, new_id(), timezone.now())
        fill(self.entity, row, one.values, self.people, whole=True, there=self.there)
        self.created[row["id"]] = row
        return row["id"]

    def _change(self, one: Wanted) -> str:
        row = self.rows.get(one.id)
        if row is None or one.id in self.deleted:
            raise Missing(one.id)
        if one.version and one.version != row["updated_at"]:
            raise Moved(item(self.entity, row, self.people))
        if one.id in self.kept_elsewhere:
            raise ReadOnly(self.kept_elsewhere[one.id])
        if one.action == "delete":
            self.deleted.add(one.id)
            return one.id
        changed = dict(row)
        fill(self.entity, changed, one.values, self.people, there=self.there)
        if changed != row:
            self.rows[one.id] = self.changed[one.id] = changed
        return one.id
