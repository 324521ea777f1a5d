"""First meetings: paired by key, by a weaker one where the stronger has no partner, and never guessed."""

from __future__ import annotations

import itertools

import pytest

from crm.models import Contact
from integrations.models import HeldRecord, RecordLink, SetAside
from integrations.services import links
from integrations.services.connect import Refused
from integrations.sync.match import pair_up
from tests.simulation.memory import Profile
from tests.simulation.play import Play

KEYS = ["email", "name"]


# --- the decision ---------------------------------------------------------------------------------------------------


def test_a_weaker_key_pairs_what_the_stronger_one_leaves():
    theirs = {"t1": {"email": "a@x", "name": "ada"}, "t2": {"name": "bob"}}
    ours = {"o1": {"email": "a@x", "name": "ada lovelace"}, "o2": {"email": "b@x", "name": "bob"}}
    assert pair_up(theirs, ours, KEYS).pairs == {"t1": "o1", "t2": "o2"}


def test_a_stronger_key_that_differs_forbids_the_weaker_one():
    found = pair_up({"t1": {"email": "a@x", "name": "ada"}}, {"o1": {"email": "b@x", "name": "ada"}}, KEYS)
    assert not found.pairs and not found.ambiguous


def test_a_stronger_key_tells_namesakes_apart():
    theirs = {"t1": {"email": "a@x", "name": "ada"}, "t2": {"name": "ada"}}
    ours = {"o1": {"email": "a@x", "name": "ada"}, "o2": {"email": "z@x", "name": "ada"}}
    assert pair_up(theirs, ours, KEYS).pairs == {"t1": "o1", "t2": "o2"}


@pytest.mark.parametrize(("theirs", "ours"), [(1, 2), (2, 1), (2, 2)])
def test_a_shared_key_pairs_nobody(theirs, ours):
    found = pair_up(
        {f"t{n}": {"email": "a@x"} for n in range(theirs)}, {f"o{n}": {"email": "a@x"} for n in range(ours)}, KEYS
    )
    assert not found.pairs
    (clash,) = set(found.ambiguous.values())
    assert (clash.field, clash.key, len(clash.theirs), len(clash.ours)) == ("email", "a@x", theirs, ours)


def test_a_weaker_key_does_not_resolve_what_is_ambiguous():
    theirs = {"t1": {"email": "a@x", "name": "ada"}}
    ours = {"o1": {"email": "a@x", "name": "ada"}, "o2": {"email": "a@x", "name": "grace"}}
    assert not pair_up(theirs, ours, KEYS).pairs


def test_one_whose_own_partner_is_unclear_is_no_certain_partner():
    theirs = {"t1": {"email": "a@x"}, "t2": {"name": "ada"}}
    ours = {"o1": {"email": "a@x", "name": "ada"}, "o2": {"email": "a@x"}}
    found = pair_up(theirs, ours, KEYS)
    assert not found.pairs and set(found.ambiguous) == {"t1", "t2"}


def test_the_order_of_records_does_not_matter():
    theirs = {"t1": {"email": "a@x", "name": "n"}, "t2": {"name": "n"}, "t3": {"email": "c@x", "name": "n"}}
    ours = {"o1": {"email": "a@x", "name": "n"}, "o2": {"email": "b@x", "name": "n"}, "o3": {"name": "n"}}
    answers = set()
    for order in itertools.permutations(theirs):
        for other in itertools.permutations(ours):
            found = pair_up({t: theirs[t] for t in order}, {o: ours[o] for o in other}, KEYS)
            answers.add((tuple(sorted(found.pairs.items())), tuple(sorted(found.ambiguous))))
    assert answers == {((("t1", "o1"),), ("t2", "t3"))}


# --- carried out ----------------------------------------------------------------------------------------------------


def started(tenant, profile=None, **choices):
    return Play(tenant, profile or Profile(batch=5), {"match_fields": KEYS} | choices, entities=("contact",))


@pytest.fixture
def begin(live_tenant):
    made = []

    def start(**choices):
        made.append(started(live_tenant, **choices))
        return made[-1]

    yield start
    for play in made:
        play.close()


