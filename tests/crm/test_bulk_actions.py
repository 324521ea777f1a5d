"""One thing done to many records: in chunks, told, and undone where the values still are what it wrote."""

import threading
from urllib.parse import quote

import pytest
from django.db import DatabaseError, connection, connections
from django.http import QueryDict
from django_tenants.utils import tenant_context

from crm import bulk_actions, custom_fields, records
from crm.feed import Actor
from crm.models import BulkAction, Change, Company, Contact, Deal, Person
from crm.records import Invalid
from crm.selection import Selection
from tests.between import meanwhile
from tests.kept import WHY, keep

ADA = Actor("user", "7", "Ada")


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch):
    monkeypatch.setattr(bulk_actions, "CHUNK", 3)


@pytest.fixture
def contacts(tenant):
    return Contact.objects.bulk_create(
        Contact(name=f"C{i}", status="Lead" if i % 2 else "", tags=["a"] if i % 2 else []) for i in range(8)
    )


def choose(query="all=1&match=", entity="contact"):
    return Selection.of(records.describe(entity), QueryDict(query))


def do(selection, kind, field="", value=None):
    action = bulk_actions.start(selection, kind, field, value, ADA, 7)
    bulk_actions.run(action.pk)
    action.refresh_from_db()
    return action


def undo(action, by=ADA):
    assert bulk_actions.begin_undo(action.pk, by)
    bulk_actions.run(action.pk)
    action.refresh_from_db()
    return action


def held(field, entity=Contact):
    return dict(entity.objects.values_list("name", field))


def test_a_field_of_all_that_match_is_set_and_set_back(contacts):
    before = held("status")
    action = do(choose("all=1&match=status%3DLead"), "set", "status", "Former")
    assert (action.state, action.total, action.changed, len(action.parts)) == ("done", 4, 4, 2)
    assert set(held("status").values()) == {"", "Former"}
    assert Change.objects.filter(actor__label="Ada", operation="update").count() == 4
    assert undo(action).undone == 4 and action.state == "undone" and held("status") == before


def test_what_was_changed_since_stays_and_is_told(contacts):
    action = do(choose(), "set", "status", "Active")
    records.update("contact", contacts[0].pk, {"status": "Customer"}, ADA)
    records.update("contact", contacts[1].pk, {"phone": "1"}, ADA)
    records.delete("contact", [contacts[2].pk], ADA)
    undo(action)
    assert action.undone == 6 and action.kept_count == 2
    assert {line["title"]: line["reason"] for line in action.kept} == {
        "C0": "It was changed since.",
        "C2": "It was deleted since.",
    }
    assert held("status")["C0"] == "Customer" and held("status")["C1"] == "Lead" and held("phone")["C1"] == "1"


def test_tags_are_added_and_removed_one_by_one(contacts):
    action = do(choose(), "add", "tags", ["b"])
    assert action.changed == 8 and sorted(held("tags")["C1"]) == ["a", "b"] and held("tags")["C0"] == ["b"]
    other = do(choose(), "remove", "tags", ["a", "z"])
    assert other.changed == 4 and held("tags")["C1"] == ["b"]
    assert undo(other).undone == 4 and sorted(held("tags")["C1"]) == ["a", "b"]


def test_read_only_records_are_left_out_and_told(contacts):
    kept = str(contacts[3].pk)
    keep(kept)
    assert bulk_actions.left_out(choose()) == (1, [WHY])
    action = do(choose(), "set", "owner", "grace@x.example")
    assert action.changed == 7 and action.left == [{"id": kept, "title": "C3", "reason": WHY}]
    assert do(choose(), "delete").changed == 7 and held("name") == {"C3": "C3"}


