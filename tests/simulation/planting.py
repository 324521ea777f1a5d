"""Planting a flaw in the running engine, and playing stories until one of them finds it.

The functions of the mutant's module get the code of the flawed ones, wherever they are known by now; afterwards they have
their own again.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FunctionType, ModuleType
from typing import Any

from tests.simulation.mutants import CATCHES, MUTANTS, mutated
from tests.simulation.seeds import make_up
from tests.simulation.teller import Failure, tell

TRIES = 60  # stories that a flaw may survive
BREAKDOWNS = ("ProgrammingError", "NameError", "SyntaxError", "ImportError")  # a flaw that breaks down at once is none


@contextmanager
def planted(name: str) -> Iterator[None]:
    """The flaw is there as long as the block lasts."""
    mutant = MUTANTS[name]
    module = importlib.import_module(mutant.module)
    flawed = ModuleType(module.__name__)
    exec(compile(mutated(mutant, mutant.path.read_text()), str(mutant.path), "exec"), flawed.__dict__)  # noqa: S102
    ours, theirs = _functions(module), _functions(flawed)
    codes = {path: one.__code__ for path, one in ours.items()}
    texts = {key: one for key, one in vars(module).items() if isinstance(one, str) and not key.startswith("__")}
    for path, one in ours.items():
        one.__code__ = theirs[path].__code__
    vars(module).update({key: getattr(flawed, key) for key in texts})  # statements, for instance
    try:
        yield
    finally:
        for path, one in ours.items():
            one.__code__ = codes[path]
        vars(module).update(texts)


def _functions(module: ModuleType) -> dict[str, FunctionType]:
    """{path: function} of all that the module defines, in its classes and under decorators too."""
    found: dict[str, FunctionType] = {}

    def gather(path: str, one: Any) -> None:
        one = inspect.unwrap(getattr(one, "__func__", getattr(one, "fget", one)))
        if inspect.isclass(one) and one.__module__ == module.__name__:
            for name, part in vars(one).items():
                gather(f"{path}.{name}", part)
        elif isinstance(one, FunctionType) and one.__code__.co_filename == _file_of(module):
            found[path] = one

    for name, one in list(vars(module).items()):
        gather(name, one)
    return found


def _file_of(module: ModuleType) -> str:
    return next(str(m.path) for m in MUTANTS.values() if m.module == module.__name__)


def attempt(tenant: Any, name: str, start: int, tries: int = TRIES) -> tuple[int, Failure] | None:
    """The seed that finds the flaw, and what it finds; None when it survives."""
    with planted(name):
        for seed in range(start, start + tries):
            failure = tell(tenant, make_up(seed))
            if failure is not None:
                assert not failure.what.startswith(BREAKDOWNS), f"{name} does not run at all: {failure.text}"
                return seed, failure
    return None


def trial(tenant: Any, names: str, tries: int, start: int | None, say: Callable[[str], None]) -> int:
    """Play until each flaw is found, from `start` or the seed that is known to find it; answers 1 when one survives."""
    chosen = list(MUTANTS) if names == "all" else names.split(",")
    survivors = 0
    for name in chosen:
        first = start or CATCHES.get(name, 1)
        found = attempt(tenant, name, first, tries or TRIES)
        survivors += found is None
        if found is None:
            say(f"{name:<28} SURVIVED the seeds from {first}: {MUTANTS[name].breaks}")
        else:
            seed, failure = found
            say(f"{name:<28} seed {seed:<5} the {seed - first + 1}. played  {failure.what[:90]}")
    say(f"{len(chosen) - survivors} of {len(chosen)} found")
    return 1 if survivors else 0
