"""Records as Airtable documents them: listed, filtered, written ten at a time."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from pyairtable import Api
from pyairtable.formulas import match

from integrations.sandbox.airtable.limits import BaseLimit
from integrations.sandbox.client import Control


def told(answer: httpx.Response) -> tuple[int, str]:
    error = answer.json()["error"]
    return answer.status_code, error["type"] if isinstance(error, dict) else error


def test_empty_cells_are_absent_and_offsets_lead_on(api: Api, control: Control, base: str) -> None:
    table = api.table(base, "Contacts")
    pages = list(table.iterate(page_size=5))
    assert [len(page) for page in pages] == [5, 5, 2]
    assert all(
        "" not in record["fields"].values() and False not in record["fields"].values()
        for page in pages
        for record in page
    )
    bare = control.create_row("Contacts", Name="Bare")["id"]
    cells = table.get(bare)["fields"]
    assert cells["Name"] == "Bare" and not {"Email", "Newsletter", "Tags", "Score"} & set(cells)
    assert table.get(bare, use_field_ids=True)["fields"].keys().isdisjoint(cells)


def test_an_offset_dies(http: httpx.Client, control: Control, base: str) -> None:
    offset = http.get(f"/v0/{base}/Contacts", params={"pageSize": 5}).json()["offset"]
    assert http.get(f"/v0/{base}/Contacts", params={"pageSize": 5, "offset": offset}).status_code == 200
    control.advance(3600)
    again = http.get(f"/v0/{base}/Contacts", params={"offset": offset})
    assert told(again) == (422, "LIST_RECORDS_ITERATOR_NOT_AVAILABLE")


def test_formulas_filter(api: Api, control: Control, base: str) -> None:
    table = api.table(base, "Contacts")
    one = table.create({"Name": 'O\'Brien \\ "Sons"', "Newsletter": True})["id"]
    assert [record["id"] for record in table.all(formula=match({"Name": 'O\'Brien \\ "Sons"'}))] == [one]
    assert [r["id"] for r in table.all(formula=f"AND(RECORD_ID()='{one}', {{Newsletter}})")] == [one]
    assert len(table.all(formula=f"NOT(OR(RECORD_ID()='{one}',RECORD_ID()='recNobody000000'))")) == 12
    control.freeze("2030-01-01T10:00:00.600Z")
    table.update(one, {"Score": 5})
    for bound, count in (("2030-01-01T10:00:00.000Z", 1), ("2030-01-01T10:00:01.000Z", 0)):  # rounded, strictly after
        assert len(table.all(formula=f"IS_AFTER(LAST_MODIFIED_TIME(), '{bound}')")) == count


@pytest.mark.parametrize("formula", ["{Foo}='x'", "AND(", "SOMETHING()", "{Name}=='x'", ")"])
def test_a_wrong_formula_is_refused(http: httpx.Client, base: str, formula: str) -> None:
    answer = http.post(f"/v0/{base}/Contacts/listRecords", json={"filterByFormula": formula})
    assert told(answer) == (422, "INVALID_FILTER_BY_FORMULA")


def test_a_batch_is_all_or_nothing_and_has_ten_at_most(http: httpx.Client, control: Control, base: str) -> None:
    good: list[dict[str, Any]] = [{"fields": {"Name": f"New {number}"}} for number in range(11)]
    assert told(http.post(f"/v0/{base}/Contacts", json={"records": good})) == (422, "INVALID_RECORDS")
    bad = [*good[:3], {"fields": {"Name": "Bad", "Label": "computed"}}]
    refused = http.post(f"/v0/{base}/Contacts", json={"records": bad})
    assert told(refused) == (422, "INVALID_VALUE_FOR_COLUMN") and "computed" in refused.text
    assert len(control.rows("Contacts")) == 12
    made = http.post(f"/v0/{base}/Contacts", json={"records": good[:10]}).json()["records"]
    assert [record["fields"]["Name"] for record in made] == [f"New {number}" for number in range(10)]
    gone = [("records[]", made[0]["id"]), ("records[]", "recNobody0000000")]
    assert http.delete(f"/v0/{base}/Contacts", params=gone).status_code == 403
    assert len(control.rows("Contacts")) == 22


def test_put_clears_and_patch_keeps(api: Api, base: str) -> None:
    table = api.table(base, "Contacts")
    one = table.create({"Name": "One", "Phone": "1", "Tags": ["VIP"]})["id"]
    assert table.update(one, {"Phone": "2"})["fields"]["Tags"] == ["VIP"]
    assert "Tags" not in table.update(one, {"Phone": "3"}, replace=True)["fields"]


def test_upserts_match_create_and_refuse_several(api: Api, http: httpx.Client, base: str) -> None:
    table = api.table(base, "Contacts")
    table.create_field("Key", "singleLineText")
    first = table.batch_upsert([{"fields": {"Key": "a", "Name": "A"}}], key_fields=["Key"])
    second = table.batch_upsert([{"fields": {"Key": key, "Name": key}} for key in "ab"], key_fields=["Key"])
    assert first["createdRecords"] == second["updatedRecords"] and len(second["createdRecords"]) == 1
    table.create({"Key": "b"})
    body = {"performUpsert": {"fieldsToMergeOn": ["Key"]}, "records": [{"fields": {"Key": key}} for key in "ab"]}
    assert http.patch(f"/v0/{base}/Contacts", json=body).status_code == 422
    body["records"] = [{"fields": {"Email": "a@b.c"}}]
    assert (
        http.patch(f"/v0/{base}/Contacts", json=body | {"performUpsert": {"fieldsToMergeOn": ["Email"]}}).status_code
        == 422
    )


def test_typecast_makes_options_and_converts(api: Api, http: httpx.Client, base: str) -> None:
    body = {"fields": {"Name": "X", "Stage": "Nuovo", "Score": "12"}}
    assert http.post(f"/v0/{base}/Contacts", json=body).status_code == 422
    made = http.post(f"/v0/{base}/Contacts", json=body | {"typecast": True}).json()["fields"]
    assert (made["Stage"], made["Score"]) == ("Nuovo", 12)
    only = {"fields": {"Stage": "Nowhere"}}
    refused = http.post(f"/v0/{base}/Contacts", json=only)
    assert refused.json()["error"]["message"] == 'Insufficient permissions to create new select option ""Nowhere""'


def test_equal_values_do_not_move_the_time_and_links_move_both_ends(api: Api, control: Control, base: str) -> None:
    contacts, companies = api.table(base, "Contacts"), api.table(base, "Companies")
    one, firm = contacts.first(), companies.create({"Name": "New firm"})
    assert one
    control.advance(600)
    edited = control.row(one["id"])["edited"]
    contacts.update(one["id"], {"Name": one["fields"]["Name"]})
    assert control.row(one["id"])["edited"] == edited
    contacts.update(one["id"], {"Company": [firm["id"]]})
    assert companies.get(firm["id"])["fields"]["Contacts"] == [one["id"]]
    assert control.row(firm["id"])["edited"] > firm["createdTime"]


def test_what_is_hidden_and_what_is_missing_look_the_same(http: httpx.Client, control: Control, base: str) -> None:
    record = control.rows("Contacts")[0]["id"]
    missing = http.get("/v0/appNobody00000000/Contacts")
    control.unshare_table("Contacts")
    hidden = http.get(f"/v0/{base}/Contacts")
    assert hidden.json() == missing.json() and told(hidden) == (403, "INVALID_PERMISSIONS_OR_MODEL_NOT_FOUND")
    assert http.get(f"/v0/{base}/Contacts/{record}").status_code == 403
    assert told(http.get("/v0/nothing")) == (404, "NOT_FOUND")
    assert told(http.get("/v0/meta/whoami", headers={"Authorization": ""})) == (401, "AUTHENTICATION_REQUIRED")
    assert told(http.get("/v0/meta/whoami", headers={"Authorization": "Bearer x"})) == (401, "UNAUTHORIZED")


def test_five_requests_a_second_and_then_half_a_minute_of_refusals() -> None:
    limit = BaseLimit(300)
    assert [limit.wait_for("token appA") for _ in range(6)] == [None] * 5 + [0]
    assert limit.wait_for("other appA") == 0  # the limit is the base's, whoever asks
    assert limit.wait_for("token appB") is None
    limit.set(None)
    assert limit.wait_for("token appA") is None


def test_a_429_has_its_own_shape_and_no_header(http: httpx.Client, control: Control, base: str) -> None:
    control.limit(60)
    answers = [http.get(f"/v0/{base}/Contacts") for _ in range(4)]
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert refused.json()["errors"][0]["error"] == "RATE_LIMIT_REACHED" and "retry-after" not in refused.headers


def test_state_outlives_the_process(tmp_path: Any) -> None:
    from integrations.sandbox.server import SandboxServer

    with SandboxServer(["airtable"], data=tmp_path) as first:
        first.control.seed("crm", contacts=2, companies=1, deals=1, tasks=1)
        made = first.control.create_row("Contacts", Name="Kept")
        before = first.control.rows("Contacts")
    with SandboxServer(["airtable"], data=tmp_path) as second:
        assert json.dumps(second.control.rows("Contacts")) == json.dumps(before)
        assert second.control.row(made["id"])["title"] == "Kept"


def test_pages_for_hand_edits_are_there(http: httpx.Client, control: Control) -> None:
    table = control.table("Contacts")["id"]
    made = http.post(f"/tables/{table}/new", data={"Name": "By hand", "Stage": "Lead"}, follow_redirects=True)
    assert made.status_code == 200
    row = control.rows("Contacts")[0]
    assert (row["title"], row["values"]["Stage"]) == ("By hand", "Lead")
    assert http.get(f"/rows/{row['id']}").status_code == 200 and http.get("/").status_code == 200
