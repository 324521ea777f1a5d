"""An exhaustive check of how a create happens once, on its smallest world: one record of ours, whatever copies stand there.

    python tests/simulation/creates_model.py               explores every interleaving for every means, exits 1 on a fault
    python tests/simulation/creates_model.py marker no-look   one means with one safeguard left out (see FLAWS)

Everything durable is in State; what a worker holds in memory is in `run` and gone after a crash. Our record's value is 1, or
2 after somebody here edited it; 11 is what somebody there wrote into a copy. Updates and deletions of a linked copy are single
steps: how they survive lost answers is another story (docs/engine.md).
"""

from __future__ import annotations

import sys
from collections import deque
from dataclasses import dataclass, field, replace
from typing import Any

MEANS = ("client_id", "key", "upsert", "marker", "search")
REPEATS = ("client_id", "key")  # the very same create goes out again, so it is sent from the intent
#: More is possible (2, 2, 2 takes some minutes and finds no fault either).
CRASHES, LOST, LATE = 1, 2, 1

FLAWS = {
    "no-intent": "a create is sent without storing the intent first",
    "no-look": "the next attempt does not look whether the last one landed",
    "new-key": "the next attempt is made with a new id or key",
    "new-values": "the next attempt goes out with the same key but the values of that moment",
    "forget": "an attempt of unknown outcome is forgotten when nothing was found",
    "drop-gone": "the link of a create of unknown outcome goes as soon as the record here is gone",
    "send-gone": "the next attempt goes out although the record here is gone",
}

Attempt = tuple[int, int]  # its number, which stands for its id or key, and the value it was sent with


@dataclass(frozen=True)
class Copy:
    attempt: int
    value: int
    alive: bool = True
    touched: bool = False
    late: bool = False


@dataclass(frozen=True)
class State:
    here: int | None = 1
    link: int | None = None  # which copy
    base: int | None = None
    intent: Attempt | None = None  # stored before the request
    sent: frozenset[Attempt] = frozenset()  # attempts of unknown outcome, kept for a day
    extras: frozenset[int] = frozenset()  # second copies on their way to the trash
    handed: frozenset[int] = frozenset()  # copies that a person was asked about
    copies: tuple[Copy, ...] = ()
    keys: frozenset[int] = frozenset()  # what the provider remembers
    attempts: int = 0
    wrong: str = ""
    late: tuple[Attempt, ...] = ()
    run: tuple[str, Any] = ("idle", None)
    # what may still happen
    edits: int = 1
    deletes: int = 1
    touches: int = 1
    crashes: int = CRASHES
    lost: int = LOST
    lates: int = LATE
    lags: int = 1
    trail: tuple[str, ...] = field(default=(), compare=False)


def step(s: State, what: str, **changes: Any) -> State:
    return replace(s, trail=(*s.trail, what), **changes)


def put(s: State, number: int, **changes: Any) -> tuple[Copy, ...]:
    return tuple(replace(c, **changes) if n == number else c for n, c in enumerate(s.copies))


def effect(s: State, attempt: Attempt, means: str, late: bool = False) -> tuple[State, int]:
    """A create arrives there. Answers the state and the copy that the tool names in its answer."""
    number, value = attempt
    if means == "key" and number in s.keys or means == "client_id":
        known = next((n for n, c in enumerate(s.copies) if c.attempt == number), None)
        if known is not None:
            if means == "key" and value != s.copies[known].value and not s.copies[known].touched and known != s.link:
                s = replace(s, wrong="a key came again with another body")
            return s, known
    if means == "upsert":
        known = next((n for n, c in enumerate(s.copies) if c.alive), None)
        if known is not None:
            return replace(s, copies=put(s, known, value=value)), known
    if not late and any(copy.alive and not copy.late for copy in s.copies):
        s = replace(s, wrong="sent again although it stood there to be seen")
    return replace(s, copies=(*s.copies, Copy(number, value, late=late)), keys=s.keys | {number}), len(s.copies)


# --- the worker -----------------------------------------------------------------------------------------------------


def engine(s: State, means: str, flaw: str, calm: bool = False) -> list[State]:
    """The worker's next steps. calm: no lost answers (used to let a state come to rest)."""
    at, memory = s.run
    if at == "idle":
        return [step(s, "run", run=("look", None))]
    if at == "look":
        if s.intent is None:
            return [step(s, "nothing open", run=("pull", None))]
        found = () if flaw == "no-look" else look(s, means)
        return [step(s, f"look: {len(found)} found", run=("close", found))]
    if at == "close":
        return [close(s, means, flaw, memory)]
    if at == "pull":
        out = [step(s, "read", run=("apply", s.copies))]
        if s.lags and s.copies and not calm:
            out.append(step(s, "read, the last one not listed yet", lags=0, run=("apply", s.copies[:-1])))
        return out
    if at == "apply":
        return [apply(s, means, flaw, memory)]
    if at == "push":
        return [push(s, flaw)]
    if at == "send":
        return send(s, means, memory, calm)
    if at == "settle":
        number, value = memory
        return [step(s, "settled", link=number, base=value, intent=None, run=("pull", None))]
    raise AssertionError(at)


