"""Two people in the same setup, each with a browser: what one saved is never overwritten by the other without a word.

And one who leaves in the middle and comes back.
"""

from __future__ import annotations

import pytest

from integrations.models import Draft, Edit, IntegrationInstance
from integrations.services import edits, setup
from tests.integrations.ui.conftest import OTHER_ACCOUNT, TOKEN, form_of, url
from tests.integrations.ui.test_wizard import rules_of


@pytest.fixture
def admin(member):
    return member("admin")


@pytest.fixture
def grace(sign_in, admin, tenant):
    return sign_in(admin, tenant)


def seen_in(response):
    return response.context["seen"]


def opened(client, stream):
    page = client.get(url("mapping", stream.integration_id, stream.pk))
    return form_of(page) | {"seen": seen_in(page)}


def without(form, local):
    return form | {"local": ["" if one == local else one for one in form["local"]]}


def turned(form, local, way):
    at = form["local"].index(local)
    return form | {"direction": [way if row == at else one for row, one in enumerate(form["direction"])]}


def mapped(stream):
    return {one.local: one.direction for one in stream.mappings.all().order_by("pk")}


def test_same_pair_of_fields_is_shown_from_both_and_saved_only_knowingly(tenant_client, grace, paired, admin, tenant):
    stream = paired["stream"]
    save = url("mapping", stream.integration_id, stream.pk)
    mine, hers = opened(tenant_client, stream), opened(grace, stream)
    assert grace.post(save, turned(hers, "phone", "import")).status_code == 303

    answer = tenant_client.post(save, without(mine, "phone"))
    page = answer.content.decode()
    assert answer.status_code == 409
    assert mapped(stream)["phone"] == "import"  # hers still
    [row] = answer.context["meanwhile"]["rows"]
    assert row["theirs"].endswith("only from Notion to here") and row["mine"] == "Not kept in step"
    assert row["before"].endswith("both ways")
    assert answer.context["meanwhile"]["who"] == Edit.objects.get(part="mapping").by
    assert "saved this while you were at it" in page
    assert "phone" not in form_of(answer)["local"]  # what was chosen stands in the form

    again = form_of(answer) | {"seen": seen_in(answer)}
    assert tenant_client.post(save, again).status_code == 303
    assert "phone" not in mapped(stream)
    assert [one.by for one in Edit.objects.filter(part="mapping")] == [str(tenant.owner), str(admin)]


def test_different_pairs_of_fields_are_both_kept(tenant_client, grace, paired):
    stream = paired["stream"]
    save = url("mapping", stream.integration_id, stream.pk)
    mine, hers = opened(tenant_client, stream), opened(grace, stream)
    grace.post(save, turned(hers, "phone", "import"))
    answer = tenant_client.post(save, turned(mine, "email", "import"))
    assert answer.status_code == 303
    assert {mapped(stream)[name] for name in ("phone", "email")} == {"import"}
    told = tenant_client.get(answer.headers["Location"]).content.decode()
    assert "changed meanwhile is kept: Phone" in told


def test_saving_what_nobody_touched_is_silent(tenant_client, grace, paired):
    stream = paired["stream"]
    save = url("mapping", stream.integration_id, stream.pk)
    mine, hers = opened(tenant_client, stream), opened(grace, stream)
    grace.post(save, hers)
    assert not Edit.objects.filter(part="mapping").exists()  # she changed nothing
    assert tenant_client.post(save, without(mine, "phone")).status_code == 303


def test_an_edit_that_is_only_drawn_keeps_what_the_page_has_seen(tenant_client, grace, paired):
    stream = paired["stream"]
    save = url("mapping", stream.integration_id, stream.pk)
    mine, hers = opened(tenant_client, stream), opened(grace, stream)
    grace.post(save, turned(hers, "phone", "import"))
    drawn = tenant_client.post(save, without(mine, "phone") | {"do": "show"})
    assert seen_in(drawn) == mine["seen"]
    assert tenant_client.post(save, form_of(drawn) | {"seen": seen_in(drawn)}).status_code == 409


