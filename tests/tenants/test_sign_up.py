"""A new organisation: schema, host name, owner, and a way in."""

import threading

import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from django_tenants.utils import tenant_context

from crm.models import Person
from tenants import lifecycle, team, throttle
from tenants.models import Membership, Tenant, User

ASKED = {
    "organisation": "Nord & Sud",
    "slug": "nord-sud",
    "name": "Nadia Rossi",
    "email": "nadia@nord.example",
    "password": "a long enough sentence",
}


@pytest.fixture(autouse=True)
def _no_attempts_yet():
    throttle.reset()


def test_sign_up_ends_inside(tenant, sign_in):
    answer = sign_in(None).post("/sign-up/", ASKED)
    made = Tenant.objects.get(slug="nord-sud")
    assert answer.status_code == 303 and answer["Location"].startswith(f"{made.url}/enter/?token=")
    browser = sign_in(None, made)
    browser.get(answer["Location"].partition(made.url)[2])
    assert browser.get("/").status_code == 200 and browser.get("/records/contact/").status_code == 200
    assert Membership.objects.get(tenant=made).role == "owner"
    with tenant_context(made):
        owner = Person.objects.get()
        assert (owner.email, owner.name) == ("nadia@nord.example", "Nadia Rossi")
        assert owner.user_id == User.objects.get(email=owner.email).pk


@pytest.mark.parametrize("slug", ["acme", "admin", "No", "a b", "-x-", "x" * 41, "été"])
def test_a_bad_or_taken_address_is_refused_by_the_field(slug, tenant, sign_in):
    answer = sign_in(None).post("/sign-up/", ASKED | {"slug": slug})
    assert answer.status_code == 422 and answer.context["form"].errors["slug"]
    assert not User.objects.filter(email=ASKED["email"]).exists()


def test_a_weak_password_makes_nothing(tenant, sign_in):
    answer = sign_in(None).post("/sign-up/", ASKED | {"password": "password"})
    assert answer.status_code == 422 and answer.context["form"].errors["password"]
    assert not Tenant.objects.filter(slug="nord-sud").exists()


def test_a_known_person_gives_their_password(tenant, sign_in):
    User.objects.create_user(ASKED["email"], "the old password", name="Nadia")
    refused = sign_in(None).post("/sign-up/", ASKED)
    assert refused.status_code == 422 and refused.context["form"].errors["password"]
    assert sign_in(None).post("/sign-up/", ASKED | {"password": "the old password"}).status_code == 303
    assert User.objects.filter(email=ASKED["email"]).count() == 1


def test_who_is_signed_in_is_asked_for_less(tenant, sign_in):
    browser = sign_in(tenant.owner)
    assert list(browser.get("/sign-up/").context["form"].fields) == ["organisation", "slug"]
    assert browser.post("/sign-up/", {"organisation": "Second", "slug": "second"}).status_code == 303
    assert tenant.owner.memberships.count() == 2


def test_of_two_who_want_one_address_one_gets_it(live_tenant):
    answers, start = [], threading.Barrier(2)

    def ask() -> None:
        try:
            start.wait()
            team.found("Race", "race-track", live_tenant.owner)
            answers.append("made")
        except ValidationError as error:
            answers.append(list(error.message_dict))
        finally:
            connection.close()

    threads = [threading.Thread(target=ask) for _n in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lifecycle.delete_tenant(Tenant.objects.get(slug="race-track"))
    assert sorted(answers, key=str) == [["slug"], "made"] or sorted(answers, key=str) == ["made", ["slug"]]


def test_founding_is_slowed_down_and_leaves_no_half_account(tenant, sign_in, settings):
    settings.SIGN_IN_ATTEMPTS = "1/15minute"
    sign_in(None).post("/sign-up/", ASKED)
    refused = sign_in(None).post("/sign-up/", ASKED | {"slug": "again", "email": "again@nord.example"})
    assert "Too many" in refused.context["form"].non_field_errors()[0]
    assert not User.objects.filter(email="again@nord.example").exists()
