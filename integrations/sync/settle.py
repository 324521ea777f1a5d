"""Send a batch and make what was sent, and what came back, the bases."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from integrations.adapters import errors
from integrations.adapters.base import Record, Result
from integrations.models import LinkState, RecordLink, SetAside
from integrations.sync import ping_pong, tables
from integrations.sync.adopt import second_copy
from integrations.sync.apply import apply
from integrations.sync.existence import after_putting_away
from integrations.sync.intend import Intended, refuse_missing, withdraw
from integrations.sync.intents import take_created
from integrations.sync.merge import is_empty
from integrations.sync.replaced import Replaced, load_replaced, replaced
from integrations.sync.store import Store
from integrations.sync.tally import Line, Problem


def send(store: Store, chunk: list[Intended]) -> None:
    if not chunk:
        return
    results: list[Result] = []
    trouble: Exception | None = None
    try:
        results.extend(store.adapter.push(store.stream.collection, [store.asked(one.change) for one in chunk]))
    except Exception as error:  # what came back so far is settled before it goes on its way
        trouble = error
    if len(chunk) > 1 and _refused_whole(chunk, results):
        return _one_by_one(store, chunk)
    _settle(store, chunk, results)
    unsent = [one for one in chunk[len(results) :] if not one.again]
    if unsent and _nothing_sent(trouble):
        withdraw(store, unsent)
    if trouble:
        raise trouble


def _refused_whole(chunk: Sequence[Intended], results: Sequence[Result]) -> bool:
    return len(results) == len(chunk) and all(isinstance(one.error, errors.InvalidRecord) for one in results)


def _one_by_one(store: Store, chunk: Sequence[Intended]) -> None:
    """Some tools refuse a whole batch for one bad record: sent alone, the good ones go through."""
    for place, one in enumerate(chunk):
        try:
            send(store, [one])
        except Exception:
            withdraw(store, [later for later in chunk[place + 1 :] if not later.again])
            raise


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
        load_replaced(store, [(one, locked[one.link.pk]) for one, _record in done if one.change.action == "update"])
        for one, record in done:
            _settle_one(store, one, locked[one.link.pk], record)
        _clear_sent(store, [one for one, _record in done])
        for one, error in refused:
            _refuse(store, one, locked[one.link.pk], error)
        tables.save_links([link for pk, link in locked.items()])

    apply(store, [record for one, record in done if not one.change.deletes], before=settle)
    again = [one for one, error in refused if isinstance(error, errors.VersionMismatch | errors.NotFound)]
    if again:
        _read_again(store, again)


def _settle_one(store: Store, one: Intended, link: RecordLink, record: Record) -> None:
    action, fields = one.change.action, one.fields
    if one.change.deletes:
        link.state, link.intent, link.dirty = after_putting_away(link), None, False
        link.remote_edited_at = record.edited_at or link.remote_edited_at
        store.touch(
            Line("there", "deleted", str(link.record_id) if link.record_id else None, link.remote_id or "", one.title)
        )
        if action == "erase":
            link.remote_id = None  # nothing is left there: whoever brings ours back makes it anew
        return
    if action == "create":
        if link.remote_id is not None:
            return _paired_meanwhile(store, record, one.title)
        looked_at_again = link.dirty
        link.intent = one.link.intent
        take_created(link, record, store)
        link.dirty = looked_at_again
        _see_defaults(store, link, record, fields)
    link.state = LinkState.LINKED
    before = (
        replaced(store, one, link) if action == "update" else Replaced({n: [None, s] for n, (s, _) in fields.items()})
    )
    for name, (sent, reads_back) in fields.items():
        # the base is the value that was sent, never the local value of this moment, and the value that came back
        came_back = (
            record.values.get(store.by_name[name].remote.id, reads_back) if name in store.by_name else reads_back
        )
        link.base_local = link.base_local | {name: sent}
        if is_empty(sent) and not is_empty(came_back):
            came_back = reads_back  # a default of the tool's (Notion gives an empty status one): theirs, so it comes in
        link.base_remote = link.base_remote | {name: came_back}
    if action == "update":
        went = {name: [one.old.get(name), sent] for name, (sent, _back) in fields.items()}
        ping_pong.went_out(store, link, went, one.title)
    link.intent = None
    verb = {"create": "created", "restore": "restored"}.get(action, "updated")
    line = Line("there", verb, str(link.record_id), record.id, one.title, before.changes, rules=one.rules)
    line.before = before.before
    store.touch(line)


def _paired_meanwhile(store: Store, record: Record, title: str) -> None:
    """A person said what ours belongs to while this was being made: what was made is a second copy."""
    known = {m.name: record.values[m.remote.id] for m in store.mapped if m.remote.id in record.values}
    state = LinkState.EXTRA if store.can.delete else LinkState.UNLINKED
    RecordLink.objects.create(
        stream=store.stream, remote_id=record.id, state=state, dirty=store.can.delete, base_remote=known
    )
    if not store.can.delete:
        second_copy(store, record, title)


def _see_defaults(store: Store, link: RecordLink, record: Record, sent: dict[str, Any]) -> None:
    """What a new record holds in fields that we have a value for but could not send is the tool's default, nobody's edit."""
    waiting = [m for m in store.mapped if m.rule.outbound and m.name not in sent and m.remote.id in record.values]
    link.base_remote = link.base_remote | {m.name: record.values[m.remote.id] for m in waiting}


def _clear_sent(store: Store, sent: Sequence[Intended]) -> None:
    """What went out is set aside no more."""
    fields = {str(one.link.record_id): {"", *one.fields} for one in sent if not one.change.deletes}
    asides = SetAside.objects.filter(tables.among("record_id", fields, "uuid"), stream=store.stream, side="here")
    if over := [one.pk for one in asides if one.field in fields[str(one.record_id)]]:
        SetAside.objects.filter(pk__in=over).delete()


def _refuse(store: Store, one: Intended, link: RecordLink, error: errors.AdapterError) -> None:
    if isinstance(error, errors.OutcomeUnknown) or (one.again and not isinstance(error, errors.InvalidRecord)):
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
            str(link.record_id) if link.record_id else None,  # a second copy on its way to the trash is nobody's
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
        store.commit(lambda: refuse_missing(store, missing))
