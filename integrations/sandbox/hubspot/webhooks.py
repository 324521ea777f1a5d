"""Webhooks, version 3: one URL for the whole app, arrays of events of many accounts, signed with the client secret.

Events come in no order and some come twice: what the receiver makes of it must not depend on that.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import random
import time
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import httpx
import orjson

from integrations.sandbox.calls import Answer, Call, Routes, json_answer
from integrations.sandbox.clock import iso
from integrations.sandbox.hubspot import base as furniture
from integrations.sandbox.hubspot import errors
from integrations.sandbox.hubspot.model import Kind, Record
from integrations.sandbox.state import Store

if TYPE_CHECKING:
    from integrations.sandbox.hubspot.world import HubSpotWorld

MOST = 100  # events in a delivery
ATTEMPTS = 10
FIRST_PAUSE_SECONDS = 0.5  # doubled each time; the service spreads its attempts over a day
WINDOW_SECONDS = 0.3
#: What is decoded in the signed URL.
DECODED = {code: unquote(code) for code in
           ("%3A", "%2F", "%3F", "%40", "%21", "%24", "%27", "%28", "%29", "%2A", "%2C", "%3B")}  # fmt: skip


def register(routes: Routes, world: HubSpotWorld) -> None:
    """The app's settings, with the developer key."""
    desk = Settings(world)
    routes.add("GET", "/webhooks/v3/{app}/settings", desk.get)
    routes.add("PUT", "/webhooks/v3/{app}/settings", desk.put)
    routes.add("DELETE", "/webhooks/v3/{app}/settings", desk.delete)
    routes.add("GET", "/webhooks/v3/{app}/subscriptions", desk.subscriptions)
    routes.add("POST", "/webhooks/v3/{app}/subscriptions", desk.subscribe)


class Settings:
    def __init__(self, world: HubSpotWorld) -> None:
        self.world = world

    def get(self, call: Call, app: str) -> Answer:
        hooks = self._hooks(call, app)
        if not hooks.target:
            raise errors.not_found()
        return json_answer(self._shown(hooks))

    def put(self, call: Call, app: str) -> Answer:
        hooks, body = self._hooks(call, app), orjson.loads(call.body)
        hooks.set(body["targetUrl"])
        return json_answer(self._shown(hooks))

    def delete(self, call: Call, app: str) -> Answer:
        self._hooks(call, app).set("")
        return Answer(204, b"")

    def subscriptions(self, call: Call, app: str) -> Answer:
        return json_answer({"results": self._hooks(call, app).subscriptions})

    def subscribe(self, call: Call, app: str) -> Answer:
        hooks, body = self._hooks(call, app), orjson.loads(call.body)
        made = {
            "id": str(len(hooks.subscriptions) + 1),
            "eventType": body["eventType"],
            "active": bool(body.get("active")),
            "createdAt": iso(self.world.now()),
        }
        made |= {key: body[key] for key in ("propertyName", "objectTypeId") if key in body}
        hooks.set(hooks.target, [*hooks.subscriptions, made])
        return json_answer(made, 201)

    def _hooks(self, call: Call, app: str) -> Webhooks:
        if call.param("hapikey") != furniture.DEVELOPER_KEY or app != str(furniture.APP_ID):
            raise errors.unauthorized()
        return self.world.webhooks

    def _shown(self, hooks: Webhooks) -> dict[str, Any]:
        return {
            "targetUrl": hooks.target,
            "throttling": {"maxConcurrentRequests": 10},
            "createdAt": iso(self.world.now()),
        }


