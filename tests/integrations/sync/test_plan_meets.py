"""An approved plan meets what else there is: filters, many records that moved since, a standstill that it ends."""

from __future__ import annotations

import pytest

from crm import records
from crm.models import Contact
from integrations.models import RecordLink, Status
from integrations.services import connect, filters, plans
from tests.integrations.sync.test_approve import approved
from tests.integrations.sync.test_plan_stories import carried_out, planned
from tests.integrations.sync.test_trouble import linked, run_once
from tests.integrations.sync.test_two_way import ADA, notion, sync
from tests.simulation.memory import Profile
from tests.simulation.play import Play

__all__ = ["linked", "notion"]

INSIDE = {"there": [{"field": "job", "op": "contains", "value": "in"}]}


@pytest.fixture
def play(live_tenant):
    made = []

    def make(profile=None):
        made.append(Play(live_tenant, profile or Profile(page=500, batch=10), entities=("contact",)))
        return made[-1]

    yield make
    for one in made:
        one.close()


def jobs():
    """{our record id: job title}."""
    return {str(pk): job for pk, job in Contact.objects.values_list("pk", "job_title")}


# --- many that moved since --------------------------------------------------------------------------------------------


def test_what_was_left_out_is_not_read_again_and_again(play):
    story = play()
    there = [story.new_there("contact") for _ in range(120)]
    story.come_to_rest()
    for remote in there:
        story.edit_there("contact", remote, "job_title", "v60001")
    story.world.rest()
    plan = planned(story)
    for remote in there[20:]:
        story.edit_there("contact", remote, "job_title", "v60002")
    story.world.rest()
    fetched = story.world.calls["fetch"]
    run = carried_out(story, plan)
    assert story.world.calls["fetch"] == fetched
    assert sorted(jobs().values()) == [""] * 100 + ["v60001"] * 20
    assert run.lines.filter(action="left_out").count() == 100 == plan.lines.filter(outcome="left_out").count()
    assert RecordLink.objects.filter(reread=True).count() == 100  # for the next ordinary run
    story.come_to_rest()
    assert sorted(jobs().values()) == ["v60001"] * 20 + ["v60002"] * 100
    story.check()


# --- filters ----------------------------------------------------------------------------------------------------------


def test_plan_and_its_run_keep_to_the_filter(play):
    story = play()
    pairs = [story.new_there("contact", job="in v60000") for _ in range(3)]
    story.come_to_rest()
    filters.change(story.streams["contact"], INSIDE)
    stays, leaves, outside = pairs
    here = {there: str(ours) for ours, there in RecordLink.objects.values_list("record_id", "remote_id")}
    story.edit_there("contact", outside, "job_title", "v60009")  # leaves the filter before the plan is made
    story.edit_here("contact", here[outside], "name", "v60010")
    for remote in (stays, leaves):
        story.edit_there("contact", remote, "job_title", "in v60001")
    comes = story.new_there("contact", job="in v60002")
    never = story.new_there("contact", job="v60003")
    story.new_here("contact", job_title="v60004")
    story.world.rest()
    plan = planned(story)
    assert {one.remote_id for one in plan.lines.filter(side="here")} == {stays, leaves, comes}
    assert not plan.lines.filter(side="there").exists()
    story.edit_there("contact", leaves, "job_title", "v60005")  # after it
    story.edit_there("contact", never, "job_title", "in v60006")
    story.world.rest()
    carried_out(story, plan)
    assert sorted(jobs().values()) == ["in v60000", "in v60000", "in v60001", "in v60002", "v60004"]
    assert jobs()[here[stays]] == "in v60001"
    outcomes = dict(plan.lines.values_list("remote_id", "outcome"))
    assert outcomes == {stays: "done", leaves: "left_out", comes: "done"}
    story.come_to_rest()  # what entered since comes in, what left is left alone
    assert sorted(jobs().values()) == ["in v60000", "in v60000", "in v60001", "in v60002", "in v60006", "v60004"]
    left_out = RecordLink.objects.filter(left_out="filter").values_list("remote_id", flat=True)
    assert {one for one in left_out if one} == {leaves, outside}
    assert len(story.world.alive("contacts")) == 5


# --- catching up ------------------------------------------------------------------------------------------------------


def test_reconnected_connection_is_caught_up_by_approving_its_plan(linked, notion):
    ids = dict(RecordLink.objects.values_list("record_id", "remote_id"))
    ours, theirs, gone, moved = Contact.objects.exclude(phone="").order_by("pk")[:4]
    notion.revoke_token("ntn_sandbox_demo")
    records.update("contact", ours.pk, {"phone": "+39 1"}, ADA)
    records.update("contact", moved.pk, {"phone": "+39 2"}, ADA)
    records.delete("contact", [gone.pk], ADA)
    assert run_once(linked).error_code == "authentication_failed"
    notion.edit_row(ids[theirs.pk], Phone="+39 3")
    notion.post("tokens/add", token="ntn_second_key")
    connect.connect(linked, {"token": "ntn_second_key"})
    assert (linked.status, linked.status_code) == (Status.PAUSED, "catch_up")
    plan = linked.plans.get()
    assert _makes(plan) == {
        (ours.pk, "there", "updated"), (moved.pk, "there", "updated"),
        (theirs.pk, "here", "updated"), (gone.pk, "there", "deleted"),
    }  # fmt: skip
    assert notion.row(ids[ours.pk])["values"]["Phone"] != "+39 1"  # nothing has happened so far
    records.update("contact", moved.pk, {"phone": "+39 4"}, ADA)  # while the plan is looked at
    run = approved(linked, plan)
    linked.refresh_from_db()
    assert (linked.status, linked.status_code, run.trigger) == (Status.ACTIVE, "", "plan")
    assert notion.row(ids[ours.pk])["values"]["Phone"] == "+39 1"
    assert Contact.objects.get(pk=theirs.pk).phone == "+39 3" and notion.row(ids[gone.pk])["is_trashed"]
    assert notion.row(ids[moved.pk])["values"]["Phone"] == moved.phone
    outcomes = dict(plan.lines.values_list("record_id", "outcome"))
    assert outcomes == dict.fromkeys([ours.pk, theirs.pk, gone.pk], "done") | {moved.pk: "left_out"}
    sync(linked)  # ordinary runs follow
    assert notion.row(ids[moved.pk])["values"]["Phone"] == "+39 4"


def _makes(plan):
    """{(record, side, action)} of the plan that a worker makes."""
    assert plans.make(plan.pk) == "ready"
    plan.refresh_from_db()
    return set(plan.lines.values_list("record_id", "side", "action"))
