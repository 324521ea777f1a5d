"""Bring in what changed remotely. Safe to repeat, in whole or in part.

Pages are fetched ahead in a thread while earlier ones are applied; several pages share a transaction, because 500
records at once cost little more than 100. Memory holds a few pages, however large the collection.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

from django.conf import settings
from django.db import connection
from django.db.models import F
from django.utils import timezone

from integrations.adapters.base import Page, Record
from integrations.models import SetAside, SweptRecord
from integrations.sync import brake, tables
from integrations.sync.apply import apply
from integrations.sync.meeting import look_again, look_at_unlisted, match_held
from integrations.sync.reread import FETCH, quarantine, read_marked
from integrations.sync.store import Store

GATHER, GATHER_CROWDED = 500, 100  # records per transaction
GATHER_SECONDS = 1.0  # a slow tool's pages are stored one by one: they are shown, and a cancelled run stops there
LISTEN_SECONDS = 0.5  # how soon somebody is heard while a page is waited for
CLOSE_SECONDS = 2.0  # how long a reading that is given up may take to end
LISTED = "listed"  # Stream.sweep_cursor when the listing is through and only what it lacked is to be looked at
RETRIES = 1000  # records that were set aside and are read again in one run
AHEAD = 6  # pages fetched before they are needed


def pull(store: Store) -> Iterator[int]:
    """Read on from the checkpoint; yields the number of records between two stored steps.

    Not after the last one: a reading of one step is no place to stop, or slow answers would keep a run from ever going on.
    """
    cursor = store.stream.cursor or None
    began = timezone.now()
    whole, stored = False, 0
    pages = store.adapter.read(store.stream.collection, cursor, store.remote_fields)
    with _ahead(pages, store) as fetched:
        for records, page in _gathered(fetched, store):
            if stored and store.stream.cursor != (cursor or ""):  # else it could not go on from here
                yield stored
            advance: dict[str, Any] = {"cursor": page.cursor} if page.cursor is not None else {}
            store.run.counts["read"] = store.run.counts.get("read", 0) + len(records)
            apply(store, records, listed=True, **advance)
            whole, stored = page.whole, len(records) or 1
    store.read_began, store.read_ended = began, time.monotonic()
    if store.stream.listed_at is None:
        yield from match_held(store)
        now = timezone.now()
        swept = {"swept_at": now} if whole else {}
        store.commit(lambda: store.save_stream(listed_at=now, **swept))
    yield from _retry_there(store)
    yield from look_again(store)


class _Fetched:
    """Pages as they arrive from the fetching thread. None stands for the end of the listing."""

    def __init__(self, listen: Callable[[], None]) -> None:
        self.ready: queue.Queue[Page | BaseException | None] = queue.Queue(AHEAD)
        self.stop = threading.Event()
        self.listen = listen

    def put(self, item: Page | BaseException | None) -> None:
        while not self.stop.is_set():
            try:
                self.ready.put(item, timeout=0.2)
                return
            except queue.Full:
                continue

    def take(self, until: float | None = None) -> Page | None:
        """The next page. Raises queue.Empty when none has come `until` then, and what the fetching raised."""
        while True:
            left = LISTEN_SECONDS if until is None else min(LISTEN_SECONDS, until - time.monotonic())
            try:
                item = self.ready.get(timeout=left) if left > 0 else self.ready.get_nowait()
            except queue.Empty:
                if until is not None and time.monotonic() >= until:
                    raise
                self.listen()
                continue
            if isinstance(item, BaseException):
                raise item
            return item


def _gathered(fetched: _Fetched, store: Store) -> Iterator[tuple[list[Record], Page]]:
    """Pages joined until they are worth a transaction, or the next one is long in coming; the cursor is the last page's."""
    while (page := fetched.take()) is not None:
        records = list(page.records)
        until, following = time.monotonic() + GATHER_SECONDS, page
        while len(records) < (GATHER_CROWDED if store.is_crowded() else GATHER):
            try:
                taken = fetched.take(until)
            except queue.Empty:
                break
            if taken is None:
                yield records, following
                return
            following = taken
            records.extend(taken.records)
        yield records, following


@contextmanager
def _ahead(pages: Iterator[Page], store: Store) -> Iterator[_Fetched]:
    """Iterate in a thread, a few pages ahead. Leaving the block stops the thread; its errors are raised here.

    What `store.listen` raises while a page is waited for ends the reading.
    """
    fetched = _Fetched(store.listen)

    def fetch() -> None:
        try:
            for page in pages:
                fetched.put(page)
                if fetched.stop.is_set():
                    return
                store.stand_aside()
            fetched.put(None)
        except BaseException as error:
            fetched.put(error)
        finally:
            connection.close()  # the thread's own, if something opened one

    thread = threading.Thread(target=fetch, name="fetch-ahead", daemon=True)
    thread.start()
    try:
        yield fetched
    finally:
        fetched.stop.set()
        thread.join(timeout=CLOSE_SECONDS)


# --- what was set aside ----------------------------------------------------------------------------------------------


