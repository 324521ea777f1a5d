"""From a seed to a story: chance decides everything, so a seed is a story."""

from __future__ import annotations

import random

from tests.simulation.decisions import Decisions
from tests.simulation.scenes import Scenes
from tests.simulation.story import Story
from tests.simulation.themes import THEMES, Themes


def make_up(seed: int) -> Story:
    """Each of the three draws from a chance of its own, so that a change in one leaves the others as they are."""
    name = list(THEMES)[seed % len(THEMES)]
    theme, random_part = THEMES[name], Scenes(random.Random(seed))
    random_part.draw_tools(theme.tools)
    themes = Themes(random.Random(f"the theme of {seed}"), random_part.tools)
    decisions = Decisions(random.Random(f"what people decide in {seed}"), themes.fit(theme))
    tools = decisions.about_tools()
    random_part.tools = themes.tools = decisions.tools = tools
    steps = themes.around(theme, decisions.among(random_part.told()))
    return Story(tools, tuple(steps), themes.chance.choice((3, 500)), name)
