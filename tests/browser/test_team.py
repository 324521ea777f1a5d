"""What an organisation gives to others: a place on the team, and news for a program of its own."""

from __future__ import annotations

import json
import re

from playwright.sync_api import expect

from tests.browser.conftest import PASSWORD
from tests.browser.looking import looked_at, told


def test_whoever_is_invited_joins_and_may_what_was_given(site, signed_in, open_page, live_tenant, mailoutbox):
    from tenants.models import Invitation, Membership

    page = signed_in()
    page.goto(f"{site.home}/settings/team/")
    page.get_by_role("link", name="Invite people").click()
    page.locator("[name=emails]").fill("nobody")
    page.get_by_role("button", name="Send invitations").click()
    expect(page.locator("[name=emails]")).to_have_accessible_description(re.compile("address", re.IGNORECASE))
    assert not looked_at(page) + told(page)
    page.locator("[name=emails]").fill("mary@sea.example")
    page.get_by_role("radio", name=re.compile("^Viewer")).check()
    page.get_by_role("button", name="Send invitations").click()
    expect(page.locator("main")).to_contain_text("mary@sea.example")
    link = re.search(r"http://\S+", mailoutbox[-1].body)[0]
    assert mailoutbox[-1].to == ["mary@sea.example"]

    guest = open_page()
    guest.goto(link)
    expect(guest.get_by_role("heading", level=1)).to_have_text("Join Live Works")
    guest.locator("[name=name]").fill("Mary Anning")
    guest.locator("[name=password]").fill("short")
    guest.get_by_role("button", name="Join Live Works").click()
    expect(guest.locator("[name=password]")).to_have_attribute("aria-invalid", "true")
    assert not looked_at(guest) + told(guest)
    guest.locator("[name=password]").fill(PASSWORD)
    guest.get_by_role("button", name="Join Live Works").click()
    guest.wait_for_url(f"{site.home}/")
    membership = Membership.objects.get(user__email="mary@sea.example")
    assert (membership.tenant, membership.role) == (live_tenant, "viewer")
    guest.goto(f"{site.home}/records/contact/")
    expect(guest.get_by_role("heading", level=1)).to_have_text("Contacts")
    expect(guest.get_by_role("link", name="Import a file")).to_have_count(0)  # a viewer looks
    page.reload()
    expect(page.get_by_text("No invitation waits for an answer.")).to_be_visible()
    assert not Invitation.objects.exists()  # so the link works once


def test_a_program_is_told_what_it_was_promised(site, signed_in, live_tenant, receiver, send):
    from integrations.outgoing.models import Endpoint

    page = signed_in()
    page.goto(f"{site.home}/settings/webhooks/")
    page.get_by_role("link", name="Add a webhook").first.click()
    page.locator("[name=events]").first.check()
    page.locator("[name=url]").fill("ftp://nowhere")
    page.get_by_role("button", name="Add the webhook").click()
    expect(page.locator("[name=url]")).to_have_attribute("aria-invalid", "true")
    assert not looked_at(page) + told(page)
    page.locator("[name=url]").fill(receiver.url)
    page.locator("[name=note]").fill("Our warehouse")
    page.get_by_role("button", name="Add the webhook").click()
    expect(page.get_by_text("Copy the secret now")).to_be_visible()
    assert not looked_at(page) + told(page)
    endpoint = Endpoint.objects.get()
    assert (endpoint.url, endpoint.note) == (receiver.url, "Our warehouse")
    page.get_by_role("button", name="Send a test").click()
    expect(page.locator("main")).to_contain_text("Is sent now")
    assert send() == 1
    page.goto(f"{site.home}/settings/webhooks/")
    page.get_by_role("link", name="Our warehouse").click()
    expect(page.locator(".delivery").first).to_contain_text(re.compile("Taken|taken|204"))
    (headers, body) = receiver.calls[-1]
    assert json.loads(body)["type"] and headers["webhook-signature"]
