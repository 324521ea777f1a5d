"""Settings › Organisation."""

import datetime as dt

import pytest
from django.db import connection
from django_tenants.utils import schema_exists

from tenants.models import Tenant

HOME = "/settings/"
FORM = {"name": "Acme & Co", "timezone": "America/Lima", "currency": "CHF", "language": "fr"}


def test_it_is_changed_and_says_by_whom(tenant, tenant_client):
    assert tenant_client.post(HOME, FORM).status_code == 303
    fresh = Tenant.objects.get(pk=tenant.pk)
    assert (fresh.name, str(fresh.timezone), fresh.currency, fresh.language) == tuple(FORM.values())
    assert fresh.changed_by == tenant.owner.name
    assert "Last changed by Olga Acme" in tenant_client.get(HOME, headers={"Accept-Language": "en"}).content.decode()


@pytest.mark.parametrize("role", ["viewer", "member"])
def test_others_see_it_and_who_may(tenant, member, sign_in, role):
    browser = sign_in(member(role), tenant)
    text = browser.get(HOME).content.decode()
    assert "Olga Acme can change these" in text and "disabled" in text and "/settings/delete/" not in text
    assert browser.post(HOME, FORM).status_code == 403


def test_times_are_shown_by_the_persons_clock_else_the_organisations(tenant, tenant_client):
    tenant.owner.memberships.update(seen_at=dt.datetime(2026, 1, 5, 12, tzinfo=dt.UTC))
    Tenant.objects.filter(pk=tenant.pk).update(changed_at=dt.datetime(2026, 1, 5, 12, tzinfo=dt.UTC), changed_by="Olga")
    assert "2026-01-05T13:00:00+01:00" in tenant_client.get(HOME).content.decode(), "Paris"
    asked = {"name": "Olga", "language": "en", "theme": "", "timezone": "Asia/Tokyo"}
    assert tenant_client.post("/preferences/", asked).status_code == 303
    assert "2026-01-05T21:00:00+09:00" in tenant_client.get(HOME).content.decode()
    assert tenant_client.post("/preferences/", asked | {"timezone": ""}).status_code == 303
    assert "2026-01-05T13:00:00+01:00" in tenant_client.get(HOME).content.decode()


def test_only_an_owner_deletes_it(tenant, member, sign_in):
    browser = sign_in(member("admin"), tenant)
    assert browser.get("/settings/delete/").status_code == 403
    assert browser.post("/settings/delete/", {"slug": tenant.slug}).status_code == 403


@pytest.mark.servers
def test_it_is_deleted_once_its_address_is_typed(live_tenant, sign_in):
    browser = sign_in(live_tenant.owner, live_tenant)
    page = browser.get("/settings/delete/")
    assert "There is no way back" in page.content.decode()
    assert browser.post("/settings/delete/", {"slug": "other"}).status_code == 422
    assert schema_exists(live_tenant.schema_name)
    answer = browser.post("/settings/delete/", {"slug": live_tenant.slug})
    assert answer["Location"].endswith("/organisations/")
    connection.set_schema_to_public()
    assert not schema_exists(live_tenant.schema_name) and not Tenant.objects.filter(slug=live_tenant.slug).exists()
