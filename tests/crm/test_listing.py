"""Lists: every record once, in order, whatever one sorts by; the same few queries for ten records and for a thousand."""

import datetime as dt
import random
from urllib.parse import urlencode

import pytest
from django.db import connection
from django.db.models import Value
from django.db.models.functions import Lower
from django.http import QueryDict

from crm import custom_fields, records
from crm.feed import SYSTEM
from crm.listing import Asked, Listing
from crm.models import Company, Contact, Deal, Person, Task

SORTS = ["name", "email", "phone", "company", "status", "owner", "created_at", "updated_at"]


@pytest.fixture
def contacts(tenant):
    """Many, with gaps and with equal values everywhere."""
    dice = random.Random(7)
    people = [Person.objects.create(name=f"Person {i}", email=f"p{i}@people.example") for i in range(3)]
    companies = Company.objects.bulk_create([Company(name=name) for name in ("Nord", "nord", "Été", "Zett")])
    return Contact.objects.bulk_create(
        Contact(
            name=dice.choice(["Ada", "ada", "Bea", "Élise", "Zoë"]) + dice.choice(["", " X"]),
            email=dice.choice(["", "a@x.example", "B@x.example"]),
            phone=dice.choice(["", "1"]),
            company=dice.choice([None, *companies]),
            status=dice.choice(["", "Lead", "Former", "Unheard of"]),
            owner=dice.choice([None, *people]),
        )
        for _n in range(120)
    )


def walk(entity, size=7, **asked):
    """All pages forwards, then all of them backwards from the last one."""
    forwards, page = [], Listing(entity, Asked(**asked), size).page()
    forwards.append(page)
    while page.next:
        page = Listing(entity, Asked(**asked, after=page.next), size).page()
        forwards.append(page)
    backwards = [page]
    while page.previous:
        page = Listing(entity, Asked(**asked, before=page.previous), size).page()
        backwards.append(page)
    return [[i.id for i in p.items] for p in forwards], [[i.id for i in p.items] for p in reversed(backwards)]


@pytest.mark.parametrize("sort", [*SORTS, *(f"-{name}" for name in SORTS)])
def test_paging_meets_every_record_once_in_both_directions(sort, contacts):
    forwards, backwards = walk(records.describe("contact"), sort=sort)
    met = [pk for page in forwards for pk in page]
    assert len(met) == len(set(met)) == len(contacts)
    assert [pk for page in backwards for pk in page] == met


@pytest.mark.parametrize("sort", ["email", "-email", "status", "-status", "owner", "-owner"])
def test_empty_values_stand_last(sort, contacts):
    name = sort.lstrip("-")
    page = Listing(records.describe("contact"), Asked(sort=sort), 200).page()
    held = [item.values[name] not in (None, "", "Unheard of") for item in page.items]
    assert held == sorted(held, reverse=True) and not held[-1] and held[0]


def test_a_stage_sorts_like_the_pipeline(tenant):
    for stage in ("Won", "Proposal", "Lost", "Qualified"):
        Deal.objects.create(name=stage, stage=stage)
    page = Listing(records.describe("deal"), Asked(sort="stage")).page()
    assert [item.title for item in page.items] == ["Qualified", "Proposal", "Won", "Lost"]


def test_amounts_and_times_page_exactly(tenant):
    at = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    Deal.objects.bulk_create([Deal(name="x", amount=f"0.{i:04}") for i in range(30)])
    Task.objects.bulk_create([Task(title="x", due_at=at + dt.timedelta(microseconds=i)) for i in range(30)])
    for entity, sort in (("deal", "amount"), ("task", "-due_at"), ("task", "done")):
        forwards, _backwards = walk(records.describe(entity), sort=sort)
        assert len({pk for page in forwards for pk in page}) == 30


@pytest.mark.parametrize("cursor", ["nonsense", "W10", "WyJhIiwgIm5vIGlkIl0", "bnVsbA", "e30", "%%%"])
def test_a_broken_cursor_begins_at_the_beginning(cursor, contacts):
    assert len(Listing(records.describe("contact"), Asked(after=cursor)).page().items) == 50


