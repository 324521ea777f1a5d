"""The walls: a key opens one workspace, a tenant sees its own rows, and a role does what it may."""

from __future__ import annotations

import threading
import time
from uuid import uuid4

import pytest
from django.db import connection
from django.urls import reverse
from django_tenants.utils import schema_context, tenant_context

from practice import faults, hooks, keys, world
from practice.models import Row, Workspace

PAGES = ["table", "live"]
CHANGES = ["add", "column", "switch", "reset"]


@pytest.fixture
def workspace(tenant):
    return world.open_workspace(uuid4(), "Practice")


def url(name, workspace, *more):
    return reverse(f"practice:{name}", args=[workspace.pk, "people", *more], urlconf="config.urls_tenant")


def ask(client, key, path="/v1/me", method="GET", **more):
    return client.generic(method, f"/practice/api{path}", headers={"Authorization": f"Bearer {key}"}, **more)


# --- keys -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def public(sign_in):
    return sign_in(None)


def test_key_opens_its_own_workspace_only(public, tenant, other_tenant, workspace):
    mine = keys.make(workspace)
    second = world.open_workspace(uuid4(), "Second")
    with tenant_context(other_tenant):
        theirs = keys.make(world.open_workspace(uuid4(), "Theirs"))
    assert ask(public, mine).json()["id"] == str(workspace.pk)
    assert ask(public, keys.make(second)).json()["id"] == str(second.pk)
    assert ask(public, theirs).json()["name"] == "Theirs"


def test_key_that_is_changed_old_or_of_nobody_says_nothing(public, tenant, other_tenant, workspace):
    old, good = keys.make(workspace), keys.make(workspace)
    keys.keep_only(workspace, good)
    moved = good.replace(f"{tenant.pk}.", f"{other_tenant.pk}.", 1)
    refused = [
        ask(public, key) for key in (old, moved, good[:-1], "", "practice_1.x:y", "rac_x", "practice_1.\u00e9:y")
    ]
    refused.append(public.get("/practice/api/v1/me"))
    assert {answer.status_code for answer in refused} == {401}
    assert len({answer.content for answer in refused}) == 1
    assert ask(public, good).status_code == 200


def test_api_is_on_the_public_host_only(tenant_client, workspace):
    assert ask(tenant_client, keys.make(workspace)).status_code == 404


@pytest.mark.parametrize(
    "body", [b"", b"[]", b'{"fields": []}', b'{"fields": {"name": null}}', b'{"fields": {"x": 1}}', b"\xff"]
)
def test_nonsense_is_refused_in_words(public, tenant, workspace, body):
    key = keys.make(workspace)
    before = Row.objects.count()
    answer = public.generic(
        "POST",
        "/practice/api/v1/tables/people/records",
        body,
        "application/json",
        headers={"Authorization": f"Bearer {key}", "Idempotency-Key": "k"},
    )
    assert answer.status_code in (400, 422) and answer.json()["error"]["message"]
    assert Row.objects.count() == before


def test_calls_go_to_ourselves_whatever_address_is_given(tenant, workspace, settings):
    settings.PROVIDER_BASE_URLS = {"practice": "https://raccord.example/practice/api"}
    hook = hooks.subscribe(workspace.tables.first(), "https://elsewhere.example/hooks/practice/1/?x=1")
    assert hooks.address(hook) == "https://raccord.example/hooks/practice/1/"


# --- people -----------------------------------------------------------------------------------------------------------


def test_another_tenant_sees_nothing(tenant, other_tenant, workspace, sign_in):
    stranger = sign_in(other_tenant.owner, other_tenant)
    assert [stranger.get(url(name, workspace)).status_code for name in PAGES] == [404] * len(PAGES)
    assert [stranger.post(url(name, workspace)).status_code for name in CHANGES] == [404] * len(CHANGES)
    assert stranger.get(url("cell", workspace, "p01", "phone")).status_code == 404
    assert stranger.post(url("delete", workspace, "p01")).status_code == 404
    assert "Nobody practises here yet" in stranger.get("/practice/").content.decode()
    intruder = sign_in(other_tenant.owner, tenant)
    assert intruder.get(url("table", workspace)).status_code == 404


def test_viewer_looks_member_edits_rows_admin_does_the_rest(tenant, workspace, member, sign_in):
    viewer, writer, admin = (sign_in(member(role), tenant) for role in ("viewer", "member", "admin"))
    shown = viewer.get(url("table", workspace)).content.decode()
    assert "Femke Nolan" in shown and "hx-post" not in shown.split('id="grid"')[1].split("</table>")[0]
    cell, gone = url("cell", workspace, "p01", "phone"), url("delete", workspace, "p12")
    assert viewer.get(cell).status_code == viewer.post(cell, {"value": "1"}).status_code == 403
    assert viewer.post(gone).status_code == viewer.post(url("add", workspace)).status_code == 403
    assert writer.post(cell, {"value": "+33 1 23 45 67"}).status_code == writer.post(gone).status_code == 303
    for name in ("column", "switch", "reset"):
        assert viewer.post(url(name, workspace)).status_code == writer.post(url(name, workspace)).status_code == 403
    told = "Owners and admins turn these switches."
    assert told in writer.get(url("table", workspace)).content.decode()
    assert told not in admin.get(url("table", workspace)).content.decode()
    assert admin.post(url("switch", workspace), {"switch": "slow"}).status_code == 303
    assert "slow" in Workspace.objects.get().faults


