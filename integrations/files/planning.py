"""What an import would do, row by row: nothing is written but the plan.

A row finds its record by the first of the key fields in which it holds something that a record here has, too. Rows that share a
record or a new key are told apart from each other; what cannot be decided is listed and left.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, BinaryIO, cast
from uuid import UUID

from django.core.files.storage import storages
from django.db import connection, transaction
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

import values
from crm import listing, protection, registry
from crm.fields import is_id, new_id
from crm.registry import Entity, Field
from integrations.files import cells, columns, partners, reading
from integrations.files.cells import CURRENCY, Around, Writer
from integrations.files.models import Import, ImportPartner, ImportRow
from integrations.files.reading import Layout
from integrations.sync.match import KEYABLE
from values import Type, Unfit, Value

BATCH = 1000
Action = ImportRow.Action
#: A list of candidates longer than this says "and more".
NAMED = 3


@dataclass(slots=True)
class Line:
    """One row of the plan."""

    number: int
    action: str
    record_id: str | None = None
    title: str = ""
    changes: dict[str, list[Value]] = field(default_factory=dict)
    reason: str = ""
    cells: list[str] | None = None


@dataclass(slots=True)
class Given:
    """One row of the file: its cells by field, what they say, and what does not fit."""

    number: int
    cells: list[str]
    texts: dict[str, str]
    keys: dict[str, str] = field(default_factory=dict)
    told: dict[str, str] = field(default_factory=dict)  # what the keys were made of
    record_id: str | None = None
    reasons: list[str] = field(default_factory=list)
    action: str = ""


def may_be_key(described: Field) -> bool:
    return described.name == "id" or (described.type in KEYABLE and not described.name.endswith(CURRENCY))


def plan(
    job: Import, tenant: Any, hold: Callable[[], None], report: Callable[[Counter[str], int], None]
) -> tuple[Counter[str], dict[str, list[str]]]:
    """Writes the plan's rows anew; answers the counts and the options that would be made. Raises Refused.

    Each part is a transaction: `hold` before it, which raises where another worker plans by now; after it `report`, with the
    counts so far and the number of the last row.
    """
    with transaction.atomic():
        hold()
        ImportRow.objects.filter(job=job).delete()
        ImportPartner.objects.filter(job=job).delete()
    planner = Planner(job, registry.entity(job.entity), columns.around(tenant))
    counts: Counter[str] = Counter()
    with storages["files"].open(job.stored, "rb") as file:
        rows = reading.below(cast(BinaryIO, file), Layout.of(job.kind, job.layout))
        while part := list(islice(rows, BATCH)):
            lines = planner.lines(part)
            counts.update(line.action for line in lines)
            with transaction.atomic():
                hold()
                _store(job, lines)
                if related := planner.store_partners(lines):
                    counts["related"] += related
                report(counts, part[-1][0])
    return counts, {name: sorted(found) for name, found in planner.new_options.items()}


class Planner:
    """Decides about rows, part by part. Keeps the keys of the rows before, to find those that say the same twice."""

    def __init__(self, job: Import, entity: Entity, near: Around) -> None:
        self.job, self.entity, self.near = job, entity, near
        fields = columns.fields_of(entity)
        by_id = {column["id"]: column for column in job.columns}
        self.width = len(job.columns)
        self.mapped: list[tuple[int, Field, cells.Read, bool]] = []
        self.lenient: set[str] = set()  # fields that stay as they are where a cell names a record that is not here
        for one in job.mapping:
            if one["field"] in fields and one["column"] in by_id:
                local, options = fields[one["field"]], one.get("options", {})
                read = columns.reader(by_id[one["column"]], local, options)
                if options.get("lenient"):
                    self.lenient.add(local.name)
                self.mapped.append((int(one["column"][1:]), local, read, bool(options.get("transforms"))))
        how = job.matching.get("how", Import.How.BOTH)
        self.creates = how != Import.How.MATCH
        names = {local.name for _at, local, _read, _steps in self.mapped}
        keys = [name for name in job.matching.get("keys", []) if name in names]
        self.keys: list[str] = [] if how == Import.How.CREATE else keys
        self.clears = job.matching.get("empty") == "clear"
        self.writer = Writer(near.people, near.zone)
        self.readers = {name: registry.reader(f, near.people) for name, f in entity.fields.items()}
        self.seen_keys: dict[str, dict[str, int]] = {name: {} for name in self.keys}
        self.seen_records: dict[str, int] = {}
        self.new_options: dict[str, set[str]] = {}
        self.stored: set[str] = set()  # partners that are in the plan

    def store_partners(self, lines: Iterable[Line]) -> int:
        """Those that these rows are the first to need: a row that is refused needs nobody."""
        needed = {pk for line in lines for pk in partners.ids_in(self.entity, line.changes)}
        new = {
            pk: (target, name)
            for (target, _key), (pk, name) in self.near.coming.items()
            if pk in needed and pk not in self.stored
        }
        self.stored |= new.keys()
        ImportPartner.objects.bulk_create(
            ImportPartner(job=self.job, entity=target, record_id=pk, title=name) for pk, (target, name) in new.items()
        )
        return len(new)

    def lines(self, part: Sequence[tuple[int, list[str]]]) -> list[Line]:
        given = [self._given(number, row) for number, row in part]
        self.near.found = self._related(given)
        self._match(given)
        rows = registry.rows(self.entity, {one.record_id for one in given if one.record_id})
        kept = protection.read_only(self.entity.name, [UUID(pk) for pk in rows]) if rows else {}
        self.writer.titles = self._titles(rows.values())
        return [self._line(one, rows, kept) for one in given]

    # --- reading --------------------------------------------------------------------------------------------------------

    def _given(self, number: int, row: list[str]) -> Given:
        if self.job.kind == "csv":
            row = [cells.restored(text) for text in row]
        texts = {local.name: row[at] if at < len(row) else "" for at, local, _read, _steps in self.mapped}
        one = Given(number, row, texts)
        if len(row) > self.width:
            one.reasons.append(
                _(
                    "The row has %(n)s cells, the table %(width)s columns: a text that holds the separator lacks quotation marks."
                )
                % {"n": len(row), "width": self.width}
            )
        for _at, local, read, _steps in self.mapped:
            if local.name in self.keys and texts[local.name]:
                try:
                    value = texts[local.name].strip() if local.name == "id" else read(texts[local.name], self.near)
                except Unfit as unfit:
                    one.reasons.append(sentence(local, unfit))
                    continue
                if key := values.key(str(value) if value is not None else None):
                    one.keys[local.name], one.told[local.name] = key, str(value)
        return one

    def _related(self, given: Iterable[Given]) -> dict[str, dict[str, list[str]]]:
        """The records that cells name: by title, by e-mail, by id; one query per kind of record."""
        wanted: dict[str, set[str]] = {}
        for _at, local, _read, _steps in self.mapped:
            if local.type is Type.RELATION:
                for one in given:
                    if text := one.texts[local.name]:
                        wanted.setdefault(local.target, set()).update(cells.names_in(local, text))
        return {target: find(registry.ENTITIES[target], names) for target, names in wanted.items()}

    def _titles(self, rows: Iterable[registry.Row]) -> dict[str, dict[str, str]]:
        wanted: dict[str, set[str]] = {}
        for _at, local, _read, _steps in self.mapped:
            if local.type is Type.RELATION:
                for row in rows:
                    wanted.setdefault(local.target, set()).update(self.readers[local.name](row) or [])
        return listing.titles({target: ids for target, ids in wanted.items() if ids})

    # --- matching -------------------------------------------------------------------------------------------------------

    def _match(self, given: Sequence[Given]) -> None:
        """Key by key, the strongest first; a row that found its record is not asked again."""
        for name in self.keys:
            asking = [one for one in given if not one.record_id and not one.action and name in one.keys]
            found = holders(self.entity, name, {one.told[name] for one in asking})
            for one in asking:
                ids = found.get(one.keys[name], [])
                if len(ids) == 1:
                    one.record_id = ids[0]
                elif ids:
                    one.action = Action.AMBIGUOUS
                    one.reasons.append(self._several(name, one.texts[name], ids))
        for one in given:
            self._once(one)

    def _several(self, name: str, text: str, ids: Sequence[str]) -> str:
        titles = list(listing.titles({self.entity.name: ids[:NAMED]})[self.entity.name].values())
        told = ngettext(
            "%(n)s record has the %(field)s “%(value)s”: %(titles)s.",
            "%(n)s records have the %(field)s “%(value)s”: %(titles)s.",
            len(ids),
        )
        more = ", …" if len(ids) > NAMED else ""
        label = columns.fields_of(self.entity)[name].label
        return told % {"n": len(ids), "field": label, "value": text, "titles": ", ".join(titles) + more}

    def _once(self, one: Given) -> None:
        """Two rows about one record, or about one that is not here yet, would overwrite or double each other."""
        if one.reasons:
            return
        if one.record_id:
            before = self.seen_records.setdefault(one.record_id, one.number)
        elif self.keys:
            before = min(
                (self.seen_keys[name].get(key, one.number) for name, key in one.keys.items()), default=one.number
            )
            for name, key in one.keys.items():
                self.seen_keys[name].setdefault(key, one.number)
        else:
            return
        if before != one.number:
            one.reasons.append(_("Row %(row)s is about the same record.") % {"row": before})

    # --- one row --------------------------------------------------------------------------------------------------------

    def _line(self, one: Given, rows: Mapping[str, registry.Row], kept: Mapping[str, str]) -> Line:
        row = rows.get(one.record_id or "")
        title = one.texts.get(self.entity.title, "") or (row[self.entity.title] if row else "") or _first(one.cells)
        line = Line(one.number, one.action or Action.REFUSED, one.record_id, title[:300])
        if not one.reasons and row is None and not self.creates:
            one.reasons.append(_("No record here matches."))
        if not one.reasons:
            wanted = self._wanted(one, row)
            if not one.reasons:
                self._decide(line, one, row, wanted)
            if line.action == Action.UPDATED and one.record_id in kept:
                one.reasons.append(kept[one.record_id or ""])
        if one.reasons:
            line.action = one.action or Action.REFUSED
            line.reason, line.cells = " ".join(one.reasons), one.cells
            line.changes, line.record_id = {}, one.record_id
        return line

    def _wanted(self, one: Given, row: registry.Row | None) -> dict[str, Value]:
        """{field: value} of what the cells say and the record does not hold yet; what does not fit goes to the reasons."""
        wanted: dict[str, Value] = {}
        for _at, local, read, has_steps in self.mapped:
            text = one.texts[local.name]
            if local.name == "id" or (not text and not (self.clears and row is not None)):
                continue
            now = self._now(row, local.name)
            if row is not None and not has_steps and text == self.writer.seen(local, now, self.job.kind):
                continue
            if not text and local.name.endswith(CURRENCY):
                continue
            try:
                wanted[local.name] = read(text, self.near) if text else registry.check(local, None)
            except Unfit as unfit:
                if local.name not in self.lenient:
                    one.reasons.append(sentence(local, unfit))
        return wanted

    def _now(self, row: registry.Row | None, name: str) -> Value:
        if row is None:
            return None
        if name.endswith(CURRENCY):
            return (self.readers[name.removesuffix(CURRENCY)](row) or {}).get("currency")
        return self.readers[name](row)

    def _decide(self, line: Line, one: Given, row: registry.Row | None, wanted: dict[str, Value]) -> None:
        self._with_currency(wanted, one, row)
        described = self.entity.fields
        for name, value in wanted.items():
            old = self._now(row, name)
            empty_now = row is None and value in (None, False, "", [])
            if not empty_now and not _same(described[name], old, value):
                line.changes[name] = [old, value]
            if described[name].required and value in (None, ""):
                one.reasons.append(_("%(field)s must not be empty.") % {"field": described[name].label})
        if row is None:
            title = described[self.entity.title]
            if not wanted.get(self.entity.title) and not one.reasons:
                one.reasons.append(_("%(field)s must not be empty.") % {"field": title.label})
            line.action, line.record_id = Action.CREATED, str(new_id())
        else:
            line.action = Action.UPDATED if line.changes else Action.SAME
        if not one.reasons:
            self._gather_options(line)

    def _with_currency(self, wanted: dict[str, Value], one: Given, row: registry.Row | None) -> None:
        """An amount and the currency beside it are one value; without one it keeps what it has, or is in the organisation's."""
        for name, described in self.entity.fields.items():
            if described.type is not Type.MONEY:
                continue
            told = wanted.pop(name + CURRENCY, None)
            now = self._now(row, name) or {}
            if name in wanted and isinstance(wanted[name], dict):
                amount = wanted[name]
                currency = told or amount.get("currency") or (now.get("currency") if now else self.near.currency)
                wanted[name] = {"amount": amount["amount"], "currency": currency}
            elif name not in wanted and told and now:
                wanted[name] = {"amount": now["amount"], "currency": told}

    def _gather_options(self, line: Line) -> None:
        for name, (_old, new) in line.changes.items():
            described = self.entity.fields[name]
            if described.type in (Type.SELECT, Type.MULTI_SELECT) and described.options:
                missing = set(new if isinstance(new, list) else [new] if new else []) - set(described.options)
                if missing:
                    self.new_options.setdefault(name, set()).update(missing)


