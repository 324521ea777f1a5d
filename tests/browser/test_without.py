"""Without JavaScript. Without a mouse: test_keyboard."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import PASSWORD, sign_in
from tests.browser.test_story import TOKEN


@pytest.fixture
def contact(live_tenant):
    from crm.models import Contact

    return Contact.objects.create(name="Rosalind Franklin", phone="+44 1")


def test_the_basic_paths_work_without_javascript(site, live_tenant, notion, open_page, contact, make_plan, sync):
    from integrations.models import IntegrationInstance

    live_tenant.owner.set_password(PASSWORD)
    live_tenant.owner.save()
    page = open_page(java_script_enabled=False)
    sign_in(page, site.home, live_tenant.owner.email, PASSWORD)

    page.goto(f"{site.home}/records/contact/?q=Rosalind")
    page.get_by_role("link", name="Rosalind Franklin").click()
    page.get_by_role("link", name="Edit", exact=True).click()
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
    expect(page.locator("#live")).to_be_visible()
    assert sync(integration) == "done"
    page.reload()
    expect(page.locator("#live")).to_contain_text("In step")
    assert "Rosalind Franklin" in {row["title"] for row in notion.rows("Contacts")}
