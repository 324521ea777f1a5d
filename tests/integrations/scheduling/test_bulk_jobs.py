"""A bulk action of many records is a job: whoever is free does a part of it, and a lost message does no harm."""

import datetime as dt

import pytest
from django.http import QueryDict
from django.utils import timezone

from crm import bulk_actions, custom_fields, feed, records
from crm.models import BulkAction, Contact, CustomField
from crm.selection import Selection
from integrations.scheduling import dispatch, jobs
from integrations.scheduling.models import Job


@pytest.fixture
def five(tenant, monkeypatch):
    monkeypatch.setattr(bulk_actions, "INLINE", 2)
    monkeypatch.setattr(bulk_actions, "CHUNK", 2)
    Contact.objects.bulk_create(Contact(name=f"C{i}", custom={"tier": "Gold"}) for i in range(5))


def ask():
    every = Selection.of(records.describe("contact"), QueryDict("all=1&match="))
    return bulk_actions.do(every, "set", "status", "Lead", feed.SYSTEM, None)


def die_in(action_id, schema, chunks=1):
    """A worker takes the job, does so many chunks, and is gone; its lease runs out."""
    assert jobs._claim(schema, action_id)
    for _chunk in range(chunks):
        bulk_actions.step(action_id)
    Job.objects.filter(pk=action_id).update(
        leased_until=timezone.now() - dt.timedelta(seconds=1),
        asked_at=timezone.now() - dt.timedelta(minutes=5),
        woken_at=None,
    )


def held(name="tier"):
    return [custom.get(name) for custom in Contact.objects.values_list("custom", flat=True)]


def test_many_records_are_changed_by_a_job(tenant, five):
    action = ask()
    assert action.state == "running" and Job.objects.get().kind == "bulk"
    assert jobs.do(tenant.schema_name, action.pk) == "done" and not Job.objects.exists()
    assert Contact.objects.filter(status="Lead").count() == 5 and BulkAction.objects.get().state == "done"


def test_where_a_worker_died_another_goes_on(tenant, five):
    action = ask()
    die_in(action.pk, tenant.schema_name)
    assert BulkAction.objects.get().seen == 2 and BulkAction.objects.get().state == "running"
    assert jobs.wake() == 1, "whoever looks for what is due finds it"
    assert jobs.do(tenant.schema_name, action.pk) == "done"
    action.refresh_from_db()
    assert (action.state, action.changed) == ("done", 5) and not Job.objects.exists()


def test_one_over_which_every_worker_dies_is_told_as_stopped_and_can_be_undone(tenant, five):
    action = ask()
    for attempt in range(jobs.ATTEMPTS):
        die_in(action.pk, tenant.schema_name, chunks=0 if attempt else 1)
    assert jobs.do(tenant.schema_name, action.pk) == "done"
    action.refresh_from_db()
    assert (action.state, action.changed) == ("failed", 2) and not Job.objects.exists()
    assert bulk_actions.take_back(action, feed.SYSTEM).state == "undoing"
    assert jobs.do(tenant.schema_name, action.pk) == "done" and not Contact.objects.filter(status="Lead").exists()


def test_one_whose_job_is_gone_is_taken_up_again(tenant, five):
    action, fresh = ask(), ask()
    Job.objects.all().delete()
    BulkAction.objects.filter(pk=action.pk).update(touched_at=timezone.now() - dt.timedelta(hours=2))
    dispatch.prune(tenant.schema_name)
    assert [job.pk for job in Job.objects.all()] == [action.pk], f"{fresh.pk} may be at work just now"
    assert jobs.do(tenant.schema_name, action.pk) == "done" and BulkAction.objects.get(pk=action.pk).state == "done"


def test_nobody_takes_up_that_of_another_tenant(tenant, other_tenant, five):
    action = ask()
    Job.objects.all().delete()
    BulkAction.objects.update(touched_at=timezone.now() - dt.timedelta(hours=2))
    dispatch.prune(other_tenant.schema_name)
    assert not Job.objects.exists()
    dispatch.prune(tenant.schema_name)
    assert jobs.do(other_tenant.schema_name, action.pk) == "not waiting", "nor does it"
    assert Job.objects.get().tenant_id == tenant.pk


