"""The hazards of ENGINE.md, one scripted story each, on real PostgreSQL with a tool in memory (tests/simulation/memory.py).

A scenario's name begins with the hazard's number: `test_h5_…`. Those that stand in other files are named in ELSEWHERE.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.db import connection, transaction

from crm.models import Company, Contact
from integrations.models import Conflict, LinkState, RecordLink, SetAside, Stream
from integrations.scheduling import leases
from integrations.scheduling.leases import LeaseLost
from integrations.services import streams
from integrations.sync import pull, tables
from integrations.sync.brake import BrakeApplied
from integrations.sync.store import MappingChanged
from tests.simulation.memory import Fault, Profile
from tests.simulation.play import Play

FETCH, PUSH = 0, 1  # the calls of a run that writes one record
HAZARDS = [f"h{number}" for number in range(1, 27)]
TESTS = Path(__file__).resolve().parents[2]
ELSEWHERE = {
    "h10": ("integrations/sync/test_creates.py", "integrations/sync/test_worker_killed.py"),
    "h13": ("integrations/sync/test_deletions.py",),
    "h15": ("integrations/sync/test_brake.py",),
    "h17": ("integrations/sync/test_ping_pong.py",),
    "h22": ("integrations/ui/test_wizard.py::test_reconnecting_another_account_asks",),
    "h24": ("integrations/sync/test_undo.py::test_h24_value_edited_here_since_stays",),
}


@pytest.fixture
def play(live_tenant: Any) -> Iterator[Callable[..., Play]]:
    made: list[Play] = []

    def make(profile: Profile | None = None, **facts: Any) -> Play:
        made.append(Play(live_tenant, profile or Profile(), **{"entities": ("contact",), **facts}))
        return made[-1]

    yield make
    for one in made:
        one.close()


def met(play: Play) -> tuple[str, str]:
    """A contact that both sides know: our id and theirs."""
    ours = play.new_here("contact")
    assert play.run() == "done"
    return ours, RecordLink.objects.get(record_id=ours).remote_id


def here(pk: str, field: str = "job_title") -> Any:
    return Contact.objects.values_list(field, flat=True).get(pk=pk)


def ends_well(play: Play) -> None:
    play.come_to_rest()
    play.check()


@pytest.mark.parametrize("hazard", HAZARDS)
def test_every_hazard_has_its_scenario(hazard):
    here_too = [name for name in globals() if name.startswith(f"test_{hazard}_")]
    elsewhere = ELSEWHERE.get(hazard, ())
    for named in elsewhere:
        path, _, test = named.partition("::")
        assert f"def {test}" in (TESTS / path).read_text()
    assert here_too or elsewhere


@pytest.mark.parametrize("dies_at", range(6))
def test_h1_page_and_cursor_are_one_step(play, dies_at, monkeypatch):
    monkeypatch.setattr(pull, "GATHER", 20)  # three transactions, without a thousand records
    story = play(Profile(page=5))
    for _ in range(45):
        story.new_there("contact")
    assert story.run(dies_at=dies_at) in ("killed", "done")
    ends_well(story)
    assert Contact.objects.count() == 45


def test_h2_killed_after_the_write_took_effect(play):
    story = play()
    pk, remote = met(story)
    story.edit_here("contact", pk, "job_title", "v20001")
    assert story.run([Fault(PUSH, "killed_after")]) == "killed"
    story.edit_here("contact", pk, "job_title", "v20002")
    ends_well(story)
    assert story.world.rows[remote].values["job"] == here(pk) == "v20002"
    assert not Conflict.objects.exists()


def test_h3_edit_while_the_push_is_under_way(play):
    story = play()
    pk, remote = met(story)
    story.edit_here("contact", pk, "job_title", "v20001")
    story.run(on_call=lambda number: number == PUSH and story.edit_here("contact", pk, "job_title", "v20002"))
    ends_well(story)
    assert story.world.rows[remote].values["job"] == here(pk) == "v20002"


def test_h4_edit_there_between_read_and_write(play):
    story = play(choices={"policy": "local"})
    pk, remote = met(story)
    story.edit_here("contact", pk, "job_title", "v20001")
    story.run(on_call=lambda number: number == FETCH and story.edit_there("contact", remote, "job_title", "v20002"))
    assert not story.world.excused & {"20002"}
    ends_well(story)
    assert {"v20001", "v20002"} == {Conflict.objects.get().local, Conflict.objects.get().remote}


def test_h4_edit_there_between_verify_and_write_is_stopped_by_the_version(play):
    story = play(Profile(versions=True), choices={"policy": "local"})
    pk, remote = met(story)
    story.edit_here("contact", pk, "job_title", "v20001")
    story.run(on_call=lambda number: number == 0 and story.edit_there("contact", remote, "job_title", "v20002"))
    ends_well(story)
    assert not story.world.excused & {"20002"}
    assert Conflict.objects.get().remote == "v20002"


def test_h4_record_brought_back_there_just_before_we_do(play):
    story = play()
    pk, remote = met(story)
    story.trash_there(remote)
    story.edit_here("contact", pk, "job_title", "v20001")

    def meanwhile(number: int) -> None:
        if number == 0:  # read as deleted from the listing; about to be verified
            story.restore_there(remote)
            story.edit_there("contact", remote, "job_title", "v20002")

    story.run(on_call=meanwhile)
    ends_well(story)
    assert Conflict.objects.filter(field="job_title").get().remote == "v20002"


def test_h5_request_arrives_late_over_a_newer_write(play):
    story = play()
    pk, remote = met(story)
    story.edit_here("contact", pk, "job_title", "v20001")
    story.run([Fault(PUSH, "late", later=30)])
    story.edit_here("contact", pk, "job_title", "v20002")
    story.run()
    assert story.world.rows[remote].values["job"] == "v20002"
    ends_well(story)
    assert story.world.rows[remote].values["job"] == here(pk) == "v20002"
    assert not Conflict.objects.exists()


def test_h5_late_request_does_not_bring_back_what_was_deleted_here(play):
    story = play()
    pk, remote = met(story)
    story.edit_here("contact", pk, "job_title", "v20001")
    story.run([Fault(PUSH, "late", later=3)])
    story.delete_here("contact", pk)
    ends_well(story)
    assert story.world.rows[remote].deleted and not Contact.objects.exists()


def test_h6_worker_that_slept_past_its_lease_writes_nothing(play):
    story = play()
    story.new_there("contact")
    successor: list[Any] = []

    def sleep(number: int) -> None:
        if number == 0:
            story._time_passes()
            successor.append(leases.claim(story.integration.pk))

    with pytest.raises(LeaseLost):
        story.run(on_hold=sleep)
    assert successor[0] and not Contact.objects.exists()
    ends_well(story)


def test_h7_what_the_tool_rounds_is_not_read_back_as_an_edit(play):
    story = play(Profile(lossy=True))
    pk, remote = met(story)
    story.edit_here("contact", pk, "job_title", "  V20002 ")
    story.edit_here("contact", pk, "last_contacted_at", "2030-01-08T00:01:30Z")
    ends_well(story)
    assert here(pk) == "  V20002 " and story.world.rows[remote].values["job"] == "V20002"
    assert here(pk, "last_contacted_at").second == 30
    story.edit_there("contact", remote, "job_title", "v20003")
    ends_well(story)
    assert here(pk) == "v20003"


def test_h8_late_index_does_not_bring_back_what_was_deleted_here(play):
    story = play(Profile(lag=40, clock=60))
    pk, remote = met(story)
    story.world.rest()
    story.run()
    story.edit_there("contact", remote, "job_title", "v20001")
    story.delete_here("contact", pk)
    Contact.objects.exists()
    story.world.edit(remote, "job", None)  # so that the record lies within what the next reading repeats
    story.deleted_there.add(remote)
    story.world.rows[remote].by.clear()
    story.run()
    for _ in range(3):
        feed = story.world.writes
        story.run()
        assert story.world.writes - feed <= 1
    ends_well(story)


def test_h8_stale_listing_does_not_undo_our_write(play):
    story = play(Profile(lag=30))
    pk, remote = met(story)
    story.edit_here("contact", pk, "job_title", "v20001")
    story.run()
    story.run()  # the index still shows the record without it
    assert here(pk) == "v20001" == story.world.rows[remote].values["job"]
    ends_well(story)


def test_h8_stale_listing_does_not_delete_what_was_restored(play):
    story = play(Profile(lag=30))
    pk, remote = met(story)
    story.world.rest()
    story.trash_there(remote)
    story.edit_here("contact", pk, "job_title", "v20001")
    story.world.tick += 31  # the index knows of the trash, not yet of what follows
    story.run()
    assert not story.world.rows[remote].deleted
    story.run()
    assert here(pk, "notes").startswith("kept here") and not story.world.rows[remote].deleted
    ends_well(story)


def test_h9_records_met_twice_and_out_of_order(play):
    story = play(Profile(messy=True, page=2))
    for _ in range(9):
        story.new_there("contact")
    story.run()
    assert Contact.objects.count() == 9
    ends_well(story)


@pytest.mark.parametrize("fault", ["lost", "not_sent", "late", "killed", "killed_after", "unavailable", "broken"])
@pytest.mark.parametrize("batch", [1, 5])
def test_h10_create_happens_once(play, fault, batch):
    story = play(Profile(batch=batch))
    pks = [story.new_here("contact") for _ in range(3)]
    try:
        story.run([Fault(0, fault, later=4)])
    except KeyError:
        assert fault == "broken"
    story.edit_here("contact", pks[0], "name", "v20001")
    ends_well(story)
    assert len(story.world.alive("contacts")) == 3
    assert not Conflict.objects.exists()


def test_h10_late_create_does_not_win_over_a_newer_edit_here(play):
    story = play()
    pk = story.new_here("contact", job_title="v20000")
    story.run([Fault(0, "late", later=9)])
    story.edit_here("contact", pk, "job_title", "v20001")
    story.run([Fault(1, "unavailable")])  # the look-up finds nothing, then the tool is down
    story.world.rest()
    ends_well(story)
    assert here(pk) == "v20001" and not Conflict.objects.exists()


def test_h10_late_create_of_what_was_deleted_here_is_put_away(play):
    story = play()
    pk = story.new_here("contact")
    story.run([Fault(0, "late", later=9)])
    story.delete_here("contact", pk)
    story.run()
    ends_well(story)
    assert not Contact.objects.exists() and not story.world.alive("contacts")


def second_copy(story: Play) -> str:
    """A late create after which a second one succeeded: the later copy's id, met but not put away yet."""
    story.new_here("contact")
    story.run([Fault(0, "late", later=6)])
    story.run()
    story.world.rest()
    assert len(story.world.alive("contacts")) == 2
    story.run([Fault(0, "unavailable")])
    return RecordLink.objects.get(state=LinkState.EXTRA).remote_id