def test_deleted_records_come_back_as_they_were_with_what_pointed_to_them(tenant):
    boss = Person.objects.create(name="Boss", email="boss@x.example")
    custom_fields.add("company", "Tier", "text")
    nord = records.create("company", {"name": "Nord", "owner": "boss@x.example", "custom.tier": "Gold"}, ADA)
    Contact.objects.create(name="Ada", company_id=nord.id)
    moved = Contact.objects.create(name="Bea", company_id=nord.id)
    deal = records.create(
        "deal",
        {"name": "Big", "company": [nord.id], "amount": {"amount": "12345678901234.5678", "currency": "EUR"}},
        ADA,
    )
    both = [do(choose(f"ids={nord.id}", "company"), "delete"), do(choose(f"ids={deal.id}", "deal"), "delete")]
    assert both[0].changed == 1 and not Company.objects.exists() and not Deal.objects.exists()
    records.update("contact", moved.pk, {"company": [records.create("company", {"name": "Sud"}, ADA).id]}, ADA)
    assert [undo(action).undone for action in both] == [1, 1]
    again = records.get("company", nord.id)
    assert again.values | {"updated_at": ""} == nord.values | {"updated_at": ""} and again.values["owner"] == boss.email
    assert str(Contact.objects.get(name="Ada").company_id) == nord.id, "it points there again"
    assert str(Contact.objects.get(name="Bea").company_id) != nord.id, "it points elsewhere since"
    assert records.get("deal", deal.id).values["amount"]["amount"] == "12345678901234.5678"


def test_what_comes_meanwhile_was_not_chosen(contacts):
    action = bulk_actions.start(choose(), "set", "status", "Former", ADA, 7)
    assert bulk_actions.step(action.pk)
    Contact.objects.create(name="New")
    assert bulk_actions.run(action.pk) and held("status")["New"] == ""


def test_half_done_it_goes_on_where_it_was(contacts):
    action = bulk_actions.start(choose(), "set", "status", "Former", ADA, 7)
    assert not bulk_actions.run(action.pk, is_over=lambda: True), "somebody else wants a turn"
    assert BulkAction.objects.get().seen == 3
    assert bulk_actions.run(action.pk) and BulkAction.objects.get().changed == 8
    assert bulk_actions.run(action.pk) and BulkAction.objects.get().changed == 8, "a doubled message does no harm"
    assert bulk_actions.begin_undo(action.pk, ADA) and not bulk_actions.begin_undo(action.pk, ADA)


