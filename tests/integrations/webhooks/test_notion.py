"""The whole way with Notion's sandbox, over real HTTP: a row is edited there, Notion calls, the run that follows brings it in."""

from __future__ import annotations

import time

import pytest
from django.db import connection

from crm.models import Contact
from integrations.catalog.models import Provider
from integrations.models import RecordLink, SyncLog
from integrations.scheduling import dispatch
from integrations.scheduling.models import Due
from integrations.services import lifecycle
from integrations.webhooks import noticing
from integrations.webhooks.addresses import address_of
from integrations.webhooks.models import Handshake, Heard, Subscription
from tests.integrations.sync.test_two_way import connected, notion, sync

__all__ = ["notion"]


def wait_for(fact, seconds=30):
    until = time.monotonic() + seconds
    while not (found := fact()):
        assert time.monotonic() < until, "it did not happen"
        time.sleep(0.05)
    return found


@pytest.fixture
def calling(live_tenant, live_site, notion, settings):
    """Notion is set up to call us, as staff do it: address there, token here."""
    settings.PUBLIC_PORT = live_site.rpartition(":")[2]
    notion.post("webhooks/subscribe", url=address_of("notion"), window_seconds=0.2)
    shake = wait_for(Handshake.objects.first)
    provider = Provider.objects.get(slug="notion")
    provider.hook_secret = shake.secret.open()
    provider.save()
    yield notion
    notion.reset()  # nobody calls a site that is gone
    Handshake.objects.all().delete()
    Heard.objects.all().delete()


def test_an_edit_there_is_told_and_brought_in(live_tenant, calling):
    integration = connected(live_tenant, ("Contacts", "contact"))
    lifecycle.activate(integration)
    sync(integration)
    row = Subscription.objects.get()
    assert row.collection == integration.streams.get().collection
    Due.objects.filter(pk=integration.pk).update(due_at="2100-01-01T00:00:00Z")

    link = RecordLink.objects.filter(stream__integration=integration).first()
    calling.edit_row(link.remote_id, Phone="+39 02 777")

    def brought_in():
        noticing.notice()
        dispatch.run_if_due(connection.schema_name, integration.pk)
        return Contact.objects.get(pk=link.record_id).phone == "+39 02 777"

    wait_for(brought_in)
    assert SyncLog.objects.filter(integration=integration).first().trigger == "webhook"
    row.refresh_from_db()
    assert row.heard_at is not None
    assert {one["status"] for one in calling.call("GET", "webhooks/deliveries")} == {200}


def test_a_deleted_connection_is_called_no_more(live_tenant, calling):
    integration = connected(live_tenant, ("Contacts", "contact"))
    lifecycle.activate(integration)
    assert Subscription.objects.count() == 1
    lifecycle.delete(integration)
    assert not Subscription.objects.exists()
    calling.edit_row(calling.rows("Contacts")[0]["id"], Phone="+39")
    told = wait_for(lambda: [d for d in calling.call("GET", "webhooks/deliveries") if d["type"] != "handshake"])
    assert {one["status"] for one in told} == {200}  # heard, and nobody's
