"""Whatever asks a tool, it asks in the bucket of its account: the wizard, before it knows whose key it is, and every worker."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings

from integrations.services import connect, lifecycle, setup, streams
from integrations.services.adapters import fills, limiter

KEY = "pat-eu1-sandbox-demo"
SECONDS = 12  # HubSpot's window, and a little


@pytest.fixture
def hubspot(sandbox: Any, settings: Any) -> Iterator[Any]:
    """With a few contacts, and its limits enforced: 100 requests in ten seconds, 5 searches a second."""
    control = sandbox.control.of("hubspot")
    control.reset()
    control.seed("crm", contacts=12, companies=4, deals=3, tasks=2)
    settings.PROVIDER_BASE_URLS = {"hubspot": sandbox.url("hubspot")}
    control.limit(600)  # the finer ones are enforced with it
    limiter().store.reset()
    control.clear_log()
    yield control
    control.limit(None)


def test_what_the_first_step_asks_counts_for_the_account(tenant: Any, hubspot: Any) -> None:
    for _ in range(3):
        connect.check("hubspot", {"token": KEY})
    made = setup.create("hubspot", "HubSpot", {"token": KEY})
    streams.collections(made)
    with pytest.raises(connect.Refused):
        connect.check("hubspot", {"token": "pat-eu1-nobody"})
    asked = sum(entry["caller"] != "" and entry["status"] == 200 for entry in hubspot.log()["entries"])
    assert asked > 4
    assert [fill.used for fill in fills(made)] == [asked, asked]


@pytest.mark.slow
def test_a_wizard_and_two_workers_are_never_refused(
    live_tenant: Any, live_environment: dict[str, str], hubspot: Any
) -> None:
    """All within one window, which is used up: a single request that nobody had counted would be the 101st."""
    workers = [_worker(live_environment) for _ in range(2)]
    try:
        for worker in workers:
            assert worker.stdout and worker.stdout.readline() == "ready\n"
        began = time.time()
        for _ in range(8):
            connect.check("hubspot", {"token": KEY})
        made = setup.create("hubspot", "HubSpot", {"token": KEY})
        table = next(one for one in streams.collections(made) if one.id == "contacts")
        streams.add(made, table.id, "contact")
        lifecycle.activate(made)
        told = f"{live_tenant.schema_name} {made.pk} {table.id} {began + SECONDS}\n"
        for worker in workers:  # both begin when both have been told
            assert worker.stdin
            worker.stdin.write(told)
            worker.stdin.flush()
        for worker in workers:
            worker.communicate(timeout=60)
        assert [worker.returncode for worker in workers] == [0, 0]
    finally:
        for worker in workers:
            worker.kill()
            worker.wait()
    log = hubspot.log()
    assert "429" not in log["by_status"]
    assert log["total"] > 100


def _worker(environment: dict[str, str]) -> subprocess.Popen[str]:
    urls = ",".join(f"{slug}={url}" for slug, url in settings.PROVIDER_BASE_URLS.items())
    return subprocess.Popen(
        [sys.executable, "-m", "tests.integrations.services.asking"],
        cwd=settings.BASE_DIR,
        env=environment | {"PROVIDER_BASE_URLS": urls},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
