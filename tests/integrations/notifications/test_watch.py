"""From what happened in a tenant to notices: each change once, whoever looks, however often."""

from __future__ import annotations

import datetime as dt
import threading
from uuid import uuid4

import pytest
from django.db import connection
from django.utils import timezone
from django_tenants.utils import tenant_context

from integrations.catalog.models import Incident
from integrations.models import Conflict, IntegrationInstance, SetAside, SyncLog, SyncLogLine
from integrations.notifications import watch, words
from integrations.notifications.bell import rings
from integrations.notifications.bell.models import Ring
from integrations.notifications.kinds import Kind
from integrations.notifications.models import Delivery, Notice, Told, Volume
from integrations.services import conflicts
from integrations.services.connect import mark
from tests.integrations.notifications.conftest import a_run

DAY = dt.timedelta(days=1)


def kinds(notices):
    return [one.kind for one in notices]


def test_stop_is_told_once_and_its_end_dismisses_it(notion, ended, stops, look):
    ended()
    assert look() == []
    stops("authentication_failed", "secret detail")
    [told] = look()
    assert (told.kind, told.code, told.integration_id) == (Kind.CRITICAL, "authentication_failed", notion.pk)
    assert "secret detail" not in str(told.facts)
    assert look() == []
    mark(notion, "active")
    assert look() == []  # nothing has got through yet
    ended()
    [over] = look()
    assert over.kind == Kind.RECOVERED
    told.refresh_from_db()
    assert told.over_at
    assert not Delivery.objects.filter(notice=told, read_at=None).exists()
    assert look() == []


def test_failures_are_trouble_after_a_while_then_a_warning_then_a_stop(notion, fails_for, stops, look):
    fails_for(0.1)
    assert look() == []
    fails_for(1)
    assert kinds(look()) == [Kind.WARNING]
    fails_for(3, code="outcome_unknown")
    assert look() == []
    fails_for(25, is_warned=True)
    assert kinds(look()) == [Kind.WARNING]
    stops("failing_for_days", "unavailable: x")
    assert kinds(look()) == [Kind.CRITICAL]
    assert Notice.objects.filter(over_at=None).count() == 1  # what it began as is replaced


def test_table_that_stops_is_told_by_itself(notion, table, ended, look):
    table.problem_code = "not_found"
    table.save()
    ended()
    [told] = look()
    assert (told.kind, told.code, told.facts["table"]) == (Kind.WARNING, "not_found", "Contacts")
    table.problem_code = ""
    table.save()
    ended()
    assert kinds(look()) == [Kind.RECOVERED]


def test_table_that_is_removed_takes_its_trouble_along(table, ended, look):
    table.problem_code = "not_found"
    table.save()
    ended()
    look()
    table.delete()
    assert look() == []
    assert not Notice.objects.filter(over_at=None).exists()
    assert not Told.objects.filter(level__gt=0).exists()


def test_trouble_of_many_is_one_calm_notice_in_place_of_alarms(notion, fails_for, ended, look):
    now = timezone.now()
    Incident.objects.create(provider="notion", kind="unavailable", began_at=now, seen_at=now, tenants=7)
    fails_for(30, is_warned=True)
    [calm] = look()
    assert (calm.kind, calm.integration_id, calm.subject) == (Kind.WARNING, None, "incident:notion")
    fails_for(31, is_warned=True)
    assert look() == []
    Incident.objects.update(ended_at=now)
    ended()
    [over] = look()
    assert (over.kind, over.subject) == (Kind.RECOVERED, "incident:notion")


def test_trouble_of_a_tool_that_nobody_here_uses_any_more_is_over(notion, fails_for, look):
    now = timezone.now()
    Incident.objects.create(provider="notion", kind="unavailable", began_at=now, seen_at=now, tenants=7)
    fails_for(30, is_warned=True)
    assert kinds(look()) == ["warning"]
    notion.delete()
    assert look() == []
    assert not Notice.objects.filter(over_at=None).exists()
    assert not Told.objects.filter(level__gt=0).exists()  # else every run would ring because of it


