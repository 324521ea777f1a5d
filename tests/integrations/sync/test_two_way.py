"""The main job, for real: a tenant's contacts and a Notion database stay in step both ways, over HTTP."""

from __future__ import annotations

from collections import Counter

import pytest

from crm import records
from crm.feed import Actor
from crm.models import Company, Contact
from integrations.catalog.models import Provider
from integrations.models import Conflict, RecordLink, SetAside, SyncLog
from integrations.scheduling import dispatch, due
from integrations.services import conflicts, connect, lifecycle, streams

ADA = Actor("user", "1", "Ada")


def connected(tenant, *pairs, token="ntn_sandbox_demo", **choices):
    integration = connect.start("notion")
    connect.connect(integration, {"token": token})
    found = {c.name: c.id for c in streams.collections(integration)}
    for name, entity in pairs:
        streams.add(integration, found[name], entity, **choices)
    return integration


def sync(integration):
    """One whole run, as a worker would do it; answers the run."""
    due.ask(integration.pk)
    from django.db import connection

    outcome = dispatch.run_if_due(connection.schema_name, integration.pk)
    run = SyncLog.objects.filter(integration=integration).first()
    assert outcome == "done", (outcome, run and run.error_code, run and run.error_detail)
    return run


@pytest.fixture
def notion(sandbox_notion, live_tenant):
    """The sandbox with its usual workspace, and no limits on either side: nothing here is about pacing."""
    sandbox_notion.seed("crm")
    sandbox_notion.limit(None)
    Provider.objects.filter(slug="notion").update(requests_per_minute=1_000_000)
    return sandbox_notion


def test_first_sync_brings_everything_in_and_out(live_tenant, notion):
    Contact.objects.create(name="Only Here", email="only.here@example.com", phone="+33 1")
    integration = connected(live_tenant, ("Companies", "company"), ("Contacts", "contact"))
    lifecycle.activate(integration)
    sync(integration)
    there = notion.rows("Contacts", limit=1000)
    assert Contact.objects.count() == len(there)
    assert Counter(Contact.objects.values_list("name", flat=True)) == Counter(r["values"]["Name"] for r in there)
    assert any(r["values"].get("Email") == "only.here@example.com" for r in there)
    quiet = sync(integration)
    quiet = sync(integration)
    assert not {k for k in quiet.counts if k.startswith(("created", "updated", "deleted", "conflict"))}
    assert Contact.objects.exclude(company=None).exists()
    assert Company.objects.exists()


def test_edits_travel_both_ways_without_echo(live_tenant, notion):
    integration = connected(live_tenant, ("Contacts", "contact"))
    lifecycle.activate(integration)
    sync(integration)
    ours, theirs = Contact.objects.exclude(email="").order_by("id")[:2]
    remote_ids = dict(RecordLink.objects.values_list("record_id", "remote_id"))
    records.update("contact", ours.pk, {"phone": "+39 02 1234"}, ADA)
    notion.edit_row(remote_ids[theirs.pk], Phone="+33 1 99 99")
    run = sync(integration)
    assert (run.counts["updated_there"], run.counts["updated_here"]) == (1, 1)
    assert notion.row(remote_ids[ours.pk])["values"]["Phone"] == "+39 02 1234"
    theirs.refresh_from_db()
    assert theirs.phone == "+33 1 99 99"
    for _again in range(2):
        quiet = sync(integration)
        assert not {k for k in quiet.counts if k.startswith(("created", "updated", "deleted", "conflict"))}
    assert not Conflict.objects.exists()


def test_conflict_that_asks_waits_and_can_be_swapped(live_tenant, notion):
    integration = connected(live_tenant, ("Contacts", "contact"), policy="ask")
    lifecycle.activate(integration)
    sync(integration)
    contact = Contact.objects.exclude(phone="").first()
    remote_id = RecordLink.objects.get(record_id=contact.pk).remote_id
    records.update("contact", contact.pk, {"phone": "ours"}, ADA)
    notion.edit_row(remote_id, Phone="theirs")
    sync(integration)
    sync(integration)
    conflict = Conflict.objects.get()
    assert (conflict.local, conflict.remote, conflict.base) == ("ours", "theirs", contact.phone)
    assert notion.row(remote_id)["values"]["Phone"] == "theirs"
    conflicts.resolve(conflict, "local", ADA)
    sync(integration)
    assert notion.row(remote_id)["values"]["Phone"] == "ours"
    conflicts.resolve(conflict, "remote", ADA)
    sync(integration)
    assert notion.row(remote_id)["values"]["Phone"] == "theirs"
    contact.refresh_from_db()
    assert contact.phone == "theirs"


def test_deletions_travel_and_edit_beats_delete(live_tenant, notion):
    integration = connected(live_tenant, ("Contacts", "contact"))
    lifecycle.activate(integration)
    sync(integration)
    remote_ids = dict(RecordLink.objects.values_list("record_id", "remote_id"))
    gone_here, gone_there, rescued = Contact.objects.order_by("id")[:3]
    records.delete("contact", [gone_here.pk], ADA)
    notion.trash_row(remote_ids[gone_there.pk])
    notion.trash_row(remote_ids[rescued.pk])
    records.update("contact", rescued.pk, {"notes": "still needed"}, ADA)
    lifecycle.sync_now(integration, whole=True)
    sync(integration)
    assert notion.row(remote_ids[gone_here.pk])["is_trashed"]
    assert not Contact.objects.filter(pk=gone_there.pk).exists()
    assert Contact.objects.filter(pk=rescued.pk).exists()
    assert not notion.row(remote_ids[rescued.pk])["is_trashed"]
    assert Conflict.objects.filter(field="", record_id=rescued.pk).exists()


def test_reasons_are_written_down_in_the_language_of_the_organisation(live_tenant, notion):
    type(live_tenant).objects.filter(pk=live_tenant.pk).update(language="fr")
    integration = connected(live_tenant, ("Contacts", "contact"))
    lifecycle.activate(integration)
    sync(integration)
    notion.edit_row(RecordLink.objects.first().remote_id, Email="nonsense")
    sync(integration)
    assert (
        SetAside.objects.get().reason == "«\N{NO-BREAK SPACE}nonsense\N{NO-BREAK SPACE}» n’est pas une adresse e-mail"
    )
