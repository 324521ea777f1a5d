"""What can be told, and in which words. The triggers of migration 0001 write these; ids, names and counts only, never values."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import orjson
from django.conf import settings
from django.db import connection
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from integrations.outgoing.models import Event

TEST = "webhook.test"

#: Name -> when it is told, for people.
EVENTS = {
    "run.finished": _("A sync finished, or was cancelled"),
    "run.failed": _("A sync failed"),
    "conflict.opened": _("A conflict waits for a person"),
    "conflict.settled": _("A conflict was settled, by a rule or by a person"),
    "record.set_aside": _("A record was set aside"),
    "integration.paused": _("A person paused a connection"),
    "integration.failing": _("A connection has been failing for a day"),
    "integration.stopped": _("A connection stopped and needs a person"),
    "integration.recovered": _("A connection works again"),
}


def body_of(event: Event) -> str:
    """What is sent. Made once, so that every attempt carries the same bytes."""
    if not event.body:
        body = {"type": event.type, "timestamp": _time(event.at), "data": _data(event)}
        event.body = orjson.dumps(body).decode()
        Event.objects.filter(pk=event.pk).update(body=event.body)
    return event.body


def _data(event: Event) -> dict[str, Any]:
    data = dict(event.data)
    if "counts" in data:  # those with a colon are the brake's own
        data["counts"] = {name: number for name, number in data["counts"].items() if ":" not in name}
    data["organisation"] = {"name": connection.tenant.name, "url": connection.tenant.url}
    if links := LINKS.get(event.type):
        data["links"] = {name: connection.tenant.url + path for name, path in links(data).items()}
    return data


def _time(at: dt.datetime) -> str:
    return at.astimezone(dt.UTC).isoformat().replace("+00:00", "Z")


def _run(data: dict[str, Any]) -> dict[str, str]:
    run = data["run"]["id"]
    return {"page": _page("connections:run", data["integration"]["id"], run), "api": f"/api/v1/runs/{run}"}


def _conflict(data: dict[str, Any]) -> dict[str, str]:
    state = "open" if data["state"] == "open" else "settled"
    return {"page": _page("inbox:list"), "api": f"/api/v1/conflicts?state={state}&stream={data['stream']['id']}"}


def _set_aside(data: dict[str, Any]) -> dict[str, str]:
    stream = data["stream"]["id"]
    page = _page("connections:health", data["integration"]["id"], stream)
    return {"page": page, "api": f"/api/v1/set-aside?stream={stream}"}


def _integration(data: dict[str, Any]) -> dict[str, str]:
    pk = data["integration"]["id"]
    return {"page": _page("connections:detail", pk), "api": f"/api/v1/integrations/{pk}"}


def _page(name: str, *args: str) -> str:
    return reverse(name, args=args, urlconf=settings.ROOT_URLCONF)


LINKS: dict[str, Callable[[dict[str, Any]], dict[str, str]]] = {
    "run.finished": _run,
    "run.failed": _run,
    "conflict.opened": _conflict,
    "conflict.settled": _conflict,
    "record.set_aside": _set_aside,
    **dict.fromkeys((name for name in EVENTS if name.startswith("integration.")), _integration),
}
