"""Settings › Fields: order, other types, and what a removal would lose."""

import re
import threading

import pytest
from django.db import connections
from django_tenants.utils import tenant_context

from crm import bulk_actions, custom_fields, feed, field_work, protection, records
from crm.models import BulkAction, Change, Contact, CustomField, SavedView
from integrations.models import FieldMapping, IntegrationInstance, Stream
from tests.kept import keep

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


# --- options are renamed -------------------------------------------------------------------------------------------------


@pytest.fixture
def level(tenant):
    return custom_fields.add("contact", "Level", "select", ["Gold", "Silver", "Tin"])


def rows(*pairs, seen=("Gold", "Silver", "Tin"), **more):
    """What the form sends: each row's words and the option that it was drawn for."""
    return {
        "label": "Level",
        "type": "select",
        "options": [text for text, _was in pairs],
        "options_was": [was for _text, was in pairs],
        "seen": list(seen),
    } | more


def levels():
    return sorted(custom["level"] for custom in Contact.objects.values_list("custom", flat=True))


def test_a_renaming_is_told_then_done_in_the_records_and_undone(level, tenant_client):
    first = contact(level="Gold")
    contact(level="Gold"), contact(level="Tin")
    SavedView.objects.create(entity="contact", name="Best ones", query="q=a&custom.level=Gold&sort=name")
    url, sent = f"{FIELDS}{level.pk}/", rows(("Best", "Gold"), ("Tin", "Tin"), ("Silver", "Silver"), ("New", ""))
    told = tenant_client.post(url, sent)
    text = told.content.decode()
    assert told.status_code == 200 and "“Gold” becomes “Best” in 2 records." in text
    assert levels() == ["Gold", "Gold", "Tin"] and not BulkAction.objects.exists(), "nothing is done yet"
    back = tenant_client.post(url, sent | {"rearrange": "back"})
    assert written(back) == ["Best", "Tin", "Silver", "New"]
    assert 'name="options_was" value="Gold"' in back.content.decode(), "it still is a renaming"
    done = tenant_client.post(url, sent | {"confirmed": "1"}, follow=True)
    action = BulkAction.objects.get()
    assert f"/records/contact/actions/{action.pk}/undo/" in done.content.decode()
    level.refresh_from_db()
    assert level.options == ["Best", "Tin", "Silver", "New"] and levels() == ["Best", "Best", "Tin"]
    assert records.history("contact", first.pk)[0]["changes"] == {"custom.level": ["Gold", "Best"]}
    assert SavedView.objects.get().query == "q=a&custom.level=Best&sort=name"
    contact(level="Best")
    tenant_client.post(f"/records/contact/actions/{action.pk}/undo/")
    level.refresh_from_db()
    assert level.options == ["Gold", "Tin", "Silver", "New"] and levels() == ["Gold", "Gold", "Gold", "Tin"]
    assert SavedView.objects.get().query == "q=a&custom.level=Gold&sort=name"


def test_a_renaming_tells_where_the_field_is_mapped(level, tenant_client):
    integration = IntegrationInstance.objects.create(provider="notion", name="Wiki")
    stream = Stream.objects.create(integration=integration, collection="c", collection_name="People", entity="contact")
    made = FieldMapping.objects.create(
        stream=stream, remote="r", local="custom.level", options={"values": {"g": "Gold"}}
    )
    sent = rows(("Best", "Gold"), ("Silver", "Silver"), ("Tin", "Tin"))
    assert "Wiki, People" in tenant_client.post(f"{FIELDS}{level.pk}/", sent).content.decode()
    assert tenant_client.post(f"{FIELDS}{level.pk}/", sent | {"confirmed": "1"}).status_code == 303
    made.refresh_from_db()
    assert made.options == {"transforms": [{"name": "values", "pairs": [["g", "Best"]]}]}
    stream.refresh_from_db()
    assert stream.version == 2, "a run at work begins anew"


def test_what_nobody_holds_is_renamed_without_asking(level, tenant_client):
    contact(level="Tin")
    sent = rows(("Best", "Gold"), ("Silver", "Silver"), ("Tin", "Tin"))
    assert tenant_client.post(f"{FIELDS}{level.pk}/", sent).status_code == 303
    level.refresh_from_db()
    assert level.options == ["Best", "Silver", "Tin"] and levels() == ["Tin"]


