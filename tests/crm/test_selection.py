"""What was chosen in a list, and the doors that other apps put there."""

import pytest
from django.http import QueryDict

from crm import records
from crm.models import Contact
from crm.selection import Selection


@pytest.fixture
def contacts(tenant):
    return Contact.objects.bulk_create(Contact(name=f"C{i}", status="Lead" if i % 2 else "") for i in range(7))


def of(query):
    return Selection.of(records.describe("contact"), QueryDict(query))


def test_chosen_by_id_or_all_that_match(contacts):
    some = of(f"ids={contacts[0].pk}&ids={contacts[0].pk}&ids=nonsense&match=")
    assert some.count == 1 and some.hidden() == [("ids", str(contacts[0].pk))]
    every = of(f"all=1&match=status%3DLead%26sort%3D-name%26columns%3Dname&ids={contacts[0].pk}")
    assert every.count == 3 and every.hidden() == [("all", "1"), ("match", "status=Lead&sort=-name&columns=name")]
    assert of("status=Lead").count == 3, "the address of a list"


def test_nothing_chosen_is_nothing_and_not_everything(contacts):
    assert of("ids=nonsense").count == 0 and of("match=status%3DLead").count == 0 and of("all=&match=").count == 0


def test_a_walk_meets_each_once(contacts):
    met = [pk for part in of("all=1&match=").walk(size=3) for pk in part]
    assert sorted(met) == sorted(str(c.pk) for c in contacts) and len(met) == 7


def test_doors_are_shown_to_those_who_may(contacts, tenant, tenant_client, member, sign_in):
    page = tenant_client.get("/records/contact/?status=Lead").content.decode()
    assert 'href="/records/contact/import/?status=Lead"' in page and 'formaction="/records/contact/export/"' in page
    seen = sign_in(member("viewer"), tenant).get("/records/contact/").content.decode()
    assert "/records/contact/import/" not in seen and 'formaction="/records/contact/export/"' in seen


def test_an_empty_list_is_not_exported(tenant, tenant_client):
    def doors(address):
        page = tenant_client.get(address).content.decode()
        return "/records/contact/import/" in page, "/records/contact/export/" in page

    assert doors("/records/contact/") == (True, False)
    Contact.objects.create(name="Ada")
    assert doors("/records/contact/") == (True, True)
    assert doors("/records/contact/?q=zzz") == (True, True), "what is searched next may be found"
