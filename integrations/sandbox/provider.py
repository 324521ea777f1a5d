"""What a provider of the sandbox is, and where they are found.

A provider is one sub-package with a module-level `provider`. It answers calls with plain values; the frame gives it
durable state, faults, a rate limit, a request log, a clock, the control API and the hand-edit pages.
"""

from __future__ import annotations

import importlib
import pkgutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import integrations.sandbox as package
from integrations.sandbox.calls import Answer, Call
from integrations.sandbox.clock import Clock
from integrations.sandbox.faults import Faults, Rule
from integrations.sandbox.hand import Hand
from integrations.sandbox.limits import RateLimit
from integrations.sandbox.requestlog import RequestLog
from integrations.sandbox.state import Store


class World(Protocol):
    """One running provider: its state, and what it says to calls. Everything runs on one thread."""

    hand: Hand
    limit: RateLimit  # put here when the room opens; a world with finer limits looks whether there are any

    def answer(self, call: Call) -> Answer: ...

    def caller(self, call: Call) -> str:
        """Who is counted by the rate limit; empty for nobody."""

    def error(self, rule: Rule) -> Answer:
        """The provider's own body for `rule.status`, or for 429 with `rule.retry_after`."""

    def saved(self, done: Answer) -> Answer:
        """The provider's 'saved, but do not ask for the answer' error, for a write that was done."""

    def reset(self) -> None: ...

    def seed(self, name: str, **sizes: int) -> dict[str, Any]: ...

    def welcome(self) -> list[tuple[str, str]]:
        """What a person needs to connect: label and value (tokens, ids)."""

    def control(self, action: str, body: dict[str, Any]) -> Any:
        """Provider-specific control actions (webhooks, lag); KeyError for an unknown one."""

    async def background(self) -> None:
        """Runs as long as the server (webhook deliveries)."""


class Provider(Protocol):
    slug: str
    name: str
    api: tuple[str, ...]  # path prefixes of the API: only these meet faults, limits and the log
    results_key: str  # where a list answer holds its records
    requests_per_minute: int | None
    # and, where the provider counts in its own way, `limit`: a RateLimit of its own

    def open(self, store: Store, clock: Clock) -> World: ...


@dataclass(slots=True)
class Room:
    """A provider with everything the frame keeps for it."""

    provider: Provider
    world: World
    store: Store
    clock: Clock
    limit: RateLimit
    faults: Faults = field(default_factory=Faults)
    log: RequestLog = field(default_factory=RequestLog)


def find_providers(wanted: list[str] | None = None) -> list[Provider]:
    found = []
    for info in pkgutil.iter_modules(package.__path__):
        if info.ispkg and (wanted is None or info.name in wanted):
            found.append(importlib.import_module(f"{package.__name__}.{info.name}").provider)
    if wanted and (missing := set(wanted) - {provider.slug for provider in found}):
        raise LookupError(f"no such provider in the sandbox: {', '.join(sorted(missing))}")
    return found


def open_room(provider: Provider, data: Path | None, limited: bool = True) -> Room:
    store = Store(data / f"{provider.slug}.sqlite3" if data else None)
    clock = Clock()
    limit = getattr(provider, "limit", RateLimit)(provider.requests_per_minute if limited else None)
    world = provider.open(store, clock)
    world.limit = limit
    return Room(provider, world, store, clock, limit)