def test_h10_second_copy_is_put_away(play):
    story = play()
    copy = second_copy(story)
    story.come_to_rest()
    assert story.world.rows[copy].deleted
    story.check()


@pytest.mark.parametrize("when", ["before", "after"])
def test_h10_second_copy_is_put_away_though_the_record_was_edited(play, when):
    """Before the second create, or after it: the late copy holds what was sent first, so nobody touched it."""
    story = play()
    pk = story.new_here("contact", job_title="v20000")
    story.run([Fault(0, "late", later=9)])
    if when == "before":
        story.edit_here("contact", pk, "job_title", "v20001")
    story.run()
    if when == "after":
        story.edit_there("contact", RecordLink.objects.get().remote_id, "job_title", "v20001")
        story.run()
    story.world.rest()
    assert len(story.world.alive("contacts")) == 2
    ends_well(story)
    assert len(story.world.alive("contacts")) == 1
    assert here(pk) == "v20001"


@pytest.mark.parametrize("versions", [False, True])
@pytest.mark.parametrize("when", ["before", "during"])
def test_h10_second_copy_that_somebody_edited_goes_to_a_person(play, versions, when):
    story = play(Profile(versions=versions))
    copy = second_copy(story)

    def edit(number: int = 0) -> None:
        if number == 0 and copy not in story.touched_there:
            story.edit_there("contact", copy, "job_title", "v20001")

    if when == "before":
        edit()
    story.run(on_call=edit if when == "during" else lambda _number: None)
    story.come_to_rest()
    assert not story.world.rows[copy].deleted
    assert SetAside.objects.get(remote_id=copy).code == "second_copy"


