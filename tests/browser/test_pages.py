"""Every page of a tenant in every state: it answers, fits, is accessible, and nothing complains in the console."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser import chromium
from tests.browser.looking import Looking, crawl, faults, fits, looked_at, told

PUBLIC = ("/", "/sign-up/", "/sign-in/", "/password/", chromium.NOWHERE)
#: Refused forms: the page, what is filled in, and whether one signs up to it.
REFUSED = {
    "/sign-up/": {"organisation": "Sea", "slug": "www", "name": "", "email": "nobody", "password": "short"},
    "/sign-in/": {"email": "nobody@sea.example", "password": "wrong"},
    "/password/": {"email": "nobody"},
}
EMPTY = ("/", "/connections/", "/inbox/", "/activity/", "/notifications/", "/records/contact/", "/practice/")
LANGUAGES = {"fr": "Accueil", "it": "Inizio"}


def test_every_page_and_all_that_opens_on_it(world, site, signed_in):
    page = signed_in()
    seen = crawl(page, site.home, Looking(page).whole, world.also)
    assert len(seen) > 50, sorted(seen)
    assert any(path.startswith("/practice/") for path in seen)
    wrong = [faults(seen)]
    for language, home in LANGUAGES.items():
        phone = signed_in(viewport=chromium.PHONE, locale=language)
        for path in seen:
            phone.goto(site.home + path, wait_until="domcontentloaded")
            wrong += [f"{path} in {language}: {fault}" for fault in fits(phone)]
        expect(phone.locator("html")).to_have_attribute("lang", language)
        expect(phone.locator(".bottombar").get_by_role("link", name=home)).to_have_count(1)
    assert not "\n".join(filter(None, wrong))


def test_a_new_tenant_says_what_will_be_where(site, signed_in):
    page = signed_in()
    for path in EMPTY:
        page.goto(site.home + path)
        assert page.locator("main .empty, main .first-steps").count(), path
        assert not looked_at(page) + told(page)


def test_the_public_pages_and_their_refused_forms(site, open_page):
    page = open_page()
    for path in PUBLIC:
        page.goto(site.public + path)
        assert not looked_at(page) + told(page)
        if path in REFUSED:
            for name, value in REFUSED[path].items():
                page.locator(f"[name={name}]").fill(value)
            page.locator("main form button.primary").click()
            expect(page.locator("main .errors")).to_be_focused()
            assert not looked_at(page) + told(page)
