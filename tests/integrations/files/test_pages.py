"""The way of a file through the pages, who may go it, and what it costs."""

from __future__ import annotations

import re
from html import unescape

from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from crm.models import Change, Contact
from integrations.files import exports, imports
from integrations.files.models import Export, Import
from tests.integrations.files.conftest import ADA

PEOPLE = "Name,E-mail,Phone,Shoe size\nAda Rossi,ada@rossi.example,1,38\nBo Berg,bo at berg,2,40\n"


def url(name, *args):
    return reverse(f"files:{name}", args=args, urlconf="config.urls_tenant")


def file(content=PEOPLE, name="contacts.csv"):
    return SimpleUploadedFile(name, content.encode() if isinstance(content, str) else content)


def form_of(page):
    """What a browser would send back of the mapper."""
    data: dict[str, list[str]] = {"column": [], "local": [], "row": [], "was": []}
    html = page.content.decode()
    for row in re.findall(r'<li class="mapping-row.*?name="was" value="[^"]*"', html, re.DOTALL):
        chosen = re.search(r'<option value="([^"]*)" selected', row)
        data["local"].append(unescape(chosen[1]) if chosen else "")
        for name in ("column", "row", "was"):
            data[name].append(re.search(rf'name="{name}" value="([^"]*)"', row)[1])
    data["version"] = [re.search(r'name="version" value="(\d+)"', html)[1]]
    return data


def test_a_file_goes_its_way_without_scripts(tenant_client, tenant, work):
    assert b"Import a file" in tenant_client.get("/records/contact/").content
    assert tenant_client.get(url("import", "contact")).status_code == 200
    answer = tenant_client.post(url("import", "contact"), {"file": file()})
    assert answer.status_code == 303
    job = Import.objects.get()
    assert answer["Location"] == url("columns", job.pk)
    page = tenant_client.get(answer["Location"])
    assert "ada@rossi.example" in page.content.decode()
    data = form_of(page)
    assert data["local"] == ["name", "email", "phone", ""]
    answer = tenant_client.post(url("columns", job.pk), data)
    assert (answer.status_code, answer["Location"]) == (303, url("matching", job.pk))
    assert tenant_client.get(answer["Location"]).status_code == 200
    answer = tenant_client.post(url("matching", job.pk), {"how": "both", "key": ["email", "", ""]})
    assert (answer.status_code, answer["Location"]) == (303, url("job", job.pk))
    assert "hx-trigger" in tenant_client.get(url("job", job.pk)).content.decode()
    work()
    page = tenant_client.get(url("job", job.pk)).content.decode()
    assert "“bo at berg” is not an e-mail address" in page and "Import 1 row" in page
    told = b"".join(tenant_client.get(url("refused", job.pk)).streaming_content).decode()
    assert told.splitlines()[1].startswith("Bo Berg,bo at berg,2,40,3,")
    assert tenant_client.post(url("approve", job.pk)).status_code == 303
    assert Import.objects.get().state == "ready"  # nothing is approved without the number of what was seen
    seen = {"version": Import.objects.get().version}
    assert tenant_client.post(url("approve", job.pk), seen).status_code == 303
    work()
    page = tenant_client.get(url("job", job.pk)).content.decode()
    assert "contacts.csv is imported" in page and "1 record is new" in page
    assert Contact.objects.get().name == "Ada Rossi"
    assert tenant_client.post(url("undo", job.pk)).status_code == 303
    work()
    assert "1 row was taken back" in tenant_client.get(url("job", job.pk)).content.decode()
    assert not Contact.objects.exists()


def test_the_mapper_draws_an_edit_without_saving_it(bring, tenant_client):
    job = bring("Name,Born\nAda,31/12/1990\nBo,1/2/1991\nCy,3/4/1992\n")
    data = form_of(tenant_client.get(url("columns", job.pk)))
    data["local"] = ["name", "birthday" if "birthday" in str(job.mapping) else ""]
    answer = tenant_client.post(url("columns", job.pk), data | {"do": "show"}, headers={"HX-Request": "true"})
    assert answer.status_code == 200 and b"<html" not in answer.content
    job.refresh_from_db()
    assert job.version == 1


def test_what_is_no_table_is_told_on_the_form(tenant_client):
    answer = tenant_client.post(url("import", "contact"), {"file": file(b"%PDF-1.7 hello", "x.pdf")})
    assert (answer.status_code, b"This is no table" in answer.content) == (422, True)
    assert tenant_client.post(url("import", "contact")).status_code == 422
    assert not Import.objects.exists()


def test_a_file_that_is_too_large_is_told_and_not_kept(tenant_client, monkeypatch):
    from integrations.files import uploads

    monkeypatch.setattr(uploads, "MAX_BYTES", 1000)
    monkeypatch.setattr(imports, "MAX_BYTES", 1000)
    answer = tenant_client.post(url("import", "contact"), {"file": file("Name\n" + "a\n" * 1000)})
    assert (answer.status_code, b"is larger than" in answer.content) == (422, True)


def test_the_file_can_be_read_another_way(bring, tenant_client):
    job = bring("Report\nName;Phone\nAda;1\n")
    answer = tenant_client.post(url("layout", job.pk), {"encoding": "cp1252", "delimiter": ",", "header": "1"})
    assert answer.status_code == 303
    job.refresh_from_db()
    assert (job.layout["delimiter"], job.layout["header"], job.columns[0]["name"]) == (",", 1, "Report")


def test_somebody_else_changed_it_meanwhile(bring, tenant_client):
    job = bring(PEOPLE)
    data = form_of(tenant_client.get(url("columns", job.pk)))
    imports.match_by(job, "create", [])
    answer = tenant_client.post(url("columns", job.pk), data)
    assert (answer.status_code, b"Somebody else changed this import" in answer.content) == (422, True)