def test_rules_of_two_people(tenant_client, grace, paired):
    made, stream = paired["integration"], paired["stream"]
    tenant_client.post(url("mapping", made.pk, stream.pk), opened(tenant_client, stream))
    page = url("setup", made.pk, "settings")
    mine, hers = ({"seen": seen_in(client.get(page))} for client in (tenant_client, grace))
    grace.post(page, rules_of(stream, policy="ask") | {"frequency": "daily"} | hers)

    answer = tenant_client.post(
        page, rules_of(stream, policy="local", deletions="unlink") | {"frequency": "5min"} | mine
    )
    assert answer.status_code == 409
    [row] = answer.context["meanwhile"]["rows"]
    assert (row["theirs"], row["mine"]) == ("Ask a person", "Here wins")
    stream.refresh_from_db()
    assert (stream.policy, stream.deletions) == ("ask", "archive")
    shown = answer.content.decode()
    assert '<option value="local" selected>' in shown and '<option value="unlink" selected>' in shown
    # the frequency only she changed is hers now in the form, too
    answer = tenant_client.post(
        page, rules_of(stream, policy="local", deletions="unlink") | {"frequency": "daily", "seen": seen_in(answer)}
    )
    assert answer.status_code == 303
    stream.refresh_from_db()
    made.refresh_from_db()
    assert (stream.policy, stream.deletions, made.frequency) == ("local", "unlink", "daily")


def test_other_rules_than_mine_are_kept(tenant_client, grace, paired):
    made, stream = paired["integration"], paired["stream"]
    page = url("table_rules", made.pk, stream.pk)

    def form(client, **changed):
        shown = client.get(page).context
        numbers = {name: str(value) for name, value in shown["numbers"].items()}
        return numbers | {"key": [one["name"] for one in shown["keys"]], "seen": shown["seen"]} | changed

    mine, hers = form(tenant_client, policy="ask"), form(grace, brake_deletes="5")
    assert grace.post(page, hers).status_code == 303
    assert tenant_client.post(page, mine).status_code == 303
    stream.refresh_from_db()
    assert (stream.policy, stream.brake_deletes) == ("ask", 5)

    mine, hers = form(tenant_client, brake_deletes="7"), form(grace, brake_deletes="9")
    grace.post(page, hers)
    answer = tenant_client.post(page, mine)
    assert answer.status_code == 409
    assert [(one["theirs"], one["mine"]) for one in answer.context["meanwhile"]["rows"]] == [("9", "7")]
    stream.refresh_from_db()
    assert stream.brake_deletes == 9


def test_a_key_that_somebody_else_entered_is_not_replaced_unseen(tenant_client, grace, begun, admin):
    page = url("setup", begun.pk, "connect")
    mine = {"token": TOKEN, "way": "token", "seen": seen_in(tenant_client.get(page))}
    hers = {"token": OTHER_ACCOUNT, "way": "token", "another_account": "on", "seen": seen_in(grace.get(page))}
    assert grace.post(page, hers).status_code == 303
    answer = tenant_client.post(page, mine | {"another_account": "on"})
    assert answer.status_code == 422 and str(admin) in answer.content.decode()
    begun.refresh_from_db()
    assert begun.account_name == "Nord Atelier"
    answer = tenant_client.post(page, mine | {"another_account": "on", "seen": seen_in(answer)})
    begun.refresh_from_db()
    assert (answer.status_code, begun.account_name) == (303, "Acme Studio")


def test_a_name_that_somebody_else_gave_is_told(tenant_client, grace, begun):
    page = url("rename", begun.pk)
    mine, hers = ({"seen": seen_in(client.get(page))} for client in (tenant_client, grace))
    grace.post(page, hers | {"name": "Wiki"})
    answer = tenant_client.post(page, mine | {"name": "Team"})
    assert answer.status_code == 422 and 'value="Team"' in answer.content.decode()
    begun.refresh_from_db()
    assert begun.name == "Wiki"


def test_a_table_that_somebody_unpaired_is_told_by_name(tenant_client, grace, paired, admin):
    made, stream = paired["integration"], paired["stream"]
    mine = opened(tenant_client, stream)
    grace.post(url("remove_table", made.pk, stream.pk))
    answer = tenant_client.post(url("mapping", made.pk, stream.pk), mine)
    assert answer.headers["Location"] == url("setup", made.pk, "map")
    told = tenant_client.get(answer.headers["Location"]).content.decode()
    assert f"{admin} has unpaired “Contacts”" in told
    assert tenant_client.get(url("table_rules", made.pk, stream.pk)).status_code == 303
    assert tenant_client.get(url("mapping", made.pk, made.pk)).status_code == 404  # there never was one


