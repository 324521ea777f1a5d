"""Random stories of one run and its undo, for every kind of tool: what the run did is gone on both sides, and the undo of the
undo brings it back. `SIM_EXAMPLES=200` plays more of them."""

from __future__ import annotations

import os
import random
from typing import Any

import pytest
from django.utils import timezone

from crm import registry
from crm.feed import Actor
from integrations.models import Conflict, LinkState, RecordLink, SyncLog
from integrations.services import undo
from tests.simulation.here import MODELS, PLAIN
from tests.simulation.memory import Fault
from tests.simulation.play import SCHEMAS, Play
from tests.simulation.profiles import PROFILES, WAYS

ADA = Actor("user", "1", "Ada")
SEEDS = range(int(os.environ.get("SIM_EXAMPLES", "1")))
KINDS = ["killed", "killed_after", "lost", "not_sent", "unavailable"]
TOOLS = {
    name: profile
    for name, profile in PROFILES.items()
    if name not in WAYS and not profile.refuses and not profile.lossy
}

Side = dict[str, dict[str, Any]]


def both(play: Play) -> tuple[Side, Side]:
    """{record of ours: its mapped values} here and, for those that are paired, there; relations by our ids."""
    here: Side = {}
    there: Side = {}
    links = {str(link.record_id): link for link in RecordLink.objects.filter(state=LinkState.LINKED)}
    ours = {link.remote_id: pk for pk, link in links.items()}
    for entity in play.entities:
        described = registry.entity(entity)
        people = registry.People()
        alive = {row.id: row for row in play.world.alive(SCHEMAS[entity].collection.id)}
        ids = MODELS[entity].objects.values_list("pk", flat=True)
        for pk, row in registry.rows(described, ids).items():
            pairs = play.pairs(entity)
            here[pk] = {name: registry.reader(described.fields[name], people)(row) for name in pairs}
            link = links.get(pk)
            if link is not None and link.remote_id in alive:
                values = alive[link.remote_id].values
                there[pk] = {name: values.get(theirs) for name, theirs in pairs.items()}
                if there[pk].get("company"):  # what points to something in the trash points to nothing
                    there[pk]["company"] = [ours[one] for one in there[pk]["company"] if one in ours] or None
    return here, there


def settle(play: Play) -> None:
    play.come_to_rest(3)
    assert not Conflict.objects.exclude(field="").exists(), "\n".join(play.log)


def begin_with(play: Play, pick: random.Random) -> None:
    companies = [play.new_here("company") for _ in range(3)]
    for number in range(6):
        pk = play.new_here("contact")
        play.edit_here("contact", pk, "job_title", f"v{next(play.numbers)}")
        if number % 2:
            play.edit_here("contact", pk, "company", pick.choice(companies))
    settle(play)


def some_edits(play: Play, pick: random.Random) -> None:
    """Each record is edited on one side only, so that nothing contradicts."""
    links = {str(link.record_id): link.remote_id for link in RecordLink.objects.filter(state=LinkState.LINKED)}
    for entity in play.entities:
        for pk in sorted(map(str, MODELS[entity].objects.values_list("pk", flat=True))):
            what = pick.choice(["here", "here", "there", "there", "delete here", "trash", "nothing"])
            name = pick.choice(PLAIN[entity])
            value = play.value(entity, name, next(play.numbers))
            if what == "here":
                play.edit_here(entity, pk, name, value)
            elif what == "there":
                play.edit_there(entity, links[pk], name, value)
            elif what == "delete here" and pick.random() < 0.5:
                play.delete_here(entity, pk)
            elif what == "trash" and pick.random() < 0.5:
                play.trash_there(links[pk])
    for entity in play.entities:
        play.new_here(entity)
        play.new_there(entity)


def carry_out(play: Play, run: SyncLog, faults: list[Fault], dies_at: int | None) -> SyncLog:
    """Whatever happens on the way, until the undo is done."""
    asked = undo.ask(run, ADA)
    for attempt in range(6):
        SyncLog.objects.filter(pk=asked.pk).update(state=SyncLog.State.RUNNING, started_at=timezone.now())
        if play.run(faults if not attempt else [], dies_at=dies_at if not attempt else None) == "done":
            break
    asked.refresh_from_db()
    return asked


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("tool", TOOLS)
def test_run_and_its_undo(live_tenant, tool, seed):
    pick = random.Random(f"{tool} {seed}")  # noqa: S311
    play = Play(live_tenant, TOOLS[tool])
    try:
        begin_with(play, pick)
        before = both(play)
        some_edits(play, pick)
        play.world.rest()
        play.integration.streams.update(swept_at=None)
        assert play.run() == "done"
        run = SyncLog.objects.order_by("-started_at").first()
        if Conflict.objects.exists():
            pytest.skip("a company that went was an edit of a contact that went there: one cannot have both")
        after = both(play)
        faults = [Fault(pick.randrange(12), pick.choice(KINDS))] if seed % 2 == 0 else []
        back = carry_out(play, run, faults, pick.randrange(40) if seed % 3 == 1 else None)
        settle(play)
        told = "\n".join(play.log)
        here, there = both(play)
        assert {pk: here.get(pk) for pk in before[0]} == before[0], told
        assert {pk: there.get(pk) for pk in before[1]} == before[1], told
        assert not list(back.lines.filter(action="left_out").values_list("title", "reason")), told
        new = here.keys() - before[0].keys()
        assert len(new) == len(play.entities) and not new & there.keys(), (
            told
        )  # what people made here stays, on its own
        carry_out(play, back, [], None)
        settle(play)
        told = "\n".join(play.log)
        assert both(play) == after, told
    finally:
        play.close()
