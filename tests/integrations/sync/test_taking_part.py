"""A record that is left out keeps everything, and meets the other side when it takes part again."""

from __future__ import annotations

import time

import pytest
from django.utils import timezone

from crm import feed
from crm.feed import Actor
from crm.models import Contact
from integrations.models import Conflict, RecordLink, SetAside, SyncLog
from integrations.services import links
from integrations.services.connect import Refused
from integrations.sync import settling
from tests.simulation.memory import Fault, Profile
from tests.simulation.play import Play


@pytest.fixture
def play(live_tenant):
    made = Play(live_tenant, Profile(batch=5), entities=("contact",))
    yield made
    made.close()


@pytest.fixture
def ada(play):
    """A linked contact: our id and theirs."""
    ours = play.new_here("contact", name="Ada")
    play.come_to_rest()
    return ours, RecordLink.objects.get().remote_id


def test_a_paused_record_travels_in_neither_direction_and_loses_nothing(play, ada):
    ours, theirs = ada
    bases = RecordLink.objects.values("base_local", "base_remote").get()
    links.pause(RecordLink.objects.get(), "Olga")
    play.edit_here("contact", ours, "job_title", "v20001")
    play.edit_there("contact", theirs, "email", "v20002@x.example")
    calls = play.world.calls["push"]
    play.come_to_rest()
    assert play.world.calls["push"] == calls
    assert RecordLink.objects.values("base_local", "base_remote").get() == bases
    assert Contact.objects.get().email != "v20002@x.example"
    assert play.world.rows[theirs].values.get("job") is None
    links.take_up(RecordLink.objects.get(), "Olga")
    play.come_to_rest()
    assert Contact.objects.get().email == "v20002@x.example"
    assert play.world.rows[theirs].values["job"] == "v20001"
    play.check()


def test_what_both_sides_changed_while_paused_is_a_conflict(play, ada):
    ours, theirs = ada
    links.pause(RecordLink.objects.get(), "Olga")
    play.edit_here("contact", ours, "job_title", "v20001")
    play.edit_there("contact", theirs, "job_title", "v20002")
    play.come_to_rest()
    assert not Conflict.objects.exists()
    links.take_up(RecordLink.objects.get(), "Olga")
    play.come_to_rest()
    conflict = Conflict.objects.get()
    assert (conflict.local, conflict.remote, conflict.base) == ("v20001", "v20002", None)
    play.check()


@pytest.mark.parametrize("side", ["here", "there"])
def test_a_deletion_while_paused_travels_when_the_record_is_taken_up(play, ada, side):
    ours, theirs = ada
    links.pause(RecordLink.objects.get(), "Olga")
    if side == "here":
        play.delete_here("contact", ours)
    else:
        play.trash_there(theirs)
    play.come_to_rest()
    assert Contact.objects.exists() == (side == "there")
    assert play.world.rows[theirs].deleted == (side == "there")
    links.take_up(RecordLink.objects.get(), "Olga")
    play.come_to_rest()
    assert not Contact.objects.exists() and play.world.rows[theirs].deleted
    play.check()


def test_a_record_that_vanished_while_paused_waits_with_its_reason(play, ada):
    ours, theirs = ada
    links.pause(RecordLink.objects.get(), "Olga")
    play.edit_here("contact", ours, "job_title", "v20001")
    del play.world.rows[theirs]
    links.take_up(RecordLink.objects.get(), "Olga")
    play.run()
    assert SetAside.objects.get().code == "vanished"
    assert not RecordLink.objects.get().reread
    assert Contact.objects.get().job_title == "v20001"


def test_an_answer_that_was_lost_is_looked_up_although_the_record_was_paused_since(play, ada):
    ours, theirs = ada
    play.edit_here("contact", ours, "job_title", "v20001")
    play.run(faults=[Fault(1, "lost")])
    assert RecordLink.objects.get().intent
    links.pause(RecordLink.objects.get(), "Olga")
    play.come_to_rest()
    link = RecordLink.objects.get()
    assert link.intent is None and link.base_remote["job_title"] == "v20001"
    play.edit_here("contact", ours, "job_title", "v20003")
    play.come_to_rest()
    assert play.world.rows[theirs].values["job"] == "v20001"
    links.take_up(RecordLink.objects.get(), "Olga")
    play.come_to_rest()
    play.check()


def test_other_records_go_on_and_a_quiet_run_costs_the_same(play, ada):
    other = play.new_here("contact")
    play.come_to_rest()
    links.pause(RecordLink.objects.get(record_id=ada[0]), "Olga")
    play.edit_here("contact", ada[0], "job_title", "v20001")
    play.edit_here("contact", other, "job_title", "v20004")
    play.come_to_rest()
    assert play.world.rows[RecordLink.objects.get(record_id=other).remote_id].values["job"] == "v20004"
    calls = sum(play.world.calls.values())
    play.run()
    once = sum(play.world.calls.values()) - calls
    play.run()
    assert sum(play.world.calls.values()) - calls == 2 * once
    assert not {name for name in SyncLog.objects.first().counts if name.startswith(("created", "updated", "deleted"))}


def test_a_record_that_waits_to_be_created_can_be_paused(play):
    made = play.new_here("contact")
    play.run()
    RecordLink.objects.all().delete()
    play.world.rows.clear()
    link = RecordLink.objects.create(stream=play.streams["contact"], record_id=made, state="new", dirty=True)
    links.pause(link, "Olga")
    play.come_to_rest()
    assert not play.world.rows
    links.take_up(link, "Olga")
    play.come_to_rest()
    assert len(play.world.rows) == 1


def test_taking_up_what_nobody_paused_is_refused(play, ada):
    with pytest.raises(Refused):
        links.take_up(RecordLink.objects.get(), "Olga")


# --- what is still being typed --------------------------------------------------------------------------------------


def scheduled(play):
    SyncLog.objects.create(integration=play.integration, trigger="schedule")
    return play.run()


def settle(play, seconds):
    play.integration.streams.update(settle_seconds=seconds)


def test_an_edit_that_may_still_be_typed_waits_for_the_next_run(play, ada):
    ours, theirs = ada
    settle(play, 300)
    play.edit_here("contact", ours, "job_title", "Half a wo")
    made = play.new_here("contact", name="Also half")
    scheduled(play)
    assert play.world.rows[theirs].values.get("job") is None and len(play.world.rows) == 1
    assert RecordLink.objects.filter(dirty=True).count() == 2
    due_at = settling.settled_at(play.integration.pk)
    assert 200 < (due_at - timezone.now()).total_seconds() <= 300
    settle(play, 0)
    scheduled(play)
    assert play.world.rows[theirs].values["job"] == "Half a wo"
    assert RecordLink.objects.get(record_id=made).remote_id
    assert settling.settled_at(play.integration.pk) is None


def test_whoever_asks_for_a_run_does_not_wait(play, ada):
    settle(play, 300)
    play.edit_here("contact", ada[0], "job_title", "Done")
    play.run()
    assert play.world.rows[ada[1]].values["job"] == "Done"


def test_what_a_stream_brought_in_goes_on_at_once(play, ada):
    settle(play, 1)
    time.sleep(1.1)  # the record itself was made by a person
    with feed.acting(Actor("run", "1", "Airtable", "stream:other")):
        Contact.objects.filter(pk=ada[0]).update(job_title="From elsewhere")
    scheduled(play)
    assert play.world.rows[ada[1]].values["job"] == "From elsewhere"


def test_a_deletion_is_not_typing(play, ada):
    settle(play, 300)
    play.delete_here("contact", ada[0])
    scheduled(play)
    assert play.world.rows[ada[1]].deleted
