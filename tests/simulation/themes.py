"""What a story is about. Chance alone hardly ever tells some mishaps whole, so every story has a theme: one family of hazards,
on a tool that shows it, told twice around the random rest. The seed's remainder chooses it: as many seeds in a row as there are
themes tell them all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.simulation.author import Author
from tests.simulation.here import PLAIN
from tests.simulation.memory import Profile
from tests.simulation.play import PAIRS
from tests.simulation.profiles import PROFILES, WAYS
from tests.simulation.story import HERE, LAST, Step, Tool

ORDINARY = {"direction": "both", "deletions": "archive", "matching": "match_or_create"}
NAME, EMAIL, JOB, SCORE, TAGS, MET = range(len(PLAIN["contact"]))
RUN: Step = ("run", 0, {})


@dataclass(frozen=True)
class Theme:
    """scene: told of tool 0, twice. kinds: of tools that show it; none: whatever chance gave. first: before anything else."""

    scene: Callable[[Themes], list[Step]]
    kinds: tuple[str, ...] = ()
    choices: Mapping[str, Any] = field(default_factory=dict)
    entities: tuple[str, ...] = ("contact",)
    first: bool = False
    tools: int = 1


class Themes(Author):
    def fit(self, theme: Theme) -> tuple[Tool, ...]:
        """The story's tools, the first of them one that shows the theme."""
        first, *others = self.tools
        if not theme.kinds:
            return self.tools
        names = tuple(name for name in PAIRS["contact"] if name != "company" or "company" in theme.entities)
        mapped = (*names, "city") if "company" in theme.entities else names
        choices = {"policy": first.choices["policy"]} | ORDINARY | theme.choices
        if isinstance(choices["policy"], tuple):
            choices["policy"] = self.chance.choice(choices["policy"])
        return (Tool(self.chance.choice(theme.kinds), theme.entities, choices, mapped), *others)

    def around(self, theme: Theme, steps: list[Step]) -> list[Step]:
        """The random steps with the theme at the beginning or in the middle, and at the end."""
        if theme.first:
            return [*theme.scene(self), *steps]
        place = self.chance.randint(2, len(steps))
        middle: list[Step] = [("calm", 0), RUN, *theme.scene(self)]
        return [*steps[:place], *middle, *steps[place:], ("wait",), ("calm", 0), RUN, *theme.scene(self)]

    def _two(self) -> tuple[int, int]:
        """Two fields that no rule of the story's knows."""
        one, other = self.chance.sample((JOB, SCORE, MET), 2)
        return one, other

    # --- first meetings -------------------------------------------------------------------------------------------------------

    def first_meeting(self) -> list[Step]:
        """The same people stand on both sides before anything was ever read, in several pages."""
        alone: list[Step] = [("new", HERE, "contact", "orm"), ("new", 0, "contact", "")]
        return [("twin", 0), alone[0], ("twin", 0), alone[1], ("twin", 0), ("wait",), RUN]

    def other_end_later(self) -> list[Step]:
        """A contact there points to a company that is made after the companies were read and before the contacts are."""
        steps: list[Step] = []
        for hold in (0, 1, 2):
            deeds: list[Step] = [("new", 0, "company", ""), ("company", 0, 1 + hold, LAST), ("wait",)]
            meanwhile = [("hold", hold, deed) for deed in deeds]
            steps += [("new", 0, "contact", ""), RUN, ("wait",), ("run", 0, {"during": meanwhile}), RUN]
        return steps

    # --- reading --------------------------------------------------------------------------------------------------------------

    def listed_in_part(self) -> list[Step]:
        """A listing ends early and does not claim to be whole."""
        at = self.chance.choice((1, 1, 2))
        gone: list[Step] = [("delete", 0, "contact", 1, "")] if self.chance.random() < 0.4 else []
        short = {"reading": [(at, "short", 0)]}
        return [("crowd", 0, 4), RUN, *gone, ("wait",), RUN, ("sweep", 0), ("run", 0, short), RUN]

    def stale_listing(self) -> list[Step]:
        """A listing that lags shows their edit of one field, and not yet what we wrote to another."""
        theirs, ours = self._two()
        number = self._one()
        return [self._edit(0, number, theirs), self._edit(HERE, number, ours), RUN, RUN, RUN]

    def clock_ahead(self) -> list[Step]:
        """Our clock goes fast while they write, in a tool that is never listed again from end to end."""
        steps: list[Step] = [("skew", HERE, 90), RUN]
        for number in (0, 1, 2):
            steps += [self._edit(0, number), RUN]
        return [("new", 0, "contact", ""), *steps, ("skew", HERE, -90)]

    def answered_at_once(self) -> list[Step]:
        """Somebody there edits what we have just written, by a coarse clock at the same time."""
        steps: list[Step] = []
        for number in (0, 1, 0):
            steps += [self._edit(HERE, number, JOB), RUN, self._edit(0, number, JOB), RUN]
        return steps

    def dies_with_their_edit(self) -> list[Step]:
        """The worker dies around the commit that brings in an edit from there; no overlap of the cursors covers it."""
        steps: list[Step] = []
        for number, place in enumerate(self.chance.sample(range(4), 3)):
            key = self.chance.choice(("dies_at", "dies_after"))
            steps += [("new", 0, "contact", ""), RUN]
            steps += [self._edit(0, number), ("wait",), ("run", 0, {key: place}), RUN]
        return steps

    def left_untold(self) -> list[Step]:
        """Answers leave a field out, while others change on both sides."""
        untold, other = self._two()
        number = self._one()
        steps: list[Step] = [self._edit(0, number, untold), RUN, ("untold", 0, untold), self._edit(0, number, other)]
        return [*steps, RUN, self._edit(HERE, number, other), RUN, ("untold", 0, -1)]

    # --- both sides at once ---------------------------------------------------------------------------------------------------

    def both_edit(self) -> list[Step]:
        steps: list[Step] = []
        for number in (0, 1):
            place = self._field()
            sides = [self._edit(HERE, number, place), self._edit(0, number, place)]
            self.chance.shuffle(sides)
            steps += [*sides, RUN]
        return steps

    def undecided(self) -> list[Step]:
        """A person is asked; meanwhile somebody here edits another field of the same record."""
        asked, other = self._two()
        number = self._one()
        sides = [self._edit(HERE, number, asked), self._edit(0, number, asked)]
        return [*sides, RUN, self._edit(HERE, number, other), RUN]

    def last_moment(self) -> list[Step]:
        """Somebody there edits just before we write."""
        steps: list[Step] = []
        for moment in (("push", 0), ("fetch", 0), ("hold", self.chance.randrange(3, 8))):
            place, number = self._field(), self._one()
            steps += [self._edit(HERE, number, place)]
            steps += [("run", 0, {"during": [(*moment, self._edit(0, number, place))]}), RUN]
        return steps

    def during_the_answer(self) -> list[Step]:
        """Somebody here edits while the write is under way."""
        steps: list[Step] = []
        for _ in range(2):
            place, number = self._field(), self._one()
            again = ("push", 0, self._edit(HERE, number, place))
            steps += [self._edit(HERE, number, place), ("run", 0, {"during": [again]})]
        return steps

    def before_it_is_applied(self) -> list[Step]:
        """Somebody here writes after their edit was read and before it is applied."""
        steps: list[Step] = []
        for hold in self.chance.sample(range(4), 3):
            theirs, ours = self._two()
            number = self._one()
            meanwhile = ("hold", hold, self._edit(HERE, number, ours))
            steps += [self._edit(0, number, theirs), ("run", 0, {"during": [meanwhile]})]
        return steps

    def two_tools(self) -> list[Step]:
        """What one tool brings in goes out to the other."""
        runs: list[Step] = [RUN, ("run", 1, {})]
        place, number = self._field(), self._one()
        return [*runs, self._edit(0, number, place), *runs, self._edit(1, number, place), *runs, RUN]

    # --- writing --------------------------------------------------------------------------------------------------------------

    def late_over_newer(self) -> list[Step]:
        """A write whose answer never came arrives when a newer value stands there."""
        place = self._field()
        late = {"faults": [(0, self.chance.choice(("late", "late", "not_sent")), 1000, "push")]}
        steps: list[Step] = [("new", HERE, "contact", "orm"), RUN, self._edit(HERE, LAST, place), ("run", 0, late)]
        return [*steps, self._edit(HERE, LAST, place), RUN, ("wait",), RUN]

    def answer_lost(self) -> list[Step]:
        """Whether the write landed nobody heard; then it is edited on, or taken back, or left."""
        steps: list[Step] = []
        for number, kind in enumerate((self.chance.choice(("lost", "killed_after", "broken")), "not_sent")):
            place = self._field()
            steps += [self._edit(HERE, number, place), ("run", 0, {"faults": [(0, kind, 0, "push")]})]
            on = [self._edit(HERE, number, place), self._edit(0, number, place), ("revert", number, place)]
            steps += [self.chance.choice(on) if kind != "not_sent" else RUN, RUN]
        return steps

    def held_up(self) -> list[Step]:
        """The tool is down when the record is read just before the write: nothing was sent, and it goes out next time."""
        steps: list[Step] = []
        for number, kind in enumerate(("unavailable", self.chance.choice(("limited", "expired")))):
            steps += [self._edit(HERE, number), ("run", 0, {"faults": [(0, kind, 0, "fetch")]}), ("wait",), RUN]
        return steps

    def create_asked_again(self) -> list[Step]:
        """A create landed and nobody heard; the next run comes before any listing can show it."""
        fault = (0, self.chance.choice(("lost", "lost", "killed_after", "broken")), 0, "push")
        return [RUN, ("new", HERE, "contact", self._how()), ("run", 0, {"faults": [fault]}), RUN]

    def create_arrives_late(self) -> list[Step]:
        """A create without an answer is made again, and then the first one arrives as well."""
        late = {"faults": [(0, "late", self.chance.choice((20, 1000)), "push")]}
        steps: list[Step] = [RUN, ("new", HERE, "contact", self._how()), ("run", 0, late), RUN, ("wait",), RUN]
        return [*steps, *([self._edit(HERE, LAST)] if self.chance.random() < 0.4 else []), RUN]

    # --- deletions ------------------------------------------------------------------------------------------------------------

    def deletion_meets_edit(self) -> list[Step]:
        """One side deletes what the other one edits."""
        steps: list[Step] = []
        for delete, edit in ((HERE, 0), (0, HERE)):
            number, how = self._one(), self._how()
            sides: list[Step] = [("delete", delete, "contact", number, how), self._edit(edit, number, JOB)]
            if edit == 0 and self.chance.random() < 0.5:  # what was deleted there cannot be edited any more
                sides.reverse()
            steps += [*sides, ("wait",), ("sweep", 0), RUN]
        return steps

    def deletion_held_up(self) -> list[Step]:
        """What was deleted here is read there once more before the deletion goes out."""
        down = {"faults": [(0, self.chance.choice(("unavailable", "limited", "not_sent")), 0, "push")]}
        steps: list[Step] = [("new", HERE, "contact", "orm"), RUN, ("delete", HERE, "contact", LAST, self._how())]
        return [*steps, ("run", 0, down), ("sweep", 0), ("run", 0, down), RUN]

    def crowd_leaves(self) -> list[Step]:
        """Many disappear at once."""
        place = self.chance.choice((HERE, 0))
        return [("crowd", place, 14), RUN, ("mass", place, 13), ("wait",), ("sweep", 0), RUN, RUN]

    # --- workers and what they know -------------------------------------------------------------------------------------------

    def overtaken(self) -> list[Step]:
        """A worker sleeps past its lease, another one runs everything, the first wakes up."""
        steps: list[Step] = []
        for moment in (("push", 0), ("fetch", 0), ("hold", self.chance.randrange(8))):
            how: dict[str, Any] = {"race": moment}
            place, number = self._field(), self._one()
            how["during"] = [(*moment, self._edit(HERE, number, place))]
            steps += [self._edit(HERE, number, place), ("run", 0, how)]
        return steps

    def commits_late(self) -> list[Step]:
        """Somebody's transaction begins first and commits last: after others wrote and a run has looked."""
        return [("slow", 0, self._how()), RUN, ("slow", 0, self._how()), RUN]

    def mapping_edited(self) -> list[Step]:
        """The mapping is edited while a run works."""
        steps: list[Step] = []
        for moment in (("push", 0), ("fetch", 0), ("hold", self.chance.randrange(6))):
            place = self.chance.randrange(2, 6)
            change: Step = ("remap", 0, place - 2)
            steps += [self._edit(HERE, self._one(), place), ("run", 0, {"during": [(*moment, change)]}), change, RUN]
        return steps

    def called(self) -> list[Step]:
        """The tool calls us for everything that changes there, twice, also for what we wrote ourselves."""
        steps: list[Step] = []
        for _ in range(2):
            steps += [self._edit(), self._edit(0, self._one()), ("called", 0)]
        return steps

    def options_renamed(self) -> list[Step]:
        """An option gets another name there, which changes every record that has it, without anybody's editing one."""
        edits: list[Step] = [self._edit(HERE, number, TAGS) for number in (0, 1)]
        between: list[Step] = [self._edit(self._who()[0], self._one(), TAGS)] if self.chance.random() < 0.5 else []
        return [*edits, RUN, *between, ("option", 0), ("wait",), ("sweep", 0), RUN, self._edit(HERE, 0, TAGS), RUN]

    def table_replaced(self) -> list[Step]:
        """Somebody there empties the table and fills it anew: the same things, under other ids."""
        ours: list[Step] = [self._edit(HERE, self._one())] if self.chance.random() < 0.5 else []
        steps: list[Step] = [("crowd", 0, 2), RUN, ("wait",), *ours, ("refill", 0)]
        return [*steps, ("wait",), ("sweep", 0), RUN, self._edit(0, self._one()), RUN]


