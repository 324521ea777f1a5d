"""What a workspace of the practice tool does. Every write goes through here, in one order per table.

Called by the API and by the page alike, inside the tenant's schema.
"""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from django.utils.text import slugify

from practice import seeds
from practice.cells import Unacceptable, checked, options_of
from practice.models import Event, Row, Table, Workspace
from values import Type, Value

#: Nobody practises with more; the walls of a shared installation.
MOST_ROWS, MOST_FIELDS, MOST_TABLES, MOST_WORKSPACES = 5000, 40, 12, 20
KEPT_EVENTS = 60
RACCORD = "Raccord"

now: Callable[[], dt.datetime] = timezone.now  # what `edited_at` is taken from; tests stop it


class Full(Exception):
    """There is no more room; the text says for what."""


class Stale(Exception):
    """The row moved on since it was read, or lies in the trash."""


# --- workspaces -------------------------------------------------------------------------------------------------------


@transaction.atomic
def open_workspace(integration_id: UUID, name: str) -> Workspace:
    """The connection's own; else one that a deleted connection has left; else a new one, with its first rows."""
    if mine := Workspace.objects.filter(integration_id=integration_id).first():
        return mine
    if left := Workspace.objects.select_for_update(skip_locked=True).filter(integration_id=None).last():
        left.integration_id, left.name = integration_id, name
        left.save(update_fields=["integration_id", "name"])
        return left
    if Workspace.objects.count() >= MOST_WORKSPACES:
        raise Full("workspaces")
    made = Workspace.objects.create(integration_id=integration_id, name=name)
    fill(made)
    return made


def fill(workspace: Workspace) -> None:
    first = seeds.rows()
    for place, (slug, name, fields) in enumerate(seeds.TABLES):
        table = Table.objects.create(workspace=workspace, slug=slug, name=name, fields=fields, place=place)
        for ident, values in first[slug].items():
            _insert(table, values, ident=ident)


@transaction.atomic
def reset(workspace: Workspace, by: str = "") -> None:
    """The first rows and columns again. Rows keep their ids, so pairs stay paired; what came since is deleted, not forgotten."""
    first = seeds.rows()
    for slug, _name, fields in seeds.TABLES:
        table = _locked(workspace, slug)
        own = {field["id"] for field in fields}
        table.fields = fields + [field for field in table.fields if field["id"] not in own]
        table.save(update_fields=["fields"])
        standing = {row.ident: row for row in table.rows.all()}
        for ident, values in first[slug].items():
            if ident not in standing:
                _insert(table, values, ident=ident)
            elif standing[ident].values != values or standing[ident].is_gone:
                _touch(table, standing[ident], values=values, is_gone=False)
        for ident, row in standing.items():
            if ident not in first[slug] and not row.is_gone:
                _touch(table, row, is_gone=True)
    note(workspace, Event.Kind.RESET, by=by)


def empty(workspace: Workspace) -> None:
    """Everything in it is gone for good, as when an account is closed."""
    workspace.delete()


# --- looking ----------------------------------------------------------------------------------------------------------


def changes(table: Table, since: int, whole: bool, limit: int) -> tuple[list[Row], int | None]:
    """Rows in the order in which they were last changed, after a position; and where to go on, None at the end.

    whole: a listing, without tombstones.
    """
    found = table.rows.filter(position__gt=since).order_by("position")
    if whole:
        found = found.filter(is_gone=False)
    rows = list(found[: limit + 1])
    return rows[:limit], rows[limit - 1].position if len(rows) > limit else None


# --- writing ----------------------------------------------------------------------------------------------------------


@transaction.atomic
def make(
    table: Table,
    values: Mapping[str, Any],
    *,
    by: str = "",
    key: str | None = None,
    external_id: str | None = None,
    told: Callable[[Table, Row], Any] | None = None,
    **how: Any,
) -> tuple[Row, bool]:
    """A row, and whether it is new: the same key again finds the first one. Raises cells.Unacceptable, Full."""
    table = lock(table)
    if key and (known := table.rows.filter(key=key).first()):
        return known, False
    if table.rows.count() >= MOST_ROWS:
        raise Full("rows")
    row = _insert(table, _checked(table, values, whole=True, **how), by=by, key=key, external_id=external_id)
    if told:
        row.answer = told(table, row)
        row.save(update_fields=["answer"])
    return row, True


@transaction.atomic
def change(
    table: Table,
    ident: str,
    values: Mapping[str, Any],
    *,
    by: str = "",
    version: str = "",
    back: bool = False,
    **how: Any,
) -> Row:
    """Raises Row.DoesNotExist, Stale, cells.Unacceptable. version: the one that the caller has read; back: out of the trash."""
    table = lock(table)
    row = table.rows.get(ident=ident)
    if (row.is_gone and not back) or (version and version != str(row.version)):
        raise Stale
    kept = _checked(table, values, **how)
    if all(row.values.get(name) == value for name, value in kept.items()) and not (row.is_gone and back):
        return row
    return _touch(table, row, by=by, values=row.values | kept, is_gone=False)


@transaction.atomic
def remove(table: Table, ident: str, *, by: str = "", version: str = "") -> Row:
    """Into the trash; one that lies there already stays. Raises Row.DoesNotExist, Stale."""
    table = lock(table)
    row = table.rows.get(ident=ident)
    if row.is_gone:
        return row
    if version and version != str(row.version):
        raise Stale
    return _touch(table, row, by=by, is_gone=True)