def _same(described: Field, old: Value, new: Value) -> bool:
    if old == new or (described.type is Type.BOOLEAN and not described.custom and bool(old) == bool(new)):
        return True
    if described.type is Type.EMAIL:
        return values.key(old) == values.key(new)
    if described.type in (Type.PHONE, Type.URL) and isinstance(old, str) and isinstance(new, str):
        return old.strip() == new.strip()
    return False


def sentence(local: Field, unfit: Unfit) -> str:
    text = str(unfit)
    if not text.startswith(local.label):
        text = _("%(label)s: %(text)s") % {"label": local.label, "text": text}
    return f"{text}."


def _first(row: Sequence[str]) -> str:
    return next((text for text in row if text), "")


# --- looking up -----------------------------------------------------------------------------------------------------------


def holders(entity: Entity, name: str, texts: Iterable[str]) -> dict[str, list[str]]:
    """{key: ids of the records that have one of these texts in this field}."""
    keys, lowered = _as_kept(texts)
    if name == "id" or not keys:
        ids = [key for key in keys if is_id(key)]
        return {
            str(pk): [str(pk)] for pk in entity.model._default_manager.filter(pk__in=ids).values_list("pk", flat=True)
        }
    described = entity.fields[name]
    column = "custom->>%(name)s" if described.custom else f'"{described.column}"'
    found: dict[str, list[str]] = {}
    with connection.cursor() as cursor:
        cursor.execute(
            f'SELECT id::text, ({column})::text FROM "{entity.table}" '  # noqa: S608 - names come from the models
            f"WHERE lower(({column})::text) = ANY(%(lowered)s) ORDER BY id",
            {"name": name.partition(".")[2], "lowered": lowered},
        )
        for pk, text in cursor.fetchall():
            if (key := values.key(text)) in keys:
                found.setdefault(str(key), []).append(pk)
    return found


