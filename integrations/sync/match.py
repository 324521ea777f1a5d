"""First meetings: unlinked records of both sides are paired by key, never guessed.

The match fields are tried in order: one whose first key has no partner is looked for by the next. Two records that hold different
values in a stronger key are two things, whatever a weaker one says. A key that several records share on a side pairs nobody.

During the first listing a remote record that could match is held back, because only the whole listing tells whether
its key is unique there. Afterwards a new remote record is matched at once. `meeting` does what is decided here.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from django.db import connection

import values
from crm import registry
from integrations.adapters.base import Record
from integrations.models import HeldRecord, Matching, SetAside
from integrations.sync import tables
from integrations.sync.store import Store
from integrations.sync.tally import short
from values import Type, Unfit

KEYABLE = {Type.TEXT, Type.LONG_TEXT, Type.EMAIL, Type.PHONE, Type.URL, Type.SELECT, Type.INTEGER, Type.DATE}
HELD_BATCH = 200
CROWD = 1_000_000  # pairs of one key that are not looked at one by one any more: nobody could tell them apart

Keys = Mapping[str, str]  # {match field: key}, of one record


@dataclass(frozen=True, slots=True)
class Clash:
    """Records of both sides that share a key, so that nobody can say which belong together."""

    field: str
    key: str
    theirs: tuple[str, ...]
    ours: tuple[str, ...]

    @property
    def fingerprint(self) -> str:
        return fingerprint(self.field, self.key)


@dataclass(slots=True)
class Matches:
    """What matching found in a batch: {remote id: our record id}, {remote id: its keys} held back, and what is ambiguous."""

    pairs: dict[str, str] = field(default_factory=dict)
    held: dict[str, Keys] = field(default_factory=dict)
    ambiguous: dict[str, Clash] = field(default_factory=dict)
    titles: dict[str, str] = field(default_factory=dict)  # of our candidates

    def decides(self, remote_id: str) -> bool:
        return remote_id in self.pairs or remote_id in self.ambiguous


# --- the decision, pure ---------------------------------------------------------------------------------------------


def pair_up(
    theirs: Mapping[str, Keys],
    ours: Mapping[str, Keys],
    fields: Sequence[str],
    crowded: Collection[str] = (),
    doubtful: Collection[str] = (),
    only: str = "",
) -> Matches:
    """Pair what is alone on both sides.

    crowded: fingerprints of keys that another remote record claims as well. doubtful: those of ours whose own partner is unclear.
    only: pair by this field alone; the stronger ones had their turn and only tell apart.
    """
    found = Matches()
    doubtful = set(doubtful)
    owners: dict[str, Clash] = {}  # of ours: how each was paired
    for place, name in enumerate(fields):
        if only not in ("", name):
            continue
        here = _by_key(ours, name, ())
        for key, remote_ids in _by_key(theirs, name, {*found.pairs, *found.ambiguous}).items():
            candidates = _candidates(remote_ids, here.get(key, ()), theirs, ours, fields[:place])
            free = {remote_id: [pk for pk in some if pk not in owners] for remote_id, some in candidates.items()}
            claims = Counter(pk for some in free.values() for pk in some)
            certain = {
                remote_id: some[0]
                for remote_id, some in free.items()
                if len(some) == 1 and claims[some[0]] == 1 and some[0] not in doubtful
                if fingerprint(name, key) not in crowded
            }
            # one that is left only with what a stronger key has given to another: both claim it
            rest = {remote_id: free[remote_id] or some for remote_id, some in candidates.items()}
            unclear = {remote_id: some for remote_id, some in rest.items() if some and remote_id not in certain}
            if unclear:
                clash = Clash(
                    name, key, tuple(unclear), tuple(sorted({pk for some in unclear.values() for pk in some}))
                )
                found.ambiguous |= dict.fromkeys(unclear, clash)
                doubtful.update(clash.ours)
                for pk in clash.ours:
                    if pk in owners:
                        was = owners.pop(pk)
                        found.ambiguous[was.theirs[0]] = was
                        del found.pairs[was.theirs[0]]
            found.pairs |= certain
            owners |= {pk: Clash(name, key, (remote_id,), (pk,)) for remote_id, pk in certain.items()}
    return found


def _by_key(records: Mapping[str, Keys], name: str, besides: Collection[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for pk, keys in records.items():
        if name in keys and pk not in besides:
            found[keys[name]].append(pk)
    return found


def _candidates(
    remote_ids: Sequence[str],
    record_ids: Sequence[str],
    theirs: Mapping[str, Keys],
    ours: Mapping[str, Keys],
    stronger: Sequence[str],
) -> dict[str, list[str]]:
    """{remote id: those of ours that may be the same thing}."""
    if not stronger or len(remote_ids) * len(record_ids) > CROWD:
        return {remote_id: list(record_ids) for remote_id in remote_ids}
    return {
        remote_id: [pk for pk in record_ids if not _contradict(theirs[remote_id], ours[pk], stronger)]
        for remote_id in remote_ids
    }


def _contradict(theirs: Keys, ours: Keys, stronger: Sequence[str]) -> bool:
    return any(name in theirs and name in ours and theirs[name] != ours[name] for name in stronger)


def fingerprint(name: str, key: str) -> str:
    return tables.fingerprint([name, key])


# --- what it is decided from ----------------------------------------------------------------------------------------


def fields(store: Store) -> list[str]:
    """The match fields that can tell records apart."""
    if store.stream.matching == Matching.CREATE_ONLY:
        return []
    return [n for n in store.stream.match_fields if n in store.by_name and store.by_name[n].local.type in KEYABLE]


def match(store: Store, records: Sequence[Record]) -> Matches:
    """Look for partners of unlinked remote records."""
    names = fields(store)
    keys = {record.id: found for record in records if (found := record_keys(store, record))} if names else {}
    if store.stream.listed_at is None:
        return Matches(held=_to_be_held(store, [record.id for record in records], keys))
    ours, titles = candidates_of(store, keys.values(), names) if keys else ({}, {})
    if not ours:
        return Matches()
    decided = pair_up(
        keys | _left_out(store, keys), ours, names, _crowded(store, keys, ours), _doubtful(store, keys, ours)
    )
    decided.pairs = {remote_id: pk for remote_id, pk in decided.pairs.items() if remote_id in keys}
    decided.titles = titles
    return decided


def _to_be_held(store: Store, remote_ids: Sequence[str], keys: Mapping[str, Keys]) -> dict[str, Keys]:
    """Those that could match one of ours, by a key or because they belonged together before pairs were forgotten."""
    ours = candidates_of(store, keys.values(), fields(store))[0] if keys else {}
    known = {(name, key) for found in ours.values() for name, key in found.items()}
    before = _formers(store, remote_ids)
    return {pk: keys.get(pk, {}) for pk in remote_ids if pk in before or known & set(keys.get(pk, {}).items())}


def _formers(store: Store, remote_ids: Sequence[str]) -> dict[str, str]:
    """{remote id: our record that it belonged to before pairs were forgotten}."""
    held = HeldRecord.objects.filter(tables.among("remote_id", remote_ids), stream=store.stream, former__isnull=False)
    return {remote_id: str(pk) for remote_id, pk in held.values_list("remote_id", "former")}


def record_keys(store: Store, record: Record) -> dict[str, str]:
    """A remote record's keys, in the form in which they are compared."""
    found = {}
    for name in fields(store):
        mapped = store.by_name[name]
        if record.values.get(mapped.remote.id) is None or mapped.remote.id in record.unfit:
            continue
        try:
            key = values.key(mapped.to_local(record.values[mapped.remote.id], None, store.around))
        except Unfit:
            continue
        if key:
            found[name] = key
    return found