def linked():
    return {
        str(pk): remote
        for pk, remote in RecordLink.objects.filter(remote_id__isnull=False).values_list("record_id", "remote_id")
    }


def test_the_first_run_pairs_by_both_keys(begin):
    play = begin()
    by_mail = play.new_here("contact", email="ada@x.example", name="Ada L.")
    by_name = play.new_here("contact", email="", name="Grace")
    other = play.new_here("contact", email="else@x.example", name="Linus")
    theirs = [
        play.new_there("contact", mail="ADA@x.example", name="Ada Lovelace"),
        play.new_there("contact", mail="grace@x.example", name="grace"),
        play.new_there("contact", mail="linus@x.example", name="Linus"),
    ]
    play.come_to_rest()
    assert linked()[by_mail] == theirs[0]
    assert linked()[by_name] == theirs[1]
    assert linked()[other] != theirs[2]
    assert Contact.objects.count() == 4 and len(play.world.alive("contacts")) == 4
    play.check()


def test_create_only_pairs_nothing(begin):
    play = begin(matching="create_only")
    play.new_here("contact", email="ada@x.example")
    play.new_there("contact", mail="ada@x.example")
    play.come_to_rest()
    assert Contact.objects.count() == 2 and len(play.world.alive("contacts")) == 2
    play.check()


def test_match_only_creates_nothing_and_pairs_what_comes_later(begin):
    play = begin(matching="match_only")
    ours = play.new_here("contact", email="ada@x.example", name="Ada")
    lonely = play.new_here("contact", email="only.here@x.example", name="Only here")
    theirs = play.new_there("contact", mail="ada@x.example", name="Ada")
    waits = play.new_there("contact", mail="later@x.example", name="Later")
    play.come_to_rest()
    assert linked() == {ours: theirs}
    assert HeldRecord.objects.get().remote_id == waits and HeldRecord.objects.get().reason == "no_match"
    assert RecordLink.objects.get(record_id=lonely).left_out == "no_match"
    later = play.new_here("contact", email="LATER@x.example", name="Later")
    partner = play.new_there("contact", mail="only.here@x.example", name="Only here")
    play.come_to_rest()
    assert linked() == {ours: theirs, later: waits, lonely: partner}
    assert not HeldRecord.objects.exists() and not RecordLink.objects.exclude(left_out="").exists()
    play.edit_here("contact", later, "job_title", "v20001")
    play.come_to_rest()
    assert play.world.rows[waits].values["job"] == "v20001"
    assert Contact.objects.count() == 3 and len(play.world.alive("contacts")) == 3


def test_a_record_that_only_flows_out_finds_its_partner_there(begin):
    play = begin(direction="export")
    theirs = play.new_there("contact", mail="ada@x.example", name="Ada")
    play.come_to_rest()
    ours = play.new_here("contact", email="ada@x.example", name="Ada")
    play.come_to_rest()
    assert linked() == {ours: theirs} and len(play.world.alive("contacts")) == 1


def test_shared_keys_are_set_aside_on_both_sides_with_the_key(begin):
    play = begin()
    first = [play.new_here("contact", email="twin@x.example", name=name) for name in ("A", "B")]
    theirs = play.new_there("contact", mail="twin@x.example", name="C")
    fine = play.new_here("contact", email="fine@x.example", name="Fine")
    play.come_to_rest()
    assert list(linked()) == [fine]
    asides = SetAside.objects.all()
    assert {(a.side, str(a.record_id or a.remote_id), a.field, a.code) for a in asides} == {
        ("there", theirs, "email", "ambiguous"),
        *(("here", pk, "email", "ambiguous") for pk in first),
    }
    assert len({a.fingerprint for a in asides}) == 1 and all("twin@x.example" in a.reason for a in asides)
    assert {a.title for a in asides} == {"A", "B", "C"}
    assert len(play.world.alive("contacts")) == 2 and Contact.objects.count() == 3


