"""A plan says what a run would do, on both sides, and touches neither."""

from __future__ import annotations

import datetime as dt
import hashlib
import time
from concurrent.futures import ThreadPoolExecutor

from django.db import connection
from django.utils import timezone
from django_tenants.utils import tenant_context

from crm import records
from crm.models import Company, Contact
from integrations.adapters.base import Adapter
from integrations.models import Plan, PlanLine, RecordLink
from integrations.services import lifecycle, plans
from integrations.sync.rehearsal import NothingIsWritten
from tests.integrations.sync.test_two_way import ADA, connected, notion, sync

__all__ = ["notion"]

PLANS = {"integrations_plan", "integrations_planline"}
ACCOUNTS = {"catalog_calls", "transport_state"}  # requests are counted, whatever they are for


def made(integration):
    """A plan, as a worker would make it."""
    plan = plans.ask(integration, "Ada")
    outcome = plans.make(plan.pk)
    plan.refresh_from_db()
    assert outcome == "ready", (outcome, plan.error_code, plan.error_detail)
    return plan


def contents(*schemas):
    """A fingerprint per table of these schemas."""
    found = {}
    with connection.cursor() as cursor:
        cursor.execute("SELECT schemaname, relname FROM pg_stat_all_tables WHERE schemaname = ANY(%s)", [list(schemas)])
        for schema, table in cursor.fetchall():
            cursor.execute(
                f'SELECT coalesce(string_agg(t::text, chr(10) ORDER BY t::text), \'\') FROM "{schema}"."{table}" t'
            )
            found[schema, table] = hashlib.sha256(cursor.fetchone()[0].encode()).hexdigest()
    return found


def test_plan_says_what_the_first_run_then_does(live_tenant, notion):
    there = notion.rows("Contacts", limit=1000)
    twin = next(r for r in there if r["values"].get("Email"))
    Contact.objects.create(name="A Twin", email=twin["values"]["Email"].upper())
    Contact.objects.create(name="Only Here", email="only.here@example.com")
    integration = connected(live_tenant, ("Contacts", "contact"))
    plan = made(integration)
    (stream,) = plan.streams
    counts = stream["counts"]
    assert (counts["linked"], counts["created_there"], counts["created_here"]) == (1, 1, len(there) - 1)
    assert counts["read"] >= len(there)
    assert Contact.objects.count() == 2 and not RecordLink.objects.exists()
    assert len(notion.rows("Contacts", limit=1000)) == len(there)
    line = PlanLine.objects.get(plan=plan, side="there", action="created")
    assert line.changes["email"] == [None, "only.here@example.com"] and line.remote_id == ""
    lifecycle.activate(integration)
    run = sync(integration)
    for name in ("linked", "created_here", "created_there"):
        assert run.counts[name] == counts[name], name


def test_planning_touches_neither_side(live_tenant, notion):
    integration = connected(live_tenant, ("Companies", "company"), ("Contacts", "contact"))
    lifecycle.activate(integration)
    sync(integration)
    ids = dict(RecordLink.objects.values_list("record_id", "remote_id"))
    ours, theirs, both, gone = Contact.objects.exclude(email="").order_by("id")[:4]
    records.update("contact", ours.pk, {"phone": "+39 02 1234"}, ADA)
    notion.edit_row(ids[theirs.pk], Phone="+33 1 99 99")
    records.update("contact", both.pk, {"phone": "ours"}, ADA)
    notion.edit_row(ids[both.pk], Phone="theirs")
    records.delete("contact", [gone.pk], ADA)
    Company.objects.create(name="New Works")
    plan = plans.ask(integration, "Ada")
    schemas = (live_tenant.schema_name, "public")
    before, rows = contents(*schemas), notion.rows("Contacts", limit=1000)
    requests = notion.log(limit=1)["total"]
    assert plans.make(plan.pk) == "ready"
    after = contents(*schemas)
    assert {table for (_schema, table), mark in after.items() if mark != before[_schema, table]} <= PLANS | ACCOUNTS
    assert notion.rows("Contacts", limit=1000) == rows
    asked = notion.log(limit=notion.log(limit=1)["total"] - requests)
    assert asked
    plan.refresh_from_db()
    assert plan.state == Plan.State.READY
    with connection.cursor() as cursor:
        cursor.execute("SELECT nspname FROM pg_namespace WHERE starts_with(nspname, 'rehearsal_')")
        assert cursor.fetchall() == []
    lines = {(line.side, line.action, str(line.record_id)): line for line in plan.lines.all()}
    assert lines["there", "updated", str(ours.pk)].changes == {"phone": [ours.phone, "+39 02 1234"]}
    assert lines["here", "updated", str(theirs.pk)].changes == {"phone": [theirs.phone, "+33 1 99 99"]}
    assert ("there", "deleted", str(gone.pk)) in lines
    assert ("here", "conflict", str(both.pk)) in lines
    assert plan.lines.filter(side="there", action="created", title="New Works").exists()


