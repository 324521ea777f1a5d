"""How much of a documented limit four processes use together, and whether the provider ever has to refuse.

The provider here is as strict as can be: it stamps every request as it arrives and refuses the one that would be the N+1st in any
window. Four processes share one account of it through the real transport, the real store and the limits of the manifest as it is
shipped, and ask without end.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
import time
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from integrations.adapters import errors
from integrations.adapters.registry import adapters
from integrations.transport.http import Transport
from integrations.transport.limiter import Limiter
from integrations.transport.postgres import PostgresStore
from integrations.transport.stores import RedisStore, Store

ROOT = Path(__file__).resolve().parents[2]
WORKERS = 4
PORT = int(os.environ.get("BENCH_PORT", "9077")) + 1
SECONDS = 190


@dataclass(frozen=True)
class Documented:
    """What a provider allows, by its documentation, and a path that is about it."""

    slug: str
    what: str
    requests: int
    seconds: int
    path: str


#: By the first part of the path; each is measured by itself. HubSpot's 250,000 a day would take a day.
LIMITS = {
    "base": Documented("airtable", "a base", 5, 1, "/v0/appBENCHMARK/tblA"),
    "user": Documented("airtable", "a user", 50, 1, "/v0/meta/bases"),
    "search": Documented("hubspot", "the search", 5, 1, "/crm/v3/objects/contacts/search"),
    "portal": Documented("hubspot", "an account", 100, 10, "/crm/v3/objects/contacts"),
    "token": Documented("notion", "a connection", 180, 60, "/v1/users/me"),
}


# --- the provider -----------------------------------------------------------------------------------------------------


class Strict(asyncio.Protocol):
    """HTTP/1.1 without bodies. One window per first part of the path; /NAME/found tells what came of it."""

    came: dict[str, deque[float]] = {name: deque() for name in LIMITS}
    first: dict[str, float] = {}
    answered: dict[str, Counter[int]] = {name: Counter() for name in LIMITS}  # by window since the first request
    refused: Counter[str] = Counter()

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        name, _, what = data.split(b" ", 2)[1].decode().strip("/").partition("/")
        if what == "found":
            found = {"answered": list(self.answered[name].values()), "refused": self.refused[name]}
            return self.answer(200, json.dumps(found).encode())
        return self.answer(*((200, b"{}") if self.admit(name, time.monotonic()) else (429, b"{}")))

    def admit(self, name: str, now: float) -> bool:
        requests, seconds, came = LIMITS[name].requests, LIMITS[name].seconds, self.came[name]
        while came and now - came[0] >= seconds:
            came.popleft()
        if len(came) >= requests:
            self.refused[name] += 1
            return False
        came.append(now)
        self.answered[name][int((now - self.first.setdefault(name, now)) // seconds)] += 1
        return True

    def answer(self, status: int, body: bytes) -> None:
        head = f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        self.transport.write(head.encode() + body)


async def serve() -> None:
    server = await asyncio.get_running_loop().create_server(Strict, "127.0.0.1", PORT)
    await server.serve_forever()


# --- one of the four --------------------------------------------------------------------------------------------------


def work(name: str, store: str, begin: float, end: float) -> None:
    time.sleep(max(0.0, begin - time.time()))
    transport = Transport(
        base_url=f"http://127.0.0.1:{PORT}",
        bucket=f"{name}:account",
        limits=adapters()[LIMITS[name].slug].manifest.limits,
        limiter=Limiter(_store(store)),
        allow_private=True,
    )
    with closing(transport):
        while time.time() < end:
            try:
                transport.client.get(f"/{name}{LIMITS[name].path}")
            except errors.RateLimited:  # told to wait for longer than a request waits
                time.sleep(1)


def _store(url: str) -> Store:
    if url.startswith("redis:"):
        return RedisStore(url)
    import psycopg

    return PostgresStore(lambda: psycopg.connect(url.replace("postgres://", "postgresql://", 1), autocommit=True))


# --- all together -----------------------------------------------------------------------------------------------------


def limits(seconds: int = SECONDS) -> list[str]:
    """A line for each store and limit. The database (DATABASE_URL) is set up."""
    with redis() as url:
        stores = {"database": os.environ["DATABASE_URL"], "Redis": url}
        return [
            _line(kind, name, found)
            for kind, store in stores.items()
            if store
            for name, found in measure(store, seconds).items()
        ]


def _line(kind: str, name: str, found: dict[str, Any]) -> str:
    known = LIMITS[name]
    whole = found["answered"][1:-1]  # the first has the burst of the beginning in it, the last is not over
    share = sum(whole) / (known.requests * len(whole))
    used = f"{share:6.1%} used (at least 90 %), {found['refused']} refused"
    return f"{kind:9} {known.slug:9} {known.what:13} {known.requests:3} in {known.seconds:2} s   {used}"


def measure(store: str, seconds: int) -> dict[str, dict[str, Any]]:
    import httpx

    server = _start("serve")
    begin = time.time() + 5
    try:
        workers = [
            _start("work", name, store, str(begin), str(begin + seconds)) for name in LIMITS for _ in range(WORKERS)
        ]
        for worker in workers:
            worker.wait()
        return {name: httpx.get(f"http://127.0.0.1:{PORT}/{name}/found").json() for name in LIMITS}
    finally:
        server.terminate()
        server.wait()


@contextmanager
def redis() -> Iterator[str]:
    """Answers the URL of a server of its own, "" where none is installed."""
    if not (program := shutil.which("redis-server")):
        yield ""
        return
    process = subprocess.Popen([program, "--port", str(PORT + 1), "--save", ""], stdout=subprocess.DEVNULL)
    try:
        yield f"redis://127.0.0.1:{PORT + 1}/0"
    finally:
        process.terminate()
        process.wait()


def _start(*arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-m", "tests.benchmarks.limits", *arguments], cwd=ROOT)


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["serve"]:
            asyncio.run(serve())
        case ["work", name, store, begin, end]:
            work(name, store, float(begin), float(end))
