from __future__ import annotations

import pytest
from notion_client import APIResponseError

from tests.sandbox.conftest import parent, plain, title


@pytest.fixture
def table(notion, control, crm) -> str:
    """Contacts with three well-known rows instead of the seeded ones."""
    for row in control.rows("Contacts"):
        control.delete_row(row["id"])
    control.freeze("2026-11-02T10:00:30Z")
    control.create_row("Contacts", Name="Zoé Ardent", Email="zoe@x.example", Score=10, Stage="Lead", Tags=["VIP"])
    control.advance(60)
    control.create_row(
        "Contacts", Name="Bob", Score=-2.5, Newsletter=True, Birthday="1990-05-04", Owner="ada@acme.example"
    )
    control.advance(60)
    control.create_row("Contacts", Name="Carla", Stage="Customer", Notes="calls zoé", Tags=["VIP", "Referral"])
    return crm["Contacts"]


def names(notion, table, filter) -> list[str]:
    rows = notion.data_sources.query(table, filter=filter)["results"]
    return sorted(plain(row, "Name").split()[0] for row in rows)


@pytest.mark.parametrize(
    ("prop", "kind", "condition", "expected"),
    [
        ("Name", "title", {"equals": "Bob"}, ["Bob"]),
        ("Name", "rich_text", {"starts_with": "zo"}, ["Zoé"]),
        ("Name", "title", {"does_not_contain": "o"}, ["Carla"]),
        ("Notes", "rich_text", {"contains": "zoé"}, ["Carla"]),
        ("Notes", "rich_text", {"is_empty": True}, ["Bob", "Zoé"]),
        ("Email", "email", {"equals": "zoe@x.example"}, ["Zoé"]),
        ("Email", "email", {"is_not_empty": True}, ["Zoé"]),
        ("Score", "number", {"greater_than": 0}, ["Zoé"]),
        ("Score", "number", {"less_than_or_equal_to": -2.5}, ["Bob"]),
        ("Score", "number", {"is_empty": True}, ["Carla"]),
        ("Newsletter", "checkbox", {"equals": True}, ["Bob"]),
        ("Newsletter", "checkbox", {"does_not_equal": True}, ["Carla", "Zoé"]),
        ("Stage", "select", {"equals": "Lead"}, ["Zoé"]),
        ("Stage", "select", {"does_not_equal": "Lead"}, ["Bob", "Carla"]),
        ("Tags", "multi_select", {"contains": "Referral"}, ["Carla"]),
        ("Birthday", "date", {"equals": "1990-05-04"}, ["Bob"]),
        ("Birthday", "date", {"before": "1990-05-04"}, []),
        ("Birthday", "date", {"on_or_before": "1990-05-04"}, ["Bob"]),
        ("ID", "unique_id", {"greater_than": 0}, ["Bob", "Carla", "Zoé"]),
        ("Full label", "formula", {"string": {"contains": "(Lead)"}}, ["Zoé"]),
        ("Created time", "created_time", {"on_or_after": "2026-11-02T10:02:00Z"}, ["Carla"]),
        ("Company", "relation", {"is_empty": True}, ["Bob", "Carla", "Zoé"]),
    ],
)
def test_property_filters_find_the_right_rows(notion, table, prop, kind, condition, expected):
    assert names(notion, table, {"property": prop, kind: condition}) == expected


def test_people_filter_takes_a_user_id(notion, table):
    ada = next(user for user in notion.users.list()["results"] if user["name"] == "Ada Lovelace")
    assert names(notion, table, {"property": "Owner", "people": {"contains": ada["id"]}}) == ["Bob"]


def test_filters_take_property_ids(notion, table):
    ident = notion.data_sources.retrieve(table)["properties"]["Score"]["id"]
    assert names(notion, table, {"property": ident, "number": {"equals": 10}}) == ["Zoé"]


