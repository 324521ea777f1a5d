"""The engine and Airtable, for real: a tenant's contacts and companies and a base stay in step both ways, over HTTP."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from django.utils import timezone

from crm import records
from crm.feed import Actor
from crm.models import Company, Contact, Deal, Task
from integrations.adapters.airtable import AirtableAdapter
from integrations.adapters.airtable.manifest import MANIFEST
from integrations.adapters.registry import adapters
from integrations.models import Conflict, IntegrationInstance, RecordLink, SetAside, SyncLog
from integrations.sandbox.airtable.base import DEMO_TOKEN
from integrations.sandbox.client import Control
from integrations.sandbox.server import SandboxServer
from integrations.scheduling import dispatch, due
from integrations.services import agreement, connect, lifecycle, streams, templates

ADA = Actor("user", "1", "Ada")
CHANGED = ("created", "updated", "deleted", "conflict")


class Unhurried(AirtableAdapter):
    """Five requests a second are a minute here, and tests of pacing are elsewhere."""

    manifest = replace(MANIFEST, limits=())


@pytest.fixture
def there(
    server: SandboxServer, control: Control, live_tenant: Any, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> Control:
    settings.PROVIDER_BASE_URLS = {"airtable": server.url("airtable")}
    monkeypatch.setitem(adapters(), "airtable", Unhurried)
    return control


@pytest.fixture
def integration(live_tenant: Any, there: Control) -> IntegrationInstance:
    made = connect.start("airtable")
    connect.connect(made, {"token": DEMO_TOKEN})
    found = {collection.name: collection.id for collection in streams.collections(made)}
    streams.add(made, found["Companies"], "company")
    streams.add(made, found["Contacts"], "contact")
    streams.add(made, found["Deals"], "deal")
    return made


def sync(integration: IntegrationInstance) -> SyncLog:
    """One whole run, as a worker would do it."""
    from django.db import connection

    due.ask(integration.pk)
    outcome = dispatch.run_if_due(connection.schema_name, integration.pk)
    run = SyncLog.objects.filter(integration=integration).first()
    assert run is not None and outcome == "done", (outcome, run and run.error_code, run and run.error_detail)
    return run


def as_old() -> None:
    """The engine waits for Airtable to show everything before it sends what has only just been made."""
    for model in (Company, Contact, Deal, Task):
        model.objects.update(created_at=timezone.now() - dt.timedelta(hours=1))


def remote_ids() -> dict[Any, str]:
    return dict(RecordLink.objects.values_list("record_id", "remote_id"))


def quiet(integration: IntegrationInstance) -> None:
    sync(integration)
    run = sync(integration)
    assert not {name: count for name, count in run.counts.items() if name.startswith(CHANGED)}
    assert not Conflict.objects.exists() and not SetAside.objects.exists()


def test_everything_comes_in_and_goes_out_with_its_links(integration: IntegrationInstance, there: Control) -> None:
    home = Company.objects.create(name="Only Here Ltd")
    who = Contact.objects.create(
        name="Only Here", email="only.here@example.com", company=home, score="12.5", tags=["VIP"]
    )
    deal = Deal.objects.create(
        name="Only Here", amount="99.5", amount_currency="EUR", company=home, contacts=[str(who.pk)]
    )
    as_old()
    lifecycle.activate(integration)
    sync(integration)
    quiet(integration)
    rows = there.rows("Contacts", limit=1000)
    assert Counter(Contact.objects.values_list("name", flat=True)) == Counter(row["title"] for row in rows)
    (new,) = [row for row in rows if row["title"] == "Only Here"]
    (firm,) = [row for row in there.rows("Companies") if row["title"] == "Only Here Ltd"]
    assert (new["values"]["Company"], new["values"]["Email"]) == ([firm["id"]], "only.here@example.com")
    assert Contact.objects.exclude(company=None).count() == len(rows)
    (sale,) = [row["values"] for row in there.rows("Deals") if row["id"] == remote_ids()[deal.pk]]
    assert (sale["Amount"], sale["Contacts"], sale["Company"]) == (99.5, [new["id"]], [firm["id"]])
    assert set(Deal.objects.values_list("amount_currency", flat=True)) == {"EUR"}


def test_edits_travel_both_ways_without_echo(integration: IntegrationInstance, there: Control) -> None:
    lifecycle.activate(integration)
    sync(integration)
    ours, theirs = Contact.objects.order_by("id")[:2]
    records.update("contact", ours.pk, {"phone": "+39 02 1234", "newsletter": not ours.newsletter}, ADA)
    there.edit_row(remote_ids()[theirs.pk], Phone="+33 1 99 99", Newsletter=not theirs.newsletter)
    run = sync(integration)
    assert (run.counts["updated_there"], run.counts["updated_here"]) == (1, 1)
    row = there.row(remote_ids()[ours.pk])["values"]
    assert (row["Phone"], row["Newsletter"]) == ("+39 02 1234", not ours.newsletter)
    newsletter = theirs.newsletter
    theirs.refresh_from_db()
    assert (theirs.phone, theirs.newsletter) == ("+33 1 99 99", not newsletter)
    quiet(integration)


def test_deletions_travel_with_the_whole_listing_and_an_edit_beats_them(
    integration: IntegrationInstance, there: Control
) -> None:
    lifecycle.activate(integration)
    sync(integration)
    known = remote_ids()
    gone_here, gone_there, rescued = Contact.objects.order_by("id")[:3]
    records.delete("contact", [gone_here.pk], ADA)
    there.trash_row(known[gone_there.pk])
    sync(integration)
    assert there.row(known[gone_here.pk])["is_trashed"]
    assert Contact.objects.filter(pk=gone_there.pk).exists()  # an increment does not show it
    there.trash_row(known[rescued.pk])
    records.update("contact", rescued.pk, {"notes": "still needed"}, ADA)
    lifecycle.sync_now(integration, whole=True)
    sync(integration)
    sync(integration)
    assert not Contact.objects.filter(pk=gone_there.pk).exists()
    rows = [row for row in there.rows("Contacts") if row["title"] == rescued.name]
    assert [row["values"]["Notes"] for row in rows] == ["still needed"]
    assert Contact.objects.filter(pk=rescued.pk).exists()


def test_what_was_just_deleted_there_says_nothing_of_agreement_and_is_read_next(
    integration: IntegrationInstance, there: Control
) -> None:
    lifecycle.activate(integration)
    sync(integration)
    link = RecordLink.objects.filter(stream__entity="contact").order_by("id").first()
    there.trash_row(link.remote_id)
    kept = agreement.measure(link.stream)
    assert kept is not None
    assert (kept.seen - kept.agree, kept.moving, kept.differ) == (1, 1, [])
    sync(integration)
    assert not Contact.objects.filter(pk=link.record_id).exists()


def test_a_copy_that_a_person_makes_of_ours_is_not_thrown_away(
    integration: IntegrationInstance, there: Control
) -> None:
    Contact.objects.create(name="Ours", email="ours@example.com")
    as_old()
    lifecycle.activate(integration)
    sync(integration)
    (row,) = [row for row in there.rows("Contacts") if row["title"] == "Ours"]
    there.create_row("Contacts", **{"Name": "Ours copy", "Raccord ID": row["values"]["Raccord ID"]})
    sync(integration)
    sync(integration)
    assert sorted(one["title"] for one in there.rows("Contacts") if one["title"].startswith("Ours")) == [
        "Ours",
        "Ours copy",
    ]
    assert Contact.objects.filter(name="Ours copy").count() == 1 and Contact.objects.filter(name="Ours").count() == 1
    assert there.rows("Contacts", trashed=True) == []


def test_a_template_becomes_tables_that_sync(live_tenant: Any, there: Control) -> None:
    there.seed("bulk", records=0)
    made = connect.start("airtable")
    connect.connect(made, {"token": DEMO_TOKEN})
    place = next(one.id for one in templates.places(made) if one.name == "Bulk")
    pipeline = templates.find(made, "pipeline")
    for _ in range(2):  # as after an answer that was lost
        assert len(templates.make(made, pipeline, place)) == 4
    home = Company.objects.create(name="Only Here Ltd", website="https://only.example", employees=3)
    who = Contact.objects.create(name="Only Here", email="only.here@example.com", company=home, status="Lead")
    Deal.objects.create(
        name="Sale", amount="99.5", amount_currency="EUR", stage="Won", company=home, contacts=[str(who.pk)]
    )
    Task.objects.create(title="Call", done=True, priority="High", due_at=timezone.now())
    as_old()
    lifecycle.activate(made)
    sync(made)
    quiet(made)
    tables = {table["name"]: table["id"] for table in there.tables() if table["container"] == place}
    (sale,), (call,) = there.rows(tables["Deals"]), there.rows(tables["Tasks"])
    assert (sale["title"], sale["values"]["Amount"], sale["values"]["Stage"]) == ("Sale", 99.5, "Won")
    assert [there.row(one)["title"] for one in sale["values"]["Contacts"]] == ["Only Here"]
    assert (call["values"]["Done"], call["values"]["Priority"]) == (True, "High")
