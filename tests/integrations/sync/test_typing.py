"""A scheduled run leaves alone what somebody may still be typing, and the next one comes as soon as it has settled."""

from __future__ import annotations

import datetime as dt

from django.db import connection
from django.utils import timezone

from crm import records
from crm.models import Change, Contact
from integrations.models import RecordLink
from integrations.scheduling import dispatch, due
from integrations.scheduling.models import Due
from integrations.services import lifecycle
from tests.integrations.sync.test_two_way import ADA, connected, notion, sync  # noqa: F401 - a fixture


def test_the_next_run_is_planned_for_when_the_edit_has_settled(live_tenant, notion):  # noqa: F811
    integration = connected(live_tenant, ("Contacts", "contact"))
    lifecycle.activate(integration)
    sync(integration)
    integration.streams.update(settle_seconds=120)
    contact = Contact.objects.first()
    remote_id = RecordLink.objects.get(record_id=contact.pk).remote_id
    records.update("contact", contact.pk, {"phone": "+39 02 12"}, ADA)
    due.plan(integration.pk, timezone.now())
    assert dispatch.run_if_due(connection.schema_name, integration.pk) == "done"
    assert notion.row(remote_id)["values"].get("Phone") != "+39 02 12"
    waits = (Due.objects.get(pk=integration.pk).due_at - timezone.now()).total_seconds()
    assert 30 < waits <= 120
    sync(integration)
    assert notion.row(remote_id)["values"]["Phone"] == "+39 02 12"


def test_who_edits_on_and_on_does_not_hold_a_record_back_for_ever(live_tenant, notion):  # noqa: F811
    integration = connected(live_tenant, ("Contacts", "contact"))
    lifecycle.activate(integration)
    sync(integration)
    integration.streams.update(settle_seconds=120)
    contact = Contact.objects.first()
    remote_id = RecordLink.objects.get(record_id=contact.pk).remote_id
    records.update("contact", contact.pk, {"phone": "+39 02 12"}, ADA)
    Change.objects.filter(record_id=contact.pk, origin="").update(at=timezone.now() - dt.timedelta(minutes=11))
    records.update("contact", contact.pk, {"phone": "+39 02 13"}, ADA)
    due.plan(integration.pk, timezone.now())
    assert dispatch.run_if_due(connection.schema_name, integration.pk) == "done"
    assert notion.row(remote_id)["values"]["Phone"] == "+39 02 13"
