"""Contacts, deals, tasks and custom objects: what the contract's suite, which works with companies, does not see."""

from __future__ import annotations

import pytest

from integrations.adapters import errors
from integrations.adapters.base import Change, NewField, Record
from integrations.adapters.hubspot.objects import FULL_NAME, MARKER
from integrations.adapters.values import Type
from integrations.sandbox.hubspot.base import NORD, OTHER_TOKEN, READ_ONLY_TOKEN

COMPANY, COMPANIES, CONTACTS = "to:companies:primary", "to:companies", "to:contacts"
MARKERS = [f"01a1fe78-4335-73c7-b017-94{number:010d}" for number in range(250)]


def records(hubspot, collection, cursor=None, **more) -> list[Record]:
    return [record for page in hubspot.read(collection, cursor, **more) for record in page.records]


def push(hubspot, collection, *changes):
    return list(hubspot.push(collection, changes))


def pushed(hubspot, collection, change) -> Record:
    (result,) = push(hubspot, collection, change)
    if result.error:
        raise result.error
    return result.record


def now(hubspot, collection, ident) -> Record:
    return hubspot.fetch(collection, [ident])[0]


# --- what there is ----------------------------------------------------------------------------------------------------


def test_account_is_the_portal(connect):
    account = connect(OTHER_TOKEN).check()
    assert (account.id, account.name) == (str(NORD), f"HubSpot {NORD}")


def test_types_without_scopes_are_left_out_and_stop_nobody(connect, control):
    control.unshare_table("Deals")
    control.post(
        "tokens/add", token="pat-no-custom", scopes=["crm.objects.contacts.read", "crm.objects.companies.read"]
    )
    assert [c.name for c in connect().collections()] == ["Contacts", "Companies", "Tasks", "Projects"]
    assert [c.id for c in connect("pat-no-custom").collections()] == ["contacts", "companies", "tasks"]
    assert "to:deals" not in [field.id for field in connect().describe("contacts").fields]


def test_properties_are_described(hubspot):
    fields = {field.id: field for field in hubspot.describe("contacts").fields}
    types = {
        name: fields[name].type for name in ("email", "phone", "website", "message", "hs_persona", "hs_newsletter")
    }
    assert list(types.values()) == [Type.EMAIL, Type.PHONE, Type.URL, Type.LONG_TEXT, Type.MULTI_SELECT, Type.BOOLEAN]
    assert fields["hubspot_owner_id"].type is Type.PERSON and fields["lastmodifieddate"].read_only
    assert fields["lifecyclestage"].options[:2] == ("Subscriber", "Lead")
    assert (fields[COMPANY].many, fields[COMPANIES].many, fields[COMPANIES].target) == (False, True, "companies")
    assert hubspot.describe("contacts").title == FULL_NAME and hubspot.describe("2-1001").title == "project_name"


def test_stages_of_several_pipelines_are_told_apart_and_sent_with_theirs(hubspot, control):
    stage = hubspot.describe("deals").field("dealstage")
    assert "Proposal" in stage.options and {"Won (Sales pipeline)", "Won (Renewals)"} <= set(stage.options)
    deal = records(hubspot, "deals")[0]
    pushed(hubspot, "deals", Change("update", {"dealstage": "Won (Renewals)"}, id=deal.id))
    row = control.row(deal.id)["values"]
    assert (row["Pipeline"], row["Deal stage"]) == ("Renewals", "Won")
    assert now(hubspot, "deals", deal.id).values["pipeline"] == "Renewals"


def test_renamed_stage_is_the_same_stage(hubspot, connect, control):
    deal = records(hubspot, "deals")[0]
    pushed(hubspot, "deals", Change("update", {"dealstage": "Proposal"}, id=deal.id))
    control.post("pipelines/rename", stage="presentationscheduled", label="Offer")
    assert now(connect(), "deals", deal.id).values["dealstage"] == "Offer"


# --- values -----------------------------------------------------------------------------------------------------------


def test_full_name_is_first_and_last_name(hubspot, control):
    contact = pushed(hubspot, "contacts", Change("create", {FULL_NAME: "Ada King Lovelace"}, marker=MARKERS[0]))
    values = control.row(contact.id)["values"]
    assert (values["First name"], values["Last name"]) == ("Ada", "King Lovelace")
    control.edit_row(contact.id, **{"First name": "Ada King", "Last name": "Lovelace"})
    current = now(hubspot, "contacts", contact.id)
    pushed(hubspot, "contacts", Change("update", {FULL_NAME: "Ada King Noel"}, id=contact.id, current=current))
    values = control.row(contact.id)["values"]
    assert (values["First name"], values["Last name"]) == ("Ada King", "Noel"), "what stayed the same is kept whole"


