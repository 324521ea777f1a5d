"""What the page of a connection says while it stands still, fails for long, or has braked."""

from __future__ import annotations

import datetime as dt

import pytest
from django.utils import timezone

from integrations.models import IntegrationInstance, Plan, Status, Stream, SyncLog
from tests.integrations.ui.conftest import url

pytestmark = pytest.mark.usefixtures("notion")


@pytest.fixture
def told(tenant_client, paired):
    """told(status="paused", …): the page of the connection with these facts, as text."""
    made = paired["integration"]

    def read(client=tenant_client, **facts):
        IntegrationInstance.objects.filter(pk=made.pk).update(setup_step="done", **facts)
        return client.get(url("detail", made.pk)).content.decode()

    return read


def test_catching_up_asks_to_look_first(told, paired):
    plan = Plan.objects.create(integration=paired["integration"], state="ready", counts={"updated_here": 3})
    html = told(status=Status.PAUSED, status_code="catch_up")
    assert "Ready to catch up with Notion" in html and "Go on without looking" in html
    assert url("plan", paired["integration"].pk, plan.pk) in html


def test_long_failing_is_warned_about_with_the_day_it_is_paused(told):
    since = timezone.now() - dt.timedelta(days=2)
    html = told(status=Status.ACTIVE, failures=9, failing_since=since, warned_at=since)
    assert "The sync with Notion has failed since" in html and "it is paused on" in html


def test_the_run_that_failed_leads_to_what_mends_it_while_that_is_needed(tenant_client, paired, sign_in, member):
    made = paired["integration"]
    run = SyncLog.objects.create(
        integration=made,
        trigger="schedule",
        state="failed",
        error_code="authentication_failed",
        ended_at=timezone.now(),
    )
    door = f'href="{url("reconnect", made.pk)}">Reconnect</a>'

    def page(client=tenant_client, **facts):
        IntegrationInstance.objects.filter(pk=made.pk).update(setup_step="done", **facts)
        return client.get(url("run", made.pk, run.pk)).content.decode()

    assert door in page(status=Status.ATTENTION, status_code="authentication_failed")
    assert door not in page(sign_in(member("member")))
    assert door not in page(status=Status.ATTENTION, status_code="brake", status_detail="1/2")
    assert door not in page(status=Status.ACTIVE, status_code="")


@pytest.mark.parametrize(
    ("code", "words"), [("brake", "would delete 13 of 14"), ("brake_overwrites", "would overwrite 13 of 14")]
)
def test_brake_says_what_it_stopped_and_offers_to_look(told, paired, code, words):
    Stream.objects.update(problem_code=code, problem_detail="13 of 14")
    html = told(status=Status.ATTENTION, status_code=code, status_detail="13/14")
    assert words in html and "See what it would do" in html and "Leave it paused" in html
    assert url("lift_brake", paired["integration"].pk, paired["stream"].pk) in html


def test_viewer_reads_it_without_buttons(told, sign_in, member, tenant, paired):
    viewer = sign_in(member("viewer"), tenant)
    html = told(viewer, status=Status.PAUSED, status_code="catch_up")
    assert "Ready to catch up with Notion" in html
    for name in ("plan_make", "resume", "pause", "sync"):
        assert url(name, paired["integration"].pk) not in html


def test_nothing_waits_is_said_too(told):
    assert "No change of yours waits here." in told(status=Status.PAUSED)
