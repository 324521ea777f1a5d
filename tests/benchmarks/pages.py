"""`python -m tests.benchmarks pages`: what every page costs on a tenant with 100,000 records, beside a page that does nothing.

Server time: Django's test client, in this process, as the signed-in owner; a database of its own, the sandbox in a thread. A
number after `pages` is another number of contacts, a word after that a part of the address. A page that asks the tool waits for
its answer, too; these are marked, for that time is the tool's.
"""

from __future__ import annotations

import logging
import statistics
import sys
import time
from dataclasses import dataclass
from typing import Any

from tests import database

TIMES = 15
PATIENCE_SECONDS = 3.0  # a slow page is asked less often, five times at least
LIMIT_MS = 100


@dataclass(frozen=True)
class Cost:
    name: str
    url: str
    status: int
    median: float
    p95: float
    cpu: float  # of Python, in ms; the rest is the database's, and whoever else is on the machine
    queries: int
    size: int
    asked: int  # requests to the tool
    slowest: tuple[float, str]  # query


def pages(contacts: int = 100_000, only: str = "") -> list[str]:
    database.prepare()
    import django

    django.setup()
    from config import wsgi  # noqa: F401  the process is set up as a web server's

    database.create()
    try:
        return _report(contacts, only)
    finally:
        database.destroy()


def _report(contacts: int, only: str) -> list[str]:
    from django.conf import settings
    from django.db import connection
    from django_tenants.utils import tenant_context

    from integrations.sandbox.server import SandboxServer
    from tenants.lifecycle import create_tenant
    from tenants.models import User
    from tests import every_page
    from tests.clients import HostClient
    from tests.full_tenant import Sizes, fill

    server = SandboxServer()
    settings.PROVIDER_BASE_URLS = {slug: server.url(slug) for slug in ("notion", "hubspot")}
    settings.ALLOWED_HOSTS, settings.DEBUG = ["*"], False
    try:
        for slug in settings.PROVIDER_BASE_URLS:
            server.control.of(slug).seed("crm", contacts=20, companies=4, deals=3, tasks=2)
        owner = User.objects.create_user("owner@bench.example", name="Olga")
        tenant = create_tenant("Bench", "bench", owner)
        with tenant_context(tenant):
            began = time.perf_counter()
            full = fill(tenant, owner, Sizes.of(contacts))
            with connection.cursor() as cursor:
                cursor.execute("VACUUM ANALYZE")  # as autovacuum does within a minute or two
            lines = [f"{contacts:,} contacts, filled in {time.perf_counter() - began:.0f} s; {TIMES} times each"]
            logging.disable()  # of those that take no GET
            client = HostClient(tenant, raise_request_exception=False)
            client.force_login(owner)
            wanted = [one for one in every_page.addresses(full) if only in one.url]
            found = [measure(client, one, server) for one in [every_page.Address("(a bare page)", "/healthz"), *wanted]]
        return lines + _lines(found) + _left_out(every_page)
    finally:
        server.stop()


def measure(client: Any, address: Any, server: Any) -> Cost:
    from django.db import connection

    controls = [server.control.of(slug) for slug in ("notion", "hubspot")]
    asked: list[tuple[float, str]] = []

    def wrapper(execute: Any, sql: str, parameters: Any, many: bool, context: Any) -> Any:
        began = time.perf_counter()
        try:
            return execute(sql, parameters, many, context)
        finally:
            asked.append(((time.perf_counter() - began) * 1000, sql))

    client.get(address.url)  # warm: templates are compiled, what is kept is kept
    with connection.execute_wrapper(wrapper):
        answer = client.get(address.url)
        size = sum(map(len, answer.streaming_content)) if answer.streaming else len(answer.content)
    times, cpu, before = [0.0], 0.0, sum(control.log(1)["total"] for control in controls)
    if answer.status_code == 200:
        times, since, cpu = [], time.perf_counter(), time.process_time()
        while len(times) < TIMES and (len(times) < 5 or time.perf_counter() - since < PATIENCE_SECONDS):
            began = time.perf_counter()
            client.get(address.url)
            times.append((time.perf_counter() - began) * 1000)
        cpu = (time.process_time() - cpu) * 1000 / len(times)
    told = (sum(control.log(1)["total"] for control in controls) - before) // len(times)
    times.sort()
    slowest = max(asked, default=(0.0, ""))
    return Cost(
        address.name,
        address.url,
        answer.status_code,
        statistics.median(times),
        times[min(len(times) - 1, round(0.95 * len(times)))],
        cpu,
        len(asked),
        size,
        told,
        slowest,
    )


def _lines(found: list[Cost]) -> list[str]:
    lines = [f"{'median':>9} {'p95':>9} {'Python':>9} {'queries':>7} {'kB':>6}  address"]
    shown = [one for one in found if one.status == 200]
    for one in sorted(shown, key=lambda cost: -cost.median):
        note = f" (asks the tool {one.asked}×)" if one.asked else ""
        costs = f"{one.median:6.1f} ms {one.p95:6.1f} ms {one.cpu:6.1f} ms {one.queries:7} {one.size / 1000:6.1f}"
        lines.append(f"{costs}  {one.name}  {one.url}{note}")
        if one.median > LIMIT_MS and one.slowest[0] > LIMIT_MS / 5:
            lines.append(f"{'':11}its slowest query: {one.slowest[0]:.0f} ms: {' '.join(one.slowest[1].split())[:400]}")
    over = [one for one in shown if one.median > LIMIT_MS and not one.asked]
    lines.append(f"{len(shown)} pages, {len(over)} over {LIMIT_MS} ms at the median")
    others: dict[int, list[str]] = {}
    for one in found:
        if one.status != 200:
            others.setdefault(one.status, []).append(one.name)
    words = {302: "lead on", 303: "lead on", 405: "take no GET", 404: "NOT FOUND", 500: "FAIL", 400: "want more"}
    return lines + [
        f"{status} {words.get(status, '')}: {', '.join(sorted(set(names)))}" for status, names in others.items()
    ]


def _left_out(every_page: Any) -> list[str]:
    names = {name for name, _parameters in every_page.routes()}
    by_reason: dict[str, list[str]] = {}
    for name in sorted(names):
        if why := every_page.why_left_out(name):
            by_reason.setdefault(why, []).append(name)
    return ["left out:"] + [
        f"  {', '.join(found[:6])}{' …' if found[6:] else ''}: {why}" for why, found in by_reason.items()
    ]


def main(arguments: list[str]) -> None:
    contacts = int(arguments[0]) if arguments else 100_000
    for line in pages(contacts, arguments[1] if arguments[1:] else ""):
        sys.stdout.write(line + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
