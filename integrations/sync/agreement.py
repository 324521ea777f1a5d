"""Reading a few pairs on both sides, to learn how many of those that we call in step really are.

Nothing is mended here. A pair agrees when the merge, asked with what stands on both sides now, would do nothing about it. A
value that somebody has just changed is on its way, and no disagreement: ours while the change feed has more of it than the stream
has looked at, theirs when the tool says that it was edited after we last read. So is a record that is gone there: tools say when
it was last edited and not when it was deleted, so nobody can tell a deletion of this minute from one that was missed. The next
run reads it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import connection, transaction

from crm import registry
from integrations.adapters.base import Adapter, Record
from integrations.models import RecordLink, Stream, SyncLog
from integrations.scheduling.leases import Lease
from integrations.sync.intents import living
from integrations.sync.mapping import Context, Mapped
from integrations.sync.merge import Merge, Pair, Waiting, Winner, merge
from integrations.sync.relations import load_relations
from integrations.sync.store import Store
from values import Type, Unfit, Value

FETCH = 50  # ids asked for at once
MARGIN = dt.timedelta(minutes=5)  # a tool's list of what changed may lag behind its clock

#: Links whose records are as they shall be, as health calls them in step (services/health.py): others are known not to agree.
SETTLED = """
    SELECT l.id FROM integrations_recordlink l
    WHERE l.stream_id = %(stream)s AND l.id > %(after)s AND l.state = 'linked' AND l.left_out = '' AND NOT l.dirty
      AND NOT l.reread AND l.intent IS NULL AND l.remote_id IS NOT NULL AND l.record_id IS NOT NULL
      AND NOT EXISTS (SELECT 1 FROM integrations_setaside a WHERE a.stream_id = l.stream_id
                      AND (a.record_id = l.record_id OR a.remote_id = l.remote_id))
      AND NOT EXISTS (SELECT 1 FROM integrations_conflict c WHERE c.stream_id = l.stream_id AND c.record_id = l.record_id
                      AND c.state = 'open')
    ORDER BY l.stream_id, l.id LIMIT %(limit)s
"""
#: Ours that changed since the stream last looked.
MOVING = """
    SELECT DISTINCT record_id::text FROM crm_change WHERE entity = %s AND record_id = ANY(%s::uuid[]) AND (txid, id) > (%s, %s)
