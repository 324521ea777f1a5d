"""A table's fields change in the tool: what goes on, what stops, what people are told. Over HTTP."""

from __future__ import annotations

import pytest

from crm import records
from crm.models import Contact
from integrations.models import Conflict, Drift, RecordLink, Stream
from integrations.services import streams
from tests.integrations.sync.test_trouble import first_pair, linked, run_once
from tests.integrations.sync.test_two_way import ADA, notion, sync

__all__ = ["linked", "notion"]


def stream_of(linked, policy=None):
    if policy:
        streams.change(linked.streams.get(), on_drift=policy)
    return linked.streams.get()


def kinds(stream):
    return [(one["kind"], one["name"]) for one in stream.drift]


@pytest.mark.parametrize(("policy", "problem"), [(Drift.ASK, "field_gone"), (Drift.APPLY, "")])
def test_rest_of_the_table_goes_on_without_a_field_that_is_gone(linked, notion, policy, problem):
    stream_of(linked, policy)
    contact, remote_id = first_pair()
    notion.remove_field("Contacts", "Phone")
    notion.edit_row(remote_id, Email="there@example.com")
    records.update("contact", contact.pk, {"job_title": "Pilot", "phone": "+33 1"}, ADA)
    sync(linked)
    stream = stream_of(linked)
    assert stream.problem_code == problem and ("Phone" in stream.problem_detail) is bool(problem)
    contact.refresh_from_db()
    assert (contact.email, contact.phone) == ("there@example.com", "+33 1")
    assert RecordLink.objects.get(record_id=contact.pk).dirty is False
    assert kinds(stream) == [("gone", "Phone")]
    assert stream.mappings.get(local="phone").gone
    run_once(linked)
    assert kinds(stream_of(linked)) == [("gone", "Phone")]  # told once


def test_field_that_comes_back_is_kept_in_step_again(linked, notion):
    contact, remote_id = first_pair()
    notion.change_field_type("Contacts", "Phone", "number")
    sync(linked)
    stream = stream_of(linked)
    assert stream.mappings.get(local="phone").gone and stream.problem_code == "field_gone"
    assert Contact.objects.exclude(phone="").count() > 10  # its values here stay
    notion.change_field_type("Contacts", "Phone", "phone_number")
    notion.edit_row(remote_id, Phone="+39 7")
    filled = Contact.objects.exclude(phone="").count()
    sync(linked)
    assert Contact.objects.exclude(phone="").count() >= filled  # the tool had emptied the others: that erases nothing
    stream = stream_of(linked)
    assert not stream.problem_code and not stream.mappings.get(local="phone").gone
    contact.refresh_from_db()
    if contact.phone != "+39 7":  # the tool's clock tells minutes: both values are kept, and one of them won
        assert Conflict.objects.get(record_id=contact.pk, field="phone").remote == "+39 7"
    assert kinds(stream)[0] == ("back", "Phone")


def test_stop_stops_the_table(linked, notion):
    stream_of(linked, Drift.STOP)
    contact, remote_id = first_pair()
    notion.remove_field("Contacts", "Phone")
    notion.edit_row(remote_id, Email="later@example.com")
    run_once(linked)
    assert stream_of(linked).problem_code == "schema_changed"
    contact.refresh_from_db()
    assert contact.email != "later@example.com"
    assert contact.phone and Contact.objects.exclude(phone="").count() > 10
    kept = [m for m in stream_of(linked).mappings.all() if m.local != "phone"]
    streams.set_mappings(
        stream_of(linked), [{"remote": m.remote, "local": m.local, "direction": m.direction} for m in kept]
    )
    sync(linked)
    contact.refresh_from_db()
    assert contact.email == "later@example.com" and contact.phone
    assert not stream_of(linked).problem_code


@pytest.mark.parametrize("policy", list(Drift))
def test_losing_a_key_always_stops_the_table(linked, notion, policy):
    stream_of(linked, policy)
    assert "email" in stream_of(linked).match_fields
    before = Contact.objects.count()
    notion.remove_field("Contacts", "Email")
    run_once(linked)
    assert stream_of(linked).problem_code == "schema_changed"
    assert Contact.objects.count() == before


def test_new_and_renamed_fields_are_told_and_nothing_flows_unasked(linked, notion):
    notion.add_field("Contacts", "Shoe size", "number")
    notion.rename_field("Contacts", "Phone", "Telefono")
    run_once(linked)
    stream = stream_of(linked)
    assert set(kinds(stream)) == {("new", "Shoe size"), ("renamed", "Telefono")}
    assert not stream.problem_code and not stream.mappings.filter(gone=True).exists()


def test_mapping_another_field_answers_the_question(linked, notion):
    notion.remove_field("Contacts", "Phone")
    run_once(linked)
    stream = Stream.objects.get()
    assert stream.problem_code
    kept = [
        {"remote": one.remote, "local": one.local, "direction": one.direction}
        for one in stream.mappings.all()
        if one.local != "phone"
    ]
    streams.set_mappings(stream, kept)
    sync(linked)
    assert not Stream.objects.get().problem_code
