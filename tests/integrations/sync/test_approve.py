"""Approving a plan does exactly that; what moved since is left out, listed, and handled by the next ordinary run."""

from __future__ import annotations

import datetime as dt

import pytest
from django.db import connection

from crm import records
from crm.models import Company, Contact
from integrations.models import Conflict, IntegrationInstance, Plan, RecordLink, Status, SyncLog, SyncLogLine
from integrations.scheduling import dispatch
from integrations.scheduling.models import Due
from integrations.services import lifecycle, plans, streams
from integrations.services.connect import Refused
from tests.integrations.sync.test_plan import made
from tests.integrations.sync.test_two_way import ADA, connected, notion, sync

__all__ = ["notion"]

EFFECTS = ("created", "updated", "deleted", "restored", "linked", "unlinked", "conflict")


def carry_out(integration):
    """The run of an approved plan, as a worker would do it."""
    Due.objects.filter(pk=integration.pk).update(woken_at=None)
    outcome = dispatch.run_if_due(connection.schema_name, integration.pk)
    run = SyncLog.objects.filter(integration=integration, trigger="plan").first()
    assert outcome == "done", (outcome, run and run.error_code, run and run.error_detail)
    return run


def effects(lines):
    """What was done or planned, comparable: our ids of new records are the plan's."""
    return sorted(
        (line.side, line.action, str(line.record_id), str(sorted(line.changes.items())))
        for line in lines
        if line.action in EFFECTS
    )


def approved(integration, plan):
    plans.approve(plan, "Ada")
    run = carry_out(integration)
    plan.refresh_from_db()
    assert plan.state == Plan.State.DONE
    return run


@pytest.fixture
def running(live_tenant, notion):
    """An active connection in step: (integration, {record id: remote id})."""
    integration = connected(live_tenant, ("Companies", "company"), ("Contacts", "contact"))
    lifecycle.activate(integration)
    sync(integration)
    sync(integration)
    return integration, dict(RecordLink.objects.values_list("record_id", "remote_id"))


def test_first_plan_is_carried_out_exactly(live_tenant, notion):
    there = notion.rows("Contacts", limit=1000)
    twin = next(r for r in there if r["values"].get("Email"))
    Contact.objects.create(name="A Twin", email=twin["values"]["Email"].upper())
    works = Company.objects.create(name="Only Works")
    Contact.objects.create(name="Only Here", email="only.here@example.com", company=works)
    integration = connected(live_tenant, ("Companies", "company"), ("Contacts", "contact"))
    plan = made(integration)
    run = approved(integration, plan)
    integration.refresh_from_db()
    assert integration.status == Status.ACTIVE and integration.setup_step == "done"
    assert not plan.lines.filter(outcome="left_out").exists(), plan.lines.filter(outcome="left_out")[0].outcome_reason
    assert effects(run.lines.all()) == effects(plan.lines.all())
    assert set(plan.lines.exclude(action="set_aside").values_list("outcome", flat=True)) == {"done"}
    for stream in integration.streams.all():
        assert stream.listed_at and stream.cursor, "nothing was left out, so the next run goes on from here"
    quiet = sync(integration)
    assert not {k for k in quiet.counts if k.startswith(("created", "updated", "deleted", "conflict", "linked"))}


def test_later_plan_is_carried_out_exactly(running, notion):
    integration, ids = running
    ours, theirs, both, gone_here, gone_there = Contact.objects.exclude(email="").order_by("id")[:5]
    records.update("contact", ours.pk, {"phone": "+39 02 1234"}, ADA)
    notion.edit_row(ids[theirs.pk], Phone="+33 1 99 99")
    records.update("contact", both.pk, {"phone": "ours"}, ADA)
    notion.edit_row(ids[both.pk], Phone="theirs")
    records.delete("contact", [gone_here.pk], ADA)
    notion.trash_row(ids[gone_there.pk])
    Contact.objects.create(name="New Here", email="new.here@example.com")
    integration.streams.update(swept_at=None)
    plan = made(integration)
    planned = effects(plan.lines.all())
    assert {one[:2] for one in planned} >= {
        ("there", "updated"), ("here", "updated"), ("here", "conflict"), ("there", "deleted"), ("here", "deleted"),
        ("there", "created"),
    }  # fmt: skip
    run = approved(integration, plan)
    assert effects(run.lines.all()) == planned
    assert not run.counts.get("left_out")
    quiet = sync(integration)
    assert not {k for k in quiet.counts if k.startswith(("created", "updated", "deleted", "conflict"))}


