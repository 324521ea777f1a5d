"""The same by a program: bring, map, preview, approve, take back; and take records out."""

from __future__ import annotations

import io

import openpyxl
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from crm.models import Contact
from integrations.files import uploads
from integrations.files.models import Export
from tests.integrations.api.conftest import Api

PEOPLE = "Name,Mail\nAda,ada@x.example\nBo,bo at berg\n"


@pytest.fixture
def caller(tenant):
    from integrations.api import callers
    from tenants import tokens

    callers.forget_attempts()

    def make(role="member", of=tenant):
        return Api(of, tokens.create_token(of, f"{role} script", role)[1])

    return make


def bring(api, content=PEOPLE, entity="contact", **headers):
    file = SimpleUploadedFile("people.csv", content.encode())
    named = api.headers | {name.replace("_", "-"): value for name, value in headers.items()}
    return api.client.post(f"/api/v1/records/{entity}/imports", {"file": file}, headers=named)


def test_a_program_brings_a_file_all_the_way(caller, work):
    api = caller()
    answer = bring(api)
    assert answer.status_code == 201, answer.content
    job = answer.json()
    assert [one["field"] for one in job["mapping"]] == ["name", "email"]
    assert job["matching"]["keys"] == ["email", "name"]
    path = f"imports/{job['id']}"
    changed = api.patch(path, {"matching": {"how": "both", "keys": ["email"]}, "version": job["version"]})
    assert changed.json()["matching"]["keys"] == ["email"]
    assert api.patch(path, {"mapping": job["mapping"][:0], "version": 1}).json()["code"] == "moved_import"
    assert api.post(f"{path}/preview").status_code == 202
    work()
    assert api.get(path).json()["counts"] == {"created": 1, "refused": 1}
    rows = api.all(f"{path}/rows")
    assert [(one["number"], one["action"]) for one in rows] == [(2, "created"), (3, "refused")]
    assert [one["number"] for one in api.all(f"{path}/rows?action=refused")] == [3]
    assert (
        "bo at berg"
        in b"".join(api.client.get(f"/api/v1/{path}/refused", headers=api.headers).streaming_content).decode()
    )
    seen = {"version": api.get(path).json()["version"]}
    assert api.post(f"{path}/approve").status_code == 422  # of what was seen, not of whatever stands there
    assert api.post(f"{path}/approve", {"version": seen["version"] - 1}).json()["code"] == "moved_import"
    assert api.post(f"{path}/approve", seen).status_code == 202
    assert api.post(f"{path}/approve", seen).json()["code"] == "not_open"
    work()
    assert api.get(path).json()["state"] == "done"
    assert Contact.objects.get().email == "ada@x.example"
    assert bring(api).json()["imported_before"] == job["id"]
    assert api.post(f"{path}/undo").status_code == 202
    work()
    assert not Contact.objects.exists()
    assert [one["state"] for one in api.all("imports")] == ["draft", "undone"]


def test_a_repeated_upload_with_its_key_is_one_import(caller):
    api = caller()
    first, again = bring(api, Idempotency_Key="k1"), bring(api, Idempotency_Key="k1")
    assert first.json()["id"] == again.json()["id"]
    assert again["Idempotency-Replayed"] == "true"
    other = bring(api, PEOPLE + "Cy,c@x.example\n", Idempotency_Key="k1")
    assert other.json()["code"] == "idempotency_key_reused"


def test_a_file_larger_than_a_body_may_be_comes_in(caller, settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 100
    assert bring(caller(), PEOPLE * 20).status_code == 201


def test_several_files_of_one_request_are_together_no_larger_than_one_may_be(caller, monkeypatch):
    monkeypatch.setattr(uploads, "MAX_BYTES", 1000)
    api = caller()
    half = {name: SimpleUploadedFile("people.csv", b"Name\n" + b"Ada\n" * 150) for name in ("other", "file")}
    answer = api.client.post("/api/v1/records/contact/imports", half, headers=api.headers)
    assert answer.json()["code"] == "file_too_large"


@pytest.mark.parametrize(
    ("content", "code"), [("%PDF-1.7", "unreadable_file"), ("", "unreadable_file"), ("Name\n", "unreadable_file")]
)
def test_what_is_no_table_is_a_problem(caller, content, code):
    answer = bring(caller(), content)
    assert (answer.status_code, answer.json()["code"]) == (422, code)


def test_what_is_refused_in_part_changes_nothing(caller):
    api = caller()
    job = bring(api).json()
    path = f"imports/{job['id']}"
    wrong = {"matching": {"how": "match", "keys": []}, "mapping": job["mapping"][:1], "version": job["version"]}
    assert api.patch(path, wrong).status_code == 422
    assert api.get(path).json() == job
    for steps in (5, "x", [5], [{"name": 5}]):
        odd = {"column": "c0", "field": "name", "options": {"transforms": steps}}
        assert api.patch(path, {"mapping": [odd]}).json()["code"] == "types_do_not_fit", steps


def test_no_file_and_no_entity(caller):
    api = caller()
    assert api.post("records/contact/imports").json()["code"] == "missing"
    assert bring(api, entity="spaceship").status_code == 404


def test_roles(caller, other_tenant):
    assert bring(caller("viewer")).json()["code"] == "forbidden"
    job = bring(caller()).json()
    assert caller("viewer").get(f"imports/{job['id']}").status_code == 200
    assert caller("owner", other_tenant).get(f"imports/{job['id']}").status_code == 404


def test_a_viewer_takes_out_what_it_may_read_and_it_is_written_down(caller, tenant):
    Contact.objects.create(name="Ada", email="ada@x.example", status="Lead")
    Contact.objects.create(name="Bo", status="Customer")
    api = caller("viewer")
    answer = api.client.get("/api/v1/records/contact/export?columns=email,name&status=Lead", headers=api.headers)
    assert b"".join(answer.streaming_content) == b"E-mail,Name\r\nada@x.example,Ada\r\n"
    sheet = api.client.get("/api/v1/records/contact/export?format=xlsx&columns=name", headers=api.headers)
    rows = openpyxl.load_workbook(io.BytesIO(b"".join(sheet.streaming_content))).active.values
    assert list(rows) == [("Name",), ("Ada",), ("Bo",)]
    assert set(Export.objects.values_list("by", "rows", "by_kind")) == {
        ("viewer script", 1, "api"),
        ("viewer script", 2, "api"),
    }
    assert api.get("records/contact/export?columns=nothing").json()["code"] == "no_field"
    assert api.get("records/contact/export?nothing=1").json()["code"] == "unknown_field"
