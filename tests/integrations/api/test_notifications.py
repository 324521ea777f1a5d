"""What a person was told, and how they want to be told, by program."""

from __future__ import annotations

import pytest
from django_tenants.utils import tenant_context

from integrations.notifications.models import Delivery
from tenants import tokens
from tests.integrations.api.conftest import Api
from tests.integrations.notifications.conftest import look as look
from tests.integrations.notifications.conftest import notion as notion
from tests.integrations.notifications.conftest import stops as stops


@pytest.fixture
def me(tenant):
    """A program of the owner's."""
    return Api(tenant, tokens.create_token(tenant, "Script", role="member", by=tenant.owner)[1])


def test_told_read_and_unread_again(me, tenant, notion, stops, look):
    stops("authentication_failed")
    look()
    [one] = me.all("notifications")
    assert (one["kind"], one["code"], one["integration"]) == ("critical", "authentication_failed", str(notion.pk))
    assert one["url"] == f"{tenant.url}/connections/{notion.pk}/reconnect/" and one["read_at"] is None
    assert me.post(f"notifications/{one['id']}/read").json()["read_at"]
    assert me.all("notifications?unread=true") == []
    assert me.post(f"notifications/{one['id']}/read", {"read": False}).json()["read_at"] is None
    assert me.post("notifications/read").json() == {"number": 1}


def test_pages_hold_all_of_them_once(me, stops, look):
    for code in ("authentication_failed", "access_denied", "not_connected"):
        stops(code)
        look()
    assert [one["code"] for one in me.all("notifications?limit=1")] == [
        "not_connected", "access_denied", "authentication_failed",
    ]  # fmt: skip


def test_preferences_are_chosen_kind_by_kind(me):
    before = me.get("notification-preferences").json()
    assert before["kinds"]["critical"] == {"in_app": True, "by_mail": "now"}
    asked = {"kinds": {"warning": {"in_app": False, "by_mail": "now"}}, "digest": "weekly", "hour": 9, "weekday": 4}  # fmt: skip
    after = me.put("notification-preferences", asked).json()
    assert after == asked | {"kinds": before["kinds"] | asked["kinds"]}
    assert me.get("notification-preferences").json() == after


@pytest.mark.parametrize("wrong", [{"hour": 24}, {"kinds": {"gossip": {"in_app": True, "by_mail": "now"}}}, {"x": 1}])
def test_nonsense_is_refused(me, wrong):
    asked = {"kinds": {}, "digest": "daily", "hour": 8, "weekday": 0}
    answer = me.put("notification-preferences", asked | wrong)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")


def test_what_is_somebody_elses_is_not_there(me, tenant, other_tenant, member, stops, look):
    colleague = Api(tenant, tokens.create_token(tenant, "Theirs", by=member("viewer"))[1])
    stops("authentication_failed")
    look()
    mine = Delivery.objects.get(user_id=tenant.owner.pk)
    assert colleague.post(f"notifications/{mine.pk}/read").status_code == 404
    with tenant_context(other_tenant):
        stranger = Api(other_tenant, tokens.create_token(other_tenant, "Far", by=other_tenant.owner)[1])
    assert stranger.post(f"notifications/{mine.pk}/read").status_code == 404
    assert stranger.all("notifications") == []


def test_a_token_of_nobody_has_none(tenant, api, me, member):
    gone = tokens.create_token(tenant, "Gone", by=member("admin", tenant=None))[1]
    for nobody in (api, Api(tenant, gone)):
        answer = nobody.get("notifications")
        assert (answer.status_code, answer.json()["code"]) == (404, "no_person")


def test_a_member_signed_in_needs_no_token(tenant, sign_in):
    assert Api(tenant, "", sign_in(tenant.owner, tenant)).get("notifications").json() == {"items": [], "next": None}
