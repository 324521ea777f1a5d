"""From the gallery to the first sync, by plain POSTs: no script takes part."""

from __future__ import annotations

import pytest

from integrations.models import IntegrationInstance, Stream
from tests.integrations.ui.conftest import OTHER_ACCOUNT, TOKEN, form_of, pair, url


def rules_of(stream, **changed):
    answers = {
        "direction": "both",
        "policy": "newest",
        "matching": "match_or_create",
        "match_fields": ["email"],
        "deletions": "archive",
    } | changed
    return {f"{stream.pk}-{name}": value for name, value in answers.items()} | {"frequency": "hourly"}


def test_whole_wizard_by_plain_posts(tenant_client, tenant, notion):
    gallery = tenant_client.get(url("gallery"))
    assert url("start", "notion") in gallery.content.decode()

    response = tenant_client.post(url("start", "notion"), {"name": "Our Notion", "token": TOKEN})
    made = IntegrationInstance.objects.get()
    assert response.status_code == 303
    assert response.headers["Location"] == url("setup", made.pk, "map")
    assert (made.name, made.account_name, made.created_by) == ("Our Notion", "Acme Studio", str(tenant.owner))

    tables = tenant_client.get(url("setup", made.pk, "map", now=1))
    page = tables.content.decode()
    assert "Connected to Acme Studio." in page
    assert "Contacts" in page and "Companies" in page
    contacts = next(one["id"] for one in tables.context["tables"] if one["name"] == "Contacts")
    answer = tenant_client.post(url("setup", made.pk, "map"), {"collection": contacts, "entity": "contact"})
    assert answer.status_code == 303
    stream = made.streams.get()

    mapper = tenant_client.get(url("mapping", made.pk, stream.pk))
    data = form_of(mapper)
    assert "name" in data["local"] and "email" in data["local"]
    assert len(mapper.context["preview"]["rows"]) == 10
    answer = tenant_client.post(url("mapping", made.pk, stream.pk), data)
    assert answer.headers["Location"] == url("setup", made.pk, "settings")

    rules = tenant_client.get(url("setup", made.pk, "settings"))
    assert "calls a day" in rules.content.decode()
    answer = tenant_client.post(url("setup", made.pk, "settings"), rules_of(stream, policy="ask"))
    assert answer.headers["Location"] == url("setup", made.pk, "activate")
    stream.refresh_from_db()
    made.refresh_from_db()
    assert (stream.policy, made.frequency) == ("ask", "hourly")

    plan = tenant_client.get(url("setup", made.pk, "activate"))
    assert plan.headers["Location"] == url("plan", made.pk, made.plans.get().pk)
    assert "Working out what would happen" in tenant_client.get(plan.headers["Location"]).content.decode()
    answer = tenant_client.post(url("setup", made.pk, "activate"))
    assert answer.status_code == 303 and answer.headers["Location"] == url("detail", made.pk)
    made.refresh_from_db()
    assert (made.status, made.setup_step) == ("active", "done")
    assert "Waiting for its turn" in tenant_client.get(url("detail", made.pk)).content.decode()


def test_setup_goes_on_where_it_was_left(tenant_client, paired, sign_in, member, tenant):
    made, stream = paired["integration"], paired["stream"]
    rows = tenant_client.get(url("list")).content.decode()
    assert "step 2 of 4" in rows and url("setup", made.pk, "map") in rows
    later = tenant_client.get(url("setup", made.pk, "activate"))
    assert later.status_code == 302 and later.headers["Location"] == url("setup", made.pk, "map")
    somebody_else = sign_in(member("admin"), tenant)
    answer = somebody_else.post(
        url("mapping", made.pk, stream.pk), form_of(tenant_client.get(url("mapping", made.pk, stream.pk)))
    )
    assert answer.headers["Location"] == url("setup", made.pk, "settings")
    assert tenant_client.get(url("setup", made.pk, "map")).status_code == 200  # an earlier step stays open
    assert tenant_client.get(url("setup", made.pk, "nonsense")).status_code == 404


def test_bad_key_is_explained_at_its_field_and_leaves_nothing(tenant_client, notion):
    response = tenant_client.post(url("start", "notion"), {"name": "Notion", "token": "ntn_wrong_and_secret"})
    assert response.status_code == 422
    assert "does not know this key" in response.context["form"].errors["token"][0]
    assert "ntn_wrong_and_secret" not in response.content.decode()
    assert not IntegrationInstance.objects.exists()


