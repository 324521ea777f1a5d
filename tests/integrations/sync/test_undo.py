"""Undo: what a run did is taken back on both sides, only where it still is what the run wrote; the rest is listed.

H24 of ENGINE.md: undo meets later edits. The tool is the one in memory (tests/simulation).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.utils import timezone

from crm import records
from crm.feed import Actor
from crm.models import Change as FeedRow
from crm.models import Company, Contact
from integrations.models import Conflict, LinkState, RecordLink, SetAside, SyncLog, SyncLogLine
from integrations.services import undo
from integrations.services.connect import Refused
from integrations.sync.brake import BrakeApplied
from tests.simulation.memory import Fault, Profile
from tests.simulation.play import Play

ADA = Actor("user", "1", "Ada")
FETCH = 0  # the first call of a run that writes one record


@pytest.fixture
def play(live_tenant: Any) -> Iterator[Callable[..., Play]]:
    made: list[Play] = []

    def make(profile: Profile | None = None, **facts: Any) -> Play:
        made.append(Play(live_tenant, profile or Profile(), **{"entities": ("contact",), **facts}))
        return made[-1]

    yield make
    for one in made:
        one.close()


def last_run(play: Play) -> SyncLog:
    return SyncLog.objects.filter(integration=play.integration).order_by("-started_at").first()


def ran(play: Play, **how: Any) -> SyncLog:
    assert play.run(**how) == "done"
    return last_run(play)


def undone(play: Play, run: SyncLog, record: str | None = None, field: str = "", **how: Any) -> SyncLog:
    """Asked for, and carried out as a worker would."""
    asked = undo.ask(run, ADA, record, field)
    begin(asked)
    assert play.run(**how) == "done"
    asked.refresh_from_db()
    return asked


def begin(asked: SyncLog) -> None:
    SyncLog.objects.filter(pk=asked.pk).update(state=SyncLog.State.RUNNING, started_at=timezone.now())


def left_out(run: SyncLog) -> list[str]:
    return list(run.lines.filter(action="left_out").values_list("reason", flat=True))


def met(play: Play) -> tuple[str, str]:
    """A contact that both sides know: our id and theirs."""
    ours = play.new_here("contact")
    ran(play)
    return ours, RecordLink.objects.get(record_id=ours, stream__integration=play.integration).remote_id


def here(pk: str, field: str = "job_title") -> Any:
    return Contact.objects.values_list(field, flat=True).get(pk=pk)


def there(play: Play, remote: str, field: str = "job") -> Any:
    return play.world.rows[remote].values.get(field)


def is_quiet(play: Play) -> None:
    """Two more runs write nothing, on either side."""
    play.world.rest()
    writes, changes = play.world.writes, FeedRow.objects.count()
    for _ in range(2):
        ran(play)
    assert (play.world.writes, FeedRow.objects.count()) == (writes, changes)


# --- values -----------------------------------------------------------------------------------------------------------


def test_edit_that_came_in_is_taken_back_on_both_sides(play):
    story = play()
    pk, remote = met(story)
    story.edit_here("contact", pk, "job_title", "before")
    ran(story)
    story.edit_there("contact", remote, "job_title", "theirs")
    run = ran(story)
    assert here(pk) == "theirs"
    back = undone(story, run)
    assert (here(pk), there(story, remote)) == ("before", "before")
    assert not left_out(back)
    line = back.lines.get(side="here", action="updated")
    assert line.changes == {"job_title": ["theirs", "before"]} and line.rules == {"job_title": "undo"}
    assert back.lines.get(side="there", action="updated").rules == {"job_title": "undo"}
    written = FeedRow.objects.filter(record_id=pk).latest("id")
    assert (written.actor["kind"], written.actor["label"], written.origin) == ("user", "Ada (undo)", "")
    is_quiet(story)


def test_edit_that_went_out_is_taken_back_on_both_sides(play):
    story = play()
    pk, remote = met(story)
    story.edit_here("contact", pk, "job_title", "before")
    ran(story)
    story.edit_here("contact", pk, "job_title", "ours")
    run = ran(story)
    assert run.lines.get().changes == {"job_title": ["before", "ours"]} and run.lines.get().before is None
    undone(story, run)
    assert (here(pk), there(story, remote)) == ("before", "before")
    is_quiet(story)


def test_lines_of_writes_there_tell_what_the_tool_held(play):
    story = play(choices={"policy": "local"})
    pk, remote = met(story)
    story.edit_here("contact", pk, "job_title", "ours")
    story.edit_there("contact", remote, "job_title", "theirs")
    run = ran(story)
    line = run.lines.get(side="there")
    assert line.changes == {"job_title": ["theirs", "ours"]} and line.before == {"job_title": "theirs"}


def test_what_the_tool_alone_held_is_given_back_to_it_alone(play):
    story = play(choices={"policy": "local"})
    pk, remote = met(story)
    story.edit_here("contact", pk, "job_title", "ours")
    story.edit_there("contact", remote, "job_title", "theirs")
    run = ran(story)
    assert there(story, remote) == "ours"
    back = undone(story, run)
    assert (here(pk), there(story, remote)) == ("ours", "theirs")
    assert back.lines.get(side="there", action="updated").changes == {"job_title": ["ours", "theirs"]}
    is_quiet(story)
    story.edit_there("contact", remote, "job_title", "newer")
    ran(story)
    assert here(pk) == "newer"


@pytest.mark.parametrize("rule", [{"policy": "remote"}, {"policy": "newest", "first_policy": "remote"}])
def test_what_replaced_ours_where_a_field_met_for_the_first_time_stays_in_the_tool(play, rule):
    story = play(choices=rule, mapped=("name", "email"))
    pk, remote = met(story)
    story.edit_there("contact", remote, "job_title", "theirs")
    story.edit_here("contact", pk, "job_title", "ours")
    story.remap("job_title")
    story.world.rest()
    run = ran(story)
    assert (here(pk), there(story, remote)) == ("theirs", "theirs")
    writes = story.world.writes
    back = undone(story, run)
    assert (here(pk), there(story, remote), story.world.writes) == ("ours", "theirs", writes)
    assert not left_out(back)
    is_quiet(story)
    undone(story, back)
    assert (here(pk), there(story, remote), story.world.writes) == ("theirs", "theirs", writes)
    is_quiet(story)


def test_undo_can_be_undone(play):
    story = play()
    pk, remote = met(story)
    story.edit_there("contact", remote, "job_title", "theirs")
    run = ran(story)
    back = undone(story, run)
    assert (here(pk), there(story, remote)) == ("", None)
    again = undone(story, back)
    assert (here(pk), there(story, remote)) == ("theirs", "theirs")
    assert not left_out(again)
    is_quiet(story)


def test_undo_of_what_went_to_the_tool_alone_can_be_undone(play):
    story = play(choices={"policy": "local"})
    pk, remote = met(story)
    story.edit_here("contact", pk, "job_title", "ours")
    story.edit_there("contact", remote, "job_title", "theirs")
    run = ran(story)
    back = undone(story, run)
    again = undone(story, back)
    assert (here(pk), there(story, remote)) == ("ours", "ours")
    assert not left_out(again)
    is_quiet(story)


def test_only_one_record(play):
    story = play()
    one, other = met(story), met(story)
    for _pk, remote in (one, other):
        story.edit_there("contact", remote, "job_title", "theirs")
    run = ran(story)
    undone(story, run, one[0])
    assert [here(pk) for pk, _remote in (one, other)] == ["", "theirs"]
    undone(story, run)
    assert [here(pk) for pk, _remote in (one, other)] == ["", ""]


def test_only_one_field(play):
    story = play()
    pk, remote = met(story)
    story.edit_there("contact", remote, "job_title", "theirs")
    story.edit_there("contact", remote, "score", "5")
    run = ran(story)
    undone(story, run, pk, "score")
    assert (here(pk, "score"), here(pk)) == (None, "theirs")
    assert there(story, remote, "score") is None


def test_several_edits_of_a_field_in_one_run_go_back_to_the_first_value(play):
    story = play()
    pk, remote = met(story)
    story.edit_there("contact", remote, "job_title", "second")
    story.edit_here("contact", pk, "score", "5")  # so that there is a call to come between

    def meanwhile(number: int) -> None:
        if number == FETCH:
            story.edit_here("contact", pk, "job_title", "third")

    run = ran(story, on_call=meanwhile)
    assert here(pk) == there(story, remote) == "third"
    changes = [line.changes["job_title"] for line in run.lines.order_by("id") if "job_title" in line.changes]
    assert changes == [[None, "second"], ["second", "third"]]
    back = undone(story, run)
    assert (here(pk), here(pk, "score"), there(story, remote)) == ("", None, None)
    assert not left_out(back)
    is_quiet(story)


# --- later edits (H24) ------------------------------------------------------------------------------------------------


def test_h24_value_edited_here_since_stays(play):
    story = play()
    pk, remote = met(story)
    story.edit_there("contact", remote, "job_title", "theirs")
    run = ran(story)
    records.update("contact", pk, {"job_title": "later"}, Actor("user", "2", "Bob"))
    back = undone(story, run)
    assert here(pk) == there(story, remote) == "later"
    assert left_out(back) == ["Job title: changed since by Bob"]


def test_h24_value_edited_there_since_stays(play):
    story = play()
    pk, remote = met(story)
    story.edit_here("contact", pk, "job_title", "ours")
    run = ran(story)
    story.edit_there("contact", remote, "job_title", "later")
    ran(story)
    back = undone(story, run)
    assert here(pk) == there(story, remote) == "later"
    assert left_out(back) == ["Job title: changed since by Memory"]
    assert not Conflict.objects.exists()


@pytest.mark.parametrize("lag", [0, 500])
def test_h24_value_edited_there_just_before_the_undo_stays(play, lag):
    story = play(Profile(lag=lag))
    pk, remote = met(story)
    story.world.rest()
    ran(story)
    story.edit_here("contact", pk, "job_title", "ours")
    run = ran(story)
    story.edit_there("contact", remote, "job_title", "later")
    back = undone(story, run)
    assert there(story, remote) == "later"
    assert len(left_out(back)) == 1 and left_out(back)[0].startswith("Job title: changed")
    assert not Conflict.objects.exists()
    story.come_to_rest()
    assert here(pk) == "later"


def test_h24_value_given_back_meets_an_edit_there(play):
    story = play(choices={"policy": "local"})
    pk, remote = met(story)
    story.edit_here("contact", pk, "job_title", "ours")
    story.edit_there("contact", remote, "job_title", "theirs")
    run = ran(story)
    story.edit_there("contact", remote, "job_title", "later")
    back = undone(story, run)
    assert there(story, remote) == here(pk) == "later"
    assert left_out(back)


def test_h24_value_given_back_meets_an_edit_in_the_last_moment(play):
    story = play(Profile(versions=True), choices={"policy": "local"})
    pk, remote = met(story)
    story.edit_here("contact", pk, "job_title", "ours")
    story.edit_there("contact", remote, "job_title", "theirs")
    run = ran(story)
    begin(asked := undo.ask(run, ADA))

    def meanwhile(number: int) -> None:
        if number == 1:  # it was looked at, and is about to be written
            story.edit_there("contact", remote, "job_title", "later")

    assert story.run(on_call=meanwhile) == "done"
    assert there(story, remote) == here(pk) == "later"
    assert left_out(asked)


def test_other_fields_of_an_edited_record_are_taken_back(play):
    story = play()
    pk, remote = met(story)
    story.edit_there("contact", remote, "job_title", "theirs")
    story.edit_there("contact", remote, "score", "5")
    run = ran(story)
    story.edit_here("contact", pk, "job_title", "later")
    back = undone(story, run)
    assert (here(pk), here(pk, "score")) == ("later", None)
    assert len(left_out(back)) == 1


def test_undo_of_an_undo_leaves_alone_what_the_undo_only_read(play):
    story = play()
    one, other = met(story), met(story)
    story.edit_there("contact", one[1], "job_title", "theirs")
    run = ran(story)
    story.edit_there("contact", other[1], "job_title", "by the way")
    story.edit_there("contact", one[1], "score", "5")
    story.new_there("contact")
    back = undone(story, run)
    assert (here(one[0]), here(other[0]), Contact.objects.count()) == ("", "by the way", 3)
    undone(story, back)
    assert (here(one[0]), here(other[0]), here(one[0], "score"), Contact.objects.count()) == (
        "theirs",
        "by the way",
        5,
        3,
    )
    is_quiet(story)


# --- records ----------------------------------------------------------------------------------------------------------


def test_record_that_came_in_is_deleted_here_and_does_not_come_back(play):
    story = play()
    remote = story.new_there("contact")
    run = ran(story)
    assert Contact.objects.count() == 1
    undone(story, run)
    assert not Contact.objects.exists()
    assert not story.world.rows[remote].deleted
    story.come_to_rest()
    assert not Contact.objects.exists() and not story.world.rows[remote].deleted
    is_quiet(story)


def test_record_that_came_in_and_was_edited_since_stays(play):
    story = play()
    story.new_there("contact")
    story.new_there("contact")
    run = ran(story)
    kept = Contact.objects.first()
    records.update("contact", kept.pk, {"notes": "called them"}, Actor("user", "2", "Bob"))
    back = undone(story, run)
    assert Contact.objects.get().pk == kept.pk
    assert left_out(back) == ["changed since by Bob"]


def test_record_that_came_in_and_is_pointed_at_since_stays(play):
    story = play(entities=("company", "contact"))
    story.new_there("company")
    run = ran(story)
    company = Company.objects.get()
    pk = story.new_here("contact")
    records.update("contact", pk, {"company": [str(company.pk)]}, Actor("user", "2", "Bob"))
    back = undone(story, run)
    assert here(pk, "company_id") == company.pk
    assert left_out(back) == ["changed since by Bob"]


def test_companies_and_their_people_that_came_in_together_go_together(play):
    story = play(entities=("company", "contact"))
    company = story.new_there("company")
    for _ in range(3):
        story.new_there("contact", company=[company])
    run = ran(story)
    assert Contact.objects.exclude(company=None).count() == 3
    back = undone(story, run)
    assert not Contact.objects.exists() and not Company.objects.exists() and not left_out(back)
    undone(story, back)
    assert Contact.objects.exclude(company=None).count() == 3


def test_undo_of_a_first_import_can_be_undone(play):
    story = play()
    remotes = [story.new_there("contact") for _ in range(3)]
    run = ran(story)
    before = {row["id"]: row for row in Contact.objects.values()}
    back = undone(story, run)
    assert not Contact.objects.exists()
    story.edit_there("contact", remotes[0], "job_title", "meanwhile")
    undone(story, back)
    assert set(Contact.objects.values_list("pk", flat=True)) == set(before)
    assert RecordLink.objects.filter(state=LinkState.LINKED).count() == 3
    story.come_to_rest()
    assert Contact.objects.filter(job_title="meanwhile").count() == 1
    assert not any(story.world.rows[remote].deleted for remote in remotes)
    story.check()


def test_record_that_went_out_is_put_away_there_and_ours_stays(play):
    story = play()
    pk = story.new_here("contact")
    run = ran(story)
    remote = RecordLink.objects.get().remote_id
    back = undone(story, run)
    assert story.world.rows[remote].deleted and Contact.objects.filter(pk=pk).exists()
    assert not left_out(back)
    assert RecordLink.objects.get().state == LinkState.UNLINKED
    is_quiet(story)
    story.edit_here("contact", pk, "job_title", "later")
    is_quiet(story)
    undone(story, back)
    assert not story.world.rows[remote].deleted
    story.come_to_rest()
    assert there(story, remote) == "later"


@pytest.mark.parametrize("side", ["here", "there"])
def test_record_that_went_out_and_was_edited_since_stays(play, side):
    story = play()
    pk = story.new_here("contact")
    run = ran(story)
    remote = RecordLink.objects.get().remote_id
    if side == "here":
        story.edit_here("contact", pk, "job_title", "later")
    else:
        story.edit_there("contact", remote, "job_title", "later")
    back = undone(story, run)
    assert not story.world.rows[remote].deleted and len(left_out(back)) == 1
    assert here(pk) == there(story, remote) == "later"


def test_record_deleted_there_comes_back_on_both_sides(play):
    story = play()
    pk, remote = met(story)
    story.trash_there(remote)
    run = ran(story)
    assert not Contact.objects.exists()
    undone(story, run)
    assert str(Contact.objects.get().pk) == pk and Contact.objects.get().notes.startswith("kept here")
    assert not story.world.rows[remote].deleted
    is_quiet(story)


def test_record_deleted_here_comes_back_on_both_sides(play):
    story = play()
    pk, remote = met(story)
    story.delete_here("contact", pk)
    run = ran(story)
    assert story.world.rows[remote].deleted
    back = undone(story, run)
    assert str(Contact.objects.get().pk) == pk and not story.world.rows[remote].deleted
    is_quiet(story)
    undone(story, back)
    assert not Contact.objects.exists() and story.world.rows[remote].deleted
    is_quiet(story)


def test_tool_that_restores_nothing_gets_the_record_anew(play):
    story = play(Profile(restore=False))
    pk, remote = met(story)
    story.delete_here("contact", pk)
    run = ran(story)
    undone(story, run)
    assert str(Contact.objects.get().pk) == pk
    [alive] = story.world.alive("contacts")
    assert alive.id != remote and alive.marker == pk
    is_quiet(story)


def test_what_pointed_to_a_deleted_record_points_to_it_again(play):
    story = play(entities=("company", "contact"))
    company = story.new_here("company")
    pk = story.new_here("contact")
    story.edit_here("contact", pk, "company", company)
    ran(story)
    ran(story)
    remote = RecordLink.objects.get(record_id=company).remote_id
    story.trash_there(remote)
    run = ran(story)
    assert here(pk, "company_id") is None and not Company.objects.exists()
    undone(story, run)
    assert str(here(pk, "company_id")) == company
    story.come_to_rest()
    assert str(here(pk, "company_id")) == company
    person = RecordLink.objects.get(record_id=pk).remote_id
    assert there(story, person, "company") == [remote]


def test_pair_that_was_filled_at_its_first_meeting_is_parted_and_each_has_its_own_again(play):
    story = play()
    pk = story.new_here("contact", email="a@x.example", job_title="ours")
    remote = story.new_there("contact", mail="a@x.example", score="5")
    names = here(pk, "name"), there(story, remote, "name")
    run = ran(story)
    assert (here(pk, "score"), there(story, remote)) == (5, "ours")
    back = undone(story, run)
    assert (here(pk, "score"), there(story, remote)) == (None, None)
    assert (here(pk, "name"), there(story, remote, "name")) == names
    assert RecordLink.objects.get().state == LinkState.UNLINKED
    assert not left_out(back)
    is_quiet(story)
    again = undone(story, back)
    assert (here(pk, "score"), there(story, remote)) == (5, "ours")
    assert RecordLink.objects.get().state == LinkState.LINKED
    assert not left_out(again)
    is_quiet(story)


# --- kinds of streams and tools ---------------------------------------------------------------------------------------


def test_stream_that_only_flows_in_changes_only_here(play):
    story = play(choices={"direction": "import"})
    remote = story.new_there("contact")
    ran(story)
    pk = str(Contact.objects.get().pk)
    story.edit_there("contact", remote, "job_title", "theirs")
    run = ran(story)
    undone(story, run)
    assert (here(pk), there(story, remote)) == ("", "theirs")
    is_quiet(story)
    story.edit_there("contact", remote, "job_title", "newer")
    ran(story)
    assert here(pk) == "newer"


def test_deletion_in_a_tool_that_is_only_read_is_taken_back_here_alone(play):
    story = play(choices={"direction": "import"})
    remote = story.new_there("contact")
    ran(story)
    story.trash_there(remote)
    run = ran(story)
    assert not Contact.objects.exists()
    undone(story, run)
    assert Contact.objects.count() == 1 and story.world.rows[remote].deleted
    story.come_to_rest()
    assert Contact.objects.count() == 1


def test_another_connected_tool_follows(play):
    story = play(name="One")
    pk, remote = met(story)
    other = play(name="Two", local=story.here_people)
    ran(other)
    far = RecordLink.objects.get(record_id=pk, stream__integration=other.integration).remote_id
    story.edit_there("contact", remote, "job_title", "theirs")
    run = ran(story)
    ran(other)
    assert there(other, far) == "theirs"
    undone(story, run)
    ran(other)
    assert there(other, far) is None and there(story, remote) is None
    is_quiet(other)


def test_tool_that_rounds_gets_its_values_back(play):
    story = play(Profile(lossy=True))
    pk, remote = met(story)
    story.edit_here("contact", pk, "job_title", "  V2 ")
    ran(story)
    story.edit_here("contact", pk, "job_title", " V4 ")
    run = ran(story)
    undone(story, run)
    assert here(pk) == "  V2 " and there(story, remote) == "V2"
    is_quiet(story)


# --- trouble on the way -----------------------------------------------------------------------------------------------


def several(story: Play) -> tuple[SyncLog, list[str]]:
    """A run that did some of everything."""
    known = [met(story) for _ in range(4)]
    story.edit_there("contact", known[0][1], "job_title", "theirs")
    story.edit_here("contact", known[1][0], "job_title", "ours")
    story.delete_here("contact", known[2][0])
    story.trash_there(known[3][1])
    story.new_there("contact")
    story.new_here("contact")
    return ran(story), [pk for pk, _remote in known]


def looks_undone(story: Play, pks: list[str]) -> None:
    assert set(map(str, Contact.objects.values_list("pk", flat=True))) >= set(pks)
    assert [here(pk) for pk in pks] == [""] * 4
    assert Contact.objects.count() == 5  # the one that was made here stays here alone
    alive = {row.id: row for row in story.world.alive("contacts")}
    for pk in pks:
        link = RecordLink.objects.get(record_id=pk)
        assert link.state == LinkState.LINKED and alive[link.remote_id].values.get("job") is None
    assert len(alive) == 5  # the one that was made there stays there alone
    assert not Conflict.objects.exists() and not SetAside.objects.exists()


@pytest.mark.parametrize("dies_at", range(30))
def test_killed_between_any_two_steps_it_goes_on(play, dies_at):
    story = play()
    run, pks = several(story)
    begin(undo.ask(run, ADA))
    if story.run(dies_at=dies_at) == "killed":
        assert story.run() == "done"
    story.come_to_rest()
    looks_undone(story, pks)


@pytest.mark.parametrize("kind", ["killed", "killed_after", "lost", "not_sent", "unavailable"])
@pytest.mark.parametrize("at", range(8))
def test_trouble_with_any_call_it_goes_on(play, at, kind):
    story = play()
    run, pks = several(story)
    begin(asked := undo.ask(run, ADA))
    if story.run([Fault(at, kind)]) != "done":
        begin(asked)
        assert story.run() == "done"
    story.come_to_rest()
    looks_undone(story, pks)


@pytest.mark.parametrize("kind", ["killed", "killed_after", "lost", "not_sent"])
@pytest.mark.parametrize("at", range(5))
def test_what_is_given_back_arrives_whatever_happens(play, at, kind):
    story = play(choices={"policy": "local"})
    pk, remote = met(story)
    story.edit_here("contact", pk, "job_title", "ours")
    story.edit_there("contact", remote, "job_title", "theirs")
    run = ran(story)
    begin(asked := undo.ask(run, ADA))
    if story.run([Fault(at, kind)]) != "done":
        begin(asked)
        assert story.run() == "done"
    story.come_to_rest()
    assert (here(pk), there(story, remote)) == ("ours", "theirs")


def test_long_run_is_undone_in_slices(play, monkeypatch):
    from integrations.sync import undo as undoing

    monkeypatch.setattr(undoing, "LINES", 4)
    story = play(Profile(page=100))
    for _ in range(30):
        story.new_there("contact")
    run = ran(story)
    asked = undo.ask(run, ADA)
    begin(asked)
    slices = 0
    while story.run(seconds=0) == "slice over":
        slices += 1
        assert slices < 60
    assert not Contact.objects.exists()
    asked.refresh_from_db()
    assert asked.lines.filter(action="deleted", side="here").count() == 30


def test_first_reading_that_was_cancelled_is_taken_back_without_reading_on(play):
    story = play(Profile(page=600))
    for _ in range(1300):
        story.new_there("contact")
    assert story.run(seconds=0) == "slice over"
    run = last_run(story)
    some = Contact.objects.count()
    assert 0 < some < 1300
    SyncLog.objects.filter(pk=run.pk).update(state=SyncLog.State.CANCELLED)
    undone(story, last_run(story))
    assert not Contact.objects.exists()
    ran(story)
    assert Contact.objects.count() == 1300 - some


def test_undo_of_many_does_not_meet_the_brake_but_what_it_reads_does(play):
    story = play()
    for _ in range(30):
        story.new_there("contact")
    run = ran(story)
    gone, kept = [row.id for row in story.world.alive("contacts")][:25], Contact.objects.count()
    for remote in gone:
        story.trash_there(remote)
    begin(undo.ask(run, ADA))
    with pytest.raises(BrakeApplied):
        story.run()
    assert Contact.objects.count() == kept
    for remote in gone:
        story.restore_there(remote)
    assert story.run() == "done"
    assert not Contact.objects.exists()


def test_undo_that_failed_goes_on_with_the_next_run(play):
    story = play()
    pk, remote = met(story)
    story.edit_there("contact", remote, "job_title", "theirs")
    run = ran(story)
    begin(asked := undo.ask(run, ADA))
    story.run([Fault(0, "unavailable")])
    SyncLog.objects.filter(pk=asked.pk).update(state=SyncLog.State.FAILED)
    assert undo.unfinished(story.integration).undoes == run
    ran(story)
    assert (here(pk), there(story, remote)) == ("", None)
    assert undo.unfinished(story.integration) is None


# --- asking -----------------------------------------------------------------------------------------------------------


def test_run_that_works_cannot_be_undone(play):
    story = play()
    run = SyncLog.objects.create(integration=story.integration, trigger="person", state=SyncLog.State.RUNNING)
    with pytest.raises(Refused) as refused:
        undo.ask(run, ADA)
    assert refused.value.code == "still_running"


def test_same_thing_is_not_undone_twice_at_once(play):
    story = play()
    story.new_there("contact")
    story.new_there("contact")
    run = ran(story)
    one, other = map(str, Contact.objects.values_list("pk", flat=True))
    undo.ask(run, ADA, one)
    undo.ask(run, ADA, other)
    for scope in ((one,), (one, "name")):
        with pytest.raises(Refused) as refused:
            undo.ask(run, ADA, *scope)
        assert refused.value.code == "undo_asked"


def test_run_without_effects_or_without_its_lines_cannot_be_undone(play):
    story = play()
    story.new_there("contact")
    run = ran(story)
    quiet = ran(story)
    with pytest.raises(Refused) as refused:
        undo.ask(quiet, ADA)
    assert refused.value.code == "nothing_to_undo"
    SyncLogLine.objects.filter(run=run)._raw_delete("default")
    with pytest.raises(Refused) as refused:
        undo.ask(run, ADA)
    assert "not kept" in str(refused.value)


def test_paused_connection_cannot_undo(play):
    story = play()
    story.new_there("contact")
    run = ran(story)
    story.integration.status = "paused"
    story.integration.save()
    with pytest.raises(Refused) as refused:
        undo.ask(run, ADA)
    assert refused.value.code == "not_active"
