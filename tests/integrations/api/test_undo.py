"""Taking a run back by API, with Notion over HTTP; test_isolation and test_callers try it as another tenant and a lesser role."""

from __future__ import annotations

import pytest

from crm.models import Contact
from integrations.models import RecordLink, SyncLog
from integrations.scheduling import inline


@pytest.fixture
def synced(live_tenant, wired, api):
    """The integration after its first run; answers a function that lets workers do what is due."""
    from django.db import connection

    def work():
        inline.run_due(30)
        connection.set_tenant(live_tenant)
        return api.get("runs?limit=1").json()["items"][0]

    assert api.post(f"integrations/{wired['integration']}/activate").status_code == 200
    work()
    return work


def test_run_is_looked_at_then_taken_back(api, notion, wired, synced):
    contact = Contact.objects.exclude(phone="").first()
    remote = RecordLink.objects.get(record_id=contact.pk).remote_id
    notion.edit_row(remote, Phone="+33 1 99 99")
    api.post(f"integrations/{wired['integration']}/sync")
    run = synced()
    seen = api.get(f"runs/{run['id']}/undo").json()
    assert seen["counts"] == {"records": 1, "undone": 1, "left_out": 0, "as_before": 0} and seen["whole"]
    assert seen["undone"][0]["changes"] == {"phone": ["+33 1 99 99", contact.phone]}

    answer = api.post(f"runs/{run['id']}/undo", {"record_id": str(contact.pk), "field": "phone"})
    assert (answer.status_code, answer.json()["state"], answer.json()["undoes"]) == (202, "asked", run["id"])
    again = api.post(f"runs/{run['id']}/undo", {"record_id": str(contact.pk), "field": "phone"})
    assert (again.status_code, again.json()["code"]) == (409, "undo_asked")

    done = synced()
    assert (done["id"], done["state"], done["trigger"]) == (answer.json()["id"], "done", "undo")
    assert notion.row(remote)["values"]["Phone"] == contact.phone
    assert Contact.objects.get(pk=contact.pk).phone == contact.phone
    assert api.get(f"runs/{run['id']}/undo").json()["counts"]["as_before"] == 1
    changes = api.all(f"records/contact/{contact.pk}/history")
    assert changes[0]["actor"]["label"] == "admin script (undo)"


def test_what_moved_since_is_listed(api, notion, wired, synced):
    contact = Contact.objects.exclude(phone="").first()
    notion.edit_row(RecordLink.objects.get(record_id=contact.pk).remote_id, Phone="+33 1 99 99")
    api.post(f"integrations/{wired['integration']}/sync")
    run = synced()
    api.patch(f"records/contact/{contact.pk}", {"values": {"phone": "+33 2"}})
    seen = api.get(f"runs/{run['id']}/undo").json()
    assert (seen["counts"]["left_out"], seen["undone"]) == (1, [])
    assert seen["left_out"][0]["reason"] == "Phone: changed since by admin script"
    api.post(f"runs/{run['id']}/undo")
    done = synced()
    assert api.all(f"runs/{done['id']}/records?action=left_out")[0]["reason"] == "Phone: changed since by admin script"
    assert Contact.objects.get(pk=contact.pk).phone == "+33 2"


def test_first_import_is_taken_back_and_brought_back(api, notion, wired, synced):
    first = api.get("runs?limit=1").json()["items"][0]
    rows = len(notion.rows("Contacts", limit=1000))
    names = sorted(Contact.objects.values_list("name", flat=True))
    api.post(f"runs/{first['id']}/undo")
    back = synced()
    assert not Contact.objects.exists() and len(notion.rows("Contacts", limit=1000)) == rows
    api.post(f"runs/{back['id']}/undo")
    synced()
    assert sorted(Contact.objects.values_list("name", flat=True)) == names


def test_run_that_changed_nothing_says_so(api, wired):
    run = SyncLog.objects.create(integration_id=wired["integration"], trigger="api", state="done")
    SyncLog.objects.filter(pk=run.pk).update(counts={"read": 3})
    answer = api.post(f"runs/{run.pk}/undo")
    assert (answer.status_code, answer.json()["code"]) == (409, "not_active")
    api.post(f"integrations/{wired['integration']}/activate")
    answer = api.post(f"runs/{run.pk}/undo")
    assert (answer.status_code, answer.json()["code"]) == (409, "nothing_to_undo")
    assert api.get(f"runs/{run.pk}/undo").json()["counts"]["records"] == 0


@pytest.mark.parametrize("role", ["viewer", "member"])
def test_only_admins_take_runs_back(caller, wired, role):
    run = SyncLog.objects.create(integration_id=wired["integration"], trigger="api", state="done")
    assert caller(role).post(f"runs/{run.pk}/undo").status_code == 403
    assert caller(role).get(f"runs/{run.pk}/undo").status_code == 200
