"""The doors: who gets in, where they land, and that a hand-off works once."""

import time

import pytest
from django.contrib.sessions.models import Session

from tenants import throttle
from tenants.models import HandOff, Membership, User
from tests.clients import HostClient

PASSWORD = "correct horse battery"  # noqa: S105


@pytest.fixture(autouse=True)
def _no_attempts_yet():
    throttle.reset()


@pytest.fixture
def person(tenant, member):
    user = member("member")
    user.set_password(PASSWORD)
    user.save()
    return user


def give(client, email, password=PASSWORD, **more):
    return client.post("/sign-in/", {"email": email, "password": password, **more})


def follow(sign_in, tenant, url):
    """The browser goes to the tenant's host; answers it with the response."""
    browser = sign_in(None, tenant)
    return browser, browser.get(url.partition(tenant.url)[2])


def test_one_organisation_is_entered_straight(person, tenant, sign_in):
    answer = give(sign_in(None), person.email)
    assert answer.status_code == 303 and answer["Location"].startswith(f"{tenant.url}/enter/?token=")
    browser, entered = follow(sign_in, tenant, answer["Location"])
    assert entered.status_code == 303 and entered["Location"] == "/"
    assert browser.get("/").status_code == 200


def test_a_hand_off_works_once(person, tenant, sign_in):
    url = give(sign_in(None), person.email)["Location"]
    follow(sign_in, tenant, url)
    browser, again = follow(sign_in, tenant, url)
    assert again["Location"] == "/sign-in/"
    assert browser.get("/")["Location"].startswith("/sign-in/")


@pytest.mark.parametrize(("seconds", "leads_to"), [(50, "/"), (61, "/sign-in/")])
def test_a_hand_off_works_for_a_minute(person, tenant, sign_in, monkeypatch, seconds, leads_to):
    url = give(sign_in(None), person.email)["Location"]
    now = time.time
    monkeypatch.setattr("time.time", lambda: now() + seconds)
    assert follow(sign_in, tenant, url)[1]["Location"] == leads_to


def test_a_hand_off_works_on_its_host_only(person, tenant, other_tenant, sign_in):
    Membership.objects.create(user=person, tenant=other_tenant)
    url = hand_off_url(sign_in, person, tenant)
    browser = sign_in(None, other_tenant)
    assert browser.get(url.partition(tenant.url)[2])["Location"] == "/sign-in/"


def test_a_hand_off_ends_with_the_membership(person, tenant, sign_in):
    url = hand_off_url(sign_in, person, tenant)
    person.memberships.all().delete()
    assert follow(sign_in, tenant, url)[1]["Location"] == "/sign-in/"


def hand_off_url(sign_in, person, tenant):
    return sign_in(person).get(f"/go/{tenant.slug}/")["Location"]


def test_a_made_up_token_opens_nothing(tenant, sign_in):
    assert sign_in(None, tenant).get("/enter/?token=made:up").headers["Location"] == "/sign-in/"


def test_several_organisations_are_chosen_from(person, tenant, other_tenant, sign_in):
    Membership.objects.create(user=person, tenant=other_tenant, role="viewer")
    browser = sign_in(None)
    assert give(browser, person.email)["Location"] == "/organisations/"
    page = browser.get("/organisations/").content.decode()
    assert "Acme Studio" in page and "Other Works" in page
    assert browser.get("/go/other/")["Location"].startswith("http://other.localhost")


def test_one_cannot_go_where_one_is_not_a_member(person, other_tenant, sign_in):
    assert sign_in(person).get("/go/other/").status_code == 404


def test_from_one_organisation_to_another_without_signing_in_again(person, tenant, other_tenant, sign_in):
    Membership.objects.create(user=person, tenant=other_tenant)
    url = sign_in(person, tenant).get("/go/other/")["Location"]
    assert follow(sign_in, other_tenant, url)[1].status_code == 303


def test_staff_go_to_the_admin(db, sign_in):
    User.objects.create_user("staff@raccord.example", PASSWORD, name="Sam", is_staff=True)
    assert give(sign_in(None), "staff@raccord.example")["Location"] == "/admin/"