def test_contact_without_a_name_goes_by_its_address(hubspot, control):
    ident = control.create_row("Contacts", Email="nobody@nowhere.example")["id"]
    current = now(hubspot, "contacts", ident)
    assert current.values[FULL_NAME] == "nobody@nowhere.example"
    same = Change("update", {FULL_NAME: "nobody@nowhere.example"}, id=ident, current=current)
    pushed(hubspot, "contacts", same)
    assert control.row(ident)["values"]["First name"] is None


def test_cleared_and_never_set_are_both_empty(hubspot, control):
    contact = records(hubspot, "contacts")[0]
    pushed(hubspot, "contacts", Change("update", {"phone": None, "hs_persona": None}, id=contact.id))
    values = now(hubspot, "contacts", contact.id).values
    assert (values["phone"], values["hs_persona"], values["city"]) == (None, None, None)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("hs_persona", ["Newsletter", "Trade fair"]),
        ("hs_newsletter", False),
        ("lifecyclestage", "Opportunity"),
        ("date_of_birth", "1815-12-10"),
        ("hubspot_owner_id", "grace@acme.example"),
        ("email", "ada@somewhere.example"),
    ],
)
def test_values_of_contacts_read_back(hubspot, field, value):
    contact = records(hubspot, "contacts")[0]
    written = pushed(hubspot, "contacts", Change("update", {field: value}, id=contact.id))
    assert written.values[field] == now(hubspot, "contacts", contact.id).values[field] == value


def test_day_in_a_field_for_times_is_its_noon_so_that_it_is_the_same_day_everywhere(hubspot):
    deal = records(hubspot, "deals")[0]
    written = pushed(hubspot, "deals", Change("update", {"closedate": "2026-12-24"}, id=deal.id))
    field = hubspot.describe("deals").field("closedate")
    assert written.values["closedate"] == hubspot.reads_back(field, "2026-12-24") == "2026-12-24T12:00:00Z"


def test_unknown_owner_and_unknown_option_are_refused_by_name(hubspot):
    contact = records(hubspot, "contacts")[0]
    for field, value in (
        ("hubspot_owner_id", "who@else.example"),
        ("lifecyclestage", "Boss"),
        ("hs_persona", ["News"]),
    ):
        (result,) = push(hubspot, "contacts", Change("update", {field: value}, id=contact.id))
        assert isinstance(result.error, errors.InvalidRecord) and result.error.field == field


def test_option_is_made_where_that_is_allowed(hubspot, connect):
    contact = records(hubspot, "contacts")[0]
    change = Change("update", {"hs_persona": ["Skiing", "VIP"]}, id=contact.id, new_options=frozenset({"hs_persona"}))
    assert pushed(hubspot, "contacts", change).values["hs_persona"] == ["Skiing", "VIP"]
    assert connect().describe("contacts").field("hs_persona").options == ("Trade fair", "Newsletter", "VIP", "Skiing")


def test_former_owners_are_named_and_cannot_be_set(hubspot, connect, control):
    contact = records(hubspot, "contacts")[0]
    pushed(hubspot, "contacts", Change("update", {"hubspot_owner_id": "grace@acme.example"}, id=contact.id))
    control.post("owners/archive", email="grace@acme.example")
    later = connect()
    assert now(later, "contacts", contact.id).values["hubspot_owner_id"] == "grace@acme.example"
    (result,) = push(later, "contacts", Change("update", {"hubspot_owner_id": "grace@acme.example"}, id=contact.id))
    assert isinstance(result.error, errors.InvalidRecord)


def test_owners_without_their_scope_go_by_id(connect, control):
    control.post(
        "tokens/add", token="pat-no-owners", scopes=["crm.objects.contacts.read", "crm.objects.contacts.write"]
    )
    adapter = connect("pat-no-owners")
    contact = records(adapter, "contacts")[0]
    owner = contact.values["hubspot_owner_id"]
    assert owner.startswith("hubspot:")
    assert pushed(adapter, "contacts", Change("update", {"hubspot_owner_id": owner}, id=contact.id)).id == contact.id


def test_many_properties_do_not_make_a_long_address(hubspot, connect, control):
    for number in range(120):
        control.add_field("Contacts", f"A property with quite a long name for a field {number}", "string")
    adapter = connect()
    assert len(records(adapter, "contacts")) == 6
    assert all("email" in record.values for record in records(adapter, "contacts"))


