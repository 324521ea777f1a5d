"""Open conflicts that end by themselves: both sides became equal, one went back, or the record or the mapping is gone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.db.models import Exists, OuterRef

from crm import registry
from integrations.models import Conflict, Ended, LinkState, RecordLink
from integrations.sync.store import Store
from integrations.sync.tables import Link


def open_ones(store: Store, record_ids: Sequence[str]) -> dict[str, dict[str, Conflict]]:
    """{record id: {field: conflict}} of what waits for a person."""
    found: dict[str, dict[str, Conflict]] = {}
    if record_ids:
        for one in Conflict.objects.filter(stream=store.stream, record_id__in=record_ids, state=Conflict.State.OPEN):
            found.setdefault(str(one.record_id), {})[one.field] = one
    return found


def end(ids: Sequence[Any], how: Ended) -> None:
    """What a person settles at the same moment stays as the person settled it."""
    if ids:
        waiting = Conflict.objects.filter(pk__in=ids, state=Conflict.State.OPEN)
        waiting.update(state=Conflict.State.SETTLED, settled_by=how)


def look_again(store: Store, link: Link, row: registry.Row, waiting: Mapping[str, Conflict]) -> list[Any]:
    """Our side moved while a person is asked. Answers the conflicts that are over, because both sides hold the same now.

    Whatever else became of it is for a merge to say, so the record is read by id with the next run.
    """
    over = []
    for name, one in waiting.items():
        if name not in store.readers:
            continue
        ours = store.readers[name](row)
        if ours == one.remote:
            link.base_local = link.base_local | {name: ours}
            link.base_remote = link.base_remote | {name: one.remote_raw}
            over.append(one.pk)
        elif ours != one.local:
            link.reread = True
    return over


def end_orphans(store: Store) -> None:
    """Nobody can decide any more about a record that is gone or parted, or a field that is mapped no more."""
    waiting = Conflict.objects.filter(stream=store.stream, state=Conflict.State.OPEN)
    if not waiting.exists():
        return
    alive = RecordLink.objects.filter(
        stream=OuterRef("stream"), record_id=OuterRef("record_id"), state__in=(LinkState.LINKED, LinkState.LOST)
    )

    def work() -> None:
        gone = waiting.exclude(Exists(alive)).values_list("pk", flat=True)
        unmapped = waiting.exclude(field__in=["", *store.by_name]).values_list("pk", flat=True)
        end(list(gone), Ended.GONE)
        end(list(unmapped), Ended.UNMAPPED)

    store.commit(work)
