"""First meetings: unlinked records of both sides are paired by key, never guessed.

During the first listing a remote record that could match is held back, because only the whole listing tells whether
its key is unique there. Afterwards a new remote record is matched at once.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import connection

import values
from integrations.adapters.base import Record
from integrations.models import HeldRecord, Matching
from integrations.sync import tables
from integrations.sync.store import Store
from values import Type, Unfit

KEYABLE = {Type.TEXT, Type.LONG_TEXT, Type.EMAIL, Type.PHONE, Type.URL, Type.SELECT, Type.INTEGER, Type.DATE}
HELD_BATCH = 200


@dataclass(slots=True)
class Matches:
    """What matching found in a batch: {remote id: our record id}, {remote id: key} held back, and what is ambiguous."""

    pairs: dict[str, str] = field(default_factory=dict)
    held: dict[str, str] = field(default_factory=dict)
    ambiguous: dict[str, list[str]] = field(default_factory=dict)  # remote id: our candidates


def match(store: Store, records: Sequence[Record]) -> Matches:
    """Look for partners of unlinked remote records."""
    found = Matches()
    if store.stream.matching == Matching.CREATE_ONLY or not records:
        return found
    keys = {record.id: key for record in records if (key := record_key(store, record))}
    candidates = candidates_of(store, set(keys.values()))
    by_key: dict[str, list[str]] = defaultdict(list)
    for remote_id, key in keys.items():
        by_key[key].append(remote_id)
    for key, remote_ids in by_key.items():
        ours = candidates.get(key, [])
        if not ours:
            continue
        if store.stream.listed_at is None:
            found.held |= dict.fromkeys(remote_ids, key)
        elif len(ours) == 1 and len(remote_ids) == 1:
            found.pairs[remote_ids[0]] = ours[0]
        else:
            found.ambiguous |= dict.fromkeys(remote_ids, ours)
    return _each_once(found)


def _each_once(found: Matches) -> Matches:
    """One of ours that two remote records claim, each by another field, belongs to neither for certain."""
    claims = Counter(found.pairs.values())
    for remote_id, record_id in list(found.pairs.items()):
        if claims[record_id] > 1:
            found.ambiguous[remote_id] = [found.pairs.pop(remote_id)]
    paired = set(found.pairs.values())
    found.ambiguous = {pk: [one for one in ours if one not in paired] for pk, ours in found.ambiguous.items()}
    return found


def record_key(store: Store, record: Record) -> str | None:
    """ "field\\nkey" of the first match field that has a value."""
    for name in store.stream.match_fields:
        mapped = store.by_name.get(name)
        if mapped is None or mapped.local.type not in KEYABLE or record.values.get(mapped.remote.id) is None:
            continue
        try:
            key = values.key(mapped.to_local(record.values[mapped.remote.id], None, store.around))
        except Unfit:
            continue
        if key:
            return f"{name}\n{key}"
    return None


def candidates_of(store: Store, keys: Iterable[str]) -> dict[str, list[str]]:
    """{key: ids of our records that have it and are not linked in this stream}."""
    wanted: dict[str, set[str]] = defaultdict(set)
    for key in keys:
        name, _, text = key.partition("\n")
        wanted[name].add(text)
    found: dict[str, list[str]] = defaultdict(list)
    for name, texts in wanted.items():
        for record_id, text in _unlinked(store, name, texts):
            folded = values.key(text) or ""
            if folded in texts:
                found[f"{name}\n{folded}"].append(str(record_id))
    return found


def _unlinked(store: Store, name: str, texts: set[str]) -> list[tuple[Any, str]]:
    field_ = store.by_name[name].local
    column = "r.custom ->> %(own)s" if field_.custom else f'r."{field_.column}"::text'
    if field_.type in (Type.TEXT, Type.EMAIL) and not field_.custom:
        column = f'r."{field_.column}"'  # as the index has it
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT r.id, {column} FROM "{store.entity.table}" r
            WHERE lower({column}) = ANY(%(texts)s) AND NOT EXISTS (
                SELECT 1 FROM integrations_recordlink l
                WHERE l.stream_id = %(stream)s AND l.record_id = r.id AND l.remote_id IS NOT NULL)
            """,  # noqa: S608
            {"texts": list(texts), "stream": store.stream.pk, "own": field_.name.partition(".")[2]},
        )
        return cursor.fetchall()


# --- records held back ----------------------------------------------------------------------------------------------


def hold(store: Store, records: dict[str, str], by_id: dict[str, Record]) -> None:
    """Keep records until the listing is whole; met twice, the later reading counts."""
    HeldRecord.objects.bulk_create(
        [
            HeldRecord(stream=store.stream, remote_id=pk, key=key, record=_pack(by_id[pk]))
            for pk, key in records.items()
        ],
        update_conflicts=True,
        unique_fields=["stream", "remote_id"],
        update_fields=["key", "record"],
    )


def let_go(store: Store, remote_ids: Iterable[str]) -> None:
    """Records that were linked, or deleted there, since they were held back."""
    if ids := list(remote_ids):
        HeldRecord.objects.filter(tables.among("remote_id", ids), stream=store.stream).delete()


def next_held(store: Store) -> list[HeldRecord]:
    """Whole groups of held records with the same key, a batch of keys at a time."""
    keys = (
        HeldRecord.objects.filter(stream=store.stream)
        .order_by("key")
        .values_list("key", flat=True)
        .distinct()[:HELD_BATCH]
    )
    return list(HeldRecord.objects.filter(stream=store.stream, key__in=list(keys)).order_by("key", "id"))


def decide(store: Store, held: Sequence[HeldRecord]) -> Matches:
    """Pair what is alone on both sides."""
    candidates = candidates_of(store, {one.key for one in held})
    groups: dict[str, list[str]] = defaultdict(list)
    for one in held:
        groups[one.key].append(one.remote_id)
    found = Matches()
    for key, remote_ids in groups.items():
        ours = candidates.get(key, [])
        if len(ours) == 1 and len(remote_ids) == 1:
            found.pairs[remote_ids[0]] = ours[0]
        elif ours:
            found.ambiguous |= dict.fromkeys(remote_ids, ours)
    return _each_once(found)


def _pack(record: Record) -> dict[str, Any]:
    return {
        "id": record.id,
        "values": dict(record.values),
        "edited_at": record.edited_at.isoformat() if record.edited_at else None,
        "version": record.version,
        "marker": record.marker,
        "made_by_us": record.made_by_us,
        "url": record.url,
        "unfit": dict(record.unfit),
    }


def unpack(kept: dict[str, Any]) -> Record:
    edited = kept["edited_at"]
    return Record(**{**kept, "edited_at": dt.datetime.fromisoformat(edited) if edited else None})
