"""The ASGI application: which room a request goes to, and how an answer (or its absence) goes out."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from email.utils import formatdate
from typing import Any

from starlette.applications import Starlette
from starlette.responses import HTMLResponse
from starlette.routing import Mount, Route
from uvicorn.protocols.http.h11_impl import H11Protocol

from integrations.sandbox import control, pages
from integrations.sandbox.calls import Answer, Call
from integrations.sandbox.gate import DROP, HALF, Gate
from integrations.sandbox.provider import Room

# By both ends of a connection: several servers may run in one process.
_transports: dict[tuple[Any, Any], asyncio.Transport] = {}


class CuttableProtocol(H11Protocol):
    """uvicorn's HTTP, remembering the socket of each client: ASGI has no word for hanging up."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        _transports[self.client, self.server] = transport

    def connection_lost(self, exc: Exception | None) -> None:
        _transports.pop((self.client, self.server), None)
        super().connection_lost(exc)


class ProviderApp:
    """One provider below its slug: the API behind its gate, everything else is the hand-edit pages."""

    def __init__(self, room: Room) -> None:
        self.room = room
        self.gate = Gate(room)
        self.pages = pages.app(room)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        if scope["type"] != "http" or not path.startswith(self.room.provider.api):
            await self.pages(scope, receive, send)
            return
        call = await _read(scope, receive, path)
        answer, fate = await self.gate.pass_through(call)
        if fate == DROP:
            await _hang_up(scope, flush=False)
        else:
            await _send(scope, send, answer, self.room.clock.now_ms(), half=fate == HALF)


async def _read(scope: Any, receive: Any, path: str) -> Call:
    raw = scope.get("raw_path") or path.encode()
    prefix = scope.get("root_path", "").encode()
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
    base = f"{scope.get('scheme', 'http')}://{headers.get('host', 'localhost')}{prefix.decode()}"
    # The raw path: property ids travel percent-encoded and stay so.
    asked = raw.split(b"?")[0].decode("ascii", "replace").removeprefix(prefix.decode())
    return Call(scope["method"], asked, scope["query_string"].decode("latin-1"), headers, body, base)


async def _send(scope: Any, send: Any, answer: Answer, now_ms: int, half: bool) -> None:
    headers = [(b"content-type", answer.content_type.encode()), (b"content-length", str(len(answer.body)).encode())]
    headers.append(
        (b"date", formatdate(now_ms / 1000, usegmt=True).encode())
    )  # the provider's clock, not the machine's
    headers += [(name.lower().encode(), value.encode()) for name, value in answer.headers]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    if not half:
        await send({"type": "http.response.body", "body": answer.body})
        return
    await send({"type": "http.response.body", "body": answer.body[: len(answer.body) // 2], "more_body": True})
    await _hang_up(scope, flush=True)


async def _hang_up(scope: Any, flush: bool) -> None:
    transport = _transports.get((scope["client"], scope["server"]))
    if transport is not None:
        transport.close() if flush else transport.abort()
    # Let the loop report the loss before we return, else uvicorn answers 500 for us.
    await asyncio.sleep(0.01)


def build_app(rooms: dict[str, Room]) -> Starlette:
    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        tasks = [asyncio.create_task(room.world.background()) for room in rooms.values()]
        yield
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for room in rooms.values():
            room.store.close()

    async def index(_: Any) -> HTMLResponse:
        return HTMLResponse(pages.index(list(rooms.values())))

    routes = [Route("/", index), Mount("/_control", routes=control.routes(rooms))]
    routes += [Mount(f"/{slug}", app=ProviderApp(room)) for slug, room in rooms.items()]
    return Starlette(routes=routes, lifespan=lifespan)
