"""
=============  ============================================================================================
bring          bring("name,email\\nAda,…", entity="contact", name="x.csv") -> Import; bytes are taken as they are
carry_out      carry_out(job) -> Import: preview, approve, all work done as a worker would
work           work() does what waits for a worker
=============  ============================================================================================
"""

from __future__ import annotations

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection

from crm.feed import Actor

ADA = Actor("user", "7", "Ada")


@pytest.fixture(autouse=True)
def _own_folder(settings, tmp_path):
    settings.STORAGES = {
        **settings.STORAGES,
        "files": {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": str(tmp_path / "files")},
        },
    }


@pytest.fixture
def home(request):
    return request.getfixturevalue("live_tenant" if "live_tenant" in request.fixturenames else "tenant")


@pytest.fixture
def bring(home):
    from integrations.files import imports

    def make(content, entity="contact", name="contacts.csv", by=ADA):
        data = content.encode() if isinstance(content, str) else content
        return imports.create(entity, SimpleUploadedFile(name, data), by, home)

    return make


@pytest.fixture
def work(home):
    from integrations.scheduling import jobs

    def run():
        while jobs.do_all():
            connection.set_tenant(home)
        connection.set_tenant(home)

    return run


@pytest.fixture
def carry_out(work):
    from integrations.files import imports

    def run(job, by=ADA):
        imports.preview(job)
        work()
        job.refresh_from_db()
        if imports.changes(job.counts):
            imports.approve(job, by, may_add=True, version=job.version)
            work()
            job.refresh_from_db()
        return job

    return run
