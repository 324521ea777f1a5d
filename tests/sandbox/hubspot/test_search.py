"""Search: filters, the ceiling, the lag."""

from __future__ import annotations

import pytest

PATH = "/crm/v3/objects/contacts/search"


def ask(http, *filters, status=200, **more):
    body = {"filterGroups": [{"filters": list(filters)}] if filters else [], "sorts": [], "properties": ["email"]}
    answer = http.post(PATH, json=body | {"limit": 100, "after": "0"} | more)
    assert answer.status_code == status, answer.text
    return answer.json()


def where(name, operator, value=None, **more):
    return {"propertyName": name, "operator": operator} | ({"value": value} if value is not None else {}) | more


@pytest.fixture
def ada(http):
    values = {
        "firstname": "Ada",
        "email": "ada@search.example",
        "hubspotscore": None,
        "jobtitle": "Director of Engines",
    }
    sent = {name: value for name, value in values.items() if value}
    return http.post("/crm/v3/objects/contacts", json={"properties": sent, "associations": []}).json()["id"]


@pytest.mark.parametrize(
    "condition",
    [
        where("firstname", "EQ", "ADA"),
        where("email", "IN", values=["ada@search.example"]),
        where("jobtitle", "CONTAINS_TOKEN", "engines"),
        where("email", "BETWEEN", "ada@s", highValue="ada@z"),
    ],
)
def test_filters(http, ada, condition):
    assert [row["id"] for row in ask(http, condition)["results"]] == [ada]


def test_values_of_in_have_to_be_in_lower_case(http, ada):
    assert not ask(http, where("email", "IN", values=["Ada@search.example"]))["results"]


def test_has_property_takes_no_value(http, ada):
    assert ada in [row["id"] for row in ask(http, where("jobtitle", "HAS_PROPERTY"))["results"]]
    assert ada not in [row["id"] for row in ask(http, where("jobtitle", "NOT_HAS_PROPERTY"))["results"]]
    ask(http, where("jobtitle", "HAS_PROPERTY", "x"), status=400)


def test_times_are_compared_and_sorted(http, ada):
    rows = ask(http, where("lastmodifieddate", "GTE", "1000000000000"), sorts=["lastmodifieddate"])["results"]
    times = [row["updatedAt"] for row in rows]
    assert times == sorted(times) and len(rows) == 7
    down = ask(http, sorts=[{"propertyName": "lastmodifieddate", "direction": "DESCENDING"}])["results"]
    assert down[0]["id"] == ada


def test_search_ends_at_its_ceiling(http, control):
    control.post("search_ceiling", results=4)
    assert ask(http, limit=2, after="2")["paging"]["next"]["after"] == "4"
    ask(http, limit=2, after="4", status=400)
    ask(http, limit=201, status=400)


def test_archived_records_are_left_out(http, ada):
    http.delete(f"/crm/v3/objects/contacts/{ada}")
    assert ada not in [row["id"] for row in ask(http)["results"]]


def test_index_is_behind(http, control):
    control.freeze("2026-11-01T10:00:00Z")
    control.post("search_lag", seconds=60)
    made = http.post("/crm/v3/objects/contacts", json={"properties": {"firstname": "New"}, "associations": []}).json()[
        "id"
    ]
    assert made not in [row["id"] for row in ask(http)["results"]]
    control.advance(61)
    assert made in [row["id"] for row in ask(http)["results"]]
    http.patch(f"/crm/v3/objects/contacts/{made}", json={"properties": {"email": "later@new.example"}})
    told = {row["id"]: row["properties"]["email"] for row in ask(http)["results"]}
    assert told[made] is None
    http.delete(f"/crm/v3/objects/contacts/{made}")
    assert made in [row["id"] for row in ask(http)["results"]], "also of what is archived it learns late"
    control.advance(61)
    assert made not in [row["id"] for row in ask(http)["results"]]
