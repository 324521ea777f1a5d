"""The short connector endpoints: a whole connection by the provider's name alone."""

from __future__ import annotations

import pytest

from integrations.models import IntegrationInstance, Stream, SyncLog
from integrations.services import connect
from tests.integrations.api.checks import SECRETS

TOKEN = {"token": "ntn_sandbox_demo"}


def config(api, provider="notion"):
    return next(one for one in api.get("/api/connectors/config").json()["connectors"] if one["provider"] == provider)


def refused(answer):
    return answer.status_code, answer.json()["code"]


def test_a_whole_connection_by_name(live_tenant, api, notion):
    assert config(api) == config(api) | {"integrations": 0, "integration": None, "status": None, "streams": []}
    made = api.put("/api/connectors/config/notion", {"credentials": TOKEN, "name": "Wiki", "frequency": "hourly"})
    assert made.status_code == 200, made.content
    told = made.json()
    assert (told["integrations"], told["status"], told["frequency"]) == (1, "draft", "hourly")
    assert told["credentials"] == "***" and told["account"]["name"]
    assert api.post("/api/connectors/test/notion").json()["account"] == told["account"]

    contacts = next(
        one["id"]
        for one in api.get(f"integrations/{told['integration']}/collections").json()["items"]
        if one["name"] == "Contacts"
    )
    added = api.post(f"integrations/{told['integration']}/streams", {"collection": contacts, "entity": "contact"})
    assert added.status_code == 201
    active = api.put("/api/connectors/config/notion", {"active": True})
    assert active.json()["status"] == "active"
    assert [(one["collection"], one["entity"]) for one in active.json()["streams"]] == [("Contacts", "contact")]
    assert config(api) == active.json()

    for way in ("import", "export"):
        asked = api.post(f"/api/sync/notion/{way}")
        assert asked.status_code == 202 and asked.json()["state"] in ("waiting", "running")
    paused = api.put("/api/connectors/config/notion", {"active": False})
    assert paused.json()["status"] == "paused"
    assert refused(api.post("/api/sync/notion/import")) == (409, "not_active")


def test_wrong_credentials_leave_nothing_behind(tenant, api, notion):
    answer = api.put("/api/connectors/config/notion", {"credentials": {"token": "ntn_no_such_token"}})
    assert refused(answer) == (422, "authentication_failed")
    assert not IntegrationInstance.objects.exists()
    tried = api.post("/api/connectors/test/notion", {"credentials": {"token": "ntn_no_such_token"}})
    assert refused(tried) == (422, "authentication_failed")


def test_credentials_are_tried_without_being_kept(tenant, api, notion):
    assert api.post("/api/connectors/test/notion", {"credentials": TOKEN}).json()["account"]["id"]
    assert not IntegrationInstance.objects.exists()


def test_several_of_one_provider_are_told_apart_by_id_only(tenant, api, notion):
    for name in ("One", "Two"):
        connect.start("notion", name)
    assert config(api)["integrations"] == 2 and config(api)["integration"] is None
    calls = [
        ("put", "/api/connectors/config/notion", {"frequency": "daily"}),
        ("post", "/api/connectors/test/notion", {}),
        ("post", "/api/sync/notion/import", {}),
        ("post", "/api/sync/notion/export", {}),
    ]
    for method, path, body in calls:
        assert refused(api.call(method, path, body)) == (409, "several_integrations")


@pytest.mark.parametrize("path", ["/api/connectors/test/", "/api/sync/%s/import", "/api/sync/%s/export"])
def test_what_is_not_connected_or_not_known_is_refused(tenant, api, path):
    filled = path if "%s" in path else path + "%s"
    assert refused(api.post(filled % "notion")) == (409, "not_connected")
    assert refused(api.post(filled % "myspace")) == (422, "no_provider")


@pytest.mark.parametrize(("direction", "way"), [("import", "export"), ("export", "import")])
def test_a_way_that_no_table_flows_is_refused(wired, api, direction, way):
    Stream.objects.update(direction=direction)
    assert refused(api.post(f"/api/sync/notion/{way}")) == (409, "wrong_direction")


def test_logs_tell_what_ran_newest_first(wired, api, caller, other_tenant):
    for state in ("done", "failed"):
        SyncLog.objects.create(
            integration_id=wired["integration"],
            trigger="api",
            state=state,
            error_code="unavailable",
            counts={"read": 1, "overwrites:x": 2},
        )
    told = api.get("/api/sync/logs?limit=1").json()
    assert [(one["provider"], one["state"]) for one in told["items"]] == [("notion", "failed")]
    assert told["items"][0]["trouble"]["title"] and told["items"][0]["counts"] == {"read": 1}
    assert [one["state"] for one in api.all("/api/sync/logs?provider=notion")] == ["failed", "done"]
    assert api.all("/api/sync/logs?provider=airtable") == []
    assert caller("owner", other_tenant).all("/api/sync/logs") == []


def test_another_tenant_sees_nothing_and_lesser_roles_change_nothing(wired, api, caller, other_tenant):
    assert config(caller("owner", other_tenant))["integrations"] == 0
    viewer, member = caller("viewer"), caller("member")
    seen = viewer.get("/api/connectors/config").content.decode()
    assert config(viewer)["integrations"] == 1 and not [secret for secret in SECRETS if secret in seen]
    assert refused(viewer.post("/api/sync/notion/import")) == (403, "forbidden")
    for lesser in (viewer, member):
        assert refused(lesser.put("/api/connectors/config/notion", {"frequency": "daily"})) == (403, "forbidden")
        assert refused(lesser.post("/api/connectors/test/notion")) == (403, "forbidden")
