"""Small stories that once ended badly, as they were shrunk."""

from __future__ import annotations

from typing import Any

import pytest

from tests.simulation.here import PLAIN
from tests.simulation.story import HERE, Step, Story, Tool
from tests.simulation.teller import tell
from tests.simulation.test_simulation import home
from tests.simulation.themes import EMAIL, ORDINARY, RUN, TAGS

__all__ = ["home"]
LATE_INDEX = Tool("everything", ("contact",), ORDINARY | {"policy": "newest"}, tuple(PLAIN["contact"]))
LOST: Step = ("run", 0, {"faults": [(0, "lost", 0, "push")]})

FOUND: dict[str, tuple[Step, ...]] = {
    # a listing that lagged behind showed the value that somebody had just gone back to, and was believed: it did not go out
    "back to what an old listing shows": (
        ("new", HERE, "contact", "sql"),
        RUN,
        ("edit", HERE, "contact", 0, TAGS, "sql"),
        LOST,
        ("revert", 0, TAGS),
        RUN,
        RUN,
    ),
    # the answer to a plan's write showed what somebody there had edited beside it: the write was told as left out, and a listing
    # that lagged behind brought back what it had replaced
    "an answer with more than the plan's": (
        ("new", HERE, "contact", "ui"),
        RUN,
        ("edit", HERE, "contact", 0, EMAIL, "ui"),
        ("plan", 0),
        ("edit", 0, "contact", 0, TAGS, "orm"),
        ("approve", 0, {}),
        RUN,
    ),
    # more went at once than the brake lets pass: a person had read that in the plan, or took back the run that had brought them
    "a crowd leaves by a plan, there": (
        ("crowd", HERE, 14),
        RUN,
        ("mass", HERE, 13),
        ("plan", 0),
        ("approve", 0, {}),
        RUN,
    ),
    "a crowd leaves by a plan, here": (
        ("crowd", 0, 14),
        RUN,
        ("mass", 0, 13),
        ("sweep", 0),
        ("plan", 0),
        ("approve", 0, {}),
        RUN,
    ),
    "a crowd leaves by an undo": (("crowd", HERE, 14), RUN, ("undo", 0, 0, False, {}), RUN),
    # pairs were forgotten just after a create: the listing did not show it yet, and it was made a second time
    "matched anew before the listing has it": (("new", HERE, "contact", "orm"), RUN, ("anew", 0, "match"), RUN),
}


@pytest.mark.parametrize("name", FOUND)
def test_story_ends_well_now(home: Any, name: str) -> None:
    failure = tell(home, Story((LATE_INDEX,), FOUND[name]))
    assert failure is None, f"{failure.what}\n{failure.log}"


def test_second_copy_is_known_although_another_tool_has_a_record_of_that_id(home: Any) -> None:
    """A create that arrived late was taken for a record of the other tool, which counts its ids in the same way."""
    tools = tuple(Tool(kind, ("contact",), ORDINARY, tuple(PLAIN["contact"])) for kind in ("trello", "planner"))
    late: Step = ("run", 1, {"faults": [(0, "late", 1000, "push")]})
    new: Step = ("new", HERE, "contact", "ui")
    steps: tuple[Step, ...] = (
        new,
        ("run", 0, {}),
        late,
        ("run", 1, {}),
        new,
        ("run", 0, {}),
        ("wait",),
        ("run", 1, {}),
    )
    failure = tell(home, Story(tools, steps))
    assert failure is None, f"{failure.what}\n{failure.log}"


def test_what_came_back_just_before_pairs_were_forgotten_is_made_there_again(home: Any) -> None:
    tool = Tool("square", ("contact",), ORDINARY, tuple(PLAIN["contact"]))  # which brings nothing back
    new: Step = ("new", HERE, "contact", "ui")
    steps: tuple[Step, ...] = (
        new,
        RUN,
        ("delete", HERE, "contact", 0, "ui"),
        RUN,
        ("back", 0),
        ("anew", 0, "match"),
        RUN,
    )
    failure = tell(home, Story((tool,), steps))
    assert failure is None, f"{failure.what}\n{failure.log}"


def test_an_old_listing_is_not_believed_because_the_tools_clock_was_set_back(home: Any) -> None:
    """Our write was answered with an earlier time than the state that it replaced, which a listing went on showing."""
    tool = Tool("square", ("contact",), ORDINARY, tuple(PLAIN["contact"]))
    steps: tuple[Step, ...] = (
        ("new", HERE, "contact", "ui"),
        RUN,
        ("skew", 0, -90),
        ("edit", HERE, "contact", 0, PLAIN["contact"].index("job_title"), "ui"),
        RUN,
        RUN,
    )
    failure = tell(home, Story((tool,), steps))
    assert failure is None, f"{failure.what}\n{failure.log}"