class Webhooks:
    def __init__(self, world: HubSpotWorld) -> None:
        self.world = world
        self._running: set[asyncio.Task[None]] = set()
        self.clear()

    def clear(self) -> None:
        for task in self._running:
            task.cancel()
        self.target = ""
        self.subscriptions: list[dict[str, Any]] = []  # none: everything
        self.pending: list[dict[str, Any]] = []
        self.deliveries: list[dict[str, Any]] = []
        self.since = 0.0
        self.count = 0
        self.dice = random.Random(7)  # noqa: S311 - repeatable on purpose

    def load(self, store: Store) -> None:
        for doc in store.load("webhooks"):
            self.target, self.subscriptions = doc["target"], doc["subscriptions"]

    def set(self, target: str, subscriptions: list[dict[str, Any]] | None = None) -> None:
        self.target = target
        self.subscriptions = self.subscriptions if subscriptions is None else subscriptions
        document = {"target": self.target, "subscriptions": self.subscriptions}
        self.world.store.put("webhooks", "webhooks", document)

    def note(self, kind: Kind, record: Record, what: str, source: str, **more: str) -> None:
        type = f"object.{what}" if kind.is_custom or kind.name == "tasks" else f"{kind.singular.lower()}.{what}"
        if not self.target or not self._wanted(type, more.get("propertyName")):
            return
        self.count += 1
        self.since = self.since if self.pending else time.monotonic()
        event = {
            "eventId": 100 + self.count // 2,  # not unique
            "subscriptionId": 12345,
            "portalId": kind.portal,
            "appId": furniture.APP_ID,
            "occurredAt": self.world.now(),
            "subscriptionType": type,
            "attemptNumber": 0,
            "objectId": int(record.id),
            "changeSource": source,
        }
        if type.startswith("object."):
            event["objectTypeId"] = kind.type_id
        self.pending.append(event | more)

    def _wanted(self, type: str, prop: str | None) -> bool:
        return not self.subscriptions or any(
            one["active"] and one["eventType"] == type and one.get("propertyName") in (None, prop)
            for one in self.subscriptions
        )

    async def deliver_for_ever(self) -> None:
        while True:
            await asyncio.sleep(WINDOW_SECONDS / 3)
            if self.pending and self.since <= time.monotonic() - WINDOW_SECONDS:
                self.flush()

    def flush(self) -> None:
        events, self.pending = self.pending, []
        if not self.target or not events:
            return
        events = [*events, events[0]]  # sometimes doubled
        self.dice.shuffle(events)
        for start in range(0, len(events), MOST):
            self._start(self._deliver(self.target, events[start : start + MOST]))

    def _start(self, delivery: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(delivery)
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _deliver(self, url: str, events: list[dict[str, Any]]) -> None:
        pause = FIRST_PAUSE_SECONDS
        for attempt in range(ATTEMPTS):
            body = orjson.dumps([event | {"attemptNumber": attempt} for event in events])
            if await self._post(url, body, attempt):
                return
            await asyncio.sleep(pause)
            pause *= 2

    async def _post(self, url: str, body: bytes, attempt: int) -> bool:
        stamp = str(self.world.now())
        headers = {
            "content-type": "application/json",
            "user-agent": "HubSpot Connect 2.0 (http://dev.hubspot.com/)",
            "x-hubspot-signature": hashlib.sha256(furniture.CLIENT_SECRET.encode() + body).hexdigest(),
            "x-hubspot-signature-v3": sign(furniture.CLIENT_SECRET, "POST", url, body, stamp),
            "x-hubspot-request-timestamp": stamp,
        }
        try:
            async with httpx.AsyncClient(timeout=5) as http:
                status = (await http.post(url, content=body, headers=headers)).status_code
        except httpx.HTTPError:
            status = 0
        self.deliveries.append({"attempt": attempt, "status": status, "body": orjson.loads(body), "headers": headers})
        del self.deliveries[:-1000]
        return 200 <= status < 300


def sign(secret: str, method: str, url: str, body: bytes, stamp: str) -> str:
    for code, char in DECODED.items():
        url = url.replace(code, char).replace(code.lower(), char)
    text = method.encode() + url.encode() + body + stamp.encode()
    return base64.b64encode(hmac.new(secret.encode(), text, hashlib.sha256).digest()).decode()
