"""Changing what stands in a base, by whoever: cells, the other ends of links, what webhooks tell."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from integrations.sandbox.airtable.model import Field, Row, Table, new_id

if TYPE_CHECKING:
    from integrations.sandbox.airtable.world import AirtableWorld

#: Who did it, as webhooks tell: (source, user id).
By = tuple[str, str]


def create(world: AirtableWorld, table: Table, cells: Mapping[str, Any], by: By) -> Row:
    now = world.now()
    table.counter += 1
    row = Row(new_id("rec"), table.id, now, now, by[1], by[1], number=table.counter)
    world.save(table)
    _set(world, table, row, cells, by)
    world.save(row)
    world.webhooks.happened(table, "add", by, created={row.id: row})
    return row


def change(world: AirtableWorld, row: Row, cells: Mapping[str, Any], by: By) -> None:
    """Writing equal values does not move the time, and tells nobody."""
    table = world.tables[row.table]
    changed = {key: value for key, value in cells.items() if row.cells.get(key) != value}
    if not changed:
        return
    _set(world, table, row, changed, by)
    _touch(world, row, by)
    world.webhooks.happened(table, "update", by, changed={row.id: list(changed)})


def trash(world: AirtableWorld, row: Row, by: By) -> None:
    row.trashed = True
    world.save(row)
    world.webhooks.happened(world.tables[row.table], "remove", by, destroyed=[row.id])


def restore(world: AirtableWorld, row: Row, by: By) -> None:
    row.trashed = False
    _touch(world, row, by)
    world.webhooks.happened(world.tables[row.table], "add", by, created={row.id: row})


def make_options(world: AirtableWorld, table: Table, pending: Iterable[tuple[Field, Any]]) -> None:
    for field, option in pending:
        field["options"]["choices"].append(option)
    world.save(table)


def _set(world: AirtableWorld, table: Table, row: Row, cells: Mapping[str, Any], by: By) -> None:
    for ident, value in cells.items():
        field = table.fields[ident]
        before = row.cells.get(ident) or []
        if value is None:
            row.cells.pop(ident, None)
        else:
            row.cells[ident] = value
        if field["type"] == "multipleRecordLinks":
            _relate_back(world, row, field, before, value or [], by)


def _relate_back(world: AirtableWorld, row: Row, field: Field, before: list[str], after: list[str], by: By) -> None:
    """A link has two ends: the other record's cell changes too, and with it its time."""
    inverse = field["options"].get("inverseLinkFieldId")
    if inverse is None:
        return
    for ident in set(before) ^ set(after):
        other = world.rows.get(ident)
        if other is None:
            continue
        kept = [each for each in other.cells.get(inverse) or [] if each != row.id]
        other.cells[inverse] = [*kept, row.id] if ident in after else kept
        _touch(world, other, by)


def _touch(world: AirtableWorld, row: Row, by: By) -> None:
    row.modified, row.editor = world.now(), by[1]
    world.save(row)