def test_trouble_of_many_that_does_not_meet_this_tenant_is_not_told(notion, ended, look):
    now = timezone.now()
    Incident.objects.create(provider="notion", kind="unavailable", began_at=now, seen_at=now, tenants=7)
    ended()
    assert look() == []


# --- records ----------------------------------------------------------------------------------------------------------


def conflict(table, run, **facts):
    known = {"record_id": uuid4(), "policy": "newest", "at": timezone.now(), "title": "Ada", "field": "email",
             "local": "secret@value.example", "critical": True}  # fmt: skip
    return Conflict.objects.create(stream=table, run=run, **known | facts)


def test_conflicts_of_a_run_are_one_notice_until_somebody_saw_to_them(table, ended, look):
    run = ended(conflict=3)
    waits = conflict(table, run, state="open", policy="ask")
    settled = conflict(table, run, title="Grace")
    conflict(table, run, critical=False, title="Nobody's worry")
    [told] = look()
    assert (told.kind, told.facts["open"], told.facts["critical"]) == (Kind.CONFLICTS, 1, 1)
    assert sorted(told.facts["names"]) == ["Ada", "Grace"]
    assert "secret@value" not in str(told.facts)
    assert look() == []
    Conflict.objects.filter(pk=waits.pk).update(state="settled", critical=False)
    look()
    told.refresh_from_db()
    assert told.over_at is None
    Conflict.objects.filter(pk=settled.pk).update(seen_at=timezone.now())
    look()
    told.refresh_from_db()
    assert told.over_at


def test_a_clock_that_is_set_back_hides_no_run(table, ended, look):
    look()
    told = Told.objects.get(subject="runs")
    told.memory["upto"] = (timezone.now() + dt.timedelta(hours=1)).isoformat()
    told.save()
    conflict(table, ended(conflict=1))
    assert kinds(look()) == ["conflicts"]
    assert kinds(look()) == []


def aside(table, number=1, field="phone", code="unfit", cause="c1"):
    told = {"reason": "“secret” does not fit", "cause": cause}
    SetAside.objects.bulk_create(
        SetAside(stream=table, side="here", record_id=uuid4(), field=field, code=code, **told) for _one in range(number)
    )


def test_a_new_cause_of_records_set_aside_is_told_and_more_of_it_is_not(table, ended, look):
    aside(table, 3)
    ended(set_aside=3)
    [told] = look()
    assert (told.kind, told.facts["causes"][0]["n"]) == (Kind.SET_ASIDE, 3)
    assert "secret" not in str(told.facts)
    aside(table, 9)
    ended(set_aside=9)
    assert look() == []
    aside(table, 1, code="invalid_record")
    ended(set_aside=1)
    assert [one.facts["causes"][0]["code"] for one in look()] == ["invalid_record"]
    SetAside.objects.all().delete()
    look()
    assert not Notice.objects.filter(over_at=None).exists()
    aside(table, 3)
    ended(set_aside=3)
    assert look() == []  # back within a day


def test_one_cause_leads_to_its_own_page_and_several_to_the_inbox(table, ended, look, tenant_client):
    aside(table, 2)
    ended(set_aside=2)
    [told] = look()
    path = words.say(told, "viewer").path
    assert path.startswith("/inbox/") and "code=unfit" in path and tenant_client.get(path).status_code == 200
    aside(table, 1, field="email", cause="c1")
    aside(table, 1, field="email", cause="c2")
    ended(set_aside=4)
    assert words.say(look()[0], "viewer").path == "/inbox/"


def wrote(table, ended, number, action="updated", at=None, trigger="schedule"):
    run = ended(updated_here=number, trigger=trigger)
    if at:
        SyncLog.objects.filter(pk=run.pk).update(ended_at=at)
    SyncLogLine.objects.bulk_create(
        SyncLogLine(run=run, stream=table, side="here", action=action, at=timezone.now()) for _one in range(number)
    )
    return run


def test_far_more_than_usual_is_told_with_its_run(table, ended, look):
    for number in (3, 5, 4, 6, 3, 4, 5, 2, 4, 3, 5):
        wrote(table, ended, number)
    assert look() == []
    run = wrote(table, ended, 80)
    [told] = look()
    assert (told.kind, told.facts["n"], told.facts["usual"], told.facts["run"]) == (Kind.VOLUMES, 80, 4, str(run.pk))
    wrote(table, ended, 90, trigger="undo")  # a person asked for it
    assert look() == []


