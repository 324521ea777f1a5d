"""Send out what changed here: intend, verify, send, settle.

The change feed only says where to look; what to send is decided from the present state against the base. No
transaction is open while the tool is asked anything. Every write can be found again if its answer is lost.
"""

from __future__ import annotations

import datetime as dt
import logging
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _

from crm import registry
from integrations.adapters import errors
from integrations.adapters.base import Change, Record, Result
from integrations.models import Deletions, LinkState, Matching, RecordLink, SetAside
from integrations.sync import pull as pulling
from integrations.sync import tables
from integrations.sync.apply import GHOST_SECONDS, apply, as_uuid, close_intent, haunt, load_relations, take_created
from integrations.sync.merge import Waiting, is_empty
from integrations.sync.store import Store
from integrations.sync.tally import Line, Problem
from values import UNSEEN, Type, Unfit, Value

log = logging.getLogger(__name__)

INTEND_BATCH = 100
FRESH_SECONDS = 20  # an older reading does not tell any more whether somebody there has made the same record meanwhile


@dataclass(slots=True)
class Intended:
    """A write that is stored and about to be sent. old: our side's base, for the run's line. stamp, born: of our record."""

    link: RecordLink
    change: Change
    title: str
    old: dict[str, Value]
    stamp: str = ""
    born: dt.datetime | None = None

    @property
    def fields(self) -> dict[str, list[Value]]:
        """{name: [our value, as it should read back]} of the intent."""
        return (self.link.intent or {}).get("fields", {})


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
    store.commit(lambda: _wake_set_aside(store))
    last = 0
    met: set[int] = set()
    while True:
        seen, intended = store.commit(partial(intend, store, last))
        if not seen:
            return
        last = seen[-1]
        size = max(1, store.can.batch)
        for start in range(0, len(intended), size):
            chunk = intended[start : start + size]
            unmet = _unmet(store, chunk, met)
            if unmet:
                _withdraw(store, intended[start:])
                last = chunk[0].link.pk - 1
                yield from _meet(store, unmet)
                break
            try:
                _send(store, _verify(store, chunk))
            except Exception:
                _withdraw(store, intended[start + size :])
                raise
        yield len(intended)


def _unmet(store: Store, chunk: Sequence[Intended], met: set[int]) -> list[Intended]:
    """Creates that no reading since they exist here has had a chance to match; each is held up only once."""
    if store.stream.matching == Matching.CREATE_ONLY or not store.stream.match_fields or store.read_began is None:
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
        time.sleep(wait)
    for _count in pulling.pull(store):
        yield 0


def _lag(store: Store) -> dt.timedelta:
    return dt.timedelta(seconds=store.can.lag_seconds)


# --- intend ---------------------------------------------------------------------------------------------------------


def intend(store: Store, after: int) -> tuple[list[int], list[Intended]]:
    """Store what is about to be written, for the next links that are to be looked at."""
    links = list(
        RecordLink.objects.select_for_update()
        .filter(stream=store.stream, dirty=True, pk__gt=after)
        .order_by("id")[:INTEND_BATCH]
    )
    if not links:
        return [], []
    rows = registry.rows(store.entity, [link.record_id for link in links if link.record_id], lock=True)
    blocked = tables.blocked_fields(store.stream, links)
    load_relations(store, _relations(store, rows))
    intended, over = [], []
    for link in links:
        row = rows.get(str(link.record_id)) if link.record_id else None
        link.dirty = False
        if link.intent is not None:
            continue  # its outcome is unknown: recovery looks first
        planned = _plan(store, link, row, blocked.get(str(link.record_id), {}))
        if planned is not None:
            planned.stamp = row["updated_at"] if row else ""
            planned.born = dt.datetime.fromisoformat(row["created_at"]) if row else None
            intended.append(planned)
        elif link.state == LinkState.NEW and row is None and not link.unsure:  # a create that may arrive is waited for
            over.append(link.pk)
    tables.save_links(links)
    _forget_refusals(store, links, rows, {one.link.pk for one in intended})
    if over:
        RecordLink.objects.filter(pk__in=over).delete()
    return [link.pk for link in links], intended


def _forget_refusals(store: Store, links: list[RecordLink], rows: dict[str, registry.Row], going: set[int]) -> None:
    """What was refused and has been taken back, or edited away, is no trouble any more."""
    by_record = {str(link.record_id): link for link in links if str(link.record_id) in rows}
    over = []
    for one in SetAside.objects.filter(stream=store.stream, side="here", record_id__in=list(by_record)):
        link, row = by_record[str(one.record_id)], rows[str(one.record_id)]
        if one.field:
            read = store.readers.get(one.field)
            ended = read is None or read(row) == link.base_local.get(one.field, UNSEEN)
        else:
            edited = bool(one.fingerprint) and not _still(one.fingerprint, row["updated_at"])
            ended = edited and link.pk not in going
        if ended:
            over.append(one.pk)
    if over:
        SetAside.objects.filter(pk__in=over).delete()


