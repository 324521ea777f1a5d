"""A tenant's companies, contacts and deals and a HubSpot account stay in step both ways, associations included, over HTTP."""

from __future__ import annotations

import datetime as dt
from collections import Counter

import pytest
from django.db import connection
from django.utils import timezone

from crm import records
from crm.feed import Actor
from crm.models import Company, Contact, Deal
from integrations.catalog.models import Provider
from integrations.models import Conflict, RecordLink, SetAside, SyncLog
from integrations.sandbox.hubspot.base import DEMO_TOKEN
from integrations.scheduling import dispatch, due
from integrations.services import agreement, connect, lifecycle, streams

ADA = Actor("user", "1", "Ada")
PAIRS = (("Companies", "company"), ("Contacts", "contact"), ("Deals", "deal"))
MOVED = ("created", "updated", "deleted", "conflict")


@pytest.fixture
def control(sandbox, settings, live_tenant):
    control = sandbox.control.of("hubspot")
    control.reset()
    control.limit(None)
    settings.PROVIDER_BASE_URLS = {"hubspot": sandbox.url("hubspot")}
    Provider.objects.filter(slug="hubspot").update(requests_per_minute=1_000_000)
    control.seed("crm", contacts=8, companies=4, deals=5, tasks=0, projects=0)
    return control


@pytest.fixture
def integration(control):
    made = connect.start("hubspot")
    connect.connect(made, {"token": DEMO_TOKEN})
    found = {one.name: one.id for one in streams.collections(made)}
    for name, entity in PAIRS:
        stream = streams.add(made, found[name], entity)
        if entity == "deal":
            wanted = [{"remote": m.remote, "local": m.local, "direction": m.direction} for m in stream.mappings.all()]
            wanted = [one for one in wanted if one["local"] not in ("stage", "owner")]
            mapped = [{"remote": "dealstage", "local": "stage"}, {"remote": "hubspot_owner_id", "local": "owner"}]
            streams.set_mappings(stream, [*wanted, *mapped])
    lifecycle.activate(made)
    return made


def sync(integration):
    # as if they had been there for a while: the engine waits for the tool's index before it sends very young ones
    for model in (Company, Contact, Deal):
        model.objects.update(created_at=timezone.now() - dt.timedelta(hours=1))
    due.ask(integration.pk)
    outcome = dispatch.run_if_due(connection.schema_name, integration.pk)
    run = SyncLog.objects.filter(integration=integration).first()
    assert outcome == "done", (outcome, run and run.error_code, run and run.error_detail)
    return run


def quiet(integration):
    return not {name for name in sync(integration).counts if name.startswith(MOVED)}


def remote(record):
    return RecordLink.objects.get(record_id=record.pk).remote_id


def test_everything_is_brought_in_and_out_with_its_associations(control, integration):
    firm = Company.objects.create(name="Only Here", website="https://only.here.example")
    ada = Contact.objects.create(name="Ada King Lovelace", email="ada@only.here.example", company=firm)
    deal = Deal.objects.create(name="Engine", amount="1500", stage="Proposal", company=firm, contacts=[str(ada.pk)])
    sync(integration)
    sync(integration)
    for table, model in (("Companies", Company), ("Contacts", Contact), ("Deals", Deal)):
        there = Counter(row["title"] for row in control.rows(table, limit=1000))
        assert Counter(model.objects.values_list("name", flat=True)) == there
    row = control.row(remote(deal))["values"]
    assert (row["Companies"], row["Contacts"]) == ([remote(firm)], [remote(ada)])
    assert (row["Pipeline"], row["Deal stage"], row["Amount"]) == ("Sales pipeline", "Proposal", "1500")
    row = control.row(remote(ada))["values"]
    assert (row["First name"], row["Last name"], row["Companies"]) == ("Ada", "King Lovelace", [remote(firm)])
    theirs = Deal.objects.get(name="Order 1")
    row = control.row(remote(theirs))["values"]
    assert sorted(map(remote, Contact.objects.filter(pk__in=theirs.contacts))) == sorted(row["Contacts"])
    assert [remote(theirs.company)] == row["Companies"] and theirs.owner.email == row["Deal owner"][0]
    assert not SetAside.objects.exists() and quiet(integration)


def test_edits_and_deletions_travel_both_ways_without_echo(control, integration):
    sync(integration)
    ours, theirs = Contact.objects.order_by("id")[:2]
    firm = Company.objects.exclude(pk=ours.company_id).first()
    records.update("contact", ours.pk, {"phone": "+39 02 1234", "company": str(firm.pk)}, ADA)
    control.edit_row(remote(theirs), **{"Phone number": "+33 1 99 99", "Last name": "Changed"})
    gone_here, gone_there = Deal.objects.order_by("id")[:2]
    ids = remote(gone_here), remote(gone_there)
    records.delete("deal", [gone_here.pk], ADA)
    control.trash_row(ids[1])
    run = sync(integration)
    assert (run.counts["updated_there"], run.counts["updated_here"]) == (1, 1)
    row = control.row(remote(ours))["values"]
    assert row["Phone number"] == "+39 02 1234" and remote(firm) in row["Companies"]
    theirs.refresh_from_db()
    assert theirs.phone == "+33 1 99 99" and theirs.name.endswith(" Changed")
    assert control.row(ids[0])["is_trashed"] and not Deal.objects.filter(pk=gone_there.pk).exists()
    assert quiet(integration) and not Conflict.objects.exists()


def test_what_was_just_deleted_there_says_nothing_of_agreement(control, integration):
    sync(integration)
    SyncLog.objects.update(started_at=timezone.now() + dt.timedelta(hours=1))  # its last edit is long past
    link = RecordLink.objects.filter(stream__entity="deal").order_by("id").first()
    control.trash_row(link.remote_id)
    kept = agreement.measure(link.stream)
    assert (kept.seen - kept.agree, kept.moving, kept.differ) == (1, 1, [])


def test_association_that_no_increment_tells_is_told_by_the_whole_listing(control, integration):
    sync(integration)
    deal = Deal.objects.order_by("id").first()
    person = Contact.objects.exclude(pk__in=deal.contacts).first()
    control.post("associate", **{"from": remote(deal), "to": remote(person)})
    lifecycle.sync_now(integration, whole=True)
    sync(integration)
    deal.refresh_from_db()
    assert str(person.pk) in [str(one) for one in deal.contacts]
    assert quiet(integration)
