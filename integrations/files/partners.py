"""Records that the rows of an import point to and that are not here yet: made once where somebody asked for it, listed before.

A partner is known by its name, however many rows and columns say it. It is made in the transaction of the first row that is done
and needs it, and goes when the import is taken back, if nobody has touched it and nothing else points to it by then.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Count
from django.utils import timezone

import values
from crm import protection, records, registry
from crm.models import Change
from crm.registry import Entity, Field, People
from integrations.files.models import Import, ImportPartner, ImportRow
from values import Type

Outcome = ImportRow.Outcome
PART = 1000
NAMED = 20  # names in the preview


def can_be_made(local: Field, entity: str) -> bool:
    """Of which only the name is needed. Not of the kind that comes in itself: the next row may be the very one."""
    if local.type is not Type.RELATION or local.target == entity or local.target not in registry.ENTITIES:
        return False
    described = registry.entity(local.target)
    return all(name == described.title for name, one in described.fields.items() if one.required)


def ids_in(entity: Entity, changes: Mapping[str, Sequence[Any]]) -> set[str]:
    """The records that a row points to."""
    return {
        str(pk)
        for name, (_old, new) in changes.items()
        if (one := entity.fields.get(name)) and one.type is Type.RELATION
        for pk in new or ()
    }


def targets(job: Import) -> set[str]:
    """The kinds of records that it makes beside its own."""
    return set(ImportPartner.objects.filter(job=job).values_list("entity", flat=True).distinct())


def titles(job: Import, ids: Iterable[str]) -> dict[str, dict[str, str]]:
    """{entity: {id: name}} of those among these ids that are not here yet, or were not when the plan was made."""
    found: dict[str, dict[str, str]] = {}
    for entity, pk, title in ImportPartner.objects.filter(job=job, record_id__in=list(ids)).values_list(
        "entity", "record_id", "title"
    ):
        found.setdefault(entity, {})[str(pk)] = title
    return found


def told(job: Import) -> list[dict[str, Any]]:
    """For the preview: of each kind how many, and the first names."""
    found = []
    for row in ImportPartner.objects.filter(job=job).values("entity").annotate(n=Count("pk")).order_by("entity"):
        names = ImportPartner.objects.filter(job=job, entity=row["entity"]).values_list("title", flat=True)[:NAMED]
        kind = registry.ENTITIES[row["entity"]].model._meta
        found.append(
            {
                "entity": row["entity"],
                "count": row["n"],
                "kind": kind.verbose_name_plural if row["n"] > 1 else kind.verbose_name,
                "names": list(names),
                "more": row["n"] > NAMED,
            }
        )
    return found


# --- doing it -------------------------------------------------------------------------------------------------------------


class Coming:
    """The partners that some rows need and that nobody has made yet; some came meanwhile in another way."""

    def __init__(self, job: Import, entity: Entity, rows: Iterable[ImportRow]) -> None:
        from integrations.files.planning import find

        self.entity = entity
        wanted = {pk for row in rows for pk in ids_in(entity, row.changes)}
        waiting = ImportPartner.objects.filter(job=job, record_id__in=wanted, outcome=Outcome.WAITING)
        self.waiting = {str(one.record_id): one for one in waiting}
        self.came: set[str] = set()
        by_entity: dict[str, list[ImportPartner]] = {}
        for one in self.waiting.values():
            by_entity.setdefault(one.entity, []).append(one)
        for target, some in by_entity.items():
            here = find(registry.ENTITIES[target], [one.title for one in some])
            self.came |= {str(one.record_id) for one in some if values.key(one.title) in here}

    def late(self, row: ImportRow) -> str:
        """The name of one that the row points to and that came meanwhile: the preview did not show it. "" for none."""
        found = ids_in(self.entity, row.changes) & self.came
        return self.waiting[min(found)].title if found else ""

    def make(self, rows: Iterable[ImportRow]) -> int:
        """Those that these rows point to."""
        needed = {pk for row in rows for pk in ids_in(self.entity, row.changes)} & self.waiting.keys()
        people, now, made = People(), timezone.now(), [self.waiting[pk] for pk in sorted(needed)]
        for target in {one.entity for one in made}:
            described = registry.entity(target)
            new = []
            for one in (one for one in made if one.entity == target):
                row = registry.blank_row(described, one.record_id, now)
                registry.write(row, described.fields[described.title], one.title, people)
                new.append(row)
            records.insert_rows(described, new)
        ImportPartner.objects.filter(pk__in=[one.pk for one in made]).update(outcome=Outcome.DONE)
        return len(made)


# --- taking it back -------------------------------------------------------------------------------------------------------


def undo_some(job: Import) -> dict[str, int] | None:
    """After the rows. None when there are no more; the feed is to be signed."""
    some = list(ImportPartner.objects.filter(job=job, outcome=Outcome.DONE).order_by("pk")[:PART])
    if not some:
        return None
    undone: list[ImportPartner] = []
    kept: list[ImportPartner] = []
    for target in sorted({one.entity for one in some}):
        mine = [one for one in some if one.entity == target]
        described, ids = registry.entity(target), [str(one.record_id) for one in mine]
        here = registry.rows(described, ids, lock=True)
        held = (
            _touched(job, target, ids)
            | _pointed_to(target, ids)
            | set(protection.read_only(target, [UUID(pk) for pk in here]))
        )
        gone = [pk for pk in ids if pk in here and pk not in held]
        if gone:
            records.delete_rows(described, gone)
        undone += [one for one in mine if str(one.record_id) in gone]
        kept += [one for one in mine if str(one.record_id) not in gone]
    ImportPartner.objects.filter(pk__in=[one.pk for one in undone]).update(outcome=Outcome.UNDONE)
    ImportPartner.objects.filter(pk__in=[one.pk for one in kept]).update(outcome=Outcome.KEPT)
    return {"related_undone": len(undone), "related_kept": len(kept)}


def _touched(job: Import, entity: str, ids: Sequence[str]) -> set[str]:
    last = (
        Change.objects.filter(entity=entity, record_id__in=ids)
        .order_by("record_id", "-id")
        .distinct("record_id")
        .values_list("record_id", "origin")
    )
    return {str(pk) for pk, origin in last if origin != job.origin}


def _pointed_to(target: str, ids: Sequence[str]) -> set[str]:
    found: set[str] = set()
    with connection.cursor() as cursor:
        for described in registry.every():
            for one in described.fields.values():
                if one.type is not Type.RELATION or one.target != target or one.custom:
                    continue
                column = f'unnest("{one.column}")' if one.many else f'"{one.column}"'
                where = f'"{one.column}" && %(ids)s::uuid[]' if one.many else f'"{one.column}" = ANY(%(ids)s::uuid[])'
                cursor.execute(
                    f'SELECT DISTINCT {column}::text FROM "{described.table}" WHERE {where}',  # noqa: S608 - names of models
                    {"ids": list(ids)},
                )
                found |= {pk for (pk,) in cursor.fetchall()}
    return found & set(ids)
