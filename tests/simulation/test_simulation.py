"""Random stories against the engine's promises (DESIGN.md §5), on real PostgreSQL with a tool in memory.

`SIM_EXAMPLES=2000 pytest tests/simulation` plays many more, with new ones every time; a failure prints its whole story.
"""

from __future__ import annotations

import os
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.simulation.memory import Fault, Profile
from tests.simulation.play import ENTITIES, MODELS, PLAIN, SCHEMAS, Play, wipe

EXAMPLES = int(os.environ.get("SIM_EXAMPLES", "0"))
FAST = 5  # stories per kind of tool; the whole file stays under a minute

PROFILES = {
    "plain": Profile(),
    "coarse clock, late index": Profile(clock=60, lag=6),
    "versions, batches": Profile(versions=True, batch=5),
    "batches": Profile(batch=5, messy=True),
    "lossy": Profile(lossy=True, clock=60),
    "full listing only": Profile(incremental=False, tombstones=False),
    "no tombstones, nothing restored": Profile(tombstones=False, restore=False),
    "refuses": Profile(refuses=7, batch=5),
    "everything": Profile(clock=60, lag=6, lossy=True, messy=True, tombstones=False, batch=5),
}

small = st.integers(0, 5)
edits = st.one_of(
    st.tuples(st.just("new"), st.booleans(), st.integers(0, 2)),
    st.tuples(st.just("edit"), st.booleans(), small, small),
    st.tuples(st.just("edit"), st.booleans(), small, small),
    st.tuples(st.just("clear"), st.booleans(), small, small),
    st.tuples(st.just("delete"), st.booleans(), small),
    st.tuples(st.just("company"), st.booleans(), small, small),
    st.tuples(st.just("restore"), small),
    st.tuples(st.just("twin"), small),
    st.tuples(st.just("bulk")),
)
kinds = st.sampled_from(["unavailable", "limited", "killed", "killed_after", "lost", "not_sent", "late", "cut"])
faults = st.builds(Fault, st.integers(0, 12), kinds, st.integers(1, 12))
runs = st.fixed_dictionaries(
    {
        "faults": st.lists(faults, max_size=2),
        "reading": st.lists(
            st.builds(Fault, st.integers(0, 4), st.sampled_from(["unavailable", "killed", "killed_after", "cut"])),
            max_size=1,
        ),
        "dies_at": st.none() | st.integers(0, 30),
        "during": st.lists(st.tuples(st.sampled_from(["call", "hold"]), st.integers(0, 16), edits), max_size=3),
    }
)
steps = st.one_of(edits, edits, edits, st.tuples(st.just("run"), runs), st.just(("run", {})))
stories = st.lists(steps, min_size=3, max_size=22)


# One record, two of its fields, and everything that may happen to it at once: model/protocol.py with the real engine.
blow = st.one_of(
    st.tuples(st.just("edit"), st.booleans(), st.just(0), st.sampled_from([2, 3])),
    st.tuples(st.just("edit"), st.booleans(), st.just(0), st.sampled_from([2, 3])),
    st.tuples(st.just("edit"), st.booleans(), st.just(0), st.sampled_from([2, 3])),
    st.tuples(st.just("delete"), st.booleans(), st.just(0)),
    st.tuples(st.just("restore"), st.just(0)),
)
hard_runs = st.fixed_dictionaries(
    {
        "faults": st.lists(
            st.builds(
                Fault,
                st.integers(0, 3),
                st.sampled_from(["late", "late", "lost", "not_sent"]) | kinds,
                st.integers(1, 30),
            ),
            max_size=2,
        ),
        "dies_at": st.none() | st.integers(2, 12),
        "during": st.lists(
            st.tuples(st.sampled_from(["call", "call", "hold"]), st.integers(0, 4), blow), min_size=1, max_size=4
        ),
    }
)
hard_stories = st.lists(st.one_of(blow, st.tuples(st.just("run"), hard_runs)), min_size=3, max_size=12)


