"""Signing in at Airtable: PKCE, codes that die at first use, pairs of tokens that rotate."""

from __future__ import annotations

import base64
import hashlib
import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from integrations.sandbox.airtable.base import CLIENT_ID, CLIENT_SECRET, PUBLIC_CLIENT_ID
from integrations.sandbox.client import Control

BACK = "http://localhost:8000/oauth/airtable/callback"
VERIFIER = "v" * 64
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
ASK = {
    "client_id": CLIENT_ID,
    "redirect_uri": BACK,
    "response_type": "code",
    "scope": "data.records:read schema.bases:read",
    "state": "s" * 16,
    "code_challenge": CHALLENGE,
    "code_challenge_method": "S256",
}


def consent(http: httpx.Client, decision: str = "allow", share: bool = True, **more: str) -> dict[str, str]:
    """Fill in the consent page as a person would; the query of the redirect."""
    page = http.get("/oauth2/v1/authorize", params=ASK | more).text
    form = dict(re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', page))
    bases = re.findall(r'name="(base-[^"]+)"', page)
    assert bases
    form |= dict.fromkeys(bases if share else [], "on")
    answer = http.post("/oauth2/v1/authorize", data=form | {"decision": decision})
    location = answer.headers["Location"]
    assert location.startswith(BACK)
    return {name: found[0] for name, found in parse_qs(urlsplit(location).query).items()}


def token(
    http: httpx.Client, client: str = CLIENT_ID, secret: str = CLIENT_SECRET, **form: str
) -> tuple[int, dict[str, Any]]:
    basic = base64.b64encode(f"{client}:{secret}".encode()).decode()
    headers = {"Authorization": f"Basic {basic}"} if secret else {"Authorization": ""}
    answer = http.post("/oauth2/v1/token", data=form if secret else form | {"client_id": client}, headers=headers)
    return answer.status_code, answer.json()


def exchange(http: httpx.Client, code: str, **more: str) -> tuple[int, dict[str, Any]]:
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": BACK, "code_verifier": VERIFIER}
    return token(http, **(form | more))


def refresh(http: httpx.Client, held: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    return token(http, grant_type="refresh_token", refresh_token=held["refresh_token"])


def may(http: httpx.Client, held: dict[str, Any]) -> httpx.Response:
    return http.get("/v0/meta/bases", headers={"Authorization": f"Bearer {held['access_token']}"})


@pytest.fixture
def held(http: httpx.Client) -> dict[str, Any]:
    status, tokens = exchange(http, consent(http)["code"])
    assert status == 200
    return tokens


def test_consent_leads_to_a_pair_of_tokens(http: httpx.Client, held: dict[str, Any]) -> None:
    assert (held["token_type"], held["expires_in"], held["refresh_expires_in"]) == ("Bearer", 3600, 5184000)
    assert may(http, held).json()["bases"]
    who = http.get("/v0/meta/whoami", headers={"Authorization": f"Bearer {held['access_token']}"}).json()
    assert who["scopes"] == ASK["scope"].split() and "email" not in who


def test_a_token_may_see_no_base_at_all(http: httpx.Client) -> None:
    _, tokens = exchange(http, consent(http, share=False)["code"])
    assert may(http, tokens).json() == {"bases": []}


def test_a_refusal_comes_back(http: httpx.Client) -> None:
    back = consent(http, decision="cancel")
    assert (back["error"], back["state"]) == ("access_denied", ASK["state"])


@pytest.mark.parametrize(
    "wrong",
    [
        {"state": "short"},
        {"code_challenge": ""},
        {"code_challenge_method": "plain"},
        {"scope": "data.records:read data.records:read"},
        {"scope": "everything"},
        {"redirect_uri": "http://elsewhere.example/"},
        {"client_id": "nobody"},
    ],
)
def test_a_wrong_question_is_answered_with_a_page(http: httpx.Client, wrong: dict[str, str]) -> None:
    assert http.get("/oauth2/v1/authorize", params=ASK | wrong).status_code == 400


@pytest.mark.parametrize("wrong", [{"code_verifier": "w" * 64}, {"redirect_uri": "https://elsewhere.example/"}])
def test_a_code_dies_at_its_first_use_also_when_that_fails(http: httpx.Client, wrong: dict[str, str]) -> None:
    code = consent(http)["code"]
    assert exchange(http, code, **wrong)[1]["error"] == "invalid_grant"
    assert exchange(http, code)[0] == 400


def test_a_code_lives_ten_minutes(http: httpx.Client, control: Control) -> None:
    code = consent(http)["code"]
    control.advance(601)
    assert exchange(http, code)[1]["error"] == "invalid_grant"


def test_the_secret_goes_into_the_header_and_without_one_the_form_names_the_client(http: httpx.Client) -> None:
    assert token(http, secret="wrong", grant_type="refresh_token")[1]["error"] == "invalid_client"
    assert token(http, client=CLIENT_ID, secret="", grant_type="refresh_token")[0] == 401
    code = consent(http, client_id=PUBLIC_CLIENT_ID)["code"]
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": BACK, "code_verifier": VERIFIER}
    assert token(http, client=PUBLIC_CLIENT_ID, secret="", **form)[0] == 200


def test_refreshing_rotates_both_and_kills_the_former(
    http: httpx.Client, control: Control, held: dict[str, Any]
) -> None:
    status, second = refresh(http, held)
    assert status == 200 and may(http, second).status_code == 200
    assert may(http, held).status_code == 401
    assert refresh(http, held)[0] == 409  # at the same moment
    control.advance(60)
    assert refresh(http, held) == (
        400,
        {"error": "invalid_grant", "error_description": "The refresh token is used, expired or revoked"},
    )


def test_tokens_grow_old(http: httpx.Client, control: Control, held: dict[str, Any]) -> None:
    control.advance(3601)
    assert may(http, held).status_code == 401
    status, second = refresh(http, held)
    assert status == 200
    control.advance(61 * 86400)
    assert refresh(http, second)[1]["error"] == "invalid_grant"
