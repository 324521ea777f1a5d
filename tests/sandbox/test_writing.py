from __future__ import annotations

import pytest
from notion_client import APIResponseError

from tests.sandbox.conftest import connect, parent, plain, title


@pytest.fixture
def contact(notion, crm) -> dict:
    return notion.pages.create(parent=parent(crm["Contacts"]), properties={"Name": title("Zoé")})


def refused(call, *arguments, **options) -> APIResponseError:
    with pytest.raises(APIResponseError) as caught:
        call(*arguments, **options)
    return caught.value


def test_created_page_holds_every_value(notion, crm):
    ada = next(user for user in notion.users.list()["results"] if user["name"] == "Ada Lovelace")
    firm = notion.data_sources.query(crm["Companies"], page_size=1)["results"][0]
    values = {
        "Name": title("Zoé Ardent"),
        "Email": {"email": "zoe@x.example"},
        "Phone": {"phone_number": "+33 1"},
        "Company": {"relation": [{"id": firm["id"].replace("-", "")}]},
        "Stage": {"select": {"name": "Lead"}},
        "Owner": {"people": [{"id": ada["id"]}]},
        "Score": {"number": 12.5},
        "Birthday": {"date": {"start": "1990-05-04"}},
        "Newsletter": {"checkbox": True},
        "Website": {"url": "https://x.example"},
        "Tags": {"multi_select": [{"name": "VIP"}, {"name": "New one"}]},
        "Notes": {"rich_text": [{"text": {"content": "a"}}, {"text": {"content": "b"}}]},
    }
    page = notion.pages.create(parent=parent(crm["Contacts"]), properties=values)
    found = notion.pages.retrieve(page["id"])["properties"]
    assert plain(page, "Notes") == "ab"
    assert len(found["Notes"]["rich_text"]) == 1, "neighbours of equal style merge"
    assert found["Stage"]["select"]["name"] == "Lead"
    assert [tag["name"] for tag in found["Tags"]["multi_select"]] == ["VIP", "New one"]
    assert found["Owner"]["people"][0]["person"]["email"] == "ada@acme.example"
    assert found["Company"]["relation"] == [{"id": firm["id"]}]
    assert found["Birthday"]["date"] == {"start": "1990-05-04", "end": None, "time_zone": None}
    assert found["Full label"]["formula"]["string"] == "Zoé Ardent (Lead)"
    assert found["ID"]["unique_id"] == {"prefix": "CON", "number": 31}


def test_an_update_leaves_other_properties_alone(notion, contact):
    notion.pages.update(contact["id"], properties={"Score": {"number": 1}})
    page = notion.pages.update(contact["id"], properties={"Email": {"email": "z@x.example"}})
    assert (plain(page, "Name"), page["properties"]["Score"]["number"]) == ("Zoé", 1)


def test_properties_are_written_by_id_too(notion, contact):
    ident = contact["properties"]["Score"]["id"]
    assert notion.pages.update(contact["id"], properties={ident: {"number": 7}})["properties"]["Score"]["number"] == 7


def test_empty_values_clear(notion, contact):
    notion.pages.update(contact["id"], properties={"Score": {"number": 1}, "Tags": {"multi_select": [{"name": "VIP"}]}})
    clear = {
        "Score": {"number": None},
        "Tags": {"multi_select": []},
        "Email": {"email": None},
        "Birthday": {"date": None},
    }
    found = notion.pages.update(contact["id"], properties=clear)["properties"]
    assert (found["Score"]["number"], found["Tags"]["multi_select"], found["Birthday"]["date"]) == (None, [], None)


