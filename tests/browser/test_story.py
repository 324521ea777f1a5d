"""The main job as a person does it: sign up, connect, map, start, edit on both sides."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import PASSWORD

TOKEN = "ntn_sandbox_demo"


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


def test_both_sides_meet_from_sign_up_on(site, founded, notion, open_page, make_plan, sync):
    page = open_page()
    sign_up(page, site, "Sea & Sail", founded)
    home = page.url
    expect(page.get_by_role("heading", level=1)).to_contain_text("No tool is connected")

    page.locator("main").get_by_role("link", name="Connect a tool").first.click()
    page.locator("main").get_by_role("link", name="Notion").click()
    connect(page)
    pair(page, "Contacts", "Contacts")

    # leave in the middle, come back by the list: the step is where it was left
    page.goto(f"{home}connections/")
    page.locator("main").get_by_role("link", name="Notion").first.click()
    expect(page.locator(".steps .current")).to_contain_text("Map")
    page.get_by_role("link", name="Go on to the fields").click()

    change_a_mapping(page)
    page.get_by_role("button", name=re.compile("^Save and go on")).click()
    page.get_by_label("Direction").select_option(label="Both ways")
    page.get_by_role("button", name="Save and check").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(re.compile("Working out what would happen"))
    integration = only_integration(founded)
    make_plan(integration)
    expect(page.locator("#plan")).to_contain_text("12 records read in Notion", timeout=20_000)  # it looks by itself
    page.locator("#plan-lines summary").first.click()
    expect(page.locator("#plan-lines .diff").first).to_be_visible()
    page.get_by_role("button", name="Start the sync").click()
    expect(page.locator("#live")).to_be_visible()

    assert sync(integration) == "done"
    expect(page.locator("#live")).to_contain_text("In step", timeout=15_000)
    expect(page.locator("#live time")).to_have_text(re.compile(r"^in \d+ minutes$"))  # drawn anew, and told as before
    page.goto(f"{home}records/contact/")
    expect(page.locator("#record-summary")).to_contain_text("12")

    edit_here(page)
    row = edit_there(page, notion)
    page.goto(f"{home}connections/{integration.pk}/")
    page.get_by_role("button", name="Sync now").click()
    expect(page.locator("#live")).not_to_contain_text("In step", timeout=10_000)
    assert sync(integration) == "done"

    assert {one["values"]["Phone"] for one in notion.rows("Contacts")} >= {"+33 1 23 45 67 89"}
    page.goto(f"{home}records/contact/?q=Renamed")
    expect(page.locator("main .table")).to_contain_text("Renamed There")
    assert notion.row(row)["values"]["Name"] == "Renamed There"


def sign_up(page: Page, site, name: str, slug: str) -> None:
    page.goto(f"{site.public}/")
    page.locator("header").get_by_role("link", name="Sign up").click()
    page.get_by_label("Organisation").fill(name)
    expect(page.get_by_label("Address")).to_have_value("sea-sail")  # it follows the name
    page.get_by_label("Address").fill(slug)
    page.get_by_label("Your name").fill("Marie Tharp")
    page.get_by_label("E-mail").fill("marie@sail.example")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Create the organisation").click()
    page.wait_for_url(re.compile(rf"//{slug}\.localhost:\d+/$"))


def connect(page: Page) -> None:
    page.get_by_label("Connection token").fill("ntn_wrong")
    page.get_by_role("button", name="Connect Notion").click()
    expect(page.locator(".field-error, .errors").first).to_be_visible()
    page.get_by_label("Connection token").fill(TOKEN)
    page.get_by_role("button", name="Connect Notion").click()
    expect(page.locator(".toast")).to_contain_text("Acme Studio")


def pair(page: Page, table: str, entity: str) -> None:
    kind = page.get_by_label(f"Kind of record for {table}")
    kind.select_option(label=entity)
    page.locator("#tables li").filter(has=kind).get_by_role("button", name="Pair").click()
    expect(page.get_by_text("1 table paired")).to_be_visible()


def change_a_mapping(page: Page) -> None:
    """Unpair the phone, watch it leave the preview, pair it again by its own list."""
    head = page.locator("#preview thead")
    expect(head).to_contain_text("Phone")
    expect(page.locator("#preview tbody tr")).to_have_count(10)
    phone = page.locator("#mapper").get_by_label("Field here for Phone")
    phone.select_option("")
    expect(head).not_to_contain_text("Phone")
    page.locator("#unmapped summary").click()
    phone.select_option("phone")
    expect(head).to_contain_text("Phone")


def edit_here(page: Page) -> None:
    page.locator("main .table .title a").first.click()
    page.get_by_role("link", name="Edit").click()
    page.get_by_label("Phone").fill("+33 1 23 45 67 89")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("main")).to_contain_text("+33 1 23 45 67 89")


def edit_there(page: Page, notion) -> str:
    """In the hand-edit page, on a row that nobody has touched here. Answers its id."""
    page.goto(notion.pages)
    page.get_by_role("link", name="Contacts").click()
    page.locator("tbody a").last.click()
    page.get_by_label("Name", exact=True).fill("Renamed There")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("status")).to_contain_text("Saved.")
    return page.url.partition("?")[0].rpartition("/")[2]


def only_integration(slug: str):
    from django_tenants.utils import schema_context

    from integrations.models import IntegrationInstance
    from tenants.models import Tenant

    schema = Tenant.objects.get(slug=slug).schema_name
    with schema_context(schema):
        found = IntegrationInstance.objects.get()
    found.schema = schema
    return found
