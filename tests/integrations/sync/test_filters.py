"""Filters: who takes part, on both sides, also when they are changed while all is live."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import pytest

from crm.models import Contact
from integrations.adapters.base import Capabilities, Manifest
from integrations.adapters.registry import adapters
from integrations.models import Conflict, HeldRecord, RecordLink, Stream
from integrations.services import filters as service
from integrations.services import lifecycle
from integrations.services.connect import Refused
from integrations.sync.filters import compiled, passes
from tests.integrations.sync.test_two_way import connected, notion, sync  # noqa: F401 - a fixture
from tests.simulation.memory import MemoryAdapter, Profile
from tests.simulation.play import Play
from values import UNSEEN, Type, Unfit

ROME = ZoneInfo("Europe/Rome")


# --- the evaluation -------------------------------------------------------------------------------------------------


def holds(kind, op, wanted, value):
    condition = {"field": "f", "op": op, "value": wanted}
    return passes(compiled([condition], {"f": kind}, ROME), lambda _name: value)


@pytest.mark.parametrize(
    ("kind", "op", "wanted", "yes", "no"),
    [
        (Type.TEXT, "is", "Ada", ["ada", " ADA "], ["Ada L.", None]),
        (Type.TEXT, "is_not", "Ada", ["Bob", None], ["ada"]),
        (Type.TEXT, "contains", "love", ["Ada Lovelace"], ["Ada", None]),
        (Type.TEXT, "in", ["Ada", "Bob"], ["bob"], ["Eve", None]),
        (Type.TEXT, "empty", None, [None, ""], ["x"]),
        (Type.TEXT, "not_empty", None, ["x"], [None]),
        (Type.SELECT, "is", "Lead", ["Lead"], ["Customer", None]),
        (Type.DECIMAL, "gt", "1000", ["1000.5", "20000"], ["1000", "999", None]),
        (Type.DECIMAL, "lte", "9", ["9", "-10"], ["10", None]),
        (Type.INTEGER, "is", 3, [3], [4, None]),
        (Type.MONEY, "gte", "1000", [{"amount": "1000", "currency": "EUR"}], [{"amount": "9", "currency": None}, None]),
        (Type.BOOLEAN, "is", True, [True], [False, None]),
        (Type.BOOLEAN, "is", False, [False, None], [True]),
        (Type.MULTI_SELECT, "contains", "VIP", [["A", "VIP"]], [["A"], None]),
        (Type.MULTI_SELECT, "in", ["VIP", "New"], [["New"]], [["Old"], None]),
        (Type.DATE, "gte", "2026-09-15", ["2026-09-15", "2027-01-01"], ["2026-09-14", None]),
        (Type.DATETIME, "gte", "2026-09-15T10:00:00Z", ["2026-09-15T10:00:00Z"], ["2026-09-15T09:59:59Z", None]),
        # a day is a day in the tenant's zone: 22:30 in London is already the next one in Rome
        (Type.DATETIME, "gte", "2026-09-15", ["2026-09-14T22:30:00Z"], ["2026-09-14T21:30:00Z", None]),
        (Type.DATETIME, "is", "2026-09-15", ["2026-09-15T10:00:00Z"], ["2026-09-15T23:00:00Z", None]),
        (Type.PERSON, "is", "Ada@x.example", ["ada@x.example", ["ada@x.example"]], ["b@x.example", None]),
        (Type.RELATION, "empty", None, [None], [["r1"]]),
    ],
)
def test_each_operator_reads_values_by_their_type(kind, op, wanted, yes, no):
    assert [holds(kind, op, wanted, value) for value in yes] == [True] * len(yes)
    assert [holds(kind, op, wanted, value) for value in no] == [False] * len(no)


@pytest.mark.parametrize("op", ["is", "is_not", "empty", "gt"])
def test_a_value_that_cannot_be_read_fulfils_no_condition(op):
    assert holds(Type.DECIMAL, op, "5", Unfit("broken")) is False
    assert op in ("is_not", "empty") or holds(Type.DECIMAL, op, "5", "many") is False


def test_a_field_that_is_gone_fulfils_no_condition():
    assert passes(compiled([{"field": "f", "op": "empty"}], {}, ROME), lambda _name: None) is False


def test_a_value_that_was_not_told_decides_nothing():
    assert holds(Type.TEXT, "is", "Ada", UNSEEN) is None


# --- carried out ----------------------------------------------------------------------------------------------------


class Registered(MemoryAdapter):
    manifest = Manifest("memory", "Memory", "", "http://nowhere.invalid", (), Capabilities(tells_created=True))


@pytest.fixture
def play(live_tenant, monkeypatch):
    monkeypatch.setitem(adapters(), "memory", Registered)
    made = Play(live_tenant, Profile(batch=5), {"match_fields": ["email"]}, entities=("contact",))
    yield made
    made.close()


def set_filters(play, **sides):
    """there={"score": ("gte", "100")}."""
    stream = Stream.objects.get(pk=play.streams["contact"].pk)
    wanted = {
        side: [{"field": field, "op": op, "value": value} for field, (op, value) in conditions.items()]
        for side, conditions in sides.items()
    }
    service.change(stream, wanted)


def linked():
    return {
        str(pk): remote
        for pk, remote in RecordLink.objects.exclude(remote_id=None).values_list("record_id", "remote_id")
    }


def test_only_what_is_inside_comes_in_and_goes_out(play):
    set_filters(play, there={"score": ("gte", "100")}, here={"job_title": ("is", "Boss")})
    inside = play.new_there("contact", score="150", job="Boss")
    play.new_there("contact", score="50", job="Boss")
    play.new_there("contact", score="150", job="Clerk")
    ours = play.new_here("contact", score="200", job_title="boss")
    play.new_here("contact", score="200", job_title="Clerk")
    play.new_here("contact", score="20", job_title="Boss")
    play.come_to_rest()
    assert set(linked()) >= {ours} and inside in linked().values() and len(linked()) == 2
    assert Contact.objects.count() == 4 and len(play.world.alive("contacts")) == 4
    assert set(HeldRecord.objects.values_list("reason", flat=True)) == {"filter"}
    assert RecordLink.objects.filter(state="new", left_out="filter").count() == 2


def test_what_leaves_stays_and_what_returns_is_merged_three_way(play):
    set_filters(play, there={"score": ("gte", "100")})
    theirs = play.new_there("contact", score="150", job="v20000")
    play.come_to_rest()
    ours = str(Contact.objects.get().pk)
    play.edit_there("contact", theirs, "score", "50")
    play.come_to_rest()
    assert RecordLink.objects.get().left_out == "filter"
    assert Contact.objects.get().score == 150
    play.edit_here("contact", ours, "job_title", "v20001")
    play.edit_there("contact", theirs, "email", "v20002@x.example")
    play.come_to_rest()
    assert play.world.rows[theirs].values["job"] == "v20000" and Contact.objects.get().email != "v20002@x.example"
    assert not play.world.rows[theirs].deleted
    play.edit_there("contact", theirs, "score", "300")
    play.come_to_rest()
    contact = Contact.objects.get()
    assert (contact.score, contact.email, contact.job_title) == (300, "v20002@x.example", "v20001")
    assert play.world.rows[theirs].values["job"] == "v20001"
    assert RecordLink.objects.get().left_out == "" and not Conflict.objects.exists()
    play.check()


def test_ours_leaves_and_returns_the_same_way(play):
    set_filters(play, here={"job_title": ("is_not", "Private")})
    ours = play.new_here("contact", job_title="v20000")
    play.come_to_rest()
    (theirs,) = linked().values()
    play.edit_here("contact", ours, "job_title", "Private")
    play.come_to_rest()
    assert RecordLink.objects.get().left_out == "filter"
    assert play.world.rows[theirs].values["job"] == "v20000"
    play.edit_there("contact", theirs, "email", "v20002@x.example")
    play.come_to_rest()
    assert Contact.objects.get().email != "v20002@x.example"
    play.edit_here("contact", ours, "job_title", "v20003")
    play.come_to_rest()
    assert play.world.rows[theirs].values["job"] == "v20003" and Contact.objects.get().email == "v20002@x.example"
    play.check()


@pytest.mark.parametrize("side", ["here", "there"])
def test_a_deletion_outside_the_filter_does_not_travel(play, side):
    set_filters(play, there={"score": ("gte", "100")})
    theirs = play.new_there("contact", score="150")
    play.come_to_rest()
    ours = str(Contact.objects.get().pk)
    play.edit_there("contact", theirs, "score", "50")
    play.come_to_rest()
    play.delete_here("contact", ours) if side == "here" else play.trash_there(theirs)
    play.come_to_rest()
    assert Contact.objects.exists() == (side == "there")
    assert play.world.rows[theirs].deleted == (side == "there")


def test_a_filter_can_be_changed_while_all_is_live(play):
    for n in range(4):
        play.new_there("contact", score=str(n * 100))
    ours = [play.new_here("contact", score=str(n * 100)) for n in range(4)]
    play.come_to_rest()
    assert len(linked()) == 8
    set_filters(play, there={"score": ("gte", "200")})
    play.come_to_rest()
    assert RecordLink.objects.filter(left_out="filter").count() == 4
    assert Contact.objects.count() == 8 and len(play.world.alive("contacts")) == 8
    play.edit_here("contact", ours[0], "job_title", "v20002")
    play.come_to_rest()
    set_filters(play, there={"score": ("gte", "0")})
    play.come_to_rest()
    assert not RecordLink.objects.exclude(left_out="").exists()
    assert play.world.rows[linked()[ours[0]]].values["job"] == "v20002"
    assert Contact.objects.count() == 8 and len(play.world.alive("contacts")) == 8
    play.check()


def test_what_was_outside_comes_in_when_the_filter_allows_it(play):
    set_filters(play, there={"score": ("gte", "200")}, here={"score": ("gte", "200")})
    play.new_there("contact", score="100")
    play.new_here("contact", score="100")
    play.come_to_rest()
    assert not linked()
    set_filters(play)
    play.come_to_rest()
    assert len(linked()) == 2 and not HeldRecord.objects.exists()
    play.check()


def test_a_twin_outside_the_filter_is_paired_and_not_doubled(play):
    set_filters(play, there={"score": ("gte", "200")})
    theirs = play.new_there("contact", mail="ada@x.example", score="100")
    play.come_to_rest()
    ours = play.new_here("contact", email="ada@x.example", score="500")
    play.come_to_rest()
    assert linked() == {ours: theirs} and RecordLink.objects.get().left_out == "filter"
    assert len(play.world.alive("contacts")) == 1 and play.world.rows[theirs].values["score"] == "100"
    play.edit_there("contact", theirs, "score", "500")
    play.come_to_rest()
    assert RecordLink.objects.get().left_out == "" and Contact.objects.count() == 1
    play.check()


def test_one_outside_that_turns_out_to_be_another_keeps_no_run_of_short_slices_going(play):
    set_filters(play, there={"score": ("gte", "100")})
    Stream.objects.update(match_fields=["email", "name"])
    play.new_there("contact", name="Ada", mail="one@x.example", score="50")
    play.come_to_rest()
    ours = play.new_here("contact", name="Ada", email="two@x.example", score="150")
    slices = 0
    while play.run(seconds=0) == "slice over":
        slices += 1
        assert slices < 10
    assert linked().keys() == {ours} and len(play.world.alive("contacts")) == 2


def test_a_condition_on_a_field_that_is_not_mapped_is_read_too(play):
    set_filters(play, there={"own": ("contains", "kept")})
    inside = play.new_there("contact")
    outside = play.world.create("contacts", {"name": "Loose", "own": "other"})
    play.come_to_rest()
    assert set(linked().values()) == {inside} and outside not in linked().values()


def test_only_what_is_made_from_now_on(play):
    old_here, old_there = play.new_here("contact"), play.new_there("contact")
    now = dt.datetime.now(dt.UTC)
    moment = now.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"
    set_filters(play, here={"created_at": ("gte", moment)}, there={"@created": ("gte", moment)})
    new_here, new_there = play.new_here("contact"), play.new_there("contact")
    play.run()
    assert new_there in linked().values() and old_there not in linked().values()
    assert new_here in linked() and old_here not in linked()


def test_a_quiet_run_with_records_outside_costs_the_same_and_writes_nothing(play):
    set_filters(play, there={"score": ("gte", "200")}, here={"score": ("gte", "200")})
    for score in ("100", "300"):
        play.new_there("contact", score=score)
        play.new_here("contact", score=score)
    play.come_to_rest()
    writes, costs = play.world.writes, []
    for _ in range(2):
        calls = sum(play.world.calls.values())
        play.run()
        costs.append(sum(play.world.calls.values()) - calls)
    assert play.world.writes == writes and costs[0] == costs[1]


def test_what_is_gone_on_both_sides_is_no_record_that_is_left_out(play):
    set_filters(play, there={"score": ("gte", "100")})
    theirs = play.new_there("contact", score="150")
    play.come_to_rest()
    play.delete_here("contact", str(Contact.objects.get().pk))
    play.come_to_rest()
    assert play.world.rows[theirs].deleted
    play.restore_there(theirs)
    play.edit_there("contact", theirs, "score", "50")
    play.come_to_rest()
    assert not Contact.objects.exists() and RecordLink.objects.get().left_out == ""
    play.edit_there("contact", theirs, "score", "500")
    play.come_to_rest()
    assert Contact.objects.get().score == 500


# --- the service ----------------------------------------------------------------------------------------------------


@pytest.fixture
def stream(tenant):
    from dataclasses import asdict

    from integrations.models import IntegrationInstance
    from tests.simulation.play import CONTACTS

    integration = IntegrationInstance.objects.create(provider="notion", name="N")
    return Stream.objects.create(
        integration=integration,
        collection="contacts",
        collection_name="Contacts",
        entity="contact",
        schema=asdict(CONTACTS),
    )


def test_choices_tell_every_field_with_its_operators(stream):
    choices = service.describe(stream)
    here, there = ({one.field: one for one in choices[side]} for side in ("here", "there"))
    assert "gte" in here["created_at"].ops and "contains" in here["tags"].ops
    assert "gte" in there["score"].ops and "gte" in there["@created"].ops


@pytest.mark.parametrize(
    "wanted",
    [
        {"elsewhere": []},
        {"here": [{"field": "nope", "op": "is", "value": "x"}]},
        {"there": [{"field": "nope", "op": "is", "value": "x"}]},
        {"here": [{"field": "score", "op": "contains", "value": "5"}]},
        {"here": [{"field": "score", "op": "gt", "value": "many"}]},
        {"here": [{"field": "name", "op": "in", "value": "Ada"}]},
        {"here": [{"field": "name", "op": "is"}]},
        {"there": [{"field": "met", "op": "gt", "value": "soon"}]},
    ],
)
def test_a_filter_that_makes_no_sense_is_refused_and_changes_nothing(stream, wanted):
    with pytest.raises(Refused) as refused:
        service.change(stream, wanted)
    assert refused.value.field == "filters" and str(refused.value)
    stream.refresh_from_db()
    assert (stream.filters, stream.version) == ({}, 1)


def test_changing_a_filter_has_everything_looked_at_anew(stream):
    Stream.objects.filter(pk=stream.pk).update(cursor="far", exported_at=dt.datetime.now(dt.UTC))
    wanted = {"here": [{"field": "score", "op": "gte", "value": 100.0}], "there": []}
    service.change(stream, wanted)
    assert stream.filters == {"here": [{"field": "score", "op": "gte", "value": "100"}]}
    assert (stream.cursor, stream.exported_at, stream.version) == ("", None, 2)
    service.change(stream, wanted)
    assert stream.version == 2


# --- over HTTP ------------------------------------------------------------------------------------------------------


def test_notion_tells_when_rows_were_made_and_fields_that_are_not_mapped(live_tenant, notion):  # noqa: F811
    integration = connected(live_tenant, ("Contacts", "contact"))
    stream = integration.streams.get()
    stream.mappings.exclude(local__in=["name", "email"]).delete()
    there = {one.label: one for one in service.describe(stream)["there"]}
    tomorrow = (dt.datetime.now(dt.UTC) + dt.timedelta(days=2)).date().isoformat()
    service.change(stream, {"there": [{"field": "@created", "op": "gte", "value": tomorrow}]})
    lifecycle.activate(integration)
    sync(integration)
    rows = notion.rows("Contacts", limit=1000)
    assert not Contact.objects.exists() and HeldRecord.objects.count() == len(rows)
    french = {row["values"]["Name"] for row in rows if "+33" in (row["values"].get("Phone") or "")}
    assert 0 < len(french) < len(rows)
    service.change(stream, {"there": [{"field": there["Phone"].field, "op": "contains", "value": "+33"}]})
    sync(integration)
    assert set(Contact.objects.values_list("name", flat=True)) == french
    assert HeldRecord.objects.count() == len(rows) - RecordLink.objects.count()
