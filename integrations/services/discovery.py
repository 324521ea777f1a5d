"""Looking at a connected tool anew: do the credentials still work, which tables are there, how large, with which fields."""

from __future__ import annotations

from contextlib import closing

from integrations.adapters.base import Account, Collection
from integrations.models import IntegrationInstance
from integrations.services import connect, samples, streams
from integrations.services.adapters import open_adapter
from integrations.services.samples import Size


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


def size(integration: IntegrationInstance, collection: str) -> Size:
    """How many records a table has: as the tool counts them, or as many as one page holds. Asked once an hour. Raises Refused."""
    if found := samples.size(integration, collection):
        return found
    with streams.words(), closing(open_adapter(integration)) as adapter:
        counted = adapter.count(collection)
        if counted is None:
            samples.read(adapter, integration, collection)
        else:
            samples.keep_size(integration, collection, Size(counted))
    return samples.size(integration, collection) or Size(0, is_exact=False)