def test_h11_same_person_made_on_both_sides(play):
    story = play()
    for _ in range(2):  # before the first meeting, and long after
        number = f"v{next(story.numbers)}@x.example"
        pk, remote = story.new_here("contact", email=number), story.new_there("contact", mail=number.upper())
        ends_well(story)
        assert RecordLink.objects.get(record_id=pk).remote_id == remote


def test_h11_same_person_made_on_both_sides_while_a_run_sends(play):
    story = play()
    story.new_here("contact")
    made: list[tuple[str, str]] = []

    def meanwhile(_number: int) -> None:
        if not made:
            email = "v20001@x.example"
            made.append((story.new_here("contact", email=email), story.new_there("contact", mail=email)))

    story.run(on_call=meanwhile)
    ends_well(story)
    ((pk, remote),) = made
    assert RecordLink.objects.get(record_id=pk).remote_id == remote


def test_h12_same_key_twice_is_not_guessed(play):
    story = play()
    pk = story.new_here("contact", email="v20001@x.example")
    for _ in range(2):
        story.new_there("contact", mail="v20001@x.example")
    story.come_to_rest()
    assert SetAside.objects.filter(code="ambiguous").count() == 3
    assert not RecordLink.objects.filter(record_id=pk, state=LinkState.LINKED).exists()