def find(declared: registry.Declared, names: Iterable[str]) -> dict[str, list[str]]:
    """{key of a name: ids of the records} by title, by e-mail where they have one, and by id."""
    keys, lowered = _as_kept(names)
    ids = [key for key in keys if is_id(key)]
    table, title = declared.model._meta.db_table, declared.title
    has_email = any(column.name == "email" for column in declared.model._meta.concrete_fields)
    email = "email" if has_email else "''"
    found: dict[str, list[str]] = {}
    with connection.cursor() as cursor:
        cursor.execute(
            f'SELECT id::text, "{title}", {email} FROM "{table}" WHERE lower("{title}") = ANY(%(lowered)s)'  # noqa: S608
            + (" OR lower(email) = ANY(%(lowered)s)" if has_email else "")
            + (" OR id = ANY(%(ids)s::uuid[])" if ids else "")
            + " ORDER BY id",
            {"lowered": lowered, "ids": ids},
        )
        for pk, name, address in cursor.fetchall():
            for key in {values.key(name), values.key(address), pk} & keys:
                found.setdefault(str(key), []).append(pk)
    return found


def _as_kept(texts: Iterable[str]) -> tuple[set[str], list[str]]:
    """(keys, how PostgreSQL would write them small): “Straße” has the key “strasse”, and stays “straße” there."""
    texts = list(texts)
    keys = {key for text in texts if (key := values.key(text))}
    return keys, list(keys | {text.lower() for text in texts} | {text.strip().lower() for text in texts})


# --- storing --------------------------------------------------------------------------------------------------------------


def _store(job: Import, lines: Iterable[Line]) -> None:
    with (
        connection.cursor() as cursor,
        cursor.copy(
            "COPY files_importrow (job_id, number, action, record_id, title, changes, reason, cells, outcome) FROM STDIN"
        ) as copy,
    ):
        for line in lines:
            told = None if line.cells is None else json.dumps(line.cells)
            copy.write_row(
                [
                    job.pk,
                    line.number,
                    line.action,
                    line.record_id,
                    line.title,
                    json.dumps(line.changes),
                    line.reason,
                    told,
                    "",
                ]
            )
