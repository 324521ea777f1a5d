"""The gallery, the drafts in the list of connections, and how many records a table has before it is paired."""

from __future__ import annotations

import pytest

from integrations.models import IntegrationInstance
from integrations.services import connect, samples
from tests.integrations.ui.conftest import url


def names(response):
    return {one["name"] for one in response.context["providers"]}


def test_tools_by_kind_and_by_what_one_types(tenant_client, begun):
    every = tenant_client.get(url("gallery"))
    kinds = {one["label"]: one for one in every.context["kinds"]}
    assert kinds["All"]["count"] == len(every.context["providers"]) and kinds["All"]["active"]
    assert {"Customers and sales", "Tables", "Boards and tasks"} <= set(kinds)
    assert names(tenant_client.get(kinds["Customers and sales"]["url"])) == {"HubSpot"}
    assert "Notion" in names(tenant_client.get(url("gallery", q="boards")))
    assert names(tenant_client.get(url("gallery", q="air", kind="tables"))) == {"Airtable"}
    nothing = tenant_client.get(url("gallery", q="nowhere"))
    assert not names(nothing) and "No tool matches" in nothing.content.decode()
    assert 'href="/records/contact/import/"' in nothing.content.decode()  # what can be done until there is one


def test_what_is_connected_already_is_marked(tenant_client, begun):
    tiles = {one["name"]: one["connected"] for one in tenant_client.get(url("gallery")).context["providers"]}
    assert (tiles["Notion"], tiles["HubSpot"]) == ("1 connection", "")


def test_a_draft_is_taken_up_or_thrown_away_from_the_list(tenant_client, begun, sign_in, member, tenant):
    page = tenant_client.get(url("list")).content.decode()
    assert "Go on with the setup" in page and url("delete", begun.pk) in page
    asked = tenant_client.get(url("delete", begun.pk)).content.decode()
    assert "Throw the draft Notion away?" in asked and "pairs of records" not in asked
    assert url("delete", begun.pk) not in sign_in(member("member"), tenant).get(url("list")).content.decode()
    tenant_client.post(url("delete", begun.pk))
    assert not IntegrationInstance.objects.exists()
    assert "is thrown away. No record was touched." in tenant_client.get(url("list")).content.decode()


def test_a_sign_in_that_was_left_is_taken_up_by_the_same_person(tenant):
    left = connect.start("airtable", "Airtable", "Ada")
    assert connect.begun("airtable", "Ada") == left
    assert connect.begun("airtable", "Grace") is None and connect.begun("notion", "Ada") is None
    IntegrationInstance.objects.filter(pk=left.pk).update(account_id="1")
    assert connect.begun("airtable", "Ada") is None


def test_who_left_a_sign_in_and_brings_a_key_gets_no_second_connection(tenant_client, tenant, notion):
    left = connect.start("notion", "Notion", str(tenant.owner))
    page = tenant_client.get(url("start", "notion", way="token"))
    assert page.context["form"]["name"].value() == "Notion"
    wrong = tenant_client.post(url("start", "notion"), {"way": "token", "name": "Notion", "token": "ntn_wrong"})
    assert wrong.status_code == 422
    right = {"way": "token", "name": "Our Notion", "token": "ntn_sandbox_demo"}
    assert tenant_client.post(url("start", "notion"), right).headers["Location"] == url("setup", left.pk, "map")
    made = IntegrationInstance.objects.get()
    assert (made.pk, made.name, made.account_name) == (left.pk, "Our Notion", "Acme Studio")


def test_tables_are_counted_when_they_are_seen(tenant_client, begun, notion):
    listed = tenant_client.get(url("setup", begun.pk, "map", now=1))
    row = next(one for one in listed.context["tables"] if one["name"] == "Contacts")
    assert row["size"] == {"words": "", "asked": False}
    counted = tenant_client.get(url("size", begun.pk, collection=row["id"]))
    assert "12 records" in counted.content.decode()
    again = tenant_client.get(url("setup", begun.pk, "map", now=1))
    assert "12 records" in again.content.decode()  # known for an hour, and asked for once
    samples.keep_size(begun, row["id"], samples.Size(100, is_exact=False))
    assert "more than 100 records" in tenant_client.get(url("size", begun.pk, collection=row["id"])).content.decode()


@pytest.mark.parametrize("collection", ["", "nonsense"])
def test_only_listed_tables_are_counted(tenant_client, begun, collection):
    assert tenant_client.get(url("size", begun.pk, collection=collection)).content.decode().count("record") == 0


def test_counting_is_for_admins_of_this_tenant(begun, sign_in, member, tenant, other_tenant):
    assert sign_in(member("member"), tenant).get(url("size", begun.pk)).status_code == 403
    assert sign_in(other_tenant.owner, other_tenant).get(url("size", begun.pk)).status_code == 404


def test_what_was_not_granted_at_the_sign_in_is_told_with_what_it_costs(tenant_client, tenant):
    from django.utils import timezone

    from integrations.models import Grant

    made = connect.start("airtable", "Airtable", "Ada")
    IntegrationInstance.objects.filter(pk=made.pk).update(
        auth_kind="oauth2", account_id="1", account_name="Ada", setup_step="map"
    )
    made.refresh_from_db()
    given = "data.records:read data.records:write schema.bases:read schema.bases:write user.email:read"
    grant = Grant.objects.create(
        integration=made, tokens={"token": "t", "refresh_token": "r", "scope": given}, renewed_at=timezone.now()
    )
    assert [one.name for one in connect.not_granted(made)] == ["webhook:manage"]
    page = tenant_client.get(url("setup", made.pk, "map")).content.decode()
    assert "Be called when something changes" in page and "Allow it in Airtable" in page
    Grant.objects.filter(pk=grant.pk).delete()
    assert connect.not_granted(made) == ()  # nobody knows
