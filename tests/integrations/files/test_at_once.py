"""Two people bring the same people at the same time."""

from __future__ import annotations

import threading

from django.db import connection, connections

from crm.models import Contact
from integrations.files import applying, imports
from integrations.files.models import Import
from integrations.scheduling import jobs
from tests.integrations.files.conftest import ADA


def test_two_imports_at_once_make_each_record_once(live_tenant, bring, monkeypatch):
    monkeypatch.setattr(applying, "PART", 5)
    people = "".join(f"P{n},p{n}@x.example\n" for n in range(30))
    brought = [imports.preview(bring("Name,E-mail\n" + people, name=name)) for name in ("a.csv", "b.csv")]
    for job in brought:
        jobs.do(live_tenant.schema_name, job.pk)
        connection.set_tenant(live_tenant)
        job.refresh_from_db()
        imports.approve(job, ADA, may_add=True, version=job.version)
    together = threading.Barrier(2)

    def work(pk):
        together.wait()
        jobs.do(live_tenant.schema_name, pk)
        connections.close_all()

    threads = [threading.Thread(target=work, args=[job.pk]) for job in brought]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    counts = [one.counts for one in Import.objects.all()]
    assert {one.state for one in Import.objects.all()} == {"done"}
    assert Contact.objects.count() == 30
    assert sum(one.get("created_done", 0) for one in counts) == 30
    assert sum(one.get("left", 0) for one in counts) == 30
