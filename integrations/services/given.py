"""Keys that nobody has to enter: for tools that this installation gives itself (`Auth.kind` "given").

Whoever serves such a tool registers a giver when the application starts; nothing here knows which there are.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from integrations.models import IntegrationInstance


class NoRoom(Exception):
    """There is no more for this tenant."""


class Giver(Protocol):
    def give(self, integration: IntegrationInstance) -> Mapping[str, str]:
        """New credentials for this connection, seen by other processes at once; those before go on. Raises NoRoom."""

    def taken(self, integration: IntegrationInstance, credentials: Mapping[str, str]) -> None:
        """These were found good and are the connection's from now on: all others of it end."""

    def take_back(self, integration: IntegrationInstance, clear: bool) -> None:
        """The connection goes. clear: and with it everything that stands there."""

    def url(self, integration: IntegrationInstance) -> str:
        """Where a person looks at the other side: a path on the tenant's host; "" where there is none."""


_givers: dict[str, Giver] = {}


def register(provider: str, giver: Giver) -> None:
    _givers[provider] = giver


def giver_of(provider: str) -> Giver | None:
    return _givers.get(provider)


def providers() -> list[str]:
    return list(_givers)


def url(integration: IntegrationInstance) -> str:
    giver = giver_of(integration.provider)
    return giver.url(integration) if giver else ""
