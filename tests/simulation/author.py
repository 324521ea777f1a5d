"""Chance at work: which tools there are, how they are connected, and single things that people do or that go wrong."""

from __future__ import annotations

import random
from typing import Any

from tests.simulation.here import PLAIN
from tests.simulation.play import PAIRS
from tests.simulation.profiles import EXTREMES, PROVIDERS, WAYS
from tests.simulation.story import FAULTS, HERE, HOWS, Step, Tool


class Author:
    """Chance, the tools, and what single people do with them."""

    def __init__(self, chance: random.Random, tools: tuple[Tool, ...] = ()) -> None:
        self.chance, self.tools = chance, tools
        self.focus = chance.choice(PLAIN["contact"])

    # --- the tools ----------------------------------------------------------------------------------------------------------

    def draw_tools(self, least: int = 1) -> None:
        count = max(least, self.chance.choices((1, 2, 3), (62, 28, 10))[0])
        self.tools = tuple(self._tool(count) for _ in range(count))

    def _tool(self, count: int) -> Tool:
        chance = self.chance
        kind = chance.choice([*PROVIDERS, *EXTREMES, "plain", "notion"])
        entities = chance.choice((("contact",), ("company", "contact"))) if count < 3 else ("contact",)
        choices: dict[str, Any] = {
            "policy": chance.choice(("newest", "newest", "local", "remote", "ask")),
            "direction": WAYS.get(kind) or chance.choice(("both",) * 8 + ("import", "export")),
            "deletions": chance.choice(("archive",) * 7 + ("delete", "ignore", "unlink")),
            "matching": chance.choice(("match_or_create",) * 8 + ("create_only", "match_only")),
            "first_policy": chance.choice(("",) * 6 + ("newest", "local", "remote", "ask")),
        }
        names = list(PAIRS["contact"]) if "company" in entities else list(PAIRS["contact"])[:-1]
        mapped: tuple[str, ...] = tuple(names)
        if chance.random() < 0.3:
            kept = [name for name in names[2:] if chance.random() < 0.7]
            mapped = (*names[:2], *(kept or [names[2]]))
        rules: dict[str, dict[str, str]] = {}
        if chance.random() < 0.25:
            rules[chance.choice(mapped)] = {"policy": chance.choice(("newest", "local", "remote", "ask"))}
        if chance.random() < 0.1 and choices["direction"] == "both":
            rules[chance.choice(mapped[2:])] = {"direction": chance.choice(("import", "export"))}
        return Tool(kind, entities, choices, (*mapped, "city") if "company" in entities else mapped, rules)

    # --- single steps -----------------------------------------------------------------------------------------------------

    def _who(self) -> tuple[int]:
        """Our side, or one of the tools."""
        return (HERE if self.chance.random() < 0.5 else self.chance.randrange(len(self.tools)),)

    def _one(self) -> int:
        """A record: mostly the first one, so that things happen to the same."""
        return 0 if self.chance.random() < 0.6 else self.chance.randrange(6)

    def _field(self, entity: str = "contact") -> int:
        names = PLAIN[entity]
        if entity == "contact" and self.chance.random() < 0.5:
            return names.index(self.focus)
        return self.chance.randrange(len(names))

    def _entity(self) -> str:
        wide = any("company" in tool.entities for tool in self.tools)
        return "company" if wide and self.chance.random() < 0.25 else "contact"

    def _how(self) -> str:
        return self.chance.choice(HOWS)

    def _new(self) -> Step:
        return ("new", *self._who(), self._entity(), self._how())

    def _edit(self, who: int | None = None, number: int | None = None, place: int | None = None) -> Step:
        entity = "contact" if number is not None else self._entity()
        where = self._who()[0] if who is None else who
        number = self._one() if number is None else number
        return ("edit", where, entity, number, self._field(entity) if place is None else place, self._how())

    def _deed(self) -> Step:
        """Something that a person does to one record."""
        chance = self.chance
        kind = chance.choices(
            ("edit", "clear", "delete", "company", "restore", "back", "new", "twin"), (50, 6, 12, 8, 6, 4, 10, 4)
        )[0]
        if kind == "edit":
            return self._edit()
        if kind == "clear":
            return ("clear", *self._who(), "contact", self._one(), chance.randrange(2, 6), self._how())
        if kind == "delete":
            return ("delete", *self._who(), self._entity(), self._one(), self._how())
        if kind == "company":
            return ("company", *self._who(), self._one(), chance.randrange(4))
        if kind == "restore":
            return ("restore", chance.randrange(len(self.tools)), chance.randrange(4))
        if kind == "back":
            return ("back", chance.randrange(4))
        return self._new() if kind == "new" else ("twin", chance.randrange(len(self.tools)))

    def _anything(self) -> Step:
        chance = self.chance
        tool = chance.randrange(len(self.tools))
        roll = chance.random()
        if roll < 0.50:
            return self._deed()
        if roll < 0.53:
            return ("bulk", chance.choice(("sql", "api")))
        if roll < 0.56:
            return ("rename", tool, self._entity(), chance.randrange(4))
        if roll < 0.60:
            return ("skew", *self._who(), chance.choice((-90, -20, 20, 90)))
        if roll < 0.64:
            return ("sweep", tool)
        if roll < 0.66:
            return ("remap", tool, chance.randrange(5))
        if roll < 0.69:
            return ("slow", tool, self._how())
        if roll < 0.71:
            return ("untold", tool, chance.randrange(-3, 6))
        return ("run", tool, self._trouble() if chance.random() < 0.75 else {})

    def _trouble(self) -> dict[str, Any]:
        """What goes wrong in a run, and what people do in the middle of it."""
        chance, how = self.chance, dict[str, Any]()
        if chance.random() < 0.5:
            how["faults"] = [self._fault() for _ in range(chance.choice((1, 1, 2)))]
        if chance.random() < 0.15:
            kind = chance.choice(
                ("unavailable", "killed", "killed_after", "cut", "short", "short", "limited", "expired")
            )
            how["reading"] = [(chance.randrange(5), kind, 0)]
        if chance.random() < 0.03:
            how["describing"] = [(0, chance.choice(("unavailable", "killed", "expired")), 0)]
        if chance.random() < 0.15:
            how["dies_at"] = chance.randrange(14)
        elif chance.random() < 0.15:
            how["dies_after"] = chance.randrange(14)
        if chance.random() < 0.45:
            how["during"] = [self._meanwhile() for _ in range(chance.choice((1, 1, 2, 3)))]
        if chance.random() < 0.12:
            how["race"] = self._moment()
        if chance.random() < 0.06:
            how["slices"] = True
        return how

    def _fault(self) -> tuple[int, str, int, str]:
        kind = self.chance.choice(FAULTS + ("late", "late", "lost", "not_sent"))
        later = self.chance.choice((1, 3, 6, 10, 20, 40, 400))
        if self.chance.random() < 0.5:
            return (self.chance.choice((0, 0, 1, 2)), kind, later, "push")
        return (self.chance.randrange(5), kind, later, "")

    def _meanwhile(self) -> tuple[str, int, Step]:
        deed = self._deed() if self.chance.random() < 0.93 else ("remap", 0, self.chance.randrange(5))
        return (*self._moment(), deed)

    def _moment(self) -> tuple[str, int]:
        """A point in a run: a call, a call of one kind, or the beginning of a transaction."""
        place = self.chance.choice(("call", "push", "fetch", "hold"))
        return (place, self.chance.choice((0, 0, 1, 1, 2, 3)) if place != "hold" else self.chance.randrange(10))
