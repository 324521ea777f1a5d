"""Without a mouse: the whole wizard, menus and dialogs. The focus is always somewhere, and always to be seen."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.test_story import TOKEN

AT_MOST = 120
#: What has the focus: whether it matches, what it is called, and whether it shows that it has it.
FOCUS = """selector => {
    const one = document.activeElement;
    const style = e => getComputedStyle(e);
    const shows = e => style(e).outlineStyle !== "none" && style(e).outlineWidth !== "0px";
    const seen = e => e.getBoundingClientRect().width > 0 && e.getBoundingClientRect().height > 0;
    return {
        matches: one.matches(selector),
        name: one.getAttribute("aria-label") ?? one.innerText?.trim() ?? "",
        html: one.outerHTML.slice(0, 200),
        isLost: one === document.body || one === document.documentElement,
        isSeen: seen(one) && (shows(one) || (one.parentElement !== null && shows(one.parentElement))),
    };
}"""


class Keyboard:
    """Somebody who has nothing else. Every key asks where the focus is then."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.asked = 0

    def to(self, selector: str, named: str = "") -> None:
        """Tab until it is reached."""
        for _step in range(AT_MOST):
            self.page.keyboard.press("Tab")
            here = self.focus(selector)
            if here["isLost"]:  # past the last of the page the browser begins anew
                continue
            assert here["isSeen"], f"the focus cannot be seen on {here['html']}"
            if here["matches"] and (not named or named in here["name"]):
                return
        raise AssertionError(f"{selector} {named} is not reached with Tab")

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def writes(self, text: str) -> None:
        self.page.keyboard.press("Control+A")
        self.page.keyboard.type(text)

    def chooses(self, value: str) -> None:
        """In a list, with the arrows."""
        for key in ("ArrowDown",) * 12 + ("ArrowUp",) * 24:
            if self.page.evaluate("document.activeElement.value") == value:
                return
            self.page.keyboard.press(key)
            self.is_somewhere()
        assert self.page.evaluate("document.activeElement.value") == value

    def is_somewhere(self) -> None:
        """After something was drawn anew."""
        expect(self.page.locator(".htmx-request, .htmx-swapping, .htmx-settling")).to_have_count(0)
        here = self.focus("*")
        assert not here["isLost"], "the focus is lost"
        assert here["isSeen"], f"the focus cannot be seen on {here['html']}"

    def focus(self, selector: str) -> dict:
        self.asked += 1
        return self.page.evaluate(FOCUS, selector)


def test_the_whole_wizard_with_the_keyboard_alone(site, signed_in, live_tenant, notion, make_plan, sync):
    from crm.models import Contact
    from integrations.models import IntegrationInstance

    page = signed_in()
    page.goto(f"{site.home}/connections/new/")
    keys = Keyboard(page)
    page.keyboard.press("Tab")
    assert keys.focus("a.skip")["matches"] and keys.focus("a.skip")["isSeen"]
    keys.press("Enter")
    keys.to("[type=search]")
    keys.writes("noti")
    expect(page.locator(".provider")).to_have_count(1)
    keys.is_somewhere()
    keys.to("a.provider", "Notion")
    keys.press("Enter")

    # connect, with a wrong key first
    page.wait_for_url("**/connections/new/notion/")
    keys.to("input[type=password]")
    keys.writes("ntn_wrong")
    keys.press("Enter")
    expect(page.locator("main .errors")).to_be_focused()
    keys.to("input[type=password]")
    keys.writes(TOKEN)
    keys.press("Enter")

    # pick
    page.wait_for_url("**/setup/map/")
    expect(page.get_by_label("Kind of record for Contacts")).to_be_visible()
    keys.to("[aria-label='Kind of record for Contacts']")
    keys.chooses("company")
    keys.chooses("contact")
    keys.to("button", "Pair")
    keys.press("Enter")
    expect(page.get_by_role("status").filter(has_text="“Contacts” is paired")).to_be_visible()
    keys.to(".sticky-bar a.primary")
    keys.press("Enter")

    # map: turn one line, take one out, put it back, add a step
    page.wait_for_url("**/tables/*/")
    head = page.locator("#preview thead")
    expect(head).to_contain_text("Phone")
    row = page.locator(".mapping-row", has=page.get_by_label("Field here for Phone"))
    before = row.locator("[name=direction]").input_value()
    keys.to(f"[id='{row.locator('.mapping-turn').get_attribute('id')}']")
    keys.press("Space")
    expect(row.locator("[name=direction]")).not_to_have_value(before)
    keys.is_somewhere()
    expect(row.locator(".mapping-turn")).to_be_focused()  # where it was
    keys.to("[aria-label='Stop keeping Phone in step']")
    keys.press("Enter")
    expect(head).not_to_contain_text("Phone")
    keys.is_somewhere()
    if page.locator("#unmapped").get_attribute("open") is None:
        keys.to("#unmapped summary")
        keys.press("Enter")
    keys.to(f"[id='{page.get_by_label('Field here for Phone').get_attribute('id')}']")
    page.keyboard.type("Phone")
    expect(head).to_contain_text("Phone")
    keys.is_somewhere()
    keys.to("[aria-label='Change the values of Phone on the way']")
    keys.press("Enter")
    keys.to(f"[id='{page.get_by_label('Add a step for Phone').get_attribute('id')}']")
    keys.press("ArrowDown")
    expect(row.locator(".step-edit")).to_have_count(1)
    keys.is_somewhere()
    keys.to("[aria-label^='Remove “']")
    keys.press("Enter")
    expect(row.locator(".step-edit")).to_have_count(0)
    keys.is_somewhere()
    keys.to(".sticky-bar button.primary")
    keys.press("Enter")

    # match and settings
    page.wait_for_url("**/setup/settings/")
    keys.to("[name$=policy]")
    keys.chooses("ask")
    keys.is_somewhere()
    keys.to(".sticky-bar button.primary")
    keys.press("Enter")

    # the plan draws itself anew; whoever is on a line of it stays there
    expect(page.locator("h1")).to_contain_text("Working out what would happen")
    integration = IntegrationInstance.objects.get()
    integration.schema = live_tenant.schema_name
    make_plan(integration)
    expect(page.locator("#plan-lines summary").first).to_be_visible()
    keys.to("#plan-lines summary")
    keys.press("Enter")
    expect(page.locator("#plan-lines details[open]")).to_have_count(1)
    keys.to(".sticky-bar button.primary")
    keys.press("Enter")
    expect(page.locator("#live")).to_be_visible()
    assert sync(integration) == "done"
    expect(page.locator("#live")).to_contain_text("In step")
    assert Contact.objects.count() == 12
    assert integration.streams.get().policy == "ask"
    assert keys.asked > 60


@pytest.fixture
def contact(live_tenant):
    from crm.models import Contact

    return Contact.objects.create(name="Rosalind Franklin", phone="+44 1")


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
    page.keyboard.press("ArrowDown")
    expect(page.locator(".sidebar .menu.up button").first).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator(".sidebar .menu.up summary")).to_be_focused()
