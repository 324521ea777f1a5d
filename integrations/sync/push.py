"""Send out what changed here: intend, verify, send, settle.

The change feed only says where to look; what to send is decided from the present state against the base. No
transaction is open while the tool is asked anything. Every write can be found again if its answer is lost.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Iterator, Sequence
from functools import partial

from django.utils import timezone

from integrations.models import Matching
from integrations.sync import meeting, tables
from integrations.sync import pull as pulling
from integrations.sync.creates import stock_ids
from integrations.sync.intend import INTEND_BATCH, Intended, intend, wake_set_aside, withdraw
from integrations.sync.settle import send
from integrations.sync.store import Store
from integrations.sync.verify import verify

FRESH_SECONDS = 20  # an older reading does not tell any more whether somebody there has made the same record meanwhile


def look_through_feed(store: Store) -> None:
    """Mark what others changed here since the stream last looked."""
    if store.outbound:
        while store.commit(lambda: tables.mark_dirty_from_feed(store.stream, store.entity.name)):
            pass


def push(store: Store) -> Iterator[int]:
    """Send until nothing is left; yields after every settled batch how many records it held.

    Raises what the adapter raises for more than one record; the rest stays marked and goes out with the next run.
    """
    look_through_feed(store)
    store.commit(lambda: wake_set_aside(store))
    if store.commit(lambda: meeting.note_edits(store)):
        yield from meeting.look_again(store)
    last = 0
    met: set[int] = set()
    while True:
        stock_ids(store, last, INTEND_BATCH)
        seen, intended = store.commit(partial(intend, store, last))
        if not seen:
            return
        last = seen[-1]
        size = max(1, store.can.batch)
        for start in range(0, len(intended), size):
            chunk = intended[start : start + size]
            unmet = _unmet(store, chunk, met)
            if unmet:
                withdraw(store, intended[start:])
                last = chunk[0].link.pk - 1
                yield from _meet(store, unmet)
                break
            try:
                store.listen()
            except Exception:
                withdraw(store, intended[start:])
                raise
            try:
                send(store, verify(store, chunk))
            except Exception:
                withdraw(store, intended[start + size :])
                raise
        if store.partners:
            last = min(last, min(store.partners) - 1)
            store.met |= store.partners.keys()
            meeting.meet(store, sorted({one for some in store.partners.values() for one in some}))
        if intended:  # else no place to stop: the next slice would begin with the same ones that have just met
            yield len(intended)


def _unmet(store: Store, chunk: Sequence[Intended], met: set[int]) -> list[Intended]:
    """Creates that no reading since they exist here has had a chance to match; each is held up only once."""
    if store.stream.matching == Matching.CREATE_ONLY or not store.stream.match_fields or store.read_began is None:
        return []
    if store.virtual:
        return []
    stale = time.monotonic() - store.read_ended > FRESH_SECONDS
    creates = [one for one in chunk if one.change.action == "create" and one.link.pk not in met]
    unmet = [one for one in creates if stale or (one.born and store.read_began < one.born + _lag(store))]
    met.update(one.link.pk for one in unmet)
    return unmet


def _meet(store: Store, unmet: Sequence[Intended]) -> Iterator[int]:
    """Read what is new there, so that a record made on both sides at once is matched and not made twice."""
    young = [one.born + _lag(store) - timezone.now() for one in unmet if one.born]
    wait = min(max(young, default=dt.timedelta(0)), _lag(store)).total_seconds()
    if wait > 0:
        store.sleep(wait)
    for _count in pulling.pull(store):
        yield 0


def _lag(store: Store) -> dt.timedelta:
    return dt.timedelta(seconds=store.can.lag_seconds)
