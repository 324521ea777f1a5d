from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from notion_client import Client

from integrations.sandbox.client import Control
from integrations.sandbox.server import SandboxServer
from tests.sandbox import spec


def pytest_report_header() -> str:
    return spec.header()


@pytest.fixture(scope="session")
def sandbox() -> Iterator[SandboxServer]:
    with SandboxServer(["notion"]) as server:
        yield server


@pytest.fixture
def control(sandbox: SandboxServer) -> Control:
    """An empty, fault-free sandbox without a rate limit."""
    sandbox.control.reset()
    sandbox.control.limit(None)
    return sandbox.control


def connect(sandbox: SandboxServer, token: str | None = "ntn_sandbox_demo", version: str = "2026-03-11") -> Client:
    """The SDK without its own retries, every exchange checked against the official description."""
    return Client(
        auth=token,
        base_url=sandbox.url("notion"),
        notion_version=version,
        retry=False,
        logger=logging.getLogger("tests.sandbox"),
        client=spec.watched_client(),
    )


@pytest.fixture
def notion(sandbox: SandboxServer, control: Control) -> Iterator[Client]:
    client = connect(sandbox)
    yield client
    client.close()


@pytest.fixture
def raw(sandbox: SandboxServer, control: Control) -> Iterator[httpx.Client]:
    headers = {"Authorization": "Bearer ntn_sandbox_demo", "Notion-Version": "2026-03-11"}
    plain = httpx.HTTPTransport(verify=False)  # reads no certificates
    with httpx.Client(base_url=sandbox.url("notion") + "/v1/", headers=headers, transport=plain) as client:
        yield client


@pytest.fixture
def crm(control: Control) -> dict[str, str]:
    """Table name to data source id."""
    made = control.seed("crm", contacts=30, companies=10, deals=10, tasks=10)
    return {name: ids["data_source_id"] for name, ids in made.items()}


def title(text: str) -> dict[str, Any]:
    return {"title": [{"text": {"content": text}}]}


def parent(source: str) -> dict[str, str]:
    return {"type": "data_source_id", "data_source_id": source}


def plain(page: dict[str, Any], name: str) -> str:
    value = page["properties"][name]
    return "".join(run["plain_text"] for run in value[value["type"]])
