"""What a run did record by record: looked through, downloaded, tried again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from django.db import connection
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from crm import registry
from crm.models import Change
from integrations.models import SetAside, Status, Stream, SyncLog, SyncLogLine
from integrations.services import lifecycle, problems, set_aside, sheet
from integrations.services.connect import Refused
from values import Value

AT_ONCE = 500
COLUMNS = (
    lazy("When"),
    lazy("Table"),
    lazy("Side"),
    lazy("Action"),
    lazy("Record"),
    lazy("Field"),
    lazy("Before"),
    lazy("After"),
    lazy("Why"),
)


def chosen(run: SyncLog, action: str = "", side: str = "", search: str = "") -> QuerySet[SyncLogLine]:
    """The touched records of a run, in order."""
    wanted = {name: value for name, value in (("action", action), ("side", side)) if value}
    found = SyncLogLine.objects.filter(run=run, **wanted).order_by("id")
    return found.filter(title__icontains=search) if search else found


def actions(run: SyncLog, known: Sequence[str]) -> set[str]:
    """Which of these the run has lines of: one look into the index for each, however many lines there are."""
    # each by its name: what PostgreSQL knows of how rare a value is decides whether it looks into the index
    look = f'SELECT %s WHERE EXISTS (SELECT 1 FROM "{SyncLogLine._meta.db_table}" WHERE run_id = %s AND action = %s)'  # noqa: S608
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join([look] * len(known)), [part for one in known for part in (one, run.pk, one)])
        return {name for (name,) in cursor.fetchall()}


def with_values(run: SyncLog, lines: Sequence[SyncLogLine]) -> Sequence[SyncLogLine]:
    """Of records that were created here the change feed holds the values, and not the line: put them in. One query a kind."""
    made = [one for one in lines if one.action in ("created", "restored") and one.side == "here" and not one.changes]
    for entity in {one.stream.entity for one in made}:
        some = [one for one in made if one.stream.entity == entity]
        fields, people = registry.entity(entity).fields, registry.People()
        readers = {name: registry.reader(field, people) for name, field in fields.items()}
        blank = dict.fromkeys(registry.entity(entity).columns)
        kept = Change.objects.filter(entity=entity, operation="insert", record_id__in=[one.record_id for one in some])
        rows = {
            pk: blank | (after or {})
            for pk, after in kept.filter(actor__id=str(run.pk)).values_list("record_id", "after")
        }
        for one in some:
            if one.record_id and (row := rows.get(one.record_id)):
                one.changes = {
                    name: [None, value] for name, value in _told(readers, row) if value not in (None, [], "", False)
                }
    return lines


def _told(readers: dict[str, Any], row: dict[str, Any]) -> Iterator[tuple[str, Value]]:
    for name, read in readers.items():
        if name not in ("id", "created_at", "updated_at"):
            yield name, read(row)


def causes(run: SyncLog) -> list[problems.Problem]:
    """What this run has set aside and what still waits, by cause. The count is of those that it touched."""
    streams = Stream.objects.filter(integration=run.integration_id).select_related("integration")
    return problems.of(streams.prefetch_related("mappings"), among=_waiting(run))


def _waiting(run: SyncLog) -> QuerySet[SetAside]:
    """What it has set aside of both sides and what still is."""
    touched = run.lines.filter(action="set_aside")
    ours = Q(record_id__in=touched.filter(record_id__isnull=False).values("record_id"))
    theirs = Q(record_id=None, remote_id__in=touched.exclude(remote_id="").values("remote_id"))
    return SetAside.objects.filter(ours | theirs, stream__integration=run.integration_id)


def retry(run: SyncLog, by: str = "person") -> None:
    """Sync again at once, and try again what this run has set aside. Raises Refused."""
    if run.state in (SyncLog.State.ASKED, SyncLog.State.RUNNING):
        raise Refused(_("This run has not ended yet."), code="still_running")
    if run.integration.status == Status.ACTIVE:
        set_aside.retry(_waiting(run), by)
    lifecycle.sync_now(run.integration, by)


# --- as a file ----------------------------------------------------------------------------------------------------------


def download(run: SyncLog, **wanted: str) -> Iterator[str]:
    """The lines as CSV, a row per field, part by part."""

    def part(last: int) -> tuple[Iterable[sheet.Row], int]:
        found = list(chosen(run, **wanted).filter(pk__gt=last).select_related("stream")[:AT_ONCE])
        labels = {entity: _labels(entity) for entity in {line.stream.entity for line in found}}
        rows = (row for line in with_values(run, found) for row in _rows(line, labels[line.stream.entity]))
        return rows, found[-1].pk if found else 0

    return sheet.in_parts(COLUMNS, part)


def _rows(line: SyncLogLine, labels: dict[str, str]) -> Iterator[list[str]]:
    head = [line.at.isoformat(timespec="seconds"), line.stream.collection_name, line.side, line.action]
    head.append(line.title or line.remote_id or str(line.record_id))
    for name, (old, new) in line.changes.items() or [("", (None, None))]:
        why = line.reason or (line.rules or {}).get(name, "")
        yield [*head, labels.get(name, name), sheet.text(old), sheet.text(new), why]


def _labels(entity: str) -> dict[str, str]:
    return {name: field.label for name, field in registry.entity(entity).fields.items()}
