"""Whether values survive the way to the other side and back, without writing anything.

What an API rounds, trims or folds is what its adapter declares in `reads_back`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from integrations.adapters.base import Field as RemoteField
from integrations.sync.mapping import Context, Mapped
from integrations.sync.merge import Waiting
from values import Unfit, Value

ReadsBack = Callable[[RemoteField, Value], Value]


@dataclass(frozen=True, slots=True)
class Trip:
    """One value: where it began, what it was on the other side, and how it came back. waits: a relation whose end is not here."""

    before: Value
    between: Value = None
    after: Value = None
    survives: bool = True
    waits: bool = False
    problem: str = ""


def from_there(mapped: Mapped, there: Value, around: Context, reads_back: ReadsBack, goes_out: bool = True) -> Trip:
    """A value of the tool's: in, and out again. What stands there now stays beside it, as in a sync (an hour beside a day)."""
    try:
        here = mapped.to_local(there, None, around)
        if isinstance(here, Waiting):
            return Trip(there, waits=True)
        back = mapped.to_remote(here, there, around) if goes_out else there
    except Unfit as error:
        return Trip(there, problem=str(error))
    if isinstance(back, Waiting):
        return Trip(there, here, waits=True)
    back = reads_back(mapped.remote, back) if goes_out else back
    return Trip(there, here, back, _agree(there, back))


def from_here(mapped: Mapped, ours: Value, around: Context, reads_back: ReadsBack) -> Trip:
    """A value of ours: out into a field that is empty there, and in again."""
    try:
        sent = mapped.to_remote(ours, None, around)
        if isinstance(sent, Waiting):
            return Trip(ours, waits=True)
        there = reads_back(mapped.remote, sent)
        back = mapped.to_local(there, ours, around)
    except Unfit as error:
        return Trip(ours, problem=str(error))
    if isinstance(back, Waiting):
        return Trip(ours, there, waits=True)
    return Trip(ours, there, back, _agree(ours, back) or mapped.rule.same(ours, back))


def _agree(before: Value, after: Value) -> bool:
    """An unset check box is an unchecked one; an amount without a currency is that amount; a lone person is a list of one."""
    if isinstance(after, dict) and "amount" in after and not isinstance(before, dict):
        after = after["amount"]
    return (before or None) == (after or None)
