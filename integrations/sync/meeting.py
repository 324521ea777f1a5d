"""First meetings carried out: what was held back, what nobody could tell apart, and partners that were left out so far."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterator, Sequence
from functools import partial

from django.db import connection
from django.db.models import Exists, F, Min, OuterRef
from django.utils import timezone

from integrations.adapters.base import Record
from integrations.models import HeldRecord, RecordLink, SetAside, SweptRecord
from integrations.sync import match, tables
from integrations.sync.apply import apply
from integrations.sync.reread import FETCH
from integrations.sync.store import Store

LOOK_AGAIN = dt.timedelta(minutes=10)  # at what nobody can tell apart: one of them may be in the trash by now
GROUPS = 50  # keys looked at again in one go
ASKED = ("person", "api")  # whoever asks for a run wants to see what came of a change


# --- when the first listing is whole --------------------------------------------------------------------------------


def match_held(store: Store) -> Iterator[int]:
    """Decide the records that were held back: by the strongest key first, group by group; the rest found no partner."""
    yield from _look_for_former(store)
    for name in match.fields(store):
        store.commit(partial(match.turn_to, store, name))
        while held := match.next_held(store):
            decided = match.decide(store, held, name)
            records = [match.unpack(one.record) for one in held if decided.decides(one.remote_id)]
            apply(store, records, before=partial(_put_by, held, decided), matches=decided)
            yield len(held)
    while held := match.rest_of_held(store):
        records = [match.unpack(one.record) for one in held]
        apply(store, records, before=partial(_forget, held), matches=match.by_history(store, held))
        yield len(held)
    # those that belonged to one of ours before pairs were forgotten, and are not there any more
    store.commit(lambda: HeldRecord.objects.filter(stream=store.stream, reason="former").delete())


def _look_for_former(store: Store) -> Iterator[int]:
    """What belonged to one of ours and no page showed is read by id: an index may not have what was made a moment ago.

    What is not there any more is forgotten at once: the next slice goes on after it.
    """
    last = 0
    former = HeldRecord.objects.filter(stream=store.stream, reason="former").order_by("id")
    while part := list(former.filter(pk__gt=last).only("remote_id")[:FETCH]):
        last = part[-1].pk
        found = store.adapter.fetch(store.stream.collection, [one.remote_id for one in part])
        alive = {record.id: record for record in found if not record.deleted}
        gone = [one for one in part if one.remote_id not in alive]
        apply(store, list(alive.values()), before=partial(_forget, gone))
        yield len(part)


def _put_by(held: Sequence[HeldRecord], decided: match.Matches) -> None:
    """What is decided is held no more; the others wait for the next key."""
    _forget([one for one in held if decided.decides(one.remote_id)])
    rest = [one.pk for one in held if not decided.decides(one.remote_id)]
    HeldRecord.objects.filter(pk__in=rest).update(key="")


def _forget(held: Sequence[HeldRecord]) -> None:
    HeldRecord.objects.filter(pk__in=[one.pk for one in held]).delete()


# --- what nobody could tell apart -----------------------------------------------------------------------------------


def look_again(store: Store) -> Iterator[int]:
    """Read whole groups of records that share a key: each that has become clear goes on by itself."""
    prints = _due(store)
    theirs = SetAside.objects.filter(stream=store.stream, code="ambiguous", side="there", fingerprint__in=prints)
    ids = list(theirs.order_by("id").values_list("remote_id", flat=True)) if prints else []
    if ids:
        found = [record for part in _parts(ids) for record in store.adapter.fetch(store.stream.collection, part)]
        alive = {record.id for record in found if not record.deleted}
        gone = [remote_id for remote_id in ids if remote_id not in alive]
        apply(store, found, before=partial(_forget_gone, store, gone))
        clashing = {(problem.record_id, problem.field) for problem in store.problems if problem.code == "ambiguous"}
        store.commit(partial(_wait, store, prints, clashing))
        yield len(ids)
    store.commit(partial(_free, store))


def _due(store: Store) -> list[str]:
    waiting = SetAside.objects.filter(stream=store.stream, code="ambiguous", side="there")
    if store.run.trigger not in ASKED:
        waiting = waiting.exclude(retry_at__gt=timezone.now())
    groups = waiting.values("fingerprint").annotate(since=Min("retry_at")).order_by(F("since").asc(nulls_first=True))
    return list(groups.values_list("fingerprint", flat=True)[:GROUPS])


def _forget_gone(store: Store, gone: Sequence[str]) -> None:
    SetAside.objects.filter(stream=store.stream, code="ambiguous", side="there", remote_id__in=gone).delete()


def _wait(store: Store, prints: Sequence[str], clashing: Collection[tuple[str | None, str]]) -> None:
    """Those that are still unclear wait; ours that share the key no more are let go."""
    asides = SetAside.objects.filter(stream=store.stream, code="ambiguous", fingerprint__in=prints)
    asides.update(retry_at=timezone.now() + LOOK_AGAIN)
    if store.guard:
        return  # a plan may leave the others as they are, and then ours are not clear either
    over = [one for one in asides.filter(side="here") if (str(one.record_id), one.field) not in clashing]
    SetAside.objects.filter(pk__in=[one.pk for one in over]).delete()
    _look_at(store, [str(one.record_id) for one in over])


def _free(store: Store) -> None:
    """Ours wait as long as theirs of the same key do."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            DELETE FROM integrations_setaside a WHERE stream_id = %s AND code = 'ambiguous' AND side = 'here' AND NOT EXISTS (
                SELECT 1 FROM integrations_setaside t WHERE t.stream_id = a.stream_id AND t.code = 'ambiguous'
                    AND t.side = 'there' AND t.fingerprint = a.fingerprint)
            RETURNING record_id
            """,
            [store.stream.pk],
        )
        _look_at(store, [str(record_id) for (record_id,) in cursor.fetchall()])


def _look_at(store: Store, record_ids: Sequence[str]) -> None:
    if record_ids:
        links = RecordLink.objects.filter(tables.among("record_id", record_ids, "uuid"), stream=store.stream)
        links.filter(dirty=False).update(dirty=True)


def note_edits(store: Store) -> bool:
    """Ours that share a key and were changed since: their groups are looked at again at once."""
    asides = SetAside.objects.filter(stream=store.stream, code="ambiguous")
    changed = RecordLink.objects.filter(stream=store.stream, dirty=True).values("record_id")
    prints = list(asides.filter(side="here", record_id__in=changed).values_list("fingerprint", flat=True).distinct())
    return bool(prints and asides.filter(side="there", fingerprint__in=prints).update(retry_at=None))


# --- partners that were left out so far -----------------------------------------------------------------------------


def meet(store: Store, remote_ids: Sequence[str]) -> None:
    """One of ours shares a key with these, which stayed out until now: they are read and matched."""
    found: list[Record] = []
    for part in _parts(remote_ids):
        found += store.adapter.fetch(store.stream.collection, part)
    alive = {record.id for record in found if not record.deleted}
    gone = [remote_id for remote_id in remote_ids if remote_id not in alive]
    apply(store, found, before=lambda: match.let_go(store, gone))


def look_at_unlisted(store: Store) -> Iterator[int]:
    """Remote records that were left out and that a full listing did not show: those that are no more are forgotten."""
    last = 0
    held = HeldRecord.objects.filter(stream=store.stream).exclude(reason="").order_by("id")
    swept = SweptRecord.objects.filter(stream=store.stream, remote_id=OuterRef("remote_id"))
    while part := list(held.filter(~Exists(swept), pk__gt=last).values_list("id", "remote_id")[:FETCH]):
        last = part[-1][0]
        ids = [remote_id for _pk, remote_id in part]
        alive = {record.id for record in store.adapter.fetch(store.stream.collection, ids) if not record.deleted}
        store.commit(partial(match.let_go, store, [one for one in ids if one not in alive]))
        yield len(part)


def _parts(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(ids), FETCH):
        yield ids[start : start + FETCH]
