"""How many statements a batch costs: as many for hundreds of records as for a few."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from django.db import connection

from crm.models import Contact
from integrations.models import RecordLink, SetAside
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
