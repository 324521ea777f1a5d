"""A file brought in, looked at at every step, and taken back; and an export that is opened again."""

from __future__ import annotations

import csv
import io
import re

from openpyxl import load_workbook
from playwright.sync_api import expect

from tests.browser.looking import looked_at, told

PEOPLE = (
    "Name;E-mail;Phone;Shoe size\n"
    "Ada Lovelace;ada@sea.example;+44 2;38\n"
    "Zoë Quiñones;zoe@sea.example;+34 1;40\n"
    "Nobody Known;not an address;;41\n"
)


def test_from_a_file_to_its_undo_and_out_again(site, signed_in, live_tenant, work):
    from crm.models import Contact
    from integrations.files.models import Export, Import

    Contact.objects.create(name="Ada Lovelace", email="ada@sea.example", phone="+44 1")
    page = signed_in()
    page.goto(f"{site.home}/records/contact/")
    page.locator(".page-actions summary[aria-label='More']").click()
    page.get_by_role("link", name="Import a file").click()
    brings(page, "people.pdf", b"%PDF-1.7 hello")
    expect(page.get_by_label("Choose a CSV or Excel file")).to_have_accessible_description(re.compile("no table"))
    assert not looked_at(page) + told(page)
    assert not Import.objects.exists()

    brings(page, "people.csv", PEOPLE.encode())
    expect(page.get_by_role("heading", level=1)).to_have_text("Which column is which field?")
    expect(page.get_by_label("Field here for Shoe size")).to_have_value("")
    phone, samples = page.get_by_label("Field here for Phone"), page.locator(".file-samples", has_text="+34 1")
    expect(samples).to_be_visible()
    phone.select_option("")
    expect(samples).to_have_count(0)
    phone.select_option("phone")
    expect(samples).to_be_visible()
    assert not looked_at(page) + told(page)
    page.get_by_role("button", name="Go on to the matching").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Which record is each row about?")
    page.get_by_role("button", name="See what would change").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Working out what people.csv would change")
    assert not looked_at(page) + told(page)
    work()
    page.get_by_role("heading", level=1, name="This is what people.csv would do").wait_for()  # it looks by itself
    expect(page.locator("#rows")).to_contain_text("“not an address” is not an e-mail address")
    expect(page.locator("#rows li", has_text="Ada Lovelace")).to_contain_text("+44 2")
    assert not looked_at(page) + told(page)
    assert Contact.objects.count() == 1  # nothing is written yet
    with page.expect_navigation():
        page.get_by_role("button", name="Import 2 rows").click()
    work()
    page.get_by_role("heading", level=1, name="people.csv is imported").wait_for()
    assert dict(Contact.objects.values_list("name", "phone")) == {"Ada Lovelace": "+44 2", "Zoë Quiñones": "+34 1"}

    with page.expect_navigation():
        page.get_by_role("button", name="Take this import back").click()
    work()
    page.get_by_role("heading", level=1, name="people.csv was taken back").wait_for()
    assert dict(Contact.objects.values_list("name", "phone")) == {"Ada Lovelace": "+44 1"}

    page.goto(f"{site.home}/records/contact/export/")
    assert not looked_at(page) + told(page)
    page.get_by_label("CSV", exact=False).first.check()
    out = csv.DictReader(io.StringIO(downloads(page).decode("utf-8-sig")))
    assert [(row["Name"], row["Phone"]) for row in out] == [("Ada Lovelace", "'+44 1")]  # no formula
    page.get_by_label("Excel (XLSX)").check()
    sheet = load_workbook(io.BytesIO(downloads(page))).active
    head = [cell.value for cell in sheet[1]]
    assert sheet.cell(2, head.index("Name") + 1).value == "Ada Lovelace"
    assert list(Export.objects.values_list("format", flat=True).order_by("pk")) == ["csv", "xlsx"]


def brings(page, name: str, content: bytes) -> None:
    page.set_input_files("#file", {"name": name, "mimeType": "application/octet-stream", "buffer": content})
    page.get_by_role("button", name="Look at the file").click()


def downloads(page) -> bytes:
    with page.expect_download() as started:
        page.get_by_role("button", name="Export 1 record").click()
    expect(page.locator("#toasts")).to_contain_text("The file is being put together.")
    return started.value.path().read_bytes()
