"""What goes wrong on the other side, through wizard, engine and back: a clear answer, and nothing lost."""

from __future__ import annotations

import pytest

from crm import records
from crm.models import Company, Contact, Deal, Task
from integrations.models import Conflict, RecordLink, SetAside, Status, SyncLog
from integrations.services import connect, lifecycle, streams
from integrations.services.connect import Refused
from tests.integrations.sync.test_two_way import ADA, connected, notion, sync

__all__ = ["notion"]


def first_pair():
    contact = Contact.objects.exclude(email="").order_by("id").first()
    return contact, RecordLink.objects.get(record_id=contact.pk).remote_id


def run_once(integration):
    from django.db import connection

    from integrations.scheduling import dispatch, due

    due.ask(integration.pk)
    dispatch.run_if_due(connection.schema_name, integration.pk)
    integration.refresh_from_db()
    return SyncLog.objects.filter(integration=integration).first()


@pytest.fixture
def linked(live_tenant, notion):
    integration = connected(live_tenant, ("Contacts", "contact"))
    lifecycle.activate(integration)
    sync(integration)
    return integration


def test_wrong_key_is_refused_before_it_is_saved(live_tenant, notion):
    integration = connect.start("notion")
    with pytest.raises(Refused) as refused:
        connect.connect(integration, {"token": "ntn_wrong"})
    assert refused.value.code == "authentication_failed"
    integration.refresh_from_db()
    assert not integration.credentials


def test_revoked_key_stops_and_reconnecting_loses_nothing(linked, notion):
    contact, remote_id = first_pair()
    notion.revoke_token("ntn_sandbox_demo")
    records.update("contact", contact.pk, {"phone": "written while revoked"}, ADA)
    run = run_once(linked)
    assert (run.state, run.error_code) == ("failed", "authentication_failed")
    assert (linked.status, linked.status_code) == (Status.ATTENTION, "authentication_failed")
    notion.post("tokens/add", token="ntn_second_key")
    connect.connect(linked, {"token": "ntn_second_key"})
    assert (linked.status, linked.status_code) == (Status.PAUSED, "catch_up")
    lifecycle.sync_now(linked)
    sync(linked)
    assert notion.row(remote_id)["values"]["Phone"] == "written while revoked"


def test_renamed_property_goes_on(linked, notion):
    contact, remote_id = first_pair()
    notion.rename_field("Contacts", "Phone", "Telefono")
    notion.edit_row(remote_id, Telefono="+39 1")
    sync(linked)
    contact.refresh_from_db()
    assert contact.phone == "+39 1"


def test_deleted_or_unshared_database_deletes_nothing(linked, notion):
    before = Contact.objects.count()
    notion.unshare_table("Contacts")
    lifecycle.sync_now(linked, whole=True)
    run_once(linked)
    assert linked.streams.get().problem_code == "not_found"
    assert Contact.objects.count() == before
    notion.share_table("Contacts")
    notion.trash_table("Contacts")
    lifecycle.sync_now(linked, whole=True)
    run_once(linked)
    assert linked.streams.get().problem_code in ("not_found", "schema_changed")
    assert Contact.objects.count() == before
    notion.restore_table("Contacts")
    sync(linked)
    assert not linked.streams.get().problem_code


def test_long_text_survives_both_ways(linked, notion):
    contact, remote_id = first_pair()
    long = "é😀" * 2001 + "end"
    records.update("contact", contact.pk, {"notes": long}, ADA)
    sync(linked)
    assert notion.row(remote_id)["values"]["Notes"] == long
    sync(linked)
    contact.refresh_from_db()
    assert contact.notes == long
    notion.edit_row(remote_id, Notes="x" * 2001)
    sync(linked)
    contact.refresh_from_db()
    assert contact.notes == "x" * 2001


def test_value_that_does_not_fit_there_waits_and_the_rest_goes(linked, notion):
    contact, remote_id = first_pair()
    records.update("contact", contact.pk, {"phone": "1" * 100, "job_title": "CTO", "notes": "goes on"}, ADA)
    stream = linked.streams.get()
    stream.mappings.filter(local="tags").update(options={"options_there": "add"})
    contact.refresh_from_db()
    records.update("contact", contact.pk, {"tags": ["with, comma"], "phone": "+33 2"}, ADA)
    sync(linked)
    row = notion.row(remote_id)["values"]
    assert (row["Notes"], row["Phone"]) == ("goes on", "+33 2")
    aside = SetAside.objects.get(stream=stream)
    assert (aside.field, aside.side) == ("tags", "here") and "comma" in aside.reason
    records.update("contact", contact.pk, {"tags": ["no comma"]}, ADA)
    sync(linked)
    assert notion.row(remote_id)["values"]["Tags"] == ["no comma"]
    assert not SetAside.objects.exists()