@transaction.atomic
def nudge(table: Table, ident: str) -> bool:
    """Somebody else was faster, once per write: the version moves on. Whether it did."""
    table = lock(table)
    row = table.rows.filter(ident=ident, is_gone=False).first()
    if row is None or row.nudged:
        table.rows.filter(ident=ident).update(nudged=False)
        return False
    row.nudged = True
    row.save(update_fields=["nudged"])
    _touch(table, row, by="")
    return True


# --- columns and tables -----------------------------------------------------------------------------------------------


@transaction.atomic
def add_field(table: Table, name: str, kind: str, options: Sequence[str] = (), target: str = "") -> Table:
    """One of this name that stands there already is left as it is. Raises ValueError for a kind there is not, Full."""
    table = lock(table)
    if not any(field["name"] == name for field in table.fields):
        if len(table.fields) >= MOST_FIELDS:
            raise Full("columns")
        field: dict[str, Any] = {"id": f"f_{secrets.token_hex(4)}", "name": name[:100], "type": Type(kind).value}
        if field["type"] in (Type.SELECT, Type.MULTI_SELECT):
            field["options"] = list(dict.fromkeys(options))
        if field["type"] == Type.RELATION:
            field |= {"target": target, "many": True}
        table.fields.append(field)
        table.save(update_fields=["fields"])
    return table


@transaction.atomic
def rename_field(table: Table, ident: str, name: str) -> None:
    table = lock(table)
    table.fields = [field | {"name": name[:100]} if field["id"] == ident else field for field in table.fields]
    table.save(update_fields=["fields"])


@transaction.atomic
def remove_field(table: Table, ident: str) -> None:
    """The column with all its values. The first one names the rows, and stays."""
    table = lock(table)
    table.fields = [field for field in table.fields if field["id"] != ident or ident == table.title]
    table.save(update_fields=["fields"])


@transaction.atomic
def add_table(workspace: Workspace, name: str) -> Table:
    """One of this name that stands there already is answered instead. It has no columns yet. Raises Full."""
    workspace = Workspace.objects.select_for_update().get(pk=workspace.pk)
    tables = list(workspace.tables.all())
    if standing := next((table for table in tables if table.name == name), None):
        return standing
    if len(tables) >= MOST_TABLES:
        raise Full("tables")
    slug = f"{slugify(name)[:40] or 'table'}-{secrets.token_hex(2)}"
    return Table.objects.create(workspace=workspace, slug=slug, name=name[:100], place=len(tables))


# --- what is told on the page -----------------------------------------------------------------------------------------


def note(workspace: Workspace, kind: str, **facts: Any) -> Event:
    """What is too long for its line is cut."""
    most = {field.name: field.max_length for field in Event._meta.concrete_fields}
    facts = {name: value[: most[name]] if isinstance(value, str) else value for name, value in facts.items()}
    made = Event.objects.create(workspace=workspace, kind=kind, **facts)
    if made.pk % 10 == 0:  # not with every one: the page shows the newest anyhow
        old = workspace.events.values_list("pk", flat=True)[KEPT_EVENTS : KEPT_EVENTS + 1]
        workspace.events.filter(pk__lte=max(old, default=0)).delete()
    return made


# --- inside -----------------------------------------------------------------------------------------------------------


def lock(table: Table) -> Table:
    """As it is now, and nobody else's until the commit."""
    return Table.objects.select_for_update().get(pk=table.pk)


def _locked(workspace: Workspace, slug: str) -> Table:
    return Table.objects.select_for_update().get(workspace=workspace, slug=slug)


def _checked(table: Table, values: Mapping[str, Any], whole: bool = False, **how: Any) -> dict[str, Value]:
    """whole: of a new row, where a required column may not be left out. new_options: ids of columns that may grow one."""
    strict, growing = bool(how.get("strict_phones")), set(how.get("new_options") or ())
    kept: dict[str, Value] = {}
    wanted = dict.fromkeys(field["id"] for field in table.fields if whole and field.get("required")) | dict(values)
    for ident, value in wanted.items():
        field = table.field(ident)
        if field is None:
            raise Unacceptable("There is no such column.", ident)
        kept[ident] = checked(field, value, strict, ident in growing)
    if growing:
        _grow(table, kept, growing)
    return kept


def _grow(table: Table, values: Mapping[str, Value], growing: Iterable[str]) -> None:
    for ident in growing:
        field = table.field(ident)
        if field and "options" in field:
            field["options"] = list(dict.fromkeys([*field["options"], *options_of(values.get(ident))]))
    table.save(update_fields=["fields"])


def _insert(table: Table, values: Mapping[str, Value], by: str = "", ident: str = "", **more: Any) -> Row:
    moment = now()
    return Row.objects.create(
        table=table,
        ident=ident or f"r{secrets.token_hex(6)}",
        values={name: value for name, value in values.items() if value is not None},
        position=_next(table),
        made_at=moment,
        edited_at=moment,
        edited_by=by,
        **more,
    )


def _touch(table: Table, row: Row, by: str = "", **facts: Any) -> Row:
    if "values" in facts:
        facts["values"] = {name: value for name, value in facts["values"].items() if value is not None}
    facts |= {"version": row.version + 1, "position": _next(table), "edited_at": now(), "edited_by": by}
    for name, value in facts.items():
        setattr(row, name, value)
    row.save(update_fields=list(facts))
    return row


def _next(table: Table) -> int:
    table.last += 1
    table.save(update_fields=["last"])
    return table.last
