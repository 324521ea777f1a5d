"""A local HTTP server that answers as it is told, one step per request."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Step:
    status: int = 200
    body: bytes = b'{"ok":true}'
    headers: Mapping[str, str] = field(default_factory=dict)
    fault: str = ""  # drop: no answer; truncate: half of the body; hang: answer after `seconds`
    seconds: float = 0.0


@dataclass
class Script:
    """`steps` are used up one by one; then the last one stays. `seen` are (method, path, headers, body)."""

    url: str = ""
    steps: list[Step] = field(default_factory=list)
    callers: set[Any] = field(default_factory=set)  # one per connection
    seen: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)

    def answer(self, *steps: Step) -> None:
        self.steps = list(steps)

    def next(self) -> Step:
        if not self.steps:
            return Step()
        return self.steps.pop(0) if len(self.steps) > 1 else self.steps[0]


def told(status: int, **body: Any) -> Step:
    return Step(status, json.dumps(body).encode())


@contextmanager
def scripted_server() -> Iterator[Script]:
    script = Script()
    hurry = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = 65536  # head and body in one packet, or the client waits 40 ms for each answer

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            script.callers.add(self.client_address)
            script.seen.append((self.command, self.path, dict(self.headers), body))
            step = script.next()
            if step.fault == "drop":
                self.connection.shutdown(socket.SHUT_RDWR)
                self.close_connection = True
                return
            if step.fault == "hang":
                hurry.wait(step.seconds)
            self.send_response(step.status)
            for name, value in {"Content-Type": "application/json", **step.headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(step.body)))
            self.end_headers()
            half = step.fault == "truncate"
            self.wfile.write(step.body[: len(step.body) // 2] if half else step.body)
            self.close_connection = self.close_connection or half

        do_GET = do_POST = do_PATCH = answer  # noqa: N815 - named by the standard library

        def log_message(self, *args: Any) -> None:
            pass

        def handle(self) -> None:
            try:
                super().handle()
            except OSError:
                pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    script.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield script
    finally:
        hurry.set()
        server.shutdown()
        server.server_close()