def leftovers():
    with connection.cursor() as cursor:
        cursor.execute("SELECT nspname FROM pg_namespace WHERE starts_with(nspname, 'rehearsal_')")
        return [name for (name,) in cursor.fetchall()]


def test_every_method_of_an_adapter_reads_or_is_held_back():
    """A way to write that the contract gets later must not reach the tool from a rehearsal."""
    contract = {name for name, value in vars(Adapter).items() if callable(value) and not name.startswith("_")}
    assert contract <= set(vars(NothingIsWritten))


def test_what_a_dead_worker_left_is_dropped_and_its_plan_is_made_again(live_tenant, notion):
    integration = connected(live_tenant, ("Contacts", "contact"))
    plan = plans.ask(integration, "Ada")
    with connection.cursor() as cursor:
        cursor.execute('CREATE SCHEMA "rehearsal_of_somebody_who_died"')
        cursor.execute(f'CREATE SCHEMA "rehearsal_{plan.pk.hex}"')
    PlanLine.objects.create(plan=plan, stream=integration.streams.get(), side="here", action="created")
    died = timezone.now() - dt.timedelta(seconds=plans.SILENT_SECONDS + 1)
    Plan.objects.filter(pk=plan.pk).update(progress={"at": died.isoformat(), "attempts": 1})
    plan.refresh_from_db()
    assert plans.look(plan).state == "making", "it is given to a worker again"
    assert plans.make(plan.pk) == "ready"
    assert leftovers() == []
    assert plan.lines.filter(action="created").count() == len(notion.rows("Contacts", limit=1000))
    assert plans.make(plan.pk) == "not asked for"


def test_a_plan_that_kills_its_workers_is_given_up_with_words(live_tenant, notion):
    integration = connected(live_tenant, ("Contacts", "contact"))
    plan = plans.ask(integration, "Ada")
    died = timezone.now() - dt.timedelta(hours=1)
    progress = {"at": died.isoformat(), "attempts": plans.ATTEMPTS}
    Plan.objects.filter(pk=plan.pk).update(progress=progress)
    plan.refresh_from_db()
    seen = plans.look(plan)
    assert (seen.state, seen.error_code) == ("failed", "interrupted")


def making(tenant, plan_id):
    """In a thread, on a connection of its own: what became of the plan."""
    try:
        with tenant_context(tenant):
            return plans.make(plan_id)
    finally:
        connection.close()


def until(true):
    deadline = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_two_workers_do_not_make_one_plan_and_a_discarded_one_stops(live_tenant, notion):
    integration = connected(live_tenant, ("Companies", "company"), ("Contacts", "contact"))
    notion.fail(fault="slow", times=None, seconds=0.4)
    plan = plans.ask(integration, "Ada")
    with ThreadPoolExecutor(1) as worker:
        first = worker.submit(making, live_tenant, plan.pk)
        until(lambda: Plan.objects.get(pk=plan.pk).progress)
        assert plans.make(plan.pk) == "being made"
        plans.discard(plan)
        assert first.result() == "given up"
    plan.refresh_from_db()
    assert plan.state == "discarded" and leftovers() == []


def test_lines_appear_while_a_plan_is_made_and_nobody_is_locked_out(live_tenant, notion):
    notion.reset()
    notion.seed("crm", contacts=2000)
    notion.limit(None)
    integration = connected(live_tenant, ("Contacts", "contact"))
    mine = Contact.objects.create(name="Mine", email="mine@example.com")
    plan = plans.ask(integration, "Ada")
    seen = set()
    with ThreadPoolExecutor(1) as worker:
        made = worker.submit(making, live_tenant, plan.pk)
        while not made.done():
            asked = time.monotonic()
            records.update("contact", mine.pk, {"name": f"Mine {len(seen)}"}, ADA)
            assert time.monotonic() - asked < 5, "a person's edit waited"
            seen.add(plan.lines.count())
            time.sleep(0.05)
        assert made.result() == "ready"
    assert len(seen) > 3, seen
    assert plan.lines.filter(action="created", side="here").count() == 2000
