"""Bring in what changed remotely. Safe to repeat, in whole or in part.

Pages are fetched ahead in a thread while earlier ones are applied; several pages share a transaction, because 500
records at once cost little more than 100. Memory holds a few pages, however large the collection.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.db import connection
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext as _

from integrations.adapters.base import Page, Record
from integrations.models import HeldRecord, LinkState, RecordLink, SetAside
from integrations.sync import match, tables
from integrations.sync.apply import apply, forget_held
from integrations.sync.store import Store
from integrations.sync.tally import Problem

GATHER = 500  # records per transaction
AHEAD = 6  # pages fetched before they are needed
FETCH = 50  # ids looked up at once where the listing does not tell
BRAKE_SHARE, BRAKE_LEAST = 0.3, 10


class BrakeApplied(Exception):
    """A run would delete more than a person would expect: it stops and asks."""

    def __init__(self, count: int, total: int) -> None:
        super().__init__(f"{count} of {total}")
        self.count, self.total = count, total


def pull(store: Store) -> Iterator[int]:
    """Read on from the checkpoint; yields the number of records between two stored steps.

    Not after the last one: a reading of one step is no place to stop, or slow answers would keep a run from ever going on.
    """
    cursor = store.stream.cursor or None
    began = timezone.now()
    whole, deleted, stored = False, 0, 0
    pages = store.adapter.read(store.stream.collection, cursor, store.remote_fields)
    with _ahead(pages) as fetched:
        for records, page in _gathered(fetched):
            if stored:
                yield stored
            advance: dict[str, Any] = {"cursor": page.cursor} if page.cursor is not None else {}
            store.run.counts["read"] = store.run.counts.get("read", 0) + len(records)
            deleted += _count_linked(store, [r.id for r in records if r.deleted])
            if deleted:
                _brake(store, deleted)
            apply(store, records, listed=True, **advance)
            whole, stored = page.whole, len(records) or 1
    store.read_began, store.read_ended = began, time.monotonic()
    if store.stream.listed_at is None:
        yield from match_held(store)
        now = timezone.now()
        swept = {"swept_at": now} if whole else {}
        store.commit(lambda: store.save_stream(listed_at=now, **swept))
    yield from _retry_there(store)


def _gathered(pages: Iterator[Page]) -> Iterator[tuple[list[Record], Page]]:
    """Pages joined until they are worth a transaction; the cursor is the last page's."""
    records: list[Record] = []
    page: Page | None = None
    for page in pages:
        records.extend(page.records)
        if len(records) >= GATHER:
            yield records, page
            records, page = [], None
    if page is not None:
        yield records, page


