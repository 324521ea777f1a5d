"""How a create happens once: what its intent keeps, how it is looked for, and how a copy that arrives late is known again.

`Capabilities.create_once` says by which means. With a marker (or an upsert by it) the record itself tells whose it is. With
an id or a key of ours the very same create may be sent again, so its intent keeps exactly what was sent. With neither, our own
account's new records are compared with what was sent, and a doubt goes to a person. Checked exhaustively in
tests/simulation/creates_model.py.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from django.db import connection
from django.db.models import Q

import values
from crm.fields import new_id
from integrations.adapters.base import Change, Record
from integrations.models import LinkState, RecordLink, Stream
from integrations.sync.intents import GHOST_SECONDS, WHOLE, living
from integrations.sync.merge import is_empty
from values import Value

if TYPE_CHECKING:
    from integrations.sync.store import Store

#: The very same create is sent again, with the same id or key and the same values; others are made anew from what holds then.
REPEATS = ("client_id", "key")
CLOCK_DOUBT = 300.0  # seconds by which the tool's clock may differ from ours


# --- before the request ---------------------------------------------------------------------------------------------


def stock_ids(store: Store, after: int, limit: int) -> None:
    """Have ids at hand for the creates among the next links, because no transaction may wait for the tool."""
    if store.can.create_once != "client_id":
        return
    next_ones = RecordLink.objects.filter(stream=store.stream, dirty=True, pk__gt=after).order_by("id")[:limit]
    states = next_ones.values_list("remote_id", "state")
    wanted = sum(remote_id is None or state in (LinkState.LOST, LinkState.GONE) for remote_id, state in states)
    missing = wanted - len(store.spare_ids)
    if missing > 0:
        store.spare_ids += store.adapter.new_ids(store.stream.collection, missing)


def create(store: Store, link: RecordLink, given: Mapping[str, Value]) -> Change | None:
    """A create that can be known again; None while no id for it is at hand."""
    means = store.can.create_once
    if means == "client_id" and not store.spare_ids:
        return None
    return Change(
        "create",
        given,
        id=store.spare_ids.pop(0) if means == "client_id" else None,
        marker=str(link.record_id),
        key=str(new_id()) if means == "key" else "",
    )


def kept(store: Store, change: Change) -> dict[str, Any]:
    """What the intent of a create keeps beside its fields. at: on the database's clock, which all workers share."""
    if store.can.create_once in ("upsert", "marker"):
        return {}  # the record's own marker tells
    with connection.cursor() as cursor:
        cursor.execute("SELECT extract(epoch FROM clock_timestamp())::float8")
        (at,) = cursor.fetchone()
    return {"at": at, "id": change.id, "key": change.key, "values": dict(change.values)}


# --- after an uncertain answer ----------------------------------------------------------------------------------------


def as_sent(link: RecordLink) -> Change:
    """The create of an open intent, exactly as it was sent."""
    intent = link.intent or {}
    sent = intent.get("values") or {}
    return Change("create", sent, id=intent.get("id"), marker=str(link.record_id), key=intent.get("key") or "")


def look(store: Store, links: Sequence[RecordLink]) -> tuple[list[Record], set[int]]:
    """(records that these open creates have made, marked as ours; links of which nobody can say), by a consistent read."""
    collection = store.stream.collection
    match store.can.create_once:
        case "upsert" | "marker":
            found = store.adapter.find(collection, [str(link.record_id) for link in links])
            return list({record.marker: record for record in reversed(found)}.values()), set()
        case "client_id":
            by_id = _by_id(links)
            found = store.adapter.fetch(collection, list(by_id)) if by_id else []
            return [_ours(record, by_id[record.id]) for record in found if record.id in by_id], set()
        case "search":
            made: dict[str, Record] = {}
            for link in links:
                since = dt.datetime.fromtimestamp((link.intent or {})["at"] - _doubt(store), dt.UTC)
                found = store.adapter.find_created(collection, since, as_sent(link))
                made |= {record.id: record for record in found if not record.deleted}
            marked, _records, doubtful = _claims(store, links, list(made.values()))
            return marked, doubtful
    return [], set()  # a key: the same request again tells


def recognise(store: Store, loose: Sequence[Record]) -> tuple[list[Record], list[Record]]:
    """Of unlinked records without a marker: (those that a create of ours made, marked; those of which nobody can say).

    Inside the caller's transaction; the links of uncertain creates are locked.
    """
    means = store.can.create_once
    if means not in ("client_id", "key", "search") or not any(r.made_by_us or means == "client_id" for r in loose):
        return [], []
    waits = Q(intent__isnull=False, remote_id=None) | Q(unsure=True)
    links = list(RecordLink.objects.select_for_update().filter(waits, stream=store.stream).order_by("id"))
    if means == "client_id":
        by_id = _by_id(links)
        return [_ours(record, by_id[record.id]) for record in loose if record.id in by_id], []
    marked, doubtful, _links = _claims(store, links, loose)
    return marked, doubtful


