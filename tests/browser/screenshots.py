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

from playwright.sync_api import Browser, Page, expect

from integrations.sandbox.client import Control
from integrations.sandbox.notion.base import DEMO_TOKEN
from tests.browser import chromium

ROOT = Path(__file__).resolve().parent.parent.parent
START_SECONDS = 120
SYNC_SECONDS = 240
LIMIT_BYTES = 300_000


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
    context = browser.new_context(
        viewport=chromium.DESKTOP, device_scale_factor=1.5, locale="en-GB", reduced_motion="reduce"
    )
    page = context.new_page()
    page.goto(f"{demo.home}/sign-in/")
    page.get_by_label("E-mail").fill("ada@acme.example")
    page.get_by_label("Password").fill(demo.password)
    page.locator("main").get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{demo.home}/")
    return page


def open_connection(page: Page, demo: Demo) -> str:
    page.goto(f"{demo.home}/connections/")
    page.locator("main .rows a").first.click()
    page.wait_for_load_state()
    expect(page.locator("#live .glyph, #live .status").first).to_be_visible()
    return page.url


def wait_until_quiet(page: Page) -> None:
    expect(page.locator("#live[hx-get$='was=idle']")).to_be_visible(timeout=SYNC_SECONDS * 1000)


def let_something_happen(page: Page, demo: Demo, connection: str) -> None:
    """Edits on both sides, one of them on both at once where a person has to choose, and one that cannot be taken."""
    names = [row["title"] for row in demo.notion.rows("Contacts", limit=200)]
    shared = [name for name in sorted(names) if on_both_sides(page, demo, name)][:4]
    for name, phone in zip(shared[:3], ("+33 1 42 68 53 00", "+39 02 7200 1908", "+41 22 310 44 71"), strict=False):
        demo.notion.edit_row(row_of(demo, name), Phone=phone)
    edit_here(page, demo, shared[3], "E-mail", "hello@atelier-nord.example")
    demo.notion.edit_row(row_of(demo, shared[3]), Email="bonjour@atelier-nord.example")
    page.goto(connection)
    page.get_by_role("button", name="Sync now").click()
    page.wait_for_timeout(1000)
    page.goto(connection)
    wait_until_quiet(page)


def on_both_sides(page: Page, demo: Demo, name: str) -> bool:
    page.goto(f"{demo.home}/records/contact/?q={name}")
    return page.locator("main .table .title a").count() == 1


def row_of(demo: Demo, name: str) -> str:
    return next(row["id"] for row in demo.notion.rows("Contacts", search=name) if row["title"] == name)


def edit_here(page: Page, demo: Demo, name: str, label: str, value: str) -> None:
    page.goto(f"{demo.home}/records/contact/?q={name}")
    page.locator("main .table .title a").first.click()
    page.get_by_role("link", name="Edit").click()
    page.get_by_label(label).fill(value)
    page.get_by_role("button", name="Save").click()
    page.wait_for_load_state()
