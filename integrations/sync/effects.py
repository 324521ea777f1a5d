"""What a run did to a record, all its lines taken together. Pure: an undo reads it, and looks what still holds."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from values import UNSEEN, Value

#: Lines that say nothing of the kind (conflict, set aside, left out) are explained by others or changed nothing.
ACTIONS = ("created", "updated", "deleted", "restored", "linked", "unlinked")
BRINGS = ("created", "restored")


@dataclass(slots=True)
class FieldEffect:
    """One field. ours: what our side held before, UNSEEN where it stays as it is. new: what both hold since, in our form.

    theirs: what the tool alone gets back, in its form; UNSEEN where it follows ours. shown: the same as the run's line tells it.
    """

    ours: Value = UNSEEN
    theirs: Value = UNSEEN
    shown: Value = None
    new: Value = None
    held: Value = None  # what the run left there, in our form, where the tool alone gets something back
    first_meeting: bool = False


@dataclass(slots=True)
class Effects:
    """One record. here, there: "created", "deleted" or "restored" if the record came or went on that side."""

    record_id: str
    last: int = 0  # the id of its last line
    remote_id: str = ""
    title: str = ""
    here: str = ""
    there: str = ""
    linked: bool = False
    unlinked: bool = False
    fields: dict[str, FieldEffect] = field(default_factory=dict)
    wrote: dict[str, Value] = field(default_factory=dict)  # all values of the record that the run wrote, in our form

    def came(self, side: str) -> bool:
        return getattr(self, side) in BRINGS

    def went(self, side: str) -> bool:
        return getattr(self, side) == "deleted"


def net(lines: Iterable[Any]) -> Effects:
    """The lines of one record in one stream, oldest first."""
    lines = [line for line in lines if line.action in ACTIONS]
    effects = Effects(str(lines[0].record_id), lines[-1].pk)
    for line in lines:
        effects.remote_id = line.remote_id or effects.remote_id
        effects.title = line.title or effects.title
        effects.linked = effects.linked or line.action == "linked"
        effects.unlinked = effects.unlinked or line.action == "unlinked"
        if line.action != "deleted":
            effects.wrote |= {name: pair[1] for name, pair in line.changes.items()}
        if line.action == "updated":
            _update(effects, line)
    effects.here, effects.there = (_existence(lines, side) for side in ("here", "there"))
    return effects


def _existence(lines: list[Any], side: str) -> str:
    """What remains of coming and going on one side: nothing, if it came and went."""
    events = [line.action for line in lines if line.side == side and line.action in (*BRINGS, "deleted")]
    stood_before = bool(events) and events[0] == "deleted"
    stands_since = bool(events) and events[-1] in BRINGS
    return "" if stood_before == stands_since else events[-1]


def _update(effects: Effects, line: Any) -> None:
    before, rules = line.before or {}, line.rules or {}
    for name, (old, new) in line.changes.items():
        met = rules.get(name) == "first_meeting" or (line.side == "here" and name in before)
        effect = effects.fields.setdefault(name, FieldEffect(first_meeting=met))
        first = effect.ours is UNSEEN and effect.theirs is UNSEEN
        if line.side == "there" and name in before:
            if effect.theirs is UNSEEN:
                effect.theirs, effect.shown = before[name], old
            effect.held = new
        elif line.side == "here" and effect.ours is UNSEEN:
            effect.ours = old
        elif first:
            effect.ours = old
        effect.new = new
