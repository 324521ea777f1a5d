from io import StringIO

import pytest
from django.core.management import CommandError, call_command

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
    made = tenant_client.post("/settings/tokens/", {"name": "Script", "role": "viewer"})
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
