"""The practice tool, as somebody tries Raccord with it: two tabs, a fault that is switched on, its problem and what mends it."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

NUMBER = "+33 6 12 34 56 78"
REFUSED = "06 12 34 56 78"
SWITCH = "Accept international phone numbers only"


def test_it_is_connected_edited_broken_and_mended(practice, site, signed_in, live_tenant, make_plan, sync):
    from crm.models import Contact
    from integrations.models import IntegrationInstance, SetAside
    from practice.models import Row

    page = signed_in()
    page.goto(f"{site.home}/connections/new/")
    page.get_by_role("link", name=re.compile("^Practice")).click()
    page.get_by_role("button", name="Start practising").click()
    kind = page.get_by_label("Kind of record for People")
    expect(kind).to_have_value("contact")  # it is suggested
    page.locator("#tables li").filter(has=kind).get_by_role("button", name="Pair").click()
    page.get_by_role("link", name="Go on to the fields").click()
    page.get_by_role("button", name="Save and go on to the rules").click()
    page.get_by_role("button", name="Save and check").click()
    integration = IntegrationInstance.objects.get()
    integration.schema = live_tenant.schema_name
    make_plan(integration)
    page.get_by_role("button", name="Start the sync").click()
    expect(page.locator("#live")).to_be_visible()
    assert sync(integration) == "done"
    expect(page.locator("#live")).to_contain_text("In step")
    assert Contact.objects.count() == 12

    def there(name: str) -> dict:
        return Row.objects.get(table__slug="people", values__name=name).values

    # another tab: a cell is changed there as a colleague would, and the record here follows
    with page.expect_popup() as opened:
        page.get_by_role("link", name="Open Practice").click()
    table = opened.value
    cell = table.get_by_role("row", name=re.compile("Femke Nolan")).get_by_role("link", name=re.compile("^Phone"))
    cell.click()
    table.get_by_role("textbox", name="Phone").fill(NUMBER)
    table.keyboard.press("Enter")
    expect(cell).to_have_text(NUMBER)
    expect(cell).to_be_focused()
    expect(table.get_by_role("status").filter(has_text="You changed Femke Nolan")).to_be_visible()
    assert there("Femke Nolan")["phone"] == NUMBER
    asks_for_a_sync(table)
    assert sync(integration) == "done"
    expect(table.get_by_role("status").filter(has_text="It has arrived")).to_be_visible()
    page.goto(f"{site.home}/records/contact/?q=Femke")
    expect(page.get_by_role("row", name=re.compile("Femke Nolan"))).to_contain_text(NUMBER)
    assert Contact.objects.get(name="Femke Nolan").phone == NUMBER

    # a fault: the tool refuses a number, which is told with its cause and with what can be done
    switch = table.get_by_role("switch", name=SWITCH)
    switch.click()
    expect(switch).to_be_checked()
    page.get_by_role("link", name="Femke Nolan").click()
    edits(page, "Phone", REFUSED)
    asks_for_a_sync(table)
    sync(integration)
    assert SetAside.objects.get().title == "Femke Nolan" and there("Femke Nolan")["phone"] == NUMBER
    page.goto(f"{site.home}/inbox/")
    problem = page.locator("#problems li").filter(has_text="1 contact: Phone is not accepted by Practice")
    expect(problem.get_by_role("link", name="Femke Nolan")).to_be_visible()
    expect(problem.get_by_role("link", name="See what helps")).to_be_visible()

    # switched off, and tried again by the button beside the problem: in step
    switch.click()
    expect(switch).not_to_be_checked()
    problem.get_by_role("button", name="Try it again").click()
    expect(page.get_by_role("status").filter(has_text=re.compile("again"))).to_be_visible()
    assert sync(integration) == "done"
    assert there("Femke Nolan")["phone"] == REFUSED and not SetAside.objects.exists()
    page.goto(f"{site.home}/inbox/")
    expect(page.get_by_role("heading", name="The inbox is empty")).to_be_visible()
    page.goto(f"{site.home}/connections/{integration.pk}/")
    expect(page.locator("#live")).to_contain_text("In step")
    table.reload()
    expect(table.get_by_role("link", name=f"Phone: {REFUSED}")).to_be_visible()


def asks_for_a_sync(table: Page) -> None:
    with table.expect_response(re.compile(r"/sync/$")) as answered:
        table.get_by_role("button", name="Sync now").click()
    assert answered.value.ok


def edits(page: Page, field: str, value: str) -> None:
    """One value of a record, where it stands."""
    page.get_by_role("link", name=f"Edit {field}").click()
    page.get_by_role("textbox", name=field).fill(value)
    page.keyboard.press("Enter")
    expect(page.locator(".record-facts")).to_contain_text(value)
    expect(page.get_by_role("link", name=f"Edit {field}")).to_be_focused()
