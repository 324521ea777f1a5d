"""What a page must hold, whoever looks at it: it fits, axe finds nothing in it, and a screen reader is told what things are."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import urlsplit

from playwright.sync_api import Page, expect

from tests.browser import chromium

#: Addresses that lead to the same page with something else on it.
ALIKE = {
    r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}": "*",
    r"^/records/\w+/(import|export|columns|views|new|.*history|.*delete)": r"/records/*/\1",
    r"^/practice/\*/\w+/$": "/practice/*/",
    r"^/practice/\*/\w+/rows/\w+/cells/\w+/": "/practice/*/cell/",
}
#: Each connection is of a kind of its own, for its state.
CONNECTION = re.compile(r"^/connections/[0-9a-f-]{36}/(setup/\w+/)?$")
#: A file, or another page of a kind that was seen.
LED_ON = (".csv", "/step/")
AT_MOST = 100
#: What axe needs not look at again on every page: the frame, which is looked at on the first.
FRAME = (".sidebar", ".topbar", ".bottombar", "#toasts")
#: In Playwright's picture of the accessibility tree: one of these without a name.
NAMELESS = re.compile(
    r"^\s*- (?:button|link|checkbox|radio|switch|textbox|searchbox|combobox|listbox|spinbutton|slider|img|table|dialog|"
    r"navigation|region|search|progressbar|form|tab|menuitem)(?: \[[^\]]*\])*(?::.*)?$"
)
#: Colours change without a transition, so that axe sees the new ones.
AT_ONCE = """() => {
    if (document.adoptedStyleSheets.length) return;
    const sheet = new CSSStyleSheet();
    sheet.replaceSync("*, ::before, ::after { transition-property: none !important }");
    document.adoptedStyleSheets = [sheet];
}"""
#: What axe does not ask: an error stands at its field, what draws itself anew tells it, one thing says when something is done.
TOLD = """() => {
    const found = [];
    const told = document.querySelectorAll("[aria-live=polite], [role=status], [role=alert], [aria-live=assertive]");
    const describing = new Set([...document.querySelectorAll("[aria-describedby]")]
        .flatMap(one => one.getAttribute("aria-describedby").split(" ")));
    for (const error of document.querySelectorAll(".field-error"))
        if (error.checkVisibility() && !describing.has(error.id)) found.push(`no field is described by ${error.outerHTML}`);
    for (const field of document.querySelectorAll("[aria-invalid=true]"))
        if (!field.getAttribute("aria-describedby")) found.push(`nothing says what is wrong with ${field.outerHTML}`);
    for (const living of document.querySelectorAll("[hx-trigger^=every], [hx-trigger^='load delay']"))
        if (![...told].some(one => one.contains(living) || living.contains(one)))
            found.push(`it draws itself anew and tells nobody: ${living.outerHTML.slice(0, 200)}`);
    const skip = document.querySelector("a.skip");
    if (!skip || !document.querySelector(skip.getAttribute("href"))) found.push("the way past the frame leads nowhere");
    if (!document.querySelector("#toasts[role=status]")) found.push("nothing would tell what was done");
    return found;
}"""
#: What opens a dialog or a menu, one of a kind, and can be reached: its kind, and itself under data-looked.
OPENERS = r"""known => {
    const kinds = new Set(known), found = [];
    const kind = text => text.replace(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, "*").replace(/[0-9]+/g, "*")
        .replace(/records\/[a-z]+/, "records/*").split("?")[0];
    for (const one of document.querySelectorAll("[data-dialog], [hx-target='#dialog-content'][hx-get], details.menu > summary")) {
        const door = one.closest("details.menu")?.querySelector("summary") ?? one;
        const name = one.matches(".chip") ? "menu of a filter" : one.matches("summary")
            ? `menu ${one.parentElement.className} of ${one.closest("main") ? location.pathname.split("/")[1] : "the frame"}`
            : kind(one.dataset.dialog ?? one.getAttribute("hx-get"));
        if (kinds.has(name) || !door.checkVisibility({visibilityProperty: true})) continue;
        kinds.add(name);
        one.dataset.looked = String(found.length);
        found.push(name);
    }
    return found;
}"""


class Looking:
    """Goes over pages, and remembers what it has looked at: the frame once, each kind of dialog and menu once."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.opened: set[str] = set()
        self.frame_is_known = False

    def whole(self) -> list[str]:
        """All of it, and what opens on it."""
        return looked_at(self.page, self._but()) + told(self.page) + self.openers()

    def _but(self) -> Iterable[str]:
        is_known, self.frame_is_known = self.frame_is_known, self.page.locator(".sidebar").count() > 0
        return FRAME if is_known else ()

    def openers(self) -> list[str]:
        page, found = self.page, []
        for number, kind in enumerate(page.evaluate(OPENERS, sorted(self.opened))):
            self.opened.add(kind)
            opener = page.locator(f"[data-looked='{number}']")
            opener.evaluate("one => { one.focus(); one.click() }")  # some stand in a menu that is closed
            inside = "details.menu[open]" if kind.startswith("menu ") else "dialog[open]"
            expect(page.locator(inside)).to_have_count(1)
            found += both_schemes(page, inside)
            if inside == "dialog[open]" and nameless(page.locator(inside).aria_snapshot()):
                found.append(f"{kind}: {nameless(page.locator(inside).aria_snapshot())}")
            page.keyboard.press("Escape")
            expect(page.locator(inside)).to_have_count(0)
            back = "one => (one.closest('details.menu')?.querySelector('summary') ?? one) === document.activeElement"
            if not opener.evaluate(back):
                found.append(f"{kind}: the focus does not come back when it is closed")
        return found


