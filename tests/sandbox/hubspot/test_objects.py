"""Records as HubSpot's reference and recorded answers have them."""

from __future__ import annotations

import pytest

HOME = "/crm/v3/objects/contacts"


def create(http, status=201, kind="contacts", **properties):
    answer = http.post(f"/crm/v3/objects/{kind}", json={"properties": properties, "associations": []})
    assert answer.status_code == status, answer.text
    return answer.json()


def batch(http, what, *inputs, kind="contacts", **more):
    return http.post(f"/crm/v3/objects/{kind}/batch/{what}", json={"inputs": list(inputs), **more})


def test_listing_goes_by_id_and_pages(http, control):
    control.seed("bulk", contacts=150)
    first = http.get(HOME, params={"limit": 100}).json()
    rest = http.get(HOME, params={"limit": 100, "after": first["paging"]["next"]["after"]}).json()
    ids = [int(row["id"]) for row in first["results"] + rest["results"]]
    assert ids == sorted(ids) and len(set(ids)) == 156 and "paging" not in rest
    assert http.get(HOME, params={"limit": 101}).status_code == 400


def test_ids_do_not_grow_with_time(http):
    ids = [int(create(http, email=f"n{n}@new.example")["id"]) for n in range(6)]
    assert ids != sorted(ids)


def test_values_are_text_null_or_cleared(http):
    made = create(http, firstname="Ada", email="Ada@Example.COM")
    http.patch(f"{HOME}/{made['id']}", json={"properties": {"firstname": ""}})
    params = {"properties": "firstname,lastname,email,no_such_thing"}
    told = http.get(f"{HOME}/{made['id']}", params=params).json()["properties"]
    assert (told["firstname"], told["lastname"], told["email"]) == ("", None, "ada@example.com")
    assert "no_such_thing" not in told


@pytest.mark.parametrize(
    ("kind", "name", "sent", "kept"),
    [
        ("companies", "annualrevenue", "5000.00", "5000.00"),
        ("companies", "annualrevenue", 12.5, "12.5"),
        ("companies", "founded_on", "2026-02-01", "2026-02-01"),
        ("companies", "founded_on", 1769904000000, "2026-02-01"),
        ("deals", "closedate", "2026-02-03T09:11:12.345Z", "2026-02-03T09:11:12.345Z"),
        ("deals", "closedate", "2026-12-31T01:00:00+01:00", "2026-12-31T00:00:00Z"),
        ("contacts", "hs_persona", "fair;vip", "fair;vip"),
        ("contacts", "hs_newsletter", True, "true"),
    ],
)
def test_values_that_are_kept(http, kind, name, sent, kept):
    ident = http.get(f"/crm/v3/objects/{kind}").json()["results"][0]["id"]
    answer = http.patch(f"/crm/v3/objects/{kind}/{ident}", json={"properties": {name: sent}})
    assert answer.json()["properties"][name] == kept


@pytest.mark.parametrize(
    ("kind", "name", "value", "code"),
    [
        ("contacts", "foo", "1", "PROPERTY_DOESNT_EXIST"),
        ("contacts", "email", "nonsense", "INVALID_EMAIL"),
        ("contacts", "hs_persona", "Trade fair", "INVALID_OPTION"),
        ("contacts", "createdate", "2026-01-01", "READ_ONLY_VALUE"),
        ("companies", "annualrevenue", "many", "INVALID_LONG"),
        ("companies", "founded_on", "2026-02-01T10:00:00Z", "INVALID_DATE"),
        ("deals", "closedate", "soon", "INVALID_DATE"),
        ("deals", "dealstage", "148309307", "INVALID_OPTION"),
    ],
)
def test_values_that_are_refused(http, kind, name, value, code):
    ident = http.get(f"/crm/v3/objects/{kind}").json()["results"][0]["id"]
    answer = http.patch(f"/crm/v3/objects/{kind}/{ident}", json={"properties": {name: value}})
    body = answer.json()
    assert (answer.status_code, body["errors"][0]["code"]) == (400, code)
    assert body["message"].startswith("Property values were not valid: [{") and body["errors"][0]["context"]


def test_checkbox_adds_with_a_leading_semicolon(http):
    made = create(http, firstname="Ada", hs_persona="fair")
    answer = http.patch(f"{HOME}/{made['id']}", json={"properties": {"hs_persona": ";vip"}})
    assert answer.json()["properties"]["hs_persona"] == "fair;vip"


def test_equal_values_move_no_time(http):
    made = create(http, firstname="Ada")
    same = http.patch(f"{HOME}/{made['id']}", json={"properties": {"firstname": "Ada"}}).json()
    moved = http.patch(f"{HOME}/{made['id']}", json={"properties": {"firstname": "Grace"}}).json()
    assert same["updatedAt"] == made["updatedAt"] < moved["updatedAt"]


def test_email_is_unique_with_its_case_and_further_ones(http):
    made = create(http, email="ada@example.com")
    refused = create(http, 409, email="ADA@example.com")
    assert refused["message"] == f"Contact already exists. Existing ID: {made['id']}"


def test_archived_records_have_a_list_of_their_own(http):
    made = create(http, firstname="Ada")
    assert http.delete(f"{HOME}/{made['id']}").status_code == 204
    assert http.get(f"{HOME}/{made['id']}").status_code == 404
    (row,) = http.get(HOME, params={"archived": "true"}).json()["results"]
    assert row["id"] == made["id"] and row["archived"] and row["archivedAt"]
    assert http.get(f"{HOME}/{made['id']}", params={"archived": "true"}).status_code == 200


