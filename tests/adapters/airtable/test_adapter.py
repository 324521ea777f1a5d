"""The Airtable adapter as the engine uses it, and the traps of the API."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from integrations.adapters import errors
from integrations.adapters.airtable import AirtableAdapter, failures, translate
from integrations.adapters.base import Change, NewField, Record, Result
from integrations.adapters.values import Type
from integrations.sandbox.airtable.base import READ_ONLY_TOKEN
from integrations.sandbox.client import Control
from tests.adapters.airtable.conftest import EXAMPLES

MARKER = "01a1fe78-4335-73c7-b017-{:012}"


def read(
    airtable: AirtableAdapter, collection: str, cursor: str | None = None, **more: Any
) -> tuple[list[Record], str | None, bool]:
    pages = list(airtable.read(collection, cursor, **more))
    return [record for page in pages for record in page.records], pages[-1].cursor, pages[-1].whole


def push(airtable: AirtableAdapter, collection: str, *changes: Change) -> list[Result]:
    return list(airtable.push(collection, changes))


def writes(control: Control) -> int:
    return sum(entry["method"] in ("PATCH", "POST", "DELETE") and "listRecords" not in entry["path"]
               for entry in control.log(1000)["entries"])  # fmt: skip


# --- account and schema -----------------------------------------------------------------------------------------------


def test_tables_of_all_bases_are_listed_with_where_they_live(airtable: AirtableAdapter) -> None:
    found = {one.name: one for one in airtable.collections()}
    assert set(found) == {"Companies", "Contacts", "Deals", "Tasks"}
    assert found["Deals"].path == ("Acme CRM",) and found["Deals"].url == f"https://airtable.com/{found['Deals'].id}"
    assert airtable.check().name == "ada@acme.example"


def test_a_pasted_link_leads_to_its_table(airtable: AirtableAdapter, contacts: str) -> None:
    assert airtable.resolve(f"https://airtable.com/{contacts}/viwAAAAAAAAAAAAAA?blocks=hide").id == contacts
    for nonsense in ("hello", "https://airtable.com/appAAAAAAAAAAAAAA/tblAAAAAAAAAAAAAA"):
        with pytest.raises(errors.NotFound):
            airtable.resolve(nonsense)


def test_fields_are_described(airtable: AirtableAdapter, contacts: str) -> None:
    airtable.prepare(contacts)
    schema = airtable.describe(contacts)
    fields = {field.name: field for field in schema.fields}
    assert translate.MARKER not in fields and schema.field(schema.title) == fields["Name"]
    assert {name for name, field in fields.items() if field.read_only} == {
        "Label", "Number", "Created", "Last modified", "Made by"
    }  # fmt: skip
    assert fields["Company"].target.startswith(contacts.split("/")[0]) and not fields["Company"].many
    assert "daily" in fields["Label"].note


def test_a_base_that_may_only_be_read_is_described_so(
    control: Control, connect: Callable[..., AirtableAdapter]
) -> None:
    reader = connect(READ_ONLY_TOKEN)
    table = reader.collections()[0].id
    assert all(field.read_only for field in reader.describe(table).fields)
    assert reader.places() == []
    (record, *_) = read(reader, table)[0]
    with pytest.raises(errors.AccessDenied):
        push(reader, table, Change("update", {reader.describe(table).title: "x"}, id=record.id))


# --- reading ----------------------------------------------------------------------------------------------------------


def test_empty_cells_are_told_as_empty(
    airtable: AirtableAdapter, control: Control, contacts: str, ids: dict[str, str]
) -> None:
    made = control.create_row("Contacts", Name="Bare")["id"]
    (record,) = airtable.fetch(contacts, [made])
    assert (record.values[ids["Email"]], record.values[ids["Newsletter"]], record.values[ids["Tags"]]) == (
        None,
        False,
        None,
    )
    assert set(record.values) == set(ids.values())


def test_renaming_changes_nothing(
    airtable: AirtableAdapter, connect: Any, control: Control, contacts: str, ids: dict[str, str]
) -> None:
    before, cursor, _ = read(airtable, contacts, fields=[ids["Email"]])
    control.rename_field("Contacts", "Email", "E-mail (work)")
    again, _, _ = read(connect(), contacts, fields=[ids["Email"]])
    assert [record.values for record in again] == [record.values for record in before]


def test_a_field_removed_meanwhile_is_never_read_as_empty(
    airtable: AirtableAdapter, control: Control, contacts: str, ids: dict[str, str]
) -> None:
    records, cursor, _ = read(airtable, contacts, fields=[ids["Name"], ids["Email"]])
    control.remove_field("Contacts", "Email")
    for ask in (
        lambda: read(airtable, contacts, fields=[ids["Name"], ids["Email"]]),
        lambda: read(airtable, contacts, cursor, fields=[ids["Name"], ids["Email"]]),
    ):
        with pytest.raises(errors.SchemaChanged) as caught:
            ask()
        assert caught.value.fields == (ids["Email"],)
    (result,) = push(airtable, contacts, Change("update", {ids["Name"]: "x"}, id=records[0].id))
    assert result.record and ids["Email"] not in result.record.values
    control.remove_field("Contacts", "Phone")
    (found,) = airtable.fetch(contacts, [records[0].id])  # whoever reads by id asked for no field in particular
    assert found.values[ids["Name"]] == "x" and ids["Phone"] not in found.values


def test_an_expired_offset_begins_the_listing_again(airtable: AirtableAdapter, control: Control) -> None:
    control.reset()
    control.seed("crm", contacts=230, companies=1, deals=0, tasks=0)
    table = next(one.id for one in airtable.collections() if one.name == "Contacts")
    seen: set[str] = set()
    pages = airtable.read(table, None)
    seen |= {record.id for record in next(pages).records}
    control.post("iterators/expire")
    rest = list(pages)
    assert rest[-1].whole and len({record.id for page in rest for record in page.records}) == 230
    # the same in a later run, from the cursor of a page
    first = next(airtable.read(table, None))
    control.advance(3600)
    found, cursor, whole = read(airtable, table, first.cursor)
    assert whole and len({record.id for record in found}) == 230 and cursor


def test_an_offset_that_dies_all_the_time_is_no_endless_listing(airtable: AirtableAdapter, control: Control) -> None:
    control.reset()
    control.seed("crm", contacts=120, companies=1, deals=0, tasks=0)
    table = next(one.id for one in airtable.collections() if one.name == "Contacts")
    gone = {"error": {"type": "LIST_RECORDS_ITERATOR_NOT_AVAILABLE"}}
    control.fail(fault="status", status=422, path="/listRecords$", body="offset", times=None, extra={"body": gone})
    with pytest.raises(errors.Unavailable):
        read(airtable, table)


def test_a_table_without_a_time_field_is_read_incrementally(airtable: AirtableAdapter, control: Control) -> None:
    deals = next(one.id for one in airtable.collections() if one.name == "Deals")
    records, cursor, whole = read(airtable, deals)
    assert whole and not any(record.edited_at for record in records)
    control.edit_row(records[1].id, Amount=77)
    changed, cursor, whole = read(airtable, deals, cursor)
    assert [record.id for record in changed] == [records[1].id] and not whole
    control.advance(60)
    assert read(airtable, deals, cursor)[0] == changed  # still within the margin when that listing began
    _, cursor, _ = read(airtable, deals, cursor)
    control.advance(60)
    assert read(airtable, deals, cursor)[0] == []


def test_times_are_rounded_and_nothing_falls_between_two_readings(
    airtable: AirtableAdapter, control: Control, contacts: str, ids: dict[str, str]
) -> None:
    (record, *_), cursor, _ = read(airtable, contacts)
    control.freeze("2027-01-01T10:00:00.700+00:00")
    for number, step in enumerate([0, 0.1, 0.3, 0.45, 0.2, 9.9, 11, 0.6] * 2):
        control.advance(step)
        control.edit_row(record.id, Name=f"Edit {number}")
        changed, cursor, _ = read(airtable, contacts, cursor)
        assert f"Edit {number}" in [one.values[ids["Name"]] for one in changed]


def test_a_computed_change_is_found_by_the_whole_listing_only(airtable: AirtableAdapter, control: Control) -> None:
    companies = next(one.id for one in airtable.collections() if one.name == "Companies")
    count = next(field.id for field in airtable.describe(companies).fields if field.name == "Contact count")
    before, _, _ = read(airtable, companies)
    control.advance(60)
    _, cursor, _ = read(airtable, companies)
    control.trash_row(control.rows("Contacts")[0]["id"])
    assert read(airtable, companies, cursor)[0] == []
    after, _, _ = read(airtable, companies)
    assert sum(one.values[count] for one in before) == sum(one.values[count] for one in after) + 1


def test_deletion_is_concluded_from_a_readable_table_only(
    airtable: AirtableAdapter, control: Control, contacts: str
) -> None:
    (one, two, *_) = read(airtable, contacts)[0]
    control.trash_row(one.id)
    assert [(r.id, r.deleted) for r in airtable.fetch(contacts, [one.id, two.id])] == [(one.id, True), (two.id, False)]
    control.fail(fault="status", status=403, path="/listRecords$")
    with pytest.raises(errors.AccessDenied):  # the table is there, so this is about permissions
        airtable.fetch(contacts, [one.id])
    control.unshare_table("Contacts")
    with pytest.raises(errors.NotFound):
        airtable.fetch(contacts, [one.id])


def test_a_quiet_run_costs_three_requests(
    airtable: AirtableAdapter, connect: Any, control: Control, contacts: str
) -> None:
    _, cursor, _ = read(airtable, contacts)
    control.clear_log()
    fresh = connect()
    fresh.describe(contacts)
    read(fresh, contacts, cursor)
    assert control.log()["total"] == 3


# --- writing ----------------------------------------------------------------------------------------------------------


def creates(ids: dict[str, str], count: int, **more: Any) -> list[Change]:
    return [
        Change("create", {ids["Name"]: f"New {number}", **more}, marker=MARKER.format(number))
        for number in range(count)
    ]


def test_writes_go_ten_at_a_time(
    airtable: AirtableAdapter, control: Control, contacts: str, ids: dict[str, str]
) -> None:
    airtable.prepare(contacts)
    control.clear_log()
    made = push(airtable, contacts, *creates(ids, 23))
    assert [result.record.values[ids["Name"]] for result in made if result.record] == [f"New {n}" for n in range(23)]
    assert writes(control) == 3
    gone = push(airtable, contacts, *(Change("delete", id=result.record.id) for result in made if result.record))
    assert all(result.record and result.record.deleted for result in gone) and writes(control) == 6


def test_a_bad_record_is_told_apart_and_the_others_arrive(
    airtable: AirtableAdapter, control: Control, contacts: str, ids: dict[str, str]
) -> None:
    changes = creates(ids, 10)
    changes[4] = Change("create", {ids["Name"]: "Bad", ids["Stage"]: "Nowhere"}, marker=MARKER.format(4))
    changes[7] = Change("create", {ids["Name"]: "Bad", ids["Score"]: "many"}, marker=MARKER.format(7))
    results = push(airtable, contacts, *changes)
    assert [result.change for result in results] == changes
    assert {n: result.error.field for n, result in enumerate(results) if isinstance(result.error, errors.InvalidRecord)} == {
        4: ids["Stage"], 7: ids["Score"]
    }  # fmt: skip
    titles = [row["title"] for row in control.rows("Contacts")]
    assert sorted(t for t in titles if t.startswith(("New", "Bad"))) == [
        f"New {n}" for n in range(10) if n not in (4, 7)
    ]


def test_a_lost_answer_is_unknown_for_every_record_of_the_request(
    airtable: AirtableAdapter, control: Control, contacts: str, ids: dict[str, str]
) -> None:
    airtable.prepare(contacts)
    control.fail(fault="drop_after", method="PATCH")
    changes = creates(ids, 12)
    results = push(airtable, contacts, *changes)
    assert [isinstance(result.error, errors.OutcomeUnknown) for result in results] == [True] * 10 + [False] * 2
    found = airtable.find(contacts, [str(change.marker) for change in changes])
    assert len(found) == 12
    again = push(airtable, contacts, *changes)
    assert {result.record.id for result in again if result.record} == {record.id for record in found}


def test_options_are_made_only_where_that_was_asked_for(
    airtable: AirtableAdapter, control: Control, contacts: str, ids: dict[str, str]
) -> None:
    (record, *_) = read(airtable, contacts)[0]
    (refused,) = push(airtable, contacts, Change("update", {ids["Stage"]: "Nuovo"}, id=record.id))
    assert isinstance(refused.error, errors.InvalidRecord)
    allowed = frozenset({ids["Stage"]})
    (made,) = push(airtable, contacts, Change("update", {ids["Stage"]: "Nuovo"}, id=record.id, new_options=allowed))
    assert made.record and made.record.values[ids["Stage"]] == "Nuovo"
    stage = airtable.describe(contacts).field(ids["Stage"])
    assert stage and "Nuovo" in stage.options


def test_a_copy_that_a_person_made_of_ours_stops_only_its_own_record(
    airtable: AirtableAdapter, control: Control, contacts: str, ids: dict[str, str]
) -> None:
    airtable.prepare(contacts)
    first, second = creates(ids, 2)
    original, _ = push(airtable, contacts, first, second)
    control.advance(5)
    control.create_row("Contacts", Name="New 0 copy", **{translate.MARKER: str(first.marker)})
    results = push(airtable, contacts, first, second)
    assert isinstance(results[0].error, errors.InvalidRecord) and results[1].record
    ours, copy = airtable.find(contacts, [str(first.marker)])
    assert original.record and ours.id == original.record.id != copy.id


def test_a_field_that_was_just_made_is_waited_for(
    airtable: AirtableAdapter, control: Control, contacts: str, ids: dict[str, str]
) -> None:
    control.post("field_lag", seconds=30)
    with pytest.raises(errors.Unavailable):
        push(airtable, contacts, *creates(ids, 1))
    control.advance(60)
    (made,) = push(airtable, contacts, *creates(ids, 1))
    assert made.record and made.record.made_by_us


def test_a_person_may_add_the_marker_where_the_connection_may_not(
    control: Control,
    connect: Callable[..., AirtableAdapter],
    airtable: AirtableAdapter,
    contacts: str,
    ids: dict[str, str],
) -> None:
    control.post("tokens/add", token="patEditor", level="edit")
    editor = connect("patEditor")
    with pytest.raises(errors.AccessDenied, match="by hand"):
        push(editor, contacts, *creates(ids, 1))
    control.add_field("Contacts", translate.MARKER, "number")
    with pytest.raises(errors.AccessDenied):
        push(airtable, contacts, *creates(ids, 1))
    control.remove_field("Contacts", translate.MARKER)
    control.add_field("Contacts", translate.MARKER, "singleLineText")
    (made,) = push(editor, contacts, *creates(ids, 1))
    assert made.record and made.record.made_by_us


def test_link_to_a_record_that_is_gone_names_the_field(
    airtable: AirtableAdapter, control: Control, contacts: str, ids: dict[str, str]
) -> None:
    (record, *_) = read(airtable, contacts)[0]
    company = control.rows("Companies")[0]["id"]
    control.trash_row(company)
    change = Change("update", {ids["Company"]: [company], ids["Name"]: "x"}, id=record.id)
    (result,) = push(airtable, contacts, change)
    assert isinstance(result.error, errors.InvalidRecord) and result.error.field == ids["Company"]


def test_a_link_moves_both_ends(
    airtable: AirtableAdapter, control: Control, contacts: str, ids: dict[str, str]
) -> None:
    companies = next(one.id for one in airtable.collections() if one.name == "Companies")
    _, cursor, _ = read(airtable, companies)
    (record, *_) = read(airtable, contacts)[0]
    company = next(row["id"] for row in control.rows("Companies") if [row["id"]] != record.values[ids["Company"]])
    push(airtable, contacts, Change("update", {ids["Company"]: [company]}, id=record.id))
    assert company in {one.id for one in read(airtable, companies, cursor)[0]}


def test_a_field_that_changed_its_type_is_a_changed_schema(
    airtable: AirtableAdapter, control: Control, contacts: str, ids: dict[str, str]
) -> None:
    (record, *_) = read(airtable, contacts)[0]
    control.change_field_type("Contacts", "Score", "singleLineText")
    with pytest.raises(errors.SchemaChanged) as caught:
        push(airtable, contacts, Change("update", {ids["Score"]: "12"}, id=record.id))
    assert caught.value.fields == (ids["Score"],)


def test_fields_and_tables_are_made_on_request(airtable: AirtableAdapter, control: Control, contacts: str) -> None:
    new = [NewField("City", Type.TEXT), NewField("Kind", Type.SELECT, ("A", "B")), NewField("Budget", Type.MONEY)]
    for _ in range(2):
        fields = {field.name: field for field in airtable.create_fields(contacts, new).fields}
    assert fields["Kind"].options == ("A", "B")
    (base,) = airtable.places()
    spec = [NewField("Title", Type.TEXT), NewField("Who", Type.RELATION, target=contacts), NewField("Due", Type.DATE)]
    made = airtable.create_collection(base.id, "Visits", spec[:2])
    again = airtable.create_collection(base.id, "Visits", spec)
    assert made.collection == again.collection and [field.name for field in again.fields] == ["Title", "Who", "Due"]
    assert made.fields[1].target == contacts and again.title == made.fields[0].id


# --- limits and errors ------------------------------------------------------------------------------------------------


def test_429_pauses_for_thirty_seconds(airtable: AirtableAdapter, control: Control, contacts: str) -> None:
    control.fail(fault="status", status=429, path="/listRecords$")
    with pytest.raises(errors.RateLimited) as caught:
        read(airtable, contacts)
    assert caught.value.retry_after == 30


def test_the_base_refuses_everything_after_too_many_requests(
    airtable: AirtableAdapter, control: Control, contacts: str
) -> None:
    control.limit(60)  # one a second and base
    with pytest.raises(errors.RateLimited):
        for _ in range(50):
            read(airtable, contacts)
    control.limit(None)
    assert read(airtable, contacts)[0]


def test_used_up_months_concern_a_person(airtable: AirtableAdapter, control: Control, contacts: str) -> None:
    body = {"error": {"type": "PUBLIC_API_BILLING_LIMIT_EXCEEDED"}}
    control.fail(fault="status", status=429, path="/listRecords$", extra={"body": body})
    with pytest.raises(errors.AccessDenied):
        read(airtable, contacts)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("INVALID_PERMISSIONS_OR_MODEL_NOT_FOUND", failures.Hidden),
        ("INVALID_PERMISSIONS", failures.NotPermitted),
        ("UNAUTHORIZED", errors.AuthenticationFailed),
        ("AUTHENTICATION_REQUIRED", errors.AuthenticationFailed),
        ("MODEL_ID_NOT_FOUND", errors.NotFound),
        ("NOT_FOUND", errors.NotFound),
        ("RATE_LIMIT_REACHED", errors.RateLimited),
        ("PUBLIC_API_BILLING_LIMIT_EXCEEDED", errors.AccessDenied),
        ("LIST_RECORDS_ITERATOR_NOT_AVAILABLE", failures.Refused),
        ("INVALID_VALUE_FOR_COLUMN", failures.Refused),
    ],
)
def test_error_bodies_of_all_shapes_are_understood(kind: str, expected: type[Exception]) -> None:
    found = [each for each in EXAMPLES["errors"] if f'"{kind}"' in str(each["body"]).replace("'", '"')]
    assert found
    for each in found:
        assert type(failures.read_error(httpx.Response(each["status"], json=each["body"]))) is expected


def test_the_sdk_repeats_nothing(airtable: AirtableAdapter, control: Control, contacts: str) -> None:
    control.clear_log()
    control.fail(fault="drop_before", path="/listRecords$", times=None)
    with pytest.raises(errors.Unavailable):
        read(airtable, contacts)
    assert control.log()["by_status"]["0"] == 1


def test_clock_of_the_cursor_is_airtables(airtable: AirtableAdapter, control: Control, contacts: str) -> None:
    control.freeze("2030-05-01T12:00:30+00:00")
    _, cursor, _ = read(airtable, contacts)
    assert cursor == '{"since":"2030-05-01T12:00:20.000Z"}'
    assert dt.datetime.now(dt.UTC).year < 2030
