"""What a plan of a first import costs beside the import itself: time and memory to make it, to carry it out, to download it."""

from __future__ import annotations

import resource
import time
from typing import Any


def plan(url: str) -> dict[str, Any]:
    from django.conf import settings
    from django.db import connection

    from integrations.catalog.models import Provider
    from integrations.models import RecordLink, SyncLog
    from integrations.scheduling import dispatch
    from integrations.services import connect, plans, streams
    from tests.benchmarks.parts import _collection

    settings.PROVIDER_BASE_URLS = {"notion": url}
    settings.SLICE_SECONDS = 3600
    Provider.objects.update(requests_per_minute=1_000_000)
    integration = connect.start("notion")
    connect.connect(integration, {"token": "ntn_sandbox_demo"})
    streams.add(integration, _collection(url), "contact")
    started = time.perf_counter()
    made = plans.ask(integration, "Bench")
    if (outcome := plans.make(made.pk)) != "ready":
        raise SystemExit(outcome)
    seconds, peak = time.perf_counter() - started, _peak()
    started = time.perf_counter()
    rows = sum(text.count("\r\n") for text in plans.download(made))
    download = time.perf_counter() - started
    made.refresh_from_db()
    started = time.perf_counter()
    plans.approve(made, "Bench")
    outcome = dispatch.run_if_due(connection.schema_name, integration.pk)
    run = SyncLog.objects.filter(integration=integration).first()
    if outcome != "done":
        raise SystemExit(f"{outcome} {run and run.error_detail}")
    return {
        "seconds": seconds,
        "peak_mb": peak,
        "lines": made.lines.count(),
        "rows": rows,
        "download": download,
        "carried_out": time.perf_counter() - started,
        "links": RecordLink.objects.count(),
        "left_out": made.lines.filter(outcome="left_out").count(),
        "peak_after_mb": _peak(),
    }


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