def test_batch_read_tells_what_is_missing(http):
    one, two = [create(http, email=f"{name}@new.example")["id"] for name in ("a", "b")]
    answer = batch(
        http, "read", {"id": one}, {"id": "404"}, {"id": two}, properties=["email"], propertiesWithHistory=[]
    )
    body = answer.json()
    assert answer.status_code == 207 and body["numErrors"] == 1
    assert body["errors"][0]["category"] == "OBJECT_NOT_FOUND" and body["errors"][0]["context"]["ids"] == ["404"]
    assert {row["id"] for row in body["results"]} == {one, two}
    answer = batch(http, "read", {"id": "B@new.example"}, properties=[], propertiesWithHistory=[], idProperty="email")
    assert answer.json()["results"][0]["id"] == two
    assert batch(http, "read", *[{"id": str(n)} for n in range(101)], properties=[]).status_code == 400


def test_create_batch_is_all_or_nothing_without_trace_ids(http):
    good, bad = (
        {"properties": {"firstname": "A"}, "associations": []},
        {"properties": {"email": "x"}, "associations": []},
    )
    before = len(http.get(HOME, params={"limit": 100}).json()["results"])
    assert batch(http, "create", good, bad).status_code == 400
    assert len(http.get(HOME, params={"limit": 100}).json()["results"]) == before
    answer = batch(http, "create", good | {"objectWriteTraceId": "one"}, bad | {"objectWriteTraceId": "two"})
    body = answer.json()
    assert answer.status_code == 207 and body["results"][0]["objectWriteTraceId"] == "one"
    assert body["errors"][0]["context"]["objectWriteTraceId"] == ["two"]


def test_update_batch_tells_unknown_ids_and_refuses_one_twice(http):
    made = create(http, firstname="Ada")
    answer = batch(http, "update", {"id": made["id"], "properties": {"phone": "1"}}, {"id": "1", "properties": {}})
    assert answer.status_code == 207 and answer.json()["errors"][0]["category"] == "OBJECT_NOT_FOUND"
    twice = [{"id": made["id"], "properties": {"phone": str(n)}} for n in range(2)]
    assert batch(http, "update", *twice).status_code == 400


def test_upsert_goes_by_a_unique_property_only(http):
    body = {"name": "ext_id", "label": "Ext", "type": "string", "fieldType": "text", "groupName": "contactinformation"}
    assert http.post("/crm/v3/properties/contacts", json=body | {"hasUniqueValue": True}).status_code == 201
    one = {"id": "x1", "idProperty": "ext_id", "properties": {"firstname": "Ada"}}
    results = [batch(http, "upsert", one).json()["results"][0] for _ in range(2)]
    assert [row["new"] for row in results] == [True, False] and results[0]["id"] == results[1]["id"]
    refused = batch(http, "upsert", {"id": "x", "idProperty": "domain", "properties": {}}, kind="companies")
    assert "non-unique 0-2 property domain" in refused.json()["message"]


def test_property_exists_also_when_it_is_archived(http):
    body = {"name": "mine", "label": "Mine", "type": "string", "fieldType": "text", "groupName": "contactinformation"}
    assert http.post("/crm/v3/properties/contacts", json=body).status_code == 201
    assert http.post("/crm/v3/properties/contacts", json=body).status_code == 409
    http.delete("/crm/v3/properties/contacts/mine")
    assert http.post("/crm/v3/properties/contacts", json=body).status_code == 409
    unknown = body | {"name": "other", "groupName": "nowhere"}
    assert http.post("/crm/v3/properties/contacts", json=unknown).status_code == 400


def test_what_describes_the_account(http):
    for path in (
        "/crm/v3/properties/deals",
        "/crm/v3/pipelines/deals",
        "/crm/v3/owners",
        "/crm-object-schemas/v3/schemas",
    ):
        assert http.get(path).json()["results"]
    assert http.get("/account-info/v3/details").json()["portalId"] == 62515
    assert http.get("/crm/v3/objects/0-1").json() == http.get("/crm/v3/objects/Contact").json()


def test_state_outlives_the_process(tmp_path, control):
    from integrations.sandbox.server import SandboxServer

    with SandboxServer(["hubspot"], data=tmp_path) as first:
        first.control.seed("crm", contacts=3, companies=1, deals=1, tasks=0)
        made = first.control.create_row("Contacts", **{"First name": "Kept", "Companies": ["Atelier Fontaine"]})
    with SandboxServer(["hubspot"], data=tmp_path) as again:
        row = again.control.row(made["id"])
        assert (row["title"], row["values"]["Companies"]) == ("Kept", made["values"]["Companies"])
        assert again.control.create_row("Contacts", **{"First name": "Next"})["id"] != made["id"]


def test_hand_edit_pages_show_every_table(server, control):
    import httpx

    with httpx.Client(base_url=server.url("hubspot")) as browser:
        assert "Contacts" in browser.get("/").text
        for table in control.tables():
            assert browser.get(f"/tables/{table['id']}").status_code == 200
        contact = control.rows("Contacts")[0]
        assert contact["title"] in browser.get(f"/rows/{contact['id']}").text
