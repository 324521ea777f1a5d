from __future__ import annotations

import base64
import re
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from notion_client import APIResponseError

from integrations.sandbox.notion.base import CLIENT_ID, CLIENT_SECRET
from tests.sandbox import spec
from tests.sandbox.conftest import connect

BACK = "http://127.0.0.1:8000/oauth/notion/callback"
ASK = {"owner": "user", "client_id": CLIENT_ID, "redirect_uri": BACK, "response_type": "code", "state": "abc"}


@pytest.fixture
def browser(sandbox, control):
    with httpx.Client(base_url=sandbox.url("notion") + "/v1/") as client:
        yield client


def consent(browser, decision: str = "allow", without: str = "") -> dict[str, list[str]]:
    """Fill in the consent page as a person would; the query of the redirect."""
    page = browser.get("oauth/authorize", params=ASK).text
    form = dict(re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', page))
    form["user"] = re.search(r'<option value="([^"]+)">Ada', page)[1]
    form |= {name: "on" for name, label in re.findall(r'name="(db-[^"]+)" checked> ([^<]+)<', page) if label != without}
    answer = browser.post("oauth/authorize", data=form | {"decision": decision})
    assert answer.headers["Location"].startswith(BACK)
    return parse_qs(urlsplit(answer.headers["Location"]).query)


def ask(browser, endpoint: str = "token", secret: str = CLIENT_SECRET, **body) -> tuple[int, dict]:
    basic = base64.b64encode(f"{CLIENT_ID}:{secret}".encode()).decode()
    answer = browser.post(f"oauth/{endpoint}", json=body, headers={"Authorization": f"Basic {basic}"})
    spec.check_response("POST", f"/v1/oauth/{endpoint}", answer.status_code, answer.json())
    return answer.status_code, answer.json()


def exchange(browser, code: str, back: str = BACK) -> tuple[int, dict]:
    return ask(browser, grant_type="authorization_code", code=code, redirect_uri=back)


def test_consent_leads_to_a_working_token(browser, sandbox, crm):
    back = consent(browser)
    assert back["state"] == ["abc"]
    status, tokens = exchange(browser, back["code"][0])
    assert (status, tokens["workspace_name"]) == (200, "Acme Studio")
    assert tokens["owner"]["user"]["person"]["email"] == "ada@acme.example"
    assert connect(sandbox, tokens["access_token"]).users.me()["id"] == tokens["bot_id"]


def test_only_chosen_databases_are_visible(browser, sandbox, crm):
    _, tokens = exchange(browser, consent(browser, without="Deals")["code"][0])
    notion = connect(sandbox, tokens["access_token"])
    assert notion.data_sources.retrieve(crm["Contacts"])
    with pytest.raises(APIResponseError):
        notion.data_sources.retrieve(crm["Deals"])


def test_refusal_comes_back_as_access_denied(browser):
    assert consent(browser, decision="cancel") == {"error": ["access_denied"], "state": ["abc"]}


def test_a_code_works_once_and_for_its_redirect_only(browser):
    code = consent(browser)["code"][0]
    assert exchange(browser, code, back="http://elsewhere.example/")[1]["error"] == "invalid_grant"
    assert exchange(browser, code)[0] == 200
    assert exchange(browser, code)[0] == 400


def test_refreshing_rotates_both_tokens(browser, sandbox):
    _, first = exchange(browser, consent(browser)["code"][0])
    status, second = ask(browser, grant_type="refresh_token", refresh_token=first["refresh_token"])
    assert (status, second["bot_id"]) == (200, first["bot_id"])
    assert connect(sandbox, second["access_token"]).users.me()
    with pytest.raises(APIResponseError):
        connect(sandbox, first["access_token"]).users.me()
    assert ask(browser, grant_type="refresh_token", refresh_token=first["refresh_token"])[1]["error"] == "invalid_grant"


def test_a_wrong_secret_is_an_invalid_client(browser):
    status, body = ask(browser, secret="wrong", grant_type="refresh_token", refresh_token="x")
    assert (status, body["error"]) == (401, "invalid_client")


def test_revoked_token_is_inactive(browser, sandbox):
    _, tokens = exchange(browser, consent(browser)["code"][0])
    assert ask(browser, "introspect", token=tokens["access_token"])[1]["active"]
    assert ask(browser, "revoke", token=tokens["access_token"])[0] == 200
    assert not ask(browser, "introspect", token=tokens["access_token"])[1]["active"]
    with pytest.raises(APIResponseError):
        connect(sandbox, tokens["access_token"]).users.me()