# --- associations -----------------------------------------------------------------------------------------------------


def test_associations_are_read_as_relations(hubspot, control):
    deal = records(hubspot, "deals")[0]
    there = control.row(deal.id)["values"]
    assert deal.values[CONTACTS] == sorted(there["Contacts"]) and deal.values[COMPANIES] == there["Companies"]
    assert deal.values[COMPANY] == there["Companies"]
    task = records(hubspot, "tasks")[0]
    assert task.values["to:deals"] == control.row(task.id)["values"]["Deals"]


def test_new_record_comes_with_its_associations(hubspot, control):
    one, two = [record.id for record in records(hubspot, "companies")[:2]]
    people = [record.id for record in records(hubspot, "contacts")[:2]]
    values = {"dealname": "New", "dealstage": "Proposal", COMPANY: [one], COMPANIES: [one, two], CONTACTS: people}
    control.clear_log()
    deal = pushed(hubspot, "deals", Change("create", values, marker=MARKERS[0]))
    assert [deal.values[name] for name in (COMPANY, COMPANIES, CONTACTS)] == [[one], sorted([one, two]), sorted(people)]
    assert "POST /crm/v4/associations/deals/companies/batch/create" not in control.log()["by_route"], "in one request"


def test_associations_are_set_and_let_go(hubspot):
    contact = records(hubspot, "contacts")[0]
    one, two, three = [record.id for record in records(hubspot, "companies")[:3]]
    for wanted in ([one, two], [two, three], []):
        written = pushed(hubspot, "contacts", Change("update", {COMPANIES: wanted}, id=contact.id))
        assert (written.values[COMPANIES] or []) == sorted(wanted)


def test_another_primary_company_leaves_the_first_associated(hubspot):
    contact = records(hubspot, "contacts")[0]
    (first,) = contact.values[COMPANY]
    other = next(r.id for r in records(hubspot, "companies") if r.id != first)
    moved = pushed(hubspot, "contacts", Change("update", {COMPANY: [other]}, id=contact.id))
    assert (moved.values[COMPANY], moved.values[COMPANIES]) == ([other], sorted([first, other]))
    cleared = pushed(hubspot, "contacts", Change("update", {COMPANY: None}, id=contact.id))
    assert cleared.values[COMPANIES] == [first]


def test_several_companies_without_a_primary_one_are_not_guessed_at(hubspot, control):
    contact = control.create_row("Contacts", **{"First name": "Two"})["id"]
    for company in records(hubspot, "companies")[:2]:
        control.post("associate", **{"from": contact, "to": company.id})
    record = now(hubspot, "contacts", contact)
    assert COMPANY in record.unfit and len(record.values[COMPANIES]) == 2


def test_custom_objects_are_associated_by_hubspots_default(hubspot, control):
    people = [record.id for record in records(hubspot, "contacts")[:2]]
    made = pushed(hubspot, "2-1001", Change("create", {"project_name": "Bridge", CONTACTS: people}, marker=MARKERS[0]))
    assert made.values[CONTACTS] == sorted(people) == sorted(control.row(made.id)["values"]["Contacts"])
    moved = pushed(hubspot, "2-1001", Change("update", {CONTACTS: people[:1]}, id=made.id))
    assert moved.values[CONTACTS] == people[:1]


def test_association_with_what_is_gone_is_refused(hubspot, control):
    gone = records(hubspot, "companies")[0].id
    control.trash_row(gone)
    contact = records(hubspot, "contacts")[-1]
    change = Change("update", {COMPANIES: [gone], "phone": "+1"}, id=contact.id)
    create = Change("create", {FULL_NAME: "X", COMPANIES: [gone]}, marker=MARKERS[0])
    for one in (change, create):
        (result,) = push(hubspot, "contacts", one)
        assert isinstance(result.error, errors.InvalidRecord)


# --- batches ----------------------------------------------------------------------------------------------------------


def test_one_bad_record_of_a_batch_stops_no_other(hubspot, control):
    taken = records(hubspot, "contacts")[0].values["email"]
    changes = [
        Change("create", {FULL_NAME: f"New {n}", "email": f"n{n}@new.example"}, marker=MARKERS[n]) for n in range(5)
    ]
    changes[2] = Change("create", {FULL_NAME: "Twice", "email": taken.upper()}, marker=MARKERS[2])
    control.clear_log()
    results = push(hubspot, "contacts", *changes)
    assert [type(result.error) for result in results] == [type(None)] * 2 + [errors.InvalidRecord] + [type(None)] * 2
    assert results[2].error.field == "email" and [r.record.marker for r in results if r.record] == [
        MARKERS[n] for n in (0, 1, 3, 4)
    ]
    assert control.log()["by_route"]["POST /crm/v3/objects/contacts/batch/create"] == 1


