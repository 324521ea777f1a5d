"""Bulk actions as a person does them: choose, see what would change, do, undo from the message."""

import re

import pytest
from django.db import connection

from crm import bulk_actions
from crm.models import BulkAction, Contact
from integrations.scheduling import jobs
from integrations.scheduling.models import Job
from tests.kept import WHY, keep

CHANGE, DELETE = "/records/contact/change/", "/records/contact/delete/"
HTMX = {"HX-Request": "true"}


@pytest.fixture
def contacts(tenant):
    return Contact.objects.bulk_create(Contact(name=f"C{i}", status="Lead" if i % 2 else "") for i in range(6))


def value_of(page, value):
    """What the form with the value's input sends."""
    return {next(iter(page.context["form"].names)): value, "shown": page.context["field"].name, "apply": "1"}


def test_choose_a_field_then_a_value_then_undo(contacts, tenant_client):
    sent = {"all": "1", "match": "status=Lead", "back": "/records/contact/?status=Lead"}
    first = tenant_client.post(CHANGE, sent)
    assert first.status_code == 200 and "Change 3 contacts" in first.content.decode()
    sent["field"] = "status"
    second = tenant_client.post(CHANGE, sent, headers=HTMX)
    assert "<html" not in second.content.decode() and "Change 3 records" in second.content.decode()
    wrong = tenant_client.post(CHANGE, sent | value_of(second, "Active") | {"field": "phone"})
    assert wrong.status_code == 200 and not BulkAction.objects.exists(), "the value was for another field"
    done = tenant_client.post(CHANGE, sent | value_of(second, "Active"))
    assert done["Location"] == "/records/contact/?status=Lead" and Contact.objects.filter(status="Active").count() == 3
    told = tenant_client.get("/records/contact/").content.decode()
    assert "3 records are changed." in told
    undo = re.search(r'hx-post="([^"]+/undo/)"', told).group(1)
    assert "Undo" in tenant_client.get(undo).content.decode(), "without JavaScript one is asked"
    back = tenant_client.post(undo, headers=HTMX)
    assert back["HX-Refresh"] == "true" and Contact.objects.filter(status="Lead").count() == 3
    assert tenant_client.post(undo).status_code == 303, "a second time does nothing"


def test_a_wrong_value_is_told_in_the_form(contacts, tenant_client):
    sent = {"ids": [contacts[0].pk], "field": "email"}
    page = tenant_client.post(CHANGE, sent, headers=HTMX)
    answer = tenant_client.post(CHANGE, sent | value_of(page, "nonsense"), headers=HTMX)
    assert answer.status_code == 422 and not BulkAction.objects.exists()
    assert tenant_client.post(CHANGE, {"match": ""}).status_code == 303, "nothing is chosen"


def test_read_only_ones_are_counted_before_and_named_after(contacts, tenant_client):
    keep(contacts[0].pk)
    asked = tenant_client.post(DELETE, {"all": "1", "match": ""})
    assert "1 of them is read-only" in asked.content.decode() and "This is every record" in asked.content.decode()
    done = tenant_client.post(DELETE, {"all": "1", "match": "", "confirm": "1"}, follow=True)
    page = done.content.decode()
    assert "5 records are deleted. 1 was left as it is." in page and "C0" in page and WHY in page


def test_many_go_on_in_the_background_with_their_progress(contacts, tenant, tenant_client, monkeypatch):
    monkeypatch.setattr(bulk_actions, "INLINE", 2)
    page = tenant_client.post(CHANGE, {"all": "1", "match": "", "field": "status"})
    answer = tenant_client.post(CHANGE, {"all": "1", "match": "", "field": "status"} | value_of(page, "Active"))
    action = BulkAction.objects.get()
    assert answer["Location"] == f"/records/contact/actions/{action.pk}/"
    assert Job.objects.filter(pk=action.pk, kind="bulk").exists()
    assert 'hx-trigger="load delay:1s"' in tenant_client.get(answer["Location"]).content.decode()
    assert jobs.do(tenant.schema_name, action.pk) == "done"
    connection.set_tenant(tenant)
    part = tenant_client.get(answer["Location"], headers=HTMX).content.decode()
    assert "6 records are changed." in part and "load delay" not in part and "<html" not in part
    tenant_client.post(f"{answer['Location']}undo/")
    Job.objects.filter(pk=action.pk).update(failures=jobs.ATTEMPTS)
    assert jobs.do(tenant.schema_name, action.pk) == "done"
    connection.set_tenant(tenant)
    assert "It stopped before the end" in tenant_client.get(answer["Location"]).content.decode()


def test_others_do_not_undo_it_but_admins_do(contacts, tenant, other_tenant, member, sign_in):
    maker, colleague, admin = (sign_in(member(role), tenant) for role in ("member", "member", "admin"))
    maker.post(DELETE, {"ids": [contacts[0].pk], "confirm": "1"})
    url = f"/records/contact/actions/{BulkAction.objects.get().pk}/"
    assert colleague.get(url).status_code == 200 and colleague.post(f"{url}undo/").status_code == 404
    assert sign_in(member("viewer"), tenant).get(url).status_code == 403
    assert sign_in(other_tenant.owner, other_tenant).get(url).status_code == 404
    assert admin.post(f"{url}undo/").status_code == 303 and Contact.objects.count() == 6


def test_a_single_deletion_is_undone_from_its_message(contacts, tenant_client):
    ids = {"ids": [contacts[0].pk], "confirm": "1"}
    gone = tenant_client.post(DELETE, ids | {"back": f"/records/contact/{contacts[0].pk}/"}, headers=HTMX)
    assert (gone.status_code, gone["HX-Redirect"]) == (204, "/records/contact/")
    page = tenant_client.get("/records/contact/").content.decode()
    assert "1 record is deleted." in page and "/undo/" in page