def test_missing_key_and_taken_name(tenant_client, begun):
    assert "token" in tenant_client.post(url("start", "notion"), {"name": "X", "token": ""}).context["form"].errors
    taken = tenant_client.post(url("start", "notion"), {"name": begun.name, "token": TOKEN})
    assert taken.status_code == 422 and "already" in taken.context["form"].errors["name"][0]
    second = tenant_client.get(url("start", "notion"))
    assert second.context["form"]["name"].value() == "Notion 2"


def test_unknown_tool_is_not_found(tenant_client):
    assert tenant_client.get(url("start", "nothing")).status_code == 404


def test_silent_tool_is_said_so(tenant_client, begun, notion):
    notion.fail(fault="status", status=401, path="search")
    page = tenant_client.get(url("setup", begun.pk, "map", now=1)).content.decode()
    notion.clear_faults()
    assert "could not be listed" in page


def test_table_found_by_its_link(tenant_client, begun, notion):
    from integrations.services import streams

    there = next(one for one in streams.collections(begun) if one.name == "Deals")
    tenant_client.post(
        url("setup", begun.pk, "map"), {"link": f"https://www.notion.so/acme/{there.id}", "entity": "deal"}
    )
    assert begun.streams.get().collection_name == "Deals"
    wrong = tenant_client.post(url("setup", begun.pk, "map"), {"link": "https://example.org/", "entity": "deal"})
    assert wrong.status_code == 422 and "No table is found" in wrong.context["form"].errors["link"][0]


def test_same_pair_twice_is_refused(tenant_client, paired):
    data = {"collection": paired["stream"].collection, "entity": "contact"}
    again = tenant_client.post(url("setup", paired["integration"].pk, "map"), data)
    assert again.status_code == 422 and Stream.objects.count() == 1


def test_unpaired_table(tenant_client, paired):
    made = paired["integration"]
    answer = tenant_client.post(url("remove_table", made.pk, paired["stream"].pk))
    assert answer.status_code == 303 and not made.streams.exists()
    assert tenant_client.get(url("setup", made.pk, "settings")).status_code == 302  # nothing to set rules for


# --- the mapper -----------------------------------------------------------------------------------------------------


@pytest.fixture
def mapper(tenant_client, paired):
    here = url("mapping", paired["integration"].pk, paired["stream"].pk)
    return tenant_client, here, form_of(tenant_client.get(here)), paired["stream"]


def set_pair(data, stream, remote_name, **values):
    ids = {field["name"]: field["id"] for field in stream.schema["fields"]}
    at = data["remote"].index(ids[remote_name])
    for name, value in values.items():
        data[name][at] = value
    return ids[remote_name]


def test_formula_mapped_for_writing_is_refused_with_the_reason(mapper):
    client, here, data, stream = mapper
    set_pair(data, stream, "Full label", local="job_title", direction="both")
    shown = client.post(here, data | {"do": "show"}).content.decode()
    assert "computes it" in shown and "locked" in shown  # the way out is not offered
    from integrations.services import streams
    from integrations.services.connect import Refused

    wanted = [{"remote": set_pair(data, stream, "Full label"), "local": "job_title", "direction": "both"}]
    with pytest.raises(Refused, match="computes it"):
        streams.set_mappings(stream, wanted)


def test_impossible_pair_is_refused_and_nothing_is_saved(mapper):
    client, here, data, stream = mapper
    before = set(stream.mappings.values_list("remote", "local"))
    data["local"] = ["" if name == "birthday" else name for name in data["local"]]
    set_pair(data, stream, "Newsletter", local="birthday")
    answer = client.post(here, data)
    assert answer.status_code == 422
    assert "Newsletter" in answer.context["error"] and "a date" in answer.context["error"]
    assert set(stream.mappings.values_list("remote", "local")) == before


def test_direction_turns_and_is_saved(mapper):
    client, here, data, stream = mapper
    remote = set_pair(data, stream, "Email")
    turned = client.post(here, data | {"do": f"turn:{remote}"})
    data = form_of(turned)
    assert data["direction"][data["remote"].index(remote)] == "import"
    assert client.post(here, data).status_code == 303
    assert stream.mappings.get(local="email").direction == "import"


def test_removed_field_is_no_longer_mapped(mapper):
    client, here, data, stream = mapper
    data = form_of(client.post(here, data | {"do": f"remove:{set_pair(data, stream, 'Phone')}"}))
    client.post(here, data)
    assert not stream.mappings.filter(local="phone").exists()
    again = form_of(client.post(here, data | {"do": "suggest"}))
    assert "phone" in again["local"]


