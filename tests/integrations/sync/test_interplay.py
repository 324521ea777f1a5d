"""Two parts of the engine at once: plans with filters and matching, persons beside a run at work, undo and plans in one queue.

Each scenario lost, doubled or forgot something before it was written down here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.utils import timezone

from crm.models import Contact
from integrations.adapters.registry import adapters
from integrations.models import Conflict, HeldRecord, LinkState, RecordLink, SetAside, Stream, SweptRecord, SyncLog
from integrations.scheduling import due, leases
from integrations.scheduling.models import Due
from integrations.services import endings, links, restarts, retention, runs, streams, undo
from integrations.sync import guard
from integrations.sync.brake import BrakeApplied
from integrations.sync.store import Store
from integrations.sync.tally import Line
from tests.integrations.sync.test_filters import Registered, set_filters
from tests.integrations.sync.test_plan_stories import carried_out, planned
from tests.simulation.memory import MemoryAdapter, Profile
from tests.simulation.play import Play


@pytest.fixture
def play(live_tenant: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Play]]:
    made: list[Play] = []
    monkeypatch.setitem(adapters(), "memory", Registered)

    def make(profile: Profile | None = None, **facts: Any) -> Play:
        made.append(Play(live_tenant, profile or Profile(batch=5), **{"entities": ("contact",), **facts}))
        return made[-1]

    yield make
    for one in made:
        one.close()


def stream_of(story: Play) -> Stream:
    return Stream.objects.get(pk=story.streams["contact"].pk)


def alive(story: Play) -> list[Any]:
    return story.world.alive("contacts")


def once_on_both_sides(story: Play, number: int) -> None:
    story.come_to_rest()
    assert (len(alive(story)), Contact.objects.count()) == (number, number)
    assert RecordLink.objects.filter(state=LinkState.LINKED).count() == number


# --- a plan, and what waits elsewhere --------------------------------------------------------------------------------


def test_a_plan_that_refuses_a_pair_does_not_forget_the_partner(play):
    story = play()
    set_filters(story, there={"score": ("gte", "200")})
    story.new_there("contact", mail="ada@x.example", score="100")
    story.new_there("contact", score="300")
    story.come_to_rest()
    assert HeldRecord.objects.count() == 1
    plan = planned(story)
    story.new_here("contact", email="ada@x.example", score="500")
    carried_out(story, plan)
    assert HeldRecord.objects.count() == 1
    once_on_both_sides(story, 2)


def test_a_plan_that_refuses_what_was_set_aside_leaves_it_set_aside(play):
    story = play()
    ours = story.new_here("contact", email="twin@x.example", name="A")
    theirs = [story.new_there("contact", mail="twin@x.example", name=name) for name in ("B", "C")]
    story.come_to_rest()
    assert SetAside.objects.filter(code="ambiguous").count() == 3
    plan = planned(story)
    story.trash_there(theirs[1])  # the other one is clear now, and the plan does not know it
    story.world.rest()
    SetAside.objects.update(retry_at=None)
    carried_out(story, plan)
    assert not RecordLink.objects.filter(remote_id=theirs[0]).exists()
    once_on_both_sides(story, 1)
    assert RecordLink.objects.get(state=LinkState.LINKED).remote_id == theirs[0]
    assert str(Contact.objects.get().pk) == ours


def test_what_a_person_keeps_apart_comes_in_after_a_plan_that_did_not_know(play):
    story = play()
    story.new_here("contact", email="twin@x.example", name="A")
    theirs = [story.new_there("contact", mail="twin@x.example", name=name) for name in ("B", "C")]
    story.come_to_rest()
    plan = planned(story)
    links.keep_apart(stream_of(story), theirs[1], "Olga")
    carried_out(story, plan)
    story.come_to_rest()
    link = RecordLink.objects.get(remote_id=theirs[1])
    assert link.state == LinkState.LINKED and Contact.objects.filter(pk=link.record_id).exists()


@pytest.mark.parametrize("restart", [restarts.read_again, restarts.match_anew])
def test_a_plan_that_is_overtaken_does_not_undo_a_restart(play, restart):
    story = play()
    story.new_there("contact")
    story.come_to_rest()
    story.new_there("contact")
    plan = planned(story)
    run = SyncLog.objects.create(integration=story.integration, state="running", trigger="plan", plan=plan)
    assert story.run(dies_after=3) == "killed"
    restart(stream_of(story))
    before = {name: getattr(stream_of(story), name) for name in guard.PLACES}
    assert story.run() == "done"
    guard.finish(plan)
    guard.go_on_from_here(plan)
    assert {name: getattr(stream_of(story), name) for name in guard.PLACES} == before
    assert run.plan_id == plan.pk
    story.come_to_rest()
    story.check()


def test_a_pair_that_is_parted_by_a_deletion_is_in_the_plan_or_stays(play):
    story = play(choices={"deletions": "unlink"})
    ours = story.new_here("contact")
    story.come_to_rest()
    plan = planned(story)
    story.delete_here("contact", ours)
    run = carried_out(story, plan)
    assert not run.lines.filter(action="unlinked").exists()
    assert RecordLink.objects.get().state == LinkState.LINKED
    story.come_to_rest()
    assert RecordLink.objects.get().state == LinkState.UNLINKED


def test_what_is_left_out_on_our_side_is_listed_although_it_was_left_out_on_theirs(play):
    story = play()
    pk = story.new_here("contact")
    story.come_to_rest()
    story.edit_here("contact", pk, "name", "v20001")
    plan = planned(story)
    store = guard_of(story, plan)

    link = RecordLink.objects.get()
    for side in ("there", "here"):
        line = Line(side, "updated", str(link.record_id), link.remote_id or "", changes={"name": ["v1", "v2"]})
        assert not store.commit(lambda line=line: store.guard.permits([line]))
    assert set(SyncLog.objects.get(plan=plan).lines.values_list("side", flat=True)) == {"there", "here"}


def guard_of(story: Play, plan: Any) -> Any:
    run = SyncLog.objects.create(integration=story.integration, state="running", trigger="plan", plan=plan)
    due.ask(story.integration.pk)
    store = Store(run, stream_of(story), leases.claim(story.integration.pk), MemoryAdapter(story.world, lambda: False))
    store.guard = guard.Guard(store, plan.pk)
    return store


def test_the_listing_of_a_plan_is_not_forgotten_over_night(play):
    story = play(Profile(incremental=False, tombstones=False))
    story.new_there("contact")
    story.come_to_rest()
    stream = stream_of(story)
    run = SyncLog.objects.create(integration=story.integration, state="running", trigger="plan")
    SweptRecord.objects.create(stream=stream, remote_id="seen")
    retention.prune()
    assert SweptRecord.objects.exists()
    SyncLog.objects.filter(pk=run.pk).update(state="done", ended_at=timezone.now())
    retention.prune()
    assert not SweptRecord.objects.exists()


# --- what was asked for, and the run before it -----------------------------------------------------------------------


def test_what_was_asked_for_follows_the_run_that_was_at_work(play):
    story = play()
    story.new_here("contact")
    assert story.run() == "done"
    integration = story.integration
    done = integration.runs.get()
    story.integration.runs.create(state="running", trigger="schedule")
    asked = undo.ask(done, undo.Actor("user", "1", "Ada"))
    lease = leases.claim(integration.pk)  # a later slice of the run that was open when it was asked for
    run = integration.runs.get(state="running")
    endings.end(integration, run, lease, SyncLog.State.DONE)
    assert Due.objects.get(pk=integration.pk).due_at <= leases.database_time()
    assert runs._open_run(integration, leases.claim(integration.pk)) == asked


def test_an_undo_that_failed_goes_on_after_a_plan_that_was_asked_for(play):
    story = play()
    story.new_here("contact")
    assert story.run() == "done"
    done = story.integration.runs.get()
    asked = undo.ask(done, undo.Actor("user", "1", "Ada"))
    SyncLog.objects.filter(pk=asked.pk).update(state="failed", error_code="unavailable", ended_at=timezone.now())
    story.integration.runs.create(state="done", trigger="plan", ended_at=timezone.now())
    again = undo.unfinished(story.integration)
    assert again is not None and (again.undoes_id, again.undo_scope) == (done.pk, asked.undo_scope)
    SyncLog.objects.filter(pk=again.pk).update(state="done", ended_at=timezone.now())
    assert undo.unfinished(story.integration) is None


# --- persons beside a run --------------------------------------------------------------------------------------------


def test_two_changes_of_the_mapping_are_two_versions(play):
    story = play()
    stale, other = stream_of(story), stream_of(story)
    wanted = [{"remote": m.remote, "local": m.local} for m in stale.mappings.all()]
    streams.set_mappings(other, wanted)
    streams.set_mappings(stale, wanted)
    assert stream_of(story).version == 3 == stale.version


@pytest.mark.parametrize("means", ["marker", "key", "client_id", "search", "upsert"])
def test_a_pair_decided_while_ours_was_being_created_is_kept(play, means):
    story = play(Profile(create_once=means))
    set_filters(story, there={"score": ("gte", "200")})
    theirs = story.new_there("contact", mail="ada@x.example", score="100")
    story.come_to_rest()
    ours = story.new_here("contact", email="grace@x.example", score="500")
    decided = []

    def decide(_call: int) -> None:
        if not decided and RecordLink.objects.filter(record_id=ours, intent__isnull=False).exists():
            decided.append(story.people.submit(lambda: links.pair(stream_of(story), theirs, ours, "Olga")).result())

    story.run(on_call=decide)
    assert decided
    story.come_to_rest()
    assert RecordLink.objects.get(record_id=ours).remote_id == theirs
    assert Contact.objects.count() == 1 and len(alive(story)) == 1


def test_what_is_kept_apart_outside_the_filter_stays_known_when_the_mapping_changes(play):
    story = play()
    story.new_here("contact", email="twin@x.example", name="A", score="500")
    theirs = [story.new_there("contact", mail="twin@x.example", name=name, score="300") for name in ("B", "C")]
    story.come_to_rest()
    links.keep_apart(stream_of(story), theirs[1], "Olga")
    set_filters(story, there={"score": ("gte", "400")})
    story.come_to_rest()
    assert RecordLink.objects.get(remote_id=theirs[1]).left_out == "filter"
    story.remap("job_title")
    story.come_to_rest()
    assert RecordLink.objects.filter(remote_id=theirs[1]).exists()


def test_a_new_partner_of_one_that_was_erased_is_met_for_the_first_time(play):
    """What both had agreed on with the old partner says nothing about the new one."""
    story = play(Profile(erase=True), choices={"deletions": "delete", "policy": "ask"})
    ours = story.new_here("contact", email="ada@x.example", name="v20001")
    story.come_to_rest()
    kept = Contact.objects.get()
    story.delete_here("contact", ours)
    story.come_to_rest()
    assert RecordLink.objects.get().remote_id is None
    theirs = story.new_there("contact", mail="ada@x.example", name="v20002")
    kept.save(force_insert=True)
    story.come_to_rest()
    assert RecordLink.objects.get(record_id=ours).remote_id == theirs
    assert Conflict.objects.filter(field="name", state="open").exists()
    assert Contact.objects.get().name == "v20001" and story.world.rows[theirs].values["name"] == "v20002"


@pytest.mark.parametrize("before", ["import", "export"])
def test_a_field_that_flows_both_ways_from_now_on_brings_what_was_held_back(play, before):
    story = play(rules={"job_title": {"direction": before}})
    story.new_here("contact", job_title="v20001")
    story.new_there("contact", job="v20001")
    story.come_to_rest()
    assert RecordLink.objects.filter(state="linked").count() == 2
    for pk, remote_id in RecordLink.objects.values_list("record_id", "remote_id"):
        if before == "import":
            story.edit_here("contact", str(pk), "job_title", f"v2100{remote_id[1:]}")
        else:
            story.edit_there("contact", remote_id, "job_title", f"v2100{remote_id[1:]}")
    story.come_to_rest()
    stream = stream_of(story)
    streams.set_mappings(stream, [{"remote": m.remote, "local": m.local} for m in stream.mappings.all()])
    story.come_to_rest()
    for pk, remote_id in RecordLink.objects.values_list("record_id", "remote_id"):
        kept = f"v2100{remote_id[1:]}"
        assert Contact.objects.get(pk=pk).job_title == kept == story.world.rows[remote_id].values["job"]


def test_a_listing_that_a_plan_went_on_with_is_not_gone_on_with_elsewhere(play):
    story = play()
    story.new_here("contact")
    story.come_to_rest()
    Stream.objects.update(sweep_cursor="at:1")
    store = guard_of(story, planned(story))
    store.commit(lambda: store.save_stream(sweep_cursor="at:2"))
    assert stream_of(story).sweep_cursor == "" and store.stream.sweep_cursor == "at:2"


def test_an_undo_does_not_carry_deletions_past_the_brake(play):
    story = play()
    for _ in range(20):
        story.new_there("contact")
    story.come_to_rest()
    first, *rest = Contact.objects.order_by("id")
    story.edit_here("contact", str(first.pk), "name", "v20001")
    assert story.run() == "done"
    edit = story.integration.runs.order_by("-started_at").first()
    for one in rest[:15]:
        story.delete_here("contact", str(one.pk))
    asked = undo.ask(edit, undo.Actor("user", "1", "Ada"))
    SyncLog.objects.filter(pk=asked.pk).update(state="running", started_at=timezone.now())
    with pytest.raises(BrakeApplied):
        story.run()
    assert len(alive(story)) == 20


@pytest.mark.parametrize("way", ["a run looks", "a person is asked", "nothing flows out"])
def test_a_lost_answer_is_looked_for_soon_only_where_a_run_can_find_it(play, way):
    story = play()
    pk = story.new_here("contact")
    story.come_to_rest()
    link = RecordLink.objects.get()
    RecordLink.objects.update(intent={"action": "update", "fields": {}, "at": 0})
    if way == "a person is asked":
        SetAside.objects.create(stream=link.stream, side="here", record_id=pk, code="unsure_create", reason="")
    elif way == "nothing flows out":
        Stream.objects.update(direction="import")
    integration = story.integration
    integration.frequency = "manual"
    integration.save()
    run = integration.runs.create(state="running", trigger="schedule")
    due.ask(integration.pk)
    endings.end(integration, run, leases.claim(integration.pk), SyncLog.State.DONE)
    assert (Due.objects.get(pk=integration.pk).due_at is not None) == (way == "a run looks")