def test_only_the_last_busy_runs_of_a_table_are_kept(table, ended, look):
    for _run in range(33):
        wrote(table, ended, 1)
    ended()
    look()
    wrote(table, ended, 1)
    look()
    assert Volume.objects.filter(stream=table).count() <= 31


def test_silence_of_a_busy_table_is_told_and_a_change_ends_it(table, ended, look):
    for day in range(12):
        wrote(table, ended, 2)
        look()
        Volume.objects.filter(stream=table).update(at=timezone.now() - 30 * DAY + day * DAY / 10)
    Volume.objects.filter(stream=table).update(at=timezone.now() - 9 * DAY)
    assert watch.look_for_silence() == 1
    assert watch.look_for_silence() == 0
    told = Notice.objects.get(subject=f"silence:{table.pk}")
    wrote(table, ended, 2)
    look()
    told.refresh_from_db()
    assert told.over_at


# --- what it costs, and how often ---------------------------------------------------------------------------------------


def test_a_look_costs_the_same_for_many_connections(
    notion, table, ended, look, django_assert_max_num_queries, django_assert_num_queries
):
    from integrations.models import IntegrationInstance, Stream

    ended()
    look()
    with django_assert_max_num_queries(20) as few:
        watch.look()
    for number in range(8):
        more = IntegrationInstance.objects.create(provider="notion", name=f"More {number}", status="active")
        Stream.objects.create(integration=more, collection=f"m{number}", collection_name="More", entity="task")
        a_run(more, "done", "", "schedule", {})
    watch.look()
    with django_assert_num_queries(len(few)):
        watch.look()


def test_many_who_look_at_once_tell_it_once(live_tenant):
    from integrations.models import IntegrationInstance

    made = IntegrationInstance.objects.create(provider="notion", name="Wiki", status="active")
    mark(made, "attention", "authentication_failed")
    begin = threading.Barrier(4)

    def one_worker():
        with tenant_context(live_tenant):
            begin.wait()
            watch.look()
        connection.close()

    workers = [threading.Thread(target=one_worker) for _worker in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert kinds(Notice.objects.all()) == [Kind.CRITICAL]
    assert Delivery.objects.filter(user_id=live_tenant.owner.pk).count() == 1


def test_a_worker_that_dies_before_it_rings_has_stopped_nothing(notion, table, ended, stops):
    settled = conflict(table, ended(conflict=1), state="settled")

    def dies(execute, sql, params, many, context):
        if "bell_ring" in sql:
            raise SystemExit
        return execute(sql, params, many, context)

    for act in (lambda: stops("authentication_failed"), lambda: conflicts.acknowledge(settled, None)):
        with pytest.raises(SystemExit), connection.execute_wrapper(dies):
            act()
    assert (IntegrationInstance.objects.get().status, Conflict.objects.get().seen_at) == ("active", None)


def test_only_tenants_that_rang_are_looked_at(tenant, other_tenant):
    Ring.objects.all().delete()
    rings.ring()
    rings.ring()
    with tenant_context(other_tenant):
        rings.ring(timezone.now() + DAY)
    assert rings.rung() == [tenant.schema_name]
    assert rings.rung() == []  # woken a moment ago
    heard = rings.heard()
    rings.ring()  # meanwhile
    rings.answered(heard, None)
    assert Ring.objects.filter(tenant=tenant).count() == 1
    rings.answered(rings.heard(), timezone.now() + DAY)
    assert Ring.objects.get(tenant=tenant).look_at > timezone.now()


@pytest.mark.parametrize(("level", "rings_"), [(0, 0), (2, 1)])
def test_a_run_that_found_nothing_rings_only_after_trouble(notion, level, rings_):
    Told.objects.create(subject=f"integration:{notion.pk}", integration=notion, level=level)
    Ring.objects.all().delete()
    rings.ring_after(notion.pk, is_calm=True)
    assert Ring.objects.count() == rings_