def test_and_or_nest_two_levels(notion, table):
    vip = {"property": "Tags", "multi_select": {"contains": "VIP"}}
    either = {
        "or": [{"property": "Name", "title": {"equals": "Bob"}}, {"property": "Stage", "select": {"equals": "Lead"}}]
    }
    assert names(notion, table, {"and": [vip, either]}) == ["Zoé"]
    with pytest.raises(APIResponseError, match="nested"):
        names(notion, table, {"and": [{"or": [{"and": [vip]}]}]})


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ({"on_or_after": "2026-11-02T10:01:00Z"}, ["Bob", "Carla"]),
        ({"after": "2026-11-02T10:01:00Z"}, ["Carla"]),
        ({"before": "2026-11-02T10:01:00.000+00:00"}, ["Zoé"]),
        ({"on_or_after": "2026-11-02T12:01:00+02:00"}, ["Bob", "Carla"]),
        ({"equals": "2026-11-02"}, ["Bob", "Carla", "Zoé"]),
        ({"after": "2026-11-02"}, []),
        ({"on_or_after": "2026-11-02T10:00:30Z"}, ["Bob", "Carla"]),
    ],
)
def test_timestamps_are_compared_as_they_are_served(notion, table, condition, expected):
    for timestamp in ("created_time", "last_edited_time"):
        assert names(notion, table, {"timestamp": timestamp, timestamp: condition}) == expected
        combined = {"or": [{"timestamp": timestamp, timestamp: condition}]}
        assert names(notion, table, combined) == expected


def test_times_are_cut_to_the_minute_and_edits_move_a_row(notion, control, table):
    row = control.rows("Contacts", search="Bob")[0]
    control.freeze("2026-11-02T11:30:59Z")
    control.edit_row(row["id"], Score=3)
    page = notion.pages.retrieve(row["id"])
    assert page["last_edited_time"] == "2026-11-02T11:30:00.000Z"
    assert page["created_time"] == "2026-11-02T10:01:00.000Z"
    since = {"timestamp": "last_edited_time", "last_edited_time": {"on_or_after": "2026-11-02T11:30:00Z"}}
    assert names(notion, table, since) == ["Bob"]


@pytest.mark.parametrize(
    ("filter", "message"),
    [
        ({"property": "Nope", "number": {"equals": 1}}, "Could not find property with name or id: Nope"),
        (
            {"property": "Score", "rich_text": {"equals": "1"}},
            "database property number does not match filter rich_text",
        ),
        ({"property": "Score", "number": {"contains": 1}}, "should be not present"),
    ],
)
def test_wrong_filters_are_refused(notion, table, filter, message):
    with pytest.raises(APIResponseError, match=message):
        notion.data_sources.query(table, filter=filter)


def test_created_by_bot_is_the_bot(notion, table):
    made = notion.pages.create(parent=parent(table), properties={"Name": title("Mine")})
    assert made["created_by"]["id"] == made["last_edited_by"]["id"] == notion.users.me()["id"]


def test_key_lookups_follow_every_change(notion, control, table):
    def by_email(*emails: str) -> list[str]:
        return names(notion, table, {"or": [{"property": "Email", "email": {"equals": each}} for each in emails]})

    assert by_email("ZOE@x.example", "nobody@x.example") == ["Zoé"]
    made = notion.pages.create(
        parent=parent(table), properties={"Name": title("Dan"), "Email": {"email": "dan@x.example"}}
    )
    assert by_email("zoe@x.example", "dan@x.example") == ["Dan", "Zoé"]
    notion.pages.update(made["id"], properties={"Email": {"email": "other@x.example"}})
    assert by_email("dan@x.example") == []
    notion.pages.update(made["id"], in_trash=True)
    assert by_email("other@x.example") == []
    notion.pages.update(made["id"], in_trash=False)
    assert by_email("other@x.example") == ["Dan"]
    control.change_field_type("Contacts", "Email", "number")
    control.change_field_type("Contacts", "Email", "email")
    assert by_email("other@x.example") == []