def test_a_cursor_of_another_column_does_no_harm(contacts):
    entity = records.describe("contact")
    cursor = Listing(entity, Asked(sort="name"), 7).page().next
    assert Listing(entity, Asked(sort="updated_at", after=cursor), 7).page().items
    assert Listing(entity, Asked(sort="status", after=cursor), 7).page().items


def found(query, entity="contact"):
    page = Listing(records.describe(entity), Asked.of(QueryDict(query)), 200).page()
    return {item.title for item in page.items}


def test_search_and_filters(tenant):
    ann = Person.objects.create(name="Ann", email="ann@x.example")
    nord = Company.objects.create(name="Nord")
    Contact.objects.create(name="Ada Lovelace", email="ada@x.example", status="Lead", owner=ann)
    Contact.objects.create(name="Grace Hopper", phone="1", status="Active", company=nord, newsletter=True)
    assert (
        found("q=LOVE") == {"Ada Lovelace"} and found("q=ada x.ex") == {"Ada Lovelace"} and found("q=nobody") == set()
    )
    assert found("q=100%25") == set() and found("q=a_a") == set(), "wildcards are letters"
    assert found("status=Lead") == {"Ada Lovelace"} and found("status=-none") == set()
    assert found(f"owner={ann.pk}") == {"Ada Lovelace"} and found("owner=-none") == {"Grace Hopper"}
    assert found("email=-any") == {"Ada Lovelace"} and found("email=-none") == {"Grace Hopper"}
    assert found("company=-any") == {"Grace Hopper"} and found("newsletter=yes") == {"Grace Hopper"}
    assert found("unknown=1&owner=x") == {"Ada Lovelace", "Grace Hopper"}
    assert found("status=Lead&q=Grace") == set()


def test_filters_by_time_and_by_own_fields(tenant, settings):
    now = dt.datetime.now(dt.UTC)
    for title, days in (("late", -3), ("soon", 3), ("later", 30)):
        Task.objects.create(title=title, due_at=now + dt.timedelta(days=days))
    Task.objects.create(title="some day")
    assert found("due_at=past", "task") == {"late"} and found("due_at=week", "task") == {"soon"}
    assert found("due_at=-none", "task") == {"some day"}
    custom_fields.add("deal", "Tier", "select", ["Gold", "Silver"])
    records.create("deal", {"name": "Big", "custom.tier": "Gold"}, SYSTEM)
    records.create("deal", {"name": "Small"}, SYSTEM)
    assert found("custom.tier=Gold", "deal") == {"Big"} and found("custom.tier=-none", "deal") == {"Small"}


def test_counts_are_exact_while_that_is_cheap(contacts, monkeypatch):
    entity = records.describe("contact")
    assert Listing(entity, Asked()).page().count == 120
    monkeypatch.setattr("crm.listing.MAX_COUNT", 100)
    assert Listing(entity, Asked()).page().count is None
    assert Listing(entity, Asked(filters=(("status", "Lead"),))).page().count == len(
        [one for one in contacts if one.status == "Lead"]
    )


def counts(captured):
    return [query["sql"] for query in captured if "COUNT(" in query["sql"] and "crm_contact" in query["sql"]]


def test_what_many_have_is_not_counted_for_a_page(tenant, tenant_client, monkeypatch, django_assert_max_num_queries):
    Contact.objects.bulk_create(Contact(name=f"Ada {n}", email="" if n % 2 else "a@x.example") for n in range(80))
    Contact.objects.create(name="Bea")
    monkeypatch.setattr("crm.listing.FEW", 60)
    with django_assert_max_num_queries(40) as queries:
        page = tenant_client.get("/records/contact/?q=ada")
    assert page.context["summary"] == "50 of more than 60 contacts" and page.context["total"] == "60+"
    assert "Select all 60+ that match" in page.content.decode() and counts(queries) == []
    assert tenant_client.get("/records/contact/?q=bea").context["summary"] == "1 contact"
    some = tenant_client.get("/records/contact/?q=ada&email=-any").context
    assert some["summary"] == "40 contacts" and some["is_more"] is False, "few are counted with the rest of the filters"
    dialog = tenant_client.post("/records/contact/delete/", {"all": "1", "match": "q=ada"})
    assert "80 contacts" in dialog.content.decode(), "what is done to all that match is told exactly"
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE crm_contact")
    monkeypatch.setattr("crm.listing.MAX_COUNT", 30)
    page = tenant_client.get("/records/contact/")
    assert page.context["summary"] == "50 of about 81 contacts" and page.context["total"] == "30+"


