"""`make screenshots`: starts the demo beside whatever runs, lets a little happen in it, and draws docs/img/ anew.

python -m tests.browser.screenshots                  all pictures
python -m tests.browser.screenshots FOLDER           somewhere else
"""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, expect

from integrations.sandbox.client import Control
from integrations.sandbox.notion.base import DEMO_TOKEN
from tests.browser import chromium

ROOT = Path(__file__).resolve().parent.parent.parent
START_SECONDS = 120
SYNC_SECONDS = 240
LIMIT_BYTES = 300_000
#: People of the demo that both sides know.
CONFLICTED = "Anna Kowalska"
EDITED_THERE = {
    "Élodie Martin": {"Phone": "+33 1 42 68 53 00"},
    "Lukas Weber": {"Stage": "Customer"},
    "Sofía García": {"Phone": "+34 91 319 08 22"},
}


NEW = ("Niamh Byrne", "Tomás Oliveira", "Hanna Virtanen", "Jakub Zieliński")


class Demo:
    """`manage.py run` in a folder of its own, on free ports."""

    def __init__(self, folder: Path) -> None:
        self.port, self.sandbox_port = free_port(), free_port()
        self.public = f"http://localhost:{self.port}"
        self.home = f"http://acme.localhost:{self.port}"
        self.notion = Control(f"http://127.0.0.1:{self.sandbox_port}", "notion")
        self.output = folder / "output.txt"
        unset = ("DATABASE_URL", "BROKER_URL", "CACHE_URL", "PROVIDER_BASE_URLS")
        env = {name: value for name, value in os.environ.items() if name not in unset}
        env |= {"VAR_DIR": str(folder), "PORT": str(self.port), "SANDBOX_PORT": str(self.sandbox_port)}
        with self.output.open("w") as output:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", "run"], cwd=ROOT, env=env, stdout=output, stderr=output
            )

    def wait(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while "Started in" not in self.text:
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"The demo did not start:\n{self.text}")
            time.sleep(0.2)
        self.password = re.search(r"Password +(\S+)", self.text)[1]  # type: ignore[index]

    @property
    def text(self) -> str:
        return self.output.read_text()

    def stop(self) -> None:
        self.process.send_signal(signal.SIGINT)
        self.process.wait(timeout=60)


@contextmanager
def running() -> Iterator[Demo]:
    with tempfile.TemporaryDirectory(prefix="raccord-pictures-") as folder:
        demo = Demo(Path(folder))
        try:
            demo.wait()
            yield demo
        finally:
            demo.stop()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


# --- what happens in it -----------------------------------------------------------------------------------------------


def sign_in(browser: Browser, demo: Demo) -> Page:
    page = new_page(browser)
    page.goto(f"{demo.home}/sign-in/")
    page.get_by_label("E-mail").fill("ada@acme.example")
    page.get_by_label("Password").fill(demo.password)
    page.locator("main").get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{demo.home}/")
    return page


def new_page(browser: Browser, scale: float = 1, **options: Any) -> Page:
    how = {"viewport": chromium.DESKTOP, "device_scale_factor": scale, "locale": "en-GB", "reduced_motion": "reduce"}
    return browser.new_context(**how, **options).new_page()


def open_connection(page: Page, demo: Demo) -> str:
    page.goto(f"{demo.home}/connections/")
    page.locator("main .rows a").first.click()
    page.wait_for_load_state()
    expect(page.locator("#live .glyph, #live .status").first).to_be_visible()
    return page.url


def wait_until_quiet(page: Page) -> None:
    expect(page.locator("#live[hx-get$='was=idle']")).to_be_visible(timeout=SYNC_SECONDS * 1000)


def let_something_happen(page: Page, demo: Demo, connection: str) -> None:
    """Edits on both sides, and one of them on both at once, where a person has to choose."""
    page.goto(f"{connection}rules/")
    contacts = page.locator("details.fold").filter(has_text="Contacts")
    contacts.locator("summary").click()
    contacts.get_by_label("When both sides changed").select_option("ask")
    page.get_by_role("button", name="Save the rules").click()
    for name, changed in EDITED_THERE.items():
        demo.notion.edit_row(row_of(demo, name), **changed)
    edit_here(page, demo, "Chiara Rossi", "Phone", "+39 02 7200 1908")
    edit_here(page, demo, CONFLICTED, "Phone", "+48 12 655 20 11")
    demo.notion.edit_row(row_of(demo, CONFLICTED), Phone="+48 601 334 228")
    page.goto(connection)
    page.get_by_role("button", name="Sync now").click()
    page.locator("#live[hx-get$='was=busy']").wait_for()
    wait_until_quiet(page)


def row_of(demo: Demo, name: str) -> str:
    return next(row["id"] for row in demo.notion.rows("Contacts", search=name) if row["title"] == name)


def edit_here(page: Page, demo: Demo, name: str, label: str, value: str) -> None:
    page.goto(f"{demo.home}/records/contact/?q={name}")
    page.locator("main .table .title a").first.click()
    page.get_by_role("link", name="Edit", exact=True).click()
    page.get_by_label(label).fill(value)
    page.get_by_role("button", name="Save").click()
    page.wait_for_load_state()


