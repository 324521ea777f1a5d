"""Work in the background: claimed by one, gone on with after a crash, told as failed in the end."""

from __future__ import annotations

import datetime as dt
import uuid

import pytest
from django.db import connection
from django.utils import timezone

from integrations.scheduling import jobs
from integrations.scheduling.models import Job
from tests.between import meanwhile, refuse


@pytest.fixture
def told(monkeypatch):
    """A kind of work that notes what is asked of it; `told.answer` is what it answers, or raises."""

    class Told(list):
        answer = True

    seen = Told()

    def work(job_id, turn):
        seen.append("work")
        if isinstance(seen.answer, BaseException):
            raise seen.answer
        return seen.answer

    monkeypatch.setitem(jobs._handlers, "noted", jobs.Handler(work, lambda _pk: seen.append("failed")))
    return seen


@pytest.fixture
def job(tenant):
    made = uuid.uuid4()
    jobs.ask("noted", made)
    jobs.ask("noted", made)
    return made


def do(tenant, job):
    try:
        return jobs.do(tenant.schema_name, job)
    finally:
        connection.set_tenant(tenant)


def test_what_is_finished_is_done_once(tenant, job, told):
    assert (do(tenant, job), do(tenant, job)) == ("done", "not waiting")
    assert told == ["work"]


def test_nobody_takes_what_another_one_does(tenant, job, told):
    Job.objects.update(leased_until=timezone.now() + dt.timedelta(minutes=1))
    assert do(tenant, job) == "not waiting"
    assert (jobs.wake(), told) == (0, [])


def test_what_a_dead_worker_left_is_woken_and_done(tenant, job, told):
    long_ago = timezone.now() - dt.timedelta(hours=1)
    Job.objects.update(leased_until=long_ago, woken_at=long_ago, asked_at=long_ago)
    assert jobs.wake() == 1
    assert jobs.wake() == 0  # not every few seconds
    assert do(tenant, job) == "done"


def test_what_fails_is_tried_again_and_then_told(tenant, job, told):
    told.answer = RuntimeError("no")
    assert [do(tenant, job) for _ in range(4)] == ["failed", "failed", "done", "not waiting"]
    assert told == ["work", "work", "work", "failed"]


def test_a_turn_that_ends_lets_others_go_on(tenant, job, told):
    told.answer = False
    assert do(tenant, job) == "turn over"
    told.answer = True
    assert do(tenant, job) == "done"


def test_what_is_asked_for_while_it_is_being_done_is_done_again(tenant, job, told, monkeypatch):
    def asks_again(job_id, turn):
        told.append("work")
        if len(told) == 1:
            jobs.ask("noted", job_id)
        return True

    monkeypatch.setitem(jobs._handlers, "noted", jobs.Handler(asks_again, lambda _pk: None))
    assert [do(tenant, job) for _ in range(3)] == ["done", "done", "not waiting"]
    assert told == ["work", "work"]


def test_an_import_that_breaks_in_the_middle_can_be_taken_back(bring, work, monkeypatch):
    from crm.models import Contact
    from integrations.files import applying, imports
    from tests.integrations.files.conftest import ADA

    monkeypatch.setattr(applying, "PART", 2)
    job = imports.preview(bring("Name\n" + "".join(f"P{n}\n" for n in range(5))))
    work()
    job.refresh_from_db()
    refuse("crm_contact", "NEW.name = 'P3'")
    imports.approve(job, ADA, may_add=True, version=job.version)
    for _ in range(3):
        work()
    job.refresh_from_db()
    assert (job.state, Contact.objects.count()) == ("done", 2)
    assert "A fault of ours" in job.problem
    imports.undo(job, ADA)
    work()
    assert Contact.objects.count() == 0


def test_another_tenant_does_not_end_a_job(tenant, other_tenant, job, told):
    assert (do(other_tenant, job), told) == ("not waiting", [])
    connection.set_tenant(tenant)
    assert do(tenant, job) == "done"


def test_whose_worker_dies_each_time_is_told_as_failed(tenant, job, told):
    """A file that takes so much memory that the system ends the worker would end one worker after the other."""
    told.answer = KeyboardInterrupt()
    for _ in range(3):
        with pytest.raises(KeyboardInterrupt):
            do(tenant, job)
        Job.objects.update(leased_until=timezone.now() - dt.timedelta(seconds=1))
    assert [do(tenant, job), do(tenant, job)] == ["done", "not waiting"]
    assert told == ["work", "work", "work", "failed"]


def test_a_turn_that_got_through_begins_the_count_anew(tenant, job, told):
    for answer in (KeyboardInterrupt(), False) * 3:
        told.answer = answer
        if answer is False:
            assert do(tenant, job) == "turn over"
        else:
            with pytest.raises(KeyboardInterrupt):
                do(tenant, job)
            Job.objects.update(leased_until=timezone.now() - dt.timedelta(seconds=1))
    assert "failed" not in told


