"""POST /api/cron/integrations on the public host."""

from __future__ import annotations

import pytest

from integrations.scheduling.models import Due
from tests.clients import HostClient

URL = "/api/cron/integrations"


@pytest.fixture
def cron(settings, db):
    settings.CRON_TOKEN = "a-long-random-token"
    return HostClient()


def call(client, token="a-long-random-token", query=""):
    return client.post(URL + query, headers={"Authorization": f"Bearer {token}"} if token else {})


def test_without_a_configured_token_it_does_not_exist(db, settings):
    settings.CRON_TOKEN = ""
    for token in ("", "None", "x"):
        answer = call(HostClient(), token)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_it_takes_its_token_only(cron):
    for token in ("", "wrong", "a-long-random-token2", "é"):
        answer = call(cron, token)
        assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")
    assert call(cron).json() == {"woken": 0}


def test_it_takes_post_only(cron):
    answer = cron.get(URL)
    assert (answer.status_code, answer.json()["code"], answer["Allow"]) == (405, "method_not_allowed", "POST")


def test_a_tenants_host_has_no_cron(tenant, api, settings):
    settings.CRON_TOKEN = "a-long-random-token"
    assert call(HostClient(tenant)).status_code == 401


def test_it_wakes_what_is_due_once(live_tenant, settings, api):
    settings.CRON_TOKEN = "a-long-random-token"
    made = api.post("integrations", {"provider": "notion"}).json()["id"]
    from integrations.scheduling import due

    due.ask(made)
    assert call(HostClient()).json() == {"woken": 1}
    assert call(HostClient()).json() == {"woken": 0}, "the wake-up was sent a moment ago"


def test_inline_runs_here_and_wakes_nobody(live_tenant, settings, api, notion):
    settings.CRON_TOKEN = "a-long-random-token"
    home = api.post("integrations", {"provider": "notion"})["Location"]
    api.post(f"{home}/credentials", {"token": "ntn_sandbox_demo"})
    tables = {one["name"]: one["id"] for one in api.get(f"{home}/collections").json()["items"]}
    api.post(f"{home}/streams", {"collection": tables["Contacts"], "entity": "contact"})
    api.post(f"{home}/activate")
    told = call(HostClient(), query="?inline=1").json()
    assert told["woken"] == 0
    assert told["ran"] >= 1
    assert api.all("runs")[0]["state"] == "done"
    assert call(HostClient(), query="?inline=1").json() == {"woken": 0, "ran": 0}
    assert Due.objects.get().leased_until is None
