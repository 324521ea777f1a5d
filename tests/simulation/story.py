"""The words that a story is told in. A step is a plain tuple; `teller.py` knows what each means. `seeds.py` makes stories up."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

Step = tuple[Any, ...]
HERE = -1  # a place: our side; otherwise the number of a tool
LAST = -1  # the newest record
HOWS = ("ui", "ui", "api", "orm", "sql")
FAULTS = ("unavailable", "limited", "expired", "killed", "killed_after", "lost", "not_sent", "late", "cut", "broken")


@dataclass(frozen=True)
class Tool:
    """One integration of a story."""

    kind: str
    entities: tuple[str, ...] = ("contact",)
    choices: dict[str, Any] = field(default_factory=dict)
    mapped: tuple[str, ...] = ()
    rules: dict[str, dict[str, str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Story:
    """gather: records per transaction of a reading, small so that a reading has several."""

    tools: tuple[Tool, ...]
    steps: tuple[Step, ...]
    gather: int = 500
    theme: str = ""
