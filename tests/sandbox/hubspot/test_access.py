"""Who may ask, and how often: tokens, scopes, OAuth, limits, faults."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from integrations.sandbox.hubspot.base import (
    APP_ID,
    CLIENT_ID,
    CLIENT_SECRET,
    DEMO_TOKEN,
    DEVELOPER_KEY,
    READ_ONLY_TOKEN,
)
from tests.sandbox.hubspot import spec

LIST = "/crm/v3/objects/contacts"
CLIENT = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}


def test_tokens_and_scopes(http, control):
    assert http.get(LIST, headers={"Authorization": "Bearer nobody"}).json()["category"] == "INVALID_AUTHENTICATION"
    read_only = {"Authorization": f"Bearer {READ_ONLY_TOKEN}"}
    answer = http.post(LIST, json={"properties": {"firstname": "x"}, "associations": []}, headers=read_only)
    assert (answer.status_code, answer.json()["category"]) == (403, "MISSING_SCOPES")
    assert answer.json()["errors"][0]["context"]["requiredGranularScopes"] == ["crm.objects.contacts.write"]
    control.revoke_token(DEMO_TOKEN)
    assert http.get(LIST).status_code == 401


def granted(server, **more):
    asked = {
        "client_id": CLIENT_ID,
        "redirect_uri": "https://raccord.example/back",
        "scope": "oauth crm.objects.contacts.read",
    }
    with httpx.Client(base_url=server.url("hubspot")) as browser:
        page = browser.get(
            "/oauth/authorize", params=asked | {"state": "s1", "optional_scope": "crm.objects.deals.read"} | more
        )
        form = dict(re.findall(r'name="(\w+)" value="([^"]*)"', page.text))
        owner = re.search(r'<option value="(\d+)"', page.text)[1]
        back = browser.post("/oauth/authorize", data=form | {"owner": owner, "decision": "allow"})
    query = parse_qs(urlsplit(back.headers["location"]).query)
    assert query["state"] == ["s1"]
    return query["code"][0]


def token(server, **form):
    with httpx.Client(base_url=server.url("hubspot")) as client:
        answer = client.post("/oauth/v3/token", data=CLIENT | form)
    if answer.status_code == 200 and spec.AVAILABLE:
        told = answer.json()
        assert {"access_token", "expires_in", "refresh_token", "token_type", "token_use"} <= told.keys()
    return answer.json()


def exchange(server, code, **more):
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": "https://raccord.example/back"}
    return token(server, **(form | more))


def test_code_works_once_and_a_refresh_keeps_its_token(server, control, http):
    code = granted(server)
    first = exchange(server, code)
    assert first["expires_in"] == 1800 and len(first["access_token"]) >= 300 and first["hub_id"] == 62515
    assert first["scopes"] == ["oauth", "crm.objects.contacts.read", "crm.objects.deals.read"]
    assert exchange(server, code)["status"] == "BAD_AUTH_CODE"
    again = token(server, grant_type="refresh_token", refresh_token=first["refresh_token"])
    assert again["refresh_token"] == first["refresh_token"] and again["access_token"] != first["access_token"]
    for one in (first, again):
        assert http.get(LIST, headers={"Authorization": f"Bearer {one['access_token']}"}).status_code == 200
    control.shift(1801)
    answer = http.get(LIST, headers={"Authorization": f"Bearer {again['access_token']}"})
    assert answer.json()["category"] == "EXPIRED_AUTHENTICATION" and answer.json()["context"]["expire time"]


def test_verifier_of_pkce_is_checked(server, control):
    import base64
    import hashlib

    challenge = base64.urlsafe_b64encode(hashlib.sha256(b"v" * 50).digest()).decode().rstrip("=")
    ask = {"code_challenge": challenge, "code_challenge_method": "S256"}
    assert exchange(server, granted(server, **ask))["status"] == "BAD_CODE_VERIFIER"
    assert "access_token" in exchange(server, granted(server, **ask), code_verifier="v" * 50)


@pytest.mark.parametrize(
    ("form", "status"),
    [
        ({"client_secret": "wrong"}, "BAD_CLIENT_SECRET"),
        ({"client_id": "wrong"}, "BAD_CLIENT_ID"),
        ({"grant_type": "refresh_token", "refresh_token": "wrong"}, "BAD_REFRESH_TOKEN"),
    ],
)
def test_refusals_of_the_token_endpoint(server, control, form, status):
    assert token(server, **({"grant_type": "refresh_token"} | form))["status"] == status


def test_introspection_and_revoking(server, control, http):
    first = exchange(server, granted(server))
    with httpx.Client(base_url=server.url("hubspot")) as client:
        told = client.post("/oauth/v3/token/introspect", data=CLIENT | {"token": first["access_token"]}).json()
        assert (told["active"], told["hub_id"], told["app_id"]) == (True, 62515, APP_ID)
        client.post("/oauth/v3/token/revoke", data=CLIENT | {"token": first["refresh_token"]})
        told = client.post("/oauth/v3/token/introspect", data=CLIENT | {"token": first["access_token"]}).json()
    assert told == {"active": False}
    assert (
        token(server, grant_type="refresh_token", refresh_token=first["refresh_token"])["status"] == "BAD_REFRESH_TOKEN"
    )


def test_bursts_and_searches_have_limits_of_their_own(http, control):
    control.limit(1_000_000)
    told = http.get("/account-info/v3/details").headers
    assert (told["X-HubSpot-RateLimit-Max"], told["X-HubSpot-RateLimit-Interval-Milliseconds"]) == ("100", "10000")
    control.post("burst_limits", searches_per_second=0)
    search = {"filterGroups": [], "sorts": [], "properties": [], "limit": 1, "after": "0"}
    refused = http.post(f"{LIST}/search", json=search)
    assert (refused.status_code, refused.json()["category"]) == (429, "RATE_LIMITS")
    assert not [name for name in refused.headers if "ratelimit" in name or name == "retry-after"]
    assert http.get(LIST).status_code == 200
    control.post("burst_limits", per_ten_seconds=0)
    refused = http.get(LIST)
    assert refused.json()["policyName"] == "TEN_SECONDLY_ROLLING" and "retry-after" not in refused.headers


def test_daily_quota(http, control):
    control.limit(1_000_000)
    control.post("daily_limit", left=1)
    assert http.get("/account-info/v3/details").status_code == 200
    assert http.get("/account-info/v3/details").json()["policyName"] == "DAILY"


def test_webhooks_are_set_up_with_the_developer_key(http):
    path, key = f"/webhooks/v3/{APP_ID}", {"hapikey": DEVELOPER_KEY}
    assert http.put(f"{path}/settings", json={}).status_code == 401
    settings = {"targetUrl": "https://raccord.example/hook", "throttling": {"maxConcurrentRequests": 10}}
    assert http.put(f"{path}/settings", params=key, json=settings).json()["targetUrl"] == settings["targetUrl"]
    one = {"eventType": "contact.propertyChange", "propertyName": "email", "active": True}
    assert http.post(f"{path}/subscriptions", params=key, json=one).status_code == 201
    assert len(http.get(f"{path}/subscriptions", params=key).json()["results"]) == 1
