"""Everything that can be done with an import; pages and API call these."""

from __future__ import annotations

import csv
import hashlib
import io
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, BinaryIO, cast
from uuid import UUID

from django.core.files.storage import storages
from django.db import connection, transaction
from django.db.models import F, QuerySet
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from crm import records, registry
from crm.feed import Actor
from crm.registry import Field
from integrations.files import cells, columns, partners, planning, reading
from integrations.files.columns import Choice
from integrations.files.models import Import, ImportRow
from integrations.files.reading import DELIMITERS, ENCODINGS, Layout
from integrations.files.uploads import MAX_BYTES
from integrations.scheduling import jobs
from integrations.services.connect import Refused

State, Action = Import.State, ImportRow.Action
OPEN = (State.DRAFT, State.PLANNING, State.READY)


# --- a file comes in ------------------------------------------------------------------------------------------------------


def create(entity: str, file: Any, by: Actor, tenant: Any, too_large: bool = False) -> Import:
    """Look at a file and keep it. Raises Refused, and records.Missing for an unknown entity."""
    described = records.describe(entity)
    if too_large or (file and file.size > MAX_BYTES):
        raise Refused(
            _("The file is larger than %(n)s MB. Split it, or save it without what is not needed.")
            % {"n": MAX_BYTES // 2**20},
            "file",
            "file_too_large",
        )
    if file is None:
        raise Refused(_("Choose a CSV or XLSX file."), "file", "missing")
    name = (file.name or "").replace("\x00", "").rsplit("/")[-1].rsplit("\\")[-1][:255] or _("file")
    layout = reading.look(file, name)
    job = Import(
        entity=entity,
        name=name,
        kind=layout.kind,
        size=file.size,
        digest=_digest(file),
        by=by.label[:200],
        by_id=by.id,
        by_kind=by.kind,
        language=get_language() or "",
    )
    _describe(job, file, layout)
    near = columns.around(tenant)
    chosen = columns.suggest(job.columns, described, near)
    job.mapping = [one.stored() for one in chosen]
    job.matching = _usual_matching(job, described)
    file.seek(0)
    job.stored = storages["files"].save(f"{connection.schema_name}/imports/{job.pk}.{layout.kind}", file)
    job.save()
    return job


def _digest(file: BinaryIO) -> str:
    file.seek(0)
    found = hashlib.sha256()
    while part := file.read(1 << 20):
        found.update(part)
    return found.hexdigest()


def _describe(job: Import, file: BinaryIO, layout: Layout) -> None:
    job.columns = reading.columns(file, layout)
    job.layout = layout.stored()


def _usual_matching(job: Import, described: registry.Entity) -> dict[str, Any]:
    keys = [name for name in ("id", *described.keys) if name in mapped(job)][:2]
    return {"how": Import.How.BOTH if keys else Import.How.CREATE, "keys": keys, "empty": "keep"}


def mapped(job: Import) -> set[str]:
    return {one["field"] for one in job.mapping if one["field"]}


def before(job: Import) -> Import | None:
    """The same file, brought in earlier."""
    done = (State.DONE, State.RUNNING)
    return Import.objects.filter(digest=job.digest, entity=job.entity, state__in=done).exclude(pk=job.pk).first()


# --- setting it up ----------------------------------------------------------------------------------------------------------


def relayout(job: Import, wanted: Mapping[str, Any], tenant: Any, version: int | None = None) -> Import:
    """Read the file another way: encoding, delimiter, sheet, row of the names. Raises Refused."""
    with Changing(job, version) as job:
        given = job.layout | {
            name: wanted[name] for name in ("encoding", "delimiter", "sheet", "header") if name in wanted
        }
        if job.kind == "csv" and (given["encoding"] not in ENCODINGS or given["delimiter"] not in DELIMITERS):
            raise Refused(_("A CSV file cannot be read this way."), "layout", "unreadable_file")
        if not isinstance(given["header"], int) or not 1 <= given["header"] <= reading.MAX_ROWS:
            raise Refused(_("The row of the names is a number from 1."), "header", "unreadable_file")
        with storages["files"].open(job.stored, "rb") as file:
            _describe(job, cast(BinaryIO, file), Layout.of(job.kind, given))
        described = registry.entity(job.entity)
        job.mapping = [one.stored() for one in columns.suggest(job.columns, described, columns.around(tenant))]
        job.matching = _usual_matching(job, described)
        job.save()
    return job


def map_columns(
    job: Import, wanted: Sequence[Mapping[str, Any]], tenant: Any, may_add: bool, version: int | None = None
) -> Import:
    """Say which column is which field. wanted: [{"column", "field", "options"}]. Raises Refused."""
    with Changing(job, version) as job:
        described = registry.entity(job.entity)
        fields, near = columns.fields_of(described), columns.around(tenant)
        by_id = {column["id"]: column for column in job.columns}
        was = {(one["column"], one["field"]): one.get("reason", "") for one in job.mapping}
        chosen: dict[str, Choice] = {}
        taken: dict[str, str] = {}
        for one in wanted:
            column, name = by_id.get(one.get("column", "")), one.get("field") or ""
            if column is None:
                raise Refused(_("There is no column “%(name)s”.") % {"name": one.get("column")}, "column", "no_field")
            if not name:
                continue
            if name not in fields:
                raise Refused(_("There is no field “%(name)s” here.") % {"name": name}, "field", "no_field")
            if name in taken:
                raise Refused(
                    _("“%(one)s” and “%(other)s” cannot both be %(field)s.")
                    % {"one": taken[name], "other": column["name"], "field": fields[name].label},
                    "field",
                    "mapped_twice",
                )
            options = _checked(job.entity, fields[name], one.get("options") or {}, may_add)
            allowed = columns.fit(column, fields[name], options, near)
            if not allowed.possible:
                raise Refused(allowed.reason, "field", "types_do_not_fit")
            taken[name] = column["name"]
            chosen[column["id"]] = Choice(column["id"], name, options, was.get((column["id"], name), ""))
        if not chosen:
            raise Refused(_("Choose a field for at least one column."), "mapping", "missing")
        job.mapping = [chosen.get(pk, Choice(pk)).stored() for pk in by_id]
        keys = [name for name in job.matching.get("keys", []) if name in taken]
        job.matching = job.matching | {"keys": keys} if keys else _usual_matching(job, described)
        job.save()
    return job


def _checked(entity: str, local: Field, options: Mapping[str, Any], may_add: bool) -> dict[str, Any]:
    if options.get("adds") and not may_add:
        raise Refused(_("New options are made by owners and admins."), "options", "forbidden")
    kept: dict[str, Any] = {}
    if options.get("transforms"):
        steps = options["transforms"]
        kept["transforms"] = steps if isinstance(steps, list) else [steps]
    if options.get("creates") and not partners.can_be_made(local, entity):
        told = _("Records of %(field)s cannot be made by their name alone.") % {"field": f"“{local.label}”"}
        raise Refused(told, "options", "types_do_not_fit")
    if options.get("creates") and options.get("lenient"):
        raise Refused(_("Either make what is missing, or leave it out."), "options", "invalid_choice")
    for name in ("adds", "lenient", "creates"):
        if options.get(name):
            kept[name] = True
    return kept


def match_by(job: Import, how: str, keys: Sequence[str], empty: str = "keep", version: int | None = None) -> Import:
    """Say how rows find their records. Raises Refused."""
    with Changing(job, version) as job:
        if how not in Import.How.values or empty not in ("keep", "clear"):
            raise Refused(_("Choose one of the ways."), "how", "invalid_choice")
        fields = columns.fields_of(registry.entity(job.entity))
        known = [name for name in dict.fromkeys(keys) if name in mapped(job) and planning.may_be_key(fields[name])]
        if how != Import.How.CREATE and not known:
            raise Refused(_("Choose at least one field that tells which record a row is about."), "keys", "missing")
        job.matching = {"how": how, "keys": known if how != Import.How.CREATE else [], "empty": empty}
        job.save()
    return job


class Changing:
    """One person changes at a time; who changes something that moved meanwhile is told. A plan that was made is void."""

    def __init__(self, job: Import, version: int | None) -> None:
        self.pk, self.version = job.pk, version

    def __enter__(self) -> Import:
        self.atomic = transaction.atomic()
        self.atomic.__enter__()
        try:
            job = Import.objects.select_for_update().get(pk=self.pk)
            if job.state not in (State.DRAFT, State.READY, State.FAILED):
                raise Refused(_("It is being worked on, or is over: it cannot be changed any more."), "", "not_open")
            if self.version is not None and self.version != job.version:
                raise Refused(
                    _("Somebody else changed this import meanwhile. Look at it as it is now."), "", "moved_import"
                )
        except BaseException:
            self.atomic.__exit__(Refused, None, None)
            raise
        job.state, job.version, job.problem = State.DRAFT, job.version + 1, ""
        return job

    def __exit__(self, *error: Any) -> None:
        self.atomic.__exit__(*error)


# --- preview, approval, undo ------------------------------------------------------------------------------------------------


def preview(job: Import) -> Import:
    """Have worked out what would happen. Raises Refused."""
    if not mapped(job):
        raise Refused(_("Choose a field for at least one column."), "mapping", "missing")
    with transaction.atomic():
        _move(job, (State.DRAFT, State.READY, State.FAILED), State.PLANNING, counts={}, position=0, rows=0, problem="",
              new_options={}, began_at=timezone.now(), ended_at=None)  # fmt: skip
        jobs.ask("import", job.pk)
    return job


def make_plan(job_id: UUID, turn: jobs.Turn, tenant: Any) -> None:
    """The work behind `preview`. Begun anew after a crash: it writes nothing but itself."""
    job = Import.objects.get(pk=job_id)
    if job.state != State.PLANNING:
        return

    def hold() -> None:
        """Nobody plans it in our place, and nobody threw it away: so it stays until the transaction ends. Raises jobs.Lost."""
        turn.hold()
        if not Import.objects.select_for_update().filter(pk=job_id, state=State.PLANNING).exists():
            raise jobs.Lost(str(job_id))

    def report(counts: Counter[str], number: int) -> None:
        told = {"counts": dict(counts), "rows": _rows(counts), "position": number}
        Import.objects.filter(pk=job_id).update(**told)

    after: dict[str, Any]
    try:
        counts, new_options = planning.plan(job, tenant, hold, report)
        after = {"state": State.READY, "counts": dict(counts), "rows": _rows(counts), "new_options": new_options}
    except Refused as refused:
        after = {"state": State.FAILED, "problem": str(refused)[:500]}
    with transaction.atomic():  # another version: what was seen of a plan in the making is no plan to approve
        hold()
        Import.objects.filter(pk=job_id).update(
            **after, version=F("version") + 1, position=0, ended_at=timezone.now(), changed_at=timezone.now()
        )


def _rows(counts: Mapping[str, int]) -> int:
    return sum(counts.get(action, 0) for action in Action.values)


def approve(job: Import, by: Actor, may_add: bool, version: int) -> Import:
    """Have exactly this done. version: of the preview that was read. Raises Refused."""
    if job.new_options and not may_add:
        raise Refused(_("This import makes new options: an owner or admin has to start it."), "", "forbidden")
    if not changes(job.counts):
        raise Refused(_("Nothing would change: there is nothing to import."), "", "nothing_to_do")
    with transaction.atomic():
        _move(job, (State.READY,), State.RUNNING, version, approved_by=by.label[:200], by_id=by.id, by_kind=by.kind,
              position=0, began_at=timezone.now(), ended_at=None)  # fmt: skip
        jobs.ask("import", job.pk)
    return job


def undo(job: Import, by: Actor) -> Import:
    """Take back what it did, where it still is so. Raises Refused."""
    if not job.lines.exists():
        raise Refused(_("What became of the rows is not kept any more."), "", "nothing_to_undo")
    with transaction.atomic():
        _move(job, (State.DONE,), State.UNDOING, approved_by=by.label[:200], by_id=by.id, by_kind=by.kind, position=0,
              problem="", began_at=timezone.now(), ended_at=None)  # fmt: skip
        jobs.ask("import", job.pk)
    return job


def discard(job: Import) -> None:
    """Throw it away; nothing was written."""
    with transaction.atomic():
        jobs.drop(job.pk)  # first: in the order in which a worker takes both
        _move(job, (*OPEN, State.FAILED), State.DISCARDED)
        job.lines.all().delete()
        job.partners.all().delete()
    forget_file(job)


def changes(counts: Mapping[str, int]) -> int:
    return counts.get(Action.CREATED, 0) + counts.get(Action.UPDATED, 0)


def _move(job: Import, before: Sequence[str], after: str, seen: int | None = None, **more: Any) -> None:
    """From one state to the next, once: of two who press the button the second one is told. seen: only from this version."""
    found = Import.objects.filter(pk=job.pk, state__in=before)
    if not (found if seen is None else found.filter(version=seen)).update(
        state=after, version=F("version") + 1, changed_at=timezone.now(), **more
    ):
        code = "not_open" if seen is None or not found.exists() else "moved_import"
        raise Refused(_("Somebody was faster: look at the import as it is now."), "", code)
    job.refresh_from_db()


def forget_file(job: Import) -> None:
    if job.stored:
        storages["files"].delete(job.stored)
        Import.objects.filter(pk=job.pk).update(stored="")


# --- rows -------------------------------------------------------------------------------------------------------------------


def lines(job: Import, action: str = "", outcome: str = "", after: int = 0) -> QuerySet[ImportRow]:
    found = job.lines.filter(number__gt=after)
    if action:
        found = found.filter(action=action)
    if outcome:
        found = found.filter(outcome="" if outcome == "waiting" else outcome)
    return found.order_by("number")


def left_rows(job: Import) -> Iterator[str]:
    """The rows that were not brought in as a CSV file: as they stood, with the row's number and the reason at the end."""
    kept = io.StringIO()
    writer = csv.writer(kept)
    head = [column["name"] for column in job.columns]
    writer.writerow([cells.neutral(name) for name in (*head, _("Row"), _("Why it was left out"))])
    yield "\ufeff" + _taken(kept)
    for row in job.lines.filter(cells__isnull=False).order_by("number").iterator(chunk_size=500):
        padded = [*(row.cells or []), *[""] * (len(head) - len(row.cells or []))]
        writer.writerow([*map(cells.neutral, padded), row.number, cells.neutral(row.reason)])
        yield _taken(kept)


def _taken(kept: io.StringIO) -> str:
    text = kept.getvalue()
    kept.seek(0)
    kept.truncate()
    return text
