"""The Notion adapter as the engine uses it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from integrations.adapters import errors
from integrations.adapters.base import Change, Collection, NewField, Record
from integrations.adapters.notion import NotionAdapter
from integrations.adapters.values import Type
from integrations.sandbox.client import Control


def table(notion: NotionAdapter, control: Control, name: str = "Contacts", **sizes: int) -> str:
    control.seed("crm", **({"contacts": 8, "companies": 4, "deals": 4, "tasks": 4} | sizes))
    return next(each.id for each in notion.collections() if each.name == name)


def ids(notion: NotionAdapter, collection: str) -> dict[str, str]:
    """{field name: id}"""
    return {field.name: field.id for field in notion.describe(collection).fields}


def read(
    notion: NotionAdapter, collection: str, cursor: str | None = None, **more: Any
) -> tuple[list[Record], str, bool]:
    pages = list(notion.read(collection, cursor, **more))
    assert pages[-1].cursor is not None
    return [record for page in pages for record in page.records], pages[-1].cursor, pages[-1].whole


def push(notion: NotionAdapter, collection: str, change: Change) -> Record:
    [result] = notion.push(collection, [change])
    if result.error:
        raise result.error
    assert result.record is not None
    return result.record


# --- account and schema -----------------------------------------------------------------------------------------------


def test_check_names_the_workspace(notion: NotionAdapter) -> None:
    assert notion.check().name == "Acme Studio"


def test_a_revoked_key_is_told_apart(notion: NotionAdapter, control: Control) -> None:
    control.revoke_token("ntn_sandbox_demo")
    with pytest.raises(errors.AuthenticationFailed):
        notion.check()
    with pytest.raises(errors.AuthenticationFailed):
        notion.collections()


def test_collections_say_where_they_live(notion: NotionAdapter, control: Control) -> None:
    control.seed("crm", contacts=1, companies=1, deals=1, tasks=1)
    found = {each.name: each for each in notion.collections()}
    assert set(found) >= {"Contacts", "Companies", "Deals", "Tasks"}
    assert found["Contacts"].path == ("Acme Studio home",)


def test_a_pasted_link_of_a_database_leads_to_its_table(notion: NotionAdapter, control: Control) -> None:
    made = control.seed("crm", contacts=1, companies=1, deals=1, tasks=1)["Contacts"]
    database = made["database_id"].replace("-", "")
    found: Collection = notion.resolve(f"https://www.notion.so/acme/Contacts-{database}?v={'0' * 32}")
    assert found.id == made["data_source_id"]
    assert notion.resolve(made["data_source_id"]).id == made["data_source_id"]
    for nonsense in ("hello", "0" * 32):
        with pytest.raises(errors.NotFound):
            notion.resolve(nonsense)


def test_every_field_is_described(notion: NotionAdapter, control: Control) -> None:
    fields = {field.name: field for field in notion.describe(table(notion, control)).fields}
    assert fields["Score"].type is Type.DECIMAL
    assert fields["Stage"].creates_options
    assert "Customer" in fields["Stage"].options
    assert fields["Company"].target
    assert fields["Birthday (end)"].id == fields["Birthday"].id + ":end"
    assert {name for name, field in fields.items() if field.read_only} == {
        "Full label", "ID", "Last edited time", "Created time"
    }  # fmt: skip


def test_a_trashed_or_unshared_table_is_not_found(notion: NotionAdapter, control: Control) -> None:
    contacts = table(notion, control)
    records, cursor, _ = read(notion, contacts)
    control.trash_table("Contacts")
    fresh_ids = [records[0].id]
    with pytest.raises(errors.NotFound):
        notion.describe(contacts)
    with pytest.raises(errors.NotFound):
        notion.fetch(contacts, ["0" * 32])
    control.restore_table("Contacts")
    control.unshare_table("Contacts")
    for call in (notion.describe, lambda c: read(notion, c), lambda c: notion.fetch(c, fresh_ids)):
        with pytest.raises(errors.NotFound):
            call(contacts)
    with pytest.raises(errors.NotFound):
        read(notion, contacts, cursor)


# --- reading ----------------------------------------------------------------------------------------------------------


def test_a_full_listing_is_whole_and_a_quiet_one_costs_one_request(notion: NotionAdapter, control: Control) -> None:
    contacts = table(notion, control, contacts=230)
    records, cursor, whole = read(notion, contacts)
    assert (len({record.id for record in records}), whole) == (230, True)
    before = notion.transport.stats.requests
    assert read(notion, contacts, cursor) == ([], cursor, False)
    assert notion.transport.stats.requests == before + 1


def test_what_a_person_changes_is_read_once(notion: NotionAdapter, control: Control) -> None:
    contacts = table(notion, control)
    records, cursor, _ = read(notion, contacts)
    control.edit_row(records[3].id, Score=77)
    made = control.create_row("Contacts", Name="New here")
    changed, cursor, whole = read(notion, contacts, cursor)
    assert {record.id for record in changed} == {records[3].id, made["id"]}
    assert not whole
    score = ids(notion, contacts)["Score"]
    assert {record.values[score] for record in changed} == {"77", None}


def test_only_wanted_fields_are_asked_for(notion: NotionAdapter, control: Control) -> None:
    contacts = table(notion, control)
    names = ids(notion, contacts)
    records, _, _ = read(notion, contacts, fields=["title", names["Birthday"] + ":end"])
    assert set(records[0].values) == {"title", names["Birthday"], names["Birthday"] + ":end"}
    assert set(records[0].raw["properties"]) == {"Name", "Birthday"}


def test_a_wanted_field_that_was_removed_is_a_changed_schema(
    notion: NotionAdapter, connect: Callable[..., NotionAdapter], control: Control
) -> None:
    contacts = table(notion, control)
    score = ids(notion, contacts)["Score"]
    _, cursor, _ = read(notion, contacts)
    control.remove_field("Contacts", "Score")
    control.create_row("Contacts", Name="New here")
    for start in (None, cursor):
        with pytest.raises(errors.SchemaChanged) as caught:
            read(connect(), contacts, start, fields=["title", score])
        assert caught.value.fields == (score,)


def test_a_renamed_field_keeps_its_id(notion: NotionAdapter, control: Control) -> None:
    contacts = table(notion, control)
    score = ids(notion, contacts)["Score"]
    records, cursor, _ = read(notion, contacts)
    control.rename_field("Contacts", "Score", "Points")
    control.edit_row(records[0].id, Points=5)
    assert read(notion, contacts, cursor)[0][0].values[score] == "5"
    assert push(notion, contacts, Change("update", {score: "6"}, id=records[0].id)).values[score] == "6"


def test_thirty_relations_are_read_whole(notion: NotionAdapter, control: Control) -> None:
    contacts = table(notion, control, companies=30)
    companies = next(each.id for each in notion.collections() if each.name == "Companies")
    firms = [record.id for record in read(notion, companies)[0]]
    company = ids(notion, contacts)["Company"]
    made = push(notion, contacts, Change("create", {"title": "Busy", company: firms}, marker="m-30"))
    assert made.values[company] == sorted(firms)
    found = {record.id: record for record in read(notion, contacts)[0]}
    assert found[made.id].values[company] == sorted(firms)


def test_10500_rows_are_read_behind_the_ceiling(notion: NotionAdapter, control: Control) -> None:
    bulk = control.seed("bulk", records=10_500, per_minute=400)["Bulk contacts"]["data_source_id"]
    notion.transport.client.event_hooks = {"response": []}  # a hundred pages of the same kind: no need to judge each
    records, _, whole = read(notion, bulk)
    assert (len({record.id for record in records}), whole) == (10_500, True)


def test_two_edits_in_one_minute_are_both_read(notion: NotionAdapter, control: Control) -> None:
    contacts = table(notion, control)
    records, cursor, _ = read(notion, contacts)
    for row in records[:2]:
        control.edit_row(row.id, Name="Changed")
        changed, cursor, _ = read(notion, contacts, cursor)
        assert row.id in {record.id for record in changed}


def test_rows_edited_while_we_page_are_read_in_the_end(notion: NotionAdapter, control: Control) -> None:
    contacts = table(notion, control, contacts=350)
    everybody, _, _ = read(notion, contacts)
    seen: dict[str, str] = {}
    cursor = None
    for number, page in enumerate(notion.read(contacts, None)):
        seen.update({record.id: record.values["title"] for record in page.records})
        cursor = page.cursor or cursor
        for row in (everybody[number * 3], everybody[-1 - number * 3]):
            control.edit_row(row.id, Name=f"Edited {number}")
    seen.update({record.id: record.values["title"] for record in read(notion, contacts, cursor)[0]})
    assert seen == {row["id"]: row["title"] for row in control.rows("Contacts", limit=350)}


def test_fetch_tells_trashed_from_gone_and_leaves_out_what_moved(notion: NotionAdapter, control: Control) -> None:
    contacts = table(notion, control)
    one, two, three, *_ = [record.id for record in read(notion, contacts)[0]]
    deals = next(each.id for each in notion.collections() if each.name == "Deals")
    elsewhere = read(notion, deals)[0][0].id
    control.trash_row(one)
    control.delete_row(two)
    found = {record.id: record.deleted for record in notion.fetch(contacts, [one, two, three, elsewhere])}
    assert found == {one: True, three: False}


def test_people_are_called_by_address_or_else_by_id(connect: Callable[..., NotionAdapter], control: Control) -> None:
    with_email = connect()
    tasks = table(with_email, control, "Tasks")
    who = ids(with_email, tasks)["Assignee"]
    seen = {record.values[who][0] for record in read(with_email, tasks)[0]}
    assert all(name.endswith("@acme.example") for name in seen)
    control.post("tokens/add", token="ntn_blind", capabilities=["read", "update", "insert"])
    blind = connect("ntn_blind")
    record = read(blind, tasks)[0][0]
    assert record.values[who][0].startswith("notion:")
    assert (
        push(blind, tasks, Change("update", {who: record.values[who]}, id=record.id)).values[who] == record.values[who]
    )


# --- writing ----------------------------------------------------------------------------------------------------------

WRITTEN: dict[str, Any] = {
    "Name": "Ada Łovelace 🙂",
    "Email": "Ada@Example.com",
    "Phone": "+33 1 23",
    "Stage": "Customer",
    "Owner": ["ada@acme.example"],
    "Score": "12.5",
    "Birthday": "1815-12-10",
    "Last met": "2026-09-15T09:30:00Z",
    "Newsletter": True,
    "Website": "https://example.com/?a=1",
    "Tags": ["Brand new", "VIP"],
    "Notes": "First line\nsecond line",
}


def test_every_writable_type_comes_back_as_written(notion: NotionAdapter, control: Control) -> None:
    contacts = table(notion, control)
    names = ids(notion, contacts)
    written = {names[name]: value for name, value in WRITTEN.items()}
    made = push(notion, contacts, Change("create", written, marker="m-1"))
    assert {field: made.values[field] for field in written} == written
    assert (made.marker, made.made_by_us) == ("m-1", True)
    [again] = notion.fetch(contacts, [made.id])
    assert again.values == made.values
    emptied = {field: None for name, field in names.items() if name in WRITTEN and name != "Newsletter"}
    cleared = push(notion, contacts, Change("update", emptied, id=made.id))
    assert all(cleared.values[field] is None for field in emptied)


@pytest.mark.parametrize("text", ["x" * 2001, "x" * 1999 + "🙂" * 50, "é" * 150_000], ids=["2001", "emoji", "long"])
def test_long_text_comes_back_as_written(notion: NotionAdapter, control: Control, text: str) -> None:
    contacts = table(notion, control)
    notes = ids(notion, contacts)["Notes"]
    made = push(notion, contacts, Change("create", {"title": "Long", notes: text}, marker="m"))
    assert made.values[notes] == text


def test_a_range_keeps_the_end_that_was_not_written(notion: NotionAdapter, control: Control) -> None:
    contacts = table(notion, control)
    day = ids(notion, contacts)["Birthday"]
    made = push(notion, contacts, Change("create", {day: "2026-09-15", day + ":end": "2026-09-17"}, marker="m"))
    for current in (made, None):
        moved = push(notion, contacts, Change("update", {day: "2026-09-16"}, id=made.id, current=current))
        assert (moved.values[day], moved.values[day + ":end"]) == ("2026-09-16", "2026-09-17")


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("Owner", ["nobody@acme.example"], "not a member of this Notion workspace"),
        ("Full label", "x", "read-only"),
        ("Stage", "a, b", "comma"),
        ("Company", ["00000000-0000-4000-8000-000000000000"], ""),
    ],
)
def test_a_value_that_does_not_fit_is_refused_with_its_field(
    notion: NotionAdapter, control: Control, name: str, value: Any, reason: str
) -> None:
    contacts = table(notion, control)
    field = ids(notion, contacts)[name]
    row = read(notion, contacts)[0][0]
    with pytest.raises(errors.InvalidRecord) as caught:
        push(notion, contacts, Change("update", {field: value}, id=row.id))
    assert caught.value.field == field
    assert reason in caught.value.reason


def test_an_unknown_status_is_refused_and_an_unknown_option_is_made(notion: NotionAdapter, control: Control) -> None:
    deals = table(notion, control, "Deals")
    stage = ids(notion, deals)["Stage"]
    row = read(notion, deals)[0][0]
    with pytest.raises(errors.InvalidRecord) as caught:
        push(notion, deals, Change("update", {stage: "Imagined"}, id=row.id))
    assert caught.value.field == stage
    contacts = next(each.id for each in notion.collections() if each.name == "Contacts")
    stage = ids(notion, contacts)["Stage"]
    assert push(notion, contacts, Change("create", {stage: "Imagined"}, marker="m")).values[stage] == "Imagined"
    assert "Imagined" in notion.describe(contacts).field(stage).options  # type: ignore[union-attr]


@pytest.mark.parametrize("how", ["removed", "retyped"])
def test_a_write_to_a_changed_field_names_it(notion: NotionAdapter, control: Control, how: str) -> None:
    contacts = table(notion, control)
    score = ids(notion, contacts)["Score"]
    row = read(notion, contacts)[0][0]
    if how == "removed":
        control.remove_field("Contacts", "Score")
    else:
        control.change_field_type("Contacts", "Score", "rich_text")
    with pytest.raises(errors.SchemaChanged) as caught:
        push(notion, contacts, Change("update", {score: "1"}, id=row.id))
    assert caught.value.fields == (score,)


def test_deleting_is_trashing_and_can_be_undone_and_repeated(notion: NotionAdapter, control: Control) -> None:
    contacts = table(notion, control)
    row = read(notion, contacts)[0][0]
    for action, gone in (("delete", True), ("delete", True), ("restore", False), ("restore", False)):
        assert push(notion, contacts, Change(action, id=row.id)).deleted is gone  # type: ignore[arg-type]


def test_what_is_brought_back_gets_its_values_too(notion: NotionAdapter, control: Control) -> None:
    contacts = table(notion, control)
    row = read(notion, contacts)[0][0]
    push(notion, contacts, Change("delete", id=row.id))
    back = push(notion, contacts, Change("restore", {"title": "Edited meanwhile"}, id=row.id))
    assert not back.deleted and back.values["title"] == "Edited meanwhile"
    assert notion.fetch(contacts, [row.id])[0].values["title"] == "Edited meanwhile"


def test_a_write_to_a_trashed_or_deleted_row_makes_the_engine_look_again(
    notion: NotionAdapter, control: Control
) -> None:
    contacts = table(notion, control)
    one, two, *_ = read(notion, contacts)[0]
    control.trash_row(one.id)
    control.delete_row(two.id)
    with pytest.raises(errors.VersionMismatch):
        push(notion, contacts, Change("update", {"title": "x"}, id=one.id))
    with pytest.raises(errors.NotFound):
        push(notion, contacts, Change("update", {"title": "x"}, id=two.id))


def test_a_missing_capability_is_denied_access(connect: Callable[..., NotionAdapter], control: Control) -> None:
    control.post("tokens/add", token="ntn_reader", capabilities=["read"])
    reader = connect("ntn_reader")
    contacts = table(reader, control)
    row = read(reader, contacts)[0][0]
    with pytest.raises(errors.AccessDenied):
        push(reader, contacts, Change("update", {"title": "x"}, id=row.id))


def test_the_marker_property_is_made_once_and_hidden(notion: NotionAdapter, control: Control) -> None:
    contacts = table(notion, control)
    before = ids(notion, contacts)
    notion.prepare(contacts)
    notion.prepare(contacts)
    assert ids(notion, contacts) == before


def test_fields_are_created_by_type(notion: NotionAdapter, control: Control) -> None:
    contacts = table(notion, control)
    wanted = [kind for kind in Type if kind not in (Type.RELATION, Type.JSON)]
    new = [NewField(f"New {kind}", kind, options=("A", "B")) for kind in wanted]
    for _ in range(2):
        schema = notion.create_fields(contacts, [*new, NewField("New firm", Type.RELATION, target=contacts)])
    made = {field.name: field for field in schema.fields if field.name.startswith("New ")}
    assert made["New select"].options == ("A", "B")
    assert made["New firm"].target == contacts
    same = {Type.DECIMAL, Type.BOOLEAN, Type.DATETIME, Type.EMAIL, Type.URL, Type.PHONE, Type.FILE, Type.PERSON}
    assert all(made[f"New {kind}"].type is kind for kind in same)


# --- trouble ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", ["rate_limited", "status", "drop_before", "truncated", "html", "html_ok"])
def test_trouble_while_reading_is_sat_out(notion: NotionAdapter, control: Control, fault: str) -> None:
    contacts = table(notion, control, contacts=120)
    control.fail(fault=fault, path="/query$", times=2)
    records, _, whole = read(notion, contacts)
    assert (len({record.id for record in records}), whole) == (120, True)


def test_a_read_that_hangs_is_asked_again(connect: Callable[..., NotionAdapter], control: Control) -> None:
    notion = connect(timeout=0.5)
    contacts = table(notion, control)
    control.fail(fault="timeout_before", path="/query$", seconds=2)
    assert len(read(notion, contacts)[0]) == 8


@pytest.mark.parametrize("fault", ["drop_after", "truncated", "status_after"])
def test_a_create_whose_answer_is_lost_is_found_by_its_marker(
    notion: NotionAdapter, control: Control, fault: str
) -> None:
    contacts = table(notion, control)
    notion.prepare(contacts)
    control.fail(fault=fault, method="POST", path="/v1/pages$")
    with pytest.raises(errors.OutcomeUnknown):
        push(notion, contacts, Change("create", {"title": "Once"}, marker="intent-7"))
    [found] = notion.find(contacts, ["intent-7", "INTENT-7", "intent"])
    assert (found.values["title"], found.made_by_us) == ("Once", True)


def test_a_create_that_never_arrived_is_not_found(notion: NotionAdapter, control: Control) -> None:
    contacts = table(notion, control)
    notion.prepare(contacts)
    control.fail(fault="drop_before", method="POST", path="/v1/pages$")
    with pytest.raises(errors.OutcomeUnknown):
        push(notion, contacts, Change("create", {"title": "Once"}, marker="intent-8"))
    assert notion.find(contacts, ["intent-8"]) == []


def test_an_update_whose_answer_is_lost_has_happened(notion: NotionAdapter, control: Control) -> None:
    contacts = table(notion, control)
    row = read(notion, contacts)[0][0]
    control.fail(fault="drop_after", method="PATCH", path="/v1/pages/")
    with pytest.raises(errors.OutcomeUnknown):
        push(notion, contacts, Change("update", {"title": "Twice"}, id=row.id))
    assert notion.fetch(contacts, [row.id])[0].values["title"] == "Twice"


@pytest.mark.parametrize("action", ["create", "update"])
def test_saved_without_an_answer_is_read_instead_of_repeated(
    notion: NotionAdapter, control: Control, action: Any
) -> None:
    contacts = table(notion, control)
    notion.prepare(contacts)
    row = read(notion, contacts)[0][0]
    control.fail(fault="saved", path="/v1/pages")
    change = Change(action, {"title": "Saved"}, id=row.id if action == "update" else None, marker="m-9")
    assert push(notion, contacts, change).values["title"] == "Saved"
    assert len(read(notion, contacts)[0]) == (9 if action == "create" else 8)


def test_a_conflict_makes_the_engine_look_again(notion: NotionAdapter, control: Control) -> None:
    contacts = table(notion, control)
    row = read(notion, contacts)[0][0]
    control.fail(fault="status", status=409, method="PATCH", path="/v1/pages/")
    with pytest.raises(errors.VersionMismatch):
        push(notion, contacts, Change("update", {"title": "x"}, id=row.id))


def test_bad_records_do_not_hold_up_the_others(notion: NotionAdapter, control: Control) -> None:
    contacts = table(notion, control)
    names = ids(notion, contacts)
    changes = [
        Change("create", {"title": "One"}, marker="1"),
        Change("create", {"title": "Two", names["Score"]: "many"}, marker="2"),
        Change("create", {"title": "Three"}, marker="3"),
    ]
    results = list(notion.push(contacts, changes))
    assert [result.error is None for result in results] == [True, False, True]
