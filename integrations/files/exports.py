"""Records out as CSV or XLSX: chosen records, chosen columns, in flat memory however many there are; and who took what, when.

What somebody may read they may export; every export is written down. Larger ones are written by a worker and kept for a while.
"""

from __future__ import annotations

import csv
import io
import tempfile
from collections.abc import Iterator, Sequence
from typing import Any
from uuid import UUID

from django.core.files.base import File
from django.core.files.storage import storages
from django.db import connection, transaction
from django.db.models import QuerySet
from django.http import QueryDict
from django.utils import timezone
from django.utils.text import slugify
from django.utils.translation import get_language, override
from django.utils.translation import gettext as _

from crm import listing, registry
from crm.feed import Actor
from crm.listing import Asked, Listing
from crm.registry import Entity, Field, People
from integrations.files import sheet
from integrations.files.cells import CURRENCY, Writer, fields_of, neutral
from integrations.files.models import Export
from integrations.notifications.bell import rings
from integrations.scheduling import jobs
from integrations.services.connect import Refused
from values import Type

State = Export.State
#: More than so many records are written by a worker.
IN_BACKGROUND = 20_000
DELIMITERS = {"comma": ",", "semicolon": ";", "tab": "\t"}
FORMATS = ("csv", "xlsx")
PART = 1000
MEDIA = {"csv": "text/csv; charset=utf-8", "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"}


def create(
    entity: Entity,
    chosen: Sequence[str],
    format: str,
    options: dict[str, Any],
    by: Actor,
    query: str | None = "",
    ids: Sequence[str] = (),
    found: QuerySet[Any] | None = None,
) -> Export:
    """The line in the log; the file comes from `stream` or `in_background`. Raises Refused.

    chosen: names of fields, in order; none: `usual`. found: the records, where the caller has them already.
    """
    fields = fields_of(entity)
    wanted = list(dict.fromkeys(name for name in chosen if name)) or usual(entity)
    if unknown := next((name for name in wanted if name not in fields), None):
        raise Refused(_("There is no field “%(name)s” here.") % {"name": unknown}, "columns", "no_field")
    if format not in FORMATS:
        raise Refused(_("A file is CSV or XLSX."), "format", "invalid_choice")
    if options.get("delimiter", "comma") not in DELIMITERS:
        raise Refused(_("Choose a separator from the list."), "delimiter", "invalid_choice")
    made = Export(
        entity=entity.name, format=format, columns=wanted, options=options, query=query, ids=list(ids),
        language=get_language() or "", by=by.label[:200], by_id=by.id, by_kind=by.kind,
    )  # fmt: skip
    made.total = (matching(made, entity) if found is None else found).order_by().count()
    if format == "xlsx" and made.total >= sheet.MAX_ROWS:
        raise Refused(
            _("A sheet holds %(n)s rows at most. Filter the records, or take CSV.") % {"n": sheet.MAX_ROWS - 1},
            "format",
        )
    made.save()
    return made


def usual(entity: Entity) -> list[str]:
    """All columns: the id, the fields as a person reads them, the times."""
    names = list(fields_of(entity))
    title = [entity.title, *(name for name in entity.columns_shown if name != entity.title)]
    shown = [other for name in title for other in (name, name + CURRENCY) if other in names]
    late = [name for name in ("created_at", "updated_at") if name in names]
    return ["id", *shown, *(name for name in names if name not in {"id", *shown, *late}), *late]


def labels(entity: Entity, chosen: Sequence[str]) -> list[str]:
    """Names of columns; of two fields that are called the same the later one tells its own name, too."""
    fields, taken, found = fields_of(entity), set(), []
    for name in chosen:
        label = fields[name].label if name in fields else name
        if label.casefold() in taken:
            label = name
        taken.add(label.casefold())
        found.append(label)
    return found


def matching(job: Export, entity: Entity) -> QuerySet[Any]:
    if job.query is None:
        return entity.model._default_manager.filter(pk__in=job.ids)
    return Listing(entity, Asked.of(QueryDict(job.query))).matching


def file_name(job: Export) -> str:
    entity = registry.ENTITIES[job.entity].model._meta.verbose_name_plural
    return f"{slugify(str(entity)) or job.entity}-{job.created_at:%Y-%m-%d}.{job.format}"


# --- writing ----------------------------------------------------------------------------------------------------------------


def stream(job: Export, tenant: Any, found: QuerySet[Any] | None = None) -> Iterator[bytes]:
    """The file, piece by piece, straight to whoever asked; told in the log when it is through."""
    Export.objects.filter(pk=job.pk).update(state=State.SENT, began_at=timezone.now())
    with override(job.language or None), timezone.override(tenant.timezone):
        yield from pieces(job, tenant, found)
    Export.objects.filter(pk=job.pk).update(rows=job.rows, ended_at=timezone.now())


