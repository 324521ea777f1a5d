"""Up to ten real records through a mapping that may not be saved yet: theirs in and out again, ours out and in again.

No edit of the mapping costs a call: the tool's records are kept for a few minutes (`samples`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from crm import registry
from integrations.adapters.base import Record
from integrations.models import Direction, Stream
from integrations.services import roundtrip, samples, streams
from integrations.sync import mapping
from integrations.sync.fields import context, schema_of
from values import Value


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


@dataclass(frozen=True, slots=True)
class Loss:
    """A value that would not come back from the other side as it was. side: where it began, "there" or "here".

    between: what it is on the other side; problem: why it cannot get there at all.
    """

    local: str
    side: str
    record: str
    before: Value
    between: Value = None
    after: Value = None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Preview:
    rows: list[Row]
    losses: list[Loss]


@dataclass(frozen=True, slots=True)
class _Line:
    """One mapping, and which ways it flows."""

    mapped: mapping.Mapped
    comes_in: bool
    goes_out: bool


def forget(stream: Stream) -> None:
    """The collection's fields changed: read its records anew."""
    samples.forget(stream)


def preview(
    stream: Stream,
    entity: registry.Entity,
    wanted: Iterable[Mapping[str, Any]],
    reads_back: roundtrip.ReadsBack | None = None,
) -> Preview:
    """`wanted` as for `streams.set_mappings`; pairs that are not possible are left out. Raises Refused with words."""
    lines, around = list(_lines(stream, entity, wanted)), context()
    theirs = streams.samples_of(stream)[: samples.PREVIEWED]
    reads_back = reads_back or streams.reading_back(stream.integration)
    rows = [Row(record.id, record.url, [_cell(one, record, around, reads_back) for one in lines]) for record in theirs]
    both = [one.mapped for one in lines if one.comes_in and one.goes_out]
    return Preview(rows, [*_lost_there(rows, both), *_lost_here(entity, both, around, reads_back)])


def _lines(stream: Stream, entity: registry.Entity, wanted: Iterable[Mapping[str, Any]]) -> Iterator[_Line]:
    schema = schema_of(stream)
    for one in wanted:
        remote, local, options = schema.field(one["remote"]), entity.fields.get(one["local"]), one.get("options") or {}
        if not remote or not local:
            continue
        allowed = mapping.fit(remote, local, options).directions
        if allowed:
            direction = one.get("direction") or allowed[0]
            ready = mapping.compile_mapping(local, remote, direction, options)
            comes_in = direction != Direction.EXPORT and ("both" in allowed or "import" in allowed)
            goes_out = direction != Direction.IMPORT and ("both" in allowed or "export" in allowed)
            yield _Line(ready, comes_in, goes_out)


def _cell(line: _Line, record: Record, around: mapping.Context, reads_back: roundtrip.ReadsBack) -> Cell:
    mapped = line.mapped
    if mapped.remote.id in record.unfit:
        return Cell(mapped.name, None, problem=record.unfit[mapped.remote.id])
    there = record.values.get(mapped.remote.id)
    if not line.comes_in:
        return Cell(mapped.name, there, back=there)
    trip = roundtrip.from_there(mapped, there, around, reads_back, line.goes_out)
    return Cell(mapped.name, there, trip.between, trip.after, trip.survives, trip.waits, trip.problem)


def _lost_there(rows: Iterable[Row], both: Iterable[mapping.Mapped]) -> Iterator[Loss]:
    two_way = {mapped.name for mapped in both}
    for row in rows:
        for cell in row.cells:
            if cell.local in two_way and not cell.survives:
                yield Loss(cell.local, "there", row.remote_id, cell.there, cell.here, cell.back)


def _lost_here(
    entity: registry.Entity, both: list[mapping.Mapped], around: mapping.Context, reads_back: roundtrip.ReadsBack
) -> Iterator[Loss]:
    if not both:
        return
    for record_id, held in samples.ours(entity):
        for mapped in both:
            trip = roundtrip.from_here(mapped, held[mapped.name], around, reads_back)
            if trip.problem or not trip.survives:
                yield Loss(mapped.name, "here", record_id, trip.before, trip.between, trip.after, trip.problem)
