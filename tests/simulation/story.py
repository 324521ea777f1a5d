"""Making up a story from a seed: the tools, how they are connected, and what everybody does.

`random.Random(seed)` decides everything, so a seed is a story. A step is a plain tuple; `teller.py` knows what each means.
Much of a story is made of scenes: a few steps on one record that lead to where mistakes hide (a late write over a newer value,
an edit while an answer is lost, …), with chance between and around them.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from tests.simulation.here import PLAIN
from tests.simulation.play import PAIRS
from tests.simulation.profiles import EXTREMES, PROFILES, PROVIDERS, WAYS

Step = tuple[Any, ...]
HERE = -1  # a place: our side; otherwise the number of a tool
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


def make_up(seed: int) -> Story:
    story = _Author(random.Random(seed)).story()
    story = _Decisions(random.Random(f"what people decide in {seed}")).among(story)
    ending = _Ending(random.Random(f"the end of {seed}"), story.tools)
    return replace(story, steps=(*story.steps, *ending.steps()))


class _Author:
    def __init__(self, chance: random.Random) -> None:
        self.chance = chance

    def story(self) -> Story:
        chance = self.chance
        count = chance.choices((1, 2, 3), (62, 28, 10))[0]
        self.tools = tuple(self._tool(count) for _ in range(count))
        target = chance.randint(10, 34)
        self.focus = chance.choice(PLAIN["contact"])
        steps: list[Step] = [self._new(), ("edit", *self._who(), "contact", 0, chance.randrange(2, 6), "orm")]
        steps += [("run", tool, {}) for tool in range(count) if chance.random() < 0.8]
        while len(steps) < target:
            steps += self._scene() if chance.random() < 0.6 else [self._anything()]
        return Story(self.tools, tuple(steps), chance.choice((3, 500)))

    # --- the tools ----------------------------------------------------------------------------------------------------------

    def _tool(self, count: int) -> Tool:
        chance = self.chance
        kind = chance.choice([*PROVIDERS, *EXTREMES, "plain", "notion"])
        entities = chance.choice((("contact",), ("company", "contact"))) if count < 3 else ("contact",)
        choices: dict[str, Any] = {
            "policy": chance.choice(("newest", "newest", "local", "remote", "ask")),
            "direction": WAYS.get(kind) or chance.choice(("both",) * 8 + ("import", "export")),
            "deletions": chance.choice(("archive",) * 7 + ("delete", "ignore", "unlink")),
            "matching": chance.choice(("match_or_create",) * 8 + ("create_only", "match_only")),
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

    # --- scenes ---------------------------------------------------------------------------------------------------------------

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


class _Ending(_Author):
    """How most stories end: a scene that chance hardly ever tells whole, drawn apart so that the rest stays as it is."""

    def __init__(self, chance: random.Random, tools: tuple[Tool, ...]) -> None:
        super().__init__(chance)
        self.tools, self.focus = tools, chance.choice(PLAIN["contact"])

    def steps(self) -> list[Step]:
        chance = self.chance
        scene = chance.choice(
            (
                self._create_asked_again,
                self._create_asked_again,
                self._answered_at_once,
                self._clock_ahead,
                self._deletion_held_up,
                self._killed_with_their_edit,
                self._edit_before_theirs_is_applied,
            )  # fmt: skip
        )
        tool = chance.randrange(len(self.tools))
        return [("run", tool, {}), *scene(tool)] if chance.random() < 0.7 else []

    def _create_asked_again(self, tool: int) -> list[Step]:
        """A create landed and nobody heard; the next run comes before any listing can show it."""
        lagging = [number for number, one in enumerate(self.tools) if PROFILES[one.kind].lag > 3]
        tool = self.chance.choice(lagging or [tool])
        fault = (0, self.chance.choice(("lost", "lost", "killed_after", "broken")), 0, "push")
        first: Step = ("run", tool, {})
        return [first, ("new", HERE, "contact", self._how()), ("run", tool, {"faults": [fault]}), first]

    def _answered_at_once(self, tool: int) -> list[Step]:
        """Somebody there edits what we have just written, by a coarse clock at the same time."""
        number, run = self._one(), ("run", tool, {})
        return [self._edit(HERE, number, 2), run, self._edit(tool, number, 2), run]

    def _clock_ahead(self, tool: int) -> list[Step]:
        """Our clock goes fast while they write, in a tool that is never listed again from end to end."""
        kinds = [PROFILES[one.kind] for one in self.tools]
        telling = [number for number, kind in enumerate(kinds) if kind.incremental and kind.tombstones]
        tool = self.chance.choice(telling or [tool])
        edits = [self._edit(tool, number) for number in (0, 1)]
        run: Step = ("run", tool, {})
        return [("skew", HERE, 90), run, edits[0], run, edits[1], run, ("skew", HERE, -90)]

    def _deletion_held_up(self, tool: int) -> list[Step]:
        """What was deleted here is read there once more before the deletion goes out."""
        number = self._one()
        down = (0, self.chance.choice(("unavailable", "limited", "not_sent")), 0, "push")
        steps: list[Step] = [("delete", HERE, "contact", number, self._how()), ("run", tool, {"faults": [down]})]
        return [*steps, ("sweep", tool), ("run", tool, {"faults": [down]}), ("run", tool, {})]

    def _killed_with_their_edit(self, tool: int) -> list[Step]:
        """The worker dies around the commit that brings in an edit from there."""
        key = self.chance.choice(("dies_at", "dies_after", "dies_after"))
        long_ago: list[Step] = [("wait",)] if self.chance.random() < 0.7 else []  # no overlap of the cursors covers it
        killed: Step = ("run", tool, {key: self.chance.randrange(4)})
        return [self._edit(tool, self._one()), *long_ago, killed, ("run", tool, {})]

    def _edit_before_theirs_is_applied(self, tool: int) -> list[Step]:
        """Somebody here writes after their edit was read and before it is applied."""
        number = self._one()
        ours = ("hold", self.chance.randrange(4), self._edit(HERE, number))
        return [self._edit(tool, number), ("run", tool, {"during": [ours]})]


class _Decisions(_Author):
    """What people decide about pairs, runs and plans, in four stories of ten; drawn apart, so that all other steps stay."""

    def __init__(self, chance: random.Random) -> None:
        super().__init__(chance)
        self.focus = chance.choice(PLAIN["contact"])

    def among(self, story: Story) -> Story:
        """The story with such scenes between its steps."""
        chance, steps, self.tools = self.chance, list(story.steps), story.tools
        scenes = (self._paused, self._filtered, self._anew, self._woken_twice, self._planned, self._taken_back)
        for _ in range(chance.choices((0, 1, 2, 3), (60, 20, 12, 8))[0]):
            place = chance.randint(2, len(steps))
            steps[place:place] = chance.choice(scenes)(chance.randrange(len(self.tools)))
        tools = list(story.tools)
        if chance.random() < 0.07:
            number = chance.randrange(len(tools))
            rules = tools[number].rules | {chance.choice(PLAIN["contact"][1:]): {"policy": "fill"}}
            tools[number] = replace(tools[number], rules=rules)
        return replace(story, tools=tuple(tools), steps=tuple(steps))

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


LAST = -1  # the newest record