@pytest.mark.parametrize("met_before", [False, True])
def test_h12_two_of_theirs_claim_one_of_ours_by_different_fields(play, met_before):
    story = play(choices={"match_fields": ["email", "name"]})
    if met_before:
        story.run()
    story.new_here("contact", email="v20001@x.example", name="v20002")
    story.new_there("contact", mail="v20001@x.example")
    story.new_there("contact", mail=None, name="v20002")
    story.come_to_rest()
    assert SetAside.objects.filter(code="ambiguous", side="there").count() == 2


@pytest.mark.parametrize("restores", [True, False])
@pytest.mark.parametrize("fault", ["none", "lost", "not_sent", "killed_after", "unavailable"])
def test_h13_deleted_there_edited_here(play, restores, fault):
    story = play(Profile(restore=restores))
    pk, remote = met(story)
    story.trash_there(remote)
    story.edit_here("contact", pk, "job_title", "v20001")
    calls = {"none": 99}.get(
        fault, 2 if restores else 1
    )  # after the look at the tombstone, and before the trash is left
    story.run([Fault(calls, fault)])
    ends_well(story)
    assert here(pk) == "v20001"
    assert Conflict.objects.filter(field="").count() == 1


def test_h13_deleted_there_before_what_we_have_ever_went_out(play):
    story = play()
    pk = story.new_here("contact", email="v20001@x.example", job_title="v20002")
    remote = story.new_there("contact", mail="v20001@x.example")
    story.touched_here.add(pk)
    story.run([Fault(FETCH, "killed")])  # paired, and about to send what stands only here
    story.trash_there(remote)
    ends_well(story)
    assert here(pk) == "v20002" and not story.world.rows[remote].deleted


def test_h13_deleted_here_edited_there(play):
    story = play()
    pk, remote = met(story)
    story.edit_there("contact", remote, "job_title", "v20001")
    story.delete_here("contact", pk)
    ends_well(story)
    assert here(pk) == "v20001" and here(pk, "notes").startswith("kept here")  # also what the tool does not hold
    assert Conflict.objects.get().field == ""


