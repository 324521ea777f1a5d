"""The whole product on the practice table, by real HTTP: connected by one click, and true to what each switch promises."""

from __future__ import annotations

import pytest

from crm.models import Contact
from integrations.models import RecordLink, SetAside, Status, SyncLog
from practice import world
from practice.models import Workspace

PHONE = "+33 6 12 34 56 78"


def in_step(practising) -> None:
    """Two runs later nothing is left to do, every row has one record, and both hold the same."""
    practising.sync()
    last = practising.sync()
    assert last.state == SyncLog.State.DONE
    written = {name: n for name, n in last.counts.items() if name.split("_")[0] in ("created", "updated", "deleted")}
    assert not any(written.values())
    there = {row.values["name"]: row.values.get("phone", "") for row in practising.people.rows.filter(is_gone=False)}
    assert dict(Contact.objects.values_list("name", "phone")) == there
    assert Contact.objects.count() == len(there) == practising.people.rows.filter(is_gone=False).count()
    assert not RecordLink.objects.filter(intent__isnull=False, remote_id__isnull=False).exists()


def test_one_click_brings_twelve_people(practising):
    assert Contact.objects.count() == 12
    contact = practising.contact("Orla Romano")
    assert (contact.email, contact.status, contact.tags) == ("orla.romano@ostergaard.example", "Customer", ["VIP"])
    in_step(practising)


def test_edits_travel_both_ways(practising):
    practising.edit("p01", "phone", PHONE)
    practising.sync()
    assert practising.contact("Femke Nolan").phone == PHONE
    Contact.objects.filter(name="Orla Romano").update(phone="+45 11 22 33 44")
    Contact.objects.create(name="Nora Neu", email="nora@neu.example")
    practising.sync()
    assert practising.row("p04").values["phone"] == "+45 11 22 33 44"
    assert practising.people.rows.filter(values__name="Nora Neu", edited_by="Raccord").count() == 1
    in_step(practising)


def test_rows_come_and_go(practising):
    practising.post("add/")
    new = practising.people.rows.latest("id")
    practising.edit(new.ident, "name", "Added there")
    practising.sync()
    assert Contact.objects.filter(name="Added there").count() == 1
    practising.post("rows/p12/delete/")
    practising.sync()
    assert not RecordLink.objects.filter(remote_id="p12", state="linked").exists()


@pytest.mark.parametrize("switch", ["slow", "busy", "broken", "coarse", "stale"])
def test_what_goes_wrong_is_outlasted(practising, switch):
    """Edits and a new record on both sides, while the tool misbehaves; then it behaves."""
    practising.switch(switch)
    practising.edit("p01", "phone", PHONE)
    Contact.objects.filter(name="Orla Romano").update(phone="+45 11 22 33 44")
    Contact.objects.create(name="Nora Neu", email="nora@neu.example", phone="+49 1 23 45 67")
    for _ in range(3):
        practising.sync()
    assert practising.contact("Femke Nolan").phone == PHONE
    assert practising.row("p04").values["phone"] == "+45 11 22 33 44"
    assert practising.people.rows.filter(values__name="Nora Neu").count() == 1
    met = practising.workspace.events.filter(fault=switch).exists()
    assert met or switch == "coarse"
    practising.post("switches/")
    assert practising.workspace.faults == {}
    in_step(practising)


def test_lost_answer_makes_no_second_row(practising):
    practising.switch("lost")
    Contact.objects.create(name="Nora Neu", email="nora@neu.example")
    practising.sync()
    assert practising.people.rows.filter(values__name="Nora Neu").count() == 1
    practising.sync()
    assert practising.people.rows.filter(values__name="Nora Neu").count() == 1
    assert list(
        practising.workspace.events.filter(what__in=["create", "again"]).values_list("what", "fault").order_by("id")
    ) == [
        ("create", "lost"),
        ("again", ""),
    ]
    in_step(practising)


def test_refused_phone_is_set_aside_and_the_others_go_on(practising):
    practising.switch("phones")
    Contact.objects.filter(name="Femke Nolan").update(phone="06 12 34 56 78")
    Contact.objects.filter(name="Orla Romano").update(job_title="Director")
    practising.sync()
    assert practising.row("p04").values["job"] == "Director"
    (waiting,) = SetAside.objects.all()
    assert waiting.remote_id == "p01" or waiting.title == "Femke Nolan"
    assert practising.row("p01").values["phone"] == "+49 30 5550 124"
    Contact.objects.filter(name="Femke Nolan").update(phone=PHONE)
    practising.sync()
    assert practising.row("p01").values["phone"] == PHONE and not SetAside.objects.exists()
    in_step(practising)