def test_a_wrong_password_tells_nothing(person, tenant, other_tenant, sign_in, member):
    outsider = member("owner", tenant=other_tenant)
    outsider.set_password(PASSWORD)
    outsider.save()
    browser = sign_in(None, tenant)
    answers = [
        give(browser, person.email, "wrong"),
        give(browser, "nobody@nowhere.example"),
        give(browser, outsider.email),  # right password, but not of this organisation
    ]
    assert {answer.status_code for answer in answers} == {422}
    words = {next(e for e in answer.context["form"].non_field_errors()) for answer in answers}
    assert len(words) == 1


def test_sign_in_on_the_tenants_own_host(person, tenant, sign_in):
    browser = sign_in(None, tenant)
    answer = give(browser, person.email.upper(), next="/records/contact/?q=a&sort=name")
    assert answer["Location"] == "/records/contact/?q=a&sort=name"
    assert browser.get("/").status_code == 200


@pytest.mark.parametrize("path", ["https://evil.example/", "//evil.example/", "javascript:alert(1)", "/\\evil.example"])
def test_next_never_leads_away(path, person, tenant, sign_in):
    assert give(sign_in(None, tenant), person.email, next=path)["Location"] == "/"


def test_the_way_back_survives_its_query(tenant, sign_in):
    answer = sign_in(None, tenant).get("/records/contact/?q=a&sort=-name")
    assert answer["Location"] == "/sign-in/?next=/records/contact/%3Fq%3Da%26sort%3D-name"


def test_htmx_without_a_session_takes_the_whole_window(tenant, sign_in):
    headers = {"HX-Request": "true", "HX-Current-URL": f"{tenant.url}/records/deal/?q=x"}
    answer = sign_in(None, tenant).get("/records/deal/?q=xy", headers=headers)
    assert answer["HX-Redirect"] == "/sign-in/?next=/records/deal/%3Fq%3Dx"


def test_guessing_is_slowed_down_per_email(person, sign_in, settings):
    settings.SIGN_IN_ATTEMPTS = "3/15minute"
    for number in range(3):
        give(sign_in(None), person.email, f"wrong {number}")
    refused = give(sign_in(None), person.email)  # even the right password waits
    assert "15 minutes" in refused.context["form"].non_field_errors()[0]


def test_guessing_is_slowed_down_per_address(person, sign_in, settings):
    settings.SIGN_IN_ATTEMPTS = "3/15minute"
    browser = sign_in(None)
    for number in range(3):
        give(browser, f"guess{number}@people.example", "wrong")
    assert "Too many attempts" in give(browser, person.email).context["form"].non_field_errors()[0]


def test_success_forgets_the_attempts(person, tenant, sign_in, settings):
    settings.SIGN_IN_ATTEMPTS = "3/15minute"
    for _round in range(2):
        for _attempt in range(2):
            assert give(sign_in(None, tenant), person.email).status_code == 303


def test_signing_out_ends_every_session_of_that_sign_in(person, tenant, sign_in):
    public = sign_in(None)
    before = set(Session.objects.values_list("pk", flat=True))
    url = give(public, person.email)["Location"]
    there, _entered = follow(sign_in, tenant, url)
    assert set(Session.objects.values_list("pk", flat=True)) - before
    assert there.post("/sign-out/")["Location"] == "/sign-in/"
    assert there.get("/").status_code == 302
    assert public.get("/organisations/")["Location"] == "/sign-in/"
    assert set(Session.objects.values_list("pk", flat=True)) == before
    assert HandOff.objects.filter(user=person).exists()


def test_a_disabled_account_stays_out(person, tenant, sign_in):
    User.objects.filter(pk=person.pk).update(is_active=False)
    assert give(sign_in(None, tenant), person.email).status_code == 422


def test_a_form_that_was_open_too_long_says_so_and_not_that_a_role_is_missing(tenant):
    answer = HostClient(tenant, enforce_csrf_checks=True).post("/sign-in/", {"email": "a@b.example", "password": "x"})
    html = answer.content.decode()
    assert answer.status_code == 403 and "This page was open too long" in html and "not open to you" not in html
