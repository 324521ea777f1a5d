"""The whole wizard as a program does it, against the sandbox over HTTP, to a first sync and a second one."""

from __future__ import annotations

import logging
from urllib.parse import quote

from crm.models import Contact
from tests.clients import HostClient
from tests.integrations.api.checks import SECRETS


def run_what_is_due(settings):
    settings.CRON_TOKEN = "cron-of-the-tests"
    answer = HostClient().post("/api/cron/integrations?inline=1", headers={"Authorization": "Bearer cron-of-the-tests"})
    assert answer.status_code == 200, answer.content
    return answer.json()["ran"]


def test_from_nothing_to_a_running_sync(live_tenant, api, notion, settings, caplog):
    caplog.set_level(logging.DEBUG)
    assert {"airtable", "hubspot", "notion"} <= {one["slug"] for one in api.all("providers")}
    ways = {one["kind"]: one for one in api.get("providers/notion").json()["auth"]}
    assert [(field["name"], field["secret"]) for field in ways["token"]["fields"]] == [("token", True)]

    made = api.post("integrations", {"provider": "notion", "name": "Team wiki"})
    assert (made.status_code, made.json()["status"], made.json()["setup_step"]) == (201, "draft", "connect")
    assert made.json()["credentials"] is None
    home = made["Location"]
    assert api.get(home).json() == made.json()

    wrong = api.post(f"{home}/credentials", {"token": "ntn_no_such_token"})
    assert (wrong.status_code, wrong.json()["code"]) == (422, "authentication_failed")
    assert wrong.json()["errors"][0]["field"] == "token"
    connected = api.post(f"{home}/credentials", {"token": "ntn_sandbox_demo"}).json()
    assert connected["credentials"] == "***"
    assert connected["account"]["name"] == "Acme Studio"
    assert connected["setup_step"] == "map"
    assert api.post(f"{home}/test").json()["account"] == connected["account"]

    collections = {one["name"]: one["id"] for one in api.get(f"{home}/collections").json()["items"]}
    assert set(collections) >= {"Contacts", "Companies", "Deals", "Tasks"}
    assert api.post(f"{home}/discover").json()["items"]
    schema = api.get(f"{home}/collections/{quote(collections['Contacts'], safe='')}/schema").json()
    fields = {field["name"]: field for field in schema["fields"]}
    assert fields["Full label"]["read_only"] and fields["Full label"]["note"]

    wanted = {"collection": collections["Contacts"], "entity": "contact", "policy": "newest"}
    stream = api.post(f"{home}/streams", wanted).json()
    assert stream["match_fields"] == ["email"]
    stream_home = f"streams/{stream['id']}"
    again = api.post(f"{home}/streams", wanted)
    assert (again.status_code, again.json()["code"]) == (409, "paired_already")

    mapped = api.get(f"{stream_home}/mappings").json()["items"]
    assert {"name", "email", "phone"} <= {one["local"] for one in mapped}
    suggested = api.get(f"{stream_home}/mappings/suggested").json()["items"]
    assert {one["local"] for one in suggested} == {one["local"] for one in mapped}
    possible = api.get(f"{stream_home}/mappings/possible").json()["items"]
    assert any(one["remote"] == fields["Full label"]["id"] and one["directions"] == ["import"] for one in possible)

    keep = ("name", "email", "phone", "newsletter")
    chosen = [{"remote": one["remote"], "local": one["local"]} for one in mapped if one["local"] in keep]
    formula = {"remote": fields["Full label"]["id"], "local": "notes", "direction": "both"}
    refused = api.put(f"{stream_home}/mappings", {"mappings": [*chosen, formula]})
    assert (refused.status_code, refused.json()["code"]) == (422, "one_way_only")
    assert len(api.get(f"{stream_home}/mappings").json()["items"]) == len(mapped)
    assert len(api.put(f"{stream_home}/mappings", {"mappings": chosen}).json()["items"]) == 4

    rows = api.get(f"{stream_home}/preview").json()["items"]
    assert len(rows) == 10
    assert all(cell["survives"] for row in rows for cell in row["cells"])
    tried = api.post(f"{stream_home}/preview", {"mappings": [formula | {"direction": "import"}]}).json()["items"]
    assert tried[0]["cells"][0]["here"]
    made = api.post(f"{stream_home}/fields", {"name": "Shoe size", "type": "decimal"})
    assert "Shoe size" in {field["name"] for field in made.json()["fields"]}

    assert api.patch(home, {"frequency": "hourly"}).json()["frequency"] == "hourly"
    assert api.patch(stream_home, {"policy": "remote"}).json()["policy"] == "remote"
    early = api.post(f"{home}/sync")
    assert (early.status_code, early.json()["code"]) == (409, "not_active")

    asked = api.post(f"{home}/plan")
    assert (asked.status_code, asked.json()["state"]) == (202, "making")
    run_what_is_due(settings)
    plan = api.get(asked["Location"]).json()
    assert plan["streams"][0]["counts"]["created_here"] == 12
    assert Contact.objects.count() == 0, "a plan does nothing"

    active = api.post(f"{home}/activate").json()
    assert (active["status"], active["setup_step"]) == ("active", "done")
    assert run_what_is_due(settings) >= 1
    run = api.get(f"runs?integration={active['id']}").json()["items"][0]
    assert (run["state"], run["trigger"]) == ("done", "api"), run
    assert run["counts"]["created_here"] == 12
    lines = api.all(f"runs/{run['id']}/records?action=created&limit=5")
    assert len(lines) == 12
    assert api.get(f"runs/{run['id']}").json()["exchanges"] == []

    records = api.all("records/contact?limit=5")
    assert len(records) == 12
    ada = api.patch(f"records/contact/{records[0]['id']}", {"values": {"phone": "+33 6 00 00 00 01"}}).json()
    asked = api.post(f"{home}/sync", {"whole": True})
    assert (asked.status_code, asked.json()["state"]) == (202, "waiting")
    run_what_is_due(settings)
    second = api.get(f"runs?integration={active['id']}&limit=1").json()["items"][0]
    assert (second["state"], second["counts"].get("updated_there")) == ("done", 1), second
    there = {row["values"]["Name"]: row["values"] for row in notion.rows("Contacts", limit=100)}
    assert there[ada["values"]["name"]]["Phone"] == "+33 6 00 00 00 01"
    standing = api.get(stream_home).json()["standing"]
    assert standing["in_step"] == 12

    assert api.post(f"{home}/pause").json()["status"] == "paused"
    assert api.post(f"{home}/resume").json()["status"] == "active"
    assert api.post(f"{home}/cancel").status_code == 202
    other = api.post(f"{home}/credentials", {"token": "ntn_sandbox_other"})
    assert (other.status_code, other.json()["code"]) == (409, "other_account")
    taken = api.post(f"{home}/credentials", {"token": "ntn_sandbox_other", "another_account": True})
    assert taken.json()["account"]["name"] == "Nord Atelier"
    assert api.get("conflicts?state=open").json()["items"] == []
    assert api.get("set-aside").json()["items"] == []

    assert api.delete(stream_home).status_code == 204
    assert api.get(stream_home).status_code == 404
    assert api.delete(home).status_code == 204
    assert len(api.all("records/contact")) == 12
    assert not [secret for secret in SECRETS if secret in caplog.text]


