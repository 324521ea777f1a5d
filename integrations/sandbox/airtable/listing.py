"""Listing records: filters, order, fields, and offsets that expire."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from integrations.sandbox.airtable import errors, formula
from integrations.sandbox.airtable.model import Row, Table, new_id
from integrations.sandbox.calls import Answer, Routes, json_answer

if TYPE_CHECKING:
    from integrations.sandbox.airtable.api import Asked
    from integrations.sandbox.airtable.world import AirtableWorld

MOST = 100
ITERATOR_SECONDS = 600
LONGEST_URL = 16_000
KNOWN = {
    "pageSize", "maxRecords", "offset", "fields", "filterByFormula", "sort", "view", "cellFormat",
    "returnFieldsByFieldId", "recordMetadata", "timeZone", "userLocale",
}  # fmt: skip


class Listings:
    def __init__(self, world: AirtableWorld) -> None:
        self.world = world

    def register(self, routes: Routes) -> None:
        routes.add("GET", "/v0/{base}/{table}", self.by_get)
        routes.add("POST", "/v0/{base}/{table}/listRecords", self.by_post)
        routes.add("GET", "/v0/{base}/{table}/{record}", self.one)

    def by_get(self, asked: Asked, base: str, table: str) -> Answer:
        if len(asked.call.query_string) > LONGEST_URL:
            raise errors.AirtableError(414, "REQUEST_URI_TOO_LONG")
        return self._list(asked, base, table, _from_query(asked.call.query))

    def by_post(self, asked: Asked, base: str, table: str) -> Answer:
        return self._list(asked, base, table, asked.body)

    def one(self, asked: Asked, base: str, table: str, record: str) -> Answer:
        asked.need("data.records:read")
        home = asked.table(base, table)
        row = self.world.rows.get(record)
        if row is None or row.trashed or row.table != home.id:
            raise errors.record_gone()
        return json_answer(self.world.record(row, _yes(asked.call.param("returnFieldsByFieldId"))))

    def _list(self, asked: Asked, base: str, table: str, body: dict[str, Any]) -> Answer:
        asked.need("data.records:read")
        home = asked.table(base, table)
        if body.keys() - KNOWN:
            raise errors.bad_request()
        size = int(body.get("pageSize") or MOST)
        if not 1 <= size <= MOST:
            raise errors.bad_request()
        only = None if not body.get("fields") else {_field(home, name)["id"] for name in body["fields"]}
        ids, start, place = self._place(home, body)
        shown = ids[start : start + size]
        told = [self.world.record(self.world.rows[each], _yes(body.get("returnFieldsByFieldId")), only)
                for each in shown if self.world.alive(each)]  # fmt: skip
        answer: dict[str, Any] = {"records": told}
        if start + size < len(ids):
            answer["offset"] = f"{place}/{ids[start + size]}"
        return json_answer(answer)

    def _place(self, table: Table, body: dict[str, Any]) -> tuple[list[str], int, str]:
        """Order and membership are fixed by the first page; an offset says where it goes on, for some minutes."""
        now = self.world.now()
        if offset := body.get("offset"):
            place, _, at = str(offset).partition("/")
            ids, until = self.world.iterators.get(place, ([], 0))
            if at not in ids or now > until:
                raise errors.refused("LIST_RECORDS_ITERATOR_NOT_AVAILABLE")
            return ids, ids.index(at), place
        ids = [row.id for row in self._ordered(table, self._filtered(table, body.get("filterByFormula")), body)]
        if body.get("maxRecords"):
            ids = ids[: int(body["maxRecords"])]
        self.world.iterators = {key: kept for key, kept in self.world.iterators.items() if now <= kept[1]}
        place = new_id("itr")
        self.world.iterators[place] = ids, now + ITERATOR_SECONDS * 1000
        return ids, 0, place

    def _filtered(self, table: Table, text: str | None) -> list[Row]:
        rows = list(self.world.rows_of(table.id))
        if not text:
            return rows
        keeps = formula.compiled(self.world, table, text)
        return [row for row in rows if keeps(row)]

    def _ordered(self, table: Table, rows: list[Row], body: dict[str, Any]) -> list[Row]:
        rows.sort(key=lambda row: row.id)
        for rule in reversed(body.get("sort") or []):
            field = _field(table, rule["field"])

            def key(row: Row, field: dict[str, Any] = field) -> tuple[bool, Any]:
                value = self.world.cells.in_formula(row, field)
                return value is not None, value if value is not None else ""

            rows.sort(key=key, reverse=rule.get("direction") == "desc")
        return rows


def _field(table: Table, name: str) -> dict[str, Any]:
    found = table.field(name)
    if found is None:
        raise errors.unknown_field(name)
    return found


def _yes(value: Any) -> bool:
    return value in (True, 1, "1", "true")


def _from_query(pairs: list[tuple[str, str]]) -> dict[str, Any]:
    """`fields[]=A&sort[0][field]=A` as the body of listRecords has it."""
    body: dict[str, Any] = {}
    for key, value in pairs:
        name, _, rest = key.partition("[")
        if name in ("fields", "recordMetadata"):
            body.setdefault(name, []).append(value)
        elif name == "sort":
            number, _, part = rest.partition("]")
            rules = body.setdefault("sort", [])
            rules += [{} for _ in range(int(number) + 1 - len(rules))]
            rules[int(number)][part.strip("[]")] = value
        else:
            body[name] = value
    return body