def look(s: State, means: str) -> tuple[int, ...]:
    """A consistent read of what the means can tell."""
    assert s.intent is not None
    alive = [(n, c) for n, c in enumerate(s.copies) if c.alive and n not in s.handed]
    if means == "client_id":
        return tuple(n for n, c in enumerate(s.copies) if c.attempt == s.intent[0])
    return () if means == "key" else tuple(n for n, _c in alive)


def close(s: State, means: str, flaw: str, found: tuple[int, ...]) -> State:
    """One transaction after the look: the create landed, or it may still arrive."""
    assert s.intent is not None
    if means == "search" and len(found) > 1:
        return step(s, "doubt", handed=s.handed | set(found), sent=s.sent | {s.intent}, intent=None, run=("pull", None))
    if found:
        return step(s, f"found copy {found[0]}", link=found[0], base=s.intent[1], intent=None, run=("pull", None))
    if s.here is None and flaw == "drop-gone":
        return step(s, "forgotten with its record", intent=None, sent=frozenset(), run=("pull", None))
    if s.here is None and flaw != "send-gone":
        if means in REPEATS:  # looked for again by every run, until its day is over
            return step(s, "waits", run=("pull", None))
        return step(s, "waits", intent=None, sent=s.sent | {s.intent}, run=("pull", None))
    if s.here is None or means in REPEATS:
        number = s.attempts if flaw == "new-key" else s.intent[0]
        value = s.here if flaw == "new-values" and s.here is not None else s.intent[1]
        wrong = "sent although it is gone here" if s.here is None else s.wrong
        return step(
            s, "the same again", wrong=wrong, attempts=s.attempts + (flaw == "new-key"), run=("send", (number, value))
        )
    sent = s.sent if flaw == "forget" else s.sent | {s.intent}
    return step(s, "not found", intent=None, sent=sent, run=("pull", None))


def apply(s: State, means: str, flaw: str, read: tuple[Copy, ...]) -> State:
    """One transaction over what was read: copies get their links, the linked one is merged."""
    for number, copy in enumerate(read):
        if not copy.alive or number == s.link or number in s.extras | s.handed:
            continue
        if not recognised(s, means, copy):
            s = replace(s, wrong=f"copy {number} was brought in as a new record", handed=s.handed | {number})
        elif s.link is None:
            base = s.intent[1] if s.intent else next((v for n, v in s.sent if v == copy.value), max(s.sent)[1])
            s = replace(s, link=number, base=base, intent=None)
        elif copy.value in {copy.value for copy in read if not copy.touched}:
            s = replace(s, extras=s.extras | {number})
        else:
            s = replace(s, handed=s.handed | {number})
    if s.link is not None and s.link < len(read):
        s = merge(s, read[s.link].value)
    return step(s, "applied", run=("push", None))


def recognised(s: State, means: str, copy: Copy) -> bool:
    """Whether an unlinked copy, made by our account, is known for an attempt of ours."""
    open_ones = s.sent | ({s.intent} if s.intent else set())
    if means in ("marker", "upsert"):
        return bool(open_ones) or s.link is not None
    if means == "client_id":
        return copy.attempt in {number for number, _value in open_ones}
    return bool(open_ones)  # by what was sent


def merge(s: State, theirs: int) -> State:
    if theirs == s.base:
        return s
    if theirs in {value for _number, value in s.sent} and theirs < 10:
        return replace(s, base=theirs)  # our own, sent earlier: ours goes out
    return replace(s, here=theirs, base=theirs)


def push(s: State, flaw: str) -> State:
    if s.extras:
        number = min(s.extras)
        rest = s.extras - {number}
        if s.copies[number].touched:
            return step(s, f"copy {number} goes to a person", extras=rest, handed=s.handed | {number})
        return step(s, f"copy {number} is put away", extras=rest, copies=put(s, number, alive=False))
    if s.link is not None:
        copy = s.copies[s.link]
        if copy.value != s.base:
            return step(s, "moved, read again", run=("pull", None))
        if s.here is None and copy.alive:
            return step(s, "deleted there", copies=put(s, s.link, alive=False), run=("idle", None))
        if s.here is not None and s.here != s.base:
            return step(s, "updated", base=s.here, copies=put(s, s.link, value=s.here), run=("idle", None))
        return step(s, "done", run=("idle", None))
    if s.here is None or s.intent is not None or s.handed:
        return step(s, "done", run=("idle", None))
    attempt = (s.attempts, s.here)
    intent = None if flaw == "no-intent" else attempt
    return step(s, f"intend {attempt}", intent=intent, attempts=s.attempts + 1, run=("send", attempt))


