"""What differs between providers is data: the same way leads to each that the sandbox plays, and its grants are renewed."""

from __future__ import annotations

from contextlib import closing
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from django.utils import timezone

from integrations.adapters import errors
from integrations.adapters.registry import adapters
from integrations.models import Grant, IntegrationInstance
from integrations.oauth import gateway
from integrations.oauth.exchange import OurApp, Tokens, exchange, oauth_of, refresh
from integrations.oauth.models import Visit
from integrations.services import connect
from integrations.services.adapters import open_adapter
from tests.integrations.oauth.conftest import PLAYED, consent, left


@pytest.mark.parametrize("slug", PLAYED)
def test_out_back_and_renewed(slug, live_tenant, played):
    control = played(slug)
    integration = connect.start(slug)
    away = gateway.leave(integration, live_tenant, live_tenant.owner)
    assert ("code_challenge" in away) == oauth_of(slug).pkce
    back = parse_qs(urlsplit(consent(away)).query)
    gateway.finish(gateway.come_back(slug, back["state"][0], back["code"][0], ""))
    before = Grant.objects.get().tokens.open()

    now = timezone.now()
    Grant.objects.update(renewed_at=now - timedelta(hours=2), expires_at=now - timedelta(hours=1))
    control.clear_log()
    integration = IntegrationInstance.objects.get()
    with closing(open_adapter(integration)) as adapter:
        assert adapter.check().id == integration.account_id
    after = Grant.objects.get().tokens.open()
    assert after["token"] != before["token"]
    assert (after["refresh_token"] != before["refresh_token"]) == oauth_of(slug).rotates
    assert [one["path"].endswith("/token") for one in control.log()["entries"]].count(True) == 1


def test_two_who_renew_at_the_same_moment_there(tenant, played):
    """Airtable tells the second one to wait; nobody's grant has ended."""
    played("airtable")
    away = gateway.leave(connect.start("airtable"), tenant, tenant.owner)
    code = parse_qs(urlsplit(consent(away)).query)["code"][0]
    app, visit = OurApp.at("airtable"), Visit.objects.get()
    tokens = exchange(app, code, gateway.redirect_uri("airtable"), visit.verifier.open())
    assert refresh(app, tokens.refresh_token).refresh_token != tokens.refresh_token
    with pytest.raises(errors.VersionMismatch):
        refresh(app, tokens.refresh_token)


@pytest.mark.parametrize("slug", [slug for slug in PLAYED if slug in adapters() and oauth_of(slug).scopes])
def test_each_scope_is_explained_before_leaving(slug, tenant_client, played):
    played(slug)
    page = tenant_client.get(f"/connections/new/{slug}/").content.decode()
    for scope in oauth_of(slug).scopes:
        assert f">{scope.name}</code>" in page
    asked = parse_qs(urlsplit(left(tenant_client.post(f"/connections/new/{slug}/", {"name": "Mine"}))).query)
    needed = {scope.name for scope in oauth_of(slug).scopes if not scope.optional}
    assert set(asked["scope"][0].split()) == needed


def test_an_api_caller_is_told_where_a_person_signs_in(tenant, played, sign_in, tenant_client):
    from tenants import tokens
    from tests.integrations.api.conftest import Api

    integration = connect.start("notion")
    caller = Api(tenant, tokens.create_token(tenant, "Script")[1])
    refused = caller.post(f"integrations/{integration.pk}/sign-in")
    assert refused.status_code == 409 and refused.json()["code"] == "no_oauth_app"
    played("notion")
    url = caller.post(f"integrations/{integration.pk}/sign-in").json()["url"]
    assert url.startswith(tenant.url)
    page = tenant_client.get(url.removeprefix(tenant.url)).content.decode()
    assert "Sign in at Notion" in page


# --- the forms that answers come in -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "lives", "refresh_token", "scope"),
    [
        ({"expires_in": 3599, "scope": "a b"}, 3599, "old", "a b"),  # Google: no new refresh token
        ({"expires_in": "60", "refresh_token": "new"}, 60, "new", ""),  # seconds as text
        ({"expires_at": "2031-01-01T00:00:00Z", "refresh_token": "old"}, "2031", "old", ""),  # Square
        ({"refresh_token": None, "scopes": ["a", "b"]}, 3600, "old", "a b"),  # neither, and a list
    ],
)
def test_answers_in_their_forms(answer, lives, refresh_token, scope):
    now = timezone.now()
    oauth = oauth_of("airtable")
    read = Tokens.read({"access_token": "t"} | answer, oauth, now).after("old")
    assert (read.refresh_token, read.scope) == (refresh_token, scope)
    assert read.expires_at.year == 2031 if lives == "2031" else read.expires_at == now + timedelta(seconds=lives)
    assert Tokens.from_json(read.to_json()) == read
    assert read.renew_by == now + timedelta(days=30)
