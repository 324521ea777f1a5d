from __future__ import annotations

import re

import httpx
import pytest
from notion_client import APIResponseError


@pytest.fixture
def browser(sandbox, control):
    with httpx.Client(base_url=sandbox.base_url, follow_redirects=True) as client:
        yield client


def filled(text: str) -> dict[str, str | list[str]]:
    """The edit form as the browser would send it back untouched."""
    form: dict[str, str | list[str]] = dict(re.findall(r'<input[^>]*name="([^"]+)"[^>]*value="([^"]*)"', text))
    form = {name: value for name, value in form.items() if f'type="checkbox" name="{name}"' not in text}
    form |= dict(re.findall(r'<textarea name="([^"]+)"[^>]*>([^<]*)<', text))
    for name, choices in re.findall(r'<select name="([^"]+)"[^>]*>(.*?)</select>', text):
        form[name] = (re.findall(r'value="([^"]*)" selected', choices) or [""])[0]
    for name, value in re.findall(r'<input type="checkbox" name="([^"]+)" value="([^"]+)" checked', text):
        form.setdefault(name, []).append(value)
    for name in re.findall(r'<input type="checkbox" name="([^"]+)" aria-label="[^"]+" checked', text):
        form[name] = "on"
    return form


def test_index_and_home_list_providers_tables_and_tokens(browser, crm):
    assert "Notion" in browser.get("/").text
    home = browser.get("/notion/").text
    assert "Contacts" in home and "ntn_sandbox_demo" in home


def test_rows_are_listed_searched_and_paged(browser, control, crm):
    row = control.rows("Contacts")[0]
    page = browser.get(f"/notion/tables/{crm['Contacts']}", params={"q": row["title"]}).text
    assert row["title"] in page and "1 rows" in page


def test_an_untouched_form_changes_nothing(browser, control, crm):
    row = control.rows("Contacts")[0]
    text = browser.get(f"/notion/rows/{row['id']}").text
    assert "Nothing was changed." in browser.post(f"/notion/rows/{row['id']}", data=filled(text)).text
    assert control.row(row["id"]) == row


def test_a_person_edits_only_what_they_touch(browser, control, notion, crm):
    row = control.rows("Contacts")[0]
    text = browser.get(f"/notion/rows/{row['id']}").text
    form = filled(text) | {"Email": "new@x.example", "Score": "77", "Stage": "Customer"}
    assert "Saved." in browser.post(f"/notion/rows/{row['id']}", data=form).text
    found = notion.pages.retrieve(row["id"])["properties"]
    assert (found["Email"]["email"], found["Score"]["number"]) == ("new@x.example", 77)
    values = control.row(row["id"])["values"]
    same = set(values) - {"Email", "Score", "Stage", "Full label", "Last edited time"}
    assert {name: values[name] for name in same} == {name: row["values"][name] for name in same}


def test_rows_are_created_trashed_restored_and_deleted(browser, control, notion, crm):
    page = browser.post(f"/notion/tables/{crm['Tasks']}/new", data={"Task": "By hand", "Due": "2026-12-01"})
    ident = page.url.path.rpartition("/")[2]
    assert notion.pages.retrieve(ident)["properties"]["Due"]["date"]["start"] == "2026-12-01"
    browser.post(f"/notion/rows/{ident}/trash")
    assert notion.pages.retrieve(ident)["in_trash"]
    assert "By hand" in browser.get(f"/notion/tables/{crm['Tasks']}?trash=1").text
    browser.post(f"/notion/rows/{ident}/restore")
    assert not notion.pages.retrieve(ident)["in_trash"]
    browser.post(f"/notion/rows/{ident}/delete")
    with pytest.raises(APIResponseError):
        notion.pages.retrieve(ident)


def test_properties_are_renamed_by_hand(browser, notion, crm):
    browser.post(f"/notion/tables/{crm['Tasks']}/fields/rename", data={"name": "Due", "new_name": "Deadline"})
    assert "Deadline" in notion.data_sources.retrieve(crm["Tasks"])["properties"]


def test_the_faults_panel_breaks_the_next_calls(browser, notion):
    browser.post("/notion/faults", data={"kind": "status", "times": "1", "method": ""})
    with pytest.raises(APIResponseError) as caught:
        notion.users.me()
    assert caught.value.status == 503
    assert notion.users.me()


def test_a_refusal_is_a_page_and_text_is_escaped(browser, control, crm):
    assert browser.get("/notion/rows/nowhere").status_code == 400
    control.create_row("Tasks", Task="<script>alert(1)</script>")
    assert "<script>alert" not in browser.get(f"/notion/tables/{crm['Tasks']}").text
