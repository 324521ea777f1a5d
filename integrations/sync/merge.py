"""Three-way merge, field by field. Pure: no clock, database, network or provider in here.

Both sides of a pair keep their own base, because they may hold the same thing differently (a tool that rounds, trims or
folds case). A side has changed only if it differs from its own base; so what we wrote is not read back as a change.
docs/engine.md tells the protocol around it in words.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from values import UNSEEN, Unfit, Value

Winner = Literal["local", "remote", "ask"]


@dataclass(frozen=True, slots=True)
class Waiting:
    """A relation whose other end is not linked yet: the field waits, the record does not."""


@dataclass(frozen=True, slots=True)
class Rule:
    """How one field is merged. `same` says whether ours and theirs (in local form) mean the same.

    policy: the name of what decides a field that both sides changed; "fill" also keeps a lone change from replacing a value.
    first: the same where the two values meet for the first time; empty: as later.
    """

    name: str
    inbound: bool = True
    outbound: bool = True
    same: Callable[[Value, Value], bool] = lambda ours, theirs: bool(ours == theirs)
    policy: str = "newest"
    first: str = ""


@dataclass(slots=True)
class Pair:
    """One linked record, by local field name.

    local: canonical local values. remote: canonical remote values; a field that was not told is absent.
    translated: the remote values in local form; Unfit where they have none, Waiting where it is not known yet.
    ghosts: {name: [(local value, value as it reads back), …]} of our writes that may still arrive.
    """

    local: Mapping[str, Value]
    remote: Mapping[str, Value]
    translated: Mapping[str, Value | Unfit | Waiting]
    base_local: Mapping[str, Value] = field(default_factory=dict)
    base_remote: Mapping[str, Value] = field(default_factory=dict)
    ghosts: Mapping[str, Iterable[tuple[Value, Value]]] = field(default_factory=dict)


@dataclass(slots=True)
class Merge:
    """What to do about a pair. The bases hold only what changes; `contested` are the conflicts with their winners.

    why: {name: "theirs" or "ours" (only that side changed), "same", "first_meeting", or the policy that decided}.
    """

    to_local: dict[str, Value] = field(default_factory=dict)
    to_remote: set[str] = field(default_factory=set)
    base_local: dict[str, Value] = field(default_factory=dict)
    base_remote: dict[str, Value] = field(default_factory=dict)
    contested: dict[str, Winner] = field(default_factory=dict)
    unfit: dict[str, Unfit] = field(default_factory=dict)
    waiting: set[str] = field(default_factory=set)
    arrived: set[str] = field(default_factory=set)  # ghosts that turned up
    why: dict[str, str] = field(default_factory=dict)

    def agree(self, name: str, ours: Value, theirs: Value) -> None:
        self.base_local[name] = ours
        self.base_remote[name] = theirs


Policy = Callable[[str, str], Winner]


def is_empty(value: Value) -> bool:
    return value is None or value is False or value == []


def merge(rules: Iterable[Rule], pair: Pair, policy: Policy) -> Merge:
    """Decide every field of a pair. `policy(name, rule)` is asked only for a field that both sides changed differently.

    Neither side is preferred: with sides, directions, bases and policy swapped, the answer is swapped.
    """
    result = Merge()
    for rule in rules:
        if rule.name in pair.remote:
            _merge_field(rule, pair, policy, result)
        elif pair.local[rule.name] != pair.base_local.get(rule.name, UNSEEN) and rule.outbound and pair.base_local:
            result.to_remote.add(rule.name)  # not told is not empty: only our own change counts
            result.why[rule.name] = "ours"
    return result


def _merge_field(rule: Rule, pair: Pair, policy: Policy, result: Merge) -> None:
    name = rule.name
    ours, theirs = pair.local[name], pair.remote[name]
    base_local, base_remote = pair.base_local.get(name, UNSEEN), pair.base_remote.get(name, UNSEEN)
    they_changed = theirs != base_remote
    if they_changed and _is_late(name, pair, result):
        return
    we_changed = ours != base_local and rule.outbound
    if not we_changed and not (they_changed and rule.inbound):
        return
    first = base_local is UNSEEN or base_remote is UNSEEN
    decides = (first and rule.first) or rule.policy
    # one side was seen alone and has not moved since: the other is to replace it
    on_its_way = first and (ours == base_local or theirs == base_remote)
    fills = decides == "fill" and not on_its_way
    if fills and not is_empty(ours) and not is_empty(theirs):
        result.agree(name, ours, theirs)  # each keeps its own
        return
    translated = pair.translated[name]
    if isinstance(translated, Unfit | Waiting):
        if they_changed or (first and is_empty(ours)):
            _untranslated(rule, translated, theirs, result)
            return
        translated = theirs  # known there since long: only ours matters
    if ours == translated or (they_changed and rule.same(ours, translated)):
        result.agree(name, ours, theirs)
        result.why[name] = "same"
    elif first and (is_empty(ours) or is_empty(translated)):
        _fill(rule, "first_meeting", translated, pair, result)  # an empty side never empties the other
    elif fills:
        if they_changed if is_empty(ours) else we_changed:
            both = we_changed and they_changed and rule.inbound
            _fill(rule, "fill" if both else "ours" if we_changed else "theirs", translated, pair, result)
        else:
            result.agree(name, ours, theirs)  # emptied by a person: the other side keeps what it has
    elif not they_changed or not rule.inbound:
        _send(name, "ours", theirs, result)
    elif not we_changed:
        _take(name, "theirs", translated, theirs, result)
    else:
        _contest(name, decides, translated, theirs, policy(name, decides), result)


def _untranslated(rule: Rule, found: Unfit | Waiting, theirs: Value, result: Merge) -> None:
    if not rule.inbound:
        _send(rule.name, "ours", theirs, result)  # it need not come in
    elif isinstance(found, Unfit):
        result.unfit[rule.name] = found
    else:
        result.waiting.add(rule.name)


def _is_late(name: str, pair: Pair, result: Merge) -> bool:
    """Our own late write, not a person's edit: acknowledge it, keep ours, push again."""
    ours, theirs = pair.local[name], pair.remote[name]
    late = [sent for sent, reads_back in pair.ghosts.get(name, ()) if theirs == reads_back]
    if not late:
        return False
    result.agree(name, ours if ours in late else late[0], theirs)
    if ours not in late:
        result.to_remote.add(name)
        result.arrived.add(name)
        result.why[name] = "ours"
    return True


def _fill(rule: Rule, why: str, translated: Value, pair: Pair, result: Merge) -> None:
    """One side is empty: the other's value goes there, if it may."""
    name, ours, theirs = rule.name, pair.local[rule.name], pair.remote[rule.name]
    if rule.inbound and not is_empty(translated):
        _take(name, why, translated, theirs, result)
    elif rule.outbound and not is_empty(ours):
        _send(name, why, theirs, result)
    else:
        result.agree(name, ours, theirs)


def _take(name: str, why: str, translated: Value, theirs: Value, result: Merge) -> None:
    result.to_local[name] = translated
    result.why[name] = why
    result.agree(name, translated, theirs)


def _send(name: str, why: str, theirs: Value, result: Merge) -> None:
    result.to_remote.add(name)
    result.why[name] = why
    result.base_remote[name] = theirs  # seen: the write that follows is not blind


def _contest(name: str, decides: str, translated: Value, theirs: Value, winner: Winner, result: Merge) -> None:
    result.contested[name] = winner
    if winner == "remote":
        _take(name, decides, translated, theirs, result)
    elif winner == "local":
        _send(name, decides, theirs, result)
