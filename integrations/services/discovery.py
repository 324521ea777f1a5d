"""Looking at a connected tool anew: do the credentials still work, which tables are there, what are their fields now."""

from __future__ import annotations

from integrations.adapters.base import Account, Collection
from integrations.models import IntegrationInstance
from integrations.services import connect, streams
from integrations.services.adapters import open_adapter


def recheck(integration: IntegrationInstance) -> Account:
    """Ask the tool whom the stored credentials belong to. Raises Refused."""
    with streams.words():
        adapter = open_adapter(integration)
    return connect.ask(adapter)


def discover(integration: IntegrationInstance) -> list[Collection]:
    """The tables that the credentials see; paired ones that are still there are described anew. Raises Refused."""
    found = streams.collections(integration)
    there = {collection.id for collection in found}
    for stream in integration.streams.select_related("integration"):
        if stream.collection in there:
            streams.refresh_schema(stream)
    return found
