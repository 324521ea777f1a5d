"""Plans in stories: two tables with relations, tools of any kind, workers that die, answers that are lost."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from crm.models import Company, Contact
from integrations.models import Plan, RecordLink, SyncLog, SyncLogLine
from integrations.sync import guard, rehearsal
from tests.integrations.sync.test_approve import EFFECTS, effects
from tests.simulation.memory import Fault, MemoryAdapter, Profile
from tests.simulation.play import Play

PROFILES = [
    Profile(),
    Profile(batch=10, versions=True),
    Profile(incremental=False, page=5),
    Profile(lossy=True, clock=60.0, tombstones=False),
    Profile(restore=False, messy=True, batch=3),
]


@pytest.fixture
def play(live_tenant: Any) -> Iterator[Callable[..., Play]]:
    made: list[Play] = []

    def make(profile: Profile, **facts: Any) -> Play:
        made.append(Play(live_tenant, profile, **facts))
        return made[-1]

    yield make
    for one in made:
        one.close()


def planned(story: Play) -> Plan:
    """A plan of what a run would do; the world does not notice."""
    story._wait_for_feed()
    story.integration.streams.update(swept_at=None)
    plan = Plan.objects.create(integration=story.integration)
    adapter = MemoryAdapter(story.world, lambda: connection.in_atomic_block)
    writes, rows = story.world.writes, standing(story)
    streams = rehearsal.rehearse(plan, story.integration, adapter)
    assert (story.world.writes, standing(story)) == (writes, rows)
    Plan.objects.filter(pk=plan.pk).update(state="ready", streams=streams, made_at=timezone.now())
    plan.refresh_from_db()
    return plan


def standing(story: Play) -> dict[str, Any]:
    return {pk: (dict(row.values), row.deleted, row.version) for pk, row in story.world.rows.items()}


def carried_out(story: Play, plan: Plan, faults: list[list[Fault]] | None = None, deadly: bool = False) -> SyncLog:
    """The run of an approved plan; deadly: its worker dies, each time a few transactions later."""
    run = SyncLog.objects.create(integration=story.integration, state="running", trigger="plan", plan=plan)
    turns = iter(faults or [])
    for number in range(200):
        SyncLog.objects.filter(pk=run.pk).update(state="running")
        if story.run(faults=next(turns, []), dies_at=3 * number + 1 if deadly else None) == "done":
            break
    guard.finish(plan)
    guard.go_on_from_here(plan)
    run.refresh_from_db()
    return run


def beginning(story: Play, dice: random.Random) -> None:
    """Records that both sides know, some of them pointing to others."""
    companies = [story.new_here("company") for _ in range(2)]
    there = [story.new_there("company") for _ in range(2)]
    for _ in range(4):
        story.new_here("contact", company_id=dice.choice(companies))
        story.new_there("contact", company=[dice.choice(there)])
    story.come_to_rest()


def happenings(story: Play, dice: random.Random, number: int) -> None:
    """People at work on both sides."""
    for _ in range(number):
        alive = [pk for pk, row in story.world.rows.items() if not row.deleted]
        links = RecordLink.objects.filter(state="linked", remote_id__in=alive).select_related("stream").order_by("id")
        here = {*Contact.objects.values_list("pk", flat=True), *Company.objects.values_list("pk", flat=True)}
        link = dice.choice([link for link in links if link.record_id in here])
        entity = link.stream.entity
        name = dice.choice(["name", "city"] if entity == "company" else ["name", "job_title", "score", "tags"])
        value = story.value(entity, name, next(story.numbers))
        match dice.choice(
            ["edit_here"] * 3 + ["edit_there"] * 3 + ["both", "new_here", "new_there", "gone_here", "gone_there"]
        ):
            case "edit_here":
                story.edit_here(entity, str(link.record_id), name, value)
            case "edit_there":
                story.edit_there(entity, link.remote_id, name, value)
            case "both":
                story.edit_here(entity, str(link.record_id), name, value)
                story.edit_there(entity, link.remote_id, name, story.value(entity, name, next(story.numbers)))
            case "new_here":
                company = story.new_here("company")
                story.new_here("contact", company_id=company)
            case "new_there":
                company = story.new_there("company")
                story.new_there("contact", company=[company])
            case "gone_here":
                story.delete_here(entity, str(link.record_id))
            case "gone_there":
                story.trash_there(link.remote_id)


@pytest.mark.parametrize(("seed", "deadly"), [*((seed, False) for seed in range(5)), (0, True), (1, True)])
def test_a_plan_is_carried_out_exactly(play, seed, deadly):
    dice = random.Random(seed)
    story = play(PROFILES[seed])
    beginning(story, dice)
    happenings(story, dice, 8)
    story.world.rest()
    plan = planned(story)
    run = carried_out(story, plan, deadly=deadly)
    left = list(plan.lines.filter(action__in=EFFECTS).exclude(outcome="done"))
    assert not left, [(one.side, one.action, one.title, one.changes, one.outcome_reason) for one in left]
    if not deadly:  # a worker that dies between sending and writing down has no line for it
        assert effects(run.lines.all()) == effects(plan.lines.all())
    assert not run.lines.filter(action="left_out").exists()
    story.come_to_rest()
    story.check()


@pytest.mark.parametrize(("seed", "deadly"), [*((seed, False) for seed in range(6)), (0, True), (4, True)])
def test_nothing_but_the_plan_is_done_whatever_moved(play, seed, deadly):
    dice = random.Random(seed)
    story = play(PROFILES[seed % len(PROFILES)])
    beginning(story, dice)
    happenings(story, dice, 8)
    story.world.rest()
    plan = planned(story)
    happenings(story, dice, 4)
    story.world.rest()
    run = carried_out(story, plan, deadly=deadly)
    done = plan.lines.filter(action__in=EFFECTS, outcome="done")
    assert set(effects(run.lines.all())) <= set(effects(done))
    assert not plan.lines.filter(action__in=EFFECTS, outcome="").exists()
    assert all(plan.lines.filter(outcome="left_out").values_list("outcome_reason", flat=True))
    story.come_to_rest(3)
    story.check()


@pytest.mark.parametrize("kind", ["lost", "not_sent", "unavailable", "late"])
def test_lost_answers_are_found_again_and_nothing_is_doubled(play, kind):
    story = play(Profile())
    for _ in range(6):
        story.new_here("contact")
        story.new_there("company")
    plan = planned(story)
    carried_out(story, plan, faults=[[Fault(number, kind)] for number in range(5)])
    story.come_to_rest(3)
    story.check()
    assert Contact.objects.count() == 6 and Company.objects.count() == 6
    assert len([row for row in story.world.rows.values() if not row.deleted]) == 12


def test_a_first_plan_pairs_as_the_first_run_would(play):
    story = play(Profile())
    ours = story.new_here("contact", email="v9@x.example")
    story.new_there("contact", mail="v9@x.example")
    story.new_here("contact", email="v8@x.example")
    story.new_there("contact", mail="v8@x.example")
    story.new_there("contact", mail="v8@x.example")
    story.world.rest()
    plan = planned(story)
    linked = plan.lines.get(action="linked")
    assert str(linked.record_id) == ours
    assert plan.lines.filter(action="set_aside").exists(), "two of them could be the other's partner"
    carried_out(story, plan)
    assert RecordLink.objects.filter(state="linked").count() == 1
    assert SyncLogLine.objects.filter(action="linked").count() == 1
