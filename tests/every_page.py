"""Every address of a tenant's host, from the URL conf itself: a page that is new is met without being named anywhere."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver, reverse

from crm import registry
from integrations.services.setup import STEPS
from tests.full_tenant import Full

URLCONF = "config.urls_tenant"
#: By the name of a route, or of the part before a colon.
LEFT_OUT = {
    "api/": "for programs, with tests of their own",
    "set_language": "sets a cookie",
    "practice": "the practice tool itself: what it may hold is bounded",
    "healthz": "for machines",
    "readyz": "for machines",
    "account": "doors for who is signed out, and ways out of the tenant",
    "connections:arrive": "the way back from signing in at a tool, once",
    "connections:plan_csv": "a download of everything, streamed",
    "files:refused": "a download",
    "files:fetch": "a download",
    "notifications:unsubscribe": "by a token in a mail, for who is signed out",
}
#: Asked of each entity, for each has fields of its own.
BY_ENTITY = {"records:detail", "records:edit"}
#: Ways of looking at a page that cost more than the bare one.
ALSO = {
    "records:list": [
        "q=ada",
        "q=7e3",
        "q=nobody-of-this-name",
        "sort=-updated_at",
        "sort=created_at",
        "status=Lead",
        "q=ada&sort=-name",
    ],
    "connections:health": ["list=in_step", "list=left_out", "list=waiting", "list=trouble"],
    "connections:run": ["action=updated", "action=conflict", "q=ada"],
    "connections:plan": ["action=updated", "q=ada"],
    "inbox:list": ["show=settled"],
}


@dataclass(frozen=True)
class Address:
    name: str
    url: str


def routes() -> Iterator[tuple[str, list[str]]]:
    """(name with its namespaces, names of its parameters) of everything on a tenant's host."""
    yield from _walk(get_resolver(URLCONF).url_patterns, "", [])


def why_left_out(name: str) -> str:
    return LEFT_OUT.get(name) or LEFT_OUT.get(name.partition(":")[0], "")


def addresses(full: Full) -> list[Address]:
    """All that is not left out. What takes no GET answers 405; what it is asked about is there."""
    found = []
    for name, parameters in routes():
        if why_left_out(name):
            continue
        for values in _values(name, parameters, full):
            url = reverse(name, urlconf=URLCONF, kwargs=values)
            if name == "inbox:problem":
                aside = full.set_aside
                url += f"?stream={aside.stream_id}&side={aside.side}&code={aside.code}&field={aside.field}&key={aside.cause}"
            found += [Address(name, url), *(Address(name, f"{url}?{query}") for query in ALSO.get(name, []))]
    return found


def _walk(patterns: list[Any], namespace: str, parameters: list[str]) -> Iterator[tuple[str, list[str]]]:
    for pattern in patterns:
        own = [*parameters, *pattern.pattern.converters]
        if str(pattern.pattern) in LEFT_OUT:
            yield str(pattern.pattern), own
        elif isinstance(pattern, URLResolver):
            inner = f"{namespace}{pattern.namespace}:" if pattern.namespace else namespace
            yield from _walk(pattern.url_patterns, inner, own)
        elif isinstance(pattern, URLPattern):
            yield f"{namespace}{pattern.name or pattern.pattern}", own


def _values(name: str, parameters: list[str], full: Full) -> list[dict[str, Any]]:
    """What stands for the parameters: one of each thing that the tenant has. KeyError names what is missing here."""
    area = name.partition(":")[0]
    if "entity" in parameters:
        entities = registry.names() if name in BY_ENTITY or "pk" not in parameters else ["contact"]
        kept = {"view": full.view.pk, "action": full.bulk.pk}
        beginning = name.partition(":")[2].partition("_")[0]
        return [
            {
                one: {
                    "entity": entity,
                    "pk": kept.get(beginning, full.records[entity]),
                    "change": full.change.pk,
                    "name": "phone",
                }[one]
                for one in parameters
            }
            for entity in entities
        ]
    if name == "connections:setup":
        return [{"pk": full.draft.pk, "step": step} for step in STEPS]
    known = {
        "connections": {
            "pk": full.connected.pk,
            "provider": "notion",
            "stream": full.stream.pk,
            "link": full.link.pk,
            "run": full.run.pk,
            "plan": full.plan.pk,
            "what": "read-again",
        },
        "inbox": {"pk": full.set_aside.pk if "set-aside" in _route(name) else full.conflict.pk},
        "settings": {
            "pk": full.delivery.endpoint_id if "webhook" in name else full.field.pk,
            "delivery": full.delivery.pk,
        },
        "files": {"pk": full.imported.pk},
        "notifications": {"pk": 1},
    }
    return [{one: known[area][one] for one in parameters}]


def _route(name: str) -> str:
    return "set-aside" if name in ("inbox:retry", "inbox:retry_one") else ""
