"""What is to be written, decided from the present state against the base, and stored before it is sent."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _

from crm import registry
from integrations.adapters.base import Change
from integrations.models import Deletions, Ended, LeftOut, LinkState, Matching, Policy, RecordLink, SetAside
from integrations.sync import brake, contests, creates, match, tables
from integrations.sync.existence import parting
from integrations.sync.merge import Waiting, is_empty
from integrations.sync.relations import load_relations
from integrations.sync.settling import still_typed
from integrations.sync.store import Store
from integrations.sync.taking_part import BY_HAND, sits_out
from integrations.sync.tally import UNDO, Line, Problem
from values import UNSEEN, Type, Unfit, Value

INTEND_BATCH = 100


@dataclass(slots=True)
class Intended:
    """A write that is stored and about to be sent. old: our side's base, for the run's line. stamp, born: of our record.

    rules: {name: why it goes out}. given: {name: in our form}, what an undo gives back to the tool while ours stays.
    again: it was sent before, with an outcome that never became known.
    """

    link: RecordLink
    change: Change
    title: str
    old: dict[str, Value]
    stamp: str = ""
    born: dt.datetime | None = None
    rules: dict[str, str] = field(default_factory=dict)
    given: dict[str, Value] = field(default_factory=dict)
    again: bool = False

    @property
    def fields(self) -> dict[str, list[Value]]:
        """{name: [our value, as it should read back]} of the intent."""
        return (self.link.intent or {}).get("fields", {})


def intend(store: Store, after: int) -> tuple[list[int], list[Intended]]:
    """Store what is about to be written, for the next links that are to be looked at."""
    links = list(
        RecordLink.objects.select_for_update()
        .filter(stream=store.stream, dirty=True, reread=False, pk__gt=after)
        .exclude(left_out__in=BY_HAND)
        .order_by("id")[:INTEND_BATCH]
    )
    if not links:
        return [], []
    rows = registry.rows(store.entity, [link.record_id for link in links if link.record_id], lock=True)
    blocked = tables.blocked_fields(store.stream, links)
    waiting = contests.open_ones(store, list(rows))
    agreed: list[Any] = []
    load_relations(store, _relations(store, rows))
    store.partners = _partners(store, links, rows)
    typed = still_typed(store, list(rows))
    intended, over = [], []
    before = store.guard.remembered(links) if store.guard else {}
    for link in links:
        row = rows.get(str(link.record_id)) if link.record_id else None
        link.dirty = False
        if link.intent is not None:
            continue  # its outcome is unknown: recovery looks first
        if link.pk in store.partners or str(link.record_id) in typed:
            link.dirty = True  # they meet first, or somebody is still typing
            continue
        if row is not None and row["id"] in waiting and not link.left_out:
            agreed += contests.look_again(store, link, row, waiting[row["id"]])
        planned = None if sits_out(store, link, row) else _plan(store, link, row, blocked.get(str(link.record_id), {}))
        if planned is not None:
            planned.stamp = row["updated_at"] if row else ""
            planned.born = dt.datetime.fromisoformat(row["created_at"]) if row else None
            intended.append(planned)
        elif link.state == LinkState.NEW and link.remote_id is None and row is None and not link.unsure:
            over.append(link.pk)  # but a create that may arrive is waited for
    contests.end(agreed, Ended.AGREED)
    _say_why(store, [one for one in intended if one.change.action == "update"])
    brake.before_sending(store, intended)
    if store.guard:
        intended = store.guard.let_out(intended, before)
    tables.save_links(links)
    _forget_refusals(store, links, rows, {one.link.pk for one in intended})
    if over:
        RecordLink.objects.filter(pk__in=over).delete()
    return [link.pk for link in links], intended


def _partners(store: Store, links: Sequence[RecordLink], rows: dict[str, registry.Row]) -> dict[int, list[str]]:
    """{link: remote records that were left out so far and may be the same thing}; each link asks once in a run."""
    new = {
        str(link.record_id): link.pk
        for link in links
        if link.state == LinkState.NEW and link.intent is None and link.pk not in store.met
    }
    found = match.waiting_partners(store, [rows[pk] for pk in new if pk in rows])
    return {new[pk]: remote_ids for pk, remote_ids in found.items()}


def _say_why(store: Store, updates: Sequence[Intended]) -> None:
    """By which rule each field goes out: an undo, a conflict that ours has won, by policy or by a person, or just our change."""
    ids = [str(one.link.record_id) for one in updates]
    decisions = tables.last_decisions(store.stream, ids) if updates else {}
    undone = tables.set_back(store.run, store.stream, ids) if updates and store.undoing else {}
    for one in updates:
        for name, (ours, _back) in one.fields.items():
            if undone.get((str(one.link.record_id), name), UNSEEN) == ours:
                one.rules[name] = UNDO
                continue
            rule, won, over = decisions.get((str(one.link.record_id), name), ("", None, None))
            if rule and won == ours and (rule == "person" or over == one.link.base_remote.get(name)):
                one.rules[name] = rule
            else:
                one.rules[name] = "ours" if name in one.link.base_local else "first_meeting"


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
        title = store.title(row) or str(link.base_local.get(store.entity.title) or "")
        return _intended(link, Change("delete", id=link.remote_id, version=link.remote_version), {}, title, {})
    if row is None:
        return _plan_deletion(store, link)
    if blocked.get("", None) is not None and _still(blocked[""], row["updated_at"]):
        return None
    if link.state == LinkState.NEW and store.stream.matching == Matching.MATCH_ONLY:
        link.left_out = LeftOut.NO_MATCH
        return None
    if link.state == LinkState.LEFT and link.remote_id:
        link.reread = True  # ours may have come back: both sides meet
    if link.state in (LinkState.UNLINKED, LinkState.LEFT) or not store.outbound:
        return None
    if link.state == LinkState.GONE:
        link.state = LinkState.LOST  # the record was brought back here
    fields, values = _changed_fields(store, link, row, blocked)
    title = store.title(row)
    anew = not store.can.restore or link.remote_id is None  # nothing is left there to bring back
    if link.state == LinkState.NEW or (link.state == LinkState.LOST and anew):
        if not store.can.create_once:
            return None
        is_new = link.state == LinkState.NEW
        if link.state == LinkState.LOST:
            link.remote_id, link.base_local, link.base_remote, link.ghosts, link.waiting = None, {}, {}, {}, {}
            fields, values = _changed_fields(store, link, row, blocked)
            link.state = LinkState.NEW
        given = {name: value for name, value in values.items() if not is_empty(value) or value is False}
        if is_new and not store.filters.would_be_inside_there(given):
            link.left_out = LeftOut.FILTER
            return None
        change = creates.create(store, link, given)
        if change is None:
            link.dirty = True  # as soon as there is an id for it
            return None
        one = _intended(link, change, fields, title, {})
        link.intent = {**(link.intent or {}), **creates.kept(store, change)}
        return one
    if link.state == LinkState.LOST:
        return _intended(link, Change("restore", values, id=link.remote_id), fields, title, {})
    if not fields:
        return None
    old = {name: link.base_local.get(name) for name in fields}
    return _intended(link, Change("update", values, id=link.remote_id, version=link.remote_version), fields, title, old)


def _plan_deletion(store: Store, link: RecordLink) -> Intended | None:
    if link.state != LinkState.LINKED:
        return None
    title_of = link.base_local.get(store.entity.title)
    erases = store.stream.deletions == Deletions.DELETE and store.can.erase
    if parted := parting(store, store.outbound and (store.can.delete or erases)):
        reason = _("deleted here")
        line = Line("here", "unlinked", str(link.record_id), link.remote_id or "", str(title_of or ""), reason=reason)
        if store.guard and not store.guard.permits([line]):
            link.dirty = True
            return None
        link.state = parted
        store.touch(line)
        return None
    return _intended(
        link,
        Change("erase" if erases else "delete", id=link.remote_id, version=link.remote_version),
        {},
        str(title_of or ""),
        {},
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
        # theirs was seen, and a rule of the first meeting or a person has let ours replace it
        decided = base is UNSEEN and mapped.name in link.base_remote
        fills = mapped.policy == Policy.FILL and not decided and bool(link.remote_id)
        if fills and _keeps_theirs(ours, link.base_remote.get(mapped.name)):
            link.base_local = link.base_local | {mapped.name: ours}
            continue
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


def _keeps_theirs(ours: Value, theirs: Value) -> bool:
    """Whether filling what is empty has nothing to do there."""
    return is_empty(ours) or not is_empty(theirs)


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


def wake_set_aside(store: Store) -> None:
    """Look again at our records whose waiting time is over."""
    tables.forget_asides_of_gone(store.stream, store.entity.table)
    due = SetAside.objects.filter(stream=store.stream, side="here", record_id__isnull=False)
    due = due.exclude(code__in=tables.BY_A_PERSON).exclude(retry_at__gt=timezone.now())
    RecordLink.objects.filter(stream=store.stream, record_id__in=due.values("record_id"), dirty=False).update(
        dirty=True
    )


def withdraw(store: Store, unsent: Sequence[Intended]) -> None:
    """Nothing of these was sent: take the intents back and look again next time."""
    ids = [one.link.pk for one in unsent]
    if ids:
        store.commit(lambda: RecordLink.objects.filter(pk__in=ids).update(intent=None, dirty=True))


def refuse_missing(store: Store, missing: Sequence[Intended]) -> None:
    """Not in the trash, not readable: gone for good or out of our sight. Nobody can tell from here, so it waits."""
    reason = _("The record cannot be found in the tool any more: it was removed for good, or is no longer shared.")
    RecordLink.objects.filter(pk__in=[one.link.pk for one in missing]).update(intent=None)
    for one in missing:
        ours = str(one.link.record_id) if one.link.record_id else None
        store.problems.append(Problem("here", "not_found", reason, ours, one.link.remote_id or "", one.title))
