"""INTEGRATION_ENCRYPTION_KEY was lost or changed: what it opened cannot be read any more, and everything says so in words."""

from __future__ import annotations

import pytest
from django.utils import timezone

from integrations.adapters import errors
from integrations.models import Grant, IntegrationInstance, Status, SyncLog
from integrations.oauth import grants
from integrations.oauth.exchange import OurApp, Tokens
from integrations.services import agreement, connect, lifecycle, plans
from tests.integrations.oauth.conftest import enter_app
from tests.integrations.ui.conftest import TOKEN, live, notion, run, url  # noqa: F401 - fixtures


@pytest.fixture
def lost(live, settings):  # noqa: F811
    """The keys that were there; from now on there is another one."""
    before, settings.INTEGRATION_ENCRYPTION_KEYS = settings.INTEGRATION_ENCRYPTION_KEYS, ["another one"]
    return before


def asked(integration):
    """A person asks for a run and a worker does it."""
    integration.refresh_from_db()
    lifecycle.sync_now(integration)
    run(integration)
    integration.refresh_from_db()
    return integration.runs.order_by("-started_at").first()


def pages(integration, stream):
    last = integration.runs.first()
    yield from (url(name, integration.pk) for name in ("detail", "reconnect", "tables", "settings", "rename", "delete"))
    yield from (url(name, integration.pk, stream.pk) for name in ("mapping", "health", "matches"))
    yield from (url(name, integration.pk, last.pk) for name in ("run", "undo"))
    yield from ("/", "/inbox/", "/activity/", url("list"), f"{url('tables', integration.pk)}?part=tables")


def test_a_run_stops_with_its_reason_and_the_connection_asks_to_be_reconnected(live, lost):  # noqa: F811
    last = asked(live[0])
    assert (last.state, last.error_code) == (SyncLog.State.FAILED, "key_unreadable")
    assert (live[0].status, live[0].status_code) == (Status.ATTENTION, "key_unreadable")
    html = live[2].get(url("detail", live[0].pk)).content.decode()
    assert "The stored key for Notion cannot be read any more" in html and "ask whoever runs this installation" in html
    assert url("reconnect", live[0].pk) in html and url("resume", live[0].pk) in html


def test_no_page_fails_before_and_after_the_run_that_stops(live, lost):  # noqa: F811
    integration, stream, client = live

    def statuses():
        found = {address: client.get(address).status_code for address in pages(integration, stream)}
        return {address: status for address, status in found.items() if status not in (200, 302, 303)}

    assert not statuses()
    asked(integration)
    assert not statuses()


def test_what_asks_the_tool_says_it_in_words(live, lost):  # noqa: F811
    integration, _stream, client = live
    answer = client.post(f"/api/v1/integrations/{integration.pk}/test")
    assert (answer.status_code, answer.json()["code"]) == (422, "key_unreadable")
    plan = plans.ask(integration, "Ada")
    plans.make(plan.pk)
    plan.refresh_from_db()
    assert plan.error_code == "key_unreadable"
    assert agreement.measure_due() == 0


def test_a_sign_in_and_our_app_are_told_too(live, settings):  # noqa: F811
    integration = live[0]
    enter_app("notion", "id", "secret")
    grants.keep(integration, Tokens("t", "r", "", timezone.now(), None, None))
    integration.auth_kind = "oauth2"
    integration.save(update_fields=["auth_kind"])
    settings.INTEGRATION_ENCRYPTION_KEYS = ["another one"]
    with pytest.raises(errors.KeyUnreadable):
        grants.GrantBearer(Grant.objects.get())
    with pytest.raises(errors.AppRefused):
        _ = OurApp.at("notion").client_secret
    assert asked(integration).error_code == "key_unreadable"
    assert live[2].get(url("reconnect", integration.pk)).status_code == 200
    lifecycle.delete(integration)
    assert not Grant.objects.exists()


def test_reconnecting_mends_it(live, lost):  # noqa: F811
    asked(live[0])
    connect.connect(live[0], {"token": TOKEN})
    lifecycle.go_on(live[0])
    assert asked(live[0]).state == SyncLog.State.DONE


def test_putting_the_former_key_back_mends_it(live, lost, settings):  # noqa: F811
    asked(live[0])
    settings.INTEGRATION_ENCRYPTION_KEYS = ["another one", *lost]
    assert live[2].post(url("resume", live[0].pk)).status_code in (302, 303)
    assert asked(live[0]).state == SyncLog.State.DONE


def test_a_connection_can_be_deleted_all_the_same(live, lost):  # noqa: F811
    lifecycle.delete(live[0])
    assert not IntegrationInstance.objects.exists()
