"""Webhooks: payloads that wait to be fetched, and empty pings, signed, coalesced and repeated."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import httpx
import orjson

from integrations.sandbox.airtable.model import Field, Row, Table, new_id
from integrations.sandbox.clock import iso
from integrations.sandbox.state import Store

if TYPE_CHECKING:
    from integrations.sandbox.airtable.edits import By
    from integrations.sandbox.airtable.world import AirtableWorld

WEEK_MS = 7 * 24 * 3600 * 1000
ATTEMPTS = 13
FIRST_PAUSE_SECONDS = 0.2  # doubled each time; Airtable begins with ten seconds
WINDOW_SECONDS = 0.2  # how long changes are gathered into one ping


@dataclass(slots=True)
class Hook:
    """`payloads` are numbered from 1. `client`: of the OAuth app that made it. Times in ms."""

    id: str
    base: str
    url: str | None
    secret: str
    specification: dict[str, Any]
    token: str
    client: str
    expires: int
    payloads: list[dict[str, Any]] = field(default_factory=list)
    notifies: bool = True

    @property
    def filters(self) -> dict[str, Any]:
        return self.specification["options"]["filters"]


class Webhooks:
    def __init__(self, world: AirtableWorld) -> None:
        self.world = world
        self.hooks: dict[str, Hook] = {}
        self._running: set[asyncio.Task[None]] = set()
        self.clear()

    def clear(self) -> None:
        self.hooks.clear()
        for task in self._running:
            task.cancel()
        self.pending: set[str] = set()
        self.deliveries: list[dict[str, Any]] = []
        self.transactions = 0

    def load(self, store: Store) -> None:
        self.hooks = {doc["id"]: Hook(**doc) for doc in store.load("hook")}

    def save(self, hook: Hook) -> None:
        self.hooks[hook.id] = hook
        self.world.store.put("hook", hook.id, asdict(hook))

    def drop(self, hook: Hook) -> None:
        del self.hooks[hook.id]
        self.world.store.drop("hook", hook.id)

    def make(self, base: str, url: str | None, specification: dict[str, Any], token: dict[str, Any]) -> Hook:
        secret = base64.b64encode(secrets.token_bytes(32)).decode()
        until = self.world.now() + WEEK_MS
        made = Hook(new_id("ach"), base, url, secret, specification, token["token"], token["client"], until)
        self.save(made)
        return made

    def lives(self, hook: Hook) -> bool:
        return self.world.now() < hook.expires

    # What happened

    def happened(
        self,
        table: Table,
        kind: str,
        by: By,
        created: Mapping[str, Row] | None = None,
        changed: Mapping[str, list[str]] | None = None,
        destroyed: list[str] | None = None,
    ) -> None:
        """kind: add, update or remove."""
        told: dict[str, Any] = {}
        if created:
            told["createdRecordsById"] = {
                ident: {"createdTime": iso(row.created), "cellValuesByFieldId": {}} for ident, row in created.items()
            }
        if changed:
            told["changedRecordsById"] = {
                ident: {"current": {"cellValuesByFieldId": dict.fromkeys(fields)}} for ident, fields in changed.items()
            }
        if destroyed:
            told["destroyedRecordIds"] = destroyed
        fields = {ident for some in (changed or {}).values() for ident in some}
        self._tell(table, "tableData", kind, by, told, fields)

    def fields_changed(self, table: Table, by: By, created: list[Field] = [], gone: list[str] = []) -> None:  # noqa: B006
        told: dict[str, Any] = {}
        if created:
            told["createdFieldsById"] = {each["id"]: {"name": each["name"], "type": each["type"]} for each in created}
        if gone:
            told["destroyedFieldIds"] = gone
        self._tell(table, "tableFields", "update", by, told, set())

    def _tell(self, table: Table, data: str, kind: str, by: By, told: dict[str, Any], fields: set[str]) -> None:
        self.transactions += 1
        for hook in self.hooks.values():
            if hook.base != table.base or not self.lives(hook) or not _wants(hook, table, data, kind, by[0], fields):
                continue
            hook.payloads.append(
                {
                    "timestamp": iso(self.world.now()),
                    "baseTransactionNumber": self.transactions,
                    "payloadFormat": "v0",
                    "actionMetadata": {"source": by[0], "sourceMetadata": {"user": self.world.users.get(by[1], {})}},
                    "changedTablesById": {table.id: told},
                }
            )
            self.save(hook)
            self.pending.add(hook.id)

    # Sending

    async def deliver_for_ever(self) -> None:
        while True:
            await asyncio.sleep(WINDOW_SECONDS)
            self.flush()

    def flush(self) -> None:
        waiting, self.pending = self.pending, set()
        for ident in waiting:
            hook = self.hooks.get(ident)
            if hook is not None and hook.url and hook.notifies and self.lives(hook):
                task = asyncio.get_running_loop().create_task(self._ping(hook))
                self._running.add(task)
                task.add_done_callback(self._running.discard)

    async def _ping(self, hook: Hook) -> None:
        told = {"base": {"id": hook.base}, "webhook": {"id": hook.id}, "timestamp": iso(self.world.now())}
        body, pause = orjson.dumps(told), FIRST_PAUSE_SECONDS
        for attempt in range(1, ATTEMPTS + 1):
            status = await self._post(hook, body)
            self.deliveries.append({"webhook": hook.id, "attempt": attempt, "status": status})
            del self.deliveries[:-1000]
            if status in (200, 204):
                return
            await asyncio.sleep(pause)
            pause *= 2
        hook.notifies = False
        self.save(hook)

    async def _post(self, hook: Hook, body: bytes) -> int:
        headers = {"content-type": "application/json", "x-airtable-content-mac": mac(hook.secret, body)}
        try:
            async with httpx.AsyncClient(timeout=25) as http:
                return (await http.post(str(hook.url), content=body, headers=headers)).status_code
        except httpx.HTTPError:
            return 0


def mac(secret: str, body: bytes) -> str:
    return "hmac-sha256=" + hmac.new(base64.b64decode(secret), body, hashlib.sha256).hexdigest()


def _wants(hook: Hook, table: Table, data: str, kind: str, source: str, fields: set[str]) -> bool:
    filters = hook.filters
    scope, watched = filters.get("recordChangeScope"), set(filters.get("watchDataInFieldIds") or ())
    return (
        data in filters["dataTypes"]
        and scope in (None, table.id)
        and source in (filters.get("fromSources") or [source])
        and kind in (filters.get("changeTypes") or [kind])
        and (not watched or kind != "update" or bool(watched & fields))
    )
