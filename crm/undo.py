"""Taking changes of the feed back: each value where it still is what the change wrote, a deleted record as it was.

Used for one change from a record's history, and for whole bulk actions. What was changed since stays, and is told.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db.models import QuerySet, TextField, Value
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Cast, Coalesce
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from crm import feed, protection, records, registry
from crm.feed import Actor
from crm.models import Change
from crm.registry import Entity, Field, People, Row, load_row

HERE_AGAIN = gettext_lazy("It is here again already.")
PART = 1000  # records that point to something again are written in parts of so many


@dataclass
class Undone:
    """ids: of the records that were set back; left: {id, title, reason} of what was not."""

    ids: list[str] = field(default_factory=list)
    left: list[dict[str, str]] = field(default_factory=list)


def changes(found: QuerySet[Change]) -> list[Change]:
    """With the rows as `registry.rows` gives them: amounts keep all their digits."""
    exact = found.annotate(old=Cast("before", TextField()), new=Cast("after", TextField())).defer("before", "after")
    kept: list[Change] = []
    for change in exact.order_by("id"):
        change.before, change.after = (load_row(text) if text else None for text in (change.old, change.new))
        kept.append(change)
    return kept


def take_back(entity: Entity, changes: Sequence[Change], by: Actor, only: Collection[str] = ()) -> Undone:
    """What `changes` gave, at most one of each record; only: of these fields. One statement however many there are."""
    undone = Undone()
    with feed.acting(by):
        work = _Work(entity, changes, undone)
        for change in changes:
            work.take(change, only)
        work.write()
    return undone


class _Work:
    def __init__(self, entity: Entity, changes: Sequence[Change], undone: Undone) -> None:
        ids = [change.record_id for change in changes]
        self.entity, self.people, self.undone = entity, People(), undone
        self.rows = registry.rows(entity, ids, lock=True)
        self.kept_elsewhere = protection.read_only(entity.name, ids)
        self.readers = {name: registry.reader(f, self.people) for name, f in entity.fields.items() if not f.read_only}
        self.existing: dict[str, set[str]] = _existing(entity, changes)
        self.changed: list[Row] = []
        self.restored: list[Row] = []
        self.parted: list[Change] = []  # deletions: what pointed to the record lost its end with it

    def take(self, change: Change, only: Collection[str]) -> None:
        pk, row = str(change.record_id), self.rows.get(str(change.record_id))
        if change.operation == "delete":
            reason = self._restore(change, row)
        elif change.operation != "update":  # of a new record there is nothing before
            reason = _("There is nothing to take back.")
        elif row is None:
            reason = _("It was deleted since.")
        elif pk in self.kept_elsewhere:
            reason = self.kept_elsewhere[pk]
        else:
            reason = self._set_back(change, row, only)
        if reason:
            self._leave(pk, row or change.after or change.before or {}, reason)
        else:
            self.undone.ids.append(pk)

    def write(self) -> None:
        records.update_rows(self.entity, sorted(self.changed, key=lambda row: row["id"]))
        there = records.restore_rows(self.entity, self.restored)
        for row in self.restored:
            if row["id"] not in there:
                self.undone.ids.remove(row["id"])
                self._leave(row["id"], row, HERE_AGAIN)
        _point_again(self.entity, [change for change in self.parted if str(change.record_id) in there])

    def _leave(self, pk: str, held: Row, reason: str | Promise) -> None:
        title = str(held.get(self.entity.title, ""))
        self.undone.left.append({"id": pk, "title": title, "reason": str(reason)})

    def _restore(self, change: Change, row: Row | None) -> str:
        if row is not None:
            return str(HERE_AGAIN)
        now = timezone.now()
        stamp = {"updated_at": now.isoformat()}
        kept = {name: value for name, value in (change.before or {}).items() if name in self.entity.columns}
        whole = registry.blank_row(self.entity, change.record_id, now) | kept | stamp
        for described in self.entity.fields.values():
            if (
                described.target
                and not described.many
                and not described.custom
                and not self._is_there(described, whole)
            ):
                whole[described.column] = None  # what it pointed to is gone as well
        self.restored.append(whole)
        self.parted.append(change)
        return ""

    def _set_back(self, change: Change, row: Row, only: Collection[str]) -> str:
        """Sets back what still is as the change left it; answers why nothing was."""
        old, new = (dict.fromkeys(self.entity.columns) | (held or {}) for held in (change.before, change.after))
        back, held = dict(row), 0
        for name, read in self.readers.items():
            if read(old) == read(new) or (only and name not in only):
                continue
            described = self.entity.fields[name]
            if read(row) != read(new) or not self._is_there(described, old):
                held += 1
            else:
                _copy(described, old, back)
        if back == row:
            return _("It was changed since.") if held else _("There is nothing to take back.")
        self.rows[row["id"]] = back
        self.changed.append(back)
        return ""

    def _is_there(self, described: Field, row: Row) -> bool:
        """Whether a relation's other end still exists."""
        if not described.target or described.many or described.custom or row[described.column] is None:
            return True
        return str(row[described.column]) in self.existing.get(described.target, set())


