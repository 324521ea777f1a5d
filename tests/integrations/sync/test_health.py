"""Three lists, one truth: every record stands in exactly one of them, or is on its way."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from crm.fields import new_id
from integrations.models import Conflict, RecordLink, SetAside, Stream
from integrations.services import health, links
from tests.simulation.memory import Profile
from tests.simulation.play import Play


@pytest.fixture
def play(live_tenant):
    made = Play(live_tenant, Profile(batch=5), {"policy": "ask", "match_fields": ["email"]}, entities=("contact",))
    yield made
    made.close()


def stream():
    return Stream.objects.select_related("integration").get()


def counted():
    return health.counts([stream().pk])[stream().pk]


def test_records_are_in_step_left_out_failing_or_on_their_way(play):
    ours = [play.new_here("contact", name=f"N{n}") for n in range(6)]
    play.come_to_rest()
    assert (counted().in_step, counted().is_in_step) == (6, True)
    remote = {str(pk): there for pk, there in RecordLink.objects.values_list("record_id", "remote_id")}
    links.pause(RecordLink.objects.get(record_id=ours[0]), "Olga")
    play.edit_here("contact", ours[1], "job_title", "v20001")
    play.edit_there("contact", remote[ours[1]], "job_title", "v20002")
    play.edit_there("contact", remote[ours[2]], "email", "no address")
    RecordLink.objects.filter(record_id=ours[3]).update(left_out="filter")
    for name in ("A", "B"):
        play.new_there("contact", mail="twin@x.example", name=name)
    play.new_here("contact", email="twin@x.example", name="C")
    play.run()
    RecordLink.objects.filter(record_id=ours[4]).update(dirty=True)
    found = counted()
    assert (found.in_step, found.waiting, found.left_out) == (1, 1, 2)
    assert found.failing == SetAside.objects.count() + Conflict.objects.filter(state="open").count() == 5
    assert not found.is_in_step
    assert [str(row.record_id) for row in health.in_step(stream())] == [ours[5]]
    left = health.left_out(stream())
    assert [(str(row.record_id), row.code) for row in left] == [(ours[0], "paused"), (ours[3], "filter")]
    assert all(row.words and row.title for row in left)
    failing = health.failing(stream())
    assert sorted(row.code for row in failing) == ["ambiguous", "ambiguous", "ambiguous", "conflict", "unfit"]
    assert {row.title for row in failing if row.code == "ambiguous"} == {"A", "B", "C"}
    assert all(row.words and row.since for row in failing)


def test_remote_records_that_stay_out_are_listed_after_ours(play):
    play.integration.streams.update(matching="match_only")
    play.new_here("contact", name="Here")
    there = [play.new_there("contact", name=f"T{n}") for n in range(3)]
    play.come_to_rest()
    rows = health.left_out(stream())
    assert [row.title for row in rows] == ["Here", "T0", "T1", "T2"]
    assert {row.code for row in rows} == {"no_match"} and [row.remote_id for row in rows[1:]] == there
    assert counted().left_out == 4


@pytest.mark.parametrize("name", ["in_step", "left_out", "failing"])
def test_a_list_is_read_in_pages_with_few_queries(play, name):
    made = Stream.objects.get()
    for n in range(7):
        RecordLink.objects.create(
            stream=made,
            remote_id=f"x{n}",
            record_id=f"00000000-0000-0000-0000-00000000000{n}",
            left_out="paused" if name == "left_out" else "",
        )
        if name == "failing":
            SetAside.objects.create(stream=made, side="there", remote_id=f"x{n}", code="unfit", reason="no")
    read = getattr(health, name)
    whole = read(stream(), "", 50)
    assert len(whole) == 7
    seen, after = [], ""
    while True:
        with CaptureQueriesContext(
            connection,
        ) as queries:
            rows = read(made, after, 3)
        if not rows:
            break
        assert len(queries) <= 6
        seen += rows
        after = rows[-1].place
    assert [row.remote_id for row in seen] == [row.remote_id for row in whole]
    assert all(row.link_id for row in seen)


def test_counting_costs_the_same_for_any_number_of_streams(play):
    costs = []
    for pks in ([play.streams["contact"].pk], [new_id() for _ in range(50)]):
        with CaptureQueriesContext(connection) as queries:
            health.counts(pks)
        costs.append(len(queries))
    assert costs[0] == costs[1] <= 4
