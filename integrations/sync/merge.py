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
    """How one field is merged. `same` says whether ours and theirs (in local form) mean the same."""

    name: str
    inbound: bool = True
    outbound: bool = True
    same: Callable[[Value, Value], bool] = lambda ours, theirs: bool(ours == theirs)


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
    """What to do about a pair. The bases hold only what changes; `contested` are the conflicts with their winners."""

    to_local: dict[str, Value] = field(default_factory=dict)
    to_remote: set[str] = field(default_factory=set)
    base_local: dict[str, Value] = field(default_factory=dict)
    base_remote: dict[str, Value] = field(default_factory=dict)
    contested: dict[str, Winner] = field(default_factory=dict)
    unfit: dict[str, Unfit] = field(default_factory=dict)
    waiting: set[str] = field(default_factory=set)
    arrived: set[str] = field(default_factory=set)  # ghosts that turned up

    def agree(self, name: str, ours: Value, theirs: Value) -> None:
        self.base_local[name] = ours
        self.base_remote[name] = theirs


Policy = Callable[[str], Winner]


def is_empty(value: Value) -> bool:
    return value is None or value is False or value == []


def merge(rules: Iterable[Rule], pair: Pair, policy: Policy) -> Merge:
    """Decide every field of a pair. `policy(name)` is asked only for a field that both sides changed differently."""
    result = Merge()
    for rule in rules:
        if rule.name in pair.remote:
            _merge_field(rule, pair, policy, result)
        elif pair.local[rule.name] != pair.base_local.get(rule.name, UNSEEN) and rule.outbound and pair.base_local:
            result.to_remote.add(rule.name)  # not told is not empty: only our own change counts
    return result


def _merge_field(rule: Rule, pair: Pair, policy: Policy, result: Merge) -> None:
    name = rule.name
    ours, theirs = pair.local[name], pair.remote[name]
    base_local, base_remote = pair.base_local.get(name, UNSEEN), pair.base_remote.get(name, UNSEEN)
    they_changed = theirs != base_remote
    if they_changed:
        late = [sent for sent, reads_back in pair.ghosts.get(name, ()) if theirs == reads_back]
        if late:  # our own late write, not a person's edit: acknowledge it, keep ours, push again
            result.agree(name, ours if ours in late else late[0], theirs)
            if ours not in late:
                result.to_remote.add(name)
                result.arrived.add(name)
            return
    we_changed = ours != base_local and rule.outbound
    if not we_changed and not (they_changed and rule.inbound):
        return
    translated = pair.translated[name]
    if they_changed and isinstance(translated, Unfit):
        if rule.inbound:
            result.unfit[name] = translated
            return
        result.to_remote.add(name)
        return
    if they_changed and isinstance(translated, Waiting):
        result.waiting.add(name)
        return
    if not they_changed:
        result.to_remote.add(name)
    elif rule.same(ours, translated):
        result.agree(name, ours, theirs)
    elif base_local is UNSEEN and (is_empty(ours) or is_empty(translated)):
        _fill(rule, translated, pair, result)  # a first meeting: an empty side never empties the other
    elif not rule.inbound:
        result.base_remote[name] = theirs
        result.to_remote.add(name)
    elif not we_changed:
        _take(name, translated, theirs, result)
    else:
        _contest(name, translated, theirs, policy(name), result)


def _fill(rule: Rule, translated: Value, pair: Pair, result: Merge) -> None:
    name, ours, theirs = rule.name, pair.local[rule.name], pair.remote[rule.name]
    if is_empty(ours) and rule.inbound:
        _take(name, translated, theirs, result)
    elif is_empty(translated) and rule.outbound:
        result.base_remote[name] = theirs
        result.to_remote.add(name)
    else:
        result.agree(name, ours, theirs)


def _take(name: str, translated: Value, theirs: Value, result: Merge) -> None:
    result.to_local[name] = translated
    result.agree(name, translated, theirs)


def _contest(name: str, translated: Value, theirs: Value, winner: Winner, result: Merge) -> None:
    result.contested[name] = winner
    if winner == "remote":
        _take(name, translated, theirs, result)
    elif winner == "local":
        result.base_remote[name] = theirs  # seen: the write that follows is not blind
        result.to_remote.add(name)