def send(s: State, means: str, attempt: Attempt, calm: bool) -> list[State]:
    landed, number = effect(s, attempt, means)
    out = [step(landed, f"sent {attempt}", run=("settle", (number, attempt[1])))]
    if s.lost and not calm:
        out.append(step(landed, f"sent {attempt}, answer lost", lost=s.lost - 1, run=("idle", None)))
        out.append(step(s, f"{attempt} not sent", lost=s.lost - 1, run=("idle", None)))
        if s.lates:
            late = tuple(sorted((*s.late, attempt)))
            out.append(step(s, f"{attempt} delayed", lost=s.lost - 1, lates=s.lates - 1, late=late, run=("idle", None)))
    return out


# --- the world ------------------------------------------------------------------------------------------------------


def world(s: State, means: str) -> list[State]:
    """What people, crashes and the network may do at any moment."""
    out = []
    if s.edits and s.here == 1:
        out.append(step(s, "person here edits", here=2, edits=0))
    if s.deletes and s.here is not None:
        out.append(step(s, "person here deletes", here=None, deletes=0))
    for number, copy in enumerate(s.copies):
        if s.touches and copy.alive and means != "upsert":  # which may overwrite it unseen
            copies = put(s, number, value=11, touched=True)
            out.append(step(s, f"person there edits copy {number}", copies=copies, touches=0))
    if s.crashes and s.run[0] != "idle":
        out.append(step(s, "crash", crashes=s.crashes - 1, run=("idle", None)))
    out += [arrive(s, attempt, means) for attempt in dict.fromkeys(s.late)]
    return out


def arrive(s: State, attempt: Attempt, means: str) -> State:
    rest = list(s.late)
    rest.remove(attempt)
    return step(effect(s, attempt, means, late=True)[0], f"{attempt} arrives late", late=tuple(rest))


def rest(s: State, means: str, flaw: str) -> State:
    """Late requests arrive, then runs follow each other until nothing happens."""
    for attempt in s.late:
        s = arrive(s, attempt, means)
    quiet = 0
    for _ in range(80):
        before = replace(s, run=("idle", None))
        while True:
            (s,) = engine(s, means, flaw, calm=True)
            if s.run[0] == "idle":
                break
        quiet = quiet + 1 if replace(s, run=("idle", None)) == before else 0
        if quiet == 2:
            return s
    return step(s, "NEVER RESTS")


def faults(s: State) -> list[str]:
    alive = [n for n, copy in enumerate(s.copies) if copy.alive and n not in s.handed]
    out = [s.wrong] if s.wrong else []
    if s.trail[-1:] == ("NEVER RESTS",):
        return ["never comes to rest"]
    if len(alive) > 1:
        out.append("it stands there twice")
    if s.here is None and alive:
        out.append("deleted here, but not there")
    if s.here is not None and not alive and not s.handed:
        out.append("it does not stand there")
    if s.here is not None and alive and s.copies[alive[0]].value != s.here:
        out.append(f"sides differ: {s.here} here, {s.copies[alive[0]].value} there")
    if s.here is not None and not s.edits and s.here == 1 and not any(copy.touched for copy in s.copies):
        out.append("the edit here is lost")
    return out


def explore(means: str, flaw: str = "", start: State | None = None) -> tuple[int, list[tuple[str, State]]]:
    """How many states there are, and the first faults found."""
    first = start or State()
    seen, queue = {first}, deque([first])
    while queue:
        s = queue.popleft()
        if s.run[0] == "idle":  # every other state comes to an idle one that is explored too
            end = rest(s, means, flaw)
            if bad := [(fault, end) for fault in faults(end)]:
                return len(seen), bad
        for following in engine(s, means, flaw) + world(s, means):
            if following not in seen:
                seen.add(following)
                queue.append(following)
    return len(seen), []


def main(means: tuple[str, ...], flaw: str) -> int:
    code = 0
    for one in means:
        count, bad = explore(one, flaw)
        print(f"{one}: {count} states, {bad[0][0] if bad else 'no fault'}")  # noqa: T201 - a command
        for _fault, s in bad[:1]:
            print("  " + "\n  ".join(s.trail))  # noqa: T201
        code = code or int(bool(bad))
    return code


if __name__ == "__main__":
    sys.exit(main(tuple(sys.argv[1:2]) or MEANS, (sys.argv[2:3] or [""])[0]))
