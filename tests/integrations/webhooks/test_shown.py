"""What people, programs and staff see of webhooks."""

from __future__ import annotations

import datetime as dt

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from integrations.api.schemas.integrations import Integration
from integrations.catalog.models import Provider
from integrations.models import IntegrationInstance, Status
from integrations.webhooks import health
from tests.clients import HostClient
from tests.integrations.ui.conftest import url


@pytest.fixture
def made(tenant):
    def make(provider="memo", name="Memo"):
        return IntegrationInstance.objects.create(
            provider=provider,
            name=name,
            status=Status.ACTIVE,
            setup_step="done",
            account_id="workspace-1",
            activated_at=timezone.now(),
        )

    return make


def page(client, integration):
    return " ".join(client.get(url("detail", integration.pk)).content.decode().split())


def test_a_connection_says_how_it_is_called(memo, made, listens, tenant_client):
    integration = made()
    until = timezone.now() + dt.timedelta(days=6)
    row = listens(provider="memo", integration_id=integration.pk)
    assert "being set up" in page(tenant_client, integration)
    row.remote_id, row.expires_at = "hook-1", until
    row.save()
    assert "ready, no call yet" in page(tenant_client, integration)
    row.heard_at = timezone.now() - dt.timedelta(minutes=2)
    row.save()
    html = page(tenant_client, integration)
    assert "last heard <time" in html and "prolonged until" in html
    assert Integration.of(integration).webhooks.dict() == {
        "state": "on",
        "heard_at": row.heard_at,
        "expires_at": until,
        "code": "",
    }
    for code, words in (
        ("access_denied", "does not let this connection ask for calls"),
        ("unavailable", "does not answer at the moment"),
        ("not_https", "no https address"),
    ):
        row.problem_code = code
        row.save()
        assert words in page(tenant_client, integration)
        assert Integration.of(integration).webhooks.code == code


def test_an_app_that_staff_have_not_set_up_is_told(made, tenant_client):
    integration = made("notion", "Notion")
    assert "not set up; changes are found by the schedule" in page(tenant_client, integration)
    provider = Provider.objects.get(slug="notion")
    provider.hook_secret = "secret"
    provider.save()
    assert "ready, no call yet" in page(tenant_client, integration)


def test_one_that_is_signed_with_the_client_secret_needs_no_other(made):
    integration = made("hubspot", "HubSpot")
    assert health.of([integration])[integration.pk].state == "off"
    provider = Provider.objects.get(slug="hubspot")
    provider.client_secret = "secret of the app"
    provider.save()
    assert health.of([integration])[integration.pk].state == "on"


def test_health_of_many_costs_what_one_does(memo, made, listens):
    several = [made(name=f"Memo {number}") for number in range(3)]
    for one in several:
        listens(provider="memo", integration_id=one.pk)
    costs = []
    for some in (several[:1], several):
        with CaptureQueriesContext(connection) as asked:
            assert len(health.of(some)) == len(some)
        costs.append(len(asked))
    assert costs == [2, 2]
    draft = made(name="Draft")
    draft.activated_at = None
    assert health.of([draft]) == {}


def test_staff_find_the_address_and_what_to_do_with_it(tenant, member, settings):
    staff = member(tenant=None)
    staff.is_staff = True
    staff.save()
    browser = HostClient()
    browser.force_login(staff)
    provider = Provider.objects.get(slug="notion")
    html = browser.get(f"/admin/catalog/provider/{provider.pk}/change/").content.decode()
    assert f"{settings.PUBLIC_HOST}:{settings.PUBLIC_PORT}/hooks/notion/" in html and "Handshakes" in html
