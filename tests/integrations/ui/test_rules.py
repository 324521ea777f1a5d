"""The rules of one table: drawn anew with each edit, saved together or not at all."""

from __future__ import annotations

import pytest

from integrations.models import Draft
from integrations.services import streams
from tests.integrations.ui.conftest import pair, url

pytestmark = pytest.mark.usefixtures("notion")


@pytest.fixture
def rules(paired):
    return url("table_rules", paired["integration"].pk, paired["stream"].pk)


def answers(stream, **others):
    """What a browser would send of the untouched page, with some of it changed."""
    given = {name: getattr(stream, name) for name in ("direction", "policy", "matching", "deletions", "on_drift")}
    given |= {name: str(getattr(stream, name)) for name in ("brake_deletes", "brake_overwrites", "settle_seconds")}
    given |= {f"policy:{one.local}": one.policy for one in stream.mappings.all()}
    given |= {f"critical:{name}": "on" for name in ("email", "phone")}
    return given | {"key": stream.match_fields} | others


def condition(side, field, op, *values):
    return {side: ["0"], f"{side}-0-field": field, f"{side}-0-op": op, f"{side}-0-value": list(values)}


def test_saving_the_untouched_page_changes_nothing_but_the_version(tenant_client, rules, paired):
    stream = paired["stream"]
    stream.refresh_from_db()
    before = {**vars(stream)}
    fields = list(stream.mappings.values("local", "policy", "critical", "direction"))
    assert tenant_client.post(rules, answers(stream)).status_code == 303
    stream.refresh_from_db()
    now = {**vars(stream)}
    for name in ("_state", "version", "_prefetched_objects_cache"):
        before.pop(name, None), now.pop(name, None)
    assert now == before
    assert list(stream.mappings.values("local", "policy", "critical", "direction")) == fields


def test_rules_of_table_and_fields_are_saved(tenant_client, rules, paired):
    stream = paired["stream"]
    data = answers(stream, policy="ask", brake_deletes="5", settle_seconds="0", key=["phone", "email"])
    data |= {"policy:status": "fill", "critical:status": "on"}
    data.pop("critical:email")
    assert tenant_client.post(rules, data).status_code == 303
    stream.refresh_from_db()
    assert (stream.policy, stream.brake_deletes, stream.settle_seconds) == ("ask", 5, 0)
    assert stream.match_fields == ["phone", "email"]
    status, email = (stream.mappings.get(local=name) for name in ("status", "email"))
    assert (status.policy, status.critical, email.critical) == ("fill", True, False)


def test_mapping_keeps_the_rules_of_its_fields(tenant_client, rules, paired):
    from tests.integrations.ui.conftest import form_of

    stream = paired["stream"]
    tenant_client.post(rules, answers(stream) | {"policy:status": "remote", "critical:status": "on"})
    mapping = url("mapping", paired["integration"].pk, stream.pk)
    assert tenant_client.post(mapping, form_of(tenant_client.get(mapping))).status_code == 303
    status = stream.mappings.get(local="status")
    assert (status.policy, status.critical) == ("remote", True)


@pytest.mark.parametrize("choice", ["ask", "apply", "stop"])
def test_what_happens_when_a_field_is_gone_is_chosen(tenant_client, rules, paired, choice):
    stream = paired["stream"]
    assert tenant_client.post(rules, answers(stream) | {"on_drift": choice}).status_code == 303
    stream.refresh_from_db()
    assert stream.on_drift == choice
    html = tenant_client.get(rules).content.decode()
    assert f'name="on_drift" value="{choice}" checked' in html.replace("  ", " ")