# --- the page ---------------------------------------------------------------------------------------------------------


def test_cell_is_edited_with_and_without_a_script(tenant_client, workspace):
    cell = url("cell", workspace, "p01", "email")
    page = tenant_client.get(cell).content.decode()
    assert "<html" in page and "E-mail of Femke Nolan" in page
    field = tenant_client.get(cell, headers={"HX-Request": "true"}).content.decode()
    assert "<html" not in field and 'type="email"' in field
    refused = tenant_client.post(cell, {"value": "nobody"}, headers={"HX-Request": "true"})
    assert refused.status_code == 422 and "not an e-mail address" in refused.content.decode()
    row = tenant_client.post(cell, {"value": "f@n.example"}, headers={"HX-Request": "true"}).content.decode()
    assert row.startswith("<tr") and "f@n.example" in row
    told = tenant_client.get(url("table", workspace)).content.decode()
    assert "Olga Acme changed E-mail of Femke Nolan" in told


@pytest.mark.parametrize(
    ("table", "field", "entered", "kept"),
    [
        ("people", "newsletter", "no", False),
        ("people", "score", "1 234,5", "1234.5"),
        ("people", "birthday", "2000-02-29", "2000-02-29"),
        ("people", "contacted", "2026-11-10T09:30", "2026-11-10T08:30:00Z"),
        ("people", "company", "c03", ["c03"]),
        ("people", "notes", "One\nTwo", "One\nTwo"),
        ("companies", "turnover", "1200,50 chf", {"amount": "1200.5", "currency": "CHF"}),
        ("companies", "employees", "12", 12),
        ("companies", "extra", '{"a": 1}', {"a": 1}),
    ],
)
def test_every_kind_of_cell_keeps_what_is_typed(tenant_client, workspace, table, field, entered, kept):
    ident = {"people": "p01", "companies": "c01"}[table]
    address = reverse("practice:cell", args=[workspace.pk, table, ident, field], urlconf="config.urls_tenant")
    assert tenant_client.post(address, {"value": entered}).status_code == 303
    home = workspace.tables.get(slug=table)
    assert home.rows.get(ident=ident).values[field] == kept
    opened = tenant_client.get(address).content.decode()
    assert "field-error" not in opened


def test_several_options_are_chosen(tenant_client, workspace):
    tenant_client.post(url("cell", workspace, "p01", "tags"), {"several": "1", "value": ["VIP", "Press"]})
    assert workspace.tables.get(slug="people").rows.get(ident="p01").values["tags"] == ["Press", "VIP"]


def test_nothing_new_is_not_sent(tenant_client, workspace):
    import re

    page = tenant_client.get(url("table", workspace)).content.decode()
    seen = re.search(r"live/\?seen=([\w.]+)", page)[1]
    assert tenant_client.get(url("live", workspace), {"seen": seen}).status_code == 204
    tenant_client.post(url("add", workspace))
    news = tenant_client.get(url("live", workspace), {"seen": seen})
    assert news.status_code == 200 and news.headers["HX-Trigger"] == "practice-changed"


def test_queries_do_not_grow_with_the_rows(tenant_client, workspace, django_assert_max_num_queries):
    table = workspace.tables.get(slug="people")
    for number in range(30):
        world.make(table, {"name": f"Person {number}", "company": ["c01"]})
    with django_assert_max_num_queries(24):
        tenant_client.get(url("table", workspace))


def test_it_goes_with_its_tenant(tenant):
    from tenants import lifecycle

    with schema_context("public"):
        leaving = lifecycle.create_tenant("Leaving", "leaving")
    with tenant_context(leaving):
        key = keys.make(world.open_workspace(uuid4(), "Practice"))
    assert keys.find(key) is not None
    schema = leaving.schema_name
    with connection.cursor() as cursor:
        cursor.execute(
            "SET CONSTRAINTS ALL IMMEDIATE"
        )  # all of this is one transaction, which else would have to end first
        lifecycle.delete_tenant(leaving)
        assert keys.find(key) is None
        cursor.execute("SELECT count(*) FROM pg_tables WHERE schemaname = %s", [schema])
        assert cursor.fetchone() == (0,)


def test_slow_answers_hold_no_more_than_a_few_threads(monkeypatch):
    slept, real, here = [], time.sleep, threading.get_ident()

    def sleep(seconds):
        if threading.get_ident() != here:
            return real(seconds)
        slept.append(seconds)
        return faults.dawdle()  # the next answer, while this one waits

    monkeypatch.setattr("time.sleep", sleep)
    faults.dawdle()
    assert slept == [faults.SLOW_SECONDS] * 2, "the third one is answered at once"
    slept.clear()
    faults.dawdle()
    assert len(slept) == 2, "and afterwards there is room again"


def test_a_table_without_columns_can_be_looked_at(workspace):
    from practice import shown, world

    table = world.add_table(workspace, "Empty")
    assert (table.title, shown.grid(table)["rows"]) == ("", [])


def test_a_character_that_cannot_be_stored_is_refused_with_words(tenant_client, tenant, workspace):
    sent = {"do": "add", "name": "Shoe\x00 size", "type": "text"}
    page = tenant_client.post(url("column", workspace), sent)
    part = tenant_client.post(url("column", workspace), sent, headers={"HX-Request": "true"})
    for answer in (page, part):
        assert answer.status_code == 400 and "a character that cannot be stored" in answer.content.decode()
    assert part.headers["Content-Type"].startswith("text/plain")  # it is shown beside the form, which stays as it is
