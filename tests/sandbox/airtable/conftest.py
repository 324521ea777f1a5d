from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from pyairtable import Api

from integrations.sandbox.airtable.base import DEMO_TOKEN
from integrations.sandbox.client import Control
from integrations.sandbox.server import SandboxServer


@pytest.fixture(scope="module")
def server() -> Iterator[SandboxServer]:
    with SandboxServer(["airtable"]) as running:
        yield running


@pytest.fixture
def control(server: SandboxServer) -> Control:
    server.control.reset()
    server.control.limit(None)
    server.control.seed("crm", contacts=12, companies=3, deals=3, tasks=2)
    return server.control


@pytest.fixture
def base(control: Control) -> str:
    return str(control.table("Contacts")["container"])


@pytest.fixture
def api(server: SandboxServer, control: Control) -> Api:
    """The SDK as it is, without its retries."""
    return Api(DEMO_TOKEN, timeout=(5, 5), retry_strategy=None, endpoint_url=server.url("airtable"))


@pytest.fixture
def http(server: SandboxServer, control: Control) -> Iterator[httpx.Client]:
    headers = {"Authorization": f"Bearer {DEMO_TOKEN}"}
    plain = httpx.HTTPTransport(verify=False)  # reads no certificates
    with httpx.Client(base_url=server.url("airtable"), headers=headers, transport=plain) as client:
        yield client
