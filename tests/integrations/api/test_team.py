"""The organisation, its team and its added fields, by the API."""

from __future__ import annotations

import pytest
from django.core import mail

from crm.models import CustomField
from tenants import tokens
from tenants.models import Invitation, Membership, Tenant
from tests.between import meanwhile
from tests.integrations.api.conftest import Api


@pytest.fixture
def ours(tenant):
    """A program with a token that the owner made."""
    return Api(tenant, tokens.create_token(tenant, "Ours", "admin", tenant.owner)[1])


def test_the_organisation(tenant, ours):
    assert ours.get("organisation").json()["timezone"] == "Europe/Paris"
    assert ours.patch("organisation", {"timezone": "Europe/Rome"}).json()["changed_by"] == "Ours"
    assert str(Tenant.objects.get(pk=tenant.pk).timezone) == "Europe/Rome"
    wrong = ours.patch("organisation", {"timezone": "Mars/North"})
    assert (wrong.status_code, wrong.json()["errors"][0]["field"]) == (422, "timezone")


def test_the_team(tenant, ours, member):
    someone = Membership.objects.get(user=member("viewer"))
    assert [one["email"] for one in ours.all("members")] == [tenant.owner.email, someone.user.email]
    assert ours.patch(f"members/{someone.pk}", {"role": "member"}).json()["role"] == "member"
    assert ours.patch(f"members/{someone.pk}", {"role": "owner"}).status_code == 422, "the token is an admin's"
    assert ours.delete(f"members/{someone.pk}").status_code == 204
    assert not Membership.objects.filter(pk=someone.pk).exists()


def test_invitations(ours, django_capture_on_commit_callbacks, tenant):
    asked = {"emails": ["a@new.example", tenant.owner.email], "role": "viewer"}
    with django_capture_on_commit_callbacks(execute=True):
        said = ours.post("invitations", asked).json()
    assert said["known"] == [tenant.owner.email] and mail.outbox[0].to == ["a@new.example"]
    assert ours.post("invitations", {"emails": ["nobody"], "role": "viewer"}).status_code == 422
    pk = ours.all("invitations")[0]["id"]
    assert ours.delete(f"invitations/{pk}").status_code == 204 and not Invitation.objects.exists()


def test_a_token_of_nobody_manages_no_team(tenant, caller):
    assert caller("admin").post("invitations", {"emails": ["a@new.example"], "role": "viewer"}).status_code == 403


def test_added_fields(ours):
    made = ours.post("entities/contact/fields", {"label": "Tier", "type": "text"}).json()
    ours.post("entities/contact/fields", {"label": "Rank", "type": "decimal"})
    path = f"entities/contact/fields/{made['id']}"
    assert ours.patch(path, {"label": "Level", "move": "down"}).json()["name"] == "custom.tier"
    assert [one.label for one in CustomField.objects.all()] == ["Rank", "Level"]
    assert ours.patch(path, {"type": "boolean"}).status_code == 422
    assert ours.post("entities/contact/fields", {"label": "X", "type": "select"}).status_code == 422
    ours.post("records/contact", {"values": {"name": "Ada", "custom.tier": "Gold"}})
    removed = ours.delete(path).json()
    assert removed["records"] == 1
    action = ours.get(f"records/contact/actions/{removed['action']}").json()
    assert (action["kind"], action["state"], action["changed"]) == ("drop", "done", 1)
    assert ours.post(f"records/contact/actions/{removed['action']}/undo").json()["state"] == "undone"
    assert [one["name"] for one in ours.get("entities/contact/fields").json()["items"]] != []
    assert ours.get("entities/nothing/fields").status_code == 404


