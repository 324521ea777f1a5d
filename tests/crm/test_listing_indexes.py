"""Lists of a large tenant: each page begins in an index of what is sorted by, also deep inside and among the empty ones."""

import datetime as dt
import json

import pytest
from django.db import connection, transaction
from django_tenants.utils import tenant_context

from crm import records
from crm.listing import Asked, Listing
from crm.models import Company, Contact, Deal, Task
from tests.crm.test_listing import walk

#: What a list is sorted by, and the index that each of its pages begins in.
INDEXED = {
    "contact": {
        "name": "contact_name_key",
        "email": "contact_email_key",
        "company": "company_name_key",
        "created_at": "contact_created",
        "updated_at": "contact_updated",
    },
    "task": {"title": "task_title_key", "due_at": "task_due", "deal": "deal_name_key"},
}


@pytest.fixture(scope="module")
def filled(_standing, django_db_blocker):
    """What the tests of this file read: made once, in a transaction around theirs."""
    with django_db_blocker.unblock(), tenant_context(_standing["acme"]), transaction.atomic():
        fill()
        yield
        transaction.set_rollback(True)


@pytest.fixture
def many(filled, tenant):
    return tenant


def fill():
    """Enough of everything for PostgreSQL to prefer an index, in the same proportions as in a large tenant."""
    at = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    companies = Company.objects.bulk_create([Company(name=f"Company {n}") for n in range(1000)])
    contacts = Contact.objects.bulk_create(
        Contact(name=f"C {n}", email=f"c{n}@x.example" if n % 4 else "", company=companies[n % 1000] if n % 3 else None)
        for n in range(5000)
    )
    deals = Deal.objects.bulk_create(
        Deal(name=f"Deal {n}", contacts=[str(contacts[n].id), str(contacts[n + 1].id)]) for n in range(1000)
    )
    Task.objects.bulk_create(
        Task(
            title=f"T {n}",
            due_at=at + dt.timedelta(hours=n) if n % 4 else None,
            deal=deals[n % 1000] if n % 3 else None,
        )
        for n in range(5000)
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def read(plan):
    """How many rows the plan takes from tables and indexes, and the indexes' names."""
    rows = (plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0)) * plan["Actual Loops"]
    parts = [read(part) for part in plan.get("Plans", [])]
    return (
        sum((one for one, _names in parts), 0 if parts else rows),
        {plan.get("Index Name"), *(name for _one, names in parts for name in names)},
    )


@pytest.mark.parametrize(("entity", "sort"), [(name, sort) for name, sorts in INDEXED.items() for sort in sorts])
def test_the_first_page_and_one_deep_inside_are_read_from_an_index(entity, sort, many):
    described = records.describe(entity)
    for asked in (sort, f"-{sort}"):
        listed = Listing(described, Asked(sort=asked))
        key, pk = listed._filled(False, None)[2000]
        for back, place in ((False, None), (False, (key, str(pk))), (True, (key, str(pk)))):
            told = listed._filled(back, place)[:51].explain(format="json", analyze=True)
            rows, names = read(json.loads(told)[0]["Plan"])
            assert INDEXED[entity][sort] in names and rows < 400, (asked, back, place, told)


def test_the_empty_ones_at_the_end_are_reached_by_key_too(many):
    for entity, sort in (("contact", "email"), ("contact", "-email"), ("contact", "company"), ("task", "-due_at")):
        described = records.describe(entity)
        forwards, backwards = walk(described, size=900, sort=sort)
        met = [pk for page in forwards for pk in page]
        assert len(met) == len(set(met)) == 5000 and [pk for page in backwards for pk in page] == met, sort


def test_the_few_that_point_to_a_record_are_found_once_and_not_walked_to_by_their_names(many):
    contact = Contact.objects.get(name="C 500")
    listed = Listing(records.describe("deal"), Asked(filters=(("contacts", str(contact.id)),)), size=5)
    assert [item.title for item in listed.page().items] == ["Deal 499", "Deal 500"]
    told = listed._filled(False, None).explain(format="json", analyze=True)
    rows, _names = read(json.loads(told)[0]["Plan"])
    assert rows < 20, told