def looked_at(page: Page, but: Iterable[str] = ()) -> list[str]:
    """Light on a desktop, then dark on a phone."""
    page.evaluate(AT_ONCE)
    found = fits(page) + chromium.axe(page, but=but)
    page.emulate_media(color_scheme="dark")
    page.set_viewport_size(chromium.PHONE)
    drawn(page)
    found += fits(page) + chromium.axe(page, *chromium.BY_LOOKS, but=but)
    page.emulate_media(color_scheme="light")
    page.set_viewport_size(chromium.DESKTOP)
    drawn(page)
    return found


def both_schemes(page: Page, inside: str) -> list[str]:
    """A part of the page, as it is open now."""
    page.evaluate(AT_ONCE)
    found = chromium.axe(page, inside=inside)
    page.emulate_media(color_scheme="dark")
    found += chromium.axe(page, "color-contrast", inside=inside)
    page.emulate_media(color_scheme="light")
    return found


def drawn(page: Page) -> None:
    # Chromium without a screen has been seen to draw no frame for minutes: it is waited for no longer than this
    page.evaluate(
        "new Promise(done => { requestAnimationFrame(() => requestAnimationFrame(done)); setTimeout(done, 2000) })"
    )


def fits(page: Page) -> list[str]:
    return [f"too wide: {name}" for name in chromium.overflow(page)]


def told(page: Page) -> list[str]:
    """What a screen reader's tree lacks."""
    tree = page.locator("body").aria_snapshot()
    found = [f"without a name: {line}" for line in nameless(tree)] + page.evaluate(TOLD)
    for what, wanted in ((r"- '?heading .*\[level=1\]", 1), (r"- main\b", 1)):
        if (number := len(re.findall(what, tree))) != wanted:
            found.append(f"{number} of “{what}”, not {wanted}")
    return found


def nameless(tree: str) -> list[str]:
    return [line.strip() for line in tree.splitlines() if NAMELESS.match(line)]


def crawl(page: Page, home: str, look, also: Iterable[str] = ()) -> dict[str, list[str]]:
    """Follow every link of the tenant's host, one per kind of page. Answers what is wrong with each."""
    host = urlsplit(home).netloc
    todo, kinds, seen = ["/", *also], {"/", *map(kind_of, also)}, {}
    while todo and len(seen) < AT_MOST:
        path = todo.pop(0)
        answer = page.goto(home + path)
        expect(page.locator("[hx-trigger=load] .skeleton, .htmx-request")).to_have_count(0)  # drawn later
        bad = [f"status {answer.status}"] if answer and answer.status >= 400 else []
        links = page.eval_on_selector_all("a[href]:not([download])", "links => links.map(link => link.href)")
        seen[path] = bad + look()
        for href in links:
            parts = urlsplit(href)
            if parts.netloc != host or parts.path.startswith(("/go/", "/api/")) or parts.path.endswith(LED_ON):
                continue
            if (kind := kind_of(parts.path)) not in kinds:
                kinds.add(kind)
                todo.append(parts.path + (f"?{parts.query}" if parts.query else ""))
    return seen


def kind_of(path: str) -> str:
    path = path.partition("?")[0]
    if CONNECTION.match(path):
        return path
    for alike, kind in ALIKE.items():
        path = re.sub(alike, kind, path)
    return path


def faults(seen: dict[str, list[str]]) -> str:
    return "\n".join(f"{path}: {fault}" for path, found in seen.items() for fault in found)
