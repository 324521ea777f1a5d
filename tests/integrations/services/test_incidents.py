"""A tool that fails for many: one incident, a banner, and nobody is warned by himself."""

from __future__ import annotations

import datetime as dt
from uuid import uuid4

import pytest
from django.utils import timezone
from django_tenants.utils import tenant_context

from integrations.catalog.models import Incident, Unanswered
from integrations.models import IntegrationInstance, Status
from integrations.services import incidents
from integrations.transport.breaker import TRIPS_AFTER
from tenants.models import Tenant
from tests.integrations.services.test_endings import down, failing_since, linked, run_once
from tests.integrations.sync.test_two_way import notion
from tests.integrations.ui.conftest import url

__all__ = ["linked", "notion"]


@pytest.fixture
def tenants(tenant, other_tenant):
    """Three; the third has no schema, as nothing is looked up in there."""
    third = Tenant.objects.bulk_create([Tenant(schema_name="third", slug="third", name="Third")])[0]
    return [tenant, other_tenant, third]


def fails(tenant, code="unavailable", connection=None):
    connection = connection or IntegrationInstance(pk=uuid4(), provider="notion", failures=1)
    with tenant_context(tenant):
        return connection, incidents.failed(connection, code)


def works(tenant, connection):
    with tenant_context(tenant):
        incidents.worked(connection)


def test_three_tenants_who_fail_together_are_one_incident(tenants, caplog):
    assert [fails(one)[1] for one in tenants] == [False, False, True]
    incident = Incident.objects.get()
    assert (incident.provider, incident.tenants, incident.connections, incident.ended_at) == ("notion", 3, 3, None)
    assert incident.began_at == Unanswered.objects.order_by("at").first().at
    fails(tenants[0])
    assert Incident.objects.get().connections == 4
    assert [one.levelname for one in caplog.records if one.name.endswith("incidents")] == ["ERROR"]


def test_many_connections_of_one_tenant_or_failures_far_apart_are_none(tenants):
    for _connection in range(5):
        fails(tenants[0])
    fails(tenants[1])
    Unanswered.objects.update(at=timezone.now() - 2 * incidents.TOGETHER)
    fails(tenants[2])
    assert not Incident.objects.exists()


@pytest.mark.parametrize("code", ["rate_limited", "authentication_failed", "internal_error", "not_found"])
def test_what_is_each_tenants_own_counts_for_none(tenants, code):
    assert not any(fails(one, code)[1] for one in tenants)
    assert not Unanswered.objects.exists()


def test_it_ends_by_itself_when_runs_get_through_again(tenants):
    met = [(one, fails(one)[0]) for one in [*tenants, *tenants]]
    others = IntegrationInstance(pk=uuid4(), provider="notion")
    works(tenants[0], others)
    assert Incident.objects.get().ended_at is None  # three tenants still meet it
    for one, connection in met:
        works(one, connection)
    assert Incident.objects.get().ended_at
    assert not Unanswered.objects.exists()
    works(tenants[0], others)
    for one in tenants:
        fails(one)
    assert Incident.objects.count() == 2


def test_one_that_nobody_meets_any_more_is_over(tenants):
    for one in tenants:
        fails(one)
    seen = timezone.now() - 2 * incidents.QUIET
    Incident.objects.update(seen_at=seen)
    assert incidents.open_of(["notion"]) == {}
    incidents.forget(timezone.now() - dt.timedelta(days=400))
    assert Incident.objects.get().ended_at == seen
    incidents.forget(timezone.now())
    assert not Incident.objects.exists()


def test_open_breaker_opens_one_and_the_first_success_ends_it(linked, notion, sign_in, live_tenant):
    browser = sign_in(live_tenant.owner, live_tenant)
    pages = url("list"), url("detail", linked.pk)
    down(notion)
    for _run in range(TRIPS_AFTER):
        run_once(linked)
    Incident.objects.update(note="They know.")
    for page in pages:
        html = browser.get(page).content.decode()
        assert "Notion has had trouble since" in html and "They know." in html
        assert '<div class="callout trouble"' not in html and 'live-sentence"><svg class="glyph failing' not in html
    assert "glyph failing" not in browser.get(pages[0]).content.decode()
    from integrations.services.adapters import breaker_of

    breaker_of("notion").reset()  # as a minute later
    notion.clear_faults()
    assert run_once(linked) == "done"
    assert Incident.objects.get().ended_at
    for page in pages:
        assert "has had trouble since" not in browser.get(page).content.decode()


def test_while_it_lasts_nobody_is_warned_or_paused_by_himself(linked, notion):
    down(notion)
    now = timezone.now()
    Incident.objects.create(provider="notion", kind="unavailable", began_at=now, seen_at=now, tenants=7)
    failing_since(linked, 200)
    run_once(linked)
    assert (linked.status, linked.warned_at, linked.failing_since) == (Status.ACTIVE, None, None)
    Incident.objects.update(ended_at=now)
    run_once(linked)
    assert linked.failing_since  # what lasts longer than the incident is this one's own


def test_one_tenant_alone_is_warned_as_ever(linked, notion):
    down(notion)
    now = timezone.now()
    Incident.objects.create(provider="notion", kind="unavailable", began_at=now, seen_at=now)
    failing_since(linked, 25)
    run_once(linked)
    assert linked.warned_at