def test_keys_are_put_in_order_without_saving(tenant_client, rules, paired):
    stream = paired["stream"]
    before = list(stream.match_fields)
    drawn = tenant_client.post(rules, answers(stream, key=["email", "phone"], do="key-up:phone"))
    assert [key["name"] for key in drawn.context["keys"]] == ["phone", "email"]
    assert 'id="key-down-phone" data-focus' in drawn.content.decode()  # whoever goes by keyboard stays where they were
    added = tenant_client.post(rules, answers(stream, key=["email"], do="key-add", add_key="name"))
    assert [key["name"] for key in added.context["keys"]] == ["email", "name"]
    gone = tenant_client.post(rules, answers(stream, key=["email"], do="key-remove:email"))
    assert gone.context["keys"] == []
    stream.refresh_from_db()
    assert stream.match_fields == before


def test_condition_is_said_in_words_and_saved(tenant_client, rules, paired):
    stream = paired["stream"]
    data = answers(stream) | condition("here", "score", "gte", "1000")
    drawn = tenant_client.post(rules, data | {"do": "draw"}, headers={"HX-Request": "true"}).content.decode()
    assert "Only contacts here take part whose Score is at least 1,000." in drawn
    assert "<html" not in drawn
    assert tenant_client.post(rules, data).status_code == 303
    stream.refresh_from_db()
    assert stream.filters == {"here": [{"field": "score", "op": "gte", "value": "1000"}]}
    assert "Only contacts here take part whose Score is at least 1,000." in tenant_client.get(rules).content.decode()


def test_condition_on_options_there(tenant_client, rules, paired):
    stream = paired["stream"]
    stage = next(one["id"] for one in stream.schema["fields"] if one["name"] == "Stage")
    data = answers(stream) | condition("there", stage, "in", "Lead", "Customer")
    assert tenant_client.post(rules, data).status_code == 303
    stream.refresh_from_db()
    assert stream.filters["there"][0]["value"] == ["Lead", "Customer"]
    assert "whose Stage is one of Lead, Customer." in tenant_client.get(rules).content.decode()


def test_conditions_are_added_and_removed_without_saving(tenant_client, rules, paired):
    data = answers(paired["stream"])
    added = tenant_client.post(rules, data | {"do": "add:there"})
    assert len(added.context["filters"][1]["rows"]) == 1
    one = data | condition("there", "title", "is", "Anna")
    assert tenant_client.post(rules, one | {"do": "remove:there-0"}).context["filters"][1]["rows"] == []
    paired["stream"].refresh_from_db()
    assert paired["stream"].filters == {}


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"brake_deletes": "0"}, "A whole number from 1 to 100."),
        ({"settle_seconds": "soon"}, "A whole number from 0 to 600."),
        ({"key": []}, "Choose at least one field, or pair nothing."),
        (condition("here", "score", "gt", "many"), "Write a number."),
        (condition("here", "score", "gt"), "This condition needs a value."),
        (condition("here", "nickname", "is", "x"), "This field is gone."),
        ({"direction": "sideways"}, "is not one of"),
        ({"deletions": "delete"}, "Put away is as far as it goes."),
    ],
)
def test_what_does_not_fit_is_told_and_nothing_is_saved(tenant_client, rules, paired, wrong, words):
    from html import unescape

    stream = paired["stream"]
    refused = tenant_client.post(rules, answers(stream) | {"policy": "ask"} | wrong)
    assert refused.status_code == 422
    assert words in unescape(refused.content.decode())
    stream.refresh_from_db()
    assert (stream.policy, stream.filters) == ("newest", {})


def test_wizard_comes_back_to_its_step(tenant_client, rules, paired):
    from integrations.services import setup

    setup.go_on(paired["integration"], "map")
    assert "steps" in tenant_client.get(rules).context
    saved = tenant_client.post(rules, answers(paired["stream"]))
    assert saved.headers["Location"] == url("setup", paired["integration"].pk, "settings")


def test_tabs_lead_to_the_rules_of_the_other_tables(tenant_client, rules, paired):
    other = pair(paired["integration"], "Companies", "company")
    assert url("table_rules", paired["integration"].pk, other.pk) in tenant_client.get(rules).content.decode()