@pytest.mark.parametrize(
    ("kind", "field", "value"),
    [
        ("set", "nope", "x"),
        ("set", "created_at", "2026-01-01T00:00:00Z"),
        ("set", "name", None),
        ("set", "status", "Unheard of"),
        ("add", "status", ["Lead"]),
        ("add", "tags", []),
        ("paint", "status", "Lead"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_happens(kind, field, value, contacts):
    with pytest.raises(Invalid):
        bulk_actions.start(choose(), kind, field, value, ADA, 7)
    assert not BulkAction.objects.exists()


def test_one_statement_for_a_chunk(contacts, monkeypatch, django_assert_max_num_queries):
    monkeypatch.setattr(bulk_actions, "CHUNK", 500)
    few = bulk_actions.start(choose("all=1&match=q%3DC0"), "set", "status", "Former", ADA, 7)
    with django_assert_max_num_queries(20) as alone:
        bulk_actions.run(few.pk)
    every = bulk_actions.start(choose(), "set", "status", "Customer", ADA, 7)
    with django_assert_max_num_queries(len(alone)):
        bulk_actions.run(every.pk)


def test_two_at_once_come_to_the_end(live_tenant):
    """A worker that was thought dead goes on while the one after it has begun: that one must not take it for finished."""
    Contact.objects.bulk_create(Contact(name=f"C{i}") for i in range(7))
    action = bulk_actions.start(choose(), "set", "status", "Former", ADA, 7)
    taken, seen = threading.Event(), []

    def let_it_begin():
        taken.set()
        other.join(0.2)

    def follow():
        with tenant_context(live_tenant):
            seen.append((bulk_actions.run(action.pk), BulkAction.objects.get().state))
        connections.close_all()

    other = threading.Thread(target=lambda: (taken.wait(), follow()))
    other.start()
    with meanwhile("crm_contact", let_it_begin):
        bulk_actions.step(action.pk)  # and no more
    other.join()
    assert seen == [(True, "done")] and set(held("status").values()) == {"Former"}
    assert Change.objects.filter(operation="update").count() == 7


@pytest.mark.parametrize(
    "query", ["owner=ada%40x.example", "company=x", "email=a%40x.example", "custom.gone=1", "nonsense=1"]
)
def test_a_filter_that_is_not_understood_does_not_mean_every_record(query, contacts):
    with pytest.raises(Invalid):
        bulk_actions.start(choose(f"all=1&match={quote(query)}"), "delete", "", None, ADA, 7)


def test_a_filter_whose_field_is_removed_meanwhile_ends_it(contacts):
    level = custom_fields.add("contact", "Level", "select", ["Gold"])
    Contact.objects.filter(name__in=["C0", "C1", "C2", "C3"]).update(custom={"level": "Gold"})
    action = bulk_actions.start(choose("all=1&match=custom.level%3DGold"), "delete", "", None, ADA, 7)
    assert bulk_actions.step(action.pk)
    custom_fields.remove(level, ADA)
    bulk_actions.run(action.pk)
    action.refresh_from_db()
    assert (action.state, action.changed, Contact.objects.count()) == ("failed", 3, 5)


def test_a_few_records_are_done_whole_or_not_at_all(contacts):
    """What a process that dies between two chunks leaves: nothing done, and no action that seems to go on for ever."""
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE FUNCTION pg_temp.die() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'gone'; END $$"
        )
        cursor.execute(
            "CREATE TRIGGER die BEFORE UPDATE ON crm_contact FOR EACH ROW WHEN (NEW.name = 'C5') EXECUTE FUNCTION pg_temp.die()"
        )
    with pytest.raises(DatabaseError, match="gone"):
        bulk_actions.do(choose(), "set", "status", "Former", ADA, 7)
    assert "Former" not in held("status").values() and not BulkAction.objects.exists()


def test_a_field_that_is_removed_meanwhile_ends_it(contacts):
    level = custom_fields.add("contact", "Level", "text")
    action = bulk_actions.start(choose(), "set", "custom.level", "Gold", ADA, 7)
    assert bulk_actions.step(action.pk)
    custom_fields.remove(level, ADA)
    bulk_actions.run(action.pk)
    action.refresh_from_db()
    assert (action.state, action.seen, action.changed, action.left_count) == ("failed", 3, 3, 0)


def test_relations_cost_no_query_for_each_record(contacts, monkeypatch, django_assert_max_num_queries):
    monkeypatch.setattr(bulk_actions, "CHUNK", 500)
    nord, sud = (Company.objects.create(name=name) for name in ("Nord", "Sud"))
    Contact.objects.update(company=nord)
    few = bulk_actions.start(choose("all=1&match=q%3DC0"), "set", "company", [str(sud.pk)], ADA, 7)
    with django_assert_max_num_queries(20) as alone:
        bulk_actions.run(few.pk)
    for field, value in (("status", "Former"), ("company", [str(sud.pk)])):
        every = bulk_actions.start(choose(), "set", field, value, ADA, 7)
        with django_assert_max_num_queries(len(alone)):
            bulk_actions.run(every.pk)
    assert set(held("company_id").values()) == {sud.pk}


def test_many_deleted_records_come_back_with_a_few_queries(tenant, monkeypatch, django_assert_max_num_queries):
    monkeypatch.setattr(bulk_actions, "CHUNK", 500)
    made = Company.objects.bulk_create(Company(name=f"N{i}") for i in range(30))
    people = Contact.objects.bulk_create(Contact(name=f"C{i}", company=made[i % 30]) for i in range(60))
    action = do(choose("all=1&match=", "company"), "delete")
    assert not Contact.objects.exclude(company=None).exists()
    with django_assert_max_num_queries(40):
        assert undo(action).undone == 30
    back = dict(Contact.objects.values_list("pk", "company_id"))
    assert back == {person.pk: made[i % 30].pk for i, person in enumerate(people)}


def test_what_the_feed_has_forgotten_is_told_as_left(contacts):
    action = do(choose(), "set", "status", "Former")
    forgotten = Change.objects.filter(operation="update").order_by("id").values_list("pk", flat=True)[:3]
    Change.objects.filter(pk__in=list(forgotten)).delete()
    undo(action)
    assert (action.state, action.undone, action.kept_count) == ("undone", 5, 3)
    level = custom_fields.add("contact", "Level", "text")
    Contact.objects.update(custom={"level": "Gold"})
    removed = custom_fields.remove(level, ADA)
    Contact.objects.filter(name__in=["C1", "C2"]).delete()
    undo(removed)
    assert (removed.undone, removed.kept_count) == (6, 2) and set(held("custom")["C0"]) == {"level"}
