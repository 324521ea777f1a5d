"""The service layer's rules, which pages, API and engine share."""

import uuid

import pytest

from crm import custom_fields, records
from crm.feed import Actor
from crm.models import Change, Contact
from tests.kept import WHY, keep

BY = Actor("user", "7", "Ada")


def test_values_come_back_canonical(tenant):
    company = records.create("company", {"name": "Nord"}, BY)
    made = records.create(
        "contact",
        {"name": "Ada", "tags": ["b", "a", "b"], "score": "1.50", "company": [company.id], "owner": "Ann@X.example"},
        BY,
    )
    assert made.title == "Ada" and made.values["tags"] == ["a", "b"] and made.values["score"] == "1.5"
    assert made.values["company"] == [company.id] and made.values["owner"] == "ann@x.example"
    assert records.get("contact", made.id) == made


def test_every_wrong_field_is_told_at_once(tenant):
    with pytest.raises(records.Invalid) as refused:
        records.create("contact", {"email": "no", "score": "many", "colour": "red", "created_at": "2020-01-01"}, BY)
    assert set(refused.value.errors) == {"name", "email", "score", "colour", "created_at"}
    assert not Contact.objects.exists()


def test_a_relation_points_to_something(tenant):
    with pytest.raises(records.Invalid) as refused:
        records.create("contact", {"name": "Ada", "company": [str(uuid.uuid4())]}, BY)
    assert list(refused.value.errors) == ["company"]


def test_an_update_leaves_the_other_fields_alone(tenant):
    made = records.create("contact", {"name": "Ada", "phone": "1"}, BY)
    changed = records.update("contact", made.id, {"phone": None}, BY, made.version)
    assert (changed.values["name"], changed.values["phone"]) == ("Ada", None)
    assert changed.version != made.version


def test_an_update_that_changes_nothing_is_none(tenant):
    made = records.create("contact", {"name": "Ada"}, BY)
    assert records.update("contact", made.id, {"name": "Ada"}, BY).version == made.version


def test_a_stale_version_is_refused_with_what_stands_now(tenant):
    made = records.create("contact", {"name": "Ada"}, BY)
    records.update("contact", made.id, {"name": "Ada L."}, BY)
    with pytest.raises(records.Moved) as refused:
        records.update("contact", made.id, {"name": "Countess"}, BY, made.version)
    assert refused.value.item.values["name"] == "Ada L."


def test_read_only_records_stay(tenant):
    kept, own = (records.create("contact", {"name": name}, BY) for name in ("Ada", "Grace"))
    keep(kept.id)
    with pytest.raises(records.ReadOnly, match=WHY):
        records.update("contact", kept.id, {"name": "X"}, BY)
    with pytest.raises(records.ReadOnly):
        records.delete("contact", [kept.id, own.id], BY)
    assert Contact.objects.count() == 2, "all or nothing"


def test_what_pointed_to_a_deleted_record_is_emptied(tenant):
    company = records.create("company", {"name": "Nord"}, BY)
    contact = records.create("contact", {"name": "Ada", "company": [company.id]}, BY)
    assert records.delete("company", [company.id], BY) == 1
    assert records.get("contact", contact.id).values["company"] is None
    with pytest.raises(records.Missing):
        records.get("company", company.id)


def test_history_names_who_and_what(tenant):
    made = records.create("contact", {"name": "Ada"}, BY)
    records.update("contact", made.id, {"name": "Ada L.", "tags": ["x"]}, Actor("api", "1", "Script"))
    latest, first = records.history("contact", made.id)
    assert latest["changes"] == {"name": ["Ada", "Ada L."], "tags": [None, ["x"]]}
    assert (latest["actor"]["label"], first["actor"]["label"], first["operation"]) == ("Script", "Ada", "insert")


def test_custom_fields_hold_values_until_they_are_removed(tenant):
    field = custom_fields.add("contact", "T-shirt size", "select", ["S", "M"])
    made = records.create("contact", {"name": "Ada", f"custom.{field.name}": "M"}, BY)
    assert made.values["custom.t_shirt_size"] == "M"
    with pytest.raises(records.Invalid):
        records.update("contact", made.id, {f"custom.{field.name}": "XXL"}, BY)
    field, _action = custom_fields.edit(field.pk, custom_fields.Wanted("Size", ["S", "M", "XXL"]), BY)
    records.update("contact", made.id, {f"custom.{field.name}": "XXL"}, BY)
    assert custom_fields.remove(field, BY).changed == 1
    assert "custom.t_shirt_size" not in records.get("contact", made.id).values
    assert Contact.objects.get().custom == {}
    assert Change.objects.order_by("-id").first().actor["label"] == "Ada"


def test_two_custom_fields_of_one_label_have_two_names(tenant):
    assert [custom_fields.add("deal", "Größe", "text").name for _n in range(3)] == ["groe", "groe_2", "groe_3"]