def test_short_page_of_rules_offers_only_what_the_tool_can_do(tenant_client, paired):
    from integrations.services import lifecycle

    lifecycle.activate(paired["integration"])
    stream = paired["stream"]
    page = tenant_client.get(url("settings", paired["integration"].pk))
    assert 'value="archive"' in page.content.decode() and 'value="delete"' not in page.content.decode()
    wanted = {"direction": "both", "policy": "ask", "matching": "create_only", "deletions": "delete"}
    data = {f"{stream.pk}-{name}": value for name, value in wanted.items()} | {"frequency": "daily"}
    assert tenant_client.post(url("settings", paired["integration"].pk), data).status_code == 422
    stream.refresh_from_db()
    assert stream.policy == "newest"


def test_who_wins_at_the_first_meeting_is_a_rule_of_its_own(tenant_client, rules, paired):
    stream = paired["stream"]
    assert (
        '<option value="" selected>The rule for changes decides</option>' in tenant_client.get(rules).content.decode()
    )
    assert tenant_client.post(rules, answers(stream, first_policy="remote")).status_code == 303
    stream.refresh_from_db()
    assert (stream.policy, stream.first_policy) == ("newest", "remote")
    assert '<option value="remote" selected>Notion wins</option>' in tenant_client.get(rules).content.decode()
    assert tenant_client.post(rules, answers(stream, first_policy="fill")).status_code == 422
    stream.refresh_from_db()
    assert stream.first_policy == "remote"


def test_the_few_rules_of_every_table_have_it_too(tenant_client, paired):
    from tests.integrations.ui.test_wizard import rules_of

    integration, stream = paired["integration"], paired["stream"]
    type(integration).objects.filter(pk=integration.pk).update(setup_step="done")
    address = url("settings", integration.pk)
    sent = rules_of(stream, first_policy="local")
    assert tenant_client.post(address, sent).status_code == 303
    stream.refresh_from_db()
    assert stream.first_policy == "local"
    assert '<option value="local" selected>Here wins</option>' in tenant_client.get(address).content.decode()


def test_draft_from_before_a_choice_existed_is_shown_and_saved(tenant_client, rules, paired):
    stream = paired["stream"]
    tenant_client.post(rules, answers(stream, policy="remote") | {"do": "key-add", "add_key": "phone"})
    draft = Draft.objects.get()
    del draft.data["chosen"]["first_policy"]
    draft.save()
    streams.change(stream, first_policy="local")
    page = tenant_client.get(rules)
    assert page.context["draft"] and page.context["first"] == "local"
    given = answers(stream, policy="remote", first_policy=page.context["first"], seen=page.context["seen"])
    assert tenant_client.post(rules, given).status_code == 303
    stream.refresh_from_db()
    assert (stream.policy, stream.first_policy) == ("remote", "local")


def test_choices_and_what_is_chosen_call_the_tool_by_its_name(tenant_client, paired):
    from integrations.services import lifecycle

    pair(paired["integration"], "Companies", "company")
    lifecycle.activate(paired["integration"])
    stream = paired["stream"]
    stream.policy, stream.direction = "remote", "import"
    stream.save(update_fields=["policy", "direction"])
    short = tenant_client.get(url("settings", paired["integration"].pk)).content.decode()
    every = tenant_client.get(url("table_rules", paired["integration"].pk, stream.pk)).content.decode()
    assert "<span>Only in: from Notion to here</span><span>Notion wins</span>" in short
    assert "The tool wins" not in short + every and "Notion wins" in every


def test_a_choice_that_does_not_exist_is_refused_also_beside_what_somebody_else_saved(
    tenant, tenant_client, sign_in, member, rules, paired
):
    stream = paired["stream"]
    seen = tenant_client.get(rules).context["seen"] or ""
    assert sign_in(member("admin"), tenant).post(rules, answers(stream, policy="ask", seen=seen)).status_code == 303
    answer = tenant_client.post(rules, answers(stream, policy="loudest", seen=seen))
    assert answer.status_code == 409 and "loudest" in answer.content.decode()
    stream.refresh_from_db()
    assert stream.policy == "ask"
