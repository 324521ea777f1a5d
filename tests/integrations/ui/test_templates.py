"""Making tables from a template, as people do it."""

from __future__ import annotations

import pytest
from django.urls import reverse

from integrations.services import templates


def address(integration):
    return reverse("connections:template", args=[integration.pk])


@pytest.fixture
def place(begun):
    return templates.places(begun)[0].id


def test_the_wizard_leads_to_the_templates_and_from_there_to_the_mapping(begun, tenant_client, place):
    step = tenant_client.get(reverse("connections:setup", args=[begun.pk, "map"]))
    assert address(begun) in step.content.decode()
    shown = tenant_client.get(address(begun)).content.decode()
    assert "Sales pipeline" in shown and f'value="{place}"' in shown
    answer = tenant_client.post(address(begun), {"template": "contacts", "place": place})
    first = begun.streams.order_by("pk").first()
    assert (answer.status_code, answer["Location"]) == (303, reverse("connections:mapping", args=[begun.pk, first.pk]))
    assert [one.entity for one in begun.streams.order_by("pk")] == ["company", "contact"]


def test_what_is_not_offered_is_refused_at_its_field(begun, tenant_client, place):
    for wrong in ({"template": "moon", "place": place}, {"template": "tasks", "place": "elsewhere"}, {}):
        assert tenant_client.post(address(begun), wrong).status_code == 422
    assert not begun.streams.exists()


def test_a_tool_that_does_not_answer_is_told(begun, tenant_client, notion):
    notion.fail(fault="status", status=503, path="/v1/search$", times=None)
    shown = tenant_client.get(address(begun))
    assert shown.status_code == 200 and "does not say where tables can be made" in shown.content.decode()


@pytest.mark.parametrize("role", ["viewer", "member"])
def test_only_admins_make_tables(begun, tenant, member, sign_in, role):
    client = sign_in(member(role), tenant)
    assert client.get(address(begun)).status_code == client.post(address(begun), {}).status_code == 403


def test_another_tenant_finds_nothing(begun, other_tenant, sign_in):
    assert sign_in(other_tenant.owner, other_tenant).get(address(begun)).status_code == 404
