"""A connection that stands still, as a program sees it: why, what waits, what to do, and how it goes on."""

from __future__ import annotations

import datetime as dt

import pytest
from django.db import connection
from django.utils import timezone

from crm.models import Contact
from integrations.models import IntegrationInstance
from integrations.scheduling import inline


@pytest.fixture
def running(live_tenant, api, wired):
    """Active, and its first run is over."""
    assert api.post(f"integrations/{wired['integration']}/activate").status_code == 200
    worked(live_tenant)
    return f"integrations/{wired['integration']}"


def worked(tenant):
    inline.run_due(20)
    connection.set_tenant(tenant)


def stopped(home, **facts):
    since = timezone.now() - dt.timedelta(hours=48)
    IntegrationInstance.objects.filter(pk=home.split("/")[1]).update(status_since=since, **facts)


def edit_two():
    for contact in Contact.objects.order_by("id")[:2]:
        Contact.objects.filter(pk=contact.pk).update(phone="+33 4")


def test_revoked_key_tells_what_to_do_what_waits_and_asks_before_catching_up(live_tenant, api, running, notion):
    stopped(running, status="attention", status_code="authentication_failed")
    edit_two()
    told = api.get(running).json()
    assert (told["status"], told["waiting"], told["trouble"]["action"]) == ("attention", 2, "reconnect")
    assert "Notion" in told["trouble"]["title"] and told["trouble"]["text"]
    answer = api.post(f"{running}/credentials", {"token": "ntn_sandbox_demo"}).json()
    assert (answer["status"], answer["status_code"], answer["waiting"]) == ("paused", "catch_up", 2)
    assert answer["next_run_at"] is None
    assert api.post(f"{running}/sync").status_code == 202
    worked(live_tenant)
    done = api.get(running).json()
    assert (done["status"], done["trouble"], done["waiting"]) == ("active", None, 0)


def test_resuming_twice_goes_on_without_looking(live_tenant, api, running):
    stopped(running, status="paused")
    assert api.post(f"{running}/resume").json()["status_code"] == "catch_up"
    assert api.post(f"{running}/resume").json()["status"] == "active"


def test_members_may_not_resume_and_nobody_sees_another_tenants(caller, running, other_tenant):
    assert caller("member").post(f"{running}/resume").status_code == 403
    assert caller("admin", other_tenant).post(f"{running}/resume").status_code == 404
    assert caller("viewer", other_tenant).get(running).status_code == 404


def test_failed_run_tells_its_trouble(live_tenant, api, running, notion):
    notion.revoke_token("ntn_sandbox_demo")
    api.post(f"{running}/sync")
    worked(live_tenant)
    (run,) = api.get(f"runs?integration={running.split('/')[1]}&limit=1").json()["items"]
    assert (run["state"], run["error_code"], run["trouble"]["action"]) == (
        "failed",
        "authentication_failed",
        "reconnect",
    )
