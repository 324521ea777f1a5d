"""Airtable as a person uses it: the plain values of `hand.py` to and from cells."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from integrations.sandbox.airtable import base, edits, errors, fields_api
from integrations.sandbox.airtable.model import COMPUTED, NUMBERS, SELECTS
from integrations.sandbox.airtable.model import Field as Cell
from integrations.sandbox.airtable.model import Row as Kept
from integrations.sandbox.airtable.model import Table as Home
from integrations.sandbox.clock import iso
from integrations.sandbox.hand import Field, HandError, Row, Table

if TYPE_CHECKING:
    from integrations.sandbox.airtable.world import AirtableWorld

_KINDS = {
    "multilineText": "long_text",
    "richText": "long_text",
    "rating": "number",
    "checkbox": "boolean",
    "date": "date",
    "dateTime": "date",
    "singleSelect": "select",
    "multipleSelects": "multi_select",
    "singleCollaborator": "people",
    "multipleCollaborators": "people",
    "multipleRecordLinks": "relation",
    "multipleAttachments": "read_only",
}
#: What a person's choice of a type needs besides.
_DEFAULTS: dict[str, dict[str, Any]] = {
    "number": {"precision": 2},
    "currency": {"precision": 2, "symbol": "€"},
    "percent": {"precision": 1},
    "rating": {"icon": "star", "max": 5, "color": "yellowBright"},
    "checkbox": {"icon": "check", "color": "greenBright"},
    "date": {"dateFormat": {"name": "iso"}},
    "dateTime": {"dateFormat": {"name": "iso"}, "timeFormat": {"name": "24hour"}, "timeZone": "utc"},
    "duration": {"durationFormat": "h:mm:ss"},
    "singleSelect": {"choices": []},
    "multipleSelects": {"choices": []},
}


class AirtableHand:
    def __init__(self, world: AirtableWorld) -> None:
        self.world = world

    # Looking

    def tables(self) -> list[Table]:
        return [self._table(table) for table in self.world.tables.values()]

    def table(self, table: str) -> Table:
        return self._table(self._home(table))

    def rows(
        self, table: str, offset: int = 0, limit: int = 100, search: str = "", trashed: bool = False
    ) -> tuple[int, list[Row]]:
        """Last edited first."""
        home = self._home(table)
        found = [row for row in self.world.all_rows(home.id) if row.trashed is trashed]
        found.sort(key=lambda row: (row.modified, row.number), reverse=True)
        if search:
            found = [row for row in found if search.lower() in str(row.cells).lower()]
        return len(found), [self._row(row) for row in found[offset : offset + limit]]

    def row(self, row: str) -> Row:
        return self._row(self._kept(row))

    def table_of(self, row: str) -> str:
        return self._kept(row).table

    # Rows

    def create_row(self, table: str, values: dict[str, Any]) -> Row:
        home = self._home(table)
        return self._row(edits.create(self.world, home, self._cells(home, values), self._by()))

    def edit_row(self, row: str, values: dict[str, Any]) -> Row:
        kept = self._kept(row)
        if kept.trashed:
            raise HandError("The record is in the trash: restore it first.")
        edits.change(self.world, kept, self._cells(self.world.tables[kept.table], values), self._by())
        return self._row(kept)

    def trash_row(self, row: str) -> Row:
        kept = self._kept(row)
        if not kept.trashed:
            edits.trash(self.world, kept, self._by())
        return self._row(kept)

    def restore_row(self, row: str) -> Row:
        kept = self._kept(row)
        if kept.trashed:
            edits.restore(self.world, kept, self._by())
        return self._row(kept)

    def delete_row(self, row: str) -> None:
        kept = self._kept(row)
        if not kept.trashed:
            edits.trash(self.world, kept, self._by())
        self.world.erase(kept)

    # Fields and tables

    def add_field(self, table: str, name: str, type: str) -> None:
        spec = {"name": name, "type": type, "options": _DEFAULTS.get(type, {})}
        try:
            fields_api.make_field(self.world, self._home(table), spec, computed=True)
        except errors.AirtableError as error:
            raise HandError(error.message or error.kind) from error

    def rename_field(self, table: str, name: str, new_name: str) -> None:
        home, field = self._field_of(table, name)
        field["name"] = new_name
        self.world.save(home)

    def remove_field(self, table: str, name: str) -> None:
        home, field = self._field_of(table, name)
        if field["id"] == home.primary:
            raise HandError("The primary field cannot be removed.")
        del home.fields[field["id"]]
        self.world.save(home)
        self.world.webhooks.fields_changed(home, self._by(), gone=[field["id"]])

    def change_field_type(self, table: str, name: str, type: str) -> None:
        home, field = self._field_of(table, name)
        field["type"] = type
        field["options"] = dict(_DEFAULTS.get(type, {}))
        for row in self.world.all_rows(home.id):
            value = self._converted(home, field, row.cells.pop(field["id"], None))
            if value is not None:
                row.cells[field["id"]] = value
            self.world.save(row)
        self.world.save(home)

    def _converted(self, home: Home, field: Cell, value: Any) -> Any:
        pending: list[tuple[Cell, Any]] = []
        try:
            made = self.world.cells.written(home, field, None if value is None else str(value), True, pending)
        except errors.AirtableError:
            return None
        edits.make_options(self.world, home, pending)
        return made

    def trash_table(self, table: str) -> None:
        self._set_table_trashed(table, True)

    def restore_table(self, table: str) -> None:
        self._set_table_trashed(table, False)

    def _set_table_trashed(self, table: str, trashed: bool) -> None:
        home = self._home(table)
        home.trashed = trashed
        self.world.save(home)

    def share_table(self, table: str, shared: bool, token: str | None = None) -> None:
        """Airtable shares bases: the others of the same base come and go with it."""
        ident = self._home(table).base
        for kept in [self._token(token)] if token else list(self.world.tokens.values()):
            hidden = [each for each in kept["hidden"] if each != ident]
            self.world.save_token(kept | {"hidden": hidden if shared else [*hidden, ident]})

    def revoke_token(self, token: str) -> None:
        self.world.save_token(self._token(token) | {"revoked": True})

    # Between plain values and cells

    def _token(self, token: str) -> dict[str, Any]:
        if token not in self.world.tokens:
            raise HandError("no such token")
        return self.world.tokens[token]

    def _by(self) -> edits.By:
        return "client", next(iter(self.world.users))

    def _home(self, table: str) -> Home:
        for home in self.world.tables.values():
            if table in (home.id, home.name, f"{home.base}/{home.id}"):
                return home
        raise HandError(f"no such table: {table}")

    def _kept(self, row: str) -> Kept:
        if row not in self.world.rows:
            raise HandError(f"no such row: {row}")
        return self.world.rows[row]

    def _field_of(self, table: str, name: str) -> tuple[Home, Cell]:
        home = self._home(table)
        field = home.field(name)
        if field is None:
            raise HandError(f"no such field: {name}")
        return home, field

    def _table(self, home: Home) -> Table:
        demo = self.world.tokens[base.DEMO_TOKEN]
        fields = [self._field(home, field) for field in home.fields.values()]
        rows = sum(1 for _ in self.world.rows_of(home.id))
        shared = self.world.sees(demo, home.base)
        return Table(home.id, home.name, rows, fields, home.trashed, shared, home.base)

    @staticmethod
    def _field(home: Home, field: Cell) -> Field:
        kind = "number" if field["type"] in NUMBERS else _KINDS.get(field["type"], "text")
        kind = "read_only" if field["type"] in COMPUTED else kind
        choices = (field.get("options") or {}).get("choices", []) if field["type"] in SELECTS else []
        names = [each["name"] for each in choices]
        return Field(field["id"], field["name"], kind, field["type"], names, field["id"] == home.primary)

    def _row(self, kept: Kept) -> Row:
        home = self.world.tables[kept.table]
        values = {field["name"]: self._plain(kept, field) for field in home.fields.values()}
        title = self.world.cells.title(kept)
        return Row(kept.id, title, values, kept.trashed, iso(kept.created), iso(kept.modified))

    def _plain(self, kept: Kept, field: Cell) -> Any:
        value = self.world.cells.told(kept, field)
        match field["type"]:
            case "checkbox":
                return bool(value)
            case "singleCollaborator" | "createdBy" | "lastModifiedBy":
                return [value["email"]] if value else []
            case "multipleCollaborators":
                return [each["email"] for each in value or []]
            case "multipleRecordLinks":
                return value or []
            case "multipleAttachments":
                return ", ".join(each["filename"] for each in value or [])
            case "barcode":
                return value["text"] if value else None
        return value

    def _cells(self, home: Home, values: dict[str, Any]) -> dict[str, Any]:
        pending: list[tuple[Cell, Any]] = []
        found: dict[str, Any] = {}
        try:
            for name, value in values.items():
                field = home.field(name)
                if field is None:
                    raise HandError(f"no such field: {name}")
                given = self._as_written(field, value)
                found[field["id"]] = self.world.cells.written(home, field, given, True, pending)
        except errors.AirtableError as error:
            raise HandError(error.message or error.kind) from error
        edits.make_options(self.world, home, pending)
        return found

    def _as_written(self, field: Cell, value: Any) -> Any:
        match field["type"]:
            case "checkbox":
                return bool(value) or None
            case "multipleSelects" | "multipleRecordLinks" | "multipleCollaborators" if isinstance(value, str):
                return [part.strip() for part in value.split(",") if part.strip()]
            case "singleCollaborator" if isinstance(value, list):
                return value[0] if value else None
            case "rating" if value:
                return int(value)
            case "barcode" if isinstance(value, str):
                return {"text": value}
        return value