def test_one_removed_and_another_added_is_no_renaming(level, tenant_client):
    contact(level="Gold")
    sent = rows(("Silver", "Silver"), ("Tin", "Tin"), ("Best", ""))
    assert tenant_client.post(f"{FIELDS}{level.pk}/", sent).status_code == 303
    level.refresh_from_db()
    assert level.options == ["Silver", "Tin", "Best"] and levels() == ["Gold"] and not BulkAction.objects.exists()


def test_without_a_script_rows_keep_what_they_were_drawn_for(level, tenant_client):
    sent = rows(("Best", "Gold"), ("Silver", "Silver"), ("Tin", "Tin"))
    html = tenant_client.post(f"{FIELDS}{level.pk}/", sent | {"rearrange": "down-0"}).content.decode()
    html = re.sub(r"<template>.*?</template>", "", html, flags=re.S)
    assert re.findall(r'name="options_was" value="([^"]*)"', html) == ["Silver", "Gold", "Tin"]
    assert re.findall(r'name="seen" value="([^"]*)"', html) == ["Gold", "Silver", "Tin"]


@pytest.mark.parametrize(
    ("pairs", "words"),
    [
        ([("Tin", "Gold"), ("Silver", "Silver"), ("Tin", "Tin")], "There is an option “Tin” already"),
        ([("Tin", "Gold"), ("Silver", "Silver"), ("Gold", "Tin")], "There is an option “Tin” already"),
        ([("Best", "Gold"), ("Gold", ""), ("Silver", "Silver"), ("Tin", "Tin")], "is being renamed"),
        ([("Best", "Gold"), ("Best", "Silver"), ("Tin", "Tin")], "Two options cannot get the same name"),
        ([("Best", "Lead"), ("Silver", "Silver"), ("Tin", "Tin")], "was renamed or removed meanwhile"),
    ],
)
def test_what_would_mix_options_up_is_refused(pairs, words, level, tenant_client):
    contact(level="Gold")
    for confirmed in ({}, {"confirmed": "1"}):
        refused = tenant_client.post(f"{FIELDS}{level.pk}/", rows(*pairs) | confirmed)
        assert refused.status_code == 422 and words in refused.content.decode()
    level.refresh_from_db()
    assert level.options == ["Gold", "Silver", "Tin"] and levels() == ["Gold"]


def test_two_who_edit_the_options_keep_each_others_changes(level, tenant_client):
    contact(level="Gold")
    tenant_client.post(
        f"{FIELDS}{level.pk}/",
        rows(("Best", "Gold"), ("Silver", "Silver"), ("Tin", "Tin"), ("Iron", ""), confirmed="1"),
    )
    late = rows(("Tin", "Tin"), ("Silver", "Silver"), ("Gold", "Gold"), ("Lead", ""))
    assert tenant_client.post(f"{FIELDS}{level.pk}/", late).status_code == 303
    level.refresh_from_db()
    assert level.options == ["Tin", "Silver", "Lead", "Best", "Iron"] and levels() == ["Best"]


def test_of_several_options_one_is_renamed_also_in_read_only_records(tenant):
    tags = custom_fields.add("contact", "Tags", "multi_select", ["a", "b", "c"])
    kept = contact(tags=["c", "a"])
    other = contact(tags=["b"])
    keep(kept.pk)
    assert protection.read_only("contact", [kept.pk])
    _field, action = custom_fields.edit(tags.pk, custom_fields.Wanted(renamed={"a": "z", "b": "y"}), feed.SYSTEM)
    assert [records.get("contact", pk).values["custom.tags"] for pk in (kept.pk, other.pk)] == [["c", "z"], ["y"]]
    assert (action.changed, Change.objects.filter(operation="update").count()) == (2, 2)
    bulk_actions.take_back(action, feed.SYSTEM)
    assert [records.get("contact", pk).values["custom.tags"] for pk in (kept.pk, other.pk)] == [["a", "c"], ["b"]]


