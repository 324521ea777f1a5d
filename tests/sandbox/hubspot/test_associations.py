from __future__ import annotations

import pytest


@pytest.fixture
def people(http):
    return [row["id"] for row in http.get("/crm/v3/objects/contacts").json()["results"]]


@pytest.fixture
def firms(http):
    return [row["id"] for row in http.get("/crm/v3/objects/companies").json()["results"]]


def of(http, contact):
    rows = http.get(f"/crm/v4/objects/contacts/{contact}/associations/companies").json()["results"]
    return {row["toObjectId"]: {one["typeId"] for one in row["associationTypes"]} for row in rows}


def test_both_directions_are_set_by_one_call(http, people, firms):
    path = f"/crm/v4/objects/contacts/{people[0]}/associations/default/companies/{firms[-1]}"
    assert http.put(path).status_code == 200
    body = {"inputs": [{"id": firms[-1]}]}
    (row,) = http.post("/crm/v4/associations/companies/contacts/batch/read", json=body).json()["results"]
    back = {one["toObjectId"]: one["associationTypes"] for one in row["to"]}
    assert [one["typeId"] for one in back[people[0]]] == [280]


def test_a_new_primary_company_takes_it_from_the_old(http, control):
    contact = control.create_row(
        "Contacts", **{"First name": "A", "Companies": [c["id"] for c in control.rows("Companies")[:2]]}
    )
    one, two = of(http, contact["id"])
    assert of(http, contact["id"]) == {one: {1, 279}, two: {279}}
    types = [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 1}]
    http.put(f"/crm/v4/objects/contacts/{contact['id']}/associations/companies/{two}", json=types)
    assert of(http, contact["id"]) == {one: {279}, two: {1, 279}}


def test_record_without_associations_is_an_error_of_the_batch(http, control):
    alone = control.create_row("Contacts", **{"First name": "Alone"})["id"]
    answer = http.post("/crm/v4/associations/contacts/companies/batch/read", json={"inputs": [{"id": alone}]})
    assert (answer.status_code, answer.json()["results"], answer.json()["numErrors"]) == (207, [], 1)


def test_batches_set_and_let_go(http, people, firms):
    types = [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 279}]
    ends = {"from": {"id": people[0]}, "to": {"id": firms[-1]}}
    answer = http.post(
        "/crm/v4/associations/contacts/companies/batch/create", json={"inputs": [ends | {"types": types}]}
    )
    assert answer.status_code == 201 and firms[-1] in of(http, people[0])
    gone = {"inputs": [{"from": {"id": people[0]}, "to": [{"id": firms[-1]}]}]}
    assert http.post("/crm/v4/associations/contacts/companies/batch/archive", json=gone).status_code == 204
    assert firms[-1] not in of(http, people[0])


def test_listing_names_the_primary_company_twice(http, people):
    rows = http.get("/crm/v3/objects/contacts", params={"associations": "companies"}).json()["results"]
    results = rows[0]["associations"]["companies"]["results"]
    assert [one["type"] for one in results] == ["contact_to_company", "contact_to_company_unlabeled"]


def test_associations_move_no_time(http, people, firms):
    before = http.get(f"/crm/v3/objects/contacts/{people[0]}").json()["updatedAt"]
    http.put(f"/crm/v4/objects/contacts/{people[0]}/associations/default/companies/{firms[-1]}")
    assert http.get(f"/crm/v3/objects/contacts/{people[0]}").json()["updatedAt"] == before
