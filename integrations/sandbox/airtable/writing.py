"""Writing records: ten at a time, all or nothing; upserts; typecast."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from integrations.sandbox.airtable import edits, errors
from integrations.sandbox.airtable.model import COMPUTED, Field, Row, Table
from integrations.sandbox.calls import Answer, Routes, json_answer

if TYPE_CHECKING:
    from integrations.sandbox.airtable.api import Asked
    from integrations.sandbox.airtable.world import AirtableWorld

MOST = 10
MERGES_ON = ("number", "singleLineText", "multilineText", "singleSelect", "multipleSelects", "date")


class Writing:
    def __init__(self, world: AirtableWorld) -> None:
        self.world = world

    def register(self, routes: Routes) -> None:
        routes.add("POST", "/v0/{base}/{table}", self.create)
        for method in ("PATCH", "PUT"):
            routes.add(method, "/v0/{base}/{table}", self.update)
            routes.add(method, "/v0/{base}/{table}/{record}", self.update_one)
        routes.add("DELETE", "/v0/{base}/{table}", self.delete)
        routes.add("DELETE", "/v0/{base}/{table}/{record}", self.delete_one)

    def create(self, asked: Asked, base: str, table: str) -> Answer:
        home = self._table(asked, base, table)
        one = "fields" in asked.body
        plan = Plan(self.world, home, asked)
        for given in [asked.body] if one else _ten(asked.body):
            plan.add(None, given["fields"])
        made = [self._told(asked, row) for row in plan.carry_out()]
        return json_answer(made[0] if one else {"records": made})

    def update(self, asked: Asked, base: str, table: str) -> Answer:
        home = self._table(asked, base, table)
        plan = Plan(self.world, home, asked)
        merge_on = [self._merges(home, name) for name in _merge_names(asked.body)]
        for given in _ten(asked.body):
            ident = given.get("id") or (self._match(home, merge_on, given["fields"]) if merge_on else None)
            if ident is None and not merge_on:
                raise errors.refused("INVALID_RECORDS", errors.TEN)
            plan.add(ident, given["fields"])
        rows = plan.carry_out()
        answer: dict[str, Any] = {"records": [self._told(asked, row) for row in rows]}
        if merge_on:
            answer["createdRecords"] = [row.id for row, ident in zip(rows, plan.idents, strict=True) if ident is None]
            answer["updatedRecords"] = [ident for ident in plan.idents if ident is not None]
        return json_answer(answer)

    def update_one(self, asked: Asked, base: str, table: str, record: str) -> Answer:
        home = self._table(asked, base, table)
        if not self._stands(home, record):
            raise errors.record_gone()
        plan = Plan(self.world, home, asked)
        plan.add(record, asked.body.get("fields") or {})
        return json_answer(self._told(asked, plan.carry_out()[0]))

    def delete(self, asked: Asked, base: str, table: str) -> Answer:
        home = self._table(asked, base, table)
        idents = [value for name, value in asked.call.query if name in ("records[]", "records")]
        if not 1 <= len(idents) <= MOST:
            raise errors.refused("INVALID_RECORDS", errors.TEN)
        if any(not self._stands(home, ident) for ident in idents):
            raise errors.hidden()
        for ident in idents:
            edits.trash(self.world, self.world.rows[ident], asked.by)
        return json_answer({"records": [{"id": ident, "deleted": True} for ident in idents]})

    def delete_one(self, asked: Asked, base: str, table: str, record: str) -> Answer:
        home = self._table(asked, base, table)
        if not self._stands(home, record):
            raise errors.record_gone()
        edits.trash(self.world, self.world.rows[record], asked.by)
        return json_answer({"id": record, "deleted": True})

    def _table(self, asked: Asked, base: str, table: str) -> Table:
        asked.need("data.records:write")
        home = asked.table(base, table)
        asked.need("data.records:write", "edit")
        return home

    def _told(self, asked: Asked, row: Row) -> dict[str, Any]:
        return self.world.record(row, bool(asked.body.get("returnFieldsByFieldId")))

    def _stands(self, table: Table, ident: str) -> bool:
        row = self.world.rows.get(ident)
        return row is not None and row.table == table.id and not row.trashed

    def _merges(self, table: Table, name: str) -> Field:
        field = table.field(name)
        if field is None:
            raise errors.unknown_field(name)
        if field["type"] in COMPUTED or field["type"] not in MERGES_ON:
            raise errors.bad_request(f'Field "{field["name"]}" cannot be used to merge on')
        return field

    def _match(self, table: Table, merge_on: list[Field], fields: dict[str, Any]) -> str | None:
        wanted = []
        for field in merge_on:
            if field["id"] not in fields and field["name"] not in fields:
                raise errors.bad_request(f'Missing merge field "{field["name"]}"')
            wanted.append(fields.get(field["id"], fields.get(field["name"])))
        if None in wanted:
            return None
        found = [
            row.id
            for row in self.world.rows_of(table.id)
            if all(self.world.cells.told(row, f) == value for f, value in zip(merge_on, wanted, strict=True))
        ]
        if len(found) > 1:
            raise errors.bad_request("Cannot update more than one record with the same merge values")
        return found[0] if found else None


class Plan:
    """Everything is checked before anything is written."""

    def __init__(self, world: AirtableWorld, table: Table, asked: Asked) -> None:
        self.world, self.table, self.asked = world, table, asked
        self.idents: list[str | None] = []
        self._cells: list[dict[str, Any]] = []
        self._options: list[tuple[Field, Any]] = []

    def add(self, ident: str | None, fields: dict[str, Any]) -> None:
        if ident is not None:
            row = self.world.rows.get(ident)
            if row is None or row.trashed or row.table != self.table.id:
                raise errors.no_row(ident)
        cells: dict[str, Any] = {}
        if self.asked.call.method == "PUT":
            cells = {key: None for key, field in self.table.fields.items() if field["type"] not in COMPUTED}
        typecast = bool(self.asked.body.get("typecast"))
        for name, value in fields.items():
            field = self._field(name)
            cells[field["id"]] = self.world.cells.written(self.table, field, value, typecast, self._options)
        self.idents.append(ident)
        self._cells.append(cells)

    def _field(self, name: str) -> Field:
        field = self.table.field(name)
        lag = self.world.field_lag_seconds * 1000
        if field is None or self.world.now() - self.table.born.get(field["id"], 0) < lag:
            raise errors.unknown_field(name)
        return field

    def carry_out(self) -> list[Row]:
        if self._options:
            edits.make_options(self.world, self.table, self._options)
        rows = []
        for ident, cells in zip(self.idents, self._cells, strict=True):
            if ident is None:
                given = {key: value for key, value in cells.items() if value is not None}
                rows.append(edits.create(self.world, self.table, given, self.asked.by))
            else:
                edits.change(self.world, self.world.rows[ident], cells, self.asked.by)
                rows.append(self.world.rows[ident])
        return rows


def _ten(body: dict[str, Any]) -> list[dict[str, Any]]:
    records = body.get("records")
    if not isinstance(records, list) or not 1 <= len(records) <= MOST:
        raise errors.refused("INVALID_RECORDS", errors.TEN)
    if any(not isinstance(each, dict) or not isinstance(each.get("fields"), dict) for each in records):
        raise errors.refused("INVALID_RECORDS", errors.TEN)
    return records


def _merge_names(body: dict[str, Any]) -> list[str]:
    upsert = body.get("performUpsert")
    if upsert is None:
        return []
    names = upsert.get("fieldsToMergeOn") if isinstance(upsert, dict) else None
    if not isinstance(names, list) or not 1 <= len(names) <= 3:
        raise errors.bad_request()
    return names
