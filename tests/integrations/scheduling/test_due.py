"""The table of what is due: when runs come next, who goes first, what dispatching costs."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from django.db import connection

from crm.fields import new_id
from integrations.models.instance import Frequency
from integrations.scheduling import dispatch, due, leases
from integrations.scheduling.models import Due, Priority

PARIS, TOKYO = ZoneInfo("Europe/Paris"), ZoneInfo("Asia/Tokyo")


def at(text: str, zone: dt.tzinfo = dt.UTC) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=zone)


@pytest.mark.parametrize(
    ("frequency", "now", "zone", "expected"),
    [
        (Frequency.FIVE_MINUTES, at("2026-05-04T10:00"), PARIS, at("2026-05-04T10:05")),
        (Frequency.FIFTEEN_MINUTES, at("2026-05-04T23:50"), PARIS, at("2026-05-05T00:05")),
        (Frequency.HOURLY, at("2026-05-04T10:00"), PARIS, at("2026-05-04T11:00")),
        (Frequency.DAILY, at("2026-05-04T00:30"), PARIS, at("2026-05-04T03:00", PARIS)),
        (Frequency.DAILY, at("2026-05-04T01:30"), PARIS, at("2026-05-05T03:00", PARIS)),
        (Frequency.DAILY, at("2026-05-04T17:59"), TOKYO, at("2026-05-05T03:00", TOKYO)),
        (Frequency.DAILY, at("2026-05-04T18:00"), TOKYO, at("2026-05-06T03:00", TOKYO)),
        (Frequency.WEEKLY, at("2026-05-06T10:00"), PARIS, at("2026-05-11T03:00", PARIS)),
        (Frequency.WEEKLY, at("2026-05-04T00:30"), PARIS, at("2026-05-04T03:00", PARIS)),  # early on a Monday
        (Frequency.WEEKLY, at("2026-05-04T02:00"), PARIS, at("2026-05-11T03:00", PARIS)),
    ],
)
def test_next_run(frequency, now, zone, expected):
    assert due.next_due(frequency, now, zone) == expected.astimezone(dt.UTC)


def test_manual_is_never_due():
    assert due.next_due(Frequency.MANUAL, at("2026-05-04T10:00"), PARIS) is None


@pytest.mark.parametrize(
    "day", ["2026-03-28", "2026-03-29", "2026-10-24", "2026-10-25"]
)  # the nights the clocks change
def test_daily_runs_once_a_day_across_daylight_saving(day):
    now = at(f"{day}T03:00", PARIS).astimezone(dt.UTC)
    following = due.next_due(Frequency.DAILY, now, PARIS)
    local = following.astimezone(PARIS)
    assert (local.date() - now.astimezone(PARIS).date()).days == 1 and local.hour == 3
    assert following > now


@pytest.fixture
def rows(tenant: Any) -> Any:
    def make(priority: int = Priority.SCHEDULE, minutes: int = -1, home: Any = tenant, **facts: Any) -> UUID:
        moment = dt.datetime.now(dt.UTC) + dt.timedelta(minutes=minutes)
        return Due.objects.create(integration_id=new_id(), tenant=home, priority=priority, due_at=moment, **facts).pk

    return make


def woken(limit: int = 200) -> list[UUID]:
    return [pk for _schema, pk in dispatch.due_now(limit)]


def test_persons_go_first_then_those_that_wait_longest(rows):
    late, person, later = rows(minutes=-9), rows(Priority.PERSON), rows(minutes=-3)
    rows(minutes=5)
    assert woken() == [person, late, later]
    assert woken() == []  # they were told; again only after a while


def test_tenants_take_turns(rows, tenant, other_tenant):
    mine = [rows(minutes=-10 + number) for number in range(3)]
    theirs = rows(minutes=-1, home=other_tenant)
    assert woken() == [mine[0], theirs, mine[1], mine[2]]


def test_only_so_many_at_once_and_persons_among_them(rows):
    for number in range(5):
        rows(minutes=-20 + number)
    person = rows(Priority.PERSON)
    assert len(found := woken(2)) == 2 and found[0] == person
    assert len(woken(2)) == 2


def test_what_runs_is_not_woken_what_died_is(rows):
    now = dt.datetime.now(dt.UTC)
    rows(leased_until=now + dt.timedelta(minutes=1))
    dead = rows(leased_until=now - dt.timedelta(seconds=1))
    assert woken() == [dead]


def test_asking_during_a_run_is_not_forgotten(live_tenant):
    pk = new_id()
    due.ask(pk)
    lease = leases.claim(pk)
    due.ask(pk, Priority.PERSON, "person")
    leases.release(lease, None, Priority.SCHEDULE)
    row = Due.objects.get(pk=pk)
    assert (row.due_at, row.priority, row.trigger) == (row.asked_at, Priority.PERSON, "person")
    lease = leases.claim(pk)
    leases.release(lease, None, Priority.SCHEDULE)
    assert Due.objects.get(pk=pk).due_at is None
    due.forget(pk)


def test_asking_uses_the_clock_that_claiming_uses(live_tenant, monkeypatch):
    """A web server whose clock is behind may not make a wish look older than the run that it came during."""
    pk = new_id()
    due.ask(pk)
    lease = leases.claim(pk)
    behind = dt.datetime.now(dt.UTC) - dt.timedelta(hours=1)
    monkeypatch.setattr("django.utils.timezone.now", lambda: behind)
    due.ask(pk)
    leases.release(lease, None, Priority.SCHEDULE)
    assert Due.objects.get(pk=pk).due_at is not None
    due.forget(pk)


def test_dispatch_touches_only_what_is_due(rows, tenant):
    """10,000 integrations planned for later, 30 that run now, 5 that are due."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO public.scheduling_due (integration_id, tenant_id, priority, trigger, fence, holder, due_at)"
            " SELECT gen_random_uuid(), %s, n %% 4, 'schedule', 0, '', now() + n * interval '1 second'"
            " FROM generate_series(1, 10000) n",
            [tenant.pk],
        )
        cursor.execute("ANALYZE public.scheduling_due")
    for _ in range(30):
        rows(leased_until=dt.datetime.now(dt.UTC) + dt.timedelta(minutes=1))
    for _ in range(5):
        rows()
    with connection.cursor() as cursor:
        cursor.execute("EXPLAIN (ANALYZE, FORMAT JSON) " + dispatch.DUE, [dispatch.WAKE_AGAIN_SECONDS, dispatch.BATCH])
        told = cursor.fetchone()[0]
    plan = (json.loads(told) if isinstance(told, str) else told)[0]["Plan"]
    over = [node for node in nodes(plan) if node.get("Relation Name") == "scheduling_due" and "Index Name" not in node]
    assert [node["Node Type"] for node in over] in (["ModifyTable"], ["ModifyTable", "Bitmap Heap Scan"]), over
    scans = [node for node in nodes(plan) if node.get("Index Name") == "due_next"]
    assert [one["Index Cond"] for one in scans] == ["(due_at <= now())"]
    assert sum(one["Actual Rows"] + one.get("Rows Removed by Filter", 0) for one in scans) <= 35


def nodes(plan: dict[str, Any]) -> list[dict[str, Any]]:
    return [plan, *(inner for part in plan.get("Plans", ()) for inner in nodes(part))]
