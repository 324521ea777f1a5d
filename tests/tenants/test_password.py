import re

import pytest
from django.core import mail

from tenants import throttle
from tenants.models import User


@pytest.fixture(autouse=True)
def _no_attempts_yet():
    throttle.reset()


def ask(browser, email):
    answer = browser.post("/password/", {"email": email})
    return re.search(r"/password/\S+/", mail.outbox[-1].body).group() if mail.outbox else answer


def test_a_forgotten_password_is_replaced_once(tenant, sign_in):
    inside, browser = sign_in(tenant.owner, tenant), sign_in(None)
    link = ask(browser, tenant.owner.email.upper())
    assert browser.post(link, {"password": "short"}).status_code == 422
    assert browser.post(link, {"password": "a long enough sentence"})["Location"] == "/sign-in/"
    assert User.objects.get(pk=tenant.owner.pk).check_password("a long enough sentence")
    assert browser.get(link).status_code == 404, "used up"
    assert inside.get("/").status_code == 302, "every session ends"


def test_nobody_learns_who_has_an_account(tenant, sign_in):
    browser = sign_in(None)
    known, unknown = (
        re.sub(r'(value|content)="\w{64}"', "", browser.post("/password/", {"email": email}).content.decode())
        for email in (tenant.owner.email, "nobody@nowhere.example")
    )
    assert known == unknown and len(mail.outbox) == 1


@pytest.mark.parametrize("link", ["/password/MQ/made-up/", "/password/x/y/", "/password/%E2%82%AC/y/"])
def test_a_made_up_link_opens_nothing(link, tenant, sign_in):
    assert sign_in(None).get(link).status_code == 404


def test_a_tenants_host_sends_one_to_the_public_host(tenant, sign_in):
    assert sign_in(None, tenant).get("/password/")["Location"].startswith("http://localhost")


def test_mails_are_not_sent_without_end(tenant, sign_in, settings):
    settings.SIGN_IN_ATTEMPTS = "1/15minute"
    browser = sign_in(None)
    browser.post("/password/", {"email": tenant.owner.email})
    assert browser.post("/password/", {"email": tenant.owner.email}).status_code == 422


def test_the_mail_is_in_the_language_of_whoever_reads_it(tenant, sign_in):
    User.objects.filter(pk=tenant.owner.pk).update(language="it")
    sign_in(None).post("/password/", {"email": tenant.owner.email}, headers={"Accept-Language": "fr"})
    assert mail.outbox[-1].subject == "Scegli una nuova password per Raccord"
    assert "funziona una sola volta" in mail.outbox[-1].body