@pytest.mark.parametrize("path", ["members/%s", "invitations/%s", "entities/contact/fields/%s"])
def test_of_another_tenant_and_for_lesser_roles(tenant, other_tenant, caller, path):
    from crm import custom_fields

    row = Invitation.objects.create(tenant=tenant, email="a@new.example", role="viewer")
    found = {"members": Membership.objects.get(tenant=tenant), "invitations": row}
    pk = found.get(path.partition("/")[0]) or custom_fields.add("contact", "Tier", "text")
    theirs = Api(other_tenant, tokens.create_token(other_tenant, "Theirs", "owner", other_tenant.owner)[1])
    assert theirs.delete(path % pk.pk).status_code == 404
    assert caller("member").delete(path % pk.pk).status_code == 403


def test_options_are_renamed_in_the_records(tenant, ours, other_tenant, caller):
    from crm import custom_fields, feed, records

    tier = custom_fields.add("contact", "Tier", "select", ["Gold", "Tin"])
    ada = records.create("contact", {"name": "Ada", "custom.tier": "Gold"}, feed.SYSTEM)
    path = f"entities/contact/fields/{tier.pk}"
    for wrong in ({"Gold": "Tin"}, {"Lead": "Best"}, {"Gold": " "}, {"Gold": "Same", "Tin": "Same"}):
        assert ours.patch(path, {"renamed": wrong}).status_code == 422, wrong
    assert ours.patch(path, {"renamed": {"Gold": "Best"}, "options": ["Tin"]}).status_code == 422
    done = ours.patch(path, {"renamed": {"Gold": "Best"}, "label": "Level"}).json()
    assert (done["label"], done["options"]) == ("Level", ["Best", "Tin"])
    assert records.get("contact", ada.id).values["custom.tier"] == "Best"
    undo = f"records/contact/actions/{done['action']}/undo"
    theirs = Api(other_tenant, tokens.create_token(other_tenant, "Theirs", "owner", other_tenant.owner)[1])
    narrow = Api(tenant, tokens.create_token(tenant, "Narrow", by=tenant.owner, scopes=["records.write"])[1])
    for api, status in ((theirs, 404), (caller("member"), 403), (narrow, 403)):
        assert api.post(undo).status_code == status
        if api is not narrow:
            assert api.patch(path, {"renamed": {"Best": "Bad"}}).status_code == status
    assert ours.post(undo).json()["undone"] == 1
    assert records.get("contact", ada.id).values["custom.tier"] == "Gold"
    made = {"query": "", "kind": "rename", "field": "custom.tier", "value": {"Gold": "Bad"}}
    assert ours.post("records/contact/actions", made).status_code == 422, "only as a change of the field"


def test_tokens_are_listed_without_themselves_and_ended(tenant, other_tenant, ours):
    row, plain = tokens.create_token(tenant, "Old", by=tenant.owner, scopes=["records.read"])
    theirs, _plain = tokens.create_token(other_tenant, "Theirs")
    found = ours.get("tokens")
    assert plain not in found.content.decode()
    shown = {one["name"]: one for one in found.json()["items"]}
    assert set(shown) == {"Ours", "Old"} and shown["Old"]["scopes"] == ["records.read"]
    assert plain.startswith(shown["Old"]["prefix"])
    assert ours.delete(f"tokens/{row.pk}").status_code == 204
    assert Api(tenant, plain).get("entities").status_code == 401
    assert [ours.delete(f"tokens/{pk}").status_code for pk in (row.pk, theirs.pk)] == [404, 404]


def test_tokens_need_the_scope_of_settings(tenant):
    narrow = Api(tenant, tokens.create_token(tenant, "Narrow", by=tenant.owner, scopes=["records.write"])[1])
    assert narrow.get("tokens").json()["code"] == "forbidden"
    assert narrow.post("tokens", {"name": "more"}).status_code == 405, "no token makes another one"


def test_two_who_change_the_organisation_at_once_keep_each_other(tenant, ours):
    organisation = Tenant.objects.filter(pk=tenant.pk)
    with meanwhile('UPDATE "tenants_tenant"', lambda: organisation.update(currency="CHF")):
        ours.patch("organisation", {"timezone": "Europe/Rome"})
    row = Tenant.objects.get(pk=tenant.pk)
    assert (str(row.timezone), row.currency) == ("Europe/Rome", "CHF")
