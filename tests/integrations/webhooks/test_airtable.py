"""The life of a subscription at Airtable's sandbox, over real HTTP: made, called by, prolonged, made again, ended."""

from __future__ import annotations

import datetime as dt
import json

import pytest
from django.db import connection
from django.utils import timezone

from crm.models import Contact
from integrations.models import RecordLink, SyncLog
from integrations.scheduling import dispatch, due
from integrations.services import connect, lifecycle, streams
from integrations.webhooks import health, noticing, tending
from integrations.webhooks.addresses import address_of
from integrations.webhooks.models import Heard, Subscription
from tests.integrations.webhooks.test_notion import wait_for


@pytest.fixture
def airtable(sandbox, settings, live_tenant, live_site):
    control = sandbox.control.of("airtable")
    control.reset()
    control.seed("crm", contacts=5, companies=1, deals=1, tasks=1)
    settings.PROVIDER_BASE_URLS = {"airtable": sandbox.url("airtable")}
    settings.PUBLIC_PORT = live_site.rpartition(":")[2]
    yield control
    control.reset()  # nobody calls a site that is gone
    Heard.objects.all().delete()


@pytest.fixture
def integration(airtable, live_tenant):
    made = connect.start("airtable")
    connect.connect(made, {"token": "patSandboxDemo.0001"})
    found = {collection.name: collection.id for collection in streams.collections(made)}
    streams.add(made, found["Contacts"], "contact")
    lifecycle.activate(made)
    due.ask(made.pk)
    assert dispatch.run_if_due(connection.schema_name, made.pk) == "done"
    return made


def hooks(airtable):
    return airtable.call("GET", "webhooks/list")


def tend(integration):
    Subscription.objects.update(tend_at=timezone.now() - dt.timedelta(seconds=1))
    assert tending.tend(integration.pk) == 1


def test_from_the_first_call_to_the_end(airtable, integration):
    tend(integration)
    row, (there,) = Subscription.objects.get(), hooks(airtable)
    assert (there["id"], there["url"], there["secret"]) == (
        row.remote_id,
        address_of("airtable", row.pk),
        row.secret.open(),
    )
    assert health.of([integration])[integration.pk].state == "on"

    link = RecordLink.objects.first()
    airtable.edit_row(link.remote_id, Phone="+39 02 777")

    def brought_in():
        noticing.notice()
        dispatch.run_if_due(connection.schema_name, integration.pk)
        return Contact.objects.get(pk=link.record_id).phone == "+39 02 777"

    wait_for(brought_in)
    assert SyncLog.objects.filter(integration=integration).first().trigger == "webhook"
    assert {one["status"] for one in airtable.call("GET", "webhooks/deliveries")} == {200}

    airtable.post("clock", advance=3 * 86400)
    tend(integration)
    renewed = Subscription.objects.get()
    assert renewed.remote_id == row.remote_id and renewed.expires_at > row.expires_at

    airtable.post("clock", advance=8 * 86400)  # nobody prolonged it
    tend(integration)
    anew = Subscription.objects.get()
    assert anew.remote_id != row.remote_id and anew.secret.open() != row.secret.open()
    assert {one["url"] for one in hooks(airtable)} == {address_of("airtable", row.pk)}

    streams.remove(integration.streams.get())
    tending.tend(integration.pk)
    assert not Subscription.objects.exists()
    assert anew.remote_id not in {one["id"] for one in hooks(airtable)}


def test_a_deletion_is_known_from_the_payloads_at_once(airtable, integration):
    tend(integration)
    gone, back = RecordLink.objects.order_by("id")[:2]
    airtable.trash_row(gone.remote_id)
    airtable.trash_row(back.remote_id)
    airtable.restore_row(back.remote_id)  # a person took it out of the trash again before we looked

    def is_known():
        noticing.notice()
        dispatch.run_if_due(connection.schema_name, integration.pk)
        return not Contact.objects.filter(pk=gone.record_id).exists()

    wait_for(is_known)
    assert Contact.objects.filter(pk=back.record_id).exists()
    cursor = json.loads(integration.streams.get().cursor)
    assert cursor["hook"] == Subscription.objects.get().remote_id and cursor["payload"] > 1
    asked = airtable.log()["by_route"]
    due.ask(integration.pk)
    assert dispatch.run_if_due(connection.schema_name, integration.pk) == "done"
    payloads = next(route for route in asked if route.endswith("/payloads"))
    assert airtable.log()["by_route"][payloads] == asked[payloads] + 1  # from where it was, and nothing is there
    assert Contact.objects.filter(pk=back.record_id).exists()


def test_payloads_of_a_webhook_that_went_stop_nothing(airtable, integration):
    tend(integration)
    (there,) = hooks(airtable)
    Subscription.objects.update(remote_id="achGoneGoneGone01")
    due.ask(integration.pk)
    assert dispatch.run_if_due(connection.schema_name, integration.pk) == "done"
    assert there
