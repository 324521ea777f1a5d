"""Real Celery workers, killed with SIGKILL in the middle of a run: the next one goes on, nothing is lost or doubled.

The workers are processes of their own, on the test's database, and talk to the sandbox over HTTP.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import connection

from crm.models import Contact
from integrations.models import RecordLink, SyncLog
from integrations.scheduling import dispatch, due
from integrations.scheduling.models import Due
from integrations.services import connect, lifecycle, plans, streams

pytestmark = [pytest.mark.slow, pytest.mark.servers]

LEASE_SECONDS = 4
PATIENCE = 90


class Worker:
    """One worker process with two threads."""

    def __init__(self, environment: dict[str, str], output: Path) -> None:
        self.output = output
        with output.open("w") as sink:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "celery", "-A", "config", "worker", "--pool", "threads", "-c", "2",
                 "--without-gossip", "--without-mingle", "--without-heartbeat", "-l", "info"],
                cwd=settings.BASE_DIR, env=environment, stdout=sink, stderr=subprocess.STDOUT,
            )  # fmt: skip

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@pytest.fixture
def worker(live_environment: dict[str, str], tmp_path: Path, sandbox: Any) -> Iterator[Callable[[], Worker]]:
    """worker() starts one. What lies in the broker's folder from other tests is none of its business."""
    broker = Path(os.environ["VAR_DIR"]) / "broker"
    if settings.CELERY_BROKER_URL.startswith("filesystem:"):
        shutil.rmtree(broker, ignore_errors=True)
        for folder in ("messages", "control"):
            (broker / folder).mkdir(parents=True)
    environment = live_environment | {
        "LEASE_SECONDS": str(LEASE_SECONDS),
        "PROVIDER_BASE_URLS": f"notion={sandbox.url('notion')}",
        "PROVIDER_TIMEOUT_SECONDS": "20",
    }
    started: list[Worker] = []

    def start() -> Worker:
        started.append(Worker(environment, tmp_path / f"worker-{len(started)}.txt"))
        return started[-1]

    yield start
    for one in started:
        one.kill()


@pytest.fixture
def draft(live_tenant: Any, sandbox_notion: Any) -> Any:
    """140 contacts there, 30 others here; nothing has run."""
    sandbox_notion.seed("crm", contacts=140)
    sandbox_notion.limit(None)
    for number in range(30):
        Contact.objects.create(name=f"Only here {number}", email=f"here.{number}@example.com")
    made = connect.start("notion")
    connect.connect(made, {"token": "ntn_sandbox_demo"})
    tables = {c.name: c.id for c in streams.collections(made)}
    streams.add(made, tables["Contacts"], "contact")
    return made


@pytest.fixture
def integration(draft: Any) -> Any:
    lifecycle.activate(draft)
    return draft


def until(true: Callable[[], bool], workers: Any = ()) -> None:
    """Wait, as beat would, dispatching what is due."""
    deadline = time.monotonic() + PATIENCE
    while not true():
        if time.monotonic() > deadline:
            raise AssertionError("\n".join(one.output.read_text()[-3000:] for one in workers))
        dispatch.dispatch()
        time.sleep(0.2)


def requests_of(notion: Any) -> int:
    return notion.log(limit=1)["total"]


def is_over(integration: Any) -> bool:
    row = Due.objects.get(pk=integration.pk)
    return row.leased_until is None and SyncLog.objects.filter(integration=integration, state="done").exists()


def agree(notion: Any) -> None:
    there = notion.rows("Contacts", limit=1000)
    names = Counter(row["values"]["Name"] for row in there)
    assert Counter(Contact.objects.values_list("name", flat=True)) == names
    assert len(there) == 170 and names["Only here 7"] == 1
    assert RecordLink.objects.filter(state="linked").count() == 170
    assert not RecordLink.objects.filter(intent__isnull=False).exists()


