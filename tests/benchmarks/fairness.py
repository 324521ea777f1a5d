"""Fifty small tenants, first alone, then beside one tenant's first import of 100,000 records: how much longer do they wait?

A worker process as `make run` has it does the work; the sandbox answers over HTTP. Small tenants ask for a run, all at once and
then one after the other, and the time from asking to done is taken; alone and beside the import by turns, on one machine in one
run, so that the ratio says something.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
TENANTS = int(os.environ.get("BENCH_TENANTS", "50"))
PATIENCE = 600
ROUNDS, SINGLES = 4, 12


def fairness(url: str) -> dict[str, Any]:
    from django.conf import settings
    from django.db import connection

    from integrations.catalog.models import Provider

    connection.set_schema_to_public()
    settings.PROVIDER_BASE_URLS = {"notion": url}
    Provider.objects.update(requests_per_minute=1_000_000)  # our own fairness, not Notion's limit
    small = [_tenant(number, url) for number in range(TENANTS)]
    big = _tenant(TENANTS, url, bulk=True, start=False)
    worker = _worker(url)
    try:
        _until(lambda: all(_runs(one) for one in small))  # their first imports are over
        _latency(small)  # everything is warm
        alone, beside, imported = _Times(), _Times(), 0
        for _round in range(ROUNDS):  # by turns, so that what else the machine does meets both alike
            alone.measure(small)
            before = _links(big)
            _begin(big)
            _until(lambda before=before: _links(big) > before + 500)
            beside.measure(small)
            imported += _links(big) - before
            whole = _runs(big)
            _pause(big)
    finally:
        worker.terminate()
        worker.wait()
    if whole:
        raise SystemExit("the import was over before the small ones were measured: give it more records")
    return {"alone": alone.summary(), "beside": beside.summary(), "imported": imported}


class _Times:
    """Seconds from asking to done. crowd: all ask at once; single: one after the other."""

    def __init__(self) -> None:
        self.crowd: list[float] = []
        self.single: list[float] = []

    def measure(self, small: list) -> None:
        self.crowd += _latency(small)
        self.single += [_latency([one])[0] for one in small[:SINGLES]]

    def summary(self) -> dict[str, dict[str, float]]:
        return {"crowd": _summary(self.crowd), "single": _summary(self.single)}


def _summary(seconds: list[float]) -> dict[str, float]:
    return {"median": statistics.median(seconds), "p95": statistics.quantiles(seconds, n=20)[-1]}


def _latency(some: list) -> list[float]:
    from django_tenants.utils import tenant_context

    from integrations.scheduling import due
    from integrations.scheduling.models import Due
    from integrations.scheduling.tasks import wake_on_commit

    asked: dict[Any, float] = {}
    for tenant, integration in some:
        with tenant_context(tenant):
            asked[integration] = time.perf_counter()
            due.ask(integration)
            wake_on_commit(integration)
    took: dict[Any, float] = {}
    until = time.monotonic() + PATIENCE
    while len(took) < len(asked) and time.monotonic() < until:
        waits = [pk for pk in asked if pk not in took]
        done = Due.objects.filter(pk__in=waits, leased_until=None, trigger="schedule").values_list("pk", flat=True)
        took |= {pk: time.perf_counter() - asked[pk] for pk in done}
        time.sleep(0.005)
    if len(took) < len(asked):
        raise SystemExit("some runs never ended")
    return list(took.values())


# --- the cast ---------------------------------------------------------------------------------------------------------


def _tenant(number: int, url: str, bulk: bool = False, start: bool = True) -> tuple:
    from django_tenants.utils import tenant_context

    from integrations.services import connect, lifecycle, streams
    from tenants.lifecycle import create_tenant

    tenant = create_tenant(f"Bench {number}", f"bench-{number}")
    with tenant_context(tenant):
        integration = connect.start("notion")
        connect.connect(integration, {"token": "ntn_sandbox_demo"})
        found = {one.name: one.id for one in streams.collections(integration)}
        name = next(one for one in found if ("Bulk" in one) == bulk and (bulk or one == "Contacts"))
        streams.add(integration, found[name], "contact", direction="import")
        lifecycle.set_frequency(integration, "manual")
        if start:
            lifecycle.activate(integration)
    return tenant, integration.pk


def _begin(one: tuple) -> None:
    from django_tenants.utils import tenant_context

    from integrations.models import IntegrationInstance
    from integrations.services import lifecycle

    with tenant_context(one[0]):
        lifecycle.activate(IntegrationInstance.objects.get(pk=one[1]))


def _pause(one: tuple) -> None:
    from django_tenants.utils import tenant_context

    from integrations.models import IntegrationInstance
    from integrations.scheduling.models import Due
    from integrations.services import lifecycle

    with tenant_context(one[0]):
        lifecycle.pause(IntegrationInstance.objects.get(pk=one[1]))
    _until(lambda: Due.objects.filter(pk=one[1], leased_until=None).exists())


def _links(one: tuple) -> int:
    from django_tenants.utils import tenant_context

    from integrations.models import RecordLink

    with tenant_context(one[0]):
        return RecordLink.objects.count()


def _runs(one: tuple) -> int:
    from django_tenants.utils import tenant_context

    from integrations.models import SyncLog

    with tenant_context(one[0]):
        return SyncLog.objects.filter(state="done").count()


def _until(true: Any) -> None:
    """Wait, as beat would, dispatching what is due."""
    from integrations.scheduling import dispatch

    until = time.monotonic() + PATIENCE
    while not true():
        if time.monotonic() > until:
            raise SystemExit("it takes too long")
        dispatch.dispatch()
        time.sleep(0.2)


def _worker(url: str) -> subprocess.Popen[bytes]:
    from tenants.management.commands.run import WORKER

    environment = {**os.environ, "PROVIDER_BASE_URLS": f"notion={url}", "LOG_LEVEL": "WARNING"}
    command = [sys.executable, "-W", "ignore", "-m", "celery", "-q", "-A", "config", "worker", *WORKER.split()]
    return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=sys.stderr)