def pieces(job: Export, tenant: Any, found: QuerySet[Any] | None = None) -> Iterator[bytes]:
    entity = registry.entity(job.entity)
    fields = fields_of(entity)
    chosen = [fields[name] for name in job.columns if name in fields]
    head = labels(entity, [one.name for one in chosen])
    writer = Writer(People(), tenant.timezone)
    records = matching(job, entity) if found is None else found
    rows = _rows(job, entity, chosen, writer, records)
    if job.format == "xlsx":
        return sheet.workbook(entity.plural, head, rows)
    return _csv(head, rows, job.options)


def _csv(head: Sequence[str], rows: Iterator[list[Any]], options: dict[str, Any]) -> Iterator[bytes]:
    kept = io.StringIO()
    writer = csv.writer(kept, delimiter=DELIMITERS[options.get("delimiter", "comma")])
    writer.writerow([neutral(name) for name in head])
    yield b"\xef\xbb\xbf" if options.get("bom", True) else b""
    for row in rows:
        writer.writerow(row)
        if kept.tell() > sheet.FLUSH:
            yield _taken(kept)
    yield _taken(kept)


def _taken(kept: io.StringIO) -> bytes:
    text = kept.getvalue()
    kept.seek(0)
    kept.truncate()
    return text.encode()


def _rows(
    job: Export, entity: Entity, chosen: Sequence[Field], writer: Writer, found: QuerySet[Any]
) -> Iterator[list[Any]]:
    """Cells of all records as they were at one moment; titles of related ones part by part."""
    read = {one.name: _reader(one, entity, writer.people) for one in chosen}
    made = [(read[one.name], writer.maker(one, job.format)) for one in chosen]
    for part in _parts(entity, found):
        writer.titles = _titles(entity, chosen, part, read)
        for row in part:
            yield [cell(value(row)) for value, cell in made]
        job.rows += len(part)


def _reader(one: Field, entity: Entity, people: People) -> Any:
    if not one.name.endswith(CURRENCY):
        return registry.reader(one, people)
    money = registry.reader(entity.fields[one.name.removesuffix(CURRENCY)], people)
    return lambda row: (money(row) or {}).get("currency")


def _parts(entity: Entity, found: QuerySet[Any]) -> Iterator[list[registry.Row]]:
    """From a cursor that the server holds without a transaction: whoever reads slowly keeps nothing of the database open."""
    sql, params = found.order_by("pk").values("pk").query.sql_with_params()
    with connection.connection.cursor(name="export", scrollable=False, withhold=True) as cursor:
        cursor.itersize = PART
        cursor.execute(
            f'SELECT to_jsonb(r)::text FROM "{entity.table}" r WHERE r.id IN ({sql}) ORDER BY r.id',  # noqa: S608
            params,
        )
        while part := cursor.fetchmany(PART):
            yield [registry.load_row(text) for (text,) in part]


def _titles(entity: Entity, chosen: Sequence[Field], part: list[registry.Row], read: dict[str, Any]) -> Any:
    wanted: dict[str, set[str]] = {}
    for one in chosen:
        if one.type is Type.RELATION:
            for row in part:
                wanted.setdefault(one.target, set()).update(map(str, read[one.name](row) or []))
    return listing.titles({target: ids for target, ids in wanted.items() if ids})


# --- in the background ------------------------------------------------------------------------------------------------------


def in_background(job: Export) -> None:
    jobs.ask("export", job.pk)


def do(job_id: UUID, turn: jobs.Turn) -> bool:
    """The work behind `in_background`: the whole file, begun anew after a crash."""
    job = Export.objects.filter(pk=job_id, state__in=(State.WAITING, State.RUNNING)).first()
    if job is None:
        return True
    tenant = connection.tenant
    Export.objects.filter(pk=job_id).update(state=State.RUNNING, began_at=timezone.now())
    with (
        tempfile.TemporaryFile() as file,
        override(job.language or None),
        timezone.override(tenant.timezone),
    ):
        for piece in pieces(job, tenant):
            file.write(piece)
            turn.hold()
        size = file.tell()
        file.seek(0)
        name = storages["files"].save(f"{connection.schema_name}/exports/{job.pk}.{job.format}", File(file))
    with transaction.atomic():
        Export.objects.filter(pk=job_id).update(
            state=State.READY, stored=name, size=size, rows=job.rows, ended_at=timezone.now()
        )
        rings.ring()  # whoever asked has gone on with something else
    return True


def recent(entity: str, limit: int = 20) -> list[Export]:
    return list(Export.objects.filter(entity=entity)[:limit])
