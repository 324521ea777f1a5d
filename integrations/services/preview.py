"""Up to ten real records through a mapping that may not be saved yet, there to here and back.

The records are read once and kept for a few minutes, so that every edit of the mapping answers at once and costs no call.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any

from django.core.cache import cache

from crm import registry
from integrations.adapters.base import Record
from integrations.models import Direction, Stream
from integrations.services import streams
from integrations.services.adapters import open_adapter
from integrations.sync import mapping
from integrations.sync.fields import context, schema_of
from integrations.sync.merge import Waiting
from values import Unfit, Value

KEEP_SECONDS = 300


@dataclass(frozen=True, slots=True)
class Cell:
    """One value. back: how `here` would read there; `survives`: whether that is what stands there now."""

    local: str
    there: Value
    here: Value = None
    back: Value = None
    survives: bool = True
    waits: bool = False
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    remote_id: str
    url: str
    cells: list[Cell]


def samples(stream: Stream) -> list[Record]:
    """The first records of the collection, with all fields. Raises Refused with words."""
    key = _key(stream)
    found = cache.get(key)
    if found is None:
        with streams.words(), closing(open_adapter(stream.integration)) as adapter:
            page = next(iter(adapter.read(stream.collection, None)), None)
        records = page.records if page else []
        found = [replace(record, raw=None) for record in records if not record.deleted][: streams.PREVIEW_LIMIT]
        cache.set(key, found, KEEP_SECONDS)
    return found


def forget(stream: Stream) -> None:
    """The collection's fields changed: read its records anew."""
    cache.delete(_key(stream))


def preview(stream: Stream, entity: registry.Entity, wanted: Iterable[Mapping[str, Any]]) -> list[Row]:
    """`wanted` as for `streams.set_mappings`; pairs that are not possible are left out."""
    schema, around = schema_of(stream), context()
    mapped = []
    for one in wanted:
        remote, local = schema.field(one["remote"]), entity.fields.get(one["local"])
        if remote and local and mapping.fit(remote, local).possible:
            ready = mapping.compile_mapping(local, remote, Direction.BOTH, one.get("options") or {})
            mapped.append((ready, one.get("direction") != Direction.IMPORT and not remote.read_only))
    return [
        Row(record.id, record.url, [_cell(one, record, around, goes_out) for one, goes_out in mapped])
        for record in samples(stream)
    ]


def _cell(mapped: mapping.Mapped, record: Record, around: mapping.Context, goes_out: bool) -> Cell:
    if mapped.remote.id in record.unfit:
        return Cell(mapped.name, None, problem=record.unfit[mapped.remote.id])
    there = record.values.get(mapped.remote.id)
    try:
        here = mapped.to_local(there, None, around)
        if isinstance(here, Waiting):
            return Cell(mapped.name, there, waits=True)
        back = mapped.to_remote(here, there, around) if goes_out else there
    except Unfit as error:
        return Cell(mapped.name, there, problem=str(error))
    if isinstance(back, Waiting):
        return Cell(mapped.name, there, here, waits=True)
    return Cell(mapped.name, there, here, back, _agree(there, back))


def _agree(there: Value, back: Value) -> bool:
    """Whether the way back gives what was there; an unset check box is an unchecked one, {amount} alone is that amount."""
    if isinstance(back, dict) and "amount" in back and not isinstance(there, dict):
        back = back["amount"]
    return (there or None) == (back or None)


def _key(stream: Stream) -> str:
    return f"samples:{stream.pk}"