@pytest.mark.parametrize("asked", [True, False])
def test_option_that_is_missing_there_is_made_only_where_a_person_asked(linked, notion, asked):
    contact, remote_id = first_pair()
    stream = linked.streams.get()
    if asked:
        stream.mappings.filter(local="tags").update(options={"options_there": "add"})
    records.update("contact", contact.pk, {"tags": ["Never seen"], "phone": "+33 3"}, ADA)
    sync(linked)
    row = notion.row(remote_id)["values"]
    assert row["Phone"] == "+33 3" and (row.get("Tags") == ["Never seen"]) is asked
    assert ["Never seen" in one.reason for one in SetAside.objects.filter(stream=stream)] == ([] if asked else [True])


def test_unknown_status_there_is_set_aside_with_its_reason(live_tenant, notion):
    integration = connected(live_tenant, ("Deals", "deal"))
    lifecycle.activate(integration)
    sync(integration)
    deal = Deal.objects.order_by("id").first()
    from crm import registry

    registry.add_options("deal", "stage", ["Dreaming"])
    records.update("deal", deal.pk, {"stage": "Dreaming", "name": "Still renamed"}, ADA)
    sync(integration)
    remote_id = RecordLink.objects.get(record_id=deal.pk).remote_id
    assert notion.row(remote_id)["values"]["Name"] == "Still renamed"
    aside = SetAside.objects.get()
    assert aside.field == "stage" and "Dreaming" in aside.reason


def test_unknown_option_of_theirs_becomes_one_of_ours(linked, notion):
    contact, remote_id = first_pair()
    field = next(name for name, value in notion.row(remote_id)["values"].items() if name in ("Status", "Stage"))
    notion.edit_row(remote_id, **{field: "Brand new"})
    sync(linked)
    contact.refresh_from_db()
    assert contact.status == "Brand new"
    assert "Brand new" in records.describe("contact").fields["status"].options


def test_formula_cannot_be_mapped_for_writing(live_tenant, notion):
    integration = connected(live_tenant, ("Contacts", "contact"))
    stream = integration.streams.get()
    formula = next(f for f in streams.schema_of(stream).fields if f.name == "Full label")
    with pytest.raises(Refused) as refused:
        streams.set_mappings(stream, [{"remote": formula.id, "local": "notes", "direction": "both"}])
    assert refused.value.code == "one_way_only"
    streams.set_mappings(stream, [{"remote": formula.id, "local": "notes", "direction": "import"}])


def test_relations_people_money_and_times_travel(live_tenant, notion):
    integration = connected(
        live_tenant, ("Tasks", "task"), ("Deals", "deal"), ("Contacts", "contact"), ("Companies", "company")
    )
    lifecycle.activate(integration)
    sync(integration)
    assert Contact.objects.exclude(company=None).exists()
    assert Deal.objects.exclude(amount=None).filter(amount_currency="EUR").exists()
    assert Task.objects.exclude(deal=None).exists()
    assert Task.objects.exclude(assignee=None).exists()
    company = Company.objects.create(name="Made Here", website="https://made.example")
    contact = Contact.objects.create(name="Works There", email="works@made.example", company=company)
    sync(integration)
    remote_company = RecordLink.objects.get(record_id=company.pk).remote_id
    row = notion.row(RecordLink.objects.get(record_id=contact.pk).remote_id)["values"]
    assert row["Company"] == [remote_company]
    sync(integration)
    notion.clear_log()
    quiet = sync(integration)
    assert not {k for k in quiet.counts if k.startswith(("created", "updated", "deleted", "conflict"))}
    assert notion.log()["by_route"]["POST /v1/data_sources/{id}/query"] == 4  # one a stream
    assert quiet.counts["requests"] <= 2 * 4 + 1


def test_import_only_never_writes_there(live_tenant, notion):
    integration = connected(live_tenant, ("Contacts", "contact"), direction="import")
    Contact.objects.create(name="Stays Here", email="stays@example.com")
    lifecycle.activate(integration)
    sync(integration)
    linked_one = RecordLink.objects.first()
    with pytest.raises(records.ReadOnly):
        records.update("contact", linked_one.record_id, {"phone": "no"}, ADA)
    Contact.objects.filter(pk=linked_one.record_id).update(phone="by SQL")
    sync(integration)
    assert notion.row(linked_one.remote_id)["values"].get("Phone") != "by SQL"


def test_answers_lost_on_create_make_no_doubles(linked, notion):
    notion.fail(fault="drop_after", method="POST", path="^/v1/pages$", times=3)
    for number in range(5):
        Contact.objects.create(name=f"Lost {number}", email=f"lost{number}@example.com")
    for _again in range(3):
        run_once(linked)
    there = [r["values"]["Email"] for r in notion.rows("Contacts", limit=1000)]
    for number in range(5):
        assert there.count(f"lost{number}@example.com") == 1
        assert Contact.objects.filter(email=f"lost{number}@example.com").count() == 1


