"""Who may what, whose it is, and what never leaves the server."""

from __future__ import annotations

import re

import pytest
from django.urls import reverse
from django_tenants.utils import tenant_context

from integrations.models import IntegrationInstance
from tests.integrations.ui.conftest import TOKEN, pair, url


def writes(made, stream):
    """Every address that changes something, with what it takes."""
    pk, pair = made.pk, stream.pk
    return [
        (url("start", "notion"), {"name": "X", "token": TOKEN}),
        (url("setup", pk, "connect"), {"token": TOKEN}),
        (url("setup", pk, "map"), {"collection": stream.collection, "entity": "task"}),
        (url("tables", pk), {"collection": stream.collection, "entity": "task"}),
        (url("mapping", pk, pair), {}),
        (url("remove_table", pk, pair), {}),
        (url("begin", pk, pair), {}),
        (url("lift_brake", pk, pair), {}),
        (url("setup", pk, "settings"), {}),
        (url("settings", pk), {}),
        (url("setup", pk, "activate"), {}),
        (url("reconnect", pk), {"token": TOKEN}),
        (url("rename", pk), {"name": "Y"}),
        (url("delete", pk), {}),
        (url("sync", pk), {}),
        (url("pause", pk), {}),
        (url("resume", pk), {}),
        (url("cancel", pk), {}),
        (url("table_rules", pk, pair), {}),
        (url("restart", pk, pair, "read-again"), {}),
        (url("restart", pk, pair, "match-anew"), {}),
        (url("matches", pk, pair), {}),
        (url("pair", pk, pair), {}),
        (url("link_pause", pk, pair, 1), {}),
        (url("link_take_up", pk, pair, 1), {}),
        (url("plan_make", pk), {}),
        (url("plan_approve", pk, pk), {}),
        (url("plan_discard", pk, pk), {}),
        (url("undo", pk, pk), {}),
        (url("run_retry", pk, pk), {}),
        *((reverse(f"inbox:{name}", args=[1], urlconf="config.urls_tenant"), {}) for name in ("retry", "retry_one")),
        *((reverse(f"inbox:{name}", args=[pk], urlconf="config.urls_tenant"), {"winner": "local"})
          for name in ("resolve", "swap", "acknowledge")),
    ]  # fmt: skip


def test_viewer_gets_403_on_every_write(paired, sign_in, member, tenant):
    viewer = sign_in(member("viewer"), tenant)
    before = IntegrationInstance.objects.values().get()
    for address, data in writes(paired["integration"], paired["stream"]):
        assert viewer.post(address, data).status_code == 403, address
        assert viewer.post(address, data, headers={"HX-Request": "true"}).status_code == 403, address
    assert IntegrationInstance.objects.values().get() == before
    assert paired["integration"].streams.count() == 1


def test_viewer_reads(paired, sign_in, member, tenant):
    viewer = sign_in(member("viewer"), tenant)
    for address in (url("list"), url("gallery"), url("detail", paired["integration"].pk), "/activity/", "/inbox/"):
        page = viewer.get(address)
        assert page.status_code == 200, address
    assert "Sync now" not in page.content.decode()


MANAGING = ("table_rules", "restart", "plan_approve", "undo")


def test_member_gets_403_where_settings_change_or_runs_are_taken_back(paired, sign_in, member, tenant):
    pk, pair_ = paired["integration"].pk, paired["stream"].pk
    somebody = sign_in(member("member"), tenant)
    arguments = {"table_rules": [pk, pair_], "restart": [pk, pair_, "read-again"]}
    for name in MANAGING:
        address = url(name, *arguments.get(name, [pk, pk]))
        assert somebody.post(address).status_code == 403, address


def test_theirs_in_a_bulk_is_passed_over(tenant_client, theirs):
    address = reverse("inbox:resolve_many", urlconf="config.urls_tenant")
    assert tenant_client.post(address, {"ids": [theirs[0].pk], "winner": "local"}).status_code == 303


