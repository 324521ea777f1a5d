"""The adapters of this installation, each in its harness."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from integrations.adapters.base import Adapter, Capabilities
from integrations.adapters.registry import adapters
from tests.contract.harness import SandboxHarness


def brought(slug: str) -> type[SandboxHarness] | None:
    """The harness of an adapter, if its author has written one."""
    if not (Path(__file__).parent / f"harness_{slug}.py").exists():
        return None
    return importlib.import_module(f"tests.contract.harness_{slug}").harness


@pytest.fixture(scope="module", params=sorted(adapters()))
def _running(request: pytest.FixtureRequest) -> Iterator[SandboxHarness]:
    found = brought(request.param)
    if found is None:
        pytest.fail(f"{request.param} has no tests/contract/harness_{request.param}.py: see docs/adding-a-provider.md")
    with ExitStack() as stack:
        if found.needs_database:
            request.getfixturevalue("django_db_setup")
            stack.enter_context(request.getfixturevalue("django_db_blocker").unblock())
        one = found()
        yield one
        one.stop()


@pytest.fixture
def tool(_running: SandboxHarness) -> Iterator[SandboxHarness]:
    """The provider with three records in its collection."""
    _running.reset()
    yield _running
    _running.disconnect()


@pytest.fixture
def adapter(tool: SandboxHarness) -> Adapter:
    return tool.connect()


@pytest.fixture
def collection(tool: SandboxHarness, adapter: Adapter) -> str:
    return tool.collection(adapter)


@pytest.fixture
def needs(adapter: Adapter) -> Callable[..., Any]:
    """needs(can.delete, "delete"): leave a test out when the adapter does not declare what it is about."""

    def check(declared: Any, capability: str) -> Any:
        if not declared:
            pytest.skip(f"does not declare: {capability}")
        return declared

    return check


@pytest.fixture
def can(adapter: Adapter) -> Capabilities:
    return adapter.manifest.can
