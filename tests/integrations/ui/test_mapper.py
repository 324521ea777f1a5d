"""Steps in the mapper: forms made from the registry, lists of values, warnings of what would not survive. No script."""

from __future__ import annotations

import pytest

from tests.integrations.ui.conftest import form_of, pair, url


@pytest.fixture
def scored(begun, notion):
    """The contacts with a text field “Punteggio” that people filled with numbers."""
    notion.add_field("Contacts", "Punteggio", "rich_text")
    notion.remove_field("Contacts", "Score")
    for row, text in zip(notion.rows("Contacts"), ("1.234,5", "12,5", "7,25") * 4, strict=True):
        notion.edit_row(row["id"], Punteggio=text)
    return pair(begun, "Contacts", "contact")


class Form:
    """The mapper as a browser without scripts would use it."""

    def __init__(self, client, stream):
        self.client, self.stream = client, stream
        self.here = url("mapping", stream.integration_id, stream.pk)
        self.take(client.get(self.here))

    def take(self, page):
        self.page, self.data = page, form_of(page)

    def do(self, what="show", **changed):
        self.take(self.client.post(self.here, self.data | changed | {"do": what}))

    def save(self):
        return self.client.post(self.here, self.data)

    def row(self, name):
        return next(one for part in ("rows", "unmapped") for one in self.page.context[part] if one["there"] == name)

    def choose(self, name, local):
        self.data["local"][self.data["remote"].index(self.row(name)["id"])] = local
        self.do()

    def key(self, name, step, setting):
        return f"{self.row(name)['number']}-{step}-{setting}"


@pytest.fixture
def form(tenant_client, scored):
    return Form(tenant_client, scored)


def previewed(form, local):
    label = form.page.context["preview"]["columns"]
    at = next(n for n, column in enumerate(label) if column["there"] == local)
    return [row[at] for row in form.page.context["preview"]["rows"]]


def test_numbers_in_text_are_suggested_with_the_step_they_need(form, scored):
    saved = scored.mappings.get(local="score")
    assert (saved.remote_name, saved.options) == ("Punteggio", {"transforms": [{"name": "number", "decimal": ","}]})
    assert {cell["here"] for cell in previewed(form, "Punteggio")} >= {"12.5", "7.25"}
    html = form.page.content.decode()
    assert "Read as a number" in html and "Decimal mark" in html


def test_a_setting_is_tried_on_real_records_before_it_is_saved(form, scored):
    form.do(**{form.key("Punteggio", 0, "decimal"): "."})
    assert form.page.context["preview"]["problems"] == 10
    assert "is not a number with “.” as decimal mark" in form.page.content.decode()
    assert scored.mappings.get(local="score").options["transforms"][0]["decimal"] == ","


def test_steps_are_added_saved_and_dropped(form, scored):
    number = form.row("Punteggio")["number"]
    form.do(**{f"add-{number}": "round"})
    form.do(**{form.key("Punteggio", 1, "places"): "1", form.key("Punteggio", 1, "half"): "even"})
    assert "7.2" in {cell["here"] for cell in previewed(form, "Punteggio")}
    assert form.save().status_code == 303
    saved = scored.mappings.get(local="score").options["transforms"]
    assert saved == [{"name": "number", "decimal": ","}, {"name": "round", "places": 1, "half": "even"}]
    form = Form(form.client, scored)
    form.do(f"drop:1:{form.row('Punteggio')['id']}")
    form.save()
    assert scored.mappings.get(local="score").options["transforms"] == saved[:1]


def test_a_pair_that_needs_a_step_gets_it_when_it_is_chosen(form):
    form.do(f"remove:{form.row('Punteggio')['id']}")
    form.choose("Punteggio", "score")
    assert [step["name"] for step in form.row("Punteggio")["steps"]["steps"]] == ["number"]
    form.choose("Tags", "job_title")
    assert [step["name"] for step in form.row("Tags")["steps"]["steps"]] == ["join"]


def test_steps_that_do_not_follow_each_other_are_refused_with_the_reason(form, scored):
    number = form.row("Punteggio")["number"]
    form.data[f"steps-{number}"] = ["number", "trim"]
    answer = form.save()
    assert answer.status_code == 422 and "“Trim spaces” cannot follow a number" in answer.context["error"]


