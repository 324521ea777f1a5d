"""One slice of a run: bring in, then send out, until nothing is left or the time is over.

The order: close what an earlier run left open, pull every stream (targets of relations first), give waiting
relations their other ends, push every stream; again while that made new work. Nothing here waits for anything but the tool.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial

from django.db.models import Q
from django.utils import timezone

from integrations.adapters import errors
from integrations.adapters.base import Record
from integrations.models import LinkState, RecordLink, Stream
from integrations.sync import brake, contests, drift, tables, undo
from integrations.sync import pull as pulling
from integrations.sync import push as pushing
from integrations.sync.apply import apply
from integrations.sync.guard import still_fits
from integrations.sync.recover import forget_gone, recover
from integrations.sync.slices import Cancelled, Slice, SliceOver, ending
from integrations.sync.store import Store
from values import Type

ROUNDS = 5  # a record that moves under our hands in every round waits for the next run


def work(turn: Slice, streams: Sequence[Stream]) -> None:
    """Bring the streams into step. Raises SliceOver, Cancelled, LeaseLost, BrakeApplied and the adapter's errors.

    What concerns one stream only (its table is gone, a mapped field is gone) is written on the stream, and the others go on.
    """
    if turn.run.plan and not still_fits(turn.run.plan, streams):
        return  # a mapping was changed since it was approved: nothing of it is right any more
    stores = []
    for stream in targets_first(streams):
        asked = ""
        with _own_trouble(turn, stream) as fine:
            asked = drift.look(turn.adapter, stream)
            store = turn.store(stream)
            if (
                stream.listed_at or not turn.run.undoes_id
            ):  # who takes back a first reading does not want the rest of it now
                _bring_in(turn, store)
            stores.append(store)
        _note(stream, fine, asked)
    if turn.run.undoes_id:
        undo.take_back(turn, stores, partial(_send_out, turn))
    _send_out(turn, stores)
    for store in stores:
        contests.end_orphans(store)
        if store.stream.brake_lifted:  # it was lifted for this run
            store.commit(partial(store.save_stream, brake_lifted=False))
        turn.report(store, "done")


def _send_out(turn: Slice, stores: Sequence[Store]) -> None:
    for _round in range(ROUNDS):
        end_waiting(stores)
        sent = 0
        for store in stores:
            if store.outbound and store.stream.listed_at:
                with _own_trouble(turn, store.stream):
                    sent += _push(turn, store)
        if not sent:
            return


def _bring_in(turn: Slice, store: Store) -> None:
    turn.report(store, "reading")
    if store.outbound:
        recover(store)
        if RecordLink.objects.filter(stream=store.stream).exclude(ghosts={}).exists():
            store.own_id = turn.adapter.own_id()  # now, because no transaction may wait for the tool
    _each(turn, pulling.pull(store))
    _each(turn, pulling.read_marked(store))
    if pulling.sweep_is_due(store):
        turn.report(store, "listing")
        _each(turn, pulling.sweep(store))
    if store.outbound:
        forget_gone(store)


# --- trouble of one stream ------------------------------------------------------------------------------------------


@contextmanager
def _own_trouble(turn: Slice, stream: Stream) -> Iterator[list[bool]]:
    """Write down what concerns this stream alone; answers an empty list when there was trouble."""
    fine = [True]
    try:
        yield fine
    except brake.BrakeApplied as error:  # stops the whole run, but says here which table it was
        fine.clear()
        turn.lease.hold()
        Stream.objects.filter(pk=stream.pk).update(
            problem_code=error.code, problem_detail=f"{error.count} of {error.total}"
        )
        raise
    except errors.AdapterError as error:
        if error.concerns != "stream":
            raise
        fine.clear()
        turn.lease.hold()
        stream.problem_code, stream.problem_detail = error.code, str(error)[:2000]
        Stream.objects.filter(pk=stream.pk).update(problem_code=error.code, problem_detail=stream.problem_detail)


def _note(stream: Stream, fine: list[bool], asked: str) -> None:
    """A trouble that is over is forgotten; fields that are gone are asked about while the others go on."""
    code = drift.ASKS if asked else ""
    if fine and (stream.problem_code, stream.problem_detail) != (code, asked):
        stream.problem_code, stream.problem_detail = code, asked
        Stream.objects.filter(pk=stream.pk).update(problem_code=code, problem_detail=asked)


def _push(turn: Slice, store: Store) -> int:
    if store.stream.exported_at is None:
        _queue_first_export(store)
    pushing.look_through_feed(store)
    brake.before_push(store)
    sent = 0
    for count in pushing.push(store):
        sent += count
        turn.report(store, "sending")
        turn.check()
    for count in pulling.read_marked(store):  # what takes part again by an edit here meets the other side at once
        sent += count
        turn.check()
    return sent


def _queue_first_export(store: Store) -> None:
    """Once everything there is known, what stands only here is to be created there."""

    def queue() -> None:
        tables.queue_all(store.stream, store.entity.table)
        store.save_stream(exported_at=timezone.now())

    store.adapter.prepare(store.stream.collection)
    store.commit(queue)


def _each(turn: Slice, steps: Iterator[int]) -> None:
    try:
        for _count in steps:
            turn.check()
    finally:
        steps.close()  # type: ignore[attr-defined]  # ends the fetching thread at once


def end_waiting(stores: Iterable[Store]) -> None:
    """Relations that waited for their other end: merge what was read then, send what could not go out."""
    for store in stores:
        linked = RecordLink.objects.filter(
            stream=store.stream, state__in=(LinkState.NEW, LinkState.LINKED), intent__isnull=True, left_out=""
        )
        waiting = linked.filter(Q(waits_out=True) | ~Q(waiting={}))
        last = 0
        while links := list(waiting.filter(pk__gt=last).order_by("pk")[: pulling.GATHER]):
            last = links[-1].pk
            records = [_as_read(store, link) for link in links if link.waiting and link.remote_id]
            if records:
                apply(store, records, retold=True)
            out = [link.pk for link in links if link.waits_out]
            if out:
                RecordLink.objects.filter(pk__in=out).update(dirty=True)


def _as_read(store: Store, link: RecordLink) -> Record:
    """The waiting fields as a reading of their own: the other fields were not told."""
    values = {store.by_name[name].remote.id: value for name, value in link.waiting.items() if name in store.by_name}
    return Record(
        link.remote_id or "", values, edited_at=link.remote_edited_at, version=link.remote_version, url=link.remote_url
    )


def targets_first(streams: Sequence[Stream]) -> list[Stream]:
    """Streams whose entity others point to come first, so that relations find their other end."""
    from crm import registry

    pointed: dict[str, set[str]] = {}
    for stream in streams:
        entity = registry.entity(stream.entity)
        local = {m.local for m in stream.mappings.all()}
        pointed[stream.entity] = {
            f.target
            for name, f in entity.fields.items()
            if f.type is Type.RELATION and name in local and f.target != stream.entity
        }
    ordered: list[Stream] = []
    rest = list(streams)
    while rest:
        done = {stream.entity for stream in ordered}
        open_entities = {stream.entity for stream in rest}
        ready = [s for s in rest if not (pointed[s.entity] & open_entities) - done] or rest[:1]
        ordered += ready
        rest = [s for s in rest if s not in ready]
    return ordered


__all__ = ["Cancelled", "Slice", "SliceOver", "ending", "work"]
