"""A few real records of both sides, to suggest by and to preview with.

The tool's are one page, read once and kept for a few minutes: every edit of a mapping answers at once and costs no call.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from django.core.cache import cache

from crm import registry
from integrations.adapters.base import Adapter, Record
from integrations.models import IntegrationInstance, Stream
from values import Value

KEEP_SECONDS = 300
#: Kept to judge by; a preview shows fewer.
MOST = 50
PREVIEWED = 10


def read(adapter: Adapter, integration: IntegrationInstance, collection: str) -> list[Record]:
    """The first records of a collection, with all fields; from then on they are known. Raises the adapter's errors."""
    page = next(iter(adapter.read(collection, None)), None)
    found = [replace(record, raw=None) for record in (page.records if page else []) if not record.deleted][:MOST]
    cache.set(_key(integration, collection), found, KEEP_SECONDS)
    return found


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
