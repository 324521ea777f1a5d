"""Settings › Fields: order, other types, and what a removal would lose."""

import re

import pytest

from crm import custom_fields, feed, records
from crm.models import Contact, CustomField
from integrations.models import FieldMapping, IntegrationInstance, Stream

FIELDS = "/settings/fields/"


@pytest.fixture
def tier(tenant):
    return custom_fields.add("contact", "Tier", "text")


def contact(**own):
    made = records.create(
        "contact", {"name": "Ada"} | {f"custom.{name}": value for name, value in own.items()}, feed.SYSTEM
    )
    return Contact.objects.get(pk=made.id)


@pytest.fixture
def mapped(tier):
    integration = IntegrationInstance.objects.create(provider="notion", name="Wiki")
    stream = Stream.objects.create(
        integration=integration, collection="c", collection_name="People", entity="contact", direction="both"
    )
    return FieldMapping.objects.create(stream=stream, remote="r", local="custom.tier", direction="both")


def test_fields_change_places(tenant, tier, tenant_client):
    custom_fields.add("contact", "Source", "text")
    last = custom_fields.add("contact", "Rank", "text")
    tenant_client.post(f"{FIELDS}{last.pk}/move/", {"to": "up"})
    tenant_client.post(f"{FIELDS}{tier.pk}/move/", {"to": "up"})
    assert list(CustomField.objects.values_list("label", flat=True)) == ["Tier", "Rank", "Source"]
    tenant_client.post(f"{FIELDS}{tier.pk}/move/", {"to": "down"})
    assert list(CustomField.objects.values_list("label", flat=True)) == ["Rank", "Tier", "Source"]


def test_a_text_becomes_a_choice_of_what_was_written(tier, tenant_client):
    first, second = contact(tier="Gold"), contact(tier="Tin")
    tenant_client.post(f"{FIELDS}{tier.pk}/", {"label": "Tier", "type": "select"})
    tier.refresh_from_db()
    assert (tier.type, tier.options) == ("select", ["Gold", "Tin"])
    answer = tenant_client.post(
        f"{FIELDS}{tier.pk}/", {"label": "Tiers", "type": "multi_select", "options": "Gold\nTin"}
    )
    assert answer.status_code == 303
    first.refresh_from_db()
    second.refresh_from_db()
    assert first.custom == {"tier": ["Gold"]} and second.custom == {"tier": ["Tin"]}
    assert records.get("contact", first.pk).values["custom.tier"] == ["Gold"]


def test_what_would_lose_values_is_not_offered(tier, tenant_client):
    assert tenant_client.post(f"{FIELDS}{tier.pk}/", {"label": "Tier", "type": "boolean"}).status_code == 422
    contact(tier="x" * 101)
    refused = tenant_client.post(f"{FIELDS}{tier.pk}/", {"label": "Other", "type": "select"})
    assert refused.status_code == 422 and "too long to be options" in refused.content.decode()
    tier.refresh_from_db()
    assert (tier.type, tier.label) == ("text", "Tier"), "nothing of it was saved"


def test_a_mapped_field_keeps_its_type(tier, mapped, tenant_client):
    refused = tenant_client.post(f"{FIELDS}{tier.pk}/", {"label": "Tier", "type": "long_text"})
    assert refused.status_code == 422 and "Wiki, People" in refused.content.decode()


def test_a_removal_tells_first_what_is_lost(tier, mapped, tenant_client):
    contact(tier="Gold"), contact(tier="Tin"), contact()
    text = tenant_client.get(f"{FIELDS}{tier.pk}/remove/").content.decode()
    assert "2 records have a value in it" in text and "Wiki, People" in text
    assert CustomField.objects.exists()
    tenant_client.post(f"{FIELDS}{tier.pk}/remove/")
    assert not CustomField.objects.exists() and not Contact.objects.filter(custom__has_key="tier").exists()


def test_doors(tier, tenant, member, sign_in, other_tenant):
    for path in ("move/", "remove/", ""):
        assert sign_in(member("member"), tenant).post(f"{FIELDS}{tier.pk}/{path}").status_code == 403
        assert sign_in(other_tenant.owner, other_tenant).post(f"{FIELDS}{tier.pk}/{path}").status_code == 404


def written(answer):
    """The options that the form shows, in their order."""
    would_be_added = re.compile(r"<template>.*?</template>", re.S)
    html = would_be_added.sub("", answer.content.decode())
    return re.findall(r'name="options" value="([^"]*)"', html)


def test_options_are_moved_added_and_removed_without_a_script(tenant, tenant_client):
    tier = custom_fields.add("contact", "Tier", "select", ["Gold", "Silver", "Tin"])
    url, rows = f"{FIELDS}{tier.pk}/", {"label": "Level", "type": "select", "options": ["Gold", "Silver", "Tin"]}
    for asked, shown in (
        ("up-2", ["Gold", "Tin", "Silver"]),
        ("down-0", ["Silver", "Gold", "Tin"]),
        ("up-0", ["Gold", "Silver", "Tin"]),
        ("remove-1", ["Gold", "Tin"]),
        ("add", ["Gold", "Silver", "Tin", ""]),
        ("remove-9", ["Gold", "Silver", "Tin"]),
        ("away", ["Gold", "Silver", "Tin"]),
    ):
        answer = tenant_client.post(url, rows | {"rearrange": asked})
        assert answer.status_code == 200 and written(answer) == shown, asked
        assert 'value="Level"' in answer.content.decode(), "what else was typed stays"
    tier.refresh_from_db()
    assert (tier.label, tier.options) == ("Tier", ["Gold", "Silver", "Tin"]), "nothing was saved"
    tenant_client.post(url, rows | {"options": ["Tin", " Gold ", "", "Tin"]})
    tier.refresh_from_db()
    assert (tier.label, tier.options) == ("Level", ["Tin", "Gold"])


def test_a_field_being_added_keeps_its_options_while_they_move(tenant, tenant_client):
    typed = {"label": "Tier", "type": "select", "options": ["Tin", "Gold"]}
    answer = tenant_client.post(f"{FIELDS}deal/add/", typed | {"rearrange": "up-1"})
    assert answer.status_code == 200 and CustomField.objects.count() == 0
    assert [option for option in written(answer) if option] == ["Gold", "Tin"]
    assert answer.content.decode().count('<details class="disclosure" open>') == 1