def test_what_would_not_survive_is_told_beside_the_field(form, tenant):
    from crm import records
    from crm.feed import Actor

    records.create("contact", {"name": "Ada", "score": "1.2345"}, Actor("user", label="Ada"))
    number = form.row("Punteggio")["number"]
    form.data["direction"][form.data["remote"].index(form.row("Punteggio")["id"])] = "both"
    form.do(**{f"add-{number}": "round"})
    examples = form.row("Punteggio")["losses"]["examples"]
    assert (examples["here"]["before"], examples["here"]["after"]) == ("1.2345", "1.23")
    assert examples["there"]["before"] == "1.234,5"  # the thousands' mark
    html = form.page.content.decode()
    assert "from here would be “1,23” there, and come back as “1.23”" in html
    form.do(f"in:{form.row('Punteggio')['id']}")
    row = form.row("Punteggio")
    assert (row["direction"], row["losses"]) == ("in", None)


def test_list_of_values_with_a_group_and_its_way_back(form, scored):
    field = next(one for one in scored.schema["fields"] if one["name"] == "Stage")
    first, second = field["options"][:2]
    row = form.row("Stage")
    form.do(**{f"add-{row['number']}": "values"})
    key = form.key("Stage", 0, "pairs")
    lines = form.row("Stage")["steps"]["steps"][0]["pairs"]["lines"]
    assert [line["theirs"] for line in lines if line["fixed"] == "theirs"] == list(field["options"])
    form.data[f"{key}-ours"][:2] = ["Customer", "Customer"]
    form.do()
    group = form.row("Stage")["steps"]["steps"][0]["pairs"]["groups"][0]
    assert group["ours"] == "Customer" and {one["value"] for one in group["members"]} == {first, second, "Customer"}
    form.do(**{f"{key}-back": second})
    assert form.save().status_code == 303
    pairs = scored.mappings.get(local="status").options["transforms"][0]["pairs"]
    assert pairs[0] == [second, "Customer"] and [first, "Customer"] in pairs


def test_what_has_the_name_already_stays_the_way_back(form, scored):
    """“Lead” becomes “Customer”; “Customer” there is that already, and must not go back as “Lead”."""
    form.do(**{f"add-{form.row('Stage')['number']}": "values"})
    key = form.key("Stage", 0, "pairs")
    at = form.data[f"{key}-theirs"].index("Lead")
    form.data[f"{key}-ours"][at] = "Customer"
    form.do()
    group = form.row("Stage")["steps"]["steps"][0]["pairs"]["groups"][0]
    assert [one["value"] for one in group["members"] if one["chosen"]] == ["Customer"]


def test_one_way_steps_lock_the_direction_and_say_why(form, scored):
    form.choose("Notes", "job_title")
    form.do(**{f"add-{form.row('Notes')['number']}": "part"})
    row = form.row("Notes")
    assert (row["direction"], row["locked"]) == ("in", True) and "only flows in" in row["reason"]


def test_saving_what_is_saved_changes_nothing(form, scored):
    from integrations.models import Stream

    Stream.objects.filter(pk=scored.pk).update(cursor="somewhere")
    assert form.save().status_code == 303
    assert Stream.objects.get(pk=scored.pk).cursor == "somewhere"  # nothing is read again


def test_options_that_are_missing_there_are_made_only_when_that_is_ticked(form, scored):
    tags = form.row("Tags")
    assert tags["may_add"] and not tags["adds"] and not form.row("Email")["may_add"]
    form.data["adds"] = [tags["id"]]
    form.do()
    assert form.row("Tags")["adds"]
    assert form.save().status_code == 303
    assert scored.mappings.get(local="tags").options == {"options_there": "add"}
    form.take(form.client.get(form.here))
    form.data["adds"] = []
    form.save()
    assert scored.mappings.get(local="tags").options == {}


def test_steps_change_places(form, scored):
    first = form.row("Name")["number"]
    form.do(**{f"add-{first}": "trim"})
    form.do(**{f"add-{first}": "case"})
    assert [step["name"] for step in form.row("Name")["steps"]["steps"]] == ["trim", "case"]
    remote = form.row("Name")["id"]
    form.do(f"down:0:{remote}")
    assert [step["name"] for step in form.row("Name")["steps"]["steps"]] == ["case", "trim"]
    assert f'data-focus-id="up-{first}-1"' in form.page.content.decode()  # the focus goes with the step
    form.do(f"up:1:{remote}")
    form.do(f"up:0:{remote}")  # it is the first already
    form.do("up:9:nonsense")
    assert [step["name"] for step in form.row("Name")["steps"]["steps"]] == ["trim", "case"]
    form.save()
    assert [step["name"] for step in scored.mappings.get(local="name").options["transforms"]] == ["trim", "case"]


