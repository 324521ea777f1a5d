"""The whole story as a person lives it, in every language and size: sign up, connect, map, start, edit, settle, undo."""

from __future__ import annotations

import re

import pytest
from django.utils import translation
from django.utils.translation import gettext
from playwright.sync_api import Page, expect

from tests.browser import chromium
from tests.browser.conftest import PASSWORD

TOKEN = "ntn_sandbox_demo"
SIZES = {"desktop": chromium.DESKTOP, "phone": chromium.PHONE}
#: Each language, each size, each scheme. Every page in the light on a phone is looked at in test_pages.
EVERYWHERE = [
    ("en", "desktop", "light"),
    ("fr", "phone", "dark"),
    ("it", "desktop", "dark"),
]
#: Words that are the same in more than one language.
SAME = {"Contacts"}


@pytest.fixture
def founded(site, django_db_blocker):
    """The organisation that the story founds; it goes away with its founder."""
    from django.db import connection

    from tenants import lifecycle
    from tenants.models import Tenant

    yield "sea-and-sail"
    connection.set_schema_to_public()
    made = Tenant.objects.filter(slug="sea-and-sail").first()
    if made:
        lifecycle.delete_tenant(made)


@pytest.mark.parametrize(("language", "size", "scheme"), EVERYWHERE)
def test_from_sign_up_to_a_run_undone(language, size, scheme, site, founded, notion, open_page, make_plan, sync):
    person = Person(open_page(locale=language, viewport=SIZES[size], color_scheme=scheme), language)
    page = person.page
    person.signs_up(site, "Sea & Sail", founded)
    assert page.locator("html").get_attribute("lang") == language
    home = page.url

    page.locator("main a[href='/connections/new/']").first.click()
    page.locator("main a[href*='/connections/new/notion/']").first.click()
    person.connects()
    person.pairs("Contacts", "Contacts")

    # leave in the middle, come back by the list: the step is where it was left
    page.goto(f"{home}connections/")
    page.locator("main a[href*='/connections/']", has_text="Notion").first.click()
    expect(page.locator(".steps .current")).to_contain_text(person.word("Map"))
    page.get_by_role("link", name=person.word("Go on to the fields")).click()

    person.changes_a_mapping()
    page.locator(".sticky-bar .button.primary").click()
    page.locator("[name$=direction]").first.select_option("both")
    page.locator("[name$=policy]").first.select_option("ask")
    page.get_by_role("button", name=person.word("Save and check")).click()
    expect(page.locator("h1")).to_contain_text(person.word("Working out what would happen"))
    integration = only_integration(founded)
    make_plan(integration)
    expect(page.locator("#plan-lines summary").first).to_be_visible(timeout=20_000)  # it looks by itself
    page.locator("#plan-lines summary").first.click()
    expect(page.locator("#plan-lines .diff").first).to_be_visible()
    page.get_by_role("button", name=person.word("Start the sync")).click()
    expect(page.locator("#live")).to_be_visible()

    in_step = person.word("In step")
    assert sync(integration) == "done"
    expect(page.locator("#live")).to_contain_text(in_step, timeout=15_000)
    page.goto(f"{home}records/contact/")
    expect(page.locator("#record-summary")).to_contain_text("12")

    # one edit on each side, and one field changed on both
    person.edits_here("Phone", "+33 1 23 45 67 89", row=0)
    name = page.locator("h1").inner_text()
    clashing = next(one for one in notion.rows("Contacts") if one["title"] == name)
    notion.edit_row(clashing["id"], Phone="+33 9 87 65 43 21")
    renamed = person.edits_there(notion, but=name)
    person.asks_for_a_sync(home, integration)
    assert sync(integration) == "done"
    page.goto(f"{home}records/contact/?q=Renamed")
    expect(page.locator("main .table")).to_contain_text("Renamed There")
    assert notion.row(clashing["id"])["values"]["Phone"] == "+33 9 87 65 43 21"  # it waits for a person

    person.keeps_what_is_here(home)
    person.asks_for_a_sync(home, integration)
    assert sync(integration) == "done"
    assert notion.row(clashing["id"])["values"]["Phone"] == "+33 1 23 45 67 89"

    # the run that brought the new name is taken back: it is as it was on both sides
    person.undoes_the_run_that_touched(home, integration, "Renamed There")
    assert sync(integration) == "done"
    assert notion.row(renamed["id"])["values"]["Name"] == renamed["title"]
    page.goto(f"{home}records/contact/?q=Renamed")
    expect(page.locator("main .empty")).to_be_visible()
    assert not chromium.overflow(page)


