"""The main job, for real: a tenant's contacts and a Notion database stay in step both ways, over HTTP."""

from __future__ import annotations

from collections import Counter

import pytest

from crm import records
from crm.feed import Actor
from crm.models import Company, Contact
from integrations.models import Conflict, RecordLink, SetAside, SyncLog
from integrations.scheduling import dispatch, due
from integrations.services import connect, lifecycle, streams

ADA = Actor("user", "1", "Ada")


def connected(tenant, *pairs, token="ntn_sandbox_demo", **choices):
    integration = connect.start("notion")
    connect.connect(integration, {"token": token})
    found = {c.name: c.id for c in streams.collections(integration)}
    for name, entity in pairs:
        streams.add(integration, found[name], entity, **choices)
    return integration


def sync(integration):
    """One whole run, as a worker would do it; answers the run."""
    due.ask(integration.pk)
    from django.db import connection

    outcome = dispatch.run_if_due(connection.schema_name, integration.pk)
    run = SyncLog.objects.filter(integration=integration).first()
    assert outcome == "done", (outcome, run and run.error_code, run and run.error_detail)
    return run


@pytest.fixture
def notion(sandbox_notion):
    sandbox_notion.seed("crm")
    sandbox_notion.limit(None)
    return sandbox_notion


def test_first_sync_brings_everything_in_and_out(live_tenant, notion):
    Contact.objects.create(name="Only Here", email="only.here@example.com", phone="+33 1")
    integration = connected(live_tenant, ("Companies", "company"), ("Contacts", "contact"))
    lifecycle.activate(integration)
    run = sync(integration)
    print(run.counts, list(SetAside.objects.values_list("field", "reason")[:5]))
    there = notion.rows("Contacts", limit=1000)
    assert Contact.objects.count() == len(there)
    assert Counter(Contact.objects.values_list("name", flat=True)) == Counter(r["values"]["Name"] for r in there)
    assert any(r["values"].get("Email") == "only.here@example.com" for r in there)
    quiet = sync(integration)
    quiet = sync(integration)
    print(quiet.counts)
    assert not {k for k in quiet.counts if k.startswith(("created", "updated", "deleted", "conflict"))}
    assert Contact.objects.exclude(company=None).exists()
    assert Company.objects.exists()
