from __future__ import annotations

import pytest
from notion_client import APIResponseError
from notion_client.helpers import collect_paginated_api

from tests.sandbox.conftest import connect, parent, plain, title

BY_CREATED = [{"timestamp": "created_time", "direction": "ascending"}]
BY_EDITED = [{"timestamp": "last_edited_time", "direction": "ascending"}]


def test_bot_knows_its_name_and_workspace(notion):
    me = notion.users.me()
    assert (me["name"], me["type"], me["bot"]["workspace_name"]) == ("Raccord demo", "bot", "Acme Studio")


def test_users_come_in_pages(notion):
    people = collect_paginated_api(notion.users.list, page_size=2)
    emails = {person["person"]["email"] for person in people if person["type"] == "person"}
    assert {"ada@acme.example", "grace@acme.example"} <= emails
    assert notion.users.retrieve(people[0]["id"])["name"] == people[0]["name"]


def test_unknown_user_is_not_found(notion):
    with pytest.raises(APIResponseError) as caught:
        notion.users.retrieve("00000000-0000-4000-8000-000000000000")
    assert caught.value.status == 404


def test_search_lists_data_sources_of_the_own_workspace(notion, sandbox, crm):
    only_tables = {"property": "object", "value": "data_source"}
    found = notion.search(filter=only_tables)["results"]
    assert {each["title"][0]["plain_text"] for each in found} == {"Contacts", "Companies", "Deals", "Tasks"}
    assert connect(sandbox, "ntn_sandbox_other").search(filter=only_tables)["results"] == []


def test_search_refuses_the_old_database_filter(notion, crm):
    with pytest.raises(APIResponseError) as caught:
        notion.search(filter={"property": "object", "value": "database"})
    assert caught.value.code == "validation_error"


def test_search_pages_through_everything(notion, crm):
    found = collect_paginated_api(notion.search, page_size=7)
    assert len({each["id"] for each in found}) == len(found) == 4 + 60 + 1


def test_search_may_lag(notion, control, crm):
    control.post("search_lag", seconds=60)
    page = notion.pages.create(parent=parent(crm["Tasks"]), properties={"Task": title("Fresh")})
    assert notion.search(query="Fresh")["results"] == []
    control.advance(61)
    assert [each["id"] for each in notion.search(query="fresh")["results"]] == [page["id"]]


def test_trashed_pages_are_found_by_search_in_trash(notion, control, crm):
    page = notion.pages.create(parent=parent(crm["Tasks"]), properties={"Task": title("Old")})
    notion.pages.update(page["id"], in_trash=True)
    found = notion.request(path="search", method="POST", body={"filter": {"in_trash": True}})
    assert [each["id"] for each in found["results"]] == [page["id"]]


def test_database_names_its_data_sources(notion, control, crm):
    table = control.table("Contacts")
    database = notion.databases.retrieve(table["container"])
    assert database["data_sources"] == [{"id": crm["Contacts"], "name": "Contacts"}]


def test_schema_describes_every_property_type(notion, crm):
    properties = notion.data_sources.retrieve(crm["Contacts"])["properties"]
    assert properties["Name"]["id"] == "title"
    assert [option["name"] for option in properties["Stage"]["select"]["options"]][:2] == ["Lead", "Qualified"]
    assert properties["Company"]["relation"]["dual_property"]["synced_property_name"] == "Contacts"
    companies = notion.data_sources.retrieve(crm["Companies"])["properties"]
    assert companies["Contact count"]["rollup"]["relation_property_name"] == "Contacts"
    stages = notion.data_sources.retrieve(crm["Deals"])["properties"]["Stage"]["status"]
    assert {group["name"] for group in stages["groups"]} == {"To-do", "In progress", "Complete"}


def test_every_seeded_page_reads_as_described(notion, crm):
    for source in crm.values():
        pages = collect_paginated_api(notion.data_sources.query, data_source_id=source)
        assert pages
        assert notion.pages.retrieve(pages[0]["id"])["properties"] == pages[0]["properties"]


def test_query_pages_by_cursor_without_gaps(notion, crm):
    for sorts in (None, BY_CREATED, BY_EDITED, [{"property": "Name", "direction": "descending"}]):
        options = {"sorts": sorts} if sorts else {}
        rows = collect_paginated_api(notion.data_sources.query, data_source_id=crm["Contacts"], page_size=7, **options)
        assert len({row["id"] for row in rows}) == len(rows) == 30


def test_sort_by_created_time_goes_both_ways(notion, crm):
    up = notion.data_sources.query(crm["Contacts"], sorts=BY_CREATED)["results"]
    down = notion.data_sources.query(crm["Contacts"], sorts=[{"timestamp": "created_time", "direction": "descending"}])[
        "results"
    ]
    assert [row["created_time"] for row in up] == sorted(row["created_time"] for row in up)
    assert [row["id"] for row in down] == [row["id"] for row in up][::-1]