def _retry_there(store: Store) -> Iterator[int]:
    """Read again what was set aside on their side and whose waiting time is over."""
    due = SetAside.objects.filter(stream=store.stream, side="there").exclude(retry_at__gt=timezone.now())
    waiting = due.exclude(remote_id="").exclude(code="ambiguous").order_by(F("retry_at").asc(nulls_first=True), "id")
    ids = list(dict.fromkeys(waiting.values_list("remote_id", flat=True)[:RETRIES]))
    for part in _parts(ids):
        found = store.adapter.fetch(store.stream.collection, part)
        apply(store, found)
        alive = {record.id for record in found if not record.deleted}
        gone = [pk for pk in part if pk not in alive]
        store.commit(partial(tables.put_off, store.stream, part, gone))
        yield len(found)


# --- deletions that increments cannot see ---------------------------------------------------------------------------


def sweep_is_due(store: Store) -> bool:
    swept = store.stream.swept_at
    if store.can.sees_deletions or store.stream.listed_at is None:
        return False
    return swept is None or (timezone.now() - swept).total_seconds() >= settings.SWEEP_HOURS * 3600


def sweep(store: Store) -> Iterator[int]:
    """List everything once, merge it, and look closer at linked records that the listing did not contain.

    It may end at any yield, or be killed anywhere: what was seen is stored with how far it came, and the next call goes on.
    """
    if not store.stream.sweep_cursor:
        store.commit(partial(_forget_swept, store))
    if store.stream.sweep_cursor != LISTED:
        is_listed = yield from _list_all(store)
        if not is_listed:
            return  # an incomplete listing says nothing about what it did not contain
    try:
        brake.look_at_listing(store, tables.count_missing(store.stream))
        yield from _look_at_missing(store)
        yield from look_at_unlisted(store)
        brake.before_deleting(store, SweptRecord.objects.filter(stream=store.stream, gone=True).count())
    except brake.BrakeApplied:
        store.commit(partial(store.save_stream, sweep_cursor=""))  # until somebody answers, all this may be different
        raise
    yield from _follow(store)
    store.commit(partial(_forget_swept, store, swept_at=timezone.now(), sweep_cursor=""))


def _list_all(store: Store) -> Generator[int, None, bool]:
    """Answers whether the listing is through.

    One that was gone on with need not say that it is whole: whatever it lacks is read by id before it is believed, so a gap
    costs requests and nothing else.
    """
    begun = store.stream.sweep_cursor.removeprefix("at:")
    is_whole, stored = False, 0
    pages = store.adapter.read(store.stream.collection, begun or None, store.remote_fields)
    with _ahead(pages, store) as fetched:
        for records, page in _gathered(fetched, store):
            if stored:  # not after the last one: that the listing is through is still to be stored
                yield stored
            store.run.counts["read"] = store.run.counts.get("read", 0) + len(records)
            place: dict[str, Any] = {"sweep_cursor": f"at:{page.cursor}"} if page.cursor else {}
            apply(store, records, before=partial(_note_seen, store, records), listed=True, **place)
            is_whole, stored = page.whole, len(records) if place else 0  # without one it could not go on from here
    is_listed = is_whole or bool(begun)
    store.commit(partial(store.save_stream, sweep_cursor=LISTED if is_listed else ""))
    return is_listed


def _forget_swept(store: Store, **reached: object) -> None:
    SweptRecord.objects.filter(stream=store.stream).delete()
    if reached:
        store.save_stream(**reached)


def _note_seen(store: Store, records: Sequence[Record]) -> None:
    tables.note_swept(store.stream, [record.id for record in records if not record.deleted])


def _look_at_missing(store: Store) -> Iterator[int]:
    while missing := tables.not_swept(store.stream, FETCH):
        gone = [record.id for record in _look_closer(store, missing)]

        def note(ids: Sequence[str] = missing, gone: Sequence[str] = gone) -> None:
            tables.note_swept(store.stream, ids, gone)

        store.commit(note)
        yield len(missing)


def _follow(store: Store) -> Iterator[int]:
    """What lies in their trash goes here too, read once more: it may have been taken out again."""
    swept = SweptRecord.objects.filter(stream=store.stream, gone=True)
    while ids := list(swept.order_by("id").values_list("remote_id", flat=True)[:FETCH]):
        found = [record for record in store.adapter.fetch(store.stream.collection, ids) if record.deleted]

        def note(ids: Sequence[str] = ids) -> None:
            SweptRecord.objects.filter(stream=store.stream, remote_id__in=ids).update(gone=False)

        apply(store, found, before=note)
        yield len(ids)


def _look_closer(store: Store, ids: Sequence[str]) -> list[Record]:
    """Read by id: those in the trash are deleted; those that nobody can read may be unshared, so they only wait."""
    found = {record.id: record for record in store.adapter.fetch(store.stream.collection, ids)}
    silent = [remote_id for remote_id in ids if remote_id not in found]
    if silent:
        store.commit(lambda: quarantine(store, silent))
    return [record for record in found.values() if record.deleted]


def _parts(items: list, size: int = FETCH) -> Iterator[list]:
    for start in range(0, len(items), size):
        yield items[start : start + size]


__all__ = ["match_held", "pull", "read_marked", "sweep", "sweep_is_due"]
