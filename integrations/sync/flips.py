"""The ping-pong breaker's decision: whether two writers keep changing one field back and forth. Pure.

A history is [[side, fingerprint, at (unix seconds), by], …] of what came in ("there") and went out ("here") for one field, the
oldest first.
"""

from __future__ import annotations

from collections.abc import Sequence

REPEATS = 6  # writes by turns that bring back the same two values: three full alternations
REPEATS_WITHIN = 3600.0
TURNS = 20  # by turns, whatever the values
TURNS_WITHIN = 600.0
KEPT = TURNS + 1

Flip = Sequence  # [side, fingerprint, at, by]


def noted(history: Sequence[Flip], *writes: Flip, now: float) -> list[Flip]:
    """The history with what is written now; what is too old to count is forgotten."""
    kept = [one for one in history if one[2] > now - REPEATS_WITHIN]
    return [*kept, *writes][-KEPT:]


def is_ping_pong(history: Sequence[Flip], now: float) -> bool:
    return _repeats(history, now) or _hurries(history, now)


def _repeats(history: Sequence[Flip], now: float) -> bool:
    """The same two values, by turns."""
    last = list(history)[-REPEATS:]
    if len(last) < REPEATS or last[0][2] < now - REPEATS_WITHIN or not _alternates(last):
        return False
    values = {side: {one[1] for one in last if one[0] == side} for side in ("here", "there")}
    return all(len(prints) == 1 for prints in values.values()) and values["here"] != values["there"]


def _hurries(history: Sequence[Flip], now: float) -> bool:
    last = list(history)[-KEPT:]
    return len(last) == KEPT and last[0][2] >= now - TURNS_WITHIN and _alternates(last)


def _alternates(writes: Sequence[Flip]) -> bool:
    return all(before[0] != after[0] for before, after in zip(writes, writes[1:], strict=False))