WRITES = ("columns", "layout", "matching", "preview", "approve", "undo", "discard")


def test_a_viewer_looks_and_exports_but_imports_nothing(bring, sign_in, member, tenant):
    job, viewer = bring(PEOPLE), sign_in(member("viewer"), tenant)
    for name in WRITES:
        assert viewer.post(url(name, job.pk)).status_code == 403, name
    assert viewer.post(url("import", "contact"), {"file": file()}).status_code == 403
    assert viewer.get(url("job", job.pk)).status_code == 200
    assert viewer.get(url("refused", job.pk)).status_code == 200
    assert viewer.get(url("export", "contact")).status_code == 200
    assert Import.objects.count() == 1


def test_nothing_of_another_tenant_is_here(bring, sign_in, other_tenant, tenant):
    job = bring(PEOPLE)
    export = Export.objects.create(entity="contact", format="csv", by="x", by_id="1", state="ready", stored="x")
    stranger = sign_in(other_tenant.owner, other_tenant)
    for name in (*WRITES, "job", "refused"):
        for call in (stranger.get, stranger.post):
            assert call(url(name, job.pk)).status_code in (404, 405), name
    assert stranger.get(url("fetch", export.pk)).status_code == 404
    assert sign_in(other_tenant.owner, tenant).get(url("job", job.pk)).status_code in (302, 403, 404)


def test_pages_ask_the_same_few_questions_however_many_rows(bring, work, tenant_client, django_assert_max_num_queries):
    job = imports.preview(bring("Name,E-mail\n" + "".join(f"P{n},p{n}@x.example\n" for n in range(120))))
    work()
    tenant_client.get(url("job", job.pk))
    with django_assert_max_num_queries(30):
        page = tenant_client.get(url("job", job.pk))
    assert b"Show more" in page.content
    more = unescape(re.search(r'href="([^"]*after=[^"]*)"', page.content.decode())[1])
    assert b"P60" in tenant_client.get(more, headers={"HX-Request": "true"}).content


def test_a_new_import_of_an_unknown_kind_of_record_is_not_found(tenant_client):
    assert tenant_client.get("/records/spaceship/import/").status_code == 404
    assert tenant_client.get("/records/spaceship/export/").status_code == 404


# --- export -----------------------------------------------------------------------------------------------------------------


def test_the_list_leads_to_an_export_of_what_it_shows(tenant_client):
    Contact.objects.create(name="Ada", status="Lead")
    Contact.objects.create(name="Bo", status="Customer")
    page = tenant_client.get(url("export", "contact") + "?status=Lead").content.decode()
    assert "1 record: what the list showed" in page
    sent = {
        "all": "1",
        "match": "status=Lead",
        "order": ["status", "name"],
        "columns": ["name", "status"],
        "format": "csv",
    }
    answer = tenant_client.post(url("export", "contact"), sent)
    assert b"".join(answer.streaming_content) == b"Status,Name\r\nLead,Ada\r\n"
    assert "contacts-" in answer["Content-Disposition"]
    assert Export.objects.get().rows == 1


def test_the_selection_comes_from_the_bulk_bar(tenant_client):
    ada = Contact.objects.create(name="Ada")
    Contact.objects.create(name="Bo")
    page = tenant_client.post(url("export", "contact"), {"ids": [str(ada.pk)]}).content.decode()
    assert "1 record, the one you chose" in page and f'value="{ada.pk}"' in page


def test_columns_move_without_scripts_and_with(tenant_client):
    order = ["name", "email", "phone"]
    for headers in ({}, {"HX-Request": "true"}):
        sent = {"all": "1", "match": "", "order": order, "columns": order, "do": "up:email"}
        page = tenant_client.post(url("export", "contact"), sent, headers=headers).content.decode()
        assert re.findall(r'name="order" value="(\w+)"', page)[:3] == ["email", "name", "phone"]


def test_a_large_export_waits_in_the_log_until_it_is_written(tenant_client, monkeypatch, work):
    monkeypatch.setattr(exports, "IN_BACKGROUND", 1)
    for name in "ab":
        Contact.objects.create(name=name)
    sent = {"all": "1", "match": "", "order": ["name"], "columns": ["name"], "format": "xlsx"}
    assert tenant_client.post(url("export", "contact"), sent).status_code == 303
    assert "being written" in tenant_client.get(url("export", "contact")).content.decode()
    work()
    job = Export.objects.get()
    page = tenant_client.get(url("export", "contact")).content.decode()
    assert url("fetch", job.pk) in page
    assert b"".join(tenant_client.get(url("fetch", job.pk)).streaming_content).startswith(b"PK")


def test_the_feed_and_history_name_the_import(bring, carry_out, tenant_client):
    carry_out(bring(PEOPLE, name="fair.csv"), ADA)
    ada = Contact.objects.get()
    assert Change.objects.get(record_id=ada.pk).origin.startswith("import:")
    assert "Import fair.csv, Ada" in tenant_client.get(f"/records/contact/{ada.pk}/").content.decode()


def test_where_no_row_can_come_in_the_page_leads_back_to_the_columns(bring, carry_out, tenant_client):
    job = carry_out(bring("Name,Company\nAda Rossi,Nowhere\n"))
    page = tenant_client.get(url("job", job.pk)).content.decode()
    assert "No row can come in as it is." in page and "What you approve is done" not in page
    assert f'<a class="button primary" href="{url("columns", job.pk)}">Back to the columns</a>' in page
