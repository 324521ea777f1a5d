"""An option that is renamed here: the tool keeps its own name, is sent nothing, and brings nothing back under the old one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from django.db import connection

from crm import bulk_actions, custom_fields, feed, records
from crm.models import BulkAction, Contact, CustomField
from integrations.adapters.base import Field
from integrations.models import Conflict, FieldMapping, RecordLink, SetAside, Stream
from integrations.services import field_use
from integrations.sync.store import MappingChanged
from tests.simulation import play
from tests.simulation.memory import Profile
from tests.simulation.play import Play
from values import Type

LEVEL = "custom.level"
WANTED = custom_fields.Wanted


def begin(live_tenant: Any, monkeypatch: Any, there: Field, kind: str = "select", **rules: Any) -> Play:
    schema = play.CONTACTS
    monkeypatch.setitem(play.SCHEMAS, "contact", replace(schema, fields=(*schema.fields, there)))
    monkeypatch.setitem(play.PAIRS, "contact", {"name": "name", "email": "mail", LEVEL: there.id})
    custom_fields.add("contact", "Level", kind, ["Gold", "Tin"])
    return Play(live_tenant, Profile(), entities=("contact",), rules={LEVEL: rules})


@pytest.fixture
def story(live_tenant: Any, monkeypatch: Any) -> Iterator[Play]:
    made = begin(live_tenant, monkeypatch, Field("grade", "Grade", Type.SELECT, options=("gold", "Tin")))
    yield made
    made.close()


def rename(**names: str) -> BulkAction:
    field, action = custom_fields.edit(CustomField.objects.get(name="level").pk, WANTED(renamed=names), feed.SYSTEM)
    assert action is not None
    return action


def new(story: Play, level: str) -> tuple[str, str]:
    """A pair: (id here, id there)."""
    number = Contact.objects.count()
    values = {"name": f"v{9000 + number}", "email": f"v{9000 + number}@x.example", LEVEL: level}
    pk = records.create("contact", values, feed.SYSTEM).id
    story.run()
    return pk, str(RecordLink.objects.get(record_id=pk).remote_id)


def here(pk: str) -> Any:
    return records.get("contact", pk).values[LEVEL]


def pairs() -> list[list[str]]:
    [step] = FieldMapping.objects.get(local=LEVEL).options["transforms"]
    assert step["name"] == "values"
    return sorted(step["pairs"])


def test_the_tool_keeps_its_name_and_is_sent_nothing(story):
    ours, theirs = new(story, "Gold")
    other, there = new(story, "Tin")
    assert story.world.rows[theirs].values["grade"] == "gold"
    story.run()
    sent = story.world.calls["push"]
    action = rename(Gold="Best")
    story.run()
    story.run()
    assert (here(ours), story.world.rows[theirs].values["grade"]) == ("Best", "gold")
    assert story.world.calls["push"] == sent
    assert CustomField.objects.get().options == ["Best", "Tin"], "the old name did not come in again"
    story.world.edit(there, "grade", "gold")
    story.world.rest()
    story.run()
    assert here(other) == "Best"
    records.update("contact", ours, {LEVEL: "Tin"}, feed.SYSTEM)
    story.run()
    records.update("contact", ours, {LEVEL: "Best"}, feed.SYSTEM)
    story.run()
    assert story.world.rows[theirs].values["grade"] == "gold", "it goes out under the name that it has there"
    assert bulk_actions.take_back(action, feed.SYSTEM)
    sent = story.world.calls["push"]
    story.run()
    assert (here(ours), here(other)) == ("Gold", "Gold") and story.world.calls["push"] == sent
    assert CustomField.objects.get().options == ["Gold", "Tin"]
    assert not Conflict.objects.exists() and not SetAside.objects.exists()


def test_runs_between_the_chunks(story, monkeypatch):
    """Both sides go on being edited while the records follow, forwards and back."""
    monkeypatch.setattr(bulk_actions, "CHUNK", 1)
    FieldMapping.objects.filter(local=LEVEL).update(options={"values": {"gold": "Gold"}})
    pairs = [new(story, "Gold") for _ in range(4)]
    monkeypatch.setattr(bulk_actions, "INLINE", 1)
    action = rename(Gold="Best")
    assert action.state == "running" and [here(ours) for ours, _theirs in pairs] == ["Gold"] * 4

    def go_on(name: str) -> None:
        at = 0
        while bulk_actions.step(action.pk):
            ours, theirs = pairs[at % 4]
            if at % 2:
                story.world.edit(
                    theirs, "grade", "Tin" if story.world.rows[theirs].values["grade"] == "gold" else "gold"
                )
            else:
                records.update("contact", ours, {LEVEL: "Tin" if here(ours) == name else name}, feed.SYSTEM)
            story.world.rest()
            story.run()
            at += 1
        story.come_to_rest()
        there = {"gold": name, "Tin": "Tin"}
        assert [here(ours) for ours, _ in pairs] == [there[story.world.rows[t].values["grade"]] for _, t in pairs]
        assert not Conflict.objects.exists() and not SetAside.objects.exists()
        assert CustomField.objects.get().options == [name, "Tin"]

    go_on("Best")
    assert bulk_actions.begin_undo(action.pk, feed.SYSTEM)
    go_on("Gold")


def test_a_list_of_values_follows(story):
    FieldMapping.objects.filter(local=LEVEL).update(options={"values": {"gold": "Gold", "Tin": "Tin"}})
    ours, _theirs = new(story, "Gold")
    action = rename(Gold="Best", Tin="Least")
    assert pairs() == [["Tin", "Least"], ["gold", "Best"]]
    story.run()
    assert here(ours) == "Best" and not SetAside.objects.exists()
    bulk_actions.take_back(action, feed.SYSTEM)
    assert pairs() == [["Tin", "Tin"], ["gold", "Gold"]]


def test_one_of_several_options(live_tenant, monkeypatch):
    there = Field("grades", "Grades", Type.MULTI_SELECT, options=("Gold", "Tin"), creates_options=True)
    story = begin(live_tenant, monkeypatch, there, kind="multi_select")
    ours, theirs = new(story, ["Gold", "Tin"])  # type: ignore[arg-type]
    story.run()
    sent = story.world.calls["push"]
    action = rename(Gold="Zinc")
    story.come_to_rest()
    assert (here(ours), story.world.rows[theirs].values["grades"]) == (["Tin", "Zinc"], ["Gold", "Tin"])
    assert story.world.calls["push"] == sent
    records.update("contact", ours, {LEVEL: ["Zinc"]}, feed.SYSTEM)
    story.run()
    assert story.world.rows[theirs].values["grades"] == ["Gold"]
    bulk_actions.take_back(action, feed.SYSTEM)
    story.come_to_rest()
    assert (here(ours), story.world.rows[theirs].values["grades"]) == (["Gold"], ["Gold"])
    assert not Conflict.objects.exists() and not SetAside.objects.exists()
    story.close()


def test_plain_text_there_gets_the_new_name(live_tenant, monkeypatch):
    story = begin(live_tenant, monkeypatch, Field("grade", "Grade", Type.TEXT))
    ours, theirs = new(story, "Gold")
    rename(Gold="Best")
    assert FieldMapping.objects.get(local=LEVEL).options == {}
    story.run()
    story.run()
    assert (here(ours), story.world.rows[theirs].values["grade"]) == ("Best", "Best")
    story.close()


def test_what_only_flows_in_comes_in_under_the_new_name(live_tenant, monkeypatch):
    story = begin(live_tenant, monkeypatch, Field("grade", "Grade", Type.TEXT), direction="import")
    made = story.world.create("contacts", {"name": "v9100", "mail": "v9100@x.example", "grade": "Gold"})
    story.world.rest()
    story.run()
    ours = str(RecordLink.objects.get(remote_id=made).record_id)
    rename(Gold="Best")
    second = story.world.create("contacts", {"name": "v9101", "mail": "v9101@x.example", "grade": "Gold"})
    story.world.rest()
    story.run()
    assert here(ours) == here(str(RecordLink.objects.get(remote_id=second).record_id)) == "Best"
    assert CustomField.objects.get().options == ["Best", "Tin"]
    story.close()


def test_a_run_at_work_begins_anew_with_the_new_name(story):
    """It has read the option's old name, and the renaming comes before it writes."""
    ours, theirs = new(story, "Tin")
    story.world.edit(theirs, "grade", "gold")
    story.world.rest()
    asked: list[BulkAction] = []

    def meanwhile(_number: int) -> None:
        if not asked and connection.in_atomic_block:
            asked.append(story.people.submit(lambda: rename(Gold="Best")).result())

    with pytest.raises(MappingChanged):
        story.run(on_hold=meanwhile)
    story.run()
    story.run()
    assert asked and here(ours) == "Best" and CustomField.objects.get().options == ["Best", "Tin"]
    assert not Contact.objects.filter(custom__level="Gold").exists()


