"""Tables made from a template: in an empty page of Notion, over HTTP, ready to sync, and never twice."""

from __future__ import annotations

import httpx
import pytest
from django.db import connection

from crm import feed, records
from integrations.catalog.models import Provider
from integrations.models import IntegrationInstance, RecordLink
from integrations.scheduling import dispatch
from integrations.services import lifecycle, setup, templates
from integrations.services.connect import Refused

TOKEN = "ntn_sandbox_demo"
ADA = feed.Actor("user", "1", "Ada")


@pytest.fixture
def page(sandbox, sandbox_notion):
    """An empty page of Notion, shared with the connection."""
    headers = {"Authorization": f"Bearer {TOKEN}", "Notion-Version": "2026-03-11"}
    with httpx.Client(base_url=sandbox.url("notion"), headers=headers, timeout=10) as client:
        found = client.post("/v1/search", json={"filter": {"property": "object", "value": "page"}}).json()["results"]
        home = next(one["id"] for one in found if one["parent"]["type"] == "workspace")
        title = {"title": [{"type": "text", "text": {"content": "Sales"}}]}
        made = client.post("/v1/pages", json={"parent": {"page_id": home}, "properties": {"title": title}})
    assert made.status_code == 200, made.text
    return made.json()["id"]


@pytest.fixture
def notion(tenant, page, sandbox_notion):
    Provider.objects.filter(slug="notion").update(requests_per_minute=1_000_000)
    return setup.create("notion", "Notion", {"token": TOKEN})


def of(integration, slug):
    return templates.find(integration, slug)


def test_the_page_is_among_the_places_and_rows_are_not(notion, page, sandbox_notion):
    sandbox_notion.seed("crm", contacts=3, companies=2, deals=1, tasks=1)
    names = [one.name for one in templates.places(notion)]
    assert names.count("Sales") == 1 and len(names) == 2  # and the home of the tables that were sown


def test_a_pipeline_is_made_and_every_field_of_it_is_mapped_both_ways(notion, page, sandbox_notion):
    made = templates.make(notion, of(notion, "pipeline"), page)
    assert [(one.entity, one.collection_name) for one in made] == [
        ("company", "Companies"),
        ("contact", "Contacts"),
        ("deal", "Deals"),
        ("task", "Tasks"),
    ]
    for stream, table in zip(made, of(notion, "pipeline").tables, strict=True):
        mapped = {one.local: one.direction for one in stream.mappings.all()}
        assert mapped == dict.fromkeys(table.fields, "both")
    assert {row["name"] for row in sandbox_notion.tables()} == {"Companies", "Contacts", "Deals", "Tasks"}
    assert not lifecycle.ready_problems(notion)


@pytest.mark.parametrize("lost", range(1, 5))
def test_made_again_after_a_lost_answer_nothing_stands_twice(notion, page, sandbox_notion, lost):
    sandbox_notion.fail(fault="drop_after", method="POST", path="^/v1/databases$", after=lost - 1, times=1)
    with pytest.raises(Refused):
        templates.make(notion, of(notion, "pipeline"), page)
    sandbox_notion.clear_faults()
    templates.make(notion, of(notion, "pipeline"), page)
    assert sorted(row["name"] for row in sandbox_notion.tables()) == ["Companies", "Contacts", "Deals", "Tasks"]
    assert notion.streams.count() == 4
    templates.make(notion, of(notion, "pipeline"), page)
    assert len(sandbox_notion.tables()) == notion.streams.count() == 4


def test_what_is_made_syncs(live_tenant, page, sandbox_notion):
    Provider.objects.filter(slug="notion").update(requests_per_minute=1_000_000)
    notion = setup.create("notion", "Notion", {"token": TOKEN})
    templates.make(notion, of(notion, "pipeline"), page)
    firm = records.create("company", {"name": "Rossi SpA"}, ADA)
    person = records.create("contact", {"name": "Ada", "email": "ada@rossi.example", "company": [firm.id]}, ADA)
    amount = {"amount": "1200", "currency": "EUR"}
    records.create("deal", {"name": "Fair", "amount": amount, "contacts": [person.id], "company": [firm.id]}, ADA)
    lifecycle.activate(notion)
    for _turn in range(6):
        dispatch.run_if_due(connection.schema_name, notion.pk)
        lifecycle.sync_now(IntegrationInstance.objects.get())
    rows = {
        row["title"]: row["values"] for name in ("Companies", "Contacts", "Deals") for row in sandbox_notion.rows(name)
    }
    assert set(rows) == {"Rossi SpA", "Ada", "Fair"}
    assert rows["Ada"]["E-mail"] == "ada@rossi.example"
    assert rows["Fair"]["Amount"] in (1200, 1200.0, "1200")
    assert rows["Fair"]["Company"] and rows["Fair"]["Contacts"] and rows["Ada"]["Company"]
    assert RecordLink.objects.filter(state="linked").count() == 3


def test_what_cannot_be_made_is_refused(notion, page, sandbox_notion):
    with pytest.raises(Refused) as refused:
        templates.find(notion, "moon")
    assert refused.value.code == "no_template"
    with pytest.raises(Refused) as refused:
        templates.make(notion, of(notion, "tasks"), "")
    assert refused.value.code == "missing"
    with pytest.raises(Refused):
        templates.make(notion, of(notion, "tasks"), "00000000-0000-0000-0000-000000000000")
    assert not notion.streams.exists()