def row_keys(store: Store, row: registry.Row) -> dict[str, str]:
    """The same of one of our records."""
    return {name: key for name in fields(store) if (key := values.key(store.readers[name](row)))}


def candidates_of(
    store: Store, wanted: Iterable[Keys], names: Sequence[str]
) -> tuple[dict[str, dict[str, str]], dict[str, str]]:
    """Our records that share one of these keys and are neither linked nor parted in this stream: {id: keys}, {id: title}."""
    texts: dict[str, set[str]] = defaultdict(set)
    for keys in wanted:
        for name, key in keys.items():
            texts[name].add(key)
    found: dict[str, dict[str, str]] = {}
    titles: dict[str, str] = {}
    for name in names:
        for row in _unlinked(store, name, texts[name]) if texts[name] else ():
            keys = row_keys(store, row)
            if keys.get(name) in texts[name]:
                found[str(row["id"])] = keys
                titles[str(row["id"])] = store.title(row)
    return found, titles


def _unlinked(store: Store, name: str, texts: set[str]) -> list[registry.Row]:
    field_ = store.by_name[name].local
    column = "r.custom ->> %(own)s" if field_.custom else f'r."{field_.column}"::text'
    if field_.type in (Type.TEXT, Type.EMAIL) and not field_.custom:
        column = f'r."{field_.column}"'  # as the index has it
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT to_jsonb(r) FROM "{store.entity.table}" r
            WHERE lower({column}) = ANY(%(texts)s) AND NOT EXISTS (
                SELECT 1 FROM integrations_recordlink l
                WHERE l.stream_id = %(stream)s AND l.record_id = r.id AND (l.remote_id IS NOT NULL OR l.state = 'unlinked'))
            """,  # noqa: S608
            {"texts": list(texts), "stream": store.stream.pk, "own": field_.name.partition(".")[2]},
        )
        return [registry.load_row(row) if isinstance(row, str) else row for (row,) in cursor.fetchall()]


def _left_out(store: Store, keys: Mapping[str, Keys]) -> dict[str, dict[str, str]]:
    """Other remote records with one of these keys, which were left out so far."""
    texts = [joined for found in keys.values() for joined in _joined(found)]
    held = HeldRecord.objects.filter(stream=store.stream, keys__overlap=texts).exclude(reason="")
    return {one.remote_id: split(one.keys) for one in held.exclude(remote_id__in=list(keys))}


def _crowded(store: Store, theirs: Mapping[str, Keys], ours: Mapping[str, Keys]) -> set[str]:
    """Keys that a remote record outside this batch claims too, which is set aside for it."""
    known = {fingerprint(name, key) for found in ours.values() for name, key in found.items()}
    asides = SetAside.objects.filter(
        stream=store.stream, side="there", code="ambiguous", fingerprint__in=known
    ).exclude(remote_id__in=list(theirs))
    return set(asides.values_list("fingerprint", flat=True))


def _doubtful(store: Store, theirs: Mapping[str, Keys], ours: Mapping[str, Keys]) -> set[str]:
    """Those of ours whose partner is unclear because of a remote record outside this batch."""
    asides = SetAside.objects.filter(stream=store.stream, code="ambiguous")
    mine = asides.filter(side="here", record_id__in=list(ours)).values_list("record_id", "field", "fingerprint")
    same = {
        (str(record_id), print_)
        for record_id, name, print_ in mine
        if fingerprint(name, ours[str(record_id)].get(name, "")) == print_
    }
    if not same:
        return set()
    others = asides.filter(side="there", fingerprint__in={print_ for _pk, print_ in same})
    still = set(others.exclude(remote_id__in=list(theirs)).values_list("fingerprint", flat=True))
    return {record_id for record_id, print_ in same if print_ in still}


# --- records held back ----------------------------------------------------------------------------------------------


def _joined(keys: Keys) -> list[str]:
    return [f"{name}\n{key}" for name, key in keys.items()]


def split(joined: Iterable[str]) -> dict[str, str]:
    """{match field: key} of what HeldRecord.keys holds."""
    parts = (one.partition("\n") for one in joined)
    return {name: key for name, _newline, key in parts}


def hold(store: Store, records: Mapping[str, Keys], by_id: Mapping[str, Record]) -> None:
    """Keep records until the listing is whole; met twice, the later reading counts."""
    _keep(
        [
            HeldRecord(stream=store.stream, remote_id=pk, keys=_joined(keys), record=_pack(by_id[pk]))
            for pk, keys in records.items()
        ]
    )


def leave_out(store: Store, records: Mapping[str, str], by_id: Mapping[str, Record], titles: Mapping[str, str]) -> None:
    """Remember why records that stand only there do not come in, and by which keys one of ours may find them."""
    _keep(
        [
            HeldRecord(
                stream=store.stream,
                remote_id=pk,
                keys=_joined(record_keys(store, by_id[pk])),
                record={"url": by_id[pk].url},
                reason=reason,
                title=short(titles.get(pk)),
            )
            for pk, reason in records.items()
        ]
    )


def _keep(held: Sequence[HeldRecord]) -> None:
    HeldRecord.objects.bulk_create(
        held,
        update_conflicts=True,
        unique_fields=["stream", "remote_id"],
        update_fields=["key", "keys", "record", "reason", "title"],
    )


def let_go(store: Store, remote_ids: Iterable[str]) -> None:
    """Records that were linked, or deleted there, since they were held back."""
    if ids := list(remote_ids):
        HeldRecord.objects.filter(tables.among("remote_id", ids), stream=store.stream).delete()


def turn_to(store: Store, name: str) -> None:
    """Sort what is held back by another match field."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE integrations_heldrecord SET key = coalesce((SELECT k FROM unnest(keys) k WHERE starts_with(k, %s)), '')"
            " WHERE stream_id = %s AND reason = ''",
            [f"{name}\n", store.stream.pk],
        )