def test_default_that_the_tool_gives_comes_in(live_tenant, notion):
    integration = connected(live_tenant, ("Deals", "deal"))
    lifecycle.activate(integration)
    deal = Deal.objects.create(name="Without a stage")
    sync(integration)
    sync(integration)
    deal.refresh_from_db()
    row = notion.row(RecordLink.objects.get(record_id=deal.pk).remote_id)["values"]
    stage = next(row[name] for name in ("Stage", "Status") if name in row)
    assert stage and deal.stage == stage


def test_many_deletions_there_stop_and_ask(linked, notion):
    before = Contact.objects.count()
    for row in notion.rows("Contacts", limit=1000)[: before // 2]:
        notion.trash_row(row["id"])
    lifecycle.sync_now(linked, whole=True)
    run_once(linked)
    stream = linked.streams.get()
    assert (linked.status, linked.status_code, stream.problem_code) == (Status.ATTENTION, "brake", "brake")
    assert Contact.objects.count() == before
    lifecycle.lift_brake(stream)
    sync(linked)
    assert Contact.objects.count() == before - before // 2
    assert not linked.streams.get().problem_code


def test_many_deletions_here_stop_and_ask(linked, notion):
    before = len(notion.rows("Contacts", limit=1000))
    records.delete("contact", list(Contact.objects.values_list("pk", flat=True)[: before // 2]), ADA)
    run_once(linked)
    stream = linked.streams.get()
    assert (linked.status_code, stream.problem_code) == ("brake", "brake")
    assert len(notion.rows("Contacts", limit=1000)) == before
    lifecycle.lift_brake(stream)
    sync(linked)
    assert len(notion.rows("Contacts", limit=1000)) == before - before // 2


def test_lost_answer_is_looked_up_soon_also_without_a_schedule(linked, notion):
    from datetime import timedelta

    from django.utils import timezone

    from integrations.scheduling.models import Due

    lifecycle.set_frequency(linked, "manual")
    contact, remote_id = first_pair()
    records.update("contact", contact.pk, {"phone": "+33 1"}, ADA)
    notion.fail(fault="drop_after", method="PATCH", times=1)
    run_once(linked)
    assert RecordLink.objects.get(remote_id=remote_id).intent
    row = Due.objects.get(pk=linked.pk)
    assert row.due_at and row.due_at < timezone.now() + timedelta(minutes=2)
    run_once(linked)
    assert not RecordLink.objects.get(remote_id=remote_id).intent
    assert Due.objects.get(pk=linked.pk).due_at is None
    assert notion.row(remote_id)["values"]["Phone"] == "+33 1"


def test_default_does_not_replace_what_could_not_go_out(live_tenant, notion):
    from crm import registry

    integration = connected(live_tenant, ("Deals", "deal"))
    lifecycle.activate(integration)
    sync(integration)
    registry.add_options("deal", "stage", ["Dreaming"])
    deal = Deal.objects.create(name="A dream", stage="Dreaming")
    for _again in range(2):
        sync(integration)
        deal.refresh_from_db()
        assert deal.stage == "Dreaming"
    assert SetAside.objects.get(record_id=deal.pk).field == "stage"
    assert not Conflict.objects.exists()
    remote_id = RecordLink.objects.get(record_id=deal.pk).remote_id
    stage = next(name for name in ("Stage", "Status") if name in notion.row(remote_id)["values"])
    theirs = Deal.objects.exclude(pk=deal.pk).exclude(stage="").first().stage
    records.update("deal", deal.pk, {"stage": theirs}, ADA)
    sync(integration)
    assert notion.row(remote_id)["values"][stage] == theirs
    assert not SetAside.objects.exists()


def test_person_who_writes_what_we_once_sent_is_not_taken_for_a_late_write(linked, notion):
    contact, remote_id = first_pair()
    notion.fail(fault="drop_before", method="PATCH", path="^/v1/pages/", times=1)
    records.update("contact", contact.pk, {"phone": "B"}, ADA)
    run_once(linked)
    sync(linked)
    assert notion.row(remote_id)["values"]["Phone"] == "B"
    records.update("contact", contact.pk, {"phone": "C"}, ADA)
    sync(linked)
    notion.edit_row(remote_id, Phone="B")
    sync(linked)
    sync(linked)
    contact.refresh_from_db()
    assert notion.row(remote_id)["values"]["Phone"] == contact.phone
    conflict = Conflict.objects.get(field="phone")
    assert {conflict.local, conflict.remote} == {"B", "C"}
