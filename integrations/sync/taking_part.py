"""Which pairs travel. One that is left out keeps its bases, so that it is merged three-way when it takes part again.

Who leaves a pair out: a filter on either side, a person, the ping-pong breaker. A filter is asked at every look at the pair;
the other two end when a person says so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from django.utils import timezone

import values
from crm import registry
from integrations.adapters.base import Record
from integrations.models import LeftOut, LinkState, RecordLink
from integrations.sync import filters
from integrations.sync.fields import schema_of
from integrations.sync.merge import Waiting
from integrations.sync.tables import Link
from values import UNSEEN, Type, Unfit, Value

if TYPE_CHECKING:
    from integrations.sync.apply import Batch
    from integrations.sync.store import Store

#: Only a person ends these.
BY_HAND = (LeftOut.PAUSED, LeftOut.PING_PONG)
#: Decided anew whenever our record is looked at.
BY_RULE = (LeftOut.FILTER, LeftOut.NO_MATCH)


class Filters:
    """A stream's filters, ready to run."""

    def __init__(self, store: Store) -> None:
        kept, zone = store.stream.filters or {}, store.around.zone
        self.kept = kept
        there = {field.id: field.type for field in schema_of(store.stream).fields} if kept.get("there") else {}
        fields = store.entity.fields
        self.there = filters.compiled(kept.get("there") or (), there | {filters.CREATED: Type.DATETIME}, zone)
        self.here = filters.compiled(kept.get("here") or (), {name: f.type for name, f in fields.items()}, zone)
        self.readers = {
            test.field: registry.reader(fields[test.field], store.people) for test in self.here if test.field in fields
        }

    def __bool__(self) -> bool:
        return bool(self.here or self.there)

    @property
    def remote_fields(self) -> list[str]:
        return filters.remote_fields(self.kept)

    def inside_here(self, row: registry.Row) -> bool:
        return bool(filters.passes(self.here, lambda name: self.readers[name](row) if name in self.readers else None))

    def inside_there(self, record: Record) -> bool | None:
        """None: what the filter asks for was not told."""
        return filters.passes(self.there, lambda name: _told(record, name))

    def would_be_inside_there(self, sent: Mapping[str, Value]) -> bool:
        """For a record that is about to be made there: what we do not send will be empty."""
        now = values.datetime(timezone.now())
        return bool(filters.passes(self.there, lambda name: now if name == filters.CREATED else sent.get(name)))


def _told(record: Record, name: str) -> Value | Unfit:
    if name == filters.CREATED:
        return values.datetime(record.created_at) if record.created_at else UNSEEN
    if name in record.unfit:
        return Unfit("unreadable")
    return record.values.get(name, UNSEEN)


def travels(batch: Batch, link: Link, row: registry.Row | None, record: Record) -> bool:
    """Whether this pair takes part now. What changed about that is kept on the link."""
    if link.left_out in BY_HAND:
        return False
    if batch.retold or not (link.left_out or batch.store.filters):
        return not link.left_out
    inside = _inside(batch.store, row, record)
    if link.state in (LinkState.GONE, LinkState.LOST) and not link.left_out:  # what comes back has to be inside
        return link.state == LinkState.LOST or record.deleted or inside is not False
    if inside is None or inside == (not link.left_out):
        return not link.left_out
    if inside:
        batch.set(link, left_out="", dirty=batch.store.outbound)
    else:
        batch.set(link, left_out=LeftOut.FILTER)
    return inside


def _inside(store: Store, row: registry.Row | None, record: Record) -> bool | None:
    """By both filters; ours is not asked where our record is gone. What lies in their trash is judged by what it holds there."""
    if row is not None and not store.filters.inside_here(row):
        return False
    return store.filters.inside_there(record)


def may_come_in(batch: Batch, record: Record) -> bool:
    """Whether a record that stands only there takes part on both sides; one whose values were not told waits for them."""
    store = batch.store
    if not store.filters:
        return True
    return bool(store.filters.inside_there(record)) and bool(
        filters.passes(store.filters.here, lambda name: _as_here(batch, record, name))
    )


def _as_here(batch: Batch, record: Record, name: str) -> Value | Unfit:
    """The value that the record would have here."""
    store = batch.store
    mapped = store.by_name.get(name)
    if mapped is None or not mapped.rule.inbound or mapped.remote.id not in record.values:
        reader: Callable[[registry.Row], Any] | None = store.filters.readers.get(name)
        return reader(batch.blank) if reader else None
    try:
        value = mapped.to_local(record.values[mapped.remote.id], None, store.around)
    except Unfit as error:
        return error
    return None if isinstance(value, Waiting) else value


def sits_out(store: Store, link: RecordLink, row: registry.Row | None) -> bool:
    """Whether our side of a pair stays where it is when sending. Kept on the link.

    One that may take part again is read first, so that both sides meet.
    """
    if row is None or not (link.left_out or store.filters):
        return bool(link.left_out)
    inside = store.filters.inside_here(row)
    if link.remote_id is None:
        link.left_out = "" if inside else LeftOut.FILTER
    elif link.left_out:
        link.reread = inside
    elif not inside and link.state == LinkState.LINKED:
        link.left_out = LeftOut.FILTER
    return bool(link.left_out)