def test_a_cursor_belongs_to_its_query(notion, crm):
    cursor = notion.data_sources.query(crm["Contacts"], page_size=5)["next_cursor"]
    with pytest.raises(APIResponseError, match="The start_cursor provided is invalid"):
        notion.data_sources.query(crm["Contacts"], start_cursor=cursor, sorts=BY_CREATED)


def test_a_cursor_survives_writes_in_between(notion, crm):
    first = notion.data_sources.query(crm["Contacts"], page_size=10, sorts=BY_CREATED)
    notion.pages.update(first["results"][9]["id"], in_trash=True)
    notion.pages.create(parent=parent(crm["Contacts"]), properties={"Name": title("Late")})
    rest = notion.data_sources.query(
        crm["Contacts"], page_size=100, sorts=BY_CREATED, start_cursor=first["next_cursor"]
    )
    seen = [row["id"] for row in first["results"] + rest["results"]]
    assert len(set(seen)) == len(seen) == 31
    assert plain(rest["results"][-1], "Name") == "Late"


def test_page_size_is_at_most_a_hundred(notion, crm):
    with pytest.raises(APIResponseError, match="body.page_size should be ≤ `100`, instead was `101`"):
        notion.data_sources.query(crm["Contacts"], page_size=101)


def test_filter_properties_trims_the_payload(notion, crm):
    email = notion.data_sources.retrieve(crm["Contacts"])["properties"]["Email"]["id"]
    row = notion.data_sources.query(crm["Contacts"], page_size=1, filter_properties=[email, "title"])["results"][0]
    assert set(row["properties"]) == {"Name", "Email"}


def test_ten_thousand_results_are_the_end_of_a_query(control, raw):
    source = control.seed("bulk", records=10_150, per_minute=100)["Bulk contacts"]["data_source_id"]
    body, seen = {"sorts": BY_CREATED}, []
    while True:
        answer = raw.post(f"data_sources/{source}/query", json=body).json()
        seen += answer["results"]
        assert answer["request_status"]["incomplete_reason"] == "query_result_limit_reached"
        if not answer["has_more"]:
            break
        body["start_cursor"] = answer["next_cursor"]
    assert len(seen) == 10_000
    ids = {row["id"] for row in seen}
    since = {"timestamp": "created_time", "created_time": {"on_or_after": seen[-1]["created_time"]}}
    body = {"filter": since, "sorts": BY_CREATED}
    while body:
        answer = raw.post(f"data_sources/{source}/query", json=body).json()
        assert "request_status" not in answer
        ids |= {row["id"] for row in answer["results"]}
        body = body | {"start_cursor": answer["next_cursor"]} if answer["has_more"] else None
    assert len(ids) == 10_150


def test_relations_and_people_are_cut_at_25(notion, control, crm):
    company = notion.data_sources.query(crm["Companies"], page_size=1)["results"][0]
    ids = [
        notion.pages.create(parent=parent(crm["Contacts"]), properties={"Name": title(f"P{n}")})["id"]
        for n in range(40)
    ]
    notion.pages.update(company["id"], properties={"Contacts": {"relation": [{"id": each} for each in ids]}})
    page = notion.pages.retrieve(company["id"])
    shown = page["properties"]["Contacts"]
    assert (len(shown["relation"]), shown["has_more"]) == (25, True)
    assert page["properties"]["Contact count"]["rollup"]["number"] == 40
    items = collect_paginated_api(
        notion.pages.properties.retrieve, page_id=company["id"], property_id=shown["id"], page_size=15
    )
    assert [item["relation"]["id"] for item in items] == ids


def test_single_property_items_are_served(notion, crm):
    page = notion.data_sources.query(crm["Contacts"], page_size=1)["results"][0]
    for value in page["properties"].values():
        item = notion.pages.properties.retrieve(page_id=page["id"], property_id=value["id"])
        assert item["object"] in ("property_item", "list")


def test_unshared_and_deleted_look_the_same(notion, control, crm):
    page = notion.data_sources.query(crm["Deals"], page_size=1)["results"][0]
    control.unshare_table("Deals")
    for call in (lambda: notion.pages.retrieve(page["id"]), lambda: notion.data_sources.retrieve(crm["Deals"])):
        with pytest.raises(APIResponseError) as caught:
            call()
        assert caught.value.code == "object_not_found"
    control.share_table("Deals")
    control.delete_row(page["id"])
    with pytest.raises(APIResponseError) as caught:
        notion.pages.retrieve(page["id"])
    assert caught.value.code == "object_not_found"


def test_a_hidden_relation_reads_as_empty(notion, control, crm):
    control.unshare_table("Companies")
    rows = notion.data_sources.query(crm["Contacts"])["results"]
    assert all(row["properties"]["Company"]["relation"] == [] for row in rows)