def tell(play: Play, step: Any) -> None:
    """One step of a story; one that makes no sense now is passed over."""
    kind, *rest = step
    if kind == "run":
        _run(play, rest[0] if rest else {})
    elif kind == "new":
        here, which = rest
        entity = ENTITIES[min(which, 1)]
        play.new_here(entity) if here else play.new_there(entity)
    elif kind in ("edit", "clear"):
        here, number, place = rest
        entity = "company" if number % 3 == 2 else "contact"
        name = PLAIN[entity][place % len(PLAIN[entity])]
        if kind == "clear" and name in ("name", "email"):
            return
        pk = _pick(play, entity, here, number)
        if pk:
            value = play.value(entity, name, next(play.numbers)) if kind == "edit" else None
            play.edit_here(entity, pk, name, value) if here else play.edit_there(entity, pk, name, value)
    elif kind == "delete":
        here, number = rest
        entity = "company" if number % 3 == 2 else "contact"
        pk = _pick(play, entity, here, number)
        if pk:
            play.delete_here(entity, pk) if here else play.trash_there(pk)
    elif kind == "company":
        here, number, other = rest
        pk, target = _pick(play, "contact", here, number), _pick(play, "company", here, other)
        if pk and here:
            play.edit_here("contact", pk, "company", target if other % 3 else None)
        elif pk:
            play.edit_there("contact", pk, "company", [target] if target and other % 3 else None)
    elif kind == "restore":
        trash = [row.id for row in play.world.rows.values() if row.deleted and row.id in play.deleted_there]
        if trash:
            play.restore_there(trash[rest[0] % len(trash)])
    elif kind == "twin":
        email = play.value("contact", "email", next(play.numbers))
        play.touched_here.add(play.new_here("contact", email=email))
        play.touched_there.add(play.new_there("contact", mail=email))
    elif kind == "bulk":
        play.bulk_here()


def _pick(play: Play, entity: str, here: bool, number: int) -> str | None:
    if here:
        ids = [str(pk) for pk in MODELS[entity].objects.order_by("created_at", "pk").values_list("pk", flat=True)]
    else:
        ids = [row.id for row in play.world.alive(SCHEMAS[entity].collection.id)]
    return ids[number % len(ids)] if ids else None


def _run(play: Play, how: dict[str, Any]) -> None:
    during: dict[tuple[str, int], list[Any]] = {}
    for place, number, step in how.get("during", ()):
        during.setdefault((place, number), []).append(step)

    def happen(place: str, number: int) -> None:
        for step in during.pop((place, number), ()):
            tell(play, step)

    play.run(
        how.get("faults", ()),
        how.get("reading", ()),
        how.get("dies_at"),
        lambda number: happen("call", number),
        lambda number: happen("hold", number),
    )


@pytest.fixture(scope="module")
def home(request: pytest.FixtureRequest) -> Any:
    """One tenant for all stories of this file; each story empties it first."""
    yield from _live(request)


def _live(request: pytest.FixtureRequest) -> Any:
    from django.db import connection

    from tenants import lifecycle
    from tenants.models import User

    request.getfixturevalue("django_db_setup")
    with request.getfixturevalue("django_db_blocker").unblock():
        owner = User.objects.create_user("owner@simulation.example", name="Owner")
        made = lifecycle.create_tenant("Simulation", "simulation", owner)
        connection.set_tenant(made)
        try:
            yield made
        finally:
            connection.close()
            connection.set_schema_to_public()
            lifecycle.delete_tenant(made)
            owner.delete()
            connection.close()


@pytest.mark.parametrize("tool", PROFILES)
def test_any_story_ends_well(home: Any, tool: str) -> None:
    _play(home, tool, stories, FAST)


@pytest.mark.parametrize("tool", ["plain", "coarse clock, late index", "versions, batches", "lossy"])
def test_one_record_under_fire(home: Any, tool: str) -> None:
    began = [("new", True, 0), ("edit", True, 0, 2), ("run", {})]
    _play(home, tool, hard_stories.map(lambda story: [*began, *story]), FAST * 2, entities=("contact",))


def _play(home: Any, tool: str, told: st.SearchStrategy, count: int, **facts: Any) -> None:
    @settings(
        max_examples=EXAMPLES or count,
        derandomize=not EXAMPLES,
        deadline=None,
        database=None,
        print_blob=True,
        report_multiple_bugs=False,
        phases=[Phase.generate] if os.environ.get("SIM_AS_FOUND") else list(Phase),
        suppress_health_check=list(HealthCheck),
    )
    @given(story=told, policy=st.sampled_from(["newest", "newest", "local", "remote", "ask"]))
    def play_it(story: list[Any], policy: str) -> None:
        wipe()
        play = Play(home, PROFILES[tool], {"policy": policy}, **facts)
        try:
            for step in story:
                tell(play, step)
            play.come_to_rest()
            play.check()
        except Exception as error:
            error.add_note("\n".join([f"policy {policy}", *play.log]))
            raise
        finally:
            play.close()

    play_it()