def test_a_page_costs_the_same_queries_for_ten_and_for_a_thousand(tenant, tenant_client, django_assert_max_num_queries):
    def make(count):
        owner = Person.objects.get_or_create(name="Ann", email="ann@x.example")[0]
        for _n in range(count // 10):
            company = Company.objects.create(name="Nord", owner=owner)
            Contact.objects.bulk_create([Contact(name="Ada", company=company, owner=owner) for _m in range(10)])

    make(10)
    tenant_client.get("/records/contact/")  # that somebody was here is written down once
    with django_assert_max_num_queries(20) as few:
        assert tenant_client.get("/records/contact/").status_code == 200
    make(1000)
    # at most one more than for a single page: the count
    with django_assert_max_num_queries(len(few) + 1):
        tenant_client.get("/records/contact/")


def test_an_address_with_a_zero_byte_is_no_failure(tenant_client):
    for query in ("q=%00", "status=%00", "sort=%00", "after=%00", "status=a%00b"):
        assert tenant_client.get(f"/records/contact/?{query}").status_code == 200
    assert tenant_client.get("/records/company/pick/?as=company&q=%00").status_code == 200


def test_the_search_looks_in_whatever_case_through_the_fields_that_it_names(tenant):
    for name, entity in records.registry.ENTITIES.items():
        text = " ".join(["elise unal"] * len(entity.search))
        made = entity.model.objects.create(**dict.fromkeys(entity.search, "ÉLISE Ünal"))
        assert entity.model.objects.values_list("search", flat=True).get(pk=made.pk) == text
        assert found("q=élise ÜN", name) == {"ÉLISE Ünal"} and found("q=eun", name) == set()


#: A text, and what finds it.
ALIKE = [
    ("François", ("francois", "FRANÇOIS", "franc\u0327ois", "ançoi")),
    ("franc\u0327ois", ("françois", "francois", "c\u0327", "c")),
    ("München", ("munchen", "MÜNCHEN", "unch")),
    ("Straße", ("strasse", "STRASSE", "straße", "ss", "ße")),
    ("Strasse", ("straße", "strasse")),
    ("Œuvre de l’été", ("oeuvre", "l'ete", "L’ÉTÉ")),
    ("D'Angelo", ("d’angelo", "D'ANGELO")),
    ("İstanbul Işık", ("istanbul", "İSTANBUL", "isik", "ışık", "IŞIK")),
    ("Łódź Århus Ærø", ("lodz", "arhus", "aero", "ŁÓDŹ", "ærø")),
    ("ΟΔΥΣΣΕΎΣ", ("οδυσσευς", "οδυσσεύσ", "Οδυσσεύς")),
    ("Ёлкин Андрей", ("елкин", "ёлкин", "андрей")),
    ("שָׁלוֹם", ("שלום", "שָׁ", "ש\u05b8")),
    ("한국", ("한국", "한")),
    ("ﬁn Ⅳ ＡＢ", ("fin", "ﬁn", "Ⅳ", "ab", "ＡＢ")),
    ("50% [a^b] \\d_ (x|y)*", ("50%", "[a^", "\\d", "_", "|y)*")),
]


@pytest.mark.parametrize(("text", "words"), ALIKE)
def test_accents_and_case_do_not_count(text, words, tenant):
    Contact.objects.create(name=text)
    Contact.objects.create(name="Somebody else")
    for word in words:
        for asked in ("q", "name.contains"):
            assert found(urlencode({asked: word})) == {text}, (asked, word)


def test_a_text_finds_itself_and_each_part_of_it_in_whatever_letters(tenant):
    """What was found while only the case did not count is found still."""
    dice = random.Random(3)
    letters = [chr(code) for code in (*range(0x21, 0x7F), *range(0xA1, 0x600), *range(0x1E00, 0x2000), 0xFB01, 0x1F600)]
    names = ["".join(dice.choices(letters, k=12)) for _n in range(60)]
    Contact.objects.bulk_create(Contact(name=name) for name in names)
    missed = []
    for name in names:
        part = name[3:8]
        for text in (part, part.upper(), part.lower()):
            before = set(
                Contact.objects.annotate(small=Lower("name"))
                .filter(small__contains=Lower(Value(text)))
                .values_list("name", flat=True)
            )
            for asked in ("q", "name.contains"):
                if not before <= found(urlencode({asked: text})):
                    missed.append((asked, name, text))
    assert missed == []


def test_a_very_long_text_filter_is_no_failure(tenant):
    Contact.objects.create(name="Ada", notes="é" * 3000)
    Contact.objects.create(name="Bea", notes="e" * 3000)
    assert found(urlencode({"notes.contains": "É" * 2000})) == {"Ada"}
    assert found(urlencode({"notes.contains": "É" * 100})) == {"Ada", "Bea"}
    assert found(urlencode({"notes.contains": "\u0301"})) == set() and found(urlencode({"q": "e" * 3000})) == set()


def test_a_text_filter_finds_what_contains_it(tenant):
    custom_fields.add("contact", "Nick", "text")
    records.create("contact", {"name": "Ada", "email": "Ada@Nord.example", "notes": "Met in LYON\n100%"}, SYSTEM)
    records.create("contact", {"name": "Bea", "email": "bea@sud.example", "custom.nick": "The Élan"}, SYSTEM)
    records.create("contact", {"name": "Cy nord", "phone": "+33 1 77"}, SYSTEM)
    assert found("email.contains=nord") == {"Ada"} and found("name.contains=NORD") == {"Cy nord"}
    assert found("notes.contains=lyon") == {"Ada"} and found("notes.contains=0%25") == {"Ada"}
    assert found("notes.contains=n%25y") == set(), "wildcards are letters"
    assert found("custom.nick.contains=él") == {"Bea"} and found("phone.contains=1 7") == {"Cy nord"}
    assert found("email.contains=example&name.contains=e") == {"Bea"}
    assert found("status.contains=x") == found("email.contains=") == {"Ada", "Bea", "Cy nord"}, (
        "there is no such filter"
    )


def test_the_form_of_a_text_filter_leads_to_a_list_with_its_chip(tenant_client):
    Contact.objects.bulk_create([Contact(name="Ada", email="ada@nord.example"), Contact(name="Bea")])
    page = tenant_client.get("/records/contact/?status=-none&in=email&contains=NORD")
    assert [row["title"] for row in page.context["rows"]] == ["Ada"]
    assert page.context["match"] == "email.contains=NORD&status=-none"
    chip = next(chip for chip in page.context["filters"] if chip["value"] == "NORD")
    assert chip["label"] == "E-mail contains" and chip["clear_url"] == "/records/contact/?status=-none"
    again = tenant_client.get("/records/contact/?email.contains=NORD&in=email&contains=")
    assert again.context["match"] == "", "an emptied one is taken away"
    fields = next(chip for chip in page.context["filters"] if chip["label"] == "Contains")["form"]["fields"]
    assert ("notes", "Notes") in fields and "id" not in dict(fields) and "status" not in dict(fields)


def test_no_list_of_an_entity_that_does_not_exist_can_be_picked_from(tenant_client):
    pk = "01890000-0000-7000-8000-000000000000"
    assert tenant_client.get(f"/records/nope/pick/?as=company&company={pk}").status_code == 404
