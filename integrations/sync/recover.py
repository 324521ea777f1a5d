"""Close what an earlier run left open: look whether its writes of unknown outcome landed."""

from __future__ import annotations

import time
from collections.abc import Sequence

from django.db.models import Q
from django.utils.translation import gettext as _

from crm import registry
from integrations.models import LinkState, RecordLink, SetAside
from integrations.sync import creates, tables
from integrations.sync.apply import apply
from integrations.sync.intend import INTEND_BATCH, Intended
from integrations.sync.intents import close_intent, haunt_create
from integrations.sync.settle import send
from integrations.sync.store import Store
from integrations.sync.tally import Problem


def recover(store: Store) -> None:
    """Close what an earlier run left open: look whether those writes landed."""
    last = 0
    while True:
        links = list(
            RecordLink.objects.filter(stream=store.stream, intent__isnull=False, pk__gt=last).order_by("id")[
                :INTEND_BATCH
            ]
        )
        if not links:
            return
        last = links[-1].pk
        opened = [link for link in links if link.remote_id is None]
        others = [link for link in links if link.remote_id is not None]
        if opened:
            _recover_creates(store, opened)
        if others:
            _recover_others(store, others)


def _recover_creates(store: Store, links: Sequence[RecordLink]) -> None:
    landed, doubtful = creates.look(store, links)
    if landed:
        apply(store, landed)
    ids = [link.pk for link in links]
    again = store.commit(lambda: _reopen(store, ids, doubtful))
    size = max(1, store.can.batch)
    for start in range(0, len(again), size):
        send(store, again[start : start + size])


def _reopen(store: Store, ids: Sequence[int], doubtful: set[int]) -> list[Intended]:
    """What did not land so far: to be made anew, to be sent once more as it was (answered), or to be left to a person."""
    links = list(RecordLink.objects.select_for_update().filter(pk__in=ids, remote_id=None, intent__isnull=False))
    rows = registry.rows(store.entity, [link.record_id for link in links if link.record_id], lock=True)
    again, asked = [], []
    for link in links:
        row = rows.get(str(link.record_id))
        if link.pk in doubtful:
            asked.append((link, row))  # looked at again by every run, because a person may pair what it is mistaken for
        elif row is not None and creates.key_is_forgotten(store, link, time.time()):
            _expect(link)
            asked.append((link, row))
        elif store.can.create_once not in creates.REPEATS:
            _expect(link)  # it may still arrive, and will be known again then
        elif row is not None:
            link.dirty = True  # what was edited here since goes out as an update
            again.append(
                Intended(link, creates.as_sent(link), store.title(row), {}, stamp=row["updated_at"], again=True)
            )
    tables.save_links(links)
    _ask(store, links, asked)
    return again


def _expect(link: RecordLink) -> None:
    """An attempt without an answer: the next one is made from what holds then."""
    haunt_create(link)
    link.intent, link.dirty, link.unsure = None, True, True


def _ask(store: Store, links: Sequence[RecordLink], asked: Sequence[tuple[RecordLink, registry.Row | None]]) -> None:
    """Leave these to a person; whoever was asked before about one of the others is asked no more."""
    asides = SetAside.objects.filter(stream=store.stream, side="here", code="unsure_create")
    asides = asides.filter(record_id__in=[link.record_id for link in links])
    known = set(asides.values_list("record_id", flat=True))
    asides.exclude(record_id__in=[link.record_id for link, _row in asked]).delete()
    reason = _(
        "Raccord sent this record and never got an answer, and it cannot tell whether it stands there now."
        " Pair it with the one that does, or send it again."
    )
    for link, row in asked:
        if link.record_id not in known:
            title = store.title(row)
            store.problems.append(Problem("here", "unsure_create", reason, str(link.record_id), title=title))


def forget_gone(store: Store) -> None:
    """Creates of unknown outcome whose record is gone here end a day after their last attempt.

    Until then a late copy is known again and put away; and the day counts only when a reading that began after it was
    read to its end without showing one.
    """
    began = store.read_began
    if began is None or store.stream.listed_at is None:
        return
    waits = Q(unsure=True) | Q(intent__isnull=False)

    def forget() -> None:
        open_ones = RecordLink.objects.select_for_update().filter(waits, stream=store.stream, remote_id=None)
        links = [link for link in open_ones.order_by("id") if creates.is_over(link, began.timestamp())]
        rows = registry.rows(store.entity, [link.record_id for link in links if link.record_id])
        over = [link for link in links if str(link.record_id) not in rows]
        SetAside.objects.filter(stream=store.stream, record_id__in=[link.record_id for link in over]).delete()
        RecordLink.objects.filter(pk__in=[link.pk for link in over]).delete()

    if RecordLink.objects.filter(waits, stream=store.stream, remote_id=None).exists():
        store.commit(forget)


def _recover_others(store: Store, links: Sequence[RecordLink]) -> None:
    found = {r.id: r for r in store.adapter.fetch(store.stream.collection, [link.remote_id or "" for link in links])}
    apply(store, list(found.values()))  # closes their intents

    def reopen() -> None:
        rest = RecordLink.objects.select_for_update().filter(pk__in=[link.pk for link in links], intent__isnull=False)
        for link in rest:
            record = found.get(link.remote_id or "")
            if record is not None:
                close_intent(link, record, store)
            if link.intent and link.intent["action"] in ("delete", "erase"):
                link.state = LinkState.GONE
                link.remote_id = None if link.intent["action"] == "erase" else link.remote_id
            link.intent, link.dirty = None, link.state != LinkState.GONE
            tables.save_links([link])

    store.commit(reopen)
