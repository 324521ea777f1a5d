"""The options of an added field in a browser: one is renamed, told first and undone; an emptied row is no renaming."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.looking import both_schemes


def test_options_are_renamed_and_an_emptied_row_is_a_new_one(site, signed_in, live_tenant):
    from crm import custom_fields
    from crm.models import BulkAction, Contact

    level = custom_fields.add("contact", "Level", "select", ["Gold", "Tin"])
    Contact.objects.create(name="Ada", custom={"level": "Gold"})
    page = signed_in()
    page.goto(f"{site.home}/settings/fields/{level.pk}/")
    options = page.get_by_label("Option", exact=True)
    page.get_by_role("button", name="Move Gold down").click()  # the row takes along what it was drawn for
    options.nth(1).fill("Best")
    page.get_by_role("button", name="Save").last.click()
    expect(page.get_by_text("“Gold” becomes “Best” in 1 record.")).to_be_visible()
    assert not both_schemes(page, "main") and Contact.objects.get().custom == {"level": "Gold"}
    page.get_by_role("button", name="Rename").click()
    expect(page.get_by_role("status").filter(has_text="The field Level is saved.")).to_be_visible()
    assert Contact.objects.get().custom == {"level": "Best"}
    page.get_by_role("link", name="Undo").click()
    expect(page.get_by_text("Tin, Gold")).to_be_visible()
    assert Contact.objects.get().custom == {"level": "Gold"}

    page.goto(f"{site.home}/settings/fields/{level.pk}/")
    page.get_by_role("button", name="Remove Tin").click()
    page.get_by_role("button", name="Remove Gold").click()  # the last row stays, empty
    options.first.fill("Lead")
    page.get_by_role("button", name="Save").last.click()
    expect(page.get_by_role("status").filter(has_text="The field Level is saved.")).to_be_visible()
    level.refresh_from_db()
    assert level.options == ["Lead"] and Contact.objects.get().custom == {"level": "Gold"}
    assert BulkAction.objects.count() == 1
