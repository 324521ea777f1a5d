"""How fast a file of 100,000 contacts comes in, and goes out: `python -m tests.benchmarks.files [ROWS]`."""

from __future__ import annotations

import io
import resource
import sys
import time

from tests import database

database.prepare()


def main(rows: int) -> None:
    import django

    django.setup()
    database.create()
    try:
        measure(rows)
    finally:
        database.destroy()


def measure(rows: int) -> None:
    from django.core.files.uploadedfile import SimpleUploadedFile
    from django.db import connection

    from crm import records
    from crm.feed import Actor
    from crm.models import Company, Contact
    from integrations.files import exports, imports
    from integrations.scheduling import jobs
    from tenants import lifecycle
    from tenants.models import User

    ada = Actor("user", "1", "Ada")
    owner = User.objects.create_user("owner@bench.example", name="Owner")
    tenant = lifecycle.create_tenant("Bench", "bench", owner)
    connection.set_tenant(tenant)
    Company.objects.bulk_create(Company(name=f"Company {n}") for n in range(500))
    head = "Name,E-mail,Phone,Job title,Company,Status,Website,Notes\n"
    lines = (
        f"Person {n},p{n}@x.example,+39 055 {n},Buyer,Company {n % 500},Lead,https://x.example/{n},Met at the fair\n"
        for n in range(rows)
    )
    data = (head + "".join(lines)).encode()

    def through(what: str, content: bytes, name: str) -> None:
        job = imports.create("contact", SimpleUploadedFile(name, content), ada, tenant)
        began = time.perf_counter()
        imports.preview(job)
        while jobs.do_all():
            connection.set_tenant(tenant)
        connection.set_tenant(tenant)
        told(f"{what}: worked out", rows, began)
        job.refresh_from_db()
        print(f"    {job.state} {job.counts} {job.problem}")
        if imports.changes(job.counts):
            began = time.perf_counter()
            imports.approve(job, ada, may_add=True, version=job.version)
            while jobs.do_all():
                connection.set_tenant(tenant)
            connection.set_tenant(tenant)
            told(f"{what}: written", rows, began)
            began = time.perf_counter()

    through("CSV, all new", data, "contacts.csv")
    assert Contact.objects.count() == rows
    described = records.describe("contact")
    for kind in ("csv", "xlsx"):
        began, kept = time.perf_counter(), io.BytesIO()
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        size = 0
        for piece in exports.stream(exports.create(described, [], kind, {}, ada), tenant):
            size += len(piece)
            kept.write(piece)
        told(f"{kind.upper()} export, all columns", rows, began)
        grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
        print(f"    {size / 2**20:.1f} MB; memory grew by {grown:.0f} MB, the file itself is kept here")
        through(f"the same {kind.upper()} again", kept.getvalue(), f"again.{kind}")
    connection.set_schema_to_public()
    lifecycle.delete_tenant(tenant)


def told(what: str, rows: int, began: float) -> None:
    seconds = time.perf_counter() - began
    print(f"{what:40} {rows / seconds:8,.0f} rows a second ({seconds:.1f} s)", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
