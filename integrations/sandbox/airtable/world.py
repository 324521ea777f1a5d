"""Everything Airtable knows in this sandbox, in memory and written through. Changes come from `edits.py`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import Any

from integrations.sandbox.airtable import base, errors
from integrations.sandbox.airtable.model import Base, Row, Table
from integrations.sandbox.calls import Answer, Call
from integrations.sandbox.clock import Clock, iso
from integrations.sandbox.faults import Rule
from integrations.sandbox.state import Store


class AirtableWorld:
    """Look-ups and bookkeeping; the frame calls `answer`, `reset`, `seed` and so on (see `provider.World`)."""

    def __init__(self, store: Store, clock: Clock) -> None:
        from integrations.sandbox.airtable.api import Api
        from integrations.sandbox.airtable.cells import Cells
        from integrations.sandbox.airtable.hand import AirtableHand
        from integrations.sandbox.airtable.webhooks import Webhooks

        self.store, self.clock = store, clock
        self._forget()
        self.webhooks = Webhooks(self)
        self.cells = Cells(self)
        self.hand = AirtableHand(self)
        self.api = Api(self)
        self._load()
        if not self.users:
            base.furnish(self)
            store.commit()

    def _forget(self) -> None:
        self.users: dict[str, dict[str, Any]] = {}
        self.tokens: dict[str, dict[str, Any]] = {}
        self.codes: dict[str, dict[str, Any]] = {}
        self.bases: dict[str, Base] = {}
        self.tables: dict[str, Table] = {}
        self.rows: dict[str, Row] = {}
        self._by_table: dict[str, dict[str, Row]] = {}
        self.field_lag_seconds = 0.0  # how long a field made by API is refused in writes
        self.iterators: dict[str, tuple[list[str], int]] = {}  # not stored: they live for minutes

    def _load(self) -> None:
        store = self.store
        self.users = {doc["id"]: doc for doc in store.load("user")}
        self.tokens = {doc["token"]: doc for doc in store.load("token")}
        self.codes = {doc["code"]: doc for doc in store.load("code")}
        self.bases = {doc["id"]: Base(**doc) for doc in store.load("base")}
        self.tables = {doc["id"]: Table(**doc) for doc in store.load("table")}
        for doc in store.load("row"):
            self._keep(Row(**doc))
        self.webhooks.load(store)

    # Bookkeeping

    def now(self) -> int:
        return self.clock.now_ms()

    def save(self, thing: Base | Table | Row) -> None:
        match thing:
            case Base():
                self.bases[thing.id] = thing
                self.store.put("base", thing.id, asdict(thing))
            case Table():
                self.tables[thing.id] = thing
                self._by_table.setdefault(thing.id, {})
                self.store.put("table", thing.id, asdict(thing))
            case Row():
                self._keep(thing)
                self.store.put("row", thing.id, asdict(thing))

    def _keep(self, row: Row) -> None:
        self.rows[row.id] = row
        self._by_table.setdefault(row.table, {})[row.id] = row

    def erase(self, row: Row) -> None:
        del self.rows[row.id], self._by_table[row.table][row.id]
        self.store.drop("row", row.id)

    def save_user(self, user: dict[str, Any]) -> None:
        self.users[user["id"]] = user
        self.store.put("user", user["id"], user)

    def save_token(self, token: dict[str, Any]) -> None:
        self.tokens[token["token"]] = token
        self.store.put("token", token["token"], token)

    def save_code(self, code: dict[str, Any]) -> None:
        self.codes[code["code"]] = code
        self.store.put("code", code["code"], code)

    # Looking up

    def token(self, text: str | None) -> dict[str, Any] | None:
        """A token that is good now."""
        found = self.tokens.get(text or "")
        if found is None or found["revoked"] or (found["expires"] is not None and self.now() >= found["expires"]):
            return None
        return found

    def sees(self, token: dict[str, Any], ident: str) -> bool:
        return ident in self.bases and ident not in token["hidden"]

    def tables_of(self, ident: str) -> list[Table]:
        return [table for table in self.tables.values() if table.base == ident and not table.trashed]

    def rows_of(self, table: str) -> Iterable[Row]:
        return (row for row in self._by_table.get(table, {}).values() if not row.trashed)

    def all_rows(self, table: str) -> Iterator[Row]:
        yield from self._by_table.get(table, {}).values()

    def alive(self, ident: str) -> bool:
        row = self.rows.get(ident)
        return row is not None and not row.trashed

    def modified_time(self, row: Row) -> int:
        """Whole seconds, rounded: up to half a second ahead of the clock."""
        return (row.modified + 500) // 1000 * 1000

    def record(self, row: Row, by_id: bool, only: set[str] | None = None) -> dict[str, Any]:
        """As the API tells it. only: field ids."""
        fields = {}
        for field in self.tables[row.table].fields.values():
            if only is None or field["id"] in only:
                value = self.cells.told(row, field)
                if value is not None:
                    fields[field["id" if by_id else "name"]] = value
        return {"id": row.id, "createdTime": _iso_second(row.created), "fields": fields}

    # What the frame asks for

    def answer(self, call: Call) -> Answer:
        return self.api.answer(call)

    def caller(self, call: Call) -> str:
        if not call.bearer:
            return ""
        found = next((part for part in call.path.split("/") if part.startswith("app")), "")
        return f"{call.bearer} {found}".strip()

    def error(self, rule: Rule) -> Answer:
        status = 429 if rule.fault == "rate_limited" else rule.status
        retry_after = rule.retry_after if rule.fault == "rate_limited" else rule.extra.get("retry_after")
        return errors.by_status(status, retry_after, rule.extra.get("body"))

    def saved(self, done: Answer) -> Answer:
        """Airtable has no such error: the answer just gets lost."""
        return errors.by_status(503)

    def reset(self) -> None:
        self.store.clear()
        self.webhooks.clear()
        self._forget()
        base.furnish(self)

    def seed(self, name: str, **sizes: int) -> dict[str, Any]:
        from integrations.sandbox.airtable import seeds

        return seeds.sow(self, name, sizes)

    def welcome(self) -> list[tuple[str, str]]:
        return base.welcome(self)

    def control(self, action: str, body: dict[str, Any]) -> Any:
        match action:
            case "tokens/add":
                level = body.get("level", "create")
                more = {key: body[key] for key in ("scopes", "hidden") if key in body}
                return base.add_token(self, body["token"], level, **more)
            case "field_lag":
                self.field_lag_seconds = float(body["seconds"])
                return {"seconds": self.field_lag_seconds}
            case "iterators/expire":
                self.iterators.clear()
                return {"ok": True}
            case "webhooks/list":
                return [asdict(each) for each in self.webhooks.hooks.values()]
            case "webhooks/flush":
                self.webhooks.flush()
                return {"ok": True}
            case "webhooks/deliveries":
                return self.webhooks.deliveries
        raise KeyError(action)

    async def background(self) -> None:
        await self.webhooks.deliver_for_ever()


def _iso_second(ms: int) -> str:
    return iso(ms // 1000 * 1000)
