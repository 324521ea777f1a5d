"""Making a failing story small: leave out whatever it fails without."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from tests.simulation.story import Step, Story


def shrink(story: Story, fails: Callable[[Story], bool], seconds: float = 60) -> Story:
    """The smallest story found in this time that still fails in the same way."""
    until = time.monotonic() + seconds
    smaller = True
    while smaller and time.monotonic() < until:
        smaller = False
        for candidate in _smaller(story):
            if time.monotonic() > until:
                break
            if fails(candidate):
                story, smaller = candidate, True
                break
    return story


def _smaller(story: Story) -> Iterator[Story]:
    """First without large parts, then without single steps, then with less trouble in the runs, then with fewer tools."""
    steps = story.steps
    size = len(steps) // 2
    while size:
        for start in range(len(steps) - size, -1, -size):
            yield replace(story, steps=steps[:start] + steps[start + size :])
        size //= 2
    for place, step in enumerate(steps):
        for less in _simpler(step):
            yield replace(story, steps=(*steps[:place], less, *steps[place + 1 :]))
    used = {tool for step in steps for tool in _tools_of(step)}
    if len(story.tools) > 1 and len(story.tools) - 1 not in used:
        yield replace(story, tools=story.tools[:-1])
    for place, tool in enumerate(story.tools):
        for plainer in _plainer(tool):
            yield replace(story, tools=(*story.tools[:place], plainer, *story.tools[place + 1 :]))


def _simpler(step: Step) -> Iterator[Step]:
    if isinstance(how := step[-1], dict):
        for key, value in how.items():
            yield (*step[:-1], {k: v for k, v in how.items() if k != key})
            if isinstance(value, list) and len(value) > 1:
                for place in range(len(value)):
                    yield (*step[:-1], how | {key: value[:place] + value[place + 1 :]})
    elif step[0] == "crowd" and step[2] > 1:
        yield ("crowd", step[1], step[2] // 2)


def _plainer(tool: Any) -> Iterator[Any]:
    if tool.kind != "plain":
        yield replace(tool, kind="plain")
    if tool.rules:
        yield replace(tool, rules={})
    if "company" in tool.entities:
        yield replace(tool, entities=("contact",))


def _tools_of(step: Step) -> Iterator[int]:
    """The numbers of the tools that a step names."""
    if step[0] not in ("back", "bulk", "revert", "wait"):
        yield step[1]
    if step[0] == "run":
        for _place, _number, inner in step[2].get("during", ()):
            yield from _tools_of(inner)