def test_an_edit_is_told_to_those_who_do_not_see_it(form, tenant_client):
    remote = form.row("Email")["id"]
    data = form.data | {"do": f"remove:{remote}"}
    part = tenant_client.post(form.here, data, headers={"HX-Request": "true"}).content.decode()
    assert '<p id="mapper-said" hx-swap-oob="innerHTML">Email: Not kept in step</p>' in part
    assert 'data-focus-id="local-' in part  # the row after it


def test_a_field_that_is_new_there_is_mapped_with_one_click(form, scored, notion):
    from integrations.services import streams

    notion.add_field("Contacts", "Birthday date", "date")
    streams.refresh_schema(scored)
    field = next(one for one in scored.schema["fields"] if one["name"] == "Birthday date")
    scored.mappings.filter(local="birthday").delete()
    scored.drift = [
        {"at": "2026-11-21T10:00:00+00:00", "kind": "new", "field": field["id"], "name": field["name"], "was": ""}
    ]
    scored.save(update_fields=["drift"])
    form.take(form.client.get(form.here))
    assert f'value="map:{field["id"]}"' in form.page.content.decode()
    form.do(f"map:{field['id']}")
    assert form.row("Birthday date")["local"] == "birthday"
    form.save()
    assert f'value="map:{field["id"]}"' not in form.client.get(form.here).content.decode()


def test_all_that_is_new_there_is_mapped_with_one_click_where_the_table_goes_on(form, scored, notion):
    from integrations.models import Drift
    from integrations.services import streams

    for name, kind in (("Birthday date", "date"), ("City name", "rich_text"), ("Job title", "rich_text")):
        notion.add_field("Contacts", name, kind)
    streams.refresh_schema(scored)
    added = [one for one in scored.schema["fields"] if one["name"] in ("Birthday date", "Job title")]
    scored.mappings.filter(local__in=["birthday", "job_title"]).delete()
    scored.drift = [
        {"at": "2026-11-21T10:00:00+00:00", "kind": "new", "field": one["id"], "name": one["name"], "was": ""}
        for one in added
    ]
    scored.on_drift = Drift.STOP
    scored.save(update_fields=["drift", "on_drift"])
    assert 'value="news"' not in form.client.get(form.here).content.decode()
    type(scored).objects.filter(pk=scored.pk).update(on_drift=Drift.ASK)
    form.take(form.client.get(form.here))
    assert 'value="news"' in form.page.content.decode()
    form.do("news")
    assert form.row("Birthday date")["local"] == "birthday" and form.row("Job title")["local"] == "job_title"
    assert form.row("City name")["local"] == ""  # not among what is told as new


# --- links to records of a kind that has no table yet ---------------------------------------------------------------------


LONELY = "These links wait until a table of Notion is paired with Companies."


def test_links_without_a_table_to_point_to_say_so_until_it_is_paired(tenant_client, begun, notion):
    stream = pair(begun, "Contacts", "contact")
    assert stream.mappings.filter(local="company").exists()
    form = Form(tenant_client, stream)
    assert form.row("Company")["lonely"] == LONELY
    html = form.page.content.decode()
    assert LONELY in html and url("setup", begun.pk, "map") in html  # and where one is paired
    pair(begun, "Companies", "company")
    assert LONELY not in tenant_client.get(form.here).content.decode()


# --- buttons that find nothing to do say so ---------------------------------------------------------------------------------


def test_nothing_more_to_suggest_is_told_to_everybody(form):
    form.do("suggest")
    form.do("suggest")
    said = "Raccord has nothing more to suggest: choose the field here for each by hand."
    assert form.page.content.decode().count(said) == 1 and form.page.context["noted"]
    form.do("refresh")
    assert "The fields were read again." in form.page.content.decode()
    form.do("turn:" + form.row("Email")["id"])
    assert not form.page.context["noted"]  # the row shows it
