"""The bell, the list, the preferences and the way out of the mails, as a person meets them."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser import chromium
from tests.browser.looking import looked_at


@pytest.fixture
def stopped(live_tenant):
    """A connection that lost its key, and whose trouble of before is over; nothing is asked of any tool."""
    from integrations.models import IntegrationInstance, SyncLog
    from integrations.notifications import watch
    from integrations.services.connect import mark

    made = IntegrationInstance.objects.create(provider="notion", name="Team wiki", status="active", setup_step="done")
    mark(made, "attention", "brake", "40/100")
    watch.look()
    mark(made, "active")
    SyncLog.objects.create(integration=made, trigger="schedule", state="done")
    SyncLog.objects.update(ended_at=made.status_since)
    watch.look()
    mark(made, "attention", "authentication_failed")
    watch.look()
    return made


def test_what_changed_is_read_and_mended_by_its_button(stopped, site, signed_in):
    page = signed_in()
    page.goto(f"{site.home}/")
    page.get_by_role("link", name="Notifications, 1 unread").first.click()
    told = page.get_by_role("listitem").filter(has_text="does not accept the key any more")
    expect(told).to_contain_text("unread")
    assert not looked_at(page)
    told.get_by_role("button", name="Reconnect").click()
    expect(page).to_have_url(f"{site.home}/connections/{stopped.pk}/reconnect/")
    page.goto(f"{site.home}/notifications/")
    with page.expect_navigation():
        page.get_by_role("button", name="Mark as unread: Notion does not").click()
    page.get_by_role("button", name="Mark all as read").click()
    expect(page.locator(".page-status")).to_have_text("You have read everything.")


def test_without_scripts_on_a_phone_in_french(stopped, site, signed_in):
    page = signed_in(java_script_enabled=False, viewport=chromium.PHONE, locale="fr-FR")
    page.goto(f"{site.home}/")
    page.locator(".topbar .bell").click()
    page.locator(".notice.unread button.icon-only").first.click()
    expect(page.locator(".notice.unread")).to_have_count(0)
    expect(page.locator(".notice.over")).to_have_count(2)
    assert not chromium.overflow(page)


def test_preferences_are_chosen_by_keyboard_and_kept(site, signed_in):
    page = signed_in()
    page.goto(f"{site.home}/notifications/preferences/")
    assert not looked_at(page)
    expect(page.get_by_label("On", exact=True)).to_be_hidden()  # which day: only of a weekly one
    page.get_by_label("The digest comes").select_option("weekly")
    page.get_by_label("On", exact=True).select_option("2")
    page.get_by_role("group", name="A connection has trouble").get_by_label("By e-mail").select_option("now")
    page.get_by_role("group", name="A connection works again").get_by_label("In the app").press("Space")
    page.get_by_role("button", name="Save preferences").press("Enter")
    expect(page.get_by_text("Your preferences are saved.")).to_be_visible()
    expect(page.get_by_role("group", name="A connection works again").get_by_label("In the app")).not_to_be_checked()
    expect(page.get_by_label("On", exact=True)).to_have_value("2")


def test_whoever_wants_no_mail_needs_no_password(live_tenant, site, open_page):
    from integrations.notifications import unsubscribing

    page = open_page()
    page.goto(unsubscribing.link(live_tenant, live_tenant.owner.pk))
    assert not looked_at(page)
    page.get_by_role("button", name="Stop the e-mail").click()
    expect(page.get_by_role("heading", name="No more e-mail")).to_be_visible()
    assert not looked_at(page)