def test_who_changed_it_last_stands_on_the_page(tenant_client, grace, paired, admin):
    stream = paired["stream"]
    grace.post(url("mapping", stream.integration_id, stream.pk), without(opened(grace, stream), "phone"))
    page = tenant_client.get(url("mapping", stream.integration_id, stream.pk)).content.decode()
    assert f"Last changed by {admin}" in page


def test_edits_are_noted_once_with_before_and_after(paired):
    made = paired["integration"]
    with edits.saving(made, "frequency", "Ada"):
        IntegrationInstance.objects.filter(pk=made.pk).update(frequency="daily")
    [edit] = Edit.objects.filter(part="frequency")
    assert (edit.before, edit.after) == ({"frequency": "5min"}, {"frequency": "daily"})
    with pytest.raises(edits.Stale), edits.saving(made, "frequency", "Grace", seen=edit.pk - 1):
        raise AssertionError("nothing is done")
    assert setup.removed_by(made, made.pk) is None


def test_meeting_is_the_merge_of_records():
    merged, clashes, kept = edits.meet({"a": 1, "b": 1, "c": 1}, {"a": 2, "b": 2, "c": 1}, {"a": 1, "b": 3})
    assert (merged, clashes, kept) == ({"a": 2, "b": 3}, ("b",), ("a",))
    assert edits.meet({}, {"a": 1}, {"a": 1}) == ({"a": 1}, (), ())


# --- leaving and coming back ------------------------------------------------------------------------------------------


def test_an_unsaved_mapping_is_there_when_one_comes_back_and_only_for_oneself(tenant_client, grace, paired):
    stream = paired["stream"]
    here = url("mapping", stream.integration_id, stream.pk)
    tenant_client.post(here, without(opened(tenant_client, stream), "phone") | {"do": "show"})
    back = tenant_client.get(here)
    assert "phone" not in form_of(back)["local"] and "You left this unsaved" in back.content.decode()
    assert "phone" in form_of(grace.get(here))["local"]
    assert "phone" in mapped(stream)
    assert tenant_client.post(here, {"do": "fresh"}).status_code == 303
    assert "phone" in form_of(tenant_client.get(here))["local"]


def test_what_was_left_unsaved_still_meets_what_others_saved_since(tenant_client, grace, paired):
    stream = paired["stream"]
    here = url("mapping", stream.integration_id, stream.pk)
    tenant_client.post(here, without(opened(tenant_client, stream), "phone") | {"do": "show"})
    grace.post(here, turned(opened(grace, stream), "phone", "import"))
    back = tenant_client.get(here)
    assert tenant_client.post(here, form_of(back) | {"seen": seen_in(back)}).status_code == 409
    assert mapped(stream)["phone"] == "import"


def test_saving_ends_the_draft(tenant_client, paired):
    stream = paired["stream"]
    here = url("mapping", stream.integration_id, stream.pk)
    tenant_client.post(here, without(opened(tenant_client, stream), "phone") | {"do": "show"})
    back = tenant_client.get(here)
    tenant_client.post(here, form_of(back) | {"seen": seen_in(back)})
    assert not Draft.objects.exists() and "phone" not in mapped(stream)
    late = form_of(back) | {"seen": seen_in(back), "do": "show"}  # was on its way when it was saved
    tenant_client.post(here, late, headers={"HX-Request": "true"})
    assert not Draft.objects.exists()


def test_unsaved_rules_are_there_when_one_comes_back(tenant_client, paired):
    made, stream = paired["integration"], paired["stream"]
    tenant_client.post(url("mapping", made.pk, stream.pk), opened(tenant_client, stream))
    page = url("setup", made.pk, "settings")
    tenant_client.post(f"{page}?part=effects", rules_of(stream, policy="ask"), headers={"HX-Request": "true"})
    back = tenant_client.get(page).content.decode()
    assert '<option value="ask" selected>' in back and "You left this unsaved" in back
    assert tenant_client.post(page, rules_of(stream, policy="ask")).status_code == 303
    assert "You left this unsaved" not in tenant_client.get(page).content.decode()

    page = url("table_rules", made.pk, stream.pk)
    tenant_client.post(page, {"do": "add:here", "key": "email", "policy": "local", "brake_deletes": "nonsense"})
    back = tenant_client.get(page)
    assert back.context["numbers"]["brake_deletes"] == "nonsense"
    assert [len(part["rows"]) for part in back.context["filters"] if part["side"] == "here"] == [1]
    tenant_client.post(page, {"do": "fresh"})
    assert tenant_client.get(page).context["numbers"]["brake_deletes"] == "30"