def begin_another(page: Page, demo: Demo) -> tuple[str, str]:
    """A second connection, left before its last step. Answers the addresses of its mapping and of its plan."""
    page.goto(f"{demo.home}/connections/new/notion/?way=token")
    page.get_by_label("Name").fill("Deals in Notion")
    page.get_by_label("Connection token").fill(DEMO_TOKEN)
    page.get_by_role("button", name="Connect Notion").click()
    kind = page.get_by_label("Kind of record for Deals")
    page.locator("#tables li").filter(has=kind).get_by_role("button", name="Pair").click()
    page.get_by_role("link", name="Go on to the fields").click()
    page.wait_for_url("**/tables/*/")
    mapping = page.url
    page.get_by_role("button", name=re.compile("^Save and go on")).click()
    page.get_by_role("button", name="Save and check").click()
    page.wait_for_url("**/plans/*/")
    page.get_by_role("button", name="Start the sync").wait_for(timeout=SYNC_SECONDS * 1000)
    return mapping, page.url


def practise(page: Page, demo: Demo) -> str:
    """The practice tool, connected, with an edit there that has arrived. Answers the address of its table."""
    page.goto(f"{demo.home}/connections/new/practice/")
    page.get_by_role("button", name="Start practising").click()
    kind = page.get_by_label("Kind of record for People")
    kind.select_option(label="Contacts")
    page.locator("#tables li").filter(has=kind).get_by_role("button", name="Pair").click()
    page.get_by_role("link", name="Go on to the fields").click()
    page.get_by_role("button", name=re.compile("^Save and go on")).click()
    page.get_by_role("button", name="Save and check").click()
    page.wait_for_url("**/plans/*/")
    page.get_by_role("button", name=re.compile("^Start the sync")).click(timeout=SYNC_SECONDS * 1000)
    wait_until_quiet(page)
    page.goto(f"{demo.home}/practice/")
    return page.url


def bring_in_a_file(page: Page, demo: Demo) -> str:
    """New people, changed ones and one that is refused. Answers the address of the preview."""
    rows = ["Name;E-mail;Phone;Status", "Élodie Martin;elodie.martin@lumiere.example;+33 1 42 68 53 11;Customer"]
    rows += [
        f"{name};{name.split()[0].lower()}@harbour.example;+44 20 7946 0{n}12;Lead" for n, name in enumerate(NEW, 1)
    ]
    rows.append("Nobody Known;not an address;;Lead")
    page.goto(f"{demo.home}/records/contact/import/")
    page.set_input_files(
        "#file", {"name": "fair-visitors.csv", "mimeType": "text/csv", "buffer": "\n".join(rows).encode()}
    )
    page.get_by_role("button", name="Look at the file").click()
    page.get_by_role("button", name="Go on to the matching").click()
    page.get_by_role("button", name="See what would change").click()
    page.get_by_role("button", name=re.compile("^Import ")).wait_for(timeout=SYNC_SECONDS * 1000)
    return page.url


# --- the pictures -----------------------------------------------------------------------------------------------------


class Album:
    def __init__(self, page: Page, folder: Path) -> None:
        self.page = page
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def take(self, name: str, url: str, ready: str = "main h1", dark: bool = False, phone: bool = False) -> None:
        page = self.page
        page.emulate_media(color_scheme="dark" if dark else "light")
        page.set_viewport_size(chromium.PHONE if phone else chromium.DESKTOP)
        page.goto(url)
        page.locator(ready).first.wait_for()
        page.evaluate("document.fonts.ready")
        page.evaluate("document.querySelectorAll('[data-toast]').forEach(toast => toast.remove())")
        page.mouse.move(0, 0)
        path = self.folder / (name + ("-phone" if phone else "") + ("-dark" if dark else "") + ".png")
        page.screenshot(path=path, animations="disabled", caret="hide")
        size = path.stat().st_size
        print(f"{path}  {size // 1000} kB" + ("  over the limit" if size > LIMIT_BYTES else ""))


def main(folder: Path) -> None:
    if not chromium.path():
        raise SystemExit("Chromium is not installed: apt-get install chromium, or set CHROMIUM to its path.")
    with running() as demo, chromium.launched() as browser:
        page = sign_in(browser, demo)
        connection = open_connection(page, demo)
        wait_until_quiet(page)
        let_something_happen(page, demo, connection)
        mapping, plan = begin_another(page, demo)
        page.goto(f"{demo.home}/activity/")
        first_run = page.locator("main .rows a").last.get_attribute("href")
        file = bring_in_a_file(page, demo)
        practice = practise(page, demo)
        album = Album(page, folder)
        page.goto(f"{demo.home}/records/contact/?q={CONFLICTED}")
        record = page.locator("main .table .title a").first.get_attribute("href")
        album.take("landing", f"{demo.public}/")
        album.take("home", f"{demo.home}/")
        album.take("contacts", f"{demo.home}/records/contact/")
        album.take("contact", f"{demo.home}{record}")
        album.take("gallery", f"{demo.home}/connections/new/")
        album.take("tables", f"{connection}tables/?now=1", ".tables li:last-child .table-facts:has-text('records')")
        album.take("mapping", mapping, "#preview table")
        album.take("plan", plan, "#plan .picture")
        sharp = new_page(browser, scale=1.5, storage_state=page.context.storage_state())
        Album(sharp, folder).take("connection", connection)  # of the README
        album.take("run", f"{demo.home}{first_run}")
        album.take("inbox", f"{demo.home}/inbox/")
        album.take("practice", practice)
        album.take("practice", practice, dark=True)
        album.take("import", file)
        album.take("notifications", f"{demo.home}/notifications/preferences/")
        for name, url, ready in (
            ("connection", connection, "#overview"),
            ("mapping", mapping, "#preview table"),
            ("contacts", f"{demo.home}/records/contact/", "main h1"),
        ):
            album.take(name, url, ready, dark=True)
            album.take(name, url, ready, phone=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs" / "img")