def test_expired_key_stops_the_connection_until_it_is_reconnected(practising):
    practising.switch("expired")
    practising.edit("p01", "phone", PHONE)
    practising.sync()
    assert (practising.integration.status, practising.integration.status_code) == (
        Status.ATTENTION,
        "authentication_failed",
    )
    before = practising.integration.account_id
    answer = practising.browser.post(f"/connections/{practising.integration.pk}/reconnect/", {"way": "given"})
    assert answer.status_code == 303
    practising.integration.refresh_from_db()
    assert practising.integration.account_id == before == str(practising.workspace.pk)
    assert practising.workspace.faults == {}
    from integrations.services import lifecycle

    lifecycle.go_on(practising.integration)
    in_step(practising)


def test_a_new_key_that_cannot_be_checked_leaves_the_old_one_good(practising, settings):
    address = settings.PROVIDER_BASE_URLS
    settings.PROVIDER_BASE_URLS = {"practice": "http://127.0.0.1:1/practice/api"}  # nobody answers there
    reconnect = f"/connections/{practising.integration.pk}/reconnect/"
    assert practising.browser.post(reconnect, {"way": "given"}).status_code == 422
    settings.PROVIDER_BASE_URLS = address
    practising.edit("p01", "phone", PHONE)
    assert practising.sync().state == SyncLog.State.DONE
    assert practising.contact("Femke Nolan").phone == PHONE
    assert practising.browser.post(reconnect, {"way": "given"}).status_code == 303
    assert practising.workspace.keys.count() == 1
    in_step(practising)


def test_renamed_column_goes_on_and_a_removed_one_asks(practising):
    practising.post("columns/", field="phone", name="Telephone", do="rename")
    practising.edit("p01", "phone", PHONE)
    practising.sync()
    assert practising.contact("Femke Nolan").phone == PHONE
    practising.post("columns/", field="phone", do="remove")
    practising.sync()
    practising.stream.refresh_from_db()
    assert practising.contact("Femke Nolan").phone == PHONE, "what was there is not taken for empty"
    practising.post("reset/")
    assert practising.people.field("phone")["name"] == "Phone"


def test_reset_keeps_pairs(practising):
    practising.edit("p01", "phone", PHONE)
    practising.sync()
    practising.post("reset/")
    practising.sync()
    assert practising.contact("Femke Nolan").phone == "+49 30 5550 124" and Contact.objects.count() == 12
    in_step(practising)


def test_edit_calls_raccord(practising, monkeypatch):
    """A signed call to the door for all tools; Raccord then has a reason to look."""
    from integrations.webhooks import tending
    from integrations.webhooks.models import Subscription
    from practice import hooks

    sent = []
    monkeypatch.setattr(hooks.deliver, "apply_async", lambda args, retry: sent.append(args))  # the broker's door
    Subscription.objects.update(tend_at="2026-01-01T00:00Z")
    tending.tend(practising.integration.pk)
    practising.edit("p01", "phone", PHONE)
    ((schema, hook, event),) = sent
    assert hooks.deliver(schema, str(hook), event) == 200
    assert Subscription.objects.get(integration_id=practising.integration.pk).called_at is not None
    hooks.deliver(schema, str(hook), event)  # heard once
    told = practising.workspace.events.first()
    assert (told.kind, told.status) == ("called", 200)


@pytest.mark.parametrize("clear", [False, True])
def test_deleting_the_connection_offers_to_throw_the_rows_away(practising, clear):
    practising.edit("p01", "phone", PHONE)
    url = f"/connections/{practising.integration.pk}/delete/"
    assert 'name="clear"' in practising.browser.get(url).content.decode()
    practising.browser.post(url, {"clear": "1"} if clear else {})
    assert Workspace.objects.count() == (0 if clear else 1)
    practising.browser.post("/connections/new/practice/", {"way": "given", "name": "Again"})
    workspace = Workspace.objects.get()
    kept = workspace.tables.get(slug="people").rows.get(ident="p01").values["phone"]
    assert kept == ("+49 30 5550 124" if clear else PHONE)


