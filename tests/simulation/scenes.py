"""Random stories: scenes of a few steps on one record that lead to where mistakes hide (a late write over a newer value, an
edit while an answer is lost, …), with chance between and around them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.simulation.author import Author
from tests.simulation.story import HERE, LAST, Step


class Scenes(Author):
    def told(self) -> list[Step]:
        """A whole story, from its first records on."""
        chance = self.chance
        target = chance.randint(5, 18)
        steps: list[Step] = [self._new(), ("edit", *self._who(), "contact", 0, chance.randrange(2, 6), "orm")]
        steps += [("run", tool, {}) for tool in range(len(self.tools)) if chance.random() < 0.8]
        while len(steps) < target:
            steps += self._scene() if chance.random() < 0.6 else [self._anything()]
        return steps

    def _scene(self) -> list[Step]:
        scene: Callable[[int], list[Step]] = self.chance.choice(
            (
                self._late_over_newer,
                self._late_over_newer,
                self._late_over_newer,
                self._late_over_newer,
                self._edit_while_unknown,
                self._both_edit,
                self._edit_at_the_last_moment,
                self._edit_during_the_answer,
                self._create_in_trouble,
                self._create_in_trouble,
                self._delete_meets_edit,
                self._gone_without_a_trace,
                self._same_on_both_sides,
                self._race,
                self._crowd_leaves,
                self._other_end_later,
                self._some_refused,
                self._killed_while_reading,
                self._two_tools,
                self._there_and_back,
                self._left_out,
                self._remapped,
            )  # fmt: skip
        )
        return scene(self.chance.randrange(len(self.tools)))

    def _late_over_newer(self, tool: int) -> list[Step]:
        """A write whose answer never came arrives when a newer value stands there."""
        place, number = self._field(), self._one()
        later = self.chance.choice((6, 12, 20, 1000))
        steps: list[Step] = [
            ("run", tool, {}),
            self._edit(HERE, number, place),
            (
                "run",
                tool,
                {"faults": [(n, self.chance.choice(("late", "late", "not_sent")), later, "push") for n in (0, 1)]},
            ),
            self._edit(HERE if self.chance.random() < 0.8 else tool, number, place),
            ("run", tool, {}),
        ]
        if self.chance.random() < 0.3:
            steps.append(self._edit(self._who()[0], number, self._field()))
        return [*steps, ("wait",), ("run", tool, {})] if self.chance.random() < 0.5 else steps

    def _edit_while_unknown(self, tool: int) -> list[Step]:
        """The write landed and nobody heard; somebody edits on."""
        place, number = self._field(), self._one()
        fault = (0, self.chance.choice(("lost", "killed_after", "broken", "lost")), 0, "push")
        who = HERE if self.chance.random() < 0.6 else tool
        return [
            ("run", tool, {}),
            self._edit(HERE, number, place),
            ("run", tool, {"faults": [fault]}),
            self._edit(who, number, place),
            ("run", tool, {}),
        ]

    def _both_edit(self, tool: int) -> list[Step]:
        place, number = self._field(), self._one()
        sides = [self._edit(HERE, number, place), self._edit(tool, number, place)]
        self.chance.shuffle(sides)
        return [("run", tool, {}), *sides, ("run", tool, self._trouble() if self.chance.random() < 0.4 else {})]

    def _edit_at_the_last_moment(self, tool: int) -> list[Step]:
        """Somebody there edits just before we write."""
        place, number = self._field(), self._one()
        moment = self.chance.choice((("fetch", 0), ("push", 0), ("call", 0), ("hold", self.chance.randrange(10))))
        meanwhile = self._edit(tool, number, place if self.chance.random() < 0.8 else None)
        if self.chance.random() < 0.2:
            meanwhile = ("delete", tool, "contact", number, "")
        return [("run", tool, {}), self._edit(HERE, number, place), ("run", tool, {"during": [(*moment, meanwhile)]})]

    def _edit_during_the_answer(self, tool: int) -> list[Step]:
        """Somebody here edits while the write is under way."""
        place, number = self._field(), self._one()
        moment = self.chance.choice((("push", 0), ("push", 0), ("push", 1), self._moment()))
        return [
            ("run", tool, {}),
            self._edit(HERE, number, place),
            ("run", tool, {"during": [(*moment, self._edit(HERE, number, place))]}),
        ]

    def _create_in_trouble(self, tool: int) -> list[Step]:
        kind = self.chance.choice(("lost", "lost", "late", "late", "not_sent", "killed_after", "cut", "broken"))
        steps: list[Step] = [
            ("new", HERE, "contact", self._how()),
            (
                "run",
                tool,
                {"faults": [(self.chance.choice((0, 0, 1)), kind, self.chance.choice((2, 6, 20, 1000)), "push")]},
            ),
        ]
        if self.chance.random() < 0.4:
            last = ("edit", HERE, "contact", LAST, self._field(), self._how())
            steps.append(self.chance.choice((last, last, ("delete", HERE, "contact", LAST, self._how()))))
        return [*steps, ("run", tool, {})]

    def _delete_meets_edit(self, tool: int) -> list[Step]:
        number = self._one()
        delete, edit = (HERE, tool) if self.chance.random() < 0.5 else (tool, HERE)
        steps = [("delete", delete, "contact", number, self._how()), self._edit(edit, number)]
        if self.chance.random() < 0.5:
            steps.reverse()
        return [("run", tool, {}), *steps, ("run", tool, self._trouble() if self.chance.random() < 0.4 else {})]

    def _gone_without_a_trace(self, tool: int) -> list[Step]:
        """Deleted there, and only a full listing shows it; the listing may be cut short."""
        steps: list[Step] = [("new", tool, "contact", ""), ("run", tool, {})]
        if self.chance.random() < 0.6:
            steps.append(("delete", tool, "contact", self._one(), ""))
        how: dict[str, Any] = {}
        if self.chance.random() < 0.6:
            how = {"reading": [(self.chance.randrange(4), "short", 0)]}
        return [*steps, ("sweep", tool), ("run", tool, how)]

    def _same_on_both_sides(self, tool: int) -> list[Step]:
        if self.chance.random() < 0.5:
            return [("twin", tool), ("run", tool, {})]
        moment = (*self._moment(), ("twin", tool))
        return [("new", HERE, "contact", self._how()), ("run", tool, {"during": [moment]})]

    def _race(self, tool: int) -> list[Step]:
        """A worker sleeps past its lease, another one runs, the first wakes up."""
        how: dict[str, Any] = {"race": self._moment()}
        place, number = self._field(), self._one()
        if self.chance.random() < 0.5:
            how["during"] = [(*self._moment(), self._edit(HERE, number, place))]
        return [("run", tool, {}), self._edit(None, number, place), ("run", tool, how)]

    def _crowd_leaves(self, tool: int) -> list[Step]:
        """Many disappear at once."""
        place = self.chance.choice((HERE, tool))
        steps: list[Step] = [("crowd", place, 14), ("run", tool, {}), ("mass", place, 13)]
        return [*steps, *([("sweep", tool)] if place == tool else []), ("run", tool, {}), ("run", tool, {})]

    def _other_end_later(self, tool: int) -> list[Step]:
        """A relation to a record that is not linked yet."""
        place = self.chance.choice((HERE, tool))
        return [
            ("run", tool, {}),
            ("run", tool, {"during": [("call", 0, ("new", place, "company", "orm"))]}),
            ("new", place, "company", "orm"),
            ("company", place, self._one(), LAST),
            ("run", tool, self._trouble() if self.chance.random() < 0.3 else {}),
        ]

    def _some_refused(self, tool: int) -> list[Step]:
        return [("bulk", self.chance.choice(("sql", "api"))), self._new(), self._new(), ("run", tool, {})]

    def _killed_while_reading(self, tool: int) -> list[Step]:
        steps: list[Step] = [("crowd", tool, self.chance.randint(4, 9))]
        key = self.chance.choice(("dies_at", "dies_after"))
        return [*steps, ("run", tool, {key: self.chance.randrange(10)}), ("run", tool, {})]

    def _two_tools(self, tool: int) -> list[Step]:
        other = self.chance.randrange(len(self.tools))
        place, number = self._field(), self._one()
        runs: list[Step] = [("run", tool, {}), ("run", other, {})]
        return [*runs, self._edit(tool, number, place), self._edit(other, number, place), *runs, runs[0]]

    def _there_and_back(self, tool: int) -> list[Step]:
        """A value is set and set back, with a run lost in between."""
        place, number = self._field(), self._one()
        return [
            ("run", tool, {}),
            self._edit(HERE, number, place),
            ("run", tool, {"faults": [(0, self.chance.choice(("lost", "late", "not_sent")), 6, "push")]}),
            ("revert", number, place),
            ("run", tool, {}),
        ]

    def _left_out(self, tool: int) -> list[Step]:
        """Answers leave a field out, also while it changes here."""
        place = self._field()
        steps: list[Step] = [("run", tool, {}), ("untold", tool, place), self._edit(tool, 0)]
        if self.chance.random() < 0.5:
            steps.append(self._edit(HERE, 0, place))
        return [*steps, ("run", tool, {}), ("untold", tool, -1)]

    def _remapped(self, tool: int) -> list[Step]:
        """The mapping is edited while a run works."""
        place = self.chance.randrange(2, 6)
        moment = self._moment()
        return [
            ("run", tool, {}),
            self._edit(HERE, self._one(), place),
            ("run", tool, {"during": [(*moment, ("remap", tool, place - 2))]}),
            *([("remap", tool, place - 2)] if self.chance.random() < 0.6 else []),
            ("run", tool, {}),
        ]
