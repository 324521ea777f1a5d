from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from integrations.sandbox.client import Control
from integrations.sandbox.hubspot.base import DEMO_TOKEN
from integrations.sandbox.server import SandboxServer
from tests.sandbox.hubspot import spec


def pytest_report_header() -> str:
    return spec.header()


@pytest.fixture(scope="package")
def server() -> Iterator[SandboxServer]:
    with SandboxServer(["hubspot"]) as running:
        yield running


@pytest.fixture
def control(server: SandboxServer) -> Control:
    """Six contacts, four companies, three deals; no faults, no limits."""
    server.control.reset()
    server.control.limit(None)
    server.control.seed("crm", contacts=6, companies=4, deals=3, tasks=2)
    return server.control


@pytest.fixture
def http(server: SandboxServer, control: Control) -> Iterator[httpx.Client]:
    """A client of the demo's account; every answer is checked against the official description."""
    headers = {"Authorization": f"Bearer {DEMO_TOKEN}"}
    hooks = {"response": [spec.watch_response]}
    plain = httpx.HTTPTransport(verify=False)  # reads no certificates
    with httpx.Client(base_url=server.url("hubspot"), headers=headers, event_hooks=hooks, transport=plain) as client:
        yield client
