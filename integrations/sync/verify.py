"""The read just before the write: a record that moved leaves the batch and is merged instead."""

from __future__ import annotations

from collections.abc import Sequence

from integrations.adapters.base import Change, Record
from integrations.models import RecordLink
from integrations.sync.apply import apply
from integrations.sync.intend import Intended, refuse_missing, withdraw
from integrations.sync.merge import is_empty
from integrations.sync.store import Store
from values import UNSEEN


def verify(store: Store, chunk: list[Intended]) -> list[Intended]:
    """Read just before writing: a record that moved leaves the batch and is merged instead."""
    looked_at = [one for one in chunk if _needs_look(store, one) and not store.virtual]
    if not looked_at:
        return chunk
    try:
        found = {
            r.id: r for r in store.adapter.fetch(store.stream.collection, [one.change.id or "" for one in looked_at])
        }
    except Exception:
        withdraw(store, chunk)
        raise
    ready, moved, missing = [], [], []
    for one in chunk:
        record = found.get(one.change.id or "")
        if one not in looked_at:
            ready.append(one)
        elif record is None:
            missing.append(one)
        elif record.deleted != (one.change.action == "restore") or _moved(store, one, record):
            moved.append((one, record))
        else:
            one.change = _with_current(one.change, record)
            ready.append(one)
    if moved and store.guard:
        store.guard.leave_moved([one for one, _record in moved])
    elif moved:
        _merge_instead(store, moved)
    if missing:
        store.commit(lambda: refuse_missing(store, missing))
    return ready


def _needs_look(store: Store, one: Intended) -> bool:
    """A version stands for a look, but not at fields that were never read, nor at what lies in the trash."""
    if one.change.action == "create":
        return False
    by_version = store.can.versions and one.change.version is not None
    return not by_version or any(name not in one.link.base_remote for name in one.fields)


def _with_current(change: Change, record: Record) -> Change:
    return Change(change.action, change.values, change.id, change.marker, change.key, record.version, record)


def _moved(store: Store, one: Intended, record: Record) -> bool:
    """Whether somebody there changed what we are about to write (before a deletion: anything that we keep in step)."""
    names = store.by_name if one.change.deletes else one.fields
    for name in names:
        mapped = store.by_name[name]
        if one.change.deletes and not mapped.rule.inbound:
            continue
        base = one.link.base_remote.get(name, UNSEEN)
        if base is not UNSEEN and record.values.get(mapped.remote.id, base) != base and not record.deleted:
            return True
        if base is UNSEEN and one.change.action == "update" and not is_empty(record.values.get(mapped.remote.id)):
            return True
    return False


def _merge_instead(store: Store, moved: Sequence[tuple[Intended, Record]]) -> None:
    ids = [one.link.pk for one, _record in moved]

    def withdraw() -> None:
        RecordLink.objects.filter(pk__in=ids).update(intent=None, dirty=True)

    apply(store, [record for _one, record in moved], before=withdraw)