def _plan(store: Store, link: RecordLink, row: registry.Row | None, blocked: dict[str, str]) -> Intended | None:
    if link.state == LinkState.EXTRA:
        return _intended(link, Change("delete", id=link.remote_id, version=link.remote_version), {}, "", {})
    if row is None:
        return _plan_deletion(store, link)
    if blocked.get("", None) is not None and _still(blocked[""], row["updated_at"]):
        return None
    if link.state == LinkState.NEW and store.stream.matching == Matching.MATCH_ONLY:
        return None
    if link.state == LinkState.UNLINKED or not store.outbound:
        return None
    if link.state == LinkState.GONE:
        link.state = LinkState.LOST  # the record was brought back here
    fields, values = _changed_fields(store, link, row, blocked)
    title = store.title(row)
    if link.state == LinkState.NEW or (link.state == LinkState.LOST and not store.can.restore):
        marker = str(link.record_id)
        if link.state == LinkState.LOST:
            link.remote_id, link.base_local, link.base_remote, link.ghosts, link.waiting = None, {}, {}, {}, {}
            fields, values = _changed_fields(store, link, row, blocked)
            link.state = LinkState.NEW
        given = {name: value for name, value in values.items() if not is_empty(value) or value is False}
        change = Change("create", given, marker=marker, key=f"{store.stream.pk}:{marker}")
        return _intended(link, change, fields, title, {})
    if link.state == LinkState.LOST:
        return _intended(link, Change("restore", values, id=link.remote_id), fields, title, {})
    if not fields:
        return None
    old = {name: link.base_local.get(name) for name in fields}
    return _intended(link, Change("update", values, id=link.remote_id, version=link.remote_version), fields, title, old)


def _plan_deletion(store: Store, link: RecordLink) -> Intended | None:
    if link.state != LinkState.LINKED:
        return None
    if store.stream.deletions == Deletions.IGNORE or not store.can.delete or not store.outbound:
        link.state = LinkState.UNLINKED
        return None
    title_of = link.base_local.get(store.entity.title)
    return _intended(
        link, Change("delete", id=link.remote_id, version=link.remote_version), {}, str(title_of or ""), {}
    )


def _intended(link: RecordLink, change: Change, fields: dict[str, Any], title: str, old: dict[str, Value]) -> Intended:
    link.intent = {"action": change.action, "fields": fields, "at": time.time()}
    return Intended(link, change, title, old)


def _changed_fields(
    store: Store, link: RecordLink, row: registry.Row, blocked: dict[str, str]
) -> tuple[dict[str, list[Value]], dict[str, Value]]:
    """({name: [ours, as it should read back]}, {remote field id: value to send}) of what differs from our base."""
    fields: dict[str, list[Value]] = {}
    values: dict[str, Value] = {}
    link.waits_out = False
    for mapped in store.mapped:
        if not mapped.rule.outbound:
            continue
        ours, base = store.readers[mapped.name](row), link.base_local.get(mapped.name, UNSEEN)
        if ours == base or mapped.name in link.waiting:
            continue
        if base is UNSEEN and is_empty(ours) and link.remote_id:
            continue  # never agreed on: our being empty says nothing
        if mapped.name in blocked and _still(blocked[mapped.name], ours):
            continue
        try:
            theirs = mapped.to_remote(ours, link.base_remote.get(mapped.name), store.around)
        except Unfit as error:
            store.problems.append(_problem(store, link, row, mapped.name, "unfit", str(error), ours))
            continue
        if isinstance(theirs, Waiting):
            link.waits_out = True
            continue
        fields[mapped.name] = [ours, store.adapter.reads_back(mapped.remote, theirs)]
        values[mapped.remote.id] = theirs
    return fields, values


def _still(fingerprint: str, value: Value) -> bool:
    """Whether what was set aside is still what it was; an empty fingerprint means whatever the value is."""
    return not fingerprint or fingerprint == tables.fingerprint(value)


def _problem(
    store: Store, link: RecordLink, row: registry.Row | None, field: str, code: str, reason: str, value: Value
) -> Problem:
    return Problem(
        "here",
        code,
        reason,
        str(link.record_id),
        link.remote_id or "",
        store.title(row),
        field,
        tables.fingerprint(value),
    )


def _relations(store: Store, rows: dict[str, registry.Row]) -> dict[str, tuple[set[str], set[str]]]:
    wanted: dict[str, tuple[set[str], set[str]]] = {}
    for mapped in store.mapped:
        if mapped.local.type is Type.RELATION:
            ids = wanted.setdefault(mapped.local.target, (set(), set()))[1]
            for row in rows.values():
                ids.update(store.readers[mapped.name](row) or ())
    return wanted


