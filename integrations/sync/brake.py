"""The brake: a run that would delete, or overwrite, more than a person would expect stops before that step and asks.

Counted per run and stream, on both sides, over all its slices: what is done stands in the run's counts, written by the
transaction that does it. An overwritten record is one of whose values that were not empty at least one becomes another, or none;
one that a long run overwrites again and again counts once. What an undo sets back is not counted: a person asked for that.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from django.db import connection

from integrations.models import Deletions, LinkState, RecordLink, Stream
from integrations.sync.merge import is_empty
from integrations.sync.tally import UNDO, Line

if TYPE_CHECKING:
    from integrations.sync.intend import Intended
    from integrations.sync.store import Store

#: So few stop a run only where a person has set a share below the usual one: small teams do edit most of what they have.
LEAST = {"deletes": 10, "overwrites": 100}
USUAL: dict[str, int] = {kind: Stream._meta.get_field(f"brake_{kind}").get_default() for kind in LEAST}  # type: ignore[union-attr]
CODES = {"deletes": "brake", "overwrites": "brake_overwrites"}
HALF = 0.5  # a collection that has lost more of its records than this looks broken, whatever the stream allows


class BrakeApplied(Exception):
    """The run stops and asks. code: "brake" or "brake_overwrites"."""

    def __init__(self, count: int, total: int, code: str = "brake") -> None:
        super().__init__(f"{count} of {total}")
        self.count, self.total, self.code = count, total, code


def weigh(store: Store) -> None:
    """Count what this transaction does. Raises BrakeApplied when it goes too far here.

    What is done there is done, and its answer must be stored: a transaction that does that is never stopped.
    """
    done = _count(store.tally.lines)
    if store.undoing:
        del done["deletes"]  # records that the run had made, which are linked no more
    here = _count(line for line in store.tally.lines if line.side == "here")
    for kind, number in done.items():
        if done == here:
            _check(store, kind, number, (line.record_id for line in store.tally.lines if _overwrites(line)))
        store.tally.counts[_key(store, kind)] += number


def before_sending(store: Store, intended: Sequence[Intended]) -> None:
    """Raises BrakeApplied when what is about to be sent goes too far. They know by which rules their fields go out."""
    linked = [one for one in intended if one.link.state == LinkState.LINKED]
    _check(store, "deletes", sum(one.change.deletes for one in linked))
    replaced = [str(one.link.record_id) for one in linked if _replaces(one)]
    _check(store, "overwrites", len(replaced), replaced)


def before_push(store: Store) -> None:
    """All our own deletions that are about to go out, before the first one does."""
    if store.stream.deletions not in (Deletions.ARCHIVE, Deletions.DELETE):
        return
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT count(*) FROM integrations_recordlink l WHERE stream_id = %s AND dirty AND state = 'linked'"
            " AND left_out = ''"
            f' AND NOT EXISTS (SELECT 1 FROM "{store.entity.table}" r WHERE r.id = l.record_id)',  # noqa: S608
            [store.stream.pk],
        )
        _check(store, "deletes", cursor.fetchone()[0])


def before_deleting(store: Store, count: int) -> None:
    """So many deletions there are known, and about to be followed here."""
    if store.stream.deletions in (Deletions.ARCHIVE, Deletions.DELETE):
        _check(store, "deletes", count)


def look_at_listing(store: Store, missing: int) -> None:
    """A complete listing lacks so many of the linked records: one that looks empty or halved stops the run at once."""
    if _is_free(store) or missing <= LEAST["deletes"]:
        return
    total = _linked(store)
    if missing > HALF * total:
        raise BrakeApplied(missing, total)


def _check(store: Store, kind: str, more: int, records: Iterable[str | None] = ()) -> None:
    """records: those that the step overwrites, to count each once when it comes to that."""
    count = store.run.counts.get(_key(store, kind), 0) + more
    share = store.stream.brake_deletes if kind == "deletes" else store.stream.brake_overwrites
    if not more or (share >= USUAL[kind] and count <= LEAST[kind]) or _is_free(store):
        return
    total = _linked(store)
    if kind == "deletes":  # what this run has deleted was linked when it began
        total += store.run.counts.get(_key(store, kind), 0)
    if kind == "overwrites" and count * 100 > share * total:
        count = len(_overwritten(store) | {str(one) for one in records})
        if share >= USUAL[kind] and count <= LEAST[kind]:
            return
    if count * 100 > share * total:
        raise BrakeApplied(count, total, CODES[kind])


def _is_free(store: Store) -> bool:
    """An approved plan is exactly what a person has asked for."""
    return store.stream.brake_lifted or store.run.trigger == "plan"


def _linked(store: Store) -> int:
    """Seen from outside the present transaction, which may have parted some already."""
    gone = sum(line.action == "deleted" and line.side == "here" for line in store.tally.lines)
    return RecordLink.objects.filter(stream=store.stream, state=LinkState.LINKED).count() + gone


def _key(store: Store, kind: str) -> str:
    return f"{kind}:{store.stream.pk}"


def _count(lines: Iterable[Line]) -> Counter[str]:
    counted: Counter[str] = Counter()
    for line in lines:
        if line.action == "deleted":
            counted["deletes"] += 1
        elif _overwrites(line):
            counted["overwrites"] += 1
    return counted


def _overwrites(line: Line) -> bool:
    return line.action == "updated" and any(
        not is_empty(old) and old != new and line.rules.get(name) != UNDO for name, (old, new) in line.changes.items()
    )


def _overwritten(store: Store) -> set[str]:
    """The records that this run has overwritten so far, from its lines."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT record_id::text FROM integrations_synclogline l"
            " WHERE run_id = %s AND action = 'updated' AND stream_id = %s AND EXISTS ("
            " SELECT 1 FROM jsonb_each(l.changes) c WHERE c.value -> 0 NOT IN ('null', 'false', '[]')"
            " AND l.rules ->> c.key IS DISTINCT FROM %s)",
            [store.run.pk, store.stream.pk, UNDO],
        )
        return {record_id for (record_id,) in cursor.fetchall()}


def _replaces(one: Intended) -> bool:
    """Whether a value that stands there would be another one, or none."""
    base = one.link.base_remote
    return one.change.action == "update" and any(
        not is_empty(base.get(name)) and base[name] != reads_back and one.rules.get(name) != UNDO
        for name, (_ours, reads_back) in one.fields.items()
    )
