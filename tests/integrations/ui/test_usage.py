"""What a connection asked of its tool is added up, and shown to its people, to programs and to staff."""

from __future__ import annotations

from itertools import count

import pytest
from django.db import connection
from django_tenants.utils import tenant_context

from integrations.adapters.base import RateLimit
from integrations.catalog.models import Calls, Provider
from integrations.models import IntegrationInstance, Status
from integrations.scheduling.models import Priority
from integrations.services import calls, lifecycle, quota, setup, streams
from integrations.services.adapters import account_name, limiter, limits_of, open_adapter, open_with
from integrations.transport.quota import Quota
from integrations.transport.stats import Stats
from tenants import tokens
from tenants.models import User
from tests.integrations.api.conftest import Api
from tests.integrations.ui.conftest import OTHER_ACCOUNT, TOKEN, url


def test_the_calls_of_a_connection_are_added_up_by_day(begun):
    assert calls.of_today(begun).requests == 0
    streams.collections(begun)
    before = calls.of_today(begun).requests
    assert before > 0
    calls.add(begun, Stats(requests=1203, retries=2, refused=1, waited=3.4, told=(Quota(248_796, 250_000, 86_400.0),)))
    calls.add(begun, Stats(requests=1, waited=0.2))
    row = Calls.objects.get(integration_id=begun.pk)
    assert row.requests == before + 1204 and row.tenant == connection.tenant and row.provider == "notion"
    assert (row.retries, row.refused, row.left, row.of) == (2, 1, 248_796, 250_000)
    assert row.waited == pytest.approx(3.6, abs=0.5)


@pytest.fixture
def working(begun):
    """Past the wizard, and it has asked for something."""
    streams.collections(begun)
    IntegrationInstance.objects.filter(pk=begun.pk).update(status=Status.ACTIVE, setup_step="done")
    begun.refresh_from_db()
    return begun


def test_the_page_says_how_much_was_asked_and_how_much_is_left(working, tenant_client):
    calls.add(working, Stats(requests=1204, refused=2, waited=3.0, told=(Quota(248_796, 250_000, 86_400.0),)))
    html = tenant_client.get(url("detail", working.pk)).content.decode()
    used = quota.usage(working)
    assert f"{used.requests:,} of 250,000" in html
    assert "248,796 left for all who use the account" in html
    assert f"{used.fills[0].used} in the last minute of the 180 that Notion allows" in html
    assert "held back for 3 seconds to stay within the limit" in html
    assert "Notion asked to slow down 2 times" in html


def test_a_documented_day_is_reckoned_where_the_tool_does_not_tell(tenant):
    hubspot = IntegrationInstance.objects.create(provider="hubspot", name="HubSpot", account_id="7")
    for _ in range(3):
        limiter().ask(account_name("hubspot", "7"), limits_of(Provider.objects.get(slug="hubspot")))
    found = quota.usage(hubspot)
    assert (found.left, found.of) == (249_997, 250_000)
    assert [(fill.limit, fill.used) for fill in found.fills] == [(RateLimit(100, 10), 3)]


def test_integrations_and_tenants_on_one_account_share_its_bucket(begun, other_tenant):
    names = count()

    def bucket(token):
        made = setup.create("notion", f"Wiki {next(names)}", {"token": token})
        return open_adapter(made).transport.bucket

    mine = open_adapter(begun).transport.bucket
    assert mine == f"notion:{begun.account_id}"
    assert bucket(TOKEN) == mine != bucket(OTHER_ACCOUNT)
    with tenant_context(other_tenant):
        assert bucket(TOKEN) == mine
    unknown = open_with("notion", {"token": TOKEN}).transport.bucket  # nobody has said yet whose key it is
    assert unknown != mine and TOKEN not in unknown


def test_staff_replace_the_limits_of_the_account_and_not_that_of_a_part(db):
    ten_seconds, search, day = RateLimit(100, 10), RateLimit(5, 1, path=r"/search$"), RateLimit(250_000, 86_400)
    provider = Provider.objects.get(slug="hubspot")
    assert limits_of(provider) == (ten_seconds, search, day)
    provider.requests_per_minute = 600
    assert limits_of(provider) == (RateLimit(600, 60), search)


def test_a_pause_is_told_on_the_page(working, tenant_client):
    provider = Provider.objects.get(slug="notion")
    limiter().pause(limiter().places(f"notion:{working.account_id}", limits_of(provider)), 50)
    assert "seconds, as Notion asked" in tenant_client.get(url("detail", working.pk)).content.decode()


def test_programs_read_it_too(working, tenant):
    calls.add(working, Stats(requests=10, waited=3.0))
    _row, token = tokens.create_token(tenant, "Watcher", "viewer")
    told = Api(tenant, token).get(f"integrations/{working.pk}/usage").json()
    assert told["requests"] >= 10 and told["waited_seconds"] >= 3 and told["of"] is None
    (limit,) = told["limits"]
    assert (limit["requests"], limit["seconds"], limit["paused_seconds"]) == (180, 60, 0)
    assert limit["used"] > 0


def test_staff_see_it_by_provider_and_by_day(begun, sign_in):
    calls.add(begun, Stats(requests=123_456, refused=77, waited=4321.0))
    staff = sign_in(User.objects.create_user("staff@raccord.example", is_staff=True, is_superuser=True))
    providers = staff.get("/admin/catalog/provider/").content.decode()
    days = staff.get("/admin/catalog/calls/").content.decode()
    for shown in ("77", "4,32"):
        assert shown in providers and shown in days
    assert staff.get(f"/admin/catalog/calls/{Calls.objects.get().pk}/change/").status_code == 200
    assert staff.get("/admin/catalog/calls/add/").status_code == 403


def test_what_was_counted_goes_with_the_connection_and_with_time(working):
    assert calls.forget_before(calls.today()) == 0
    assert Calls.objects.filter(integration_id=working.pk).exists()
    lifecycle.delete(working)
    assert not Calls.objects.filter(integration_id=working.pk).exists()


def test_a_runs_priority_reaches_the_limiter(begun):
    adapter = open_adapter(begun, lambda _is_write: None, Priority.BACKFILL)
    assert adapter.transport.priority == Priority.BACKFILL
    assert open_adapter(begun).transport.priority == Priority.PERSON
