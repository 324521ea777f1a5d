"""Plans over the API: asked for, read in parts, narrowed, downloaded, approved, thrown away."""

from __future__ import annotations

import csv
import io

from crm.models import Contact
from integrations.catalog.models import Provider
from integrations.models import Plan
from integrations.services import plans, sheet
from tests.integrations.api.test_wizard import run_what_is_due


def planned(api, wired, settings):
    asked = api.post(f"integrations/{wired['integration']}/plan")
    assert (asked.status_code, asked.json()["state"]) == (202, "making")
    run_what_is_due(settings)
    return asked["Location"]


def rows_of(response):
    return list(csv.reader(io.StringIO(b"".join(response.streaming_content).decode())))


def test_lines_come_in_parts_and_can_be_narrowed(live_tenant, api, wired, settings):
    Contact.objects.create(name="=1+2", email="formula@example.com", phone="-5")
    home = planned(api, wired, settings)
    plan = api.get(home).json()
    assert plan["state"] == "ready"
    assert plan["streams"][0]["counts"] == {"read": 12, "created_here": 12, "created_there": 1}
    lines = api.all(f"{home}/lines?limit=5")
    assert len(lines) == 13
    (out,) = api.get(f"{home}/lines?side=there").json()["items"]
    assert out["changes"]["name"] == [None, "=1+2"] and out["remote_id"] == "" and out["outcome"] == ""
    assert len(api.get(f"{home}/lines?action=created&side=here&stream={wired['stream']}").json()["items"]) == 12
    assert api.get(f"{home}/lines?search=1%2B2").json()["items"] == [out]
    assert len(api.get(f"{home}/lines?outcome=waiting").json()["items"]) == 13
    assert api.get(f"{home}/lines?outcome=done").json()["items"] == []
    assert api.get(f"{home}/lines?side=elsewhere").status_code == 422


def test_the_csv_has_a_row_per_field_and_no_formula(live_tenant, api, wired, settings):
    Contact.objects.create(name="=HYPERLINK(1)", email="formula@example.com", phone="@x", score="-5")
    home = planned(api, wired, settings)
    answer = api.client.get(f"{home}/download?side=there", headers=api.headers)
    assert answer["Content-Type"] == "text/csv" and "attachment" in answer["Content-Disposition"]
    head, *rows = rows_of(answer)
    assert head == ["Table", "Side", "Action", "Record", "Field", "Before", "After", "Why", "Outcome"]
    assert {row[3] for row in rows} == {"'=HYPERLINK(1)"}
    assert {row[4]: row[6] for row in rows}["Phone"] == "'@x"
    assert sheet.harmless("-5.00") == "-5.00" and sheet.harmless("-5+A1") == "'-5+A1"
    whole = rows_of(api.client.get(f"{home}/download", headers=api.headers))
    assert len({row[3] for row in whole[1:]}) == 13


def test_approving_starts_a_draft_and_does_just_that(live_tenant, api, caller, wired, settings, notion):
    Provider.objects.filter(slug="notion").update(requests_per_minute=100_000)
    home = planned(api, wired, settings)
    for role in ("viewer", "member"):
        assert caller(role).post(f"{home}/approve").status_code == 403
    assert caller("viewer").post(f"{home}/discard").status_code == 403
    assert caller("viewer").post(f"integrations/{wired['integration']}/plan").status_code == 403
    approved = api.post(f"{home}/approve")
    assert (approved.status_code, approved.json()["state"]) == (202, "approved")
    again = api.post(f"{home}/approve")
    assert (again.status_code, again.json()["code"]) == (409, "plan_not_ready")
    assert api.post(f"{home}/discard").json()["code"] == "not_open"
    run_what_is_due(settings)
    assert api.get(home).json()["state"] == "done"
    assert api.get(f"integrations/{wired['integration']}").json()["status"] == "active"
    assert {line["outcome"] for line in api.all(f"{home}/lines")} == {"done"}
    assert [run["trigger"] for run in api.all(f"runs?integration={wired['integration']}")] == ["plan"]
    assert Contact.objects.count() == 12


def test_a_plan_that_cannot_be_made_says_why(live_tenant, api, wired, settings, notion):
    notion.revoke_token("ntn_sandbox_demo")
    home = planned(api, wired, settings)
    plan = api.get(home).json()
    assert (plan["state"], plan["error_code"], plan["trouble"]["action"]) == (
        "failed",
        "authentication_failed",
        "reconnect",
    )
    notion.reset()


def test_a_new_plan_takes_the_place_of_the_last_and_few_are_kept(tenant, api, wired):
    asked = [api.post(f"integrations/{wired['integration']}/plan").json()["id"] for _ in range(2)]
    assert asked[0] == asked[1], "one that is being made is not made twice"
    assert api.post(f"plans/{asked[0]}/discard").json()["state"] == "discarded"
    for _ in range(8):
        Plan.objects.filter(state="making").update(state="ready")
        api.post(f"integrations/{wired['integration']}/plan")
    assert Plan.objects.count() == plans.KEPT
    assert Plan.objects.filter(state="making").count() == 1 and not Plan.objects.filter(state="ready").exists()
