"""The real SDK over real HTTP against the sandbox. Every request, and the answers to those that were accepted, are checked
against Notion's own OpenAPI document where that is at hand; answers that refuse end in the transport, and the sandbox's own
tests check them."""

from __future__ import annotations

import itertools
import json
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from integrations.adapters.notion import NotionAdapter
from integrations.sandbox.client import Control
from integrations.sandbox.server import SandboxServer
from integrations.transport.http import Transport
from tests.sandbox import spec

TOKEN = "ntn_sandbox_demo"
_buckets = itertools.count()


def _path(request: httpx.Request) -> str:
    return "/v1/" + request.url.path.partition("/v1/")[2]


def check_request(request: httpx.Request) -> None:
    if request.content:
        spec.check_request(request.method, _path(request), json.loads(request.content))


def check_answer(response: httpx.Response) -> None:
    spec.check_response(response.request.method, _path(response.request), response.status_code, response.json())


@pytest.fixture(scope="module")
def server() -> Iterator[SandboxServer]:
    if not spec.AVAILABLE:
        warnings.warn(spec.header(), stacklevel=1)
    with SandboxServer(["notion"]) as running:
        yield running


@pytest.fixture
def control(server: SandboxServer) -> Control:
    server.control.reset()
    return server.control


@pytest.fixture
def connect(server: SandboxServer, control: Control) -> Iterator[Callable[..., NotionAdapter]]:
    """connect(token=...) -> an adapter of its own; its waits are zeroed."""
    opened: list[Transport] = []

    def make(token: str = TOKEN, **options: Any) -> NotionAdapter:
        options = {"timeout": 5.0, "sleep": lambda seconds: None, **options}
        transport = Transport(
            base_url=server.url("notion"), bucket=f"notion-{next(_buckets)}", secrets=[token], **options
        )
        transport.client.event_hooks = {"request": [check_request], "response": [check_answer]}
        opened.append(transport)
        return NotionAdapter({"token": token}, transport)

    yield make
    for transport in opened:
        transport.close()


@pytest.fixture
def notion(connect: Callable[..., NotionAdapter]) -> NotionAdapter:
    return connect()