def test_long_text_comes_back_in_pieces_of_2000(notion, contact):
    runs = [{"text": {"content": "🙂" + "x" * 1990}}, {"text": {"content": "y" * 1000}}]
    page = notion.pages.update(contact["id"], properties={"Notes": {"rich_text": runs}})
    pieces = page["properties"]["Notes"]["rich_text"]
    assert [len(piece["plain_text"].encode("utf-16-le")) // 2 for piece in pieces] == [2000, 992]
    assert plain(page, "Notes") == "🙂" + "x" * 1990 + "y" * 1000


def test_styles_survive_and_empty_runs_vanish(notion, contact):
    runs = [
        {"text": {"content": "bold"}, "annotations": {"bold": True}},
        {"text": {"content": ""}},
        {"text": {"content": " link", "link": {"url": "https://x.example"}}},
    ]
    found = notion.pages.update(contact["id"], properties={"Notes": {"rich_text": runs}})["properties"]["Notes"]
    assert [run["annotations"]["bold"] for run in found["rich_text"]] == [True, False]
    assert found["rich_text"][1]["href"] == "https://x.example"


@pytest.mark.parametrize(
    ("given", "start"),
    [
        ({"start": "2026-09-15"}, "2026-09-15"),
        ({"start": "2026-09-15T09:00:00Z"}, "2026-09-15T09:00:00.000+00:00"),
        ({"start": "2026-09-15T09:00:42"}, "2026-09-15T09:00:00.000+00:00"),
        ({"start": "2026-09-15T09:00:00+02:00"}, "2026-09-15T09:00:00.000+02:00"),
        ({"start": "2026-09-15T09:00:00", "time_zone": "Europe/Rome"}, "2026-09-15T09:00:00.000+02:00"),
    ],
)
def test_dates_read_back_normalised(notion, crm, given, start):
    page = notion.pages.create(parent=parent(crm["Tasks"]), properties={"Task": title("T"), "Due": {"date": given}})
    assert page["properties"]["Due"]["date"] == {"start": start, "end": None, "time_zone": None}


@pytest.mark.parametrize(
    ("properties", "message"),
    [
        ({"Colour": {"number": 1}}, "Colour is not a property that exists."),
        ({"Notes": {"number": 1}}, "Notes is expected to be rich_text."),
        (
            {"Notes": {"number": 1}, "X": {"number": 1}},
            "Notes is expected to be rich_text. X is not a property that exists.",
        ),
        (
            {"Notes": {"rich_text": [{"text": {"content": "x" * 2242}}]}},
            "body failed validation: body.properties.Notes.rich_text[0].text.content.length should be ≤ `2000`, "
            "instead was `2242`.",
        ),
        (
            {"Notes": {"rich_text": [{"text": {"content": "🙂" * 1001}}]}},
            "body failed validation: body.properties.Notes.rich_text[0].text.content.length should be ≤ `2000`, "
            "instead was `2002`.",
        ),
        ({"Notes": {"rich_text": [{"text": {"content": "x"}}] * 101}}, "should be ≤ `100`, instead was `101`."),
        ({"Stage": {"select": {"name": "a, b"}}}, "Invalid select option, commas not allowed: a, b"),
        ({"Email": {"email": ""}}, "body.properties.Email.email"),
        ({"Website": {"url": ""}}, "body.properties.Website.url"),
        ({"Phone": {"phone_number": ""}}, "body.properties.Phone.phone_number"),
        ({"Full label": {"formula": {"string": "x"}}}, "body failed validation. Fix one:\n"),
        ({"ID": {"number": 3}}, "ID is expected to be unique_id."),
        ({"Score": {"number": "12"}}, "should be a number or `null`"),
        ({"Birthday": {"date": {"start": "2022/01/02"}}}, "should be a valid ISO 8601 date string"),
        ({"Owner": {"people": [{"id": "00000000-0000-4000-8000-000000000000"}]}}, "Could not find user"),
    ],
)
def test_wrong_values_are_refused_in_notions_words(notion, contact, properties, message):
    error = refused(notion.pages.update, contact["id"], properties=properties)
    assert (error.status, error.code) == (400, "validation_error")
    assert message in str(error)
    assert notion.pages.retrieve(contact["id"])["properties"] == contact["properties"]


def test_unknown_status_option_is_refused(notion, crm):
    error = refused(
        notion.pages.create, parent=parent(crm["Deals"]), properties={"Stage": {"status": {"name": "Nope"}}}
    )
    assert str(error) == 'Invalid status option. Status option "Nope" does not exist".'


def test_status_without_value_takes_the_first(notion, crm):
    page = notion.pages.create(parent=parent(crm["Deals"]), properties={"Name": title("D")})
    assert page["properties"]["Stage"]["status"]["name"] == "New"


def test_relation_to_nowhere_is_not_found(notion, crm, contact):
    nowhere = {"relation": [{"id": "00000000-0000-4000-8000-000000000000"}]}
    assert refused(notion.pages.update, contact["id"], properties={"Company": nowhere}).code == "object_not_found"
    other = {"relation": [{"id": contact["id"]}]}
    assert refused(notion.pages.update, contact["id"], properties={"Company": other}).status == 400


def test_dual_relations_keep_both_sides_in_step(notion, crm, contact):
    firms = notion.data_sources.query(crm["Companies"], page_size=2)["results"]
    count = {firm["id"]: firm["properties"]["Contact count"]["rollup"]["number"] for firm in firms}
    for firm in firms:
        notion.pages.update(contact["id"], properties={"Company": {"relation": [{"id": firm["id"]}]}})
    left, joined = (notion.pages.retrieve(firm["id"])["properties"] for firm in firms)
    assert {"id": contact["id"]} in joined["Contacts"]["relation"]
    assert {"id": contact["id"]} not in left["Contacts"]["relation"]
    assert joined["Contact count"]["rollup"]["number"] == count[firms[1]["id"]] + 1
    notion.pages.update(contact["id"], in_trash=True)
    assert {"id": contact["id"]} not in notion.pages.retrieve(firms[1]["id"])["properties"]["Contacts"]["relation"]
    notion.pages.update(contact["id"], in_trash=False)
    assert {"id": contact["id"]} in notion.pages.retrieve(firms[1]["id"])["properties"]["Contacts"]["relation"]


def test_trashed_page_leaves_queries_but_still_reads(notion, crm, contact):
    assert notion.pages.update(contact["id"], in_trash=True)["in_trash"]
    assert contact["id"] not in {row["id"] for row in notion.data_sources.query(crm["Contacts"])["results"]}
    assert notion.pages.retrieve(contact["id"])["in_trash"]
    for change in ({"in_trash": True}, {"properties": {"Score": {"number": 1}}}):
        assert "Can't edit block that is archived." in str(refused(notion.pages.update, contact["id"], **change))
    assert not notion.pages.update(contact["id"], in_trash=False)["in_trash"]
    assert contact["id"] in {row["id"] for row in notion.data_sources.query(crm["Contacts"])["results"]}


def test_unknown_body_keys_are_refused(notion, contact):
    options = {"path": f"pages/{contact['id']}", "method": "PATCH"}
    assert "body.archived should be not present" in str(refused(notion.request, body={"archived": True}, **options))
    assert "body.nonsense should be not present" in str(refused(notion.request, body={"nonsense": 1}, **options))


def test_the_older_version_takes_archived(sandbox, contact):
    old = connect(sandbox, version="2025-09-03")
    assert old.request(path=f"pages/{contact['id']}", method="PATCH", body={"archived": True})["archived"]
    assert "archived" not in sandbox_page(sandbox, contact)


def sandbox_page(sandbox, page) -> dict:
    return connect(sandbox).pages.retrieve(page["id"])


def test_read_only_connection_cannot_write(sandbox, notion, contact):
    reader = connect(sandbox, "ntn_sandbox_readonly")
    assert reader.pages.retrieve(contact["id"])["id"] == contact["id"]
    error = refused(reader.pages.update, contact["id"], properties={"Score": {"number": 1}})
    assert (error.status, error.code) == (403, "restricted_resource")


def test_connection_without_people_sees_bare_ids(sandbox, control, notion, crm):
    row = control.rows("Contacts")[0]
    page = connect(sandbox, "ntn_sandbox_nousers").pages.retrieve(row["id"])
    assert all(set(person) == {"object", "id"} for person in page["properties"]["Owner"]["people"])


def test_plain_pages_and_their_blocks(notion, crm, contact):
    page = notion.pages.create(parent={"page_id": contact["id"]}, properties={"title": title("Sub")})
    block = {"paragraph": {"rich_text": [{"text": {"content": "Hello"}}]}}
    notion.blocks.children.append(page["id"], children=[block, {"divider": {}}])
    found = notion.blocks.children.list(page["id"])["results"]
    assert [each["type"] for each in found] == ["paragraph", "divider"]
    assert notion.pages.retrieve(page["id"])["parent"] == {"type": "page_id", "page_id": contact["id"]}


def test_checks_come_in_the_recorded_order(raw, sandbox):
    bad = {"Authorization": "Bearer wrong", "Notion-Version": "nope"}
    assert raw.post("nowhere", content=b"{", headers=bad).json()["code"] == "invalid_request_url"
    assert raw.delete("users/me").json()["code"] == "invalid_request_url"
    assert raw.post("search", content=b"{", headers=bad).json()["code"] == "invalid_json"
    assert raw.post("search", json={}, headers=bad).json()["code"] == "unauthorized"
    assert raw.post("search", json={"x": 1}, headers={"Notion-Version": "nope"}).json()["code"] == "validation_error"
    del raw.headers["Notion-Version"]
    assert raw.get("users/me").json()["code"] == "missing_version"


def test_revoked_token_is_unauthorized(notion, control):
    control.revoke_token("ntn_sandbox_demo")
    error = refused(notion.users.me)
    assert (error.status, error.code, str(error)) == (401, "unauthorized", "API token is invalid.")
