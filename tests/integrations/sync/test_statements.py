"""How many statements a batch costs: as many for hundreds of records as for a few."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from django.db import connection

from crm.models import Contact
from integrations.models import Conflict, RecordLink, SetAside
from tests.simulation.memory import Profile
from tests.simulation.play import Play


@pytest.fixture
def play(live_tenant: Any) -> Any:
    made = Play(live_tenant, Profile(batch=100, page=500, versions=True), entities=("contact",))
    yield made
    made.close()


def costs(play: Play) -> Counter[str]:
    seen: Counter[str] = Counter()

    def count(execute: Any, sql: Any, *rest: Any) -> Any:
        seen[" ".join(str(sql).split())[:90]] += 1
        return execute(sql, *rest)

    with connection.execute_wrapper(count):
        assert play.run() == "done"
    return seen


def grown(few: Counter[str], many: Counter[str]) -> dict[str, tuple[int, int]]:
    return {sql: (few[sql], number) for sql, number in many.items() if number - few[sql] > 2}


def test_reading_and_sending_many_takes_no_more_statements_than_a_few(play):
    for number in range(100):
        play.new_there("contact", name=f"There {number}", mail=f"there{number}@x.example")
    play.new_here("contact")
    play.come_to_rest()
    found: dict[str, list[Counter[str]]] = {"came in": [], "went out": [], "made there": []}
    for size in (5, 90):
        some = list(RecordLink.objects.order_by("id")[:size])
        for link in some:
            play.world.edit(link.remote_id, "job", f"came {size} {link.remote_id}")
        found["came in"].append(costs(play))
        Contact.objects.filter(pk__in=[link.record_id for link in some]).update(job_title=f"went {size}")
        SetAside.objects.bulk_create(
            SetAside(
                stream=link.stream, side="here", record_id=link.record_id, field="job_title", code="unfit", reason=""
            )
            for link in some
        )
        found["went out"].append(costs(play))
        assert not SetAside.objects.exists()
        Contact.objects.bulk_create(
            Contact(name=f"New {size} {n}", email=f"new{size}.{n}@x.example") for n in range(size)
        )
        found["made there"].append(costs(play))
    more = {what: grown(*both) for what, both in found.items()}
    assert all(sum(few.values()) > 10 for few, _many in found.values())
    assert not any(more.values()), more


@pytest.fixture
def asking(live_tenant: Any) -> Any:
    """A tool that refuses every second value, and people who are asked about conflicts."""
    profile = Profile(batch=100, page=500, versions=True, refuses=2)
    made = Play(live_tenant, profile, {"policy": "ask"}, entities=("contact",))
    yield made
    made.close()


def test_trouble_with_many_takes_no_more_statements_than_with_a_few(asking):
    """Only when and by whom a field was edited here is asked of the change feed one by one."""
    play = asking
    for number in range(100):
        play.new_there("contact", name=f"There {number}", mail=f"there{number}@x.example")
    play.come_to_rest()
    found: dict[str, list[Counter[str]]] = {
        "asked": [],
        "still asked": [],
        "refused": [],
        "unfit": [],
        "still unfit": [],
    }
    for start, size in ((0, 5), (5, 90)):
        some = list(RecordLink.objects.order_by("id")[start : start + size])
        ids = [link.record_id for link in some]
        for what, value in (("asked", "v1"), ("still asked", "v3")):
            for link in some:
                play.world.edit(link.remote_id, "job", f"there {value}{link.remote_id}x")
            Contact.objects.filter(pk__in=ids).update(job_title=f"here {value}")
            found[what].append(costs(play))
            assert Conflict.objects.filter(state="open").count() == start + size
        Contact.objects.filter(pk__in=ids[1:]).update(name="v20002")
        Contact.objects.filter(pk=ids[0]).update(name="v20001")  # a batch that is refused as a whole is sent one by one
        found["refused"].append(costs(play))
        assert SetAside.objects.filter(side="here", record_id__in=ids).count() == size - 1
        for what in ("unfit", "still unfit"):
            for link in some:
                play.world.edit(link.remote_id, "score", f"no number {what}")
            found[what].append(costs(play))
            assert SetAside.objects.filter(side="there").count() == start + size
    by_record = {sql for few, many in found.values() for sql in many if "FROM crm_change WHERE record_id" in sql}
    more = {what: {sql: n for sql, n in grown(*both).items() if sql not in by_record} for what, both in found.items()}
    assert all(sum(few.values()) > 10 for few, _many in found.values())
    assert not any(more.values()), more
