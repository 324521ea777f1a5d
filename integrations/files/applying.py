"""Doing what an approved import says, and taking it back: part by part, each row once.

A part is one transaction: the records, what became of the rows and how far the import is stand there together or not at all. So
a worker that dies repeats nothing, and two of them wait for each other at the import's row.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

import values
from crm import feed, protection, records, registry
from crm.feed import Actor
from crm.models import Change
from crm.registry import Entity, Field, People, Row
from integrations.files import partners
from integrations.files.models import Import, ImportPartner, ImportRow
from integrations.files.planning import holders, sentence
from integrations.scheduling.jobs import Turn
from values import Type, Unfit, Value

PART = 1000
Action, Outcome, State = ImportRow.Action, ImportRow.Outcome, Import.State
Checks = Mapping[str, Callable[[Value], Value]]  # by field: in its form and within what it holds


class Left(Exception):
    """This row is left as it is; the text says why."""


def actor(job: Import) -> Actor:
    return Actor(job.by_kind, job.by_id, job.approved_by or job.by, job.origin)


def apply(job_id: UUID, turn: Turn) -> bool:
    """Some of it; True when all rows are done with."""
    return _parts(job_id, turn, State.RUNNING, _apply_part)


def undo(job_id: UUID, turn: Turn) -> bool:
    return _parts(job_id, turn, State.UNDOING, _undo_part)


Part = Callable[[Import, Entity, Sequence[ImportRow]], Counter[str]]


def _parts(job_id: UUID, turn: Turn, state: str, do: Part) -> bool:
    entity: Entity | None = None
    while True:
        with transaction.atomic():
            turn.hold()
            job = Import.objects.select_for_update().get(pk=job_id)
            if job.state != state:
                return True
            # imports of one kind of record take turns, so that two that bring the same new record do not both make it
            for name in sorted({job.entity, *partners.targets(job)}):
                _take_turn(name)
            if entity is None:
                _make_options(job)
                entity = registry.entity(job.entity)
            rows = _next(job, state)
            feed.sign(actor(job))
            done = Counter(partners.undo_some(job) or {}) if not rows and state == State.UNDOING else Counter()
            if not rows and not done:
                _finish(job)
                return True
            done += do(job, entity, rows) if rows else Counter()
            job.counts = dict(Counter(job.counts) + done)
            job.position = rows[-1].number if rows else job.position
            job.save(update_fields=["counts", "position", "changed_at"])
        if turn.is_over:
            return False


def _take_turn(entity: str) -> None:
    with connection.cursor() as cursor:
        name = f"import {connection.schema_name} {entity}"
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [name])


def _next(job: Import, state: str) -> list[ImportRow]:
    found = ImportRow.objects.filter(job=job, action__in=(Action.CREATED, Action.UPDATED), number__gt=job.position)
    outcome = Outcome.WAITING if state == State.RUNNING else Outcome.DONE
    return list(found.filter(outcome=outcome).order_by("number")[:PART])


def _make_options(job: Import) -> None:
    """Those that the approved preview listed."""
    if job.state == State.RUNNING and not job.position:
        for name, options in job.new_options.items():
            registry.add_options(job.entity, name, options)


def _finish(job: Import) -> None:
    job.state = State.DONE if job.state == State.RUNNING else State.UNDONE
    job.ended_at = timezone.now()
    job.save(update_fields=["state", "ended_at", "changed_at"])


def _settle(rows: Iterable[ImportRow], outcome: str) -> None:
    ImportRow.objects.filter(pk__in=[row.pk for row in rows]).update(outcome=outcome)


# --- doing it -------------------------------------------------------------------------------------------------------------


def _apply_part(job: Import, entity: Entity, rows: Sequence[ImportRow]) -> Counter[str]:
    people = People()
    changing = [row for row in rows if row.action == Action.UPDATED]
    held = registry.rows(entity, [row.record_id for row in changing], lock=True)
    kept = protection.read_only(entity.name, [UUID(pk) for pk in held])
    readers = {name: registry.reader(field, people) for name, field in entity.fields.items()}
    checks = {name: registry.checker(field) for name, field in entity.fields.items()}
    coming = partners.Coming(job, entity, rows)
    there = _related(entity, rows, coming.waiting)
    come_since = _come_since(job, entity, rows)
    created: list[Row] = []
    changed: list[Row] = []
    done, left = [], []
    for row in rows:
        try:
            _all_there(entity, row, there)
            if came := coming.late(row):
                raise Left(_("“%(name)s” came since the preview.") % {"name": came})
            if row.action == Action.CREATED:
                if row.pk in come_since:
                    raise Left(_("A record that matches came since the preview."))
                made = registry.blank_row(entity, row.record_id, timezone.now())
                _put(entity, made, row.changes, people, checks)
                created.append(made)
            else:
                changed.append(_changed(entity, row, held.get(str(row.record_id)), kept, readers, people, checks))
            done.append(row)
        except Left as reason:
            row.outcome, row.reason = Outcome.LEFT, str(reason)
            left.append(row)
    related = coming.make(done)  # before those that point to them
    records.insert_rows(entity, created)
    records.update_rows(entity, sorted(changed, key=lambda one: str(one["id"])))
    _settle(done, Outcome.DONE)
    ImportRow.objects.bulk_update(left, ["outcome", "reason"])
    told = {"created_done": len(created), "updated_done": len(changed), "left": len(left), "related_done": related}
    return Counter(told)


def _changed(
    entity: Entity,
    row: ImportRow,
    now: Row | None,
    kept: Mapping[str, str],
    readers: Mapping[str, Callable[[Row], Any]],
    people: People,
    checks: Checks,
) -> Row:
    """The record with the row's values, if it still is what the preview showed. Raises Left."""
    if now is None:
        raise Left(_("Deleted since the preview."))
    if str(row.record_id) in kept:
        raise Left(kept[str(row.record_id)])
    for name, (old, _new) in row.changes.items():
        if name in readers and readers[name](now) != old:
            raise Left(_("%(field)s was changed since the preview.") % {"field": entity.fields[name].label})
    changed = dict(now)
    _put(entity, changed, row.changes, people, checks)
    return changed


