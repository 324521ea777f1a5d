"""Without a mouse, and without JavaScript."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import PASSWORD, sign_in
from tests.browser.test_story import TOKEN


@pytest.fixture
def contact(live_tenant):
    from crm.models import Contact

    return Contact.objects.create(name="Rosalind Franklin", phone="+44 1")


@pytest.fixture
def drafted(live_tenant, notion):
    """A connection whose table is paired and not yet mapped by a person."""
    from tests.integrations.sync.test_two_way import connected

    integration = connected(live_tenant, ("Contacts", "contact"))
    return f"/connections/{integration.pk}/tables/{integration.streams.get().pk}/"


def tab_to(page: Page, selector: str, at_most: int = 80) -> None:
    for _step in range(at_most):
        page.keyboard.press("Tab")
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
            assert outline != "none", f"the focus cannot be seen on {selector}"
            return
    raise AssertionError(f"{selector} is not reached with Tab")


def test_a_mapping_is_made_with_the_keyboard_alone(site, signed_in, drafted):
    page = signed_in()
    page.goto(site.home + drafted)
    head = page.locator("#preview thead")
    expect(head).to_contain_text("Phone")
    row = page.locator(".mapping-row", has=page.get_by_label("Field here for Phone"))
    before = row.locator("[name=direction]").input_value()

    tab_to(page, f"[id='{row.locator('.mapping-turn').get_attribute('id')}']")
    page.keyboard.press("Enter")
    expect(row.locator("[name=direction]")).not_to_have_value(before)
    expect(row.locator(".mapping-turn")).to_be_focused()  # after the swap, where it was

    tab_to(page, "[aria-label='Stop keeping Phone in step']")
    page.keyboard.press("Enter")
    expect(head).not_to_contain_text("Phone")
    tab_to(page, "#unmapped summary")
    page.keyboard.press("Enter")
    tab_to(page, f"[id='{page.get_by_label('Field here for Phone').get_attribute('id')}']")
    page.keyboard.type("Phone")
    expect(head).to_contain_text("Phone")
    tab_to(page, ".sticky-bar .button.primary")
    page.keyboard.press("Enter")
    page.wait_for_url("**/setup/settings/")


def test_menus_and_dialogs_close_with_escape_and_give_the_focus_back(site, signed_in, contact):
    page = signed_in()
    page.goto(f"{site.home}/records/contact/")
    page.keyboard.press("/")
    expect(page.locator("[data-search]")).to_be_focused()
    page.locator("h1").click()
    page.keyboard.press("?")
    expect(page.locator("#shortcuts")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#shortcuts")).to_be_hidden()
    page.locator(".sidebar .menu.up summary").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Escape")
    expect(page.locator(".sidebar .menu.up summary")).to_be_focused()


def test_the_basic_paths_work_without_javascript(site, live_tenant, notion, open_page, contact, make_plan, sync):
    from integrations.models import IntegrationInstance

    live_tenant.owner.set_password(PASSWORD)
    live_tenant.owner.save()
    page = open_page(java_script_enabled=False)
    sign_in(page, site.home, live_tenant.owner.email, PASSWORD)

    page.goto(f"{site.home}/records/contact/?q=Rosalind")
    page.get_by_role("link", name="Rosalind Franklin").click()
    page.get_by_role("link", name="Edit").click()
    page.get_by_label("Phone").fill("+44 2")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("main")).to_contain_text("+44 2")

    page.goto(f"{site.home}/connections/new/notion/")
    page.get_by_label("Connection token").fill(TOKEN)
    page.get_by_role("button", name="Connect Notion").click()
    page.get_by_role("link", name="List the tables of Notion").click()
    kind = page.get_by_label("Kind of record for Contacts")
    kind.select_option(label="Contacts")
    page.locator("#tables li").filter(has=kind).get_by_role("button", name="Pair").click()
    page.get_by_role("link", name="Go on to the fields").click()
    page.get_by_role("button", name="Stop keeping Phone in step").click()
    expect(page.locator("#preview thead")).not_to_contain_text("Phone")
    page.get_by_role("button", name="Save and go on to the rules").click()
    page.get_by_role("button", name="Save and check").click()
    expect(page.locator("h1")).to_contain_text("Working out what would happen")
    integration = IntegrationInstance.objects.get()
    integration.schema = live_tenant.schema_name
    make_plan(integration)
    page.get_by_role("link", name="Look again").click()
    expect(page.locator("#plan")).to_contain_text("12 records read in Notion")
    page.get_by_role("button", name="Start the sync").click()
    expect(page.locator("main")).to_contain_text("Notion")
    assert sync(integration) == "done"
    page.reload()
    expect(page.locator("#live")).to_contain_text("In step")
    assert "Rosalind Franklin" in {row["title"] for row in notion.rows("Contacts")}