def test_preview_explains_what_does_not_fit(mapper):
    client, here, data, stream = mapper
    data["local"] = ["" if name in ("email", "notes") else name for name in data["local"]]
    set_pair(data, stream, "Notes", local="email")
    page = client.post(here, data | {"do": "show"})
    assert page.context["preview"]["problems"] > 0
    assert "is not an e-mail address" in page.content.decode()


def test_edit_by_htmx_answers_the_part_that_changed(mapper):
    client, here, data, _stream = mapper
    part = client.post(here, data | {"do": "show"}, headers={"HX-Request": "true"})
    assert part.content.decode().lstrip().startswith('<div id="mapper"')
    assert "HX-Request" in part.headers["Vary"]


def test_missing_field_is_created_there_and_mapped(mapper, notion):
    client, here, data, stream = mapper
    page = client.post(here, data | {"do": "create:job_title"})
    fresh = form_of(page)
    assert "job_title" in fresh["local"]
    assert client.post(here, fresh).status_code == 303
    assert stream.mappings.get(local="job_title").remote_name == "Job title"
    assert "Job title" in {field["name"] for field in notion.table("Contacts")["fields"]}


def test_renamed_and_removed_fields_are_noticed(mapper, notion):
    client, here, data, _stream = mapper
    notion.remove_field("Contacts", "Phone")
    notion.rename_field("Contacts", "Email", "E-mail address")
    page = client.post(here, data | {"do": "refresh"})
    assert page.context["gone"] == ["Phone"]
    assert "E-mail address" in page.content.decode()
    assert client.post(here, form_of(page)).status_code == 303


def test_preview_reads_the_table_once(mapper, notion):
    client, here, data, _stream = mapper
    notion.clear_log()
    for _edit in range(3):
        client.post(here, data | {"do": "show"})
    assert notion.log()["total"] == 0


# --- rules and start --------------------------------------------------------------------------------------------------


def test_pairing_needs_a_key(tenant_client, paired):
    made, stream = paired["integration"], paired["stream"]
    tenant_client.post(
        url("mapping", made.pk, stream.pk), form_of(tenant_client.get(url("mapping", made.pk, stream.pk)))
    )
    refused = tenant_client.post(url("setup", made.pk, "settings"), rules_of(stream, match_fields=[]))
    assert refused.status_code == 422
    assert "Choose at least one field" in refused.content.decode()


def test_nothing_starts_without_a_table(tenant_client, begun):
    begun.setup_step = "activate"
    begun.save()
    answer = tenant_client.post(url("setup", begun.pk, "activate"))
    begun.refresh_from_db()
    assert answer.status_code == 303 and begun.status == "draft"


def test_reconnecting_another_account_asks(tenant_client, paired, notion):
    made = paired["integration"]
    here = url("reconnect", made.pk)
    asked = tenant_client.post(here, {"token": OTHER_ACCOUNT})
    assert asked.status_code == 422
    page = asked.content.decode()
    assert "Nord Atelier" in page and "Acme Studio" in page and "another_account" in page
    assert tenant_client.post(here, {"token": OTHER_ACCOUNT, "another_account": "on"}).status_code == 303
    made.refresh_from_db()
    assert made.account_name == "Nord Atelier" and made.streams.count() == 1


def test_several_connections_of_one_tool(tenant_client, begun):
    tenant_client.post(url("start", "notion"), {"name": "Second", "token": OTHER_ACCOUNT})
    assert set(IntegrationInstance.objects.values_list("name", "account_name")) == {
        ("Notion", "Acme Studio"),
        ("Second", "Nord Atelier"),
    }


def test_table_added_to_a_live_connection_waits_until_it_is_begun(tenant_client, paired, notion):
    from integrations.services import lifecycle

    made = paired["integration"]
    lifecycle.activate(made)
    page = tenant_client.get(url("tables", made.pk, now=1))
    companies = next(one["id"] for one in page.context["tables"] if one["name"] == "Companies")
    tenant_client.post(url("tables", made.pk), {"collection": companies, "entity": "company"})
    added = made.streams.get(entity="company")
    assert not added.is_active
    assert url("begin", made.pk, added.pk) in tenant_client.get(url("detail", made.pk)).content.decode()
    tenant_client.post(url("begin", made.pk, added.pk))
    added.refresh_from_db()
    assert added.is_active and added.feed_txid


def test_pairs_are_walked_one_after_the_other(tenant_client, paired):
    made = paired["integration"]
    second = pair(made, "Companies", "company")
    first = url("mapping", made.pk, paired["stream"].pk)
    answer = tenant_client.post(first, form_of(tenant_client.get(first)))
    assert answer.headers["Location"] == url("mapping", made.pk, second.pk)
