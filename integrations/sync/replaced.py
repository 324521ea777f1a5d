"""What a write there replaced: shown to people in the run's lines, and kept for an undo where it was the tool's alone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from integrations.models import Policy, RecordLink
from integrations.sync.intend import Intended
from integrations.sync.mapping import Mapped
from integrations.sync.merge import Waiting
from integrations.sync.relations import load_relations
from integrations.sync.store import Store
from integrations.sync.tally import Changes
from values import UNSEEN, Type, Unfit, Value


@dataclass(slots=True)
class Replaced:
    """changes: [what the tool held, what it holds now], in our form. before: what it held, in its form, where the two sides
    had never agreed on it: an undo gives that back to the tool and leaves our value as it is."""

    changes: Changes = field(default_factory=dict)
    before: dict[str, Value] = field(default_factory=dict)


def load_replaced(store: Store, updates: Iterable[tuple[Intended, RecordLink]]) -> None:
    """Make known what replaced relations point to; within the transaction that settles these updates."""
    wanted: dict[str, tuple[set[str], set[str]]] = {}
    for one, link in updates:
        for mapped in (store.by_name[name] for name in one.fields if name in store.by_name):
            if mapped.local.type is Type.RELATION:
                theirs, ours = wanted.setdefault(mapped.local.target, (set(), set()))
                theirs.update(held_there(one, link, mapped) or ())
                ours.update(link.base_local.get(mapped.name) or ())
    if wanted:
        load_relations(store, wanted)


def replaced(store: Store, one: Intended, link: RecordLink) -> Replaced:
    """Before the bases of this update move."""
    result = Replaced()
    for name, (sent, _reads_back) in one.fields.items():
        mapped = store.by_name.get(name)
        theirs = held_there(one, link, mapped) if mapped else UNSEEN
        base = link.base_local.get(name, UNSEEN)
        if mapped is None or theirs is UNSEEN:
            result.changes[name] = [None if base is UNSEEN else base, one.given.get(name, sent)]
            continue
        shown = in_our_form(store, mapped, theirs, base)
        agreed = base is not UNSEEN and mapped.policy != Policy.FILL
        if mapped.local.type is Type.RELATION:  # what it pointed to may be gone, and cannot be compared any more
            agreed = agreed and one.rules.get(name) in ("ours", "undo")
        else:
            agreed = agreed and _agree(store, mapped, base, theirs, shown)
        result.changes[name] = [base if agreed else shown, one.given.get(name, sent)]
        if not agreed or name in one.given:
            result.before[name] = theirs
    return result


def held_there(one: Intended, link: RecordLink, mapped: Mapped) -> Value:
    """As the read just before the write saw it, else as it was last known; UNSEEN where nobody ever looked."""
    known = link.base_remote.get(mapped.name, UNSEEN)
    current = one.change.current
    return current.values.get(mapped.remote.id, known) if current else known


def in_our_form(store: Store, mapped: Mapped, theirs: Value, ours: Value) -> Value:
    """A remote value as we would hold it; as it is where we cannot."""
    try:
        value = mapped.to_local(theirs, None if ours is UNSEEN else ours, store.around)
    except Unfit:
        return theirs
    return theirs if isinstance(value, Waiting) else value


def _agree(store: Store, mapped: Mapped, ours: Value, theirs: Value, shown: Value) -> bool:
    return mapped.rule.same(ours, shown) or reads_back_as(store, mapped, ours, theirs) == theirs


def reads_back_as(store: Store, mapped: Mapped, ours: Value, theirs: Value) -> Value:
    """How our value would read there; UNSEEN where it cannot be said."""
    try:
        sent = mapped.to_remote(ours, theirs, store.around)
    except Unfit:
        return UNSEEN
    return UNSEEN if isinstance(sent, Waiting) else store.adapter.reads_back(mapped.remote, sent)