def test_h13_brought_back_here_while_our_deletion_is_under_way(play):
    story = play()
    pk, remote = met(story)
    row = Contact.objects.get(pk=pk)
    Contact.objects.filter(pk=pk).delete()
    story.run([Fault(PUSH, "lost")])
    row.save(force_insert=True)
    story.come_to_rest()
    assert Contact.objects.filter(pk=pk).exists() and not story.world.rows[remote].deleted
    story.check()


def test_h14_record_that_nobody_can_read_is_not_deleted(play):
    story = play(Profile(tombstones=False))
    pk, remote = met(story)
    row = story.world.rows.pop(remote)
    story.come_to_rest(1)
    assert Contact.objects.filter(pk=pk).exists()
    assert SetAside.objects.get().code == "vanished"
    story.world.rows[remote] = row
    story.world.edit(remote, "job", "v20001")
    story.come_to_rest()
    assert here(pk) == "v20001" and not SetAside.objects.exists()


def test_h14_many_vanished_records_do_not_keep_others_from_their_turn(play):
    story = play(Profile(tombstones=False))
    for _ in range(60):
        story.new_there("contact")
    bad = story.new_there("contact", mail="nonsense")
    story.run()
    for remote in list(story.world.rows):
        if remote != bad:
            story.world.rows.pop(remote)
    Stream.objects.update(brake_lifted=True)
    story.come_to_rest(1)
    assert SetAside.objects.filter(code="vanished").count() == 60
    for _ in range(2):
        SetAside.objects.update(retry_at=None)
        story.run()
        story.run()
    story.world.rows[bad].values["mail"] = "v20001@x.example"  # an index that never tells
    SetAside.objects.filter(code="unfit").update(retry_at=None)
    story.run()
    assert Contact.objects.filter(email="v20001@x.example").exists()


@pytest.mark.parametrize("tombstones", [True, False])
def test_h15_brake_when_half_the_table_disappears(play, tombstones):
    story = play(Profile(tombstones=tombstones))
    for _ in range(24):
        story.new_there("contact")
    story.run()
    for remote in list(story.world.rows)[:14]:
        story.trash_there(remote)
    story.world.rest()
    Stream.objects.update(swept_at=None)
    with pytest.raises(BrakeApplied):
        story.run()
    assert Contact.objects.count() == 24
    Stream.objects.update(brake_lifted=True)
    ends_well(story)
    assert Contact.objects.count() == 10
    assert not Stream.objects.get().brake_lifted


def test_h15_brake_before_many_deletions_go_out(play):
    story = play()
    for _ in range(20):
        story.new_there("contact")
    story.run()
    for pk in list(Contact.objects.values_list("pk", flat=True))[:12]:
        story.delete_here("contact", str(pk))
    with pytest.raises(BrakeApplied):
        story.run()
    assert len(story.world.alive("contacts")) == 20
    Stream.objects.update(brake_lifted=True, swept_at=None)
    ends_well(story)
    assert len(story.world.alive("contacts")) == 8


def test_h16_edit_in_one_tool_reaches_the_others_once(play):
    first, second = play(), play(name="Second")
    pk, remote = met(first)
    second.run()
    first.edit_there("contact", remote, "job_title", "v20001")
    first.run()
    writes = first.world.writes, second.world.writes
    second.run()
    first.run()
    second.run()
    assert (first.world.writes, second.world.writes) == (writes[0], writes[1] + 1)
    assert next(iter(second.world.rows.values())).values["job"] == "v20001" == here(pk)


def test_h17_tools_that_normalise_differently_come_to_rest(play):
    first, second = play(Profile(lossy=True)), play(name="Second")
    pk, remote = met(first)
    second.run()
    first.edit_here("contact", pk, "job_title", "  V20002 ")
    first.edit_here("contact", pk, "email", "V20004@X.example")
    for _ in range(3):
        first.run()
        second.run()
    writes = first.world.writes, second.world.writes
    first.run()
    second.run()
    assert (first.world.writes, second.world.writes) == writes
    assert here(pk) == "  V20002 " and first.world.rows[remote].values["job"] == "V20002"


