"""What goes wrong, when and how often. A rule decides; `gate.py` carries it out."""

from __future__ import annotations

import random
import re
from dataclasses import asdict, dataclass, field
from typing import Any

from integrations.sandbox.calls import Call

KINDS = {
    "rate_limited": "429 in the provider's words, with Retry-After",
    "status": "any error status in the provider's words, before the effect",
    "status_after": "any error status in the provider's words, AFTER the effect",
    "saved": "the provider's 'change was saved, answer lost' error, after the effect",
    "timeout_before": "hold the answer for `seconds`; nothing happens",
    "timeout_after": "do it, then hold the answer for `seconds`",
    "slow": "answer rightly, `seconds` late",
    "drop_before": "close the connection; nothing happens",
    "drop_after": "do it, then close the connection without an answer",
    "truncated": "do it, then send half of the answer and close",
    "html": "502 with a proxy's HTML page; nothing happens",
    "html_ok": "200 with an HTML page; nothing happens",
    "delayed_effect": "close the connection now, do it `seconds` later",
    "duplicated": "send some results of a page twice",
    "reordered": "send the results of a page in another order",
}


@dataclass(frozen=True, slots=True)
class Rule:
    """Matching requests number `after`+1 onward fail, `times` of them (None: for ever), each with `probability`."""

    fault: str
    method: str | None = None
    path: str = ""
    body: str = ""
    times: int | None = 1
    after: int = 0
    probability: float = 1.0
    seed: int = 1
    status: int = 503
    seconds: float = 1.0
    retry_after: int = 1
    extra: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.fault not in KINDS:
            raise ValueError(f"unknown fault {self.fault!r}; one of {', '.join(KINDS)}")
        re.compile(self.path)

    def matches(self, call: Call) -> bool:
        return (
            (self.method is None or self.method.upper() == call.method)
            and re.search(self.path, call.path) is not None
            and (not self.body or self.body.encode() in call.body)
        )


class Armed:
    """A rule and how far it has got."""

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self.seen = 0
        self.fired = 0
        self._dice = random.Random(rule.seed)  # noqa: S311 - repeatable on purpose

    def takes(self, call: Call) -> bool:
        if self.spent or not self.rule.matches(call):
            return False
        self.seen += 1
        if self.seen <= self.rule.after or self._dice.random() >= self.rule.probability:
            return False
        self.fired += 1
        return True

    @property
    def spent(self) -> bool:
        return self.rule.times is not None and self.fired >= self.rule.times


class Faults:
    def __init__(self) -> None:
        self.armed: list[Armed] = []

    def add(self, rules: list[dict[str, Any]]) -> None:
        """Raises ValueError or TypeError for a rule that makes no sense."""
        self.armed.extend([Armed(Rule(**rule)) for rule in rules])

    def clear(self) -> None:
        self.armed.clear()

    def take(self, call: Call) -> Rule | None:
        return next((armed.rule for armed in self.armed if armed.takes(call)), None)

    def describe(self) -> list[dict[str, Any]]:
        return [asdict(a.rule) | {"seen": a.seen, "fired": a.fired, "spent": a.spent} for a in self.armed]
