"""How long a tool waits for the answer to its call, beside an address that does nothing, over HTTP in one run."""

from __future__ import annotations

import http.client
import statistics
import time
from typing import Any

CALLS, CONNECTIONS = 300, 1_000


def hooks(_url: str) -> dict[str, float]:
    """Seconds at the median and the 95th percentile, with a thousand connections that other accounts have made."""
    from django.conf import settings

    from integrations.catalog.models import Provider
    from tests.clients import serve
    from tests.integrations.webhooks.calls import SECRET, event, signed

    _connections()
    provider = Provider.objects.get(slug="notion")
    provider.hook_secret = SECRET
    provider.save()
    bodies = [event(f"event-{number}", collection=f"table-{number}") for number in range(CALLS)]
    with serve() as port:
        host = {"Host": settings.PUBLIC_HOST}
        door = f"127.0.0.1:{port}"
        nothing = [_took(door, "GET", "/healthz", None, host) for _body in bodies]
        named = [
            (body, host | {"X-Notion-Signature": signed(body), "Content-Type": "application/json"}) for body in bodies
        ]
        calls = [_took(door, "POST", "/hooks/notion/", body, headers) for body, headers in named]
    return {
        "nothing": statistics.median(nothing[10:]),
        "median": statistics.median(calls[10:]),
        "p95": statistics.quantiles(calls[10:], n=20)[-1],
    }


def _took(door: str, method: str, path: str, body: bytes | None, headers: dict[str, Any]) -> float:
    started = time.perf_counter()
    connection = http.client.HTTPConnection(door)  # a new one each time, as tools do
    connection.request(method, path, body, headers)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    took = time.perf_counter() - started
    if answer.status != 200:
        raise SystemExit(f"{method} {path}: {answer.status}")
    return took


def _connections() -> None:
    from django.db import connection

    from crm.fields import new_id
    from integrations.webhooks.models import Subscription

    home = connection.tenant
    Subscription.objects.bulk_create(
        Subscription(
            tenant=home,
            integration_id=new_id(),
            provider="notion",
            account_id=f"workspace-{number // 10}",
            collection=f"table-{number}",
        )
        for number in range(CONNECTIONS)
    )