def _put(entity: Entity, into: Row, changes: Mapping[str, Sequence[Any]], people: People, checks: Checks) -> None:
    for name, (_old, new) in changes.items():
        if name not in entity.fields:
            raise Left(_("A field that it fills was removed since the preview."))
        _write(into, entity.fields[name], new, people, checks)


def _write(into: Row, described: Field, value: Any, people: People, checks: Checks) -> None:
    """The field may hold something else by now than when the value was read. Raises Left."""
    try:
        registry.write(into, described, checks[described.name](value), people)
    except Unfit as unfit:
        raise Left(sentence(described, unfit)) from unfit


def _related(entity: Entity, rows: Iterable[ImportRow], coming: Mapping[str, ImportPartner]) -> dict[str, set[str]]:
    """{entity: ids that still exist, or are just made} of what the rows point to; a database would refuse the others."""
    wanted: dict[str, set[str]] = {}
    for row in rows:
        for name, (_old, new) in row.changes.items():
            described = entity.fields.get(name)
            if described and described.type is Type.RELATION and new:
                wanted.setdefault(described.target, set()).update(new)
    return {
        target: {
            str(pk)
            for pk in registry.ENTITIES[target].model._default_manager.filter(pk__in=ids).values_list("pk", flat=True)
        }
        | (ids & coming.keys())
        for target, ids in wanted.items()
    }


def _all_there(entity: Entity, row: ImportRow, there: Mapping[str, set[str]]) -> None:
    for name, (_old, new) in row.changes.items():
        described = entity.fields.get(name)
        if described and described.type is Type.RELATION and set(new or []) - there.get(described.target, set()):
            raise Left(_("%(field)s: the record was deleted since the preview.") % {"field": described.label})


def _come_since(job: Import, entity: Entity, rows: Iterable[ImportRow]) -> set[int]:
    """Rows that would make a record whose key somebody has by now. Nothing is asked where every row is to be new."""
    if job.matching.get("how") == Import.How.CREATE:
        return set()
    new = [row for row in rows if row.action == Action.CREATED]
    found: set[int] = set()
    for name in job.matching.get("keys", []):
        told = {row.pk: str(row.changes[name][1]) for row in new if name in row.changes and row.changes[name][1]}
        held = holders(entity, name, told.values()) if told else {}
        found |= {pk for pk, text in told.items() if values.key(text) in held}
    return found


# --- taking it back -------------------------------------------------------------------------------------------------------


def _undo_part(job: Import, entity: Entity, rows: Sequence[ImportRow]) -> Counter[str]:
    """Values go back where they still are what the import wrote; a record that it made goes where nobody has touched it."""
    people = People()
    held = registry.rows(entity, [row.record_id for row in rows], lock=True)
    kept = protection.read_only(entity.name, [UUID(pk) for pk in held])
    touched = _touched_by_others(job, entity, [row.record_id for row in rows if row.action == Action.CREATED])
    readers = {name: registry.reader(field, people) for name, field in entity.fields.items()}
    checks = {name: registry.checker(field) for name, field in entity.fields.items()}
    gone: list[str] = []
    changed: list[Row] = []
    done, left = [], []
    for row in rows:
        pk = str(row.record_id)
        try:
            now = held.get(pk)
            if now is None:
                raise Left(_("Deleted since."))
            if pk in kept:
                raise Left(kept[pk])
            if row.action == Action.CREATED:
                if pk in touched:
                    raise Left(_("Changed since by %(who)s.") % {"who": touched[pk]})
                gone.append(pk)
            else:
                changed.append(_set_back(entity, row, now, readers, people, checks))
            done.append(row)
        except Left as reason:
            row.outcome, row.reason = Outcome.KEPT, str(reason)
            left.append(row)
    records.update_rows(entity, sorted(changed, key=lambda one: str(one["id"])))
    if gone:
        records.delete_rows(entity, gone)
    _settle(done, Outcome.UNDONE)
    ImportRow.objects.bulk_update(left, ["outcome", "reason"])
    return Counter({"undone": len(done), "kept": len(left)})


def _set_back(
    entity: Entity,
    row: ImportRow,
    now: Row,
    readers: Mapping[str, Callable[[Row], Any]],
    people: People,
    checks: Checks,
) -> Row:
    changed = dict(now)
    moved = []
    for name, (old, new) in row.changes.items():
        if name not in readers:
            continue
        if readers[name](now) == new:
            _write(changed, entity.fields[name], old, people, checks)
        elif readers[name](now) != old:
            moved.append(entity.fields[name].label)
    if moved:
        raise Left(_("Changed since: %(fields)s.") % {"fields": ", ".join(moved)})
    return changed


def _touched_by_others(job: Import, entity: Entity, ids: Sequence[Any]) -> dict[str, str]:
    """{record: who} of those whose last change is not the import's own, by the change feed."""
    last = (
        Change.objects.filter(entity=entity.name, record_id__in=ids)
        .order_by("record_id", "-id")
        .distinct("record_id")
        .values_list("record_id", "origin", "actor")
    )
    return {str(pk): by.get("label") or "Raccord" for pk, origin, by in last if origin != job.origin}