"""


@dataclass(slots=True)
class Sample:
    """seen: pairs that were read; moving: those that say nothing; differ: {link id: (the link, names of its fields)}.

    gone: links of those among the moving whose record is gone there. A pair whose record is gone here, and was so when the stream
    last looked, differs without any field. upto: the last link that was looked at.
    """

    seen: int = 0
    moving: int = 0
    gone: list[int] = field(default_factory=list)
    differ: dict[int, tuple[RecordLink, list[str]]] = field(default_factory=dict)
    upto: int = 0

    @property
    def agree(self) -> int:
        return self.seen - self.moving - len(self.differ)


def choose(stream: Stream, after: int, size: int) -> list[int]:
    """The next links to look at, from the beginning again when the end is reached: all are seen in time."""
    found = _settled(stream, after, size)
    if len(found) < size and after:
        found += [pk for pk in _settled(stream, 0, size - len(found)) if pk <= after]
    return found


def measure(stream: Stream, adapter: Adapter, ids: Sequence[int], read_at: dt.datetime | None) -> Sample:
    """Read these links on both sides and compare. read_at: when the stream was last read; None: unknown, so nobody moved."""
    store = Store(SyncLog(integration=stream.integration), stream, Lease(stream.integration_id, 0, 0), adapter)
    sample = Sample()
    for start in range(0, len(ids), FETCH):
        part = list(ids[start : start + FETCH])
        before = {link.pk: link for link in RecordLink.objects.filter(pk__in=part)}
        remote_ids = [link.remote_id for link in before.values() if link.remote_id]
        records = {record.id: record for record in adapter.fetch(stream.collection, remote_ids)}
        with transaction.atomic():  # both of ours as they stand together
            _compare(store, sample, before, records, read_at)
        sample.upto = part[-1]
    return sample


def _settled(stream: Stream, after: int, size: int) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(SETTLED, {"stream": stream.pk, "after": after, "limit": size})
        return [pk for (pk,) in cursor.fetchall()]


def _compare(
    store: Store,
    sample: Sample,
    before: Mapping[int, RecordLink],
    records: Mapping[str, Record],
    read_at: dt.datetime | None,
) -> None:
    links = {link.pk: link for link in RecordLink.objects.filter(pk__in=before)}
    rows = registry.rows(store.entity, [link.record_id for link in links.values() if link.record_id])
    load_relations(store, _relations(store, records.values()))
    moving = _moving(
        store.stream, [str(link.record_id) for link in links.values() if link.record_id]
    )  # deleted ones, too
    for pk, was in before.items():
        link = links.get(pk)
        sample.seen += 1
        if link is None or _touched(was, link):
            sample.moving += 1
            continue
        record, row = records.get(link.remote_id or ""), rows.get(str(link.record_id))
        if record is None or record.deleted:
            sample.moving += 1
            sample.gone.append(pk)
            continue
        names = _disagreeing(store, link, row, record) if row else []
        if row and not names:
            continue
        if str(link.record_id) in moving or _is_fresh(record, read_at):
            sample.moving += 1
        else:
            sample.differ[pk] = (link, names)


def _touched(was: RecordLink, link: RecordLink) -> bool:
    """Whether a run has had it in hand since we began."""
    facts = ("state", "dirty", "reread", "left_out", "intent", "base_local", "base_remote", "record_id", "remote_id")
    return any(getattr(was, name) != getattr(link, name) for name in facts)


def _is_fresh(record: Record, read_at: dt.datetime | None) -> bool:
    return bool(record.edited_at and read_at and record.edited_at > read_at - MARGIN)


def _moving(stream: Stream, record_ids: list[str]) -> set[str]:
    if not record_ids or not stream.feed_txid:
        return set()
    with connection.cursor() as cursor:
        cursor.execute(MOVING, [stream.entity, record_ids, stream.feed_txid, stream.feed_id])
        return {pk for (pk,) in cursor.fetchall()}


def _disagreeing(store: Store, link: RecordLink, row: registry.Row, record: Record) -> list[str]:
    local = store.local_values(row)
    told = [m for m in store.mapped if m.remote.id in record.values and m.remote.id not in record.unfit]
    remote = {m.name: record.values[m.remote.id] for m in told}
    translated = {m.name: _translated(m, remote[m.name], local.get(m.name), store.around) for m in told}
    pair = Pair(local, remote, translated, link.base_local, link.base_remote, living(link.ghosts))
    return _undone(merge(store.rules, pair, _asks), link)


def _translated(mapped: Mapped, value: Value, present: Value, around: Context) -> Value | Unfit | Waiting:
    try:
        return mapped.to_local(value, present, around)
    except Unfit as error:
        return error


def _asks(_name: str, _rule: str) -> Winner:
    return "ask"


def _undone(result: Merge, link: RecordLink) -> list[str]:
    """What a run would write or ask about. A value that only reads otherwise than it was sent is the same."""
    waits = set(link.waiting)
    return sorted((set(result.to_local) | result.to_remote | set(result.contested) | set(result.unfit)) - waits)


def _relations(store: Store, records: Any) -> dict[str, tuple[set[str], set[str]]]:
    wanted: dict[str, tuple[set[str], set[str]]] = {}
    for mapped in store.mapped:
        if mapped.local.type is Type.RELATION:
            ids = wanted.setdefault(mapped.local.target, (set(), set()))[0]
            for record in records:
                ids.update(record.values.get(mapped.remote.id) or ())
    return wanted
