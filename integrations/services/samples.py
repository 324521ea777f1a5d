"""A few real records of both sides, to suggest by and to preview with.

The tool's are its first ones, read once and kept for a few minutes: every edit of a mapping answers at once and costs no call.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import Any

from django.core.cache import cache

from crm import registry
from integrations.adapters.base import Adapter, Record
from integrations.models import IntegrationInstance, Stream
from values import Value

KEEP_SECONDS = 300
SIZE_SECONDS = 3600
#: Kept to judge by; a preview shows fewer.
MOST = 100
PREVIEWED = 10


@dataclass(frozen=True, slots=True)
class Size:
    """How many records a collection has. is_exact: False where there are more than could be seen at once."""

    records: int
    is_exact: bool = True


def read(adapter: Adapter, integration: IntegrationInstance, collection: str) -> list[Record]:
    """The first records of a collection, with all fields; from then on they are known. Raises the adapter's errors."""
    there: list[Record] = []
    is_whole = False
    for page in adapter.read(collection, None):
        there += [record for record in page.records if not record.deleted]
        is_whole = page.whole
        if is_whole or len(there) >= MOST:
            break  # a small page need not be the last: some tools tell that with an empty one
    found = [replace(record, raw=None) for record in there[:MOST]]
    cache.set(_key(integration, collection), found, KEEP_SECONDS)
    if is_whole or size(integration, collection) is None:
        keep_size(integration, collection, Size(len(there), is_whole))
    return found


def size(integration: IntegrationInstance, collection: str) -> Size | None:
    """Without asking the tool; None where nobody has looked lately."""
    found: Size | None = cache.get(_size_key(integration, collection))
    return found


def keep_size(integration: IntegrationInstance, collection: str, found: Size) -> None:
    cache.set(_size_key(integration, collection), found, SIZE_SECONDS)


def known(integration: IntegrationInstance, collection: str) -> list[Record] | None:
    """Without asking the tool; None where they would have to be read."""
    found: list[Record] | None = cache.get(_key(integration, collection))
    return found


def forget(stream: Stream) -> None:
    """The collection's fields changed: read its records anew."""
    cache.delete(_key(stream.integration, stream.collection))


def ours(entity: registry.Entity, limit: int = PREVIEWED) -> list[tuple[str, dict[str, Value]]]:
    """(id, {field: value}) of the newest records here."""
    people = registry.People()
    readers = {name: registry.reader(described, people) for name, described in entity.fields.items()}
    ids = [str(pk) for pk in entity.model._default_manager.order_by("-pk").values_list("pk", flat=True)[:limit]]
    rows: dict[str, Any] = registry.rows(entity, ids)
    return [(pk, {name: read(rows[pk]) for name, read in readers.items()}) for pk in ids if pk in rows]


def _key(integration: IntegrationInstance, collection: str) -> str:
    return f"samples:{integration.pk}:{collection}"


def _size_key(integration: IntegrationInstance, collection: str) -> str:
    name = hashlib.sha256(f"{integration.account_id} {collection}".encode()).hexdigest()[:24]
    return f"size:{integration.pk}:{name}"