def _wake_set_aside(store: Store) -> None:
    """Look again at our records whose waiting time is over."""
    due = SetAside.objects.filter(stream=store.stream, side="here", record_id__isnull=False)
    due = due.exclude(code="ambiguous").exclude(retry_at__gt=timezone.now())
    RecordLink.objects.filter(stream=store.stream, record_id__in=due.values("record_id"), dirty=False).update(
        dirty=True
    )


# --- verify ---------------------------------------------------------------------------------------------------------


def _verify(store: Store, chunk: list[Intended]) -> list[Intended]:
    """Read just before writing: a record that moved leaves the batch and is merged instead."""
    looked_at = [one for one in chunk if _needs_look(store, one)]
    if not looked_at:
        return chunk
    try:
        found = {
            r.id: r for r in store.adapter.fetch(store.stream.collection, [one.change.id or "" for one in looked_at])
        }
    except Exception:
        _withdraw(store, chunk)
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
    if moved:
        _merge_instead(store, moved)
    if missing:
        store.commit(lambda: _refuse_missing(store, missing))
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
    names = store.by_name if one.change.action == "delete" else one.fields
    for name in names:
        mapped = store.by_name[name]
        if one.change.action == "delete" and not mapped.rule.inbound:
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


def _refuse_missing(store: Store, missing: Sequence[Intended]) -> None:
    """Not in the trash, not readable: gone for good or out of our sight. Nobody can tell from here, so it waits."""
    for one in missing:
        link = RecordLink.objects.select_for_update().get(pk=one.link.pk)
        link.intent = None
        reason = _("The record cannot be found in the tool any more: it was removed for good, or is no longer shared.")
        store.problems.append(
            Problem("here", "not_found", reason, str(link.record_id), link.remote_id or "", one.title)
        )
        tables.save_links([link])


# --- send and settle ------------------------------------------------------------------------------------------------


def _send(store: Store, chunk: list[Intended]) -> None:
    if not chunk:
        return
    results: list[Result] = []
    trouble: Exception | None = None
    try:
        results.extend(store.adapter.push(store.stream.collection, [one.change for one in chunk]))
    except Exception as error:  # what came back so far is settled before it goes on its way
        trouble = error
    _settle(store, chunk, results)
    unsent = chunk[len(results) :]
    if unsent and _nothing_sent(trouble):
        _withdraw(store, unsent)
    if trouble:
        raise trouble


def _nothing_sent(trouble: Exception | None) -> bool:
    """Only the adapter's own errors promise it; after anything else the intents stay, and recovery looks."""
    return isinstance(trouble, errors.AdapterError) and not isinstance(trouble, errors.OutcomeUnknown)


def _settle(store: Store, chunk: Sequence[Intended], results: Sequence[Result]) -> None:
    """What was sent and what came back become the bases; then the answer is merged like any other reading."""
    if not results:
        return
    done = [(one, result.record) for one, result in zip(chunk, results, strict=False) if result.record is not None]
    refused = [(one, result.error) for one, result in zip(chunk, results, strict=False) if result.error is not None]

    def settle() -> None:
        locked = RecordLink.objects.select_for_update().in_bulk([one.link.pk for one in chunk])
        for one, record in done:
            _settle_one(store, one, locked[one.link.pk], record)
        for one, error in refused:
            _refuse(store, one, locked[one.link.pk], error)
        tables.save_links([link for pk, link in locked.items()])

    apply(store, [record for one, record in done if one.change.action != "delete"], before=settle)
    again = [one for one, error in refused if isinstance(error, errors.VersionMismatch | errors.NotFound)]
    if again:
        _read_again(store, again)


def _settle_one(store: Store, one: Intended, link: RecordLink, record: Record) -> None:
    action, fields = one.change.action, one.fields
    if action == "delete":
        link.state, link.intent, link.dirty = LinkState.GONE, None, False
        link.remote_edited_at = record.edited_at or link.remote_edited_at
        store.touch(
            Line("there", "deleted", str(link.record_id) if link.record_id else None, link.remote_id or "", one.title)
        )
        return
    if action == "create":
        looked_at_again = link.dirty
        link.intent = one.link.intent
        take_created(link, record, store)
        link.dirty = looked_at_again
        _see_defaults(store, link, record, fields)
    link.state = LinkState.LINKED
    for name, (sent, reads_back) in fields.items():
        # the base is the value that was sent, never the local value of this moment, and the value that came back
        came_back = (
            record.values.get(store.by_name[name].remote.id, reads_back) if name in store.by_name else reads_back
        )
        link.base_local = link.base_local | {name: sent}
        if is_empty(sent) and not is_empty(came_back):
            came_back = reads_back  # a default of the tool's (Notion gives an empty status one): theirs, so it comes in
        link.base_remote = link.base_remote | {name: came_back}
    link.intent = None
    _clear_sent(store, link, fields)
    verb = {"create": "created", "restore": "restored"}.get(action, "updated")
    changes = {name: [one.old.get(name), sent] for name, (sent, _) in fields.items()}
    store.touch(Line("there", verb, str(link.record_id), record.id, one.title, changes))