def test_who_lost_the_job_does_not_tell_it_as_failed(tenant, job, told, monkeypatch):
    def loses_it(job_id, turn):
        Job.objects.filter(pk=job_id).update(fence=turn.fence + 1)  # somebody else has it by now
        raise RuntimeError("too late")

    monkeypatch.setitem(jobs._handlers, "noted", jobs.Handler(loses_it, lambda _pk: told.append("failed")))
    Job.objects.update(failures=2)
    assert do(tenant, job) == "lost"
    assert (told, Job.objects.count()) == ([], 1)


def test_a_planner_that_lost_its_claim_leaves_the_plan_of_another_one_alone(tenant, bring, work):
    from integrations.files import imports
    from integrations.files.models import Import

    pk = imports.preview(bring("Name\nAda\nBo\n")).pk
    stale = jobs.Turn(pk, Job.objects.get().fence + 7, 1e12)
    with pytest.raises(jobs.Lost):
        imports.make_plan(pk, stale, tenant)
    work()
    ready = Import.objects.get(pk=pk)
    assert (ready.state, ready.lines.count()) == ("ready", 2)
    Import.objects.filter(pk=pk).update(state="planning")
    with pytest.raises(jobs.Lost):
        imports.make_plan(pk, stale, tenant)
    assert ready.lines.count() == 2


@pytest.mark.parametrize("breaks", [False, True])
def test_a_planner_does_not_bring_back_what_was_thrown_away(tenant, bring, monkeypatch, breaks):
    from django.core.files.storage import storages

    from integrations.files import imports, planning, reading
    from integrations.files.models import Import, ImportRow

    monkeypatch.setattr(planning, "BATCH", 1)
    job = imports.preview(bring("Name\nAda\nBo\nCy\n"))
    pk = job.pk
    if breaks:
        with storages["files"].open(job.stored, "w") as file:
            file.write("Name\nAda\n" + ",Bo" * (reading.MAX_COLUMNS + 1) + "\nCy\n")

    def first_is_planned(sql):
        return "SAVEPOINT" in sql and Import.objects.get().position == 2

    with (
        pytest.raises(jobs.Lost),
        meanwhile(first_is_planned, lambda: imports.discard(Import.objects.get()), after=True),
    ):
        imports.make_plan(pk, jobs.Turn(pk, Job.objects.get().fence, 1e12), tenant)
    assert (Import.objects.get().state, ImportRow.objects.count()) == ("discarded", 0)


def test_a_plan_in_the_making_is_not_the_one_to_approve(tenant, bring, work):
    from integrations.files import imports
    from integrations.files.models import Import
    from integrations.services.connect import Refused
    from tests.integrations.files.conftest import ADA

    seen = imports.preview(bring("Name\nAda\n")).version
    work()
    with pytest.raises(Refused) as refused:
        imports.approve(Import.objects.get(), ADA, may_add=True, version=seen)
    assert refused.value.code == "moved_import"


def test_what_a_fault_ended_keeps_no_file(tenant, bring, work):
    import datetime as dt

    from django.core.files.storage import storages

    from integrations.files import imports, keeping
    from integrations.files.models import Import
    from tests.integrations.files.conftest import ADA

    refuse("crm_contact", "true")
    job = imports.preview(bring("Name\nAda\n"))
    work()
    job.refresh_from_db()
    imports.approve(job, ADA, may_add=True, version=job.version)
    for _ in range(3):
        work()
    job.refresh_from_db()
    assert job.state == "done" and storages["files"].exists(job.stored)
    Import.objects.update(changed_at=timezone.now() - dt.timedelta(hours=2))
    keeping.forget()
    assert not storages["files"].exists(job.stored)
    assert Import.objects.get().stored == ""


def test_a_file_that_nobody_speaks_of_is_swept_up_but_not_at_once(tenant, other_tenant, bring):
    import os

    from django.core.files.base import ContentFile
    from django.core.files.storage import storages

    from integrations.files import keeping

    files = storages["files"]
    kept = bring("Name\nAda\n").stored
    paths = {
        name: files.save(f"{of.schema_name}/exports/{name}.csv", ContentFile(b"Ada"))
        for name, of in (("old", tenant), ("new", tenant), ("theirs", other_tenant))
    }
    for path in (kept, paths["old"], paths["theirs"]):
        os.utime(files.path(path), (0, 0))
    keeping.forget()
    left = {name for name, path in paths.items() if files.exists(path)}
    assert (left, files.exists(kept)) == ({"new", "theirs"}, True)


def test_a_planner_that_died_after_its_last_step_leaves_the_file_to_be_read_again(tenant, bring, work):
    from integrations.files import imports
    from integrations.files.models import Import

    job = imports.preview(bring("Name,E-mail\nAda,ada@x.example\n"))
    work()
    jobs.ask("import", job.pk)  # its row is still there: the worker died before it could take it away
    work()
    job.refresh_from_db()
    assert (job.state, bool(job.stored)) == ("ready", True)
    imports.relayout(job, {"header": 1}, tenant)
    imports.preview(job)
    work()
    assert Import.objects.get().state == "ready"