def test_member_may_sync_but_not_manage(paired, sign_in, member, tenant):
    from integrations.services import lifecycle

    lifecycle.activate(paired["integration"])
    somebody = sign_in(member("member"), tenant)
    pk = paired["integration"].pk
    assert somebody.post(url("sync", pk)).status_code == 303
    assert somebody.post(url("pause", pk)).status_code == 403
    assert somebody.get(url("mapping", pk, paired["stream"].pk)).status_code == 403


def test_no_button_leads_a_member_where_they_may_not_go(paired, sign_in, member, tenant):
    from integrations.models import IntegrationInstance

    IntegrationInstance.objects.filter(pk=paired["integration"].pk).update(
        status="attention", status_code="authentication_failed", setup_step="done"
    )
    IntegrationInstance.objects.create(name="Begun", provider="notion")
    somebody = sign_in(member("member"), tenant)
    for address in ("/", url("list"), "/inbox/"):
        html = somebody.get(address).content.decode()
        leads = set(re.findall(r'href="(/connections/[^"#]+)"', html))
        assert leads and {lead for lead in leads if somebody.get(lead).status_code == 403} == set(), address
    told = somebody.get(url("list")).content.decode()
    assert "An owner or admin can go on with it." in told and "See what it is about" in told
    assert "Reconnect" in sign_in(tenant.owner, tenant).get(url("list")).content.decode()


@pytest.fixture
def theirs(other_tenant, notion):
    from integrations.services import setup

    with tenant_context(other_tenant):
        made = setup.create("notion", "Theirs", {"token": TOKEN})
        return made, pair(made, "Contacts", "contact")


def test_ids_of_another_tenant_are_not_found(tenant_client, theirs, other_tenant):
    made, stream = theirs
    reads = [url("detail", made.pk), url("live", made.pk), url("setup", made.pk, "map"), url("mapping", made.pk, stream.pk),
             url("settings", made.pk), url("reconnect", made.pk), url("run", made.pk, made.pk), url("undo", made.pk, made.pk),
             url("table_rules", made.pk, stream.pk), url("matches", made.pk, stream.pk), url("health", made.pk, stream.pk),
             url("pair", made.pk, stream.pk), url("plan", made.pk, made.pk),
             url("plan_csv", made.pk, made.pk),
             url("run_csv", made.pk, made.pk), url("restart", made.pk, stream.pk, "read-again")]  # fmt: skip
    for address in reads:
        assert tenant_client.get(address).status_code == 404, address
    for address, data in writes(made, stream)[1:]:
        assert tenant_client.post(address, data).status_code == 404, address
    with tenant_context(other_tenant):
        assert IntegrationInstance.objects.get().status == "draft"


def test_stream_of_another_connection_is_not_found(tenant_client, paired):
    from integrations.services import setup

    second = setup.create("notion", "Second", {"token": TOKEN})
    assert tenant_client.get(url("mapping", second.pk, paired["stream"].pk)).status_code == 404
    assert tenant_client.post(url("remove_table", second.pk, paired["stream"].pk)).status_code == 404


def test_secrets_are_in_no_response(tenant_client, paired):
    from integrations.services import lifecycle

    made, stream = paired["integration"], paired["stream"]
    addresses = [url("setup", made.pk, "connect"), url("setup", made.pk, "map", now=1), url("mapping", made.pk, stream.pk),
                 url("reconnect", made.pk), url("list"), url("delete", made.pk), url("rename", made.pk)]  # fmt: skip
    pages = [tenant_client.get(address) for address in addresses]
    pages.append(tenant_client.post(url("reconnect", made.pk), {"token": TOKEN, "nonsense": "1"}, follow=True))
    lifecycle.activate(made)
    pages += [
        tenant_client.get(address)
        for address in (url("detail", made.pk), url("live", made.pk), url("settings", made.pk))
    ]
    assert [page.status_code for page in pages] == [200] * len(pages)
    for page in pages:
        assert TOKEN not in page.content.decode()
        assert "credentials" not in page.content.decode()
    assert TOKEN not in repr(IntegrationInstance.objects.values().get())
