"""What a person does in the practice tool: each is one transaction, is told on the page, and to whoever wants to be called."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from practice import hooks, typed, world
from practice.models import Event, Row, Table


@transaction.atomic
def change_cell(table: Table, row: Row, field: dict[str, Any], entered: Any, by: str) -> Row:
    """entered: as the form gives it. Raises cells.Unacceptable."""
    before = row.values.get(field["id"])
    changed = world.change(table, row.ident, {field["id"]: typed.read(field, entered)}, by=by)
    if changed.version != row.version:
        after = changed.values.get(field["id"])
        _tell(
            table,
            Event.Kind.EDITED,
            changed,
            by,
            field=field["name"],
            old=typed.words(field, before),
            new=typed.words(field, after),
        )
    return changed


@transaction.atomic
def add_row(table: Table, by: str) -> Row:
    """With a name that says that it is new, to be changed like any other cell. Raises Full."""
    row, _is_new = world.make(table, {table.title: _("New row")}, by=by)
    _tell(table, Event.Kind.ADDED, row, by)
    return row


@transaction.atomic
def delete_row(table: Table, ident: str, by: str) -> None:
    row = world.remove(table, ident, by=by)
    _tell(table, Event.Kind.DELETED, row, by)


@transaction.atomic
def add_column(table: Table, name: str, kind: str, by: str) -> None:
    """Raises Full, ValueError."""
    world.add_field(table, name, kind)
    _column(table, "add", name, "", by)


@transaction.atomic
def rename_column(table: Table, field: dict[str, Any], name: str, by: str) -> None:
    world.rename_field(table, field["id"], name)
    _column(table, "rename", field["name"], name, by)


@transaction.atomic
def remove_column(table: Table, field: dict[str, Any], by: str) -> None:
    world.remove_field(table, field["id"])
    _column(table, "remove", field["name"], "", by)


def _tell(table: Table, kind: str, row: Row, by: str, **facts: Any) -> None:
    title = str(row.values.get(table.title) or "")
    world.note(table.workspace, kind, by=by, table=table.name, row=row.ident, title=title, **facts)
    hooks.tell(table)


def _column(table: Table, what: str, name: str, new: str, by: str) -> None:
    world.note(table.workspace, Event.Kind.COLUMN, by=by, table=table.name, what=what, field=name, new=new)
