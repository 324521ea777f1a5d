"""The real SDK over real HTTP against the sandbox. Every request, and the answers to those that were accepted, are checked
against HubSpot's own OpenAPI description where that is at hand."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from integrations.adapters.hubspot import HubSpotAdapter
from integrations.sandbox.client import Control
from integrations.sandbox.hubspot.base import DEMO_TOKEN
from integrations.sandbox.server import SandboxServer
from integrations.transport.http import Transport
from tests.sandbox.hubspot import spec

_buckets = itertools.count()


@pytest.fixture(scope="module")
def server() -> Iterator[SandboxServer]:
    if not spec.AVAILABLE:
        warnings.warn(spec.header(), stacklevel=1)
    with SandboxServer(["hubspot"]) as running:
        yield running


@pytest.fixture
def control(server: SandboxServer) -> Control:
    """An account with a few of everything; no faults, no limits."""
    server.control.reset()
    server.control.limit(None)
    server.control.seed("crm", contacts=6, companies=4, deals=3, tasks=2)
    return server.control


@pytest.fixture
def connect(server: SandboxServer, control: Control) -> Iterator[Callable[..., HubSpotAdapter]]:
    """connect(token=...) -> an adapter of its own, that waits for nothing and repeats nothing."""
    opened: list[Transport] = []

    def make(token: str = DEMO_TOKEN, **options: Any) -> HubSpotAdapter:
        options = {"timeout": 5.0, "waits": (), "sleep": lambda _seconds: None, "allow_private": True, **options}
        url, bucket = server.url("hubspot"), f"hubspot-{next(_buckets)}"
        transport = Transport(base_url=url, bucket=bucket, secrets=[token], **options)
        transport.client.event_hooks = {"request": [spec.watch_request], "response": [spec.watch_response]}
        opened.append(transport)
        return HubSpotAdapter({"token": token}, transport)

    yield make
    for transport in opened:
        transport.close()


@pytest.fixture
def hubspot(connect: Callable[..., HubSpotAdapter]) -> HubSpotAdapter:
    return connect()
