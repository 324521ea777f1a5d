"""Control actions that only Notion has."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from integrations.sandbox.hand import HandError
from integrations.sandbox.notion import base

if TYPE_CHECKING:
    from integrations.sandbox.notion.world import NotionWorld

_running: set[asyncio.Task[Any]] = set()


def perform(world: NotionWorld, action: str, body: dict[str, Any]) -> Any:
    match action:
        case "search_lag":
            world.search_lag_seconds = float(body["seconds"])
            return {"seconds": world.search_lag_seconds}
        case "webhooks/subscribe":
            return _subscribe(world, body)
        case "webhooks/list":
            return [asdict(each) for each in world.webhooks.subscriptions.values()]
        case "webhooks/flush":
            world.webhooks.flush()
            return {"ok": True}
        case "webhooks/deliveries":
            return world.webhooks.deliveries
        case "tokens/add":
            capabilities = body.get("capabilities", ["read", "update", "insert", "user", "email"])
            workspace = body.get("workspace", base.ACME)
            made = base.connect(world, body["token"], workspace, body.get("name", "Raccord demo"), capabilities)
            return asdict(made)
    raise KeyError(action)


def _subscribe(world: NotionWorld, body: dict[str, Any]) -> dict[str, Any]:
    connection = world.connection_of(body.get("token", base.DEMO_TOKEN))
    if connection is None:
        raise HandError("no such token")
    # Answered at once: the receiver of the handshake may be waiting for this very answer.
    _start(world.webhooks.subscribe(connection.id, body["url"], float(body.get("window_seconds", 1))))
    return {"ok": True}


def _start(work: Any) -> None:
    task = asyncio.get_running_loop().create_task(work)
    _running.add(task)
    task.add_done_callback(_running.discard)
