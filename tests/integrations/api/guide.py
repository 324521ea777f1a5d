"""docs/api.md as a program: its calls, and the answers that it promises."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PAGE = Path(__file__).resolve().parents[3] / "docs" / "api.md"
BLOCK = re.compile(r"^```(sh|json)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NAME = re.compile(r"\b[A-Z][A-Z_]+[A-Z0-9]\b")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d")
MORE = "…"


@dataclass(frozen=True, slots=True)
class Step:
    call: str
    answer: Any


def steps() -> list[Step]:
    """The calls that have an answer below them."""
    blocks = BLOCK.findall(PAGE.read_text())
    return [
        Step(call.strip(), json.loads(answer))
        for (kind, call), (following, answer) in zip(blocks, blocks[1:], strict=False)
        if (kind, following) == ("sh", "json")
    ]


def helper() -> str:
    """The shell function that the page defines."""
    return next(text for kind, text in BLOCK.findall(PAGE.read_text()) if "raccord()" in text)


def compare(told: Any, came: Any, names: dict[str, str], where: str = "answer") -> None:
    """`came` is what the page tells. A word in capitals stands for an id, which `names` learns; times may be any times."""
    if isinstance(told, dict):
        assert isinstance(came, dict), where
        known = set(told) - {MORE}
        assert known <= set(came) if MORE in told else known == set(came), f"{where}: {sorted(came)}"
        for name in known:
            compare(told[name], came[name], names, f"{where}.{name}")
    elif isinstance(told, list):
        assert isinstance(came, list), where
        kept = [one for one in told if one != MORE]
        assert len(came) > len(kept) if MORE in told else len(came) == len(kept), f"{where}: {len(came)} items"
        for number, one in enumerate(kept):
            _some(one, came, names, where) if told[0] == MORE else compare(
                one, came[number], names, f"{where}[{number}]"
            )
    elif isinstance(told, str) and NAME.fullmatch(told):
        assert names.setdefault(told, came) == came, f"{where}: {came!r} is not {told}"
    elif isinstance(told, str) and told.endswith(MORE):
        assert str(came).startswith(told[:-1]), f"{where}: {came!r}"
    elif isinstance(told, str) and (TIME.match(told) or where.endswith(("request_id", "url"))):
        assert isinstance(came, str) and bool(TIME.match(told)) == bool(TIME.match(came)), f"{where}: {came!r}"
    elif isinstance(told, float):
        assert isinstance(came, int | float), where
    else:
        assert told == came, f"{where}: {came!r} instead of {told!r}"


def renamed(call: str, names: dict[str, str]) -> str:
    return NAME.sub(lambda found: names.get(found[0], found[0]), call)


def _some(told: Any, came: list[Any], names: dict[str, str], where: str) -> None:
    """Where the order is the tool's own: one of the items is like this."""
    for one in came:
        tried = dict(names)
        try:
            compare(told, one, tried, where)
        except AssertionError:
            continue
        names.update(tried)
        return
    raise AssertionError(f"{where}: nothing is like {told}")
