from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from tenants import tokens
from tenants.models import ApiToken


def test_a_token_is_found_by_itself_and_by_nothing_else(tenant):
    row, plain = tokens.create_token(tenant, "Script", "member", tenant.owner)
    assert plain.startswith("rac_") and tokens.find(plain) == row
    assert tokens.find(plain[:-1]) is None and tokens.find(row.digest) is None and tokens.find("") is None
    assert plain not in str(list(ApiToken.objects.values()))


def test_use_is_remembered(tenant):
    row, plain = tokens.create_token(tenant, "Script")
    tokens.find(plain)
    row.refresh_from_db()
    assert row.used_at


def test_a_revoked_token_is_unknown(tenant, other_tenant):
    row, plain = tokens.create_token(tenant, "Script")
    assert not tokens.revoke(other_tenant, row.pk) and tokens.find(plain)
    assert tokens.revoke(tenant, row.pk) and tokens.find(plain) is None


def test_the_page_shows_a_token_once(tenant_client):
    made = tenant_client.post("/settings/tokens/", {"name": "Script", "scopes": ["records.read"], "days": "30"})
    plain = made.context["plain"]
    assert plain in made.content.decode() and made["Cache-Control"].startswith("max-age=0")
    assert plain not in tenant_client.get("/settings/tokens/").content.decode()
    tenant_client.post(f"/settings/tokens/{tokens.find(plain).pk}/revoke/")
    assert tokens.find(plain) is None


def test_the_command_prints_the_token_alone(tenant):
    out = StringIO()
    call_command("create_api_token", "acme", "--role", "viewer", stdout=out)
    assert tokens.find(out.getvalue().strip()).role == "viewer"
    with pytest.raises(CommandError, match="no tenant"):
        call_command("create_api_token", "nobody")


def test_a_token_may_what_was_chosen_and_no_more(tenant):
    from tests.integrations.api.conftest import Api

    _row, plain = tokens.create_token(tenant, "Reader", scopes=["records.read", "syncs.run"])
    api = Api(tenant, plain)
    assert api.get("records/contact").status_code == 200
    refused = api.post("records/contact", {"name": "Ada"})
    assert refused.status_code == 403 and "records.write" in refused.json()["detail"]
    assert api.get("integrations").status_code == 200
    assert api.post("integrations", {"provider": "notion", "name": "Wiki"}).status_code == 403
    assert api.get("webhook-endpoints").status_code == 403
    _row, writer = tokens.create_token(tenant, "Writer", scopes=["webhooks.manage"])
    assert Api(tenant, writer).get("webhook-endpoints").status_code == 200
    assert Api(tenant, writer).get("records/contact").status_code == 403


def test_a_token_without_scopes_may_what_its_role_may(tenant):
    row, _plain = tokens.create_token(tenant, "Old", "member")
    assert tokens.allows(row.role, row.scopes, "records", "member")
    assert not tokens.allows(row.role, row.scopes, "syncs", "admin")


def test_a_token_ends_by_itself(tenant, tenant_client):
    row, plain = tokens.create_token(tenant, "Short", days=1)
    assert tokens.find(plain)
    ApiToken.objects.update(expires_at=timezone.now())
    assert tokens.find(plain) is None
    assert "Expired" in tenant_client.get("/settings/tokens/").content.decode()