class Person:
    """Somebody who reads one language; the words are looked up in its catalogue, so that the story is the same in each."""

    def __init__(self, page: Page, language: str) -> None:
        self.page, self.language = page, language

    def word(self, text: str, **values: object) -> str:
        with translation.override(self.language):
            found = gettext(text)
        assert self.language == "en" or found != text or text in SAME, f"{text} is not translated"
        return found % values if values else found

    def signs_up(self, site, name: str, slug: str) -> None:
        page = self.page
        page.goto(f"{site.public}/")
        page.locator("a[href$='/sign-up/']").first.click()
        page.locator("[name=organisation]").fill(name)
        expect(page.locator("[name=slug]")).to_have_value("sea-sail")  # it follows the name
        page.locator("[name=slug]").fill(slug)
        page.locator("[name=name]").fill("Marie Tharp")
        page.locator("[name=email]").fill("marie@sail.example")
        page.locator("[name=password]").fill(PASSWORD)
        page.locator("main form button.primary").click()
        page.wait_for_url(re.compile(rf"//{slug}\.localhost:\d+/$"))

    def connects(self) -> None:
        page, token = self.page, self.page.locator("main form input[type=password]")
        token.fill("ntn_wrong")
        page.locator("main form button.primary").click()
        expect(page.locator(".field-error, .errors").first).to_be_visible()
        token.fill(TOKEN)
        page.locator("main form button.primary").click()
        expect(page.locator(".toast")).to_contain_text("Acme Studio")

    def pairs(self, table: str, entity: str) -> None:
        kind = self.page.get_by_label(self.word("Kind of record for %(table)s", table=table))
        kind.select_option(label=self.word(entity))
        self.page.locator("#tables li").filter(has=kind).get_by_role("button").click()
        expect(self.page.get_by_role("link", name=self.word("Go on to the fields"))).to_be_visible()

    def changes_a_mapping(self) -> None:
        """Unpair the phone, watch it leave the preview, pair it again by its own list."""
        page, head = self.page, self.page.locator("#preview thead")
        expect(head).to_contain_text("Phone")
        expect(page.locator("#preview tbody tr")).to_have_count(10)
        phone = page.locator("#mapper").get_by_label(self.word("Field here for %(there)s", there="Phone"))
        phone.select_option("")
        expect(head).not_to_contain_text("Phone")
        page.locator("#unmapped summary").click()
        phone.select_option("phone")
        expect(head).to_contain_text("Phone")

    def edits_here(self, field: str, value: str, row: int) -> None:
        page = self.page
        page.locator("main .table .title a").nth(row).click()
        page.get_by_role("link", name=self.word("Edit"), exact=True).click()
        page.get_by_label(self.word(field)).fill(value)
        page.locator("main form button.primary").first.click()
        expect(page.locator("main")).to_contain_text(value)

    def edits_there(self, notion, but: str) -> dict:
        """In the hand-edit page, on a row that nobody has touched here. Answers it as it was."""
        page = self.page
        row = next(one for one in notion.rows("Contacts") if one["title"] != but)
        page.goto(notion.pages)
        page.get_by_role("link", name="Contacts").click()
        page.locator(f"tbody a[href*='{row['id']}']").first.click()
        page.get_by_label("Name", exact=True).fill("Renamed There")
        page.get_by_role("button", name="Save").click()
        expect(page.get_by_role("status")).to_contain_text("Saved.")
        return row

    def asks_for_a_sync(self, home: str, integration) -> None:
        page = self.page
        page.goto(f"{home}connections/{integration.pk}/")
        with page.expect_response(lambda answer: answer.url.endswith("/sync/")):
            page.get_by_role("button", name=self.word("Sync now")).click()
        expect(page.locator("#live")).not_to_contain_text(self.word("In step"))

    def keeps_what_is_here(self, home: str) -> None:
        page = self.page
        page.goto(f"{home}inbox/")
        with page.expect_navigation():
            page.locator("#conflicts button.clash-value.here").first.click()
        page.goto(f"{home}inbox/")
        expect(page.locator("#conflicts button.clash-value")).to_have_count(0)

    def undoes_the_run_that_touched(self, home: str, integration, title: str) -> None:
        page = self.page
        page.goto(f"{home}records/contact/?q=Renamed")
        page.locator("main .table .title a").first.click()
        page.goto(f"{home}activity/")
        page.locator("main a[href*='/runs/']").nth(1).click()  # the last one only sent what was settled
        expect(page.locator("#lines")).to_contain_text(title)
        page.locator("a[href*='/undo/']").first.click()
        with page.expect_navigation():
            page.locator("form.undo button.primary").click()


def only_integration(slug: str):
    from django_tenants.utils import schema_context

    from integrations.models import IntegrationInstance
    from tenants.models import Tenant

    schema = Tenant.objects.get(slug=slug).schema_name
    with schema_context(schema):
        found = IntegrationInstance.objects.get()
    found.schema = schema
    return found