def next_held(store: Store) -> list[HeldRecord]:
    """Whole groups of held records with the same key, a batch of keys at a time; [] when all were looked at."""
    waiting = HeldRecord.objects.filter(stream=store.stream, reason="").exclude(key="")
    keys = list(waiting.order_by("key").values_list("key", flat=True).distinct()[:HELD_BATCH])
    return list(waiting.filter(key__in=keys).order_by("key", "id")) if keys else []


def rest_of_held(store: Store) -> list[HeldRecord]:
    """Those that found no partner by any key."""
    return list(HeldRecord.objects.filter(stream=store.stream, reason="").order_by("id")[:HELD_BATCH])


def decide(store: Store, held: Sequence[HeldRecord], name: str) -> Matches:
    """Pair held records by one match field."""
    theirs = {one.remote_id: split(one.keys) for one in held}
    wanted = [{name: keys[name]} for keys in theirs.values() if name in keys]
    ours, titles = candidates_of(store, wanted, [name])
    found = pair_up(theirs, ours, fields(store), (), _doubtful(store, theirs, ours), only=name) if ours else Matches()
    for remote_id in _rivalled(store, found.pairs, ours, name):
        pk = found.pairs.pop(remote_id)
        found.ambiguous[remote_id] = Clash(name, theirs[remote_id][name], (remote_id,), (pk,))
    found.titles = titles
    _as_before(found, {one.remote_id: str(one.former) for one in held if one.former})
    return found