def test_what_moved_since_is_left_out_and_done_by_the_next_run(running, notion):
    integration, ids = running
    a, b, c, d, e, f = Contact.objects.exclude(email="").exclude(phone="").order_by("id")[:6]
    records.update("contact", a.pk, {"phone": "planned a"}, ADA)  # is edited again here
    records.update("contact", b.pk, {"phone": "planned b"}, ADA)  # is edited there as well
    notion.edit_row(ids[c.pk], Phone="planned c")  # is edited again there
    notion.edit_row(ids[d.pk], Phone="planned d")  # is edited here as well
    records.update("contact", e.pk, {"phone": "planned e"}, ADA)  # stays as it is
    plan = made(integration)
    records.update("contact", a.pk, {"phone": "later a"}, ADA)
    notion.edit_row(ids[b.pk], Phone="there b")
    notion.edit_row(ids[c.pk], Phone="later c")
    records.update("contact", d.pk, {"phone": "here d"}, ADA)
    records.update("contact", f.pk, {"phone": "not planned"}, ADA)
    Contact.objects.create(name="Not planned", email="not.planned@example.com")
    before = {str(one.pk): notion.row(ids[one.pk])["values"]["Phone"] for one in (a, b, c, d, f)}
    run = approved(integration, plan)
    phones = dict(Contact.objects.values_list("pk", "phone"))
    assert notion.row(ids[e.pk])["values"]["Phone"] == "planned e"
    for one in (a, b, c, d, f):
        assert notion.row(ids[one.pk])["values"]["Phone"] == before[str(one.pk)], one
    assert (phones[a.pk], phones[b.pk], phones[c.pk], phones[d.pk]) == ("later a", "planned b", c.phone, "here d")
    assert not any(row["values"]["Name"] == "Not planned" for row in notion.rows("Contacts", limit=1000))
    assert not Conflict.objects.exists()
    outcomes = dict(plan.lines.values_list("record_id", "outcome"))
    assert outcomes == dict.fromkeys([a.pk, b.pk, c.pk, d.pk], "left_out") | {e.pk: "done"}
    assert all(plan.lines.filter(outcome="left_out").values_list("outcome_reason", flat=True))
    listed = set(run.lines.filter(action="left_out").values_list("record_id", flat=True))
    assert listed >= {a.pk, b.pk, c.pk, d.pk, f.pk}
    assert effects(run.lines.all()) == effects(plan.lines.filter(record_id=e.pk))
    sync(integration)
    sync(integration)
    assert notion.row(ids[a.pk])["values"]["Phone"] == "later a"
    assert Contact.objects.get(pk=c.pk).phone == "later c"
    assert notion.row(ids[f.pk])["values"]["Phone"] == "not planned"
    assert any(row["values"]["Name"] == "Not planned" for row in notion.rows("Contacts", limit=1000))
    for one in (b, d):
        assert Contact.objects.get(pk=one.pk).phone == notion.row(ids[one.pk])["values"]["Phone"]
    assert set(Conflict.objects.values_list("record_id", flat=True)) == {b.pk, d.pk}


def test_records_that_appeared_or_went_since_are_left_out(live_tenant, notion):
    Contact.objects.create(name="Planned Here", email="planned.here@example.com")
    twin = Contact.objects.create(name="Goes Here", email="goes.here@example.com")
    integration = connected(live_tenant, ("Contacts", "contact"))
    there = notion.rows("Contacts", limit=1000)
    plan = made(integration)
    twin.delete()
    notion.trash_row(there[0]["id"])
    notion.create_row("Contacts", Name="Appeared There", Email="appeared@example.com")
    notion.edit_row(there[1]["id"], Name="Renamed There")
    run = approved(integration, plan)
    names = set(Contact.objects.values_list("name", flat=True))
    assert "Appeared There" not in names and "Renamed There" not in names
    assert Contact.objects.count() == len(there) - 2 + 1
    assert sum(row["values"]["Name"] == "Planned Here" for row in notion.rows("Contacts", limit=1000)) == 1
    assert run.lines.filter(action="left_out").count() >= 2
    assert plan.lines.filter(outcome="left_out").count() == 3
    sync(integration)
    names = list(Contact.objects.values_list("name", flat=True))
    assert "Appeared There" in names and "Renamed There" in names
    assert len(names) == len(notion.rows("Contacts", limit=1000))


def test_plan_for_another_mapping_or_of_yesterday_is_refused(running, notion):
    integration, ids = running
    plan = made(integration)
    Plan.objects.filter(pk=plan.pk).update(made_at=plan.made_at - dt.timedelta(hours=13))
    with pytest.raises(Refused) as refused:
        plans.approve(plan, "Ada")
    assert refused.value.code == "plan_too_old"
    plan = made(integration)
    streams.change(integration.streams.first(), policy="local")
    with pytest.raises(Refused) as refused:
        plans.approve(plan, "Ada")
    assert refused.value.code == "plan_outdated"
    assert not SyncLog.objects.filter(trigger="plan").exists()
    plan = made(integration)
    plans.approve(plan, "Ada")
    with pytest.raises(Refused):
        plans.approve(plan, "Ada")
    with pytest.raises(Refused):
        plans.discard(plan)
    assert IntegrationInstance.objects.get().plans.exclude(pk=plan.pk).exclude(state="discarded").count() == 0
    assert SyncLogLine is not None
