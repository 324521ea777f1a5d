"""Every page of a tenant in every state: it answers, fits, is accessible, and nothing complains in the console."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect

from tests.browser import chromium

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
CONNECTION = re.compile(r"^/connections/[0-9a-f-]{36}/(setup/\w+/)?$")
PUBLIC = ("/", "/sign-up/", "/sign-in/", "/password/", chromium.NOWHERE)
EMPTY = ("/", "/connections/", "/inbox/", "/activity/", "/records/contact/")
AT_MOST = 80
#: Colours change without a transition, so that axe sees the new ones.
AT_ONCE = """() => {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync("*, ::before, ::after { transition-property: none !important }");
    document.adoptedStyleSheets = [sheet];
}"""


@pytest.fixture
def world(live_tenant, notion, make_plan, sync):
    """Connections in all states, a conflict that waits, a value set aside, a plan that waits, a draft."""
    from crm import records
    from crm.feed import Actor
    from crm.models import Contact
    from integrations.models import Conflict, IntegrationInstance, RecordLink, SetAside
    from integrations.scheduling import due
    from integrations.services import lifecycle, plans
    from tests.integrations.sync.test_two_way import connected

    notion.reset()
    notion.seed("crm", contacts=14, companies=4, deals=3, tasks=14)

    def made(table, entity, start=True, **choices):
        integration = connected(live_tenant, (table, entity), **choices)
        integration.schema = live_tenant.schema_name
        if start:
            lifecycle.activate(integration)
            assert sync(integration) == "done"
        return integration

    def again(integration):
        due.ask(integration.pk)
        return sync(integration)

    people = made("Contacts", "contact", policy="ask")
    first, second = Contact.objects.order_by("name")[:2]
    by = Actor("user", "1", "Ada")
    records.update("contact", first.pk, {"phone": "+33 1 00 00 00 00"}, by)
    notion.edit_row(RecordLink.objects.get(record_id=first.pk).remote_id, Phone="+33 2 00 00 00 00")
    records.update("contact", second.pk, {"tags": ["with, comma"]}, by)
    again(people)
    plans.ask(people, "Ada")
    make_plan(people)
    lifecycle.pause(made("Companies", "company", direction="import"))
    tasks = made("Tasks", "task")
    for row in notion.rows("Tasks")[:13]:
        notion.trash_row(row["id"])
    tasks.streams.update(swept_at=None)
    again(tasks)
    deals = made("Deals", "deal", token="ntn_sandbox_readonly", direction="import")
    notion.revoke_token("ntn_sandbox_readonly")
    again(deals)
    made("Contacts", "contact", start=False)
    states = {one.status_code or one.status for one in IntegrationInstance.objects.all()}
    assert states == {"active", "paused", "brake", "authentication_failed", "draft"}
    assert Conflict.objects.filter(state="open").exists() and SetAside.objects.exists()
    return live_tenant


def test_every_page_answers_fits_and_is_accessible(world, site, signed_in):
    seen = crawl(signed_in(), site.home, looked_at)
    assert len(seen) > 25, sorted(seen)
    assert not faults(seen)


@pytest.mark.parametrize(("language", "home"), [("fr", "Accueil"), ("it", "Inizio")])
def test_every_page_fits_a_phone_in(language, home, world, site, signed_in):
    page = signed_in(viewport=chromium.PHONE, locale=language)
    assert not faults(crawl(page, site.home, fits))
    assert page.locator("html").get_attribute("lang") == language
    assert page.locator(".bottombar").get_by_role("link", name=home).count() == 1


def test_a_new_tenant_says_what_will_be_where(site, signed_in):
    page = signed_in()
    assert not faults(crawl(page, site.home, fits))
    for path in EMPTY:
        page.goto(site.home + path)
        assert page.locator("main .empty").count(), path
        assert not chromium.axe(page)


def test_the_public_pages_fit_and_are_accessible(site, open_page):
    page = open_page()
    for path in PUBLIC:
        page.goto(site.public + path)
        assert not looked_at(page)


def looked_at(page: Page) -> list[str]:
    """Light on a desktop, then dark on a phone."""
    page.evaluate(AT_ONCE)
    found = fits(page) + chromium.axe(page)
    page.emulate_media(color_scheme="dark")
    page.set_viewport_size(chromium.PHONE)
    page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    found += fits(page) + chromium.axe(page, "color-contrast", "scrollable-region-focusable")
    page.emulate_media(color_scheme="light")
    page.set_viewport_size(chromium.DESKTOP)
    return found


def fits(page: Page) -> list[str]:
    return [f"too wide: {name}" for name in chromium.overflow(page)]


def faults(seen: dict[str, list[str]]) -> str:
    return "\n".join(f"{path}: {fault}" for path, found in seen.items() for fault in found)


def crawl(page: Page, home: str, look) -> dict[str, list[str]]:
    """Follow every link of the tenant's host, one per kind of page (each connection is of a kind of its own)."""
    host = urlsplit(home).netloc
    todo, kinds, seen = ["/"], {"/"}, {}
    while todo and len(seen) < AT_MOST:
        path = todo.pop(0)
        answer = page.goto(home + path)
        drawn_later = page.locator("[hx-trigger=load] .skeleton, .htmx-request")
        expect(drawn_later).to_have_count(0)
        bad = [f"status {answer.status}"] if answer and answer.status >= 400 else []
        seen[path] = bad + look(page)
        for href in page.eval_on_selector_all("a[href]", "links => links.map(link => link.href)"):
            parts = urlsplit(href)
            if parts.netloc != host or parts.path.startswith(("/go/", "/api/")):
                continue
            kind = parts.path if CONNECTION.match(parts.path) else UUID.sub("*", parts.path)
            if kind not in kinds:
                kinds.add(kind)
                todo.append(parts.path)
    return seen