def _as_before(found: Matches, before: Mapping[str, str]) -> None:
    """What keys cannot tell apart stays with whom it belonged to before; what is then left alone is not unclear any more."""
    certain = {pk: before[pk] for pk, clash in found.ambiguous.items() if before.get(pk) in clash.ours}
    if not certain:
        return
    found.pairs |= certain
    taken = set(certain.values())
    for pk in certain:
        del found.ambiguous[pk]
    for pk, clash in list(found.ambiguous.items()):
        left = tuple(one for one in clash.ours if one not in taken)
        if left:
            found.ambiguous[pk] = replace(clash, theirs=tuple(t for t in clash.theirs if t not in certain), ours=left)
        else:
            del found.ambiguous[pk]


def by_history(store: Store, held: Sequence[HeldRecord]) -> Matches:
    """What found no partner by key goes back to whom it belonged to before, unless their keys say that they are two."""
    before = {one.remote_id: str(one.former) for one in held if one.former}
    rows = registry.rows(store.entity, before.values()) if before else {}
    theirs, names = {one.remote_id: split(one.keys) for one in held}, fields(store)
    return Matches(
        pairs={
            remote_id: pk
            for remote_id, pk in before.items()
            if pk in rows and not _contradict(theirs[remote_id], row_keys(store, rows[pk]), names)
        }
    )


def _rivalled(store: Store, pairs: Mapping[str, str], ours: Mapping[str, Keys], name: str) -> list[str]:
    """Pairs of which ours is also claimed, by a weaker key, by a held record that could belong to nothing else."""
    names = fields(store)
    weaker = names[names.index(name) + 1 :]
    claims = {f"{n}\n{ours[pk][n]}": remote_id for remote_id, pk in pairs.items() for n in weaker if n in ours[pk]}
    held = HeldRecord.objects.filter(stream=store.stream, reason="", keys__overlap=list(claims))
    found = set()
    for keys in held.exclude(remote_id__in=list(pairs)).values_list("keys", flat=True) if claims else ():
        theirs = split(keys)
        first = next(n for n in names if n in theirs)
        remote_id = claims.get(f"{first}\n{theirs[first]}")
        if remote_id and len(candidates_of(store, [{first: theirs[first]}], [first])[0]) == 1:
            found.add(remote_id)
    return sorted(found)


def _pack(record: Record) -> dict[str, Any]:
    return {
        "id": record.id,
        "values": dict(record.values),
        "edited_at": record.edited_at.isoformat() if record.edited_at else None,
        "version": record.version,
        "marker": record.marker,
        "made_by_us": record.made_by_us,
        "created_at": record.created_at.isoformat() if record.created_at else None,
        "url": record.url,
        "unfit": dict(record.unfit),
    }


def unpack(kept: dict[str, Any]) -> Record:
    times = {name: dt.datetime.fromisoformat(kept[name]) for name in ("edited_at", "created_at") if kept.get(name)}
    return Record(**{**kept, "edited_at": None, "created_at": None, **times})


# --- partners that were left out ------------------------------------------------------------------------------------


def waiting_partners(store: Store, rows: Iterable[registry.Row]) -> dict[str, list[str]]:
    """{our record id: remote records that were left out so far and share a key with it}."""
    keys = {str(row["id"]): _joined(row_keys(store, row)) for row in rows}
    texts = [one for some in keys.values() for one in some]
    if not texts:
        return {}
    held = HeldRecord.objects.filter(stream=store.stream, keys__overlap=texts).exclude(reason="")
    by_key: dict[str, list[str]] = defaultdict(list)
    for remote_id, joined in held.values_list("remote_id", "keys"):
        for one in joined:
            by_key[one].append(remote_id)
    found = {pk: list(dict.fromkeys(r for one in some for r in by_key.get(one, ()))) for pk, some in keys.items()}
    return {pk: some for pk, some in found.items() if some}