@contextmanager
def _ahead(pages: Iterator[Page]) -> Iterator[Iterator[Page]]:
    """Iterate in a thread, a few pages ahead. Leaving the block stops the thread; its errors are raised here."""
    ready: queue.Queue[Page | BaseException | None] = queue.Queue(AHEAD)
    stop = threading.Event()

    def put(item: Page | BaseException | None) -> None:
        while not stop.is_set():
            try:
                ready.put(item, timeout=0.2)
                return
            except queue.Full:
                continue

    def fetch() -> None:
        try:
            for page in pages:
                put(page)
                if stop.is_set():
                    return
            put(None)
        except BaseException as error:
            put(error)
        finally:
            connection.close()  # the thread's own, if something opened one

    def arrived() -> Iterator[Page]:
        while (item := ready.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item

    thread = threading.Thread(target=fetch, name="fetch-ahead", daemon=True)
    thread.start()
    try:
        yield arrived()
    finally:
        stop.set()
        thread.join(timeout=settings.PROVIDER_TIMEOUT_SECONDS)


# --- matching when the first listing is whole -----------------------------------------------------------------------


def match_held(store: Store) -> Iterator[int]:
    """Decide the records that were held back, group by group."""
    while held := match.next_held(store):
        records = [match.unpack(one.record) for one in held]

        def forget(held: Sequence[HeldRecord] = held) -> None:
            forget_held(store, held)

        apply(store, records, before=forget, matches=match.decide(store, held))
        yield len(records)


def _retry_there(store: Store) -> Iterator[int]:
    """Read again what was set aside on their side and whose waiting time is over."""
    due = SetAside.objects.filter(stream=store.stream, side="there").exclude(retry_at__gt=timezone.now())
    waiting = due.exclude(remote_id="").order_by(F("retry_at").asc(nulls_first=True), "id")
    ids = list(dict.fromkeys(waiting.values_list("remote_id", flat=True)[:FETCH]))
    if ids:
        found = store.adapter.fetch(store.stream.collection, ids)
        apply(store, found)
        alive = {record.id for record in found if not record.deleted}
        store.commit(lambda: tables.forget_vanished(store.stream, [pk for pk in ids if pk not in alive]))
        yield len(found)
    store.commit(lambda: _free_ambiguous(store))


def _free_ambiguous(store: Store) -> None:
    """Ours were held back because theirs could not be told apart; when no such one is left, they are looked at again."""
    asides = SetAside.objects.filter(stream=store.stream, code="ambiguous")
    if asides.filter(side="here").exists() and not asides.filter(side="there").exists():
        ours = list(asides.filter(side="here").values_list("record_id", flat=True))
        asides.delete()
        RecordLink.objects.filter(stream=store.stream, record_id__in=ours).update(dirty=True)


# --- deletions that increments cannot see ---------------------------------------------------------------------------


def sweep_is_due(store: Store) -> bool:
    swept = store.stream.swept_at
    if store.can.sees_deletions or store.stream.listed_at is None:
        return False
    return swept is None or (timezone.now() - swept).total_seconds() >= settings.SWEEP_HOURS * 3600


def sweep(store: Store) -> Iterator[int]:
    """List everything once, merge it, and look closer at linked records that a complete listing did not contain."""
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMP TABLE IF NOT EXISTS sweep_seen (remote_id text PRIMARY KEY)")
        cursor.execute("DELETE FROM sweep_seen")
    whole = False
    with _ahead(store.adapter.read(store.stream.collection, None, store.remote_fields)) as fetched:
        for records, page in _gathered(fetched):
            store.run.counts["read"] = store.run.counts.get("read", 0) + len(records)
            apply(store, records, listed=True)
            _note_seen(records)
            whole = page.whole
            yield len(records)
    if not whole:
        return  # an incomplete listing says nothing about what it did not contain
    missing = _missing(store)
    gone = [record for part in _parts(missing) for record in _look_closer(store, part)]
    _brake(store, len(gone))
    for part in _parts(gone):
        apply(store, part)
        yield len(part)
    store.commit(lambda: store.save_stream(swept_at=timezone.now()))


def _note_seen(records: Sequence[Record]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO sweep_seen SELECT unnest(%s::text[]) ON CONFLICT DO NOTHING",
            [[r.id for r in records if not r.deleted]],
        )


def _missing(store: Store) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT remote_id FROM integrations_recordlink l WHERE stream_id = %s AND state = 'linked'"
            " AND remote_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM sweep_seen s WHERE s.remote_id = l.remote_id)",
            [store.stream.pk],
        )
        return [remote_id for (remote_id,) in cursor.fetchall()]


def _look_closer(store: Store, ids: Sequence[str]) -> list[Record]:
    """Read by id: those in the trash are deleted; those that nobody can read may be unshared, so they only wait."""
    found = {record.id: record for record in store.adapter.fetch(store.stream.collection, ids)}
    silent = [remote_id for remote_id in ids if remote_id not in found]

    def quarantine() -> None:
        links = RecordLink.objects.filter(stream=store.stream, remote_id__in=silent, state=LinkState.LINKED)
        for link in links:
            reason = _("This record is neither in the table nor in its trash: removed for good, or no longer shared.")
            store.problems.append(
                Problem(
                    "there",
                    "vanished",
                    reason,
                    str(link.record_id),
                    link.remote_id or "",
                    str(link.base_local.get(store.entity.title) or ""),
                )  # fmt: skip
            )

    if silent:
        store.commit(quarantine)
    return [record for record in found.values() if record.deleted]


def _count_linked(store: Store, ids: Sequence[str]) -> int:
    """How many records of ours would go with these."""
    if not ids:
        return 0
    return RecordLink.objects.filter(stream=store.stream, remote_id__in=ids, state=LinkState.LINKED).count()


def _brake(store: Store, count: int) -> None:
    total = RecordLink.objects.filter(stream=store.stream, state=LinkState.LINKED).count()
    if count > max(BRAKE_LEAST, BRAKE_SHARE * total) and not store.stream.brake_lifted:
        raise BrakeApplied(count, total)


def brake_before_push(store: Store) -> None:
    """Our own deletions that are about to go out count as well."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT count(*) FROM integrations_recordlink l WHERE stream_id = %s AND dirty AND state = 'linked'"
            f' AND NOT EXISTS (SELECT 1 FROM "{store.entity.table}" r WHERE r.id = l.record_id)',  # noqa: S608
            [store.stream.pk],
        )
        _brake(store, cursor.fetchone()[0])


def _parts(items: list, size: int = FETCH) -> Iterator[list]:
    for start in range(0, len(items), size):
        yield items[start : start + size]


__all__ = ["BrakeApplied", "brake_before_push", "match_held", "pull", "sweep", "sweep_is_due"]
