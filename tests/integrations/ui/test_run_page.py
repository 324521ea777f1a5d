"""A run's page: what was created with its values, search by name, what it set aside by cause, as a file, and again."""

from __future__ import annotations

import csv
import io

import pytest
from django.utils import timezone

from crm import feed
from crm.feed import Actor
from crm.models import Contact
from integrations.models import SyncLog, SyncLogLine
from integrations.sync import tables
from integrations.sync.tally import Problem
from tests.integrations.ui.conftest import url

pytestmark = pytest.mark.usefixtures("notion")


@pytest.fixture
def run(paired):
    """A run that created three contacts here and set one value aside."""
    made, stream = paired["integration"], paired["stream"]
    made.status, made.setup_step = "active", "done"
    made.save()
    run = SyncLog.objects.create(
        integration=made, trigger="person", state="failed", error_code="unavailable", ended_at=timezone.now(),
        counts={"created_here": 3, "set_aside": 1, "read": 3},
    )  # fmt: skip
    feed.sign(Actor("run", str(run.pk), "Notion", stream.origin))
    for number, name in enumerate(["Ada", "Grace", "=Edsger"]):
        contact = Contact.objects.create(name=name, email=f"{number}@acme.example", phone="+33 1")
        SyncLogLine.objects.create(
            run=run, stream=stream, record_id=contact.pk, title=name, side="here", action="created", at=timezone.now()
        )
    tables.set_aside(stream, [Problem("there", "unfit", "“x” is not a date", str(contact.pk), "r1", name, "email")])
    SyncLogLine.objects.create(
        run=run, stream=stream, record_id=contact.pk, title=name, side="there", action="set_aside", at=timezone.now()
    )
    return run


def page_of(run, name="run", **query):
    return url(name, run.integration_id, run.pk, **query)


def test_what_was_created_here_is_shown_with_its_values(tenant_client, run):
    page = tenant_client.get(page_of(run))
    ada = next(line for line in page.context["lines"] if line["title"] == "Ada")
    assert {one["field"]: one["new"] for one in ada["changes"]}["E-mail"] == "0@acme.example"
    assert all(one["fresh"] for one in ada["changes"])


def test_search_by_name_and_by_outcome(tenant_client, run):
    def titles(**query):
        return [line["title"] for line in tenant_client.get(page_of(run, **query)).context["lines"]]

    assert titles(q="grace") == ["Grace"]
    assert titles(action="set_aside") == ["=Edsger"] == titles(action="set_aside", q="eds")
    assert titles(q="nobody at all") == []
    assert "No record’s name holds" in tenant_client.get(page_of(run, q="nobody at all")).content.decode()


def test_what_it_set_aside_stands_by_cause_with_what_helps(tenant_client, run):
    page = tenant_client.get(page_of(run))
    [group] = page.context["groups"]
    assert group["count"] == 1 and "Try it again" in page.content.decode()


def test_lines_as_a_file_without_formulas(tenant_client, run):
    answer = tenant_client.get(page_of(run, "run_csv", action="created"))
    rows = list(csv.reader(io.StringIO(b"".join(answer.streaming_content).decode())))
    assert rows[0][0] == "When" and {row[4] for row in rows[1:]} == {"Ada", "Grace", "'=Edsger"}
    assert ["E-mail", "", "0@acme.example"] in [row[5:8] for row in rows]


def test_run_that_failed_is_tried_again(tenant_client, run):
    from integrations.models import SetAside
    from integrations.scheduling.models import Due

    assert "run_retry" not in tenant_client.get(page_of(run)).content.decode()
    assert tenant_client.post(page_of(run, "run_retry")).status_code == 303
    assert SetAside.objects.get().retry_at is None
    assert Due.objects.get(pk=run.integration_id).due_at <= timezone.now()
    SyncLog.objects.filter(pk=run.pk).update(state="running")
    assert tenant_client.post(f"/api/v1/runs/{run.pk}/retry").json()["code"] == "still_running"


def test_who_may_not_undo_a_run_reads_who_may(run, tenant, sign_in, member):
    SyncLog.objects.filter(pk=run.pk).update(state="done", error_code="")
    told = "An owner or admin can undo this run."
    somebody = sign_in(member("member"), tenant)
    assert told in somebody.get(page_of(run)).content.decode()


def test_undo_is_not_explained_to_who_may(run, tenant_client):
    SyncLog.objects.filter(pk=run.pk).update(state="done", error_code="")
    page = tenant_client.get(page_of(run)).content.decode()
    assert "Undo this run" in page and "An owner or admin can undo" not in page