def test_h18_mapping_edited_while_a_run_works(play):
    story = play()
    pk, remote = met(story)
    stream = story.streams["contact"]
    story.edit_here("contact", pk, "job_title", "v20001")
    wanted = [{"remote": m.remote, "local": m.local} for m in stream.mappings.all() if m.local != "score"]

    def edit(number: int) -> None:
        if number == PUSH:
            story.people.submit(lambda: streams.set_mappings(Stream.objects.get(pk=stream.pk), wanted)).result()

    with pytest.raises(MappingChanged):
        story.run(on_call=edit)
    ends_well(story)


def test_h18_field_added_later_is_not_empty(play):
    story = play()
    stream = story.streams["contact"]
    wanted = [{"remote": m.remote, "local": m.local} for m in stream.mappings.all()]
    streams.set_mappings(stream, [one for one in wanted if one["local"] != "score"])
    pk, remote = met(story)
    story.edit_there("contact", remote, "score", "20001")
    story.run()
    streams.set_mappings(Stream.objects.get(pk=stream.pk), wanted)
    ends_well(story)
    assert str(here(pk, "score")).startswith("20001") and story.world.rows[remote].values["score"] == "20001"


def test_h19_field_waits_for_its_other_end_the_record_does_not(play):
    story = play(entities=("company", "contact"))
    pk, remote = met(story)
    company = story.new_there("company")
    story.world.refuses = None
    story.edit_there("contact", remote, "company", ["r999"])  # of a table that is not in step
    story.edit_here("contact", pk, "job_title", "v20001")
    story.come_to_rest()
    assert story.world.rows[remote].values["job"] == "v20001"
    assert story.world.rows[remote].values["company"] == ["r999"]
    story.edit_there("contact", remote, "company", [company])
    ends_well(story)
    assert here(pk, "company__name") == story.world.rows[company].values["c_name"]


def test_h19_relation_passes_over_what_was_deleted(play):
    story = play(entities=("company", "contact"))
    first, second = story.new_there("company"), story.new_there("company")
    remote = story.new_there("contact")
    story.edit_there("contact", remote, "company", [first])
    story.run()
    story.trash_there(first)
    ends_well(story)
    story.edit_there("contact", remote, "company", [first, second])
    ends_well(story)
    assert Contact.objects.get().company == Company.objects.get()


def test_h20_field_that_was_not_told_is_not_empty(play):
    story = play()
    pk, remote = met(story)
    story.edit_there("contact", remote, "job_title", "v20001")
    story.run()
    story.world.untold = {"job", "mail"}
    story.edit_there("contact", remote, "name", "v20002")
    story.run()
    assert here(pk) == "v20001" and here(pk, "name") == "v20002" and here(pk, "email")
    story.world.untold = set()
    ends_well(story)


def test_h20_telling_one_field_does_not_clear_the_trouble_of_another(play):
    story = play(entities=("company", "contact"))
    pk, remote = met(story)
    story.edit_there("contact", remote, "email", "nonsense")
    story.edit_there("contact", remote, "company", ["r999"])
    story.run()  # the company waits, and is told again by ourselves in every run
    story.edit_here("contact", pk, "email", "v20002@x.example")
    story.come_to_rest()
    assert story.world.rows[remote].values["mail"] == "nonsense"
    assert SetAside.objects.get().field == "email"


def test_h21_refused_value_is_set_aside_and_the_rest_goes(play):
    story = play(Profile(refuses=7))
    pk, remote = met(story)
    story.edit_here("contact", pk, "job_title", "v20006")  # 20006 = 7 * 2858
    story.edit_here("contact", pk, "score", "20002")
    story.come_to_rest()
    assert story.world.rows[remote].values["score"] == "20002"
    assert SetAside.objects.get().field == "job_title"
    story.edit_here("contact", pk, "job_title", "v20003")
    ends_well(story)
    assert story.world.rows[remote].values["job"] == "v20003" and not SetAside.objects.exists()