def _see_defaults(store: Store, link: RecordLink, record: Record, sent: dict[str, Any]) -> None:
    """What a new record holds in fields that we have a value for but could not send is the tool's default, nobody's edit."""
    waiting = [m for m in store.mapped if m.rule.outbound and m.name not in sent and m.remote.id in record.values]
    link.base_remote = link.base_remote | {m.name: record.values[m.remote.id] for m in waiting}


def _clear_sent(store: Store, link: RecordLink, fields: dict[str, Any]) -> None:
    SetAside.objects.filter(
        stream=store.stream, side="here", record_id=link.record_id, field__in=["", *fields]
    ).delete()


def _refuse(store: Store, one: Intended, link: RecordLink, error: errors.AdapterError) -> None:
    if isinstance(error, errors.OutcomeUnknown):
        return  # the intent stays: the next run looks whether it landed
    intent, link.intent = link.intent or one.link.intent, None
    if isinstance(error, errors.VersionMismatch | errors.NotFound):
        link.dirty = True
        return
    name = next(
        (n for n, m in store.by_name.items() if isinstance(error, errors.InvalidRecord) and m.remote.id == error.field),
        "",
    )
    sent = (intent or {"fields": {}})["fields"].get(name, [None])[0] if name else None
    store.problems.append(
        Problem(
            "here",
            error.code,
            str(error),
            str(link.record_id),
            link.remote_id or "",
            one.title,
            name,
            tables.fingerprint(sent if name else one.stamp),
        )  # fmt: skip
    )
    link.dirty = bool(name)  # without that field the others still go


def _read_again(store: Store, stale: Sequence[Intended]) -> None:
    known = [one for one in stale if one.change.id]
    found = store.adapter.fetch(store.stream.collection, [one.change.id or "" for one in known]) if known else []
    if found:
        apply(store, found)
    present = {record.id for record in found}
    missing = [one for one in known if one.change.id not in present]
    if missing:
        store.commit(lambda: _refuse_missing(store, missing))


def _withdraw(store: Store, unsent: Sequence[Intended]) -> None:
    """Nothing of these was sent: take the intents back and look again next time."""
    ids = [one.link.pk for one in unsent]
    if ids:
        store.commit(lambda: RecordLink.objects.filter(pk__in=ids).update(intent=None, dirty=True))


# --- recovery -------------------------------------------------------------------------------------------------------


def recover(store: Store) -> None:
    """Close what an earlier run left open: look whether those writes landed."""
    while True:
        links = list(RecordLink.objects.filter(stream=store.stream, intent__isnull=False).order_by("id")[:INTEND_BATCH])
        if not links:
            return
        creates = [link for link in links if link.remote_id is None]
        others = [link for link in links if link.remote_id is not None]
        if creates:
            _recover_creates(store, creates)
        if others:
            _recover_others(store, others)


def _recover_creates(store: Store, links: Sequence[RecordLink]) -> None:
    found = (
        store.adapter.find(store.stream.collection, [str(link.record_id) for link in links]) if store.can.marker else []
    )
    marked: dict[str, Record] = {}
    for record in found:
        marker = as_uuid(record.marker)
        if marker:
            marked.setdefault(marker, record)
    if marked:
        apply(store, list(marked.values()))

    def reopen() -> None:
        for link in RecordLink.objects.select_for_update().filter(pk__in=[link.pk for link in links], remote_id=None):
            for name, (ours, reads_back) in link.intent["fields"].items() if link.intent else ():
                haunt(link, name, ours, reads_back)
            link.intent, link.dirty, link.unsure = None, True, True  # it may still arrive: its marker will tell
            tables.save_links([link])

    store.commit(reopen)


def _recover_others(store: Store, links: Sequence[RecordLink]) -> None:
    found = {r.id: r for r in store.adapter.fetch(store.stream.collection, [link.remote_id or "" for link in links])}
    apply(store, list(found.values()))  # closes their intents

    def reopen() -> None:
        rest = RecordLink.objects.select_for_update().filter(pk__in=[link.pk for link in links], intent__isnull=False)
        for link in rest:
            record = found.get(link.remote_id or "")
            if record is not None:
                close_intent(link, record, store)
            if link.intent and link.intent["action"] == "delete":
                link.state = LinkState.GONE
            link.intent, link.dirty = None, link.state != LinkState.GONE
            tables.save_links([link])

    store.commit(reopen)


__all__ = ["GHOST_SECONDS", "look_through_feed", "push", "recover"]
