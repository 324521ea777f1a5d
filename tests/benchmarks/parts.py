"""The parts of the benchmark; each runs in a process of its own and prints one line of JSON."""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable
from typing import Any

import httpx
import orjson

from tests import database
from tests.benchmarks.fairness import fairness
from tests.benchmarks.hooks import hooks
from tests.benchmarks.limits import limits
from tests.benchmarks.planning import plan


def bare(url: str) -> dict[str, float]:
    """Fetch everything page by page and COPY it: what no import can beat."""
    from django.db import connection

    from tests.benchmarks.__main__ import HEADERS

    source = _collection(url)
    with httpx.Client(timeout=60) as client, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE bench_bare (id text, data jsonb)")
        started, seen, since = time.perf_counter(), set(), None
        while True:
            body: dict[str, Any] = {
                "page_size": 100,
                "sorts": [{"timestamp": "created_time", "direction": "ascending"}],
            }
            if since:
                body["filter"] = {"timestamp": "created_time", "created_time": {"on_or_after": since}}
            more = True
            while more:
                answer = client.post(f"{url}/v1/data_sources/{source}/query", headers=HEADERS, json=body)
                page = orjson.loads(answer.content)
                fresh = [row for row in page["results"] if row["id"] not in seen]
                with cursor.copy("COPY bench_bare FROM STDIN") as copy:
                    for row in fresh:
                        copy.write_row((row["id"], orjson.dumps(row["properties"]).decode()))
                seen.update(row["id"] for row in fresh)
                since = page["results"][-1]["created_time"] if page["results"] else since
                more, body["start_cursor"] = page["has_more"], page["next_cursor"]
            if not page.get("request_status"):  # the ceiling of 10,000 results was not what ended it
                return {"seconds": time.perf_counter() - started, "records": len(seen)}


def import_(url: str) -> dict[str, float]:
    """The product's whole first import, then a quiet sync."""
    from django.conf import settings
    from django.db import connection

    from integrations.catalog.models import Provider
    from integrations.models import RecordLink, SyncLog
    from integrations.scheduling import dispatch, due
    from integrations.services import connect, lifecycle, streams

    settings.PROVIDER_BASE_URLS = {"notion": url}
    settings.SLICE_SECONDS = 3600
    Provider.objects.update(requests_per_minute=1_000_000)  # the engine's speed, not Notion's limit
    integration = connect.start("notion")
    connect.connect(integration, {"token": "ntn_sandbox_demo"})
    streams.add(integration, _collection(url), "contact")
    lifecycle.activate(integration)

    def run() -> SyncLog:
        due.ask(integration.pk)
        outcome = dispatch.run_if_due(connection.schema_name, integration.pk)
        log = SyncLog.objects.filter(integration=integration).first()
        if outcome != "done" or log is None:
            raise SystemExit(f"{outcome} {log and log.error_detail}")
        return log

    started = time.perf_counter()
    run()
    seconds = time.perf_counter() - started
    quiet = run()
    return {
        "seconds": seconds,
        "links": RecordLink.objects.count(),
        "quiet_requests": quiet.counts["requests"],
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def tenant(_url: str) -> dict[str, float]:
    from django.core.management import call_command
    from django.db import connection

    from tenants import lifecycle

    connection.set_schema_to_public()
    started = time.perf_counter()
    lifecycle.create_tenant("Bench Two", "bench-two")
    clone = time.perf_counter() - started
    with connection.cursor() as cursor:
        cursor.execute("CREATE SCHEMA bench_migrated")
    started = time.perf_counter()
    call_command("migrate_schemas", schema_name="bench_migrated", interactive=False, verbosity=0)
    return {"clone": clone, "migrate": time.perf_counter() - started}


def dispatch(_url: str) -> dict[str, float]:
    """Ten are due; how long the query takes that finds them, among ten rows and among 10,000 tenants' rows."""
    from django.db import connection, transaction

    from integrations.scheduling import dispatch as dispatching

    def timed() -> float:
        best = 9.0
        for _attempt in range(20):
            with transaction.atomic():
                started = time.perf_counter()
                dispatching.due_now(200)
                best = min(best, time.perf_counter() - started)
                transaction.set_rollback(True)
        return best

    connection.set_schema_to_public()
    with connection.cursor() as cursor:
        _due_rows(cursor, 10, "now() - interval '1 minute'")
        few = timed()
        _due_rows(cursor, 9_990, "now() + interval '1 hour'")
        cursor.execute("ANALYZE public.scheduling_due")
    return {"few": few, "many": timed()}


def _due_rows(cursor: Any, number: int, due_at: str) -> None:
    cursor.execute(
        f"""
        WITH made AS (
            INSERT INTO public.tenants_tenant (schema_name, name, slug, timezone, currency, language, created_at)
            SELECT 'bench_' || gen_random_uuid(), 'Bench', 'b' || gen_random_uuid(), 'UTC', 'EUR', 'en', now()
            FROM generate_series(1, {number}) RETURNING id
        )
        INSERT INTO public.scheduling_due (integration_id, tenant_id, due_at, priority, trigger, fence, holder)
        SELECT gen_random_uuid(), id, {due_at}, 2, 'schedule', 0, '' FROM made
        """
    )


def _collection(url: str) -> str:
    from tests.benchmarks.__main__ import HEADERS

    body = {"filter": {"property": "object", "value": "data_source"}}
    return httpx.post(f"{url}/v1/search", headers=HEADERS, json=body).json()["results"][0]["id"]


PARTS: dict[str, Callable[[str], dict[str, Any]]] = {
    "bare": bare,
    "import": import_,
    "tenant": tenant,
    "dispatch": dispatch,
    "fairness": fairness,
    "plan": plan,
    "hooks": hooks,
    "limits": lambda _url: {"lines": limits()},
}


def main(name: str, port: str) -> None:
    database.prepare()
    import django

    django.setup()
    database.create()
    try:
        from django_tenants.utils import tenant_context

        from tenants.lifecycle import create_tenant

        with tenant_context(create_tenant("Bench", "bench")):
            print(json.dumps(PARTS[name](f"http://127.0.0.1:{port}/notion")))
    finally:
        database.destroy()


if __name__ == "__main__":
    main(*sys.argv[1:3])
