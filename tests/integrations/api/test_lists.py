"""Saved views and bulk actions by API, with the rules of the pages."""

from __future__ import annotations

import pytest

from crm import feed, records
from crm.models import Contact, SavedView


@pytest.fixture
def contacts(tenant):
    return Contact.objects.bulk_create(Contact(name=f"C{i}", status="Lead" if i % 2 else "") for i in range(6))


def test_views_are_made_changed_and_deleted(contacts, api, caller, tenant):
    made = api.post(
        "records/contact/views", {"name": "Leads", "query": "sort=-name&status=Lead&x=1", "columns": ["email"]}
    )
    view = made.json()
    assert (
        made.status_code == 201 and view["query"] == "status=Lead&sort=-name" and view["columns"] == ["name", "email"]
    )
    path = f"records/contact/views/{view['id']}"
    assert api.patch(path, {"name": "Our leads"}).json()["name"] == "Our leads"
    assert api.patch(path, {"name": " "}).json()["code"] == "invalid"
    viewer = caller("viewer")
    assert [one["name"] for one in viewer.get("records/contact/views").json()["items"]] == ["Our leads"]
    assert viewer.post("records/contact/views", {"name": "X"}).json()["code"] == "forbidden"
    member = caller("member")
    assert member.delete(path).status_code in (204, 403)
    SavedView.objects.create(entity="contact", name="Grace's", user_id=99)
    assert "Grace's" not in str(api.get("records/contact/views").json()), "a person's own is hers"
    assert api.get("records/nonsense/views").status_code == 404


def test_many_records_are_changed_and_set_back(contacts, api):
    made = api.post(
        "records/contact/actions", {"query": "status=Lead", "kind": "set", "field": "status", "value": "Active"}
    )
    action = made.json()
    assert (made.status_code, action["state"], action["changed"], action["left"]) == (201, "done", 3, [])
    assert api.get(made["Location"]).json() == action and Contact.objects.filter(status="Active").count() == 3
    records.update("contact", contacts[1].pk, {"status": "Former"}, feed.SYSTEM)
    undone = api.post(f"{made['Location']}/undo").json()
    assert (undone["state"], undone["undone"], undone["kept_count"]) == ("undone", 2, 1)
    assert undone["kept"][0]["title"] == "C1"


def test_what_is_not_understood_never_means_every_record(contacts, api, caller):
    def asked(**body):
        return api.post("records/contact/actions", {"kind": "delete"} | body).json()["code"]

    assert asked(query="statu=Lead") == "unknown_field" and asked() == "invalid"
    assert asked(query="", ids=[str(contacts[0].pk)]) == "invalid" and asked(ids=[]) == "invalid"
    assert caller("viewer").post("records/contact/actions", {"kind": "delete", "query": ""}).status_code == 403
    assert Contact.objects.count() == 6


def test_ids_of_another_tenant_mean_nothing(contacts, api, caller, other_tenant):
    made = api.post("records/contact/actions", {"ids": [str(contacts[0].pk)], "kind": "delete"})
    stranger = caller("owner", other_tenant)
    assert stranger.get(made["Location"]).status_code == 404
    assert stranger.post(f"{made['Location']}/undo").status_code == 404
    view = api.post("records/contact/views", {"name": "Leads"}).json()["id"]
    for method in ("patch", "delete"):
        assert stranger.call(method, f"records/contact/views/{view}", {}).status_code == 404
    assert Contact.objects.count() == 5


@pytest.mark.parametrize("query", ["status=", "owner=ada%40rossi.example", "email=ada%40rossi.example", "nonsense=1"])
def test_what_is_not_understood_does_not_mean_every_record(query, api, contacts):
    asked = api.post("records/contact/actions", {"query": query, "kind": "delete"})
    assert asked.json()["code"] == "unknown_field" and Contact.objects.count() == 6
