"""To a tool's consent page and back as a browser goes, with cookies, redirects and our Content-Security-Policy."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from integrations.sandbox.notion.base import CLIENT_ID, CLIENT_SECRET
from tests.integrations.oauth.conftest import enter_app


@pytest.fixture
def our_app(notion, site):
    enter_app("notion", CLIENT_ID, CLIENT_SECRET)


def allow(page, who):
    page.get_by_label("Person").select_option(label=who)
    page.get_by_role("button", name="Allow access").click()


def test_there_and_back_and_with_another_account(site, our_app, signed_in):
    page = signed_in()
    page.goto(f"{site.home}/connections/new/notion/")
    expect(page.locator("main")).to_contain_text("Connect with a key instead")
    page.get_by_role("button", name="Sign in at Notion").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Raccord wants to access Notion")  # led on by itself
    allow(page, "Ada Lovelace – Acme Studio")
    expect(page.locator("main")).to_contain_text("Contacts")
    expect(page.locator(".steps .current")).to_contain_text("Map")

    page.locator(".steps").get_by_role("link", name="Connect").click()
    page.get_by_role("button", name="Sign in at Notion").click()
    allow(page, "Katherine Johnson – Nord Atelier")
    expect(page.get_by_role("heading", level=1)).to_have_text("This is another account")
    page.get_by_role("button", name="Keep the previous account").click()
    expect(page.locator(".steps .current")).to_contain_text("Map")
    expect(page.locator(".steps")).to_contain_text("Acme Studio")