def test_invented_people_go_with_the_connection_where_that_is_chosen(practising):
    """Only those that it brought: an own record that was paired stays, and so does one that another connection holds."""
    own = Contact.objects.create(name="Nora Neu", email="nora@neu.example")
    practising.sync()
    held = practising.contact("Orla Romano")
    second = elsewhere(practising, held)
    url = f"/connections/{practising.integration.pk}/delete/"
    assert "Also delete the 11 records here that only it brought" in practising.browser.get(url).content.decode()
    answer = practising.browser.post(url, {"brought": "1"}, follow=True)
    assert "and with it 11 records here that it had brought." in answer.content.decode()
    assert set(Contact.objects.values_list("pk", flat=True)) == {own.pk, held.pk}
    other = f"/connections/{second.pk}/delete/"
    assert 'name="brought"' not in practising.browser.get(other).content.decode()  # its tool is not ours


def test_invented_people_stay_unless_that_is_chosen(practising):
    answer = practising.browser.post(f"/connections/{practising.integration.pk}/delete/", {"clear": "1"}, follow=True)
    assert "is deleted, with what stood there. Records here stay." in answer.content.decode()
    assert Contact.objects.count() == 12


def elsewhere(practising, contact):
    """Another connection, to a real tool, that holds this contact, too."""
    from integrations.models import IntegrationInstance, Stream

    made = IntegrationInstance.objects.create(name="Notion", provider="notion", setup_step="done")
    stream = Stream.objects.create(integration=made, collection="c", collection_name="Contacts", entity="contact")
    RecordLink.objects.create(stream=stream, record_id=contact.pk, remote_id="r1")
    return made


def test_plan_for_a_real_tool_names_what_is_invented(practising):
    from django.utils import timezone

    from integrations.models import Plan, PlanLine

    made = elsewhere(practising, practising.contact("Orla Romano"))
    plan = Plan.objects.create(integration=made, state="ready", made_at=timezone.now())
    for contact in [practising.contact("Femke Nolan"), Contact.objects.create(name="Nora Neu", email="n@neu.example")]:
        PlanLine.objects.create(
            plan=plan, stream=made.streams.get(), record_id=contact.pk, side="there", action="created"
        )
    page = practising.browser.get(f"/connections/{made.pk}/plans/{plan.pk}/").content.decode()
    assert "1 of these records is invented: it came from Practice" in page
    practise = f"/connections/{practising.integration.pk}/delete/"
    assert practise in page
    practising.browser.post(practise, {"brought": "1"})
    plan.refresh_from_db()
    assert plan.state == "discarded"  # it spoke of what is gone


def test_guide_knows_a_change_that_is_on_its_way_out(practising):
    practising.edit("p01", "phone", PHONE)
    practising.sync()
    assert (
        "It has arrived: Femke Nolan is the same on both sides."
        in practising.browser.get(practising.url()).content.decode()
    )
    Contact.objects.filter(name="Femke Nolan").update(phone="+49 30 1")
    page = practising.browser.get(practising.url()).content.decode()
    assert "A change made in Raccord is on its way here." in page and "It has arrived" not in page
    practising.sync()
    assert (
        "It has arrived: Femke Nolan is the same on both sides."
        in practising.browser.get(practising.url()).content.decode()
    )


def test_each_connection_has_its_own_rows(practising):
    practising.browser.post("/connections/new/practice/", {"way": "given", "name": "Second"})
    assert Workspace.objects.count() == 2
    practising.edit("p01", "phone", PHONE)
    other = Workspace.objects.exclude(pk=practising.workspace.pk).get()
    assert other.tables.get(slug="people").rows.get(ident="p01").values["phone"] != PHONE


def test_what_is_long_is_told_in_short(practising):
    everything = {field["id"]: field["name"] * 9 for field in practising.people.fields}
    event = world.note(
        practising.workspace, "asked", what="create", title="x" * 500, field=", ".join(everything.values())
    )
    assert (len(event.title), len(event.field)) == (200, 100)


def test_full_table_stops_the_connection_instead_of_setting_everything_aside(practising, monkeypatch):
    monkeypatch.setattr(world, "MOST_ROWS", 12)
    Contact.objects.bulk_create([Contact(name=f"New {number}") for number in range(3)])
    practising.sync()
    assert (practising.integration.status, practising.integration.status_code) == (Status.ATTENTION, "access_denied")
    assert not SetAside.objects.exists() and practising.people.rows.count() == 12