def test_two_hundred_and_fifty_go_in_three_requests(hubspot, control):
    changes = [Change("create", {FULL_NAME: f"New {n}"}, marker=MARKERS[n]) for n in range(250)]
    hubspot.prepare("contacts")
    control.clear_log()
    results = push(hubspot, "contacts", *changes)
    assert [result.record.values[FULL_NAME] for result in results] == [f"New {n}" for n in range(250)]
    assert control.log()["by_route"]["POST /crm/v3/objects/contacts/batch/create"] == 3


def test_record_that_comes_twice_goes_in_two_batches(hubspot):
    contact = records(hubspot, "contacts")[0]
    changes = [Change("update", {"phone": phone}, id=contact.id) for phone in ("+1", "+2")]
    assert [result.record.values["phone"] for result in push(hubspot, "contacts", *changes)] == ["+1", "+2"]


def test_updates_of_what_is_gone_are_told_apart(hubspot, control):
    one, two, three = records(hubspot, "contacts")[:3]
    control.trash_row(two.id)
    changes = [Change("update", {"phone": "+9"}, id=record.id) for record in (one, two, three)]
    results = push(hubspot, "contacts", *changes)
    assert [type(result.error) for result in results] == [type(None), errors.NotFound, type(None)]


# --- creates happen once ----------------------------------------------------------------------------------------------


def test_create_that_comes_late_sets_nothing_back(hubspot, connect, control):
    create = Change("create", {FULL_NAME: "Ada", "phone": "+1"}, marker=MARKERS[0])
    made = pushed(hubspot, "contacts", create)
    control.edit_row(made.id, **{"Phone number": "+2"})
    again = pushed(connect(), "contacts", create)
    assert (again.id, again.values["phone"]) == (made.id, "+2")


def test_marker_is_found_while_the_search_index_is_behind(hubspot, control):
    control.post("search_lag", seconds=3600)
    made = pushed(hubspot, "deals", Change("create", {"dealname": "New"}, marker=MARKERS[0]))
    assert [record.id for record in hubspot.find("deals", MARKERS[:2])] == [made.id]


def test_marker_that_somebody_made_without_uniqueness_is_refused(hubspot, control):
    control.add_field("Contacts", MARKER, "string")
    with pytest.raises(errors.SchemaChanged):
        hubspot.prepare("contacts")


def test_without_the_scope_for_properties_nothing_is_created(connect, control):
    adapter = connect(READ_ONLY_TOKEN)
    with pytest.raises(errors.AccessDenied):
        push(adapter, "contacts", Change("create", {FULL_NAME: "X"}, marker=MARKERS[0]))
    assert len(control.rows("Contacts")) == 6


def test_custom_objects_are_made_and_found(hubspot):
    made = pushed(hubspot, "2-1001", Change("create", {"project_name": "Bridge", "state": "Done"}, marker=MARKERS[0]))
    assert (made.values["project_name"], made.values["state"], made.marker) == ("Bridge", "Done", MARKERS[0])
    assert [record.id for record in hubspot.find("2-1001", [MARKERS[0]])] == [made.id]


def test_task_needs_its_due_date_and_says_so(hubspot):
    (result,) = push(hubspot, "tasks", Change("create", {"hs_task_subject": "Call"}, marker=MARKERS[0]))
    assert isinstance(result.error, errors.InvalidRecord) and "hs_timestamp" in result.error.reason
    due = {"hs_task_subject": "Call", "hs_timestamp": "2026-12-01T09:00:00Z", "hs_task_status": "Completed"}
    assert pushed(hubspot, "tasks", Change("create", due, marker=MARKERS[0])).values["hs_task_status"] == "Completed"


def test_fields_are_created_once(hubspot):
    wanted = [
        NewField("Favourite colour", Type.SELECT, ("Red", "Blue")),
        NewField("Été 2026", Type.BOOLEAN),
        NewField("Second mail", Type.EMAIL),
    ]
    for _ in range(2):
        schema = hubspot.create_fields("contacts", wanted)
    made = {field.name: field for field in schema.fields if field.name in ("Favourite colour", "Été 2026")}
    assert made["Favourite colour"].options == ("Red", "Blue") and made["Été 2026"].id == "ete_2026"
    assert made["Été 2026"].type is Type.BOOLEAN and schema.field("second_mail").type is Type.EMAIL