def test_h21_refusal_ends_when_the_value_is_taken_back(play):
    story = play(Profile(refuses=7))
    pk, _remote = met(story)
    before = here(pk)
    story.edit_here("contact", pk, "job_title", "v20006")
    story.run()
    assert SetAside.objects.exists()
    story.edit_here("contact", pk, "job_title", before)
    story.run()
    assert not SetAside.objects.exists()


@pytest.mark.parametrize("at", [FETCH, PUSH])
def test_h22_token_expires_in_mid_run(play, at):
    """The integration pauses until somebody reconnects (tests/integrations/services/test_endings.py); nothing is lost."""
    story = play()
    pk, remote = met(story)
    story.edit_here("contact", pk, "job_title", "v20001")
    assert story.run([Fault(at, "expired")]) == "authentication_failed"
    story.edit_here("contact", pk, "score", "20002")
    story.new_there("contact")
    ends_well(story)
    assert story.world.rows[remote].values["job"] == "v20001"
    assert not Conflict.objects.exists()


@pytest.mark.parametrize("seconds", [-3600, 3600])
def test_h23_clock_of_the_tool_jumps(play, seconds):
    story = play(Profile(clock=60, lag=3))
    pk, remote = met(story)
    story.world.rest()
    story.world.skew = seconds
    story.edit_there("contact", remote, "job_title", "v20001")
    story.edit_here("contact", pk, "score", "20002")
    ends_well(story)
    assert here(pk) == "v20001" and story.world.rows[remote].values["score"] == "20002"
    story.world.skew = 0
    story.edit_there("contact", remote, "job_title", "v20003")
    ends_well(story)
    assert here(pk) == "v20003"


def test_h25_long_listing_in_many_slices(play):
    story = play(Profile(page=100))
    for _ in range(1300):
        story.new_there("contact")
    slices = 0
    while story.run(seconds=0) == "slice over":
        slices += 1
        assert slices < 10
    assert slices >= 2 and Contact.objects.count() == 1300


def test_h26_transaction_that_commits_late_is_not_skipped(play):
    story = play()
    stream = story.streams["contact"]
    begun, commit = threading.Event(), threading.Event()

    def slow() -> None:
        with transaction.atomic():
            Contact.objects.create(name="first to write, last to commit")
            begun.set()
            assert commit.wait(20)

    waiting = story.people.submit(slow)
    assert begun.wait(20)
    Contact.objects.create(name="second to write, first to commit")
    assert tables.mark_dirty_from_feed(stream, "contact") == 0  # nothing from after the one still running
    commit.set()
    waiting.result()
    story._wait_for_feed()
    assert tables.mark_dirty_from_feed(stream, "contact") == 2
    assert set(RecordLink.objects.values_list("record_id", flat=True)) == set(
        Contact.objects.values_list("pk", flat=True)
    )
    assert not connection.in_atomic_block


def test_h21_one_bad_record_does_not_keep_its_batch_back(play):
    """Some tools refuse the whole batch and do not say which record was bad."""
    story = play(Profile(batch=5, atomic=True, refuses=7))
    pks = [story.new_here("contact", name=name) for name in ("v20002", "v20006", "v20004")]  # 20006 = 7 * 2858
    story.run()
    assert {row.values.get("name") for row in story.world.alive("contacts")} == {"v20002", None, "v20004"}
    assert (UUID(pks[1]), "name") in set(SetAside.objects.values_list("record_id", "field"))
    ends_well(story)


def test_h10_second_copy_is_put_away_beside_a_bad_record(play):
    story = play(Profile(batch=5, atomic=True, refuses=7))
    copy = second_copy(story)
    pk = story.new_here("contact", name="v20006")
    story.come_to_rest()
    assert SetAside.objects.filter(record_id=pk, field="name").exists()
    assert story.world.rows[copy].deleted
