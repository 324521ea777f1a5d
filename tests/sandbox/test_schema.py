from __future__ import annotations

import pytest
from notion_client import APIResponseError

from tests.sandbox.conftest import parent, title


def change(notion, source, **properties) -> dict:
    return notion.data_sources.update(source, properties=properties)["properties"]


def test_properties_are_created_renamed_and_removed(notion, crm):
    source = crm["Contacts"]
    made = change(
        notion, source, **{"External ID": {"rich_text": {}}, "Level": {"select": {"options": [{"name": "A"}]}}}
    )
    ident = made["External ID"]["id"]
    renamed = change(notion, source, **{"External ID": {"name": "Outside ID"}})
    assert renamed["Outside ID"]["id"] == ident
    assert "Outside ID" not in change(notion, source, **{ident: None})


def test_values_follow_a_renamed_property(notion, control, crm):
    row = control.rows("Contacts")[0]
    control.rename_field("Contacts", "Email", "E-mail address")
    page = notion.pages.retrieve(row["id"])
    assert page["properties"]["E-mail address"]["email"] == row["values"]["Email"]


def test_select_options_are_replaced_as_a_whole(notion, crm):
    source = crm["Contacts"]
    page = notion.pages.create(
        parent=parent(source), properties={"Name": title("Z"), "Stage": {"select": {"name": "Customer"}}}
    )
    before = {
        o["name"]: o["id"] for o in notion.data_sources.retrieve(source)["properties"]["Stage"]["select"]["options"]
    }
    kept = change(notion, source, Stage={"select": {"options": [{"name": "Lead"}, {"name": "Cold"}]}})["Stage"][
        "select"
    ]
    assert [option["name"] for option in kept["options"]] == ["Lead", "Cold"]
    assert kept["options"][0]["id"] == before["Lead"]
    assert notion.pages.retrieve(page["id"])["properties"]["Stage"]["select"] is None


def test_status_options_are_added_to_the_first_group(notion, crm):
    status = change(notion, crm["Deals"], Stage={"status": {"options": [{"name": "On hold"}]}})["Stage"]["status"]
    assert "On hold" in [option["name"] for option in status["options"]]
    assert len(status["options"]) == 6
    assert status["options"][-1]["id"] in status["groups"][0]["option_ids"]


def test_the_title_cannot_be_removed(notion, crm):
    with pytest.raises(APIResponseError, match="title"):
        change(notion, crm["Contacts"], Name=None)


def test_unknown_property_needs_a_type(notion, crm):
    with pytest.raises(APIResponseError, match="Could not find property with name or id: Nope"):
        change(notion, crm["Contacts"], Nope={"name": "Other"})


def test_at_most_a_hundred_options(notion, crm):
    options = [{"name": str(number)} for number in range(101)]
    with pytest.raises(APIResponseError, match="should be ≤ `100`"):
        change(notion, crm["Contacts"], Level={"select": {"options": options}})


def test_new_database_takes_properties_from_its_first_data_source(notion, control):
    home = notion.search(filter={"property": "object", "value": "page"})["results"][0]
    options = {"parent": {"type": "page_id", "page_id": home["id"]}, "title": [{"text": {"content": "Fresh"}}]}
    full = notion.databases.create(
        **options, initial_data_source={"properties": {"Task": {"title": {}}, "Due": {"date": {}}}}
    )
    found = notion.data_sources.retrieve(full["data_sources"][0]["id"])["properties"]
    assert set(found) == {"Task", "Due"}
    ignored = notion.request(path="databases", method="POST", body=options | {"properties": {"Due": {"date": {}}}})
    found = notion.data_sources.retrieve(ignored["data_sources"][0]["id"])["properties"]
    assert set(found) == {"Name"}


def test_database_title_and_trash(notion, control, crm):
    database = control.table("Tasks")["container"]
    renamed = notion.databases.update(database, title=[{"text": {"content": "To do"}}])
    assert renamed["title"][0]["plain_text"] == "To do"
    assert notion.databases.update(database, in_trash=True)["in_trash"]
    assert notion.data_sources.retrieve(crm["Tasks"])["in_trash"]
    assert notion.databases.update(database, in_trash=False)["in_trash"] is False


def test_second_data_source_ends_the_database_shortcut(notion, control, crm):
    database = control.table("Tasks")["container"]
    assert notion.pages.create(parent={"database_id": database}, properties={"Task": title("T")})
    notion.data_sources.create(
        parent={"type": "database_id", "database_id": database}, properties={"Name": {"title": {}}}
    )
    with pytest.raises(APIResponseError, match="multiple data sources"):
        notion.pages.create(parent={"database_id": database}, properties={"Task": title("T")})


def test_changed_type_empties_the_property(notion, control, crm):
    control.change_field_type("Contacts", "Score", "rich_text")
    rows = notion.data_sources.query(crm["Contacts"])["results"]
    assert all(row["properties"]["Score"]["rich_text"] == [] for row in rows)
    control.remove_field("Contacts", "Score")
    control.add_field("Contacts", "Score", "number")
    assert notion.data_sources.retrieve(crm["Contacts"])["properties"]["Score"]["type"] == "number"


def test_dual_relation_appears_on_the_other_side(notion, crm):
    relation = {"data_source_id": crm["Companies"], "dual_property": {}}
    made = change(notion, crm["Deals"], Partner={"relation": relation})["Partner"]["relation"]
    other = notion.data_sources.retrieve(crm["Companies"])["properties"][made["dual_property"]["synced_property_name"]]
    assert other["relation"]["data_source_id"] == crm["Deals"]
    assert other["relation"]["dual_property"]["synced_property_name"] == "Partner"
