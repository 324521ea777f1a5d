"""When a change is worth telling. Pure: no clock, no database.

A state is what one subject (a connection, one of its tables, a tool's trouble) is in now, told from facts; None where the facts
prove nothing, as between a resume and the first run that gets through. `step` compares it with what people were told last.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from integrations.models import Status
from integrations.notifications.kinds import KIND_OF, Kind, Level

#: The same trouble again so soon after it was over is told in the app and the digest, not by a mail of its own.
AGAIN = dt.timedelta(hours=6)


@dataclass(frozen=True, slots=True)
class State:
    level: Level = Level.OK
    code: str = ""


OK = State()


@dataclass(frozen=True, slots=True)
class Memory:
    """told: the last state that people know. before, over_at: the trouble before that, and when it was over."""

    told: State = OK
    before: State = OK
    over_at: dt.datetime | None = None


@dataclass(frozen=True, slots=True)
class News:
    """kind: of the notice; state: the trouble that began, or the one that is over. again: see AGAIN."""

    kind: Kind
    state: State
    again: bool = False


def step(memory: Memory, now: State | None, at: dt.datetime) -> tuple[Memory, News | None]:
    """What is remembered from here on, and what is told; nothing where nothing changed."""
    told = memory.told
    if now is None or now == told:
        return memory, None
    if now.level == Level.OK:
        return Memory(OK, told, at), News(Kind.RECOVERED, told)
    if _is_alike(told, now) or now.level < told.level < Level.CRITICAL:
        return Memory(now, memory.before, memory.over_at), None  # the same trouble by another code, or on its way down
    soon = memory.over_at is not None and at - memory.over_at < AGAIN
    return Memory(now, memory.before, memory.over_at), News(
        KIND_OF[now.level], now, again=soon and _is_alike(memory.before, now)
    )


def _is_alike(one: State, other: State) -> bool:
    """What passes by itself comes with one code now and with another then; what stops a connection does not."""
    return one.level == other.level and (one.level < Level.CRITICAL or one.code == other.code)


@dataclass(frozen=True, slots=True)
class Facts:
    """Of a connection. proven: its last run got through, and ended after the present status began.

    is_shared: its tool has trouble for many tenants, which is told as such and not as this connection's own.
    """

    status: str
    status_code: str = ""
    failing_since: dt.datetime | None = None
    is_warned: bool = False
    last_code: str = ""
    proven: bool = False
    is_shared: bool = False


def of_integration(facts: Facts, at: dt.datetime, patience: dt.timedelta) -> State | None:
    """patience: for how long runs may fail before it is called trouble."""
    if facts.status == Status.ATTENTION:
        return State(Level.CRITICAL, facts.status_code)
    if facts.status != Status.ACTIVE or facts.is_shared:
        return None
    if facts.proven:
        return OK
    code = facts.last_code or "unavailable"
    if facts.is_warned:
        return State(Level.LONG, code)
    if facts.failing_since is not None and at - facts.failing_since >= patience:
        return State(Level.WARNING, code)
    return None


def of_stream(problem: str, status: str, proven: bool) -> State | None:
    """One table of a connection. What its connection suffers is not told once more for each table."""
    if status != Status.ACTIVE:
        return None
    if problem:
        return State(Level.WARNING, problem)
    return OK if proven else None


def of_incident(kind: str | None, is_met: bool) -> State | None:
    """A tool's trouble for many; kind: None when there is none. is_met: runs of this tenant fail with it."""
    if kind is None:
        return OK
    return State(Level.SHARED, kind) if is_met else None
