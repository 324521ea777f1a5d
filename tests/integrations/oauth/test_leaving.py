"""A connection that is deleted takes its grant at the tool with it."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest
from django.utils import timezone

from integrations.models import Grant, IntegrationInstance
from integrations.oauth import gateway
from integrations.oauth.exchange import OurApp, revoke
from integrations.services import connect, lifecycle
from tests.integrations.oauth.conftest import consent


def signed_in(tenant, slug):
    made = connect.start(slug)
    query = parse_qs(urlsplit(consent(gateway.leave(made, tenant, tenant.owner))).query)
    gateway.finish(gateway.come_back(slug, query["state"][0], query["code"][0], ""))
    return IntegrationInstance.objects.get(pk=made.pk)


def calls(control, path="revoke"):
    return [one for one in control.log()["entries"] if one["path"].endswith(path)]


@pytest.mark.parametrize("slug", ["notion", "hubspot"])
def test_the_grant_ends_with_the_connection(tenant, played, slug, django_capture_on_commit_callbacks):
    control = played(slug)
    made = signed_in(tenant, slug)
    with django_capture_on_commit_callbacks(execute=True):
        assert lifecycle.delete(made)
    assert [one["status"] for one in calls(control)] in ([200], [204])
    assert not IntegrationInstance.objects.exists()


def test_a_tool_without_such_an_address_is_not_asked(tenant, played, django_capture_on_commit_callbacks):
    control = played("airtable")
    made = signed_in(tenant, "airtable")
    with django_capture_on_commit_callbacks(execute=True):
        assert lifecycle.delete(made)
    assert calls(control) == []


def test_an_account_that_another_connection_uses_too_keeps_its_grant(
    tenant, played, django_capture_on_commit_callbacks
):
    control = played("notion")
    signed_in(tenant, "notion")
    second = signed_in(tenant, "notion")
    with django_capture_on_commit_callbacks(execute=True):
        assert lifecycle.delete(second)
    assert calls(control) == []


@pytest.mark.parametrize("other", ["has a key", "has ended"])
def test_a_connection_that_needs_no_grant_keeps_none_alive(tenant, played, django_capture_on_commit_callbacks, other):
    control = played("notion")
    first, second = signed_in(tenant, "notion"), signed_in(tenant, "notion")
    mine = Grant.objects.filter(pk=first.pk)
    mine.delete() if other == "has a key" else mine.update(ended_at=timezone.now())
    with django_capture_on_commit_callbacks(execute=True):
        assert lifecycle.delete(second)
    assert [one["status"] for one in calls(control)] in ([200], [204])


def test_a_tool_that_does_not_answer_keeps_nobody_from_deleting_and_is_told(live_tenant, played, settings):
    played("notion")
    made = signed_in(live_tenant, "notion")
    settings.PROVIDER_BASE_URLS = {"notion": "http://127.0.0.1:9"}  # nobody listens there
    assert lifecycle.delete(made) is False
    assert not IntegrationInstance.objects.exists()


def test_what_has_ended_there_already_is_no_failure(tenant, played):
    control = played("hubspot")
    revoke(OurApp.at("hubspot"), "long gone")
    assert len(calls(control)) == 1
