"""The style guide: every component stands in it, in light and dark, on a desktop and a phone."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.sync_api import expect

from tests.browser import chromium
from tests.browser.looking import looked_at

PARTIALS = Path(__file__).parents[2] / "templates" / "ui"
#: Parts of the frame around each page, and of other components.
ELSEWHERE = {"_page_head", "_person_menu", "_tenant_switch"}
STYLES = Path(__file__).parents[2] / "static" / "css" / "components.css"
#: Classes of the same, and what a script, htmx or Django puts on for a moment.
AT_TIMES = {"frame", "switcher", "up", "menu-choices", "menu-heading", "htmx-request", "leaving", "errorlist"}
CLASSES = """() => [document, ...[...document.querySelectorAll("template")].map(one => one.content)]
    .flatMap(part => [...part.querySelectorAll("[class]")]).flatMap(element => [...element.classList])"""


def included(name: str, seen: set[str]) -> set[str]:
    """What a template includes, and what that includes in turn."""
    for part in re.findall(r'(?:include |template=)"ui/(\w+)\.html"', (PARTIALS / f"{name}.html").read_text()):
        if part not in seen:
            seen.add(part)
            included(part, seen)
    return seen


def test_every_component_is_shown():
    every = {path.stem for path in PARTIALS.glob("_*.html")}
    assert not every - included("styleguide", set()) - ELSEWHERE


def test_it_is_accessible_and_fits(site, open_page, settings):
    settings.PUBLIC_SCHEMA_URLCONF = "tests.browser.urls_styleguide"
    page = open_page()
    page.goto(f"{site.public}/styleguide/", timeout=60_000)  # the largest page of all
    assert not looked_at(page)
    assert not chromium.axe(page, "target-size")
    assert not classes_of_components() - set(page.evaluate(CLASSES)) - AT_TIMES, "a state that nobody sees here"


def test_marks_open_under_the_pointer_and_options_move_where_they_stand(site, open_page, settings):
    settings.PUBLIC_SCHEMA_URLCONF = "tests.browser.urls_styleguide"
    page = open_page()
    page.goto(f"{site.public}/styleguide/", timeout=60_000)
    mark, heading = page.locator("details.origin").first, page.get_by_role("heading", name="Forms")
    mark.locator("summary").hover()
    expect(mark).to_have_attribute("open", "")
    heading.hover()
    expect(mark).not_to_have_attribute("open", "")
    mark.locator("summary").hover()
    expect(mark).to_have_attribute("open", "")
    mark.locator("summary").click()
    heading.hover()
    expect(mark).to_have_attribute("open", "")
    heading.click()
    options = page.locator("[data-options] li input.input")
    options.nth(1).press("Enter")
    page.keyboard.type("Partner")
    page.get_by_role("button", name="Move Former customer up").click()
    page.get_by_role("button", name="Remove Customer").click()
    page.locator("[data-options] li").last.get_by_role("button", name="Move up").click()
    assert [one.input_value() for one in options.all()] == ["Lead", "Partner", "Former customer"]


def classes_of_components() -> set[str]:
    rules = re.sub(r"/\*.*?\*/", "", STYLES.read_text(), flags=re.S)
    selectors = [rule for rule in re.findall(r"([^{}]+){", rules) if not rule.strip().startswith("@")]
    return {name for one in selectors for name in re.findall(r"\.([a-z][\w-]*)", one)}
