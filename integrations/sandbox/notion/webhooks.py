"""Webhook events: gathered for a short while, merged, signed, and POSTed with retries by a background task."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import random
import secrets
import time
from collections.abc import Coroutine
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import httpx
import orjson

from integrations.sandbox.clock import iso
from integrations.sandbox.notion.model import Page, Source, dashed, new_id
from integrations.sandbox.state import Store

if TYPE_CHECKING:
    from integrations.sandbox.notion.world import NotionWorld

API_VERSION = "2026-03-11"
ATTEMPTS = 8
FIRST_PAUSE_SECONDS = 0.5  # doubled each time; the service spreads its eight attempts over about a day


@dataclass(slots=True)
class Subscription:
    """One URL per connection. `window_seconds` is how long events are gathered before they are sent."""

    id: str
    connection: str
    url: str
    verification_token: str
    window_seconds: float = 1.0
    is_active: bool = True


@dataclass(slots=True)
class Pending:
    """What happened to one entity since the last delivery."""

    entity: str
    kind: str  # page, data_source or database
    types: list[str] = field(default_factory=list)
    changed: list[Any] = field(default_factory=list)
    authors: list[str] = field(default_factory=list)
    since: float = field(default_factory=time.monotonic)


class Webhooks:
    def __init__(self, world: NotionWorld) -> None:
        self.world = world
        self.subscriptions: dict[str, Subscription] = {}
        self._running: set[asyncio.Task[None]] = set()
        self.clear()

    def clear(self) -> None:
        self.subscriptions.clear()
        for task in self._running:
            task.cancel()
        self.pending: dict[str, Pending] = {}
        self.deliveries: list[dict[str, Any]] = []
        self.shuffle = random.Random(7)  # noqa: S311 - repeatable on purpose

    def load(self, store: Store) -> None:
        self.subscriptions = {doc["id"]: Subscription(**doc) for doc in store.load("subscription")}

    async def subscribe(self, connection: str, url: str, window_seconds: float) -> Subscription:
        """Save the subscription and send the handshake, as the settings page does."""
        token = f"secret_{secrets.token_urlsafe(32)}"
        made = Subscription(new_id(), connection, url, token, window_seconds)
        self.subscriptions[made.id] = made
        self.world.store.put("subscription", made.id, asdict(made))
        body = orjson.dumps({"verification_token": token})
        await self._post(made, body, "handshake")
        return made

    # What happened

    def page_changed(self, type: str, page: Page, changed: list[str], author: str) -> None:
        self._note(page.id, "page", type, changed, author)
        if page.source is not None and type in ("page.created", "page.deleted", "page.undeleted"):
            self._note(page.source, "data_source", "data_source.content_updated", [page.id], author)

    def schema_changed(self, source: Source, changed: list[dict[str, Any]], author: str) -> None:
        self._note(source.id, "data_source", "data_source.schema_updated", changed, author)

    def table_changed(self, type: str, ident: str, author: str) -> None:
        self._note(ident, type.partition(".")[0], type, [], author)

    def _note(self, entity: str, kind: str, type: str, changed: list[Any], author: str) -> None:
        if not self.subscriptions:
            return
        found = self.pending.setdefault(entity, Pending(entity, kind))
        if type not in found.types:
            found.types.append(type)
        found.changed += [each for each in changed if each not in found.changed]
        if author not in found.authors:
            found.authors.append(author)

    # Sending

    async def deliver_for_ever(self) -> None:
        while True:
            window = min((each.window_seconds for each in self.subscriptions.values()), default=0.4)
            await asyncio.sleep(window / 4)
            self.flush(time.monotonic() - window)

    def flush(self, until: float | None = None) -> None:
        """Send what was first noted before `until` (None: everything); no order is promised, so there is none."""
        due = [each for each in self.pending.values() if until is None or each.since <= until]
        for each in due:
            del self.pending[each.entity]
        events = [event for each in due for event in self._events(each)]
        self.shuffle.shuffle(events)
        for event in events:
            for subscription in self.subscriptions.values():
                if subscription.is_active:
                    self._start(self._deliver(subscription, event))

    def _start(self, delivery: Coroutine[Any, Any, None]) -> None:
        """On its own: one receiver's refusals must not hold up the events after it."""
        task = asyncio.get_running_loop().create_task(delivery)
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    def _events(self, pending: Pending) -> list[dict[str, Any]]:
        types = set(pending.types)
        if {"page.created", "page.deleted"} <= types and "page.undeleted" not in types:
            return []  # came and went within the window: nothing at all
        if {"page.deleted", "page.undeleted"} <= types:
            types -= {"page.deleted", "page.undeleted"}
        if "page.created" in types:
            types -= {"page.properties_updated", "page.content_updated"}
        made = []
        for type in sorted(types):
            data = self._data(pending, type)
            if data is not None:
                made.append({"type": type, "entity": self._entity(pending), "data": data, "authors": pending.authors})
        return made

    @staticmethod
    def _entity(pending: Pending) -> dict[str, str]:
        return {"id": pending.entity, "type": pending.kind}

    def _data(self, pending: Pending, type: str) -> dict[str, Any] | None:
        parent = self._parent(pending)
        if parent is None:
            return None
        data: dict[str, Any] = {"parent": parent}
        if type == "page.properties_updated":
            data["updated_properties"] = [each for each in pending.changed if isinstance(each, str)]
        elif type == "data_source.schema_updated":
            data["updated_properties"] = [each for each in pending.changed if isinstance(each, dict)]
        elif type.endswith("content_updated"):
            kind = "page" if pending.kind == "data_source" else "block"
            idents = [each for each in pending.changed if isinstance(each, str) and dashed(each)]
            data["updated_blocks"] = [{"id": each, "type": kind} for each in idents]
        return data

    def _parent(self, pending: Pending) -> dict[str, Any] | None:
        world = self.world
        if pending.kind == "page":
            page = world.pages.get(pending.entity)
            if page is None:
                return None
            source = world.sources.get(page.source or "")
            if source is None:
                home = world.workspaces[page.workspace].id
                return {"id": page.parent, "type": "page"} if page.parent else {"id": home, "type": "space"}
            return {"id": source.database, "type": "database", "data_source_id": source.id}
        source = world.sources.get(pending.entity)
        if source is not None:
            return {"id": source.database, "type": "database"}
        database = world.databases[pending.entity]
        if database.parent:
            return {"id": database.parent, "type": "page"}
        return {"id": database.workspace, "type": "space"}

    async def _deliver(self, subscription: Subscription, event: dict[str, Any]) -> None:
        connection = self.world.connections.get(subscription.connection)
        if connection is None or not self._may_know(connection.id, event):
            return
        bots = self.world.connections
        whole = {
            "id": new_id(),
            "timestamp": iso(self.world.now()),
            "workspace_id": connection.workspace,
            "workspace_name": self.world.workspaces[connection.workspace].name,
            "subscription_id": subscription.id,
            "integration_id": connection.integration,
            "type": event["type"],
            "authors": [{"id": each, "type": "bot" if each in bots else "person"} for each in event["authors"]],
            "accessible_by": [{"id": connection.id, "type": "bot"}],
            "attempt_number": 1,
            "api_version": API_VERSION,
            "entity": event["entity"],
            "data": event["data"],
        }
        pause = FIRST_PAUSE_SECONDS
        for attempt in range(1, ATTEMPTS + 1):
            body = orjson.dumps(whole | {"attempt_number": attempt})
            if await self._post(subscription, body, event["type"], attempt):
                return
            await asyncio.sleep(pause)
            pause *= 2

    def _may_know(self, ident: str, event: dict[str, Any]) -> bool:
        connection, entity = self.world.connections[ident], event["entity"]["id"]
        if (page := self.world.pages.get(entity)) is not None:
            return self.world.sees_page(connection, page)
        source = self.world.sources.get(entity)
        return self.world.sees(connection, source.database if source else entity)

    async def _post(self, subscription: Subscription, body: bytes, what: str, attempt: int = 1) -> bool:
        headers = {
            "content-type": "application/json",
            "user-agent": "notion-api",
            "x-notion-signature": sign(subscription.verification_token, body),
        }
        try:
            async with httpx.AsyncClient(timeout=10) as http:
                status = (await http.post(subscription.url, content=body, headers=headers)).status_code
        except httpx.HTTPError:
            status = 0
        self.deliveries.append({"type": what, "attempt": attempt, "status": status, "body": orjson.loads(body)})
        del self.deliveries[:-1000]
        return 200 <= status < 300


def sign(token: str, body: bytes) -> str:
    return "sha256=" + hmac.new(token.encode(), body, hashlib.sha256).hexdigest()
