"""A bulk action of many records is a job: whoever is free does a part of it, and a lost message does no harm."""

from django.http import QueryDict

from crm import bulk_actions, feed, records
from crm.models import BulkAction, Contact
from crm.selection import Selection
from integrations.scheduling import jobs
from integrations.scheduling.models import Job


def test_many_records_are_changed_by_a_job(tenant, monkeypatch):
    monkeypatch.setattr(bulk_actions, "INLINE", 2)
    monkeypatch.setattr(bulk_actions, "CHUNK", 2)
    Contact.objects.bulk_create(Contact(name=f"C{i}") for i in range(5))
    every = Selection.of(records.describe("contact"), QueryDict("all=1&match="))
    action = bulk_actions.do(every, "set", "status", "Lead", feed.SYSTEM, None)
    assert action.state == "running" and Job.objects.get().kind == "bulk"
    assert jobs.do(tenant.schema_name, action.pk) == "done" and not Job.objects.exists()
    assert Contact.objects.filter(status="Lead").count() == 5 and BulkAction.objects.get().state == "done"