def _claims(
    store: Store, links: Sequence[RecordLink], records: Sequence[Record]
) -> tuple[list[Record], list[Record], set[int]]:
    """Compare what our account made with what was sent: (marked as ours, records in doubt, links in doubt).

    A record that two links claim, and a link that two records would fill, are in doubt. What comes after a link has its
    record is a second copy.
    """
    ours = [record for record in records if record.made_by_us]
    if not links or not ours:
        return [], [], set()
    home = store.stream.integration  # ids mean something within one account only
    same_account = Stream.objects.filter(integration__provider=home.provider, integration__account_id=home.account_id)
    same_table = list(same_account.filter(collection=store.stream.collection).values_list("pk", flat=True))
    taken = RecordLink.objects.filter(stream__in=same_table, remote_id__in=[record.id for record in ours])
    linked = set(taken.values_list("remote_id", flat=True))
    loose = [record for record in ours if record.id not in linked]
    owners = {record.id: [link for link in links if _may_have_made(store, link, record)] for record in loose}
    rivals = Counter(link.pk for found in owners.values() for link in found if link.remote_id is None)
    marked, doubtful, doubtful_links = [], [], set()
    for record in loose:
        found = owners[record.id]
        if len(found) == 1 and rivals[found[0].pk] <= 1:
            marked.append(_ours(record, found[0]))
        elif found:
            doubtful.append(record)
            doubtful_links |= {link.pk for link in found if link.remote_id is None}
    return marked, doubtful, doubtful_links


def _may_have_made(store: Store, link: RecordLink, record: Record) -> bool:
    """By the first match field that was sent with a value; without one, by all that was sent."""
    sent = _sent(store, link)
    names = [name for name in store.stream.match_fields if name in sent][:1] or list(sent)
    return bool(names) and all(
        any(_same(record.values.get(store.by_name[name].remote.id), value) and _since(store, record, at)
            for value, at in sent[name])
        for name in names
    )  # fmt: skip


def _sent(store: Store, link: RecordLink) -> dict[str, list[tuple[Value, float]]]:
    """{name: [(value as it should read back, sent at), …]} of every attempt whose outcome is not known."""
    sent: dict[str, list[tuple[Value, float]]] = {}
    intent = link.intent if link.remote_id is None else None
    for name, (_ours, reads_back) in (intent or {"fields": {}})["fields"].items():
        sent.setdefault(name, []).append((reads_back, (intent or {})["at"]))
    for name, attempts in link.ghosts.items():
        sent.setdefault(name, []).extend((reads_back, until - GHOST_SECONDS) for _ours, reads_back, until in attempts)
    told = {name: [one for one in attempts if not is_empty(one[0])] for name, attempts in sent.items()}
    return {name: attempts for name, attempts in told.items() if attempts and name in store.by_name}


def _same(theirs: Value, sent: Value) -> bool:
    return theirs == sent or (isinstance(theirs, str) and values.key(theirs) == values.key(sent))


def _since(store: Store, record: Record, at: float) -> bool:
    return record.created_at is None or record.created_at.timestamp() >= at - _doubt(store)


def _doubt(store: Store) -> float:
    return CLOCK_DOUBT + store.can.clock_seconds


def _by_id(links: Iterable[RecordLink]) -> dict[str, RecordLink]:
    """By every id with which they were to be created."""
    late = {made: link for link in links for made, _same in living(link.ghosts).get(WHOLE, ())}
    return late | {intent["id"]: link for link in links if (intent := link.intent) and intent.get("id")}


def _ours(record: Record, link: RecordLink) -> Record:
    return replace(record, marker=str(link.record_id), made_by_us=True)


def key_is_forgotten(store: Store, link: RecordLink, now: float) -> bool:
    """Whether the provider may not know the key any more, so that the same create again would be a second one."""
    return store.can.create_once == "key" and now - (link.intent or {})["at"] > store.can.key_seconds


def is_over(link: RecordLink, now: float) -> bool:
    """Whether a day has passed since the last attempt, after which no request is expected to arrive any more."""
    known = [until for attempts in link.ghosts.values() for _ours, _back, until in attempts]
    if link.intent:
        known.append(link.intent["at"] + GHOST_SECONDS)
    return now > max(known, default=link.linked_at.timestamp() + GHOST_SECONDS)
