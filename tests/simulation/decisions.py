"""What people decide about pairs, runs and plans, in four stories of ten."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tests.simulation.author import Author
from tests.simulation.here import PLAIN
from tests.simulation.story import Step, Tool


class Decisions(Author):
    """Drawn apart, so that all other steps stay."""

    def among(self, steps: list[Step]) -> list[Step]:
        """The steps with such scenes between them."""
        chance = self.chance
        scenes = (self._paused, self._filtered, self._anew, self._woken_twice, self._planned, self._taken_back)
        for _ in range(chance.choices((0, 1, 2, 3), (60, 20, 12, 8))[0]):
            place = chance.randint(2, len(steps))
            steps[place:place] = chance.choice(scenes)(chance.randrange(len(self.tools)))
        return steps

    def about_tools(self) -> tuple[Tool, ...]:
        """Now and then a rule that only fills what is empty."""
        chance, tools = self.chance, list(self.tools)
        if chance.random() < 0.07:
            number = chance.randrange(len(tools))
            rules = tools[number].rules | {chance.choice(PLAIN["contact"][1:]): {"policy": "fill"}}
            tools[number] = replace(tools[number], rules=rules)
        return tuple(tools)

    def _paused(self, tool: int) -> list[Step]:
        """A record is left alone for a while, and goes on on both sides."""
        number, place = self._one(), self._field()
        steps: list[Step] = [("run", tool, {}), ("pause", tool, number)]
        steps += [self._edit(self._who()[0], number, place) for _ in range(self.chance.randint(1, 3))]
        steps += [self._deed(), ("run", tool, self._trouble())]
        if self.chance.random() < 0.7:
            steps += [("take_up", tool), ("run", tool, self._trouble())]
        return steps

    def _filtered(self, tool: int) -> list[Step]:
        side, name = self.chance.choice(("here", "there")), self.chance.choice(("score", "job_title"))
        op = self.chance.choice(("gte", "lt", "empty", "not_empty") if name == "score" else ("empty", "not_empty"))
        value = str(10_000 + self.chance.randrange(80)) if op in ("gte", "lt") else ""
        steps: list[Step] = [("run", tool, {}), ("filter", tool, side, name, op, value), self._deed()]
        steps += [("run", tool, self._trouble()), self._edit(place=PLAIN["contact"].index(name), number=self._one())]
        if self.chance.random() < 0.6:
            steps += [("run", tool, {}), ("filter", tool, "", name, op, ""), ("run", tool, self._trouble())]
        return steps

    def _anew(self, tool: int) -> list[Step]:
        return [self._deed(), ("anew", tool, self.chance.choice(("read", "match"))), ("run", tool, self._trouble())]

    def _woken_twice(self, tool: int) -> list[Step]:
        return [self._deed(), ("doubled", tool, self._moment())]

    def _planned(self, tool: int) -> list[Step]:
        """A plan is made, the world goes on, the plan is approved."""
        before = [self._deed() for _ in range(self.chance.randint(1, 3))]
        after = [self._deed() for _ in range(self.chance.randint(0, 2))]
        return [*before, ("plan", tool), *after, ("approve", tool, self._asked_trouble())]

    def _taken_back(self, tool: int) -> list[Step]:
        """A run is taken back, or one record of it, and perhaps the undo as well."""
        steps: list[Step] = [("run", tool, {}), self._deed(), self._deed(), ("run", tool, {})]
        if self.chance.random() < 0.4:
            steps.append(self._edit(number=self._one()))
        for _ in range(self.chance.choice((1, 1, 2))):
            alone = self.chance.random() < 0.4
            steps.append(("undo", tool, self.chance.choice((0, 0, 1)), alone, self._asked_trouble()))
        return steps

    def _asked_trouble(self) -> dict[str, Any]:
        """For a run that somebody asked for, which goes on until it is done."""
        how: dict[str, Any] = {}
        if self.chance.random() < 0.4:
            how["faults"] = [self._fault()]
        if self.chance.random() < 0.2:
            how[self.chance.choice(("dies_at", "dies_after"))] = self.chance.randrange(30)
        return how
