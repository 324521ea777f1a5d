"""Swapping the sides swaps the answer: what people did here is done there and the other way round, and everything ends the same
with here and there exchanged.

Left out, because the two sides differ by design: "newest" (a tool tells one time per record, the feed one per field), faults and
lagging listings (only one side is far away), a first meeting by key (pairs, but our record keeps its id), and deletions while a
person is asked (what comes back from the trash of a tool is as it was; ours comes back as the tool has it).
"""

from __future__ import annotations

import random
from typing import Any

import pytest

from integrations.models import LinkState, RecordLink
from tests.simulation.here import MODELS, PLAIN, Here
from tests.simulation.memory import Clock
from tests.simulation.play import PAIRS, Play, value_of, wipe
from tests.simulation.teller import BEGAN
from tests.simulation.test_simulation import home

__all__ = ["home"]
MIRRORED = {"local": "remote", "remote": "local", "ask": "ask"}
FIELDS = PLAIN["contact"]
SEEDS = range(3)


def made_up(seed: int) -> list[tuple[Any, ...]]:
    """Steps of (what, side, record, field, number); records by the order of their making."""
    chance, numbers = random.Random(seed), iter(range(20_000, 30_000))
    steps: list[tuple[Any, ...]] = []
    for _ in range(chance.randint(2, 4)):
        steps.append(("new", chance.choice("ab"), 0, "", next(numbers)))
    steps.append(("run",))
    for _ in range(chance.randint(8, 16)):
        what = chance.choices(("edit", "delete", "new", "run"), (12, 1, 1, 4))[0]
        step = (what, chance.choice("ab"), chance.randrange(4), chance.choice(FIELDS), next(numbers))
        steps.append(("run",) if what == "run" else step)
    return steps


def swapped(steps: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    return [(step[0], "ba"["ab".index(step[1])], *step[2:]) if len(step) > 1 else step for step in steps]


def outcome(home: Any, steps: list[tuple[Any, ...]], policy: str) -> list[tuple[dict[str, Any] | None, ...]]:
    """What each record holds in the end: (here, there); None where it is no more."""
    wipe()
    local = Here(home, Clock(BEGAN), [], own_clock=True)
    play = Play(home, choices={"policy": policy}, entities=("contact",), local=local)
    ids: list[list[str | None]] = []  # (here, there)
    try:
        for step in steps:
            _do(play, ids, *step)
        play.come_to_rest()
        play.check()
        _meet(ids)
        return [(_here(play, pk), _there(play, remote_id)) for pk, remote_id in ids]
    finally:
        local.close()


def _do(
    play: Play, ids: list[list[str | None]], what: str, side: str = "", which: int = 0, name: str = "", n: int = 0
) -> None:
    if what == "run":
        play.run()
        _meet(ids)
        return
    if what == "new":
        values = {"name": value_of("name", n), "email": value_of("email", n)}
        if side == "a":
            ids.append([play.here_people.new("contact", values, n), None])
        else:
            ids.append([None, play.new_there("contact", **{PAIRS["contact"][k]: v for k, v in values.items()})])
        return
    pk, remote_id = ids[which % len(ids)]
    if side == "a" and pk and MODELS["contact"].objects.filter(pk=pk).exists():
        play.edit_here("contact", pk, name, value_of(name, n)) if what == "edit" else play.delete_here("contact", pk)
    elif side == "b" and remote_id and not play.world.rows[remote_id].deleted:
        play.edit_there("contact", remote_id, name, value_of(name, n)) if what == "edit" else play.trash_there(
            remote_id
        )


def _meet(ids: list[list[str | None]]) -> None:
    links = RecordLink.objects.filter(state__in=(LinkState.LINKED, LinkState.GONE)).values_list(
        "record_id", "remote_id"
    )
    pairs = [(str(pk), remote_id) for pk, remote_id in links]
    for one in ids:
        one[:] = next(([pk, remote_id] for pk, remote_id in pairs if pk == one[0] or remote_id == one[1]), one)


def _here(play: Play, pk: str | None) -> dict[str, Any] | None:
    there_is = pk and MODELS["contact"].objects.filter(pk=pk).exists()
    return {name: value for name, value in play.here_people.values("contact", pk).items()} if pk and there_is else None


def _there(play: Play, remote_id: str | None) -> dict[str, Any] | None:
    row = play.world.rows.get(remote_id or "")
    return (
        {ours: row.values.get(theirs) for ours, theirs in PAIRS["contact"].items()} if row and not row.deleted else None
    )


@pytest.mark.parametrize("policy", MIRRORED)
@pytest.mark.parametrize("seed", SEEDS)
def test_swapping_sides_swaps_the_answer(home: Any, seed: int, policy: str) -> None:
    steps = [step for step in made_up(seed) if policy != "ask" or step[0] != "delete"]
    straight = outcome(home, steps, policy)
    mirrored = outcome(home, swapped(steps), MIRRORED[policy])
    assert [(there, here) for here, there in mirrored] == straight