def still_holds(changes: dict[str, list[Any]], values: dict[str, Any]) -> set[str]:
    """The fields of a change, as `records.history` tells it, whose value still is what it wrote."""
    return {name for name, (old, new) in changes.items() if old != new and values.get(name) == new}


def _copy(described: Field, source: Row, into: Row) -> None:
    if described.custom:
        name = described.name.partition(".")[2]
        own, before = dict(into.get("custom") or {}), source.get("custom") or {}
        own.pop(name, None)
        into["custom"] = own | ({name: before[name]} if name in before else {})
        return
    into[described.column] = source[described.column]
    currency = f"{described.column}_currency"
    if currency in into:
        into[currency] = source[currency]


def _existing(entity: Entity, changes: Sequence[Change]) -> dict[str, set[str]]:
    """{entity: ids} of what the old rows point to and what is still there; one query per related entity."""
    wanted: dict[str, set[str]] = defaultdict(set)
    for described in entity.fields.values():
        if described.target and not described.many and not described.custom:
            held = ((change.before or {}).get(described.column) for change in changes)
            wanted[described.target].update(str(pk) for pk in held if pk)
    return {target: records.stay(target, ids) for target, ids in wanted.items()}


def _point_again(deleted: Entity, deletions: Sequence[Change]) -> None:
    """What pointed to deleted records lost that in the same transaction; it gets it back where it is still empty."""
    gone = {(change.txid, str(change.record_id)) for change in deletions}
    if not gone:
        return
    for entity in registry.every():
        for end in (f for f in entity.fields.values() if _is_end(f, deleted.name)):
            lost = _lost(entity, end, gone)
            ids = sorted(lost)
            for first in range(0, len(ids), PART):
                rows = registry.rows(entity, ids[first : first + PART], lock=True)
                found = [row | {end.column: lost[pk]} for pk, row in rows.items() if row[end.column] is None]
                records.update_rows(entity, found)


def _lost(entity: Entity, end: Field, gone: set[tuple[int, str]]) -> dict[str, str]:
    """{record: what it pointed to} of what lost its end when that was deleted. One query, of one column."""
    emptied = (
        Change.objects.filter(entity=entity.name, txid__in={txid for txid, _pk in gone}, operation="update")
        .annotate(old=KeyTextTransform(end.column, "before"))
        .alias(new=Coalesce(KeyTextTransform(end.column, "after"), Value(""), output_field=TextField()))
        .filter(old__in={pk for _txid, pk in gone}, new="")
    )
    found = emptied.order_by("id").values_list("txid", "record_id", "old")
    return {str(record): old for txid, record, old in found if (txid, old) in gone}


def _is_end(described: Field, target: str) -> bool:
    return described.target == target and not described.many and not described.custom


def deletion(entity: str, record_id: UUID) -> Change | None:
    """The deletion of a record that is not here, where the feed still has it."""
    last = Change.objects.filter(record_id=record_id, entity=entity).order_by("-id").only("id", "operation").first()
    if last is None or last.operation != "delete":
        return None
    return changes(Change.objects.filter(pk=last.pk))[0]
