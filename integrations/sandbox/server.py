"""The running sandbox: in a thread for tests, or for good from the command line."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

import uvicorn

from integrations.sandbox.app import CuttableProtocol, build_app
from integrations.sandbox.client import Control
from integrations.sandbox.provider import Provider, Room, find_providers, open_room

START_SECONDS = 60


def open_rooms(
    data: Path | None, providers: Sequence[str | Provider] | None = None, limited: bool = True
) -> dict[str, Room]:
    """providers: names of those that are here, or others, made by the caller; None: all that are here."""
    named = None if providers is None else [one for one in providers if isinstance(one, str)]
    others = [one for one in providers or () if not isinstance(one, str)]
    found = [*(find_providers(named) if named or providers is None else ()), *others]
    return {provider.slug: open_room(provider, data, limited) for provider in found}


def configure(rooms: dict[str, Room], host: str, port: int) -> uvicorn.Config:
    return uvicorn.Config(
        build_app(rooms),
        host=host,
        port=port,
        http=CuttableProtocol,
        log_level="error",
        access_log=False,
        date_header=False,  # each answer tells its provider's clock, which tests may move
        timeout_graceful_shutdown=1,
        timeout_keep_alive=60,  # longer than clients keep theirs: none shall send into a connection that is just closing
    )


class SandboxServer:
    """Providers on a free loopback port, in a thread of this process.

        with SandboxServer(["notion"]) as sandbox:
            sandbox.control.seed("crm", contacts=20)
            Client(auth="ntn_sandbox_demo", base_url=sandbox.url("notion"))

    The rate limit is off unless `limited`; `data=None` keeps everything in memory.
    """

    def __init__(
        self,
        providers: Sequence[str | Provider] | None = None,
        data: Path | None = None,
        limited: bool = False,
        port: int = 0,
    ) -> None:
        self.rooms = open_rooms(data, providers, limited)
        # Named as TCP: asyncio switches Nagle's delay off only then, and 40 ms per request would be the price.
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind(("127.0.0.1", port))
        self._socket.listen(128)
        self.port = self._socket.getsockname()[1]
        self._server = uvicorn.Server(configure(self.rooms, "127.0.0.1", self.port))
        self._thread = threading.Thread(target=self._server.run, args=([self._socket],), daemon=True)
        self._thread.start()
        self._wait_until_started()
        self.control = Control(self.base_url, next(iter(self.rooms)))

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def url(self, provider: str) -> str:
        return f"{self.base_url}/{provider}"

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join(timeout=10)
        self._socket.close()
        self.control.close()

    def _wait_until_started(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not self._server.started:
            if time.monotonic() > deadline or not self._thread.is_alive():
                raise RuntimeError("the sandbox did not start")
            time.sleep(0.01)

    def __enter__(self) -> SandboxServer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
