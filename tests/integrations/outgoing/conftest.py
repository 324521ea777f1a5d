"""
===========  ==========================================================================================
receiver     a real HTTP server on loopback: `receiver.url`, `receiver.calls`, `receiver.answers` (the next ones; then 204)
endpoint     endpoint(*events, url=…) -> (Endpoint, its secret) of the present tenant
send         send() -> what a worker does when it is woken: everything that is due, of all tenants
===========  ==========================================================================================
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest


@dataclass
class Receiver:
    url: str = ""
    calls: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    answers: deque[Any] = field(default_factory=deque)


@pytest.fixture
def receiver(settings) -> Iterator[Receiver]:
    settings.DEBUG = True  # plain http to this machine
    made = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:  # noqa: N802 - the name that http.server calls
            body = self.rfile.read(int(self.headers["Content-Length"]))
            made.calls.append(({name.lower(): value for name, value in self.headers.items()}, body))
            status, headers, text = made.answers.popleft() if made.answers else (204, {}, b"")
            if status is None:  # hang up without a word
                return
            self.send_response(status)
            for name, value in {"Content-Length": str(len(text)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.url = f"http://127.0.0.1:{server.server_port}/hook"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield made
    server.shutdown()
    server.server_close()


@pytest.fixture
def endpoint(tenant, receiver):
    from integrations.outgoing import endpoints

    def make(*events: str, url: str = "", **facts: Any):
        return endpoints.add(url or receiver.url, events or ["run.finished"], **facts)

    return make


@pytest.fixture
def send():
    from django.db import connection

    from integrations.scheduling import dispatch

    def go() -> int:
        tenant = connection.tenant
        tried = dispatch.deliver_due()
        connection.set_tenant(tenant)
        return tried

    return go
