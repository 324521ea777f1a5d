"""Calls that come at the same time, and calls beside a run: over real HTTP, each with a connection of its own."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from crm.fields import new_id
from integrations.catalog.models import Provider
from integrations.scheduling import due, leases
from integrations.scheduling.models import Due
from integrations.webhooks import noticing
from integrations.webhooks.models import Heard, Subscription
from tests.integrations.webhooks.calls import SECRET, WORKSPACE, event, signed


@pytest.fixture
def door(live_tenant, live_site):
    """door(body) -> status: Notion calls."""
    provider = Provider.objects.get(slug="notion")
    provider.hook_secret = SECRET
    provider.save()
    address = f"http://127.0.0.1:{live_site.rpartition(':')[2]}/hooks/notion/"
    with httpx.Client(timeout=30) as http:
        headers = {"host": settings.PUBLIC_HOST}
        yield (
            lambda body: (
                http.post(address, content=body, headers=headers | {"x-notion-signature": signed(body)}).status_code
            )
        )
    Heard.objects.all().delete()


@pytest.fixture
def row(live_tenant):
    due.ask(integration_id := new_id())
    yield Subscription.objects.create(
        tenant=live_tenant,
        integration_id=integration_id,
        provider="notion",
        account_id=WORKSPACE,
        collection="table-1",
    )
    due.forget(integration_id)


def test_a_call_does_not_wait_for_a_run(door, row):
    lease = leases.claim(row.integration_id)
    with transaction.atomic():
        lease.hold()  # a run is storing a page: its row is locked until the end
        assert door(event()) == 200
        assert Subscription.objects.get().heard_at is not None
    noticing.notice()
    assert Subscription.objects.get().called_at is not None  # kept until the run is over
    leases.release(lease, None, 2)
    Subscription.objects.update(called_at="2020-01-01T00:00:00Z", heard_at="2020-01-01T00:00:00Z")
    Due.objects.filter(pk=row.integration_id).update(due_at="2100-01-01T00:00:00Z")
    noticing.notice()
    assert Due.objects.get(pk=row.integration_id).due_at <= timezone.now()


def test_what_comes_several_times_at_once_is_one_call(door, row):
    body = event()
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(door, [body] * 8)) == [200] * 8
    assert Heard.objects.count() == 1
    assert Subscription.objects.get().called_at is not None


def test_calls_that_concern_the_same_tables_in_another_order_do_not_block_each_other(door, row):
    for number in range(2, 6):
        Subscription.objects.create(
            tenant=row.tenant,
            integration_id=row.integration_id,
            provider="notion",
            account_id=WORKSPACE,
            collection=f"table-{number}",
        )
    bodies = [event(f"event-{number}", type="page.moved") for number in range(24)]
    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(door, bodies)) == {200}
    assert Heard.objects.count() == 24
