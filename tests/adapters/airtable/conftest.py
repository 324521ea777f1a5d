"""The real SDK over real HTTP against the sandbox."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from integrations.adapters.airtable import AirtableAdapter
from integrations.sandbox.airtable.base import DEMO_TOKEN
from integrations.sandbox.client import Control
from integrations.sandbox.server import SandboxServer
from integrations.transport.http import Transport

EXAMPLES: dict[str, Any] = json.loads((Path(__file__).parent / "examples.json").read_text())
_buckets = itertools.count()


@pytest.fixture(scope="module")
def server() -> Iterator[SandboxServer]:
    with SandboxServer(["airtable"]) as running:
        yield running


@pytest.fixture
def control(server: SandboxServer) -> Control:
    """Contacts, companies, deals and tasks in one base; no faults, no limits."""
    server.control.reset()
    server.control.limit(None)
    server.control.seed("crm", contacts=8, companies=4, deals=3, tasks=2)
    return server.control


@pytest.fixture
def connect(server: SandboxServer) -> Iterator[Callable[..., AirtableAdapter]]:
    """connect(token=...) -> an adapter of its own, that waits for nothing and repeats nothing."""
    opened: list[Transport] = []

    def make(token: str = DEMO_TOKEN, **options: Any) -> AirtableAdapter:
        options = {"timeout": 5.0, "waits": (), "sleep": lambda _seconds: None, "allow_private": True, **options}
        url, bucket = server.url("airtable"), f"airtable-{next(_buckets)}"
        opened.append(Transport(base_url=url, bucket=bucket, secrets=[token], **options))
        return AirtableAdapter({"token": token}, opened[-1])

    yield make
    for transport in opened:
        transport.close()


@pytest.fixture
def airtable(control: Control, connect: Callable[..., AirtableAdapter]) -> AirtableAdapter:
    return connect()


@pytest.fixture
def contacts(airtable: AirtableAdapter) -> str:
    return next(one.id for one in airtable.collections() if one.name == "Contacts")


@pytest.fixture
def ids(airtable: AirtableAdapter, contacts: str) -> dict[str, str]:
    """{name of a field of the contacts: its id}"""
    return {field.name: field.id for field in airtable.describe(contacts).fields}
