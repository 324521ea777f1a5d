"""Random stories against the engine's promises (docs/engine.md), on real PostgreSQL with tools in memory.

The same seeds each time, so that what held once holds again. `make simulate SEEDS=1000 SEED_START=21` plays any others, and
shrinks those that fail; `make mutants` plants every known flaw and shows that the stories find it.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from typing import Any

import pytest

from tests.simulation import mutants, planting
from tests.simulation.profiles import PROFILES
from tests.simulation.seeds import make_up
from tests.simulation.teller import Teller, tell
from tests.simulation.themes import THEMES

SEEDS = range(1, 21)


@pytest.fixture(scope="module")
def home(request: pytest.FixtureRequest) -> Any:
    """One tenant for all stories of this file; each story empties it first."""
    from tests.simulation import home

    request.getfixturevalue("django_db_setup")
    with request.getfixturevalue("django_db_blocker").unblock(), home.tenant() as made:
        yield made


@pytest.mark.parametrize("seed", SEEDS)
def test_story_ends_well(home: Any, seed: int) -> None:
    failure = tell(home, make_up(seed))
    if failure:
        pytest.fail(
            f"seed {seed}: {failure.what}\n{failure.log}\n\n{failure.text}\n\n"
            f"shrink it: .venv/bin/python -m tests.simulation --seed {seed}"
        )


def test_seed_tells_the_same_story_again(home: Any) -> None:
    """Also with what the engine did in it: the logs are the same, call by call."""
    assert make_up(8) == make_up(8)
    assert _log(home, 8) == _log(home, 8)


def _log(home: Any, seed: int) -> list[str]:
    from tests.simulation import teller

    teller.wipe()
    one = teller.Teller(home, make_up(seed))
    try:
        one.tell()
        return one.story_so_far().split("\n")
    finally:
        one.close()


def test_stories_know_every_kind_of_tool() -> None:
    met = {tool.kind for seed in range(400) for tool in make_up(seed).tools}
    assert met == set(PROFILES)


def test_stories_tell_every_kind_of_step() -> None:
    told = {step[0] for seed in range(400) for step in make_up(seed).steps}
    known = {name[1:] for name in dir(Teller) if re.fullmatch("_[a-z][a-z_]*", name)}
    assert told - known == set()
    assert {"pause", "take_up", "filter", "anew", "doubled", "plan", "approve", "undo"} <= told
    assert {"called", "option", "refill", "rename"} <= told


def test_seeds_in_a_row_tell_every_theme() -> None:
    assert {make_up(seed).theme for seed in range(7000, 7000 + len(THEMES))} == set(THEMES)


def test_simulation_that_breaks_down_does_not_pass() -> None:
    nowhere = os.environ | {"DATABASE_URL": "postgres://nobody@127.0.0.1:1/nowhere"}
    command = [sys.executable, "-m", "tests.simulation", "--seeds", "1"]
    done = subprocess.run(command, env=nowhere, cwd=mutants.ROOT, capture_output=True, text=True)
    assert done.returncode == 2
    assert "the simulation itself broke down" in done.stderr


@pytest.mark.parametrize("name", mutants.MUTANTS)
def test_mutant_still_fits_its_module(name: str) -> None:
    mutant = mutants.MUTANTS[name]
    compile(mutants.mutated(mutant, mutant.path.read_text()), str(mutant.path), "exec")


@pytest.mark.slow
@pytest.mark.parametrize("name", mutants.QUICK)
def test_flaw_is_found(home: Any, name: str) -> None:
    """By a seed that is known to find it, or one soon after. The whole list: `make mutants`."""
    assert planting.attempt(home, name, mutants.CATCHES[name]), f"{name} survived: {mutants.MUTANTS[name].breaks}"
