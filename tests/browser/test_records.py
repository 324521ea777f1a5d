"""Records in a browser: a view made, used, shared and deleted; a change of many and its undo; two people in one field."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.browser.looking import both_schemes, looked_at, told

NAMES = ("Ada Lovelace", "Grace Hopper", "Rosalind Franklin")


@pytest.fixture
def contacts(live_tenant):
    from crm.models import Contact

    for number, name in enumerate(NAMES):
        Contact.objects.create(name=name, phone=f"+44 {number}", status="Lead" if number else "Customer")


def test_back_after_a_search_brings_the_whole_page(site, signed_in, contacts):
    page = signed_in()
    page.goto(f"{site.home}/records/contact/")
    page.locator("main input[type=search]").fill("Ada")
    expect(page).to_have_url(re.compile("q=Ada"))
    expect(page.locator("main tbody tr")).to_have_count(1)
    page.go_back()
    expect(page.locator("main tbody tr")).to_have_count(3)
    expect(page.locator("main input[type=search]")).to_have_value("")
    expect(page.get_by_role("navigation", name="Main").first).to_be_visible()
    page.go_forward()
    expect(page.locator("main tbody tr")).to_have_count(1)


def test_a_view_is_made_used_shared_and_deleted(site, signed_in, contacts, member):
    from crm.models import SavedView

    page = signed_in()
    page.goto(f"{site.home}/records/contact/")
    page.locator("summary", has_text="Status").click()
    page.locator("details[open]").get_by_role("link", name=re.compile("^Lead")).click()
    expect(page.locator("main tbody tr")).to_have_count(2)
    page.get_by_role("link", name="Keep as a view").click()
    dialog = page.get_by_role("dialog", name="Keep this list as a view")
    expect(dialog.get_by_label("Name")).to_be_visible()
    dialog.get_by_role("button", name="Keep the view").click()  # without a name
    expect(dialog.get_by_role("alert")).to_contain_text("One field needs another look")
    expect(dialog.get_by_label("Name")).to_have_accessible_description(re.compile("required"))
    assert not both_schemes(page, "dialog[open]")
    dialog.get_by_label("Name").fill("Whom to call")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status").filter(has_text="“Whom to call” is kept")).to_be_visible()
    view = SavedView.objects.get()
    assert (view.name, view.query, view.is_shared) == ("Whom to call", "status=Lead", False)

    page.goto(f"{site.home}/records/contact/?status=Customer")
    page.get_by_role("navigation", name="Views").get_by_role("link", name="Whom to call").click()
    expect(page.locator("main tbody tr")).to_have_count(2)
    page.locator("summary[aria-label='This view']").click()
    assert not both_schemes(page, ".menu[open]")
    page.get_by_role("link", name="Rename or share").click()
    page.get_by_label("Everybody in the organisation sees it").check()
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("status").filter(has_text="is saved")).to_be_visible()
    assert SavedView.objects.get().is_shared

    colleague = signed_in(member("member"))
    colleague.goto(f"{site.home}/records/contact/")
    colleague.get_by_role("navigation", name="Views").get_by_role("link", name="Whom to call").click()
    expect(colleague.locator("main tbody tr")).to_have_count(2)
    colleague.locator("summary[aria-label='This view']").click()
    expect(colleague.get_by_role("link", name="Delete the view")).to_have_count(0)  # it is not theirs

    page.locator("summary[aria-label='This view']").click()
    page.get_by_role("link", name="Delete the view").click()
    dialog = page.get_by_role("dialog", name="Delete the view “Whom to call”?")
    expect(dialog).to_contain_text("It goes for everybody in the organisation.")
    dialog.get_by_role("button", name="Delete the view").click()
    expect(page.get_by_role("status").filter(has_text="is deleted. Its records are untouched.")).to_be_visible()
    assert not SavedView.objects.exists()
    colleague.reload()
    expect(colleague.get_by_text("This view is not here")).to_be_visible()
    assert not looked_at(colleague)


def test_many_are_changed_and_deleted_and_all_of_it_is_undone(site, signed_in, contacts):
    from crm.models import Contact

    page = signed_in()
    page.goto(f"{site.home}/records/contact/")
    page.get_by_role("checkbox", name="Select Ada Lovelace").check()
    page.get_by_role("checkbox", name="Select Grace Hopper").check()
    bar = page.get_by_role("region", name="Chosen records")
    expect(bar).to_contain_text("2 chosen")
    bar.get_by_role("button", name="Change").click()
    dialog = page.get_by_role("dialog", name="Change 2 contacts")
    expect(dialog).to_be_visible()
    expect(page.locator(".htmx-request, .htmx-swapping, .htmx-settling")).to_have_count(0)  # quicker than any person
    dialog.get_by_label("Field", exact=True).select_option(label="Status")
    expect(dialog.get_by_label("New value")).to_be_visible()
    assert not both_schemes(page, "dialog[open]")
    dialog.get_by_label("New value").select_option("Former")
    dialog.get_by_role("button", name="Change 2 records").click()
    toast = page.get_by_role("status").locator(".toast")
    expect(toast).to_contain_text("2 records are changed.")
    assert not both_schemes(page, "#toasts")
    expect(page.get_by_role("row", name=re.compile("Ada"))).to_contain_text("Former")
    assert Contact.objects.filter(status="Former").count() == 2
    toast.get_by_role("link", name="Undo").click()
    expect(page.get_by_role("row", name=re.compile("Ada"))).to_contain_text("Customer")
    assert not Contact.objects.filter(status="Former").exists()

    page.get_by_role("checkbox", name="Select all on this page").check()
    bar.get_by_role("button", name="Delete").click()
    dialog = page.get_by_role("dialog", name="Delete 3 contacts?")
    expect(dialog).to_contain_text("you can undo it")
    assert not both_schemes(page, "dialog[open]")
    dialog.get_by_role("button", name="Delete 3 records").click()
    expect(toast).to_contain_text("3 records are deleted.")
    assert not Contact.objects.exists()
    toast.get_by_role("link", name="Undo").click()
    expect(page.locator("main tbody tr")).to_have_count(3)
    assert set(Contact.objects.values_list("name", flat=True)) == set(NAMES)


def test_two_people_in_one_field_are_told_of_each_other(site, signed_in, contacts, member):
    from crm.models import Contact

    ada = Contact.objects.get(name="Ada Lovelace")
    page, other = signed_in(), signed_in(member("member"))
    for one in (page, other):
        one.goto(f"{site.home}/records/contact/{ada.pk}/")
        one.get_by_role("link", name="Edit Phone").click()
        expect(one.get_by_role("textbox", name="Phone")).to_be_focused()
    assert not looked_at(page) + told(page)
    other.get_by_role("textbox", name="Phone").fill("+44 theirs")
    other.keyboard.press("Enter")
    expect(other.locator(".record-facts")).to_contain_text("+44 theirs")
    page.get_by_role("textbox", name="Phone").fill("+44 mine")
    page.keyboard.press("Enter")
    said = "Member changed it to “+44 theirs” meanwhile. Save again to put yours in its place, or leave it."
    expect(page.locator(".fact-form .field-error")).to_have_text(said)
    field = page.get_by_role("textbox", name="Phone")
    expect(field).to_be_focused()
    expect(field).to_have_value("+44 mine")
    expect(field).to_have_accessible_description(said)
    assert not looked_at(page) + told(page)
    assert Contact.objects.get(pk=ada.pk).phone == "+44 theirs"  # nothing of mine is kept yet
    page.keyboard.press("Enter")
    expect(page.locator(".record-facts")).to_contain_text("+44 mine")
    expect(page.get_by_role("link", name="Edit Phone")).to_be_focused()
    assert Contact.objects.get(pk=ada.pk).phone == "+44 mine"
    expect(page.locator("#record-history")).to_contain_text("+44 theirs")  # both are in the history
