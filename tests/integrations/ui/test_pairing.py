"""Tables whose names speak of one kind of record each are paired in one go."""

from __future__ import annotations

import pytest

from integrations.adapters.base import Collection
from integrations.models import Edit, Part
from integrations.ui import pairing, tables
from tests.integrations.ui.conftest import pair, url


def named(*names):
    return [Collection(f"id-{name}", name) for name in names]


def values(offers):
    return [one["value"] for one in offers]


def test_only_what_one_table_alone_speaks_of_is_offered():
    found = named("Companies", "Contacts", "Old contacts", "Deals", "Recipes")
    assert values(pairing.offered(found, set())) == ["company:id-Companies", "deal:id-Deals"]
    assert values(pairing.offered(found, {("id-Old contacts", "contact")})) == [
        "company:id-Companies",
        "deal:id-Deals",
    ]
    one_is_left = {("id-Companies", "company")}
    assert pairing.offered(found, one_is_left) == []


@pytest.fixture
def offers(begun, tenant_client):
    found = tenant_client.get(url("setup", begun.pk, "map", now=1)).context["matching"]
    assert {one["table"] for one in found} == {"Companies", "Contacts", "Deals", "Tasks"}
    return {one["table"]: one["value"] for one in found}


def test_without_scripts_all_that_is_ticked_is_paired_at_once(begun, offers, tenant, tenant_client):
    address = url("setup", begun.pk, "map")
    chosen = [offers["Contacts"], offers["Deals"]]
    answer = tenant_client.post(address, {"pair": chosen})
    assert (answer.status_code, answer.headers["Location"]) == (303, address)
    assert {(one.collection_name, one.entity) for one in begun.streams.all()} == {
        ("Contacts", "contact"),
        ("Deals", "deal"),
    }
    assert all(one.mappings.exists() for one in begun.streams.all())
    assert {edit.by for edit in Edit.objects.filter(integration=begun, part=Part.TABLES)} == {str(tenant.owner)}
    left = tenant_client.get(address).context["matching"]
    assert {one["table"] for one in left} == {"Companies", "Tasks"}


def test_with_scripts_one_at_a_time_and_the_page_tells_how_far(begun, offers, tenant_client):
    address = url("setup", begun.pk, "map")
    ask = {"headers": {"HX-Request": "true"}}
    first = tenant_client.post(address, {"pair": list(offers.values())}, **ask)
    html = first.content.decode()
    assert begun.streams.count() == 1
    assert "<html" not in html and 'value="1"' in html and 'hx-trigger="load"' in html
    left = [value for value in offers.values() if f'name="pair" value="{value}"' in html]
    assert len(left) == 3
    for done in (2, 3):
        answer = tenant_client.post(address, {"pair": left, "total": 4}, **ask)
        assert f'max="4" value="{done}"' in answer.content.decode()
        left = left[1:]
    last = tenant_client.post(address, {"pair": left, "total": 4}, **ask)
    assert (last.status_code, last.headers["HX-Redirect"]) == (204, address)
    assert begun.streams.count() == 4


def test_pressed_twice_nothing_is_paired_twice_and_nobody_is_scared(begun, offers, tenant_client):
    address = url("setup", begun.pk, "map")
    for _ in range(2):
        answer = tenant_client.post(address, {"pair": list(offers.values())}, follow=True)
        assert "paired with this kind of record already" not in answer.content.decode()
    assert begun.streams.count() == 4


@pytest.mark.parametrize("given", ["", "contact", "contact:", "unicorn:x", ":", "contact:no-such-table"])
def test_what_cannot_be_paired_is_told_and_the_rest_is(begun, offers, tenant_client, given):
    answer = tenant_client.post(
        url("setup", begun.pk, "map"), {"pair": [given, offers["Deals"]], "total": "٣" * 9}, follow=True
    )
    assert answer.status_code == 200
    levels = [message.level_tag for message in answer.context["messages"]]
    assert "error" in levels and "success" not in levels
    assert [one.collection_name for one in begun.streams.all()] == ["Deals"]


def test_who_may_not_manage_pairs_nothing(begun, offers, member, sign_in, tenant, other_tenant):
    address = url("setup", begun.pk, "map")
    for role in ("viewer", "member"):
        client = sign_in(member(role), tenant)
        assert client.post(address, {"pair": list(offers.values())}).status_code == 403
    stranger = sign_in(member("owner", other_tenant), other_tenant)
    assert stranger.post(address, {"pair": list(offers.values())}).status_code == 404
    assert not begun.streams.exists()


def test_a_connection_that_runs_pairs_them_too_and_they_wait_to_be_begun(begun, offers, tenant_client):
    begun.setup_step = "done"
    begun.save()
    answer = tenant_client.post(url("tables", begun.pk), {"pair": list(offers.values())[:2]})
    assert answer.headers["Location"] == url("tables", begun.pk)
    assert [one.is_active for one in begun.streams.all()] == [False, False]


@pytest.mark.parametrize("headers", [{}, {"HX-Request": "true"}])
def test_nothing_ticked_is_said_and_no_page_lands_in_the_form(begun, offers, tenant_client, headers):
    address = url("setup", begun.pk, "map")
    answer = tenant_client.post(address, {}, headers=headers)
    place = answer.headers.get("HX-Redirect") or answer.headers.get("Location")
    assert (answer.status_code, place, answer.content) == (204 if headers else 303, address, b"")
    [message] = tenant_client.get(address).context["messages"]
    assert message.level_tag == "error"
    assert not begun.streams.exists()


def test_what_is_paired_stands_folded_below_what_is_free(begun, offers, tenant_client):
    address = url("setup", begun.pk, "map", now=1)
    page = tenant_client.get(address)
    assert (len(page.context["free"]), page.context["again"]) == (4, [])
    assert 'aria-label="Contacts here with Contacts in Notion"' in page.content.decode()

    pair(begun, "Contacts", "contact")
    page = tenant_client.get(address)
    assert [one["name"] for one in page.context["again"]] == ["Contacts"]
    assert "Every table is paired" not in page.content.decode()
    for table, entity in (("Companies", "company"), ("Deals", "deal"), ("Tasks", "task")):
        pair(begun, table, entity)
    html = tenant_client.get(address).content.decode()
    assert "Every table is paired." in html and '<details class="disclosure" id="again">' in html


def test_tab_of_a_table_says_a_shared_name_once(begun):
    contacts = pair(begun, "Contacts", "contact")
    pair(begun, "Companies", "contact")
    assert [tab["label"] for tab in tables.tabs(contacts)] == ["Contacts", "Contacts · Companies"]