def _kinds(fits: Callable[[Profile], bool]) -> tuple[str, ...]:
    """Tools that can do all that people do and refuse little."""
    return tuple(n for n, one in PROFILES.items() if n not in WAYS and one.refuses != 7 and fits(one))


ANY = _kinds(lambda one: True)
TELLING = _kinds(lambda one: one.incremental and one.tombstones)  # never listed again from end to end
SWEPT = _kinds(lambda one: not (one.incremental and one.tombstones))
PROMPT = _kinds(lambda one: not one.lag)
LAGGING = _kinds(lambda one: one.lag > 3)
MARKED = _kinds(lambda one: one.create_once == "marker")
COARSE = _kinds(lambda one: one.clock >= 60)
VERSIONED = _kinds(lambda one: one.versions)
UNVERSIONED = _kinds(lambda one: not one.versions)

DECIDED = {"policy": ("newest", "local", "local", "remote")}
THEMES = {
    "late over newer": Theme(Themes.late_over_newer, UNVERSIONED),
    "answer lost": Theme(Themes.answer_lost, ANY, DECIDED),
    "first meeting": Theme(Themes.first_meeting, PROMPT, first=True),
    "last moment": Theme(Themes.last_moment, UNVERSIONED),
    "during the answer": Theme(Themes.during_the_answer, ANY),
    "before it is applied": Theme(Themes.before_it_is_applied, ANY, DECIDED),
    "both edit": Theme(Themes.both_edit, ANY, DECIDED),
    "undecided": Theme(Themes.undecided, VERSIONED, {"policy": "ask"}),
    "dies with their edit": Theme(Themes.dies_with_their_edit, TELLING),
    "deletion meets edit": Theme(Themes.deletion_meets_edit, ANY),
    "deletion held up": Theme(Themes.deletion_held_up, SWEPT),
    "listed in part": Theme(Themes.listed_in_part, _kinds(lambda one: one.incremental and not one.tombstones)),
    "stale listing": Theme(Themes.stale_listing, LAGGING, DECIDED),
    "answered at once": Theme(Themes.answered_at_once, COARSE, DECIDED),
    "clock ahead": Theme(Themes.clock_ahead, _kinds(lambda one: one.tombstones and one.clock + one.lag == 0)),
    "held up": Theme(Themes.held_up, TELLING),
    "other end later": Theme(Themes.other_end_later, TELLING, entities=("company", "contact")),
    "create asked again": Theme(Themes.create_asked_again, tuple(sorted({*LAGGING} & {*MARKED}))),
    "create arrives late": Theme(Themes.create_arrives_late, MARKED),
    "left untold": Theme(Themes.left_untold, UNVERSIONED),
    "overtaken": Theme(Themes.overtaken, ANY),
    "commits late": Theme(Themes.commits_late, ANY),
    "mapping edited": Theme(Themes.mapping_edited, ANY),
    "crowd leaves": Theme(Themes.crowd_leaves, ANY),
    "two tools": Theme(Themes.two_tools, TELLING, DECIDED, tools=2),  # no later listing brings what was passed over
    "called": Theme(Themes.called, ANY),
    "options renamed": Theme(Themes.options_renamed, ANY),
    "table replaced": Theme(Themes.table_replaced, ANY),
}
