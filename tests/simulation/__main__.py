"""`make simulate`: random stories against the engine's promises (docs/engine.md), each from a seed that tells it again.

    make simulate SEEDS=40 SEED_START=7000
    python -m tests.simulation --seed 7013              one story, with everything that happens
    python -m tests.simulation --mutant no-ghosts --seeds 60
    python -m tests.simulation --mutants all            plants every known flaw; each must be caught

Ends with 1 and the shrunk story when a promise is broken, with 2 when the simulation itself breaks down. Uses DATABASE_URL, or
a PostgreSQL of its own.
"""

from __future__ import annotations

import argparse
import logging
import os
import subprocess
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from typing import Any

BROKEN_DOWN = 2


def main() -> int:
    options = _options()
    try:
        return _do(options)
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:
        traceback.print_exc()
        print(
            f"\nthe simulation itself broke down, so nothing is shown: {type(error).__name__}: {error}", file=sys.stderr
        )
        return BROKEN_DOWN


def _do(options: argparse.Namespace) -> int:
    start = options.start or 1
    seeds = [options.seed] if options.seed is not None else range(start, start + (options.seeds or 40))
    if options.mutants:
        with _database() as home:
            from tests.simulation import planting

            return planting.trial(home, options.mutants, options.seeds, options.start, partial(print, flush=True))
    if options.jobs > 1 and len(seeds) > options.jobs and not os.environ.get("DATABASE_URL"):
        return _side_by_side(options, seeds)
    with _database() as home, _planted(options.mutant):
        return _play(home, seeds, options)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation")
    parser.add_argument("--seeds", type=int, default=0, help="how many stories (40)")
    parser.add_argument("--start", type=int, help="the first seed (1, or one that is known to find the mutant)")
    parser.add_argument("--seed", type=int, help="this story only, told in full")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument("--mutant", help="plant this flaw first")
    parser.add_argument("--mutants", help="all, or names: play until each is found")
    parser.add_argument("--no-shrink", action="store_true")
    return parser.parse_args()


@contextmanager
def _planted(name: str | None) -> Iterator[None]:
    from tests.simulation import planting

    with planting.planted(name) if name else nullcontext():
        yield


@contextmanager
def _database() -> Iterator[Any]:
    from tests import database

    database.prepare()
    import django

    django.setup()
    logging.getLogger("integrations").setLevel(logging.WARNING)  # a story has a log of its own
    database.create()
    from tests.simulation import home

    try:
        with home.tenant() as made:
            yield made
    finally:
        database.destroy()


def _play(home: Any, seeds: Any, options: argparse.Namespace) -> int:
    from tests.simulation.seeds import make_up
    from tests.simulation.teller import tell

    began, steps = time.monotonic(), 0
    for count, seed in enumerate(seeds, 1):
        story = make_up(seed)
        failure = tell(home, story, aloud=options.seed is not None)
        steps += len(story.steps)
        if failure is not None:
            print(f"\nseed {seed}: {failure.what}\n", flush=True)
            _report(home, story, failure, seed, options)
            return 1
        print(".", end="" if count % 80 else "\n", flush=True)
    seconds = time.monotonic() - began
    print(f"\n{len(seeds)} stories, {steps} steps, {len(seeds) / seconds:.1f} a second: every promise held", flush=True)
    return 0


def _report(home: Any, story: Any, failure: Any, seed: int, options: argparse.Namespace) -> None:
    from tests.simulation.shrink import shrink
    from tests.simulation.teller import tell

    if options.no_shrink:
        small, last = story, failure
    else:
        found: list[Any] = [failure]

        def fails(candidate: Any) -> bool:
            again = tell(home, candidate)
            if again is None or again.kind != failure.kind:
                return False
            found.append(again)
            return True

        small = shrink(story, fails)
        last = found[-1]
    told = ["the story:", *(f"  {tool}" for tool in small.tools), f"  gather={small.gather}"]
    told += [*(f"  {step}" for step in small.steps), f"\nwhat happened:\n{last.log}\n\nwhat is wrong:\n{last.text}\n"]
    told += [f"seed {seed} again, in full: python -m tests.simulation --seed {seed}"]
    print("\n".join(told), flush=True)  # in one piece: another process may be telling, too


def _side_by_side(options: argparse.Namespace, seeds: range) -> int:
    """Every process takes its share, with a PostgreSQL of its own: on one they would hold up each other's change feed."""
    share = -(-len(seeds) // options.jobs)
    children = []
    for start in range(seeds.start, seeds.stop, share):
        count = min(share, seeds.stop - start)
        command = [sys.executable, "-m", "tests.simulation", "--seeds", str(count), "--start", str(start)]
        command += ["--no-shrink"] if options.no_shrink else []
        command += ["--mutant", options.mutant] if options.mutant else []
        children.append(subprocess.Popen(command, env=os.environ))
    codes = [child.wait() for child in children]
    for code in codes:
        if code < 0:
            print(f"\na process of the simulation was killed by signal {-code}", file=sys.stderr)
    worst = max(code if code >= 0 else BROKEN_DOWN for code in codes)
    print(
        f"\n{len(seeds)} stories: every promise held"
        if not worst
        else "\nnot every promise was seen to hold: see above"
    )
    return worst


if __name__ == "__main__":
    sys.exit(main())
