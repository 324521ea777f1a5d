"""What a run has done so far: counts, and a line per touched record waiting to be stored with its transaction."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from values import Value

UNDO = "undo"  # the rule of what an undo sets back
#: [old, new] per local field name
Changes = dict[str, list[Value]]


@dataclass(slots=True)
class Line:
    """One touched record, as SyncLogLine keeps it. side: "here" or "there"."""

    side: str
    action: str
    record_id: str | None = None
    remote_id: str = ""
    title: str = ""
    changes: Changes = field(default_factory=dict)
    reason: str = ""
    before: dict[str, Value] = field(default_factory=dict)
    rules: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Tally:
    """Gathered in memory while a transaction works, written in the same transaction."""

    counts: Counter[str] = field(default_factory=Counter)
    lines: list[Line] = field(default_factory=list)

    def add(self, line: Line) -> None:
        self.lines.append(line)
        if line.action in ("created", "updated", "deleted", "restored"):
            verb = "created" if line.action == "restored" else line.action
            self.counts[f"{verb}_{line.side}"] += 1
        else:
            self.counts[line.action] += 1


@dataclass(frozen=True, slots=True)
class Contest:
    """A conflict to be recorded: values in local form, who and when on our side."""

    record_id: str
    remote_id: str
    title: str
    field: str
    base: Value
    local: Value
    remote: Value
    remote_raw: Value
    local_at: dt.datetime | None
    remote_at: dt.datetime | None
    local_actor: str
    policy: str
    winner: str
    critical: bool

    def line(self) -> Line:
        """As the run's lines tell it; the reason is the winner."""
        changes = {self.field: [self.local, self.remote]}
        return Line("here", "conflict", self.record_id, self.remote_id, self.title, changes, self.winner)


@dataclass(frozen=True, slots=True)
class Problem:
    """A record or a field to be set aside."""

    side: str
    code: str
    reason: str
    record_id: str | None = None
    remote_id: str = ""
    title: str = ""
    field: str = ""
    fingerprint: str = ""


def short(text: Any, limit: int = 500) -> str:
    return str(text or "")[:limit]