def test_a_field_goes_at_once_and_its_values_follow_also_past_a_death(tenant, five):
    tier = custom_fields.add("contact", "Tier", "select", ["Gold", "Tin"])
    action = custom_fields.remove(tier, feed.SYSTEM)
    assert action.state == "running" and not CustomField.objects.exists() and held() == ["Gold"] * 5
    die_in(action.pk, tenant.schema_name)
    assert held().count("Gold") == 3
    again = custom_fields.add("contact", "Tier", "text")
    assert again.name == "tier_2", "what is still going is not the value of a field of that name"
    jobs.wake()
    assert jobs.do(tenant.schema_name, action.pk) == "done" and held() == [None] * 5
    action.refresh_from_db()
    assert bulk_actions.take_back(action, feed.SYSTEM).state == "undoing"
    assert jobs.do(tenant.schema_name, action.pk) == "done" and held() == ["Gold"] * 5
    assert {row.name: row.options for row in CustomField.objects.all()} == {"tier": ["Gold", "Tin"], "tier_2": []}


def test_options_are_renamed_in_the_background_and_back(tenant, five):
    tier = custom_fields.add("contact", "Tier", "select", ["Gold", "Tin"])
    tier, action = custom_fields.edit(tier.pk, custom_fields.Wanted(renamed={"Gold": "Best"}), feed.SYSTEM)
    assert tier.options == ["Best", "Tin"] and action.state == "running" and action.total == 5
    for asked in ({"renamed": {"Best": "Top"}}, {"type": "multi_select"}):
        with pytest.raises(custom_fields.Refused, match="being changed just now"):
            custom_fields.edit(tier.pk, custom_fields.Wanted(**asked), feed.SYSTEM)
    with pytest.raises(custom_fields.Refused, match="being changed just now"):
        custom_fields.remove(tier, feed.SYSTEM)
    die_in(action.pk, tenant.schema_name)
    first = Contact.objects.filter(custom__tier="Best").order_by("pk").first()
    Contact.objects.filter(pk=first.pk).update(custom={"tier": "Gold"})  # by whoever still wrote by the old name
    jobs.wake()
    assert jobs.do(tenant.schema_name, action.pk) == "done" and held() == ["Best"] * 5, (
        "it looked again from the beginning"
    )
    action.refresh_from_db()
    bulk_actions.take_back(action, feed.SYSTEM)
    assert jobs.do(tenant.schema_name, action.pk) == "done" and held() == ["Gold"] * 5
    assert BulkAction.objects.get(pk=action.pk).state == "undone"


def test_one_value_is_a_list_at_once_for_who_reads_it(tenant, five):
    tier = custom_fields.add("contact", "Tier", "select", ["Gold", "Tin"])
    _field, action = custom_fields.edit(tier.pk, custom_fields.Wanted(type="multi_select"), feed.SYSTEM)
    assert action.state == "running" and held() == ["Gold"] * 5
    found = Selection.of(records.describe("contact"), QueryDict("custom.tier=Gold")).matching
    assert found.count() == 5
    one = Contact.objects.first()
    assert records.get("contact", one.pk).values["custom.tier"] == ["Gold"]
    records.update("contact", one.pk, {"custom.tier": ["Gold", "Tin"]}, feed.SYSTEM)
    assert jobs.do(tenant.schema_name, action.pk) == "done"
    assert sorted(held()) == [["Gold"]] * 4 + [["Gold", "Tin"]] and found.count() == 5
    action.refresh_from_db()
    assert bulk_actions.take_back(action, feed.SYSTEM) is None, "two values are not one again"


def test_a_chunk_of_a_renaming_costs_no_query_for_each_record(tenant, monkeypatch, django_assert_max_num_queries):
    monkeypatch.setattr(bulk_actions, "CHUNK", 50)
    custom_fields.add("contact", "Tier", "select", ["Gold", "Tin"])
    Contact.objects.bulk_create(Contact(name=f"C{i}", custom={"tier": "Gold" if i % 2 else "Tin"}) for i in range(100))
    action = BulkAction.objects.create(
        entity="contact",
        kind="rename",
        field="custom.tier",
        value={"Gold": "Best"},
        query="",
        total=50,
        actor={"kind": "x"},
    )
    with django_assert_max_num_queries(16):
        assert bulk_actions.step(action.pk)
    assert Contact.objects.filter(custom__tier="Best").count() == 50
    assert bulk_actions.run(action.pk) and held().count("Best") == 50