def test_asking_a_draft_for_its_collections(tenant, api, notion):
    home = api.post("integrations", {"provider": "notion"})["Location"]
    for call in (api.get(f"{home}/collections"), api.post(f"{home}/test"), api.post(f"{home}/discover")):
        assert (call.status_code, call.json()["code"]) == (409, "not_connected")
    assert api.post(f"{home}/activate").json()["code"] == "not_ready"


def test_revoked_key_is_told_at_every_call(tenant, api, wired, notion):
    notion.revoke_token("ntn_sandbox_demo")
    home = f"integrations/{wired['integration']}"
    try:
        for call in (api.get(f"{home}/collections"), api.post(f"{home}/test")):
            assert (call.status_code, call.json()["code"]) == (422, "authentication_failed")
    finally:
        notion.reset()


def test_a_collection_that_is_not_there(tenant, api, wired):
    answer = api.get(f"integrations/{wired['integration']}/collections/no%2Fsuch%20%3Fthing/schema")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_a_link_leads_to_its_collection(tenant, api, wired):
    home = f"integrations/{wired['integration']}"
    url = next(one["url"] for one in api.get(f"{home}/collections").json()["items"] if one["name"] == "Contacts")
    found = api.post(f"{home}/collections/resolve", {"link": url})
    assert found.json()["id"] == wired["collection"]


def test_a_provider_that_does_not_answer(tenant, api, wired, notion):
    notion.fail(fault="status", status=503, times=None, path=".")
    answer = api.get(f"integrations/{wired['integration']}/collections")
    assert (answer.status_code, answer.json()["code"]) == (502, "unavailable")