def test_a_renaming_is_not_undone_into_another_meaning(level):
    contact(level="Gold")
    wanted = custom_fields.Wanted
    _field, action = custom_fields.edit(level.pk, wanted(renamed={"Gold": "Best"}), feed.SYSTEM)
    custom_fields.edit(level.pk, wanted(options=["Best", "Silver", "Tin", "Gold"]), feed.SYSTEM)
    with pytest.raises(records.Invalid, match="There is an option “Gold” again"):
        bulk_actions.take_back(action, feed.SYSTEM)
    custom_fields.edit(level.pk, wanted(options=["Silver", "Tin"]), feed.SYSTEM)
    with pytest.raises(records.Invalid, match="no option any more"):
        bulk_actions.take_back(action, feed.SYSTEM)
    level.refresh_from_db()
    custom_fields.remove(level, feed.SYSTEM)
    with pytest.raises(records.Invalid, match="removed since"):
        bulk_actions.take_back(action, feed.SYSTEM)


def test_two_who_rename_one_option_at_once(live_tenant):
    """The second one waits, and is told; the records have one new name, and it is an option."""
    level = custom_fields.add("contact", "Level", "select", ["Gold", "Tin"])
    Contact.objects.bulk_create(Contact(name=f"C{i}", custom={"level": "Gold"}) for i in range(20))
    both, told = threading.Barrier(2), []

    def rename(to):
        with tenant_context(live_tenant):
            both.wait()
            try:
                custom_fields.edit(level.pk, custom_fields.Wanted(renamed={"Gold": to}), feed.SYSTEM)
            except custom_fields.Refused as error:
                told.append(str(error))
        connections.close_all()

    people = [threading.Thread(target=rename, args=[to]) for to in ("Best", "Top")]
    [one.start() for one in people]
    [one.join() for one in people]
    assert len(told) == 1 and "renamed or removed meanwhile" in told[0]
    level.refresh_from_db()
    assert level.options[1:] == ["Tin"] and set(levels()) == {level.options[0]} <= {"Best", "Top"}
    assert BulkAction.objects.count() == 1 and Change.objects.filter(operation="update").count() == 20


def test_two_who_remove_one_field_at_once(live_tenant):
    level = custom_fields.add("contact", "Level", "select", ["Gold"])
    Contact.objects.bulk_create(Contact(name=f"C{i}", custom={"level": "Gold"}) for i in range(20))
    both, told = threading.Barrier(2), []

    def remove():
        with tenant_context(live_tenant):
            field = CustomField.objects.get(pk=level.pk)
            both.wait()
            try:
                custom_fields.remove(field, feed.SYSTEM)
            except custom_fields.Refused as error:
                told.append(str(error))
        connections.close_all()

    people = [threading.Thread(target=remove) for _ in range(2)]
    [one.start() for one in people]
    [one.join() for one in people]
    assert told == ["The field was removed since."] and BulkAction.objects.get().changed == 20
    assert bulk_actions.take_back(BulkAction.objects.get(), feed.SYSTEM).undone == 20 and set(levels()) == {"Gold"}


def test_only_who_manages_undoes_what_befell_a_field(level, tenant, member, sign_in, other_tenant):
    contact(level="Gold")
    once = member("member")
    action = custom_fields.remove(level, feed.SYSTEM, once.pk)  # an admin then
    undo = f"/records/contact/actions/{action.pk}/undo/"
    assert sign_in(once, tenant).post(undo).status_code == 404
    assert sign_in(other_tenant.owner, other_tenant).post(undo).status_code == 404
    assert not CustomField.objects.exists()
    assert sign_in(member("admin"), tenant).post(undo).status_code == 303
    assert CustomField.objects.get().name == "level" and levels() == ["Gold"]


def test_a_removal_that_goes_on_is_shown_among_the_fields(level, tenant_client, monkeypatch):
    contact(level="Gold"), contact(level="Tin")
    monkeypatch.setattr(bulk_actions, "INLINE", 1)
    gone = tenant_client.post(f"{FIELDS}{level.pk}/remove/")
    action = BulkAction.objects.get()
    assert gone.status_code == 303 and gone.url == f"/records/contact/actions/{action.pk}/"
    assert "Remove the field Level" in tenant_client.get(gone.url).content.decode()
    assert gone.url in tenant_client.get(FIELDS).content.decode()
    bulk_actions.run(action.pk)
    assert gone.url not in tenant_client.get(FIELDS).content.decode() and not field_work.going_on()


def test_page_names_the_fields_that_are_there_anyway(tenant_client):
    custom_fields.add("deal", "Tier", "text")
    page = tenant_client.get(FIELDS).content.decode()
    assert "As in every organisation: Name, " in page and "Besides, as in every organisation: Name, " in page