@pytest.mark.parametrize("requests", [2, 6, 20])  # while listing, at the first writes, in the middle of them
def test_killed_worker_is_followed_by_another(worker, integration, sandbox_notion, live_tenant, requests):
    began = requests_of(sandbox_notion)
    sandbox_notion.fail(fault="slow", times=None, seconds=0.15)
    first = worker()
    until(lambda: requests_of(sandbox_notion) >= began + requests, [first])
    first.kill()
    assert Due.objects.get(pk=integration.pk).leased_until is not None
    assert SyncLog.objects.get().state == "running"
    sandbox_notion.clear_faults()
    Contact.objects.filter(name="Only here 7").update(phone="+33 1 23 45")  # meanwhile, a person
    Due.objects.update(woken_at=None)  # or the dispatcher would leave it alone for half a minute
    second = worker()
    until(lambda: is_over(integration), [first, second])
    assert SyncLog.objects.count() == 1  # the same run went on
    due.ask(integration.pk)
    until(lambda: SyncLog.objects.filter(state="done").count() == 2 and is_over(integration), [second])
    agree(sandbox_notion)
    found = next(row for row in sandbox_notion.rows("Contacts", limit=1000) if row["values"]["Name"] == "Only here 7")
    assert found["values"]["Phone"] == "+33 1 23 45"


def test_killed_in_an_approved_plan_it_goes_on_with_exactly_that(worker, draft, sandbox_notion, live_tenant):
    plan = plans.ask(draft, "Ada")
    assert plans.make(plan.pk) == "ready"
    plan.refresh_from_db()
    assert plan.lines.count() == 170
    plans.approve(plan, "Ada")
    began = requests_of(sandbox_notion)
    sandbox_notion.fail(fault="slow", times=None, seconds=0.15)
    first = worker()
    until(lambda: requests_of(sandbox_notion) >= began + 20, [first])  # in the middle of the writes
    first.kill()
    assert SyncLog.objects.get().state == "running"
    sandbox_notion.clear_faults()
    Contact.objects.create(name="Not planned", email="not.planned@example.com")  # meanwhile, a person
    Due.objects.update(woken_at=None)
    second = worker()
    until(lambda: plans_over(draft) and is_over(draft), [first, second])
    there = [row["values"]["Name"] for row in sandbox_notion.rows("Contacts", limit=1000)]
    assert len(there) == 170 and "Not planned" not in there
    assert SyncLog.objects.filter(trigger="plan").count() == 1  # the same run went on
    assert set(plan.lines.values_list("outcome", flat=True)) == {"done"}
    due.ask(draft.pk)
    until(lambda: SyncLog.objects.filter(state="done").count() >= 2 and is_over(draft), [second])
    names = Counter(row["values"]["Name"] for row in sandbox_notion.rows("Contacts", limit=1000))
    assert names == Counter(Contact.objects.values_list("name", flat=True)) and names["Not planned"] == 1


def plans_over(integration: Any) -> bool:
    return not integration.plans.exclude(state="done").exists()


@pytest.mark.parametrize("meanwhile", ["edited", "deleted"])
def test_worker_killed_between_the_effect_of_a_create_and_its_answer(
    worker, integration, sandbox_notion, live_tenant, meanwhile
):
    sandbox_notion.fail(fault="timeout_after", method="POST", path="^/v1/pages$", seconds=15, after=3)
    first = worker()
    until(lambda: sandbox_notion.call("GET", "rows", table="Contacts")["total"] == 144, [first])
    first.kill()
    names = {row["values"]["Name"] for row in sandbox_notion.rows("Contacts", limit=1000)}
    opened = RecordLink.objects.filter(intent__action="create").values_list("record_id", flat=True)
    landed = Contact.objects.get(pk__in=list(opened), name__in=names)
    if meanwhile == "edited":
        Contact.objects.filter(pk=landed.pk).update(phone="+33 1 23 45")
    else:
        landed.delete()
    Due.objects.update(woken_at=None)
    second = worker()
    until(lambda: is_over(integration), [first, second])
    due.ask(integration.pk)
    until(lambda: SyncLog.objects.filter(state="done").count() == 2 and is_over(integration), [second])
    there = sandbox_notion.rows("Contacts", limit=1000)
    counted = Counter(row["values"]["Name"] for row in there)
    assert counted == Counter(Contact.objects.values_list("name", flat=True))
    assert counted[landed.name] == (meanwhile == "edited")
    phones = {row["values"]["Phone"] for row in there if row["values"]["Name"] == landed.name}
    assert phones == ({"+33 1 23 45"} if meanwhile == "edited" else set())


def test_two_workers_and_doubled_messages(worker, integration, sandbox_notion, live_tenant):
    workers = [worker(), worker()]
    for _ in range(8):
        dispatch.send_wake(connection.schema_name, integration.pk)
    until(lambda: is_over(integration), workers)
    for _ in range(8):
        dispatch.send_wake(connection.schema_name, integration.pk)
    due.ask(integration.pk)
    until(lambda: SyncLog.objects.filter(state="done").count() >= 2 and is_over(integration), workers)
    agree(sandbox_notion)