def test_each_key_is_freed_by_itself_as_soon_as_it_is_clear(begin):
    play = begin()
    one = [play.new_here("contact", email="one@x.example", name=name) for name in ("A", "B")]
    two = [play.new_here("contact", email="two@x.example", name=name) for name in ("C", "D")]
    there_one = play.new_there("contact", mail="one@x.example", name="E")
    there_two = play.new_there("contact", mail="two@x.example", name="F")
    play.come_to_rest()
    assert not linked()
    play.edit_here("contact", one[1], "email", "else@x.example")
    play.come_to_rest()
    assert linked()[one[0]] == there_one and one[1] in linked()
    assert set(linked()) == set(one)
    assert {str(a.record_id) for a in SetAside.objects.filter(side="here")} == set(two)
    play.delete_here("contact", two[0])
    play.come_to_rest()
    assert linked()[two[1]] == there_two
    assert not SetAside.objects.exists()
    play.check()


def test_a_page_trashed_since_stops_being_in_the_way(begin):
    play = begin(profile=None)
    ours = play.new_here("contact", email="twin@x.example", name="A")
    theirs = [play.new_there("contact", mail="twin@x.example", name=name) for name in ("B", "C")]
    play.come_to_rest()
    assert not linked() and SetAside.objects.count() == 3
    play.trash_there(theirs[0])
    play.run()
    play.run()
    assert linked() == {ours: theirs[1]}
    assert not SetAside.objects.exists()
    play.come_to_rest()
    play.check()


def test_one_of_two_alike_that_is_edited_alone_is_not_taken_for_the_only_one(begin):
    play = begin()
    play.new_here("contact", email="twin@x.example", name="A")
    theirs = [play.new_there("contact", mail="twin@x.example", name=name) for name in ("B", "C")]
    play.come_to_rest()
    play.edit_there("contact", theirs[0], "job_title", "v20001")
    play.come_to_rest()
    assert not linked() and Contact.objects.count() == 1


def test_a_quiet_run_with_shared_keys_writes_nothing(begin):
    play = begin()
    play.new_here("contact", email="twin@x.example", name="A")
    for name in ("B", "C"):
        play.new_there("contact", mail="twin@x.example", name=name)
    play.come_to_rest()
    writes = play.world.writes
    asides = set(SetAside.objects.values_list("pk", flat=True))
    play.come_to_rest()
    assert play.world.writes == writes and set(SetAside.objects.values_list("pk", flat=True)) == asides
    assert len(play.world.alive("contacts")) == 2 and Contact.objects.count() == 1


def test_many_records_held_back_meet_by_both_keys(begin):
    play = begin()
    Contact.objects.bulk_create([Contact(name=f"P{n}", email=f"p{n}@x.example" if n % 2 else "") for n in range(450)])
    for n in range(450):
        play.world.create("contacts", {"name": f"P{n}", "mail": f"p{n}@x.example" if n % 3 else None})
    play.run()
    assert Contact.objects.count() == 450 and len(play.world.alive("contacts")) == 450
    assert len(linked()) == 450 and not HeldRecord.objects.exists()


def test_one_that_was_left_out_and_is_no_more_is_forgotten(live_tenant):
    play = started(live_tenant, Profile(incremental=False, tombstones=False), matching="match_only")
    theirs = play.new_there("contact", mail="ada@x.example")
    play.come_to_rest()
    assert HeldRecord.objects.get().remote_id == theirs
    play.trash_there(theirs)
    play.come_to_rest()
    assert not HeldRecord.objects.exists()
    play.close()


# --- a person decides -----------------------------------------------------------------------------------------------


def test_a_person_pairs_one_and_keeps_the_other_apart(begin):
    play = begin()
    ours = play.new_here("contact", email="twin@x.example", name="A", job_title="v20001")
    theirs = [play.new_there("contact", mail="twin@x.example", name=name) for name in ("B", "C")]
    play.come_to_rest()
    stream = play.streams["contact"]
    links.pair(stream, theirs[0], ours, "Olga")
    links.keep_apart(stream, theirs[1], "Olga")
    play.come_to_rest()
    assert linked()[ours] == theirs[0] and len(linked()) == 2
    assert Contact.objects.count() == 2 and len(play.world.alive("contacts")) == 2
    assert not SetAside.objects.exists() and play.world.rows[theirs[0]].values["job"] == "v20001"
    with pytest.raises(Refused):
        links.pair(stream, theirs[1], ours, "Olga")
    with pytest.raises(Refused):
        links.keep_apart(stream, "nothing", "Olga")
