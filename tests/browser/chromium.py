"""Debian's Chromium under Playwright, and what a page must never do."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")
ARGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--font-render-hinting=none"]
DESKTOP = {"width": 1360, "height": 900}
PHONE = {"width": 390, "height": 844}
NOWHERE = "/nowhere/"
#: Nothing takes so long; a machine that has much else to do may.
WAIT_MS = 45_000
#: What htmx says of a request whose place a newer one takes (hx-sync); one that fails is told by names of their own.
REPLACED = ("console: htmx:sendAbort", "console: htmx:afterRequest")
REFUSALS = ("status of 422", "status of 409")
AXE = (Path(__file__).parent / "axe" / "axe.min.js").read_text()
RUN_AXE = """([only, inside, but]) => axe.run({include: [inside], exclude: but.filter(one => document.querySelector(one))},
    {runOnly: only, resultTypes: ["violations"], preload: false}).then(found => found.violations)"""
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
#: What may be otherwise in the dark and on a phone.
BY_LOOKS = ("color-contrast", "scrollable-region-focusable")


def path() -> str:
    """Where Chromium is; "" where it is not installed."""
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), "")


@contextmanager
def launched() -> Iterator[Browser]:
    expect.set_options(timeout=WAIT_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path(), args=ARGS)
        yield browser
        browser.close()


class Complaints(list[str]):
    """What the console, scripts, the network and the content security policy complained of, on every page of a context."""

    def watch(self, context: BrowserContext) -> None:
        context.on("page", self._watch)

    def _watch(self, page: Page) -> None:
        page.on("console", lambda said: said.type in ("error", "warning") and self._hear(page, f"console: {said.text}"))
        page.on("pageerror", lambda error: self._hear(page, f"script: {error}"))
        page.on("response", lambda got: got.status >= 500 and self._hear(page, f"{got.status} from {got.url}"))

    def _hear(self, page: Page, text: str) -> None:
        if text.startswith(REPLACED):
            return
        # Chromium calls a page that is drawn as 422, 409 or 404 a failed resource
        if not any(told in text for told in REFUSALS) and not page.url.endswith(NOWHERE):
            self.append(f"{page.url}: {text}")


def axe(page: Page, *rules: str, inside: str = "html", but: Iterable[str] = ()) -> list[str]:
    """What axe-core finds wrong with the page or a part of it, by all rules or by these; one line per element."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE)  # by the debugger, which the content security policy does not hold
    found: list[dict[str, Any]] = page.evaluate(RUN_AXE, [list(rules or TAGS), inside, list(but)])
    return [
        f"{page.url}: {one['id']}: {one['help']}: {node['html'][:160]} ({node['failureSummary']})"
        for one in found
        for node in one["nodes"]
    ]


def overflow(page: Page) -> list[str]:
    """What stands out to the right of the window, or nothing where the page does not scroll sideways."""
    return page.evaluate(
        """() => {
            const wide = document.documentElement.clientWidth;
            if (document.documentElement.scrollWidth <= wide) return [];
            const names = [...document.body.querySelectorAll('*')]
                .filter(e => e.getBoundingClientRect().right > wide + 1)
                .map(e => `${e.tagName.toLowerCase()}.${e.className} ${Math.round(e.getBoundingClientRect().right)}`);
            return names.length ? names.slice(0, 5) : ['the page'];
        }"""
    )