def test_a_field_that_is_removed_takes_no_more_from_a_run_at_work(story):
    ours, theirs = new(story, "Tin")
    story.world.edit(theirs, "grade", "gold")
    story.world.rest()
    done: list[BulkAction] = []

    def meanwhile(_number: int) -> None:
        if not done and connection.in_atomic_block:
            remove = lambda: custom_fields.remove(CustomField.objects.get(), feed.SYSTEM)  # noqa: E731
            done.append(story.people.submit(remove).result())

    with pytest.raises(MappingChanged):
        story.run(on_hold=meanwhile)
    story.run()
    assert Contact.objects.get(pk=ours).custom == {} and story.world.rows[theirs].values["grade"] == "gold"
    assert bulk_actions.take_back(done[0], feed.SYSTEM)
    story.run()
    story.run()
    assert here(ours) == "Gold" and story.world.rows[theirs].values["grade"] == "gold", "what changed meanwhile came in"


def test_a_field_that_comes_back_does_not_go_out_empty(story, monkeypatch):
    """Its values come back in the background; a run that comes between must not take them for emptied."""
    monkeypatch.setattr(bulk_actions, "CHUNK", 1)
    pairs = [new(story, "Tin"), new(story, "Gold")]
    action = custom_fields.remove(CustomField.objects.get(), feed.SYSTEM)
    story.run()
    assert bulk_actions.begin_undo(action.pk, feed.SYSTEM)
    sent = story.world.calls["push"]
    story.run()
    assert bulk_actions.step(action.pk)
    story.run()
    assert not CustomField.objects.exists()
    assert bulk_actions.run(action.pk)
    story.come_to_rest()
    assert [here(ours) for ours, _theirs in pairs] == ["Tin", "Gold"]
    assert [story.world.rows[theirs].values["grade"] for _ours, theirs in pairs] == ["Tin", "gold"]
    assert story.world.calls["push"] == sent


def test_filters_that_name_the_option_follow(story):
    ours = {
        "here": [{"field": LEVEL, "op": "in", "value": ["Gold", "Tin"]}, {"field": "name", "op": "is", "value": "Gold"}]
    }
    Stream.objects.update(filters=ours)
    rename(Gold="Best")
    assert Stream.objects.get().filters["here"] == [
        {"field": LEVEL, "op": "in", "value": ["Best", "Tin"]},
        {"field": "name", "op": "is", "value": "Gold"},
    ]


def test_another_tenants_mappings_stay(story, other_tenant):
    from django_tenants.utils import tenant_context

    with tenant_context(other_tenant):
        custom_fields.add("contact", "Level", "select", ["Gold"])
        assert field_use.places("contact", LEVEL) == []
        rename(Gold="Best")
    assert FieldMapping.objects.get(local=LEVEL).options == {}
    assert CustomField.objects.get().options == ["Gold", "Tin"]
