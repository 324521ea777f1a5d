"""Who is let in, as whom, and what each role may do."""

from __future__ import annotations

import datetime as dt

import pytest
from django.test import Client
from django.utils import timezone

from integrations.api.callers import WRONG_TOKENS
from tenants import tokens
from tenants.models import ApiToken
from tests.clients import HostClient
from tests.integrations.api.checks import UNSAFE, operations
from tests.integrations.api.conftest import Api

SOME_ID = "01993f0a-1b5d-7e20-93c1-7a6b5c4d3e10"
#: They ask and write nothing, so a viewer may.
READING = {"preview_mappings", "resolve_collection"}
#: They change what is the caller's own: a person may, whatever the role; a token only if it may write.
OWN = {"read_notifications", "read_notification", "set_notification_preferences"}
#: What a member may do; everything else that writes is for admins.
MEMBERS = {
    "sync_integration",
    "import_now",
    "export_now",
    "plan_integration",
    "discard_plan",
    "cancel_run",
    "resolve_conflict",
    "resolve_conflicts",
    "swap_conflict",
    "acknowledge_conflict",
    "retry_one_set_aside",
    "retry_set_aside",
    "pause_link",
    "resume_link",
    "pair_records",
    "keep_apart",
    "create_record",
    "change_records",
    "update_record",
    "delete_record",
    "create_view",
    "update_view",
    "delete_view",
    "create_action",
    "undo_action",
    "create_import",
    "change_import",
    "preview_import",
    "approve_import",
    "undo_import",
    "discard_import",
    "mend_cause",  # trying again; what changes the mapping is refused inside, see test_problems
    "retry_run",
}
#: What is for admins even to look at.
ADMINS = {
    "list_webhook_endpoints",
    "get_webhook_endpoint",
    "list_webhook_deliveries",
    "get_webhook_delivery",
    "list_tokens",
}


def address(path):
    for name in (
        "integration_id",
        "stream_id",
        "run_id",
        "plan_id",
        "conflict_id",
        "record_id",
        "import_id",
        "action_id",
        "endpoint_id",
        "delivery_id",
    ):
        path = path.replace(f"{{{name}}}", SOME_ID)
    path = (
        path.replace("{aside_id}", "1")
        .replace("{link_id}", "1")
        .replace("{view_id}", "1")
        .replace("{notification_id}", "1")
        .replace("{member_id}", "1")
        .replace("{invitation_id}", "1")
        .replace("{field_id}", "1")
        .replace("{token_id}", "1")
    )
    return path.replace("{slug}", "notion").replace("{entity}", "contact").replace("{collection_id}", "abc")


def body_of(operation):
    content = operation.get("requestBody", {}).get("content", {})
    return content["application/json"]["example"] if "application/json" in content else None  # an upload has none


def writes():
    return [pytest.param(*one, id=one[2]["operationId"]) for one in operations() if one[1] in UNSAFE]


# --- tokens -----------------------------------------------------------------------------------------------------------


def test_without_a_token_nothing_answers(tenant):
    nobody = Api(tenant, "")
    for path, method, operation in operations():
        answer = nobody.call(method, address(path), body_of(operation))
        assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized"), path
        assert answer["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize("token", ["", "rac_unknown", "Bearer", "rac_é", "x" * 5000])
def test_wrong_tokens(tenant, token):
    answer = Api(tenant, "").get("entities", Authorization=f"Bearer {token}")
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")


def test_another_scheme_is_no_token(tenant, api):
    answer = Api(tenant, "").get("entities", Authorization=f"Basic {api.token}")
    assert answer.status_code == 401


def test_revoked_token(tenant):
    row, plain = tokens.create_token(tenant, "Old")
    assert Api(tenant, plain).get("entities").status_code == 200
    assert tokens.revoke(tenant, row.pk)
    assert Api(tenant, plain).get("entities").status_code == 401


def test_token_of_another_tenant_is_unknown_on_this_host(tenant, other_tenant):
    _row, plain = tokens.create_token(other_tenant, "Theirs")
    assert Api(other_tenant, plain).get("entities").status_code == 200
    assert Api(tenant, plain).get("entities").status_code == 401


def test_use_is_remembered_once_a_minute(tenant, api):
    api.get("entities")
    row = ApiToken.objects.get(name="admin script")
    first = row.used_at
    api.get("entities")
    row.refresh_from_db()
    assert row.used_at == first
    ApiToken.objects.filter(pk=row.pk).update(used_at=timezone.now() - dt.timedelta(minutes=2))
    api.get("entities")
    row.refresh_from_db()
    assert row.used_at > first


def test_many_wrong_tokens_have_to_wait_but_a_known_one_is_heard(tenant, api, caller):
    assert api.get("entities").status_code == 200
    guesser = Api(tenant, "rac_wrong")
    answers = [guesser.get("entities") for _ in range(WRONG_TOKENS.amount + 1)]
    assert {answer.status_code for answer in answers[:-1]} == {401}
    assert (answers[-1].status_code, answers[-1].json()["code"]) == (429, "too_many_attempts")
    assert 0 < int(answers[-1]["Retry-After"]) <= 60
    assert api.get("entities").status_code == 200
    assert caller("viewer").get("entities").status_code == 429, "one that nobody has seen yet waits as well"


# --- members' sessions ------------------------------------------------------------------------------------------------


def test_a_signed_in_member_reads_and_with_the_csrf_token_writes(tenant, member):
    client = HostClient(tenant, enforce_csrf_checks=True)
    client.force_login(member("member"))
    page = Api(tenant, "", client)
    assert page.get("records/contact").status_code == 200
    refused = page.post("records/contact", {"values": {"name": "Ada"}})
    assert (refused.status_code, refused.json()["code"]) == (403, "csrf_failed")
    client.cookies["csrftoken"] = "a" * 32
    made = page.post("records/contact", {"values": {"name": "Ada"}}, X_CSRFToken="a" * 32)
    assert made.status_code == 201
    history = page.get(f"records/contact/{made.json()['id']}/history").json()["items"]
    assert history[0]["actor"]["kind"] == "user"


def test_somebody_who_is_no_member_finds_nothing(tenant, member, sign_in):
    stranger = Api(tenant, "", sign_in(member(tenant=None), tenant))
    assert stranger.get("entities").status_code == 404


def test_a_member_of_another_tenant_finds_nothing(tenant, other_tenant, sign_in):
    stranger = Api(tenant, "", sign_in(other_tenant.owner, tenant))
    assert stranger.get("entities").status_code == 404


def test_the_public_host_has_no_such_api(db):
    answer = Client(headers={"host": "localhost"}).get("/api/v1/entities")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


# --- roles ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("path", "method", "operation"), writes())
def test_a_viewer_changes_nothing(tenant, caller, path, method, operation):
    answer = caller("viewer").call(method, address(path), body_of(operation))
    if operation["operationId"] in READING:
        assert answer.status_code != 403
    else:
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


@pytest.mark.parametrize(("path", "method", "operation"), writes())
def test_a_member_writes_records_and_manages_nothing(tenant, caller, path, method, operation):
    answer = caller("member").call(method, address(path), body_of(operation))
    allowed = operation["operationId"] in READING | OWN | MEMBERS
    assert (answer.status_code == 403) is not allowed


def test_a_viewer_chooses_how_to_be_told_and_a_token_that_only_reads_does_not(tenant, member, sign_in):
    owner = tenant.owner
    scoped = {
        name: Api(tenant, tokens.create_token(tenant, name, by=owner, scopes=[name])[1])
        for name in ("syncs.read", "syncs.run", "records.write")
    }
    wanted = scoped["syncs.read"].get("notification-preferences").json() | {"digest": "never"}
    answers = {name: api.put("notification-preferences", wanted).status_code for name, api in scoped.items()}
    assert answers == {"syncs.read": 403, "syncs.run": 200, "records.write": 403}
    assert scoped["syncs.read"].post("notifications/read").json()["code"] == "forbidden"
    client = sign_in(member("viewer"), tenant)
    client.cookies["csrftoken"] = "a" * 32
    page = Api(tenant, "", client)
    assert page.put("notification-preferences", wanted, X_CSRFToken="a" * 32).status_code == 200


def test_a_viewer_reads_everything(tenant, caller):
    viewer = caller("viewer")
    for path, method, operation in operations():
        if method == "get":
            expected = (403,) if operation["operationId"] in ADMINS else (200, 404)
            assert viewer.get(address(path)).status_code in expected, operation["operationId"]


def test_an_owner_may_what_an_admin_may(tenant, member, sign_in):
    page = Api(tenant, "", sign_in(tenant.owner, tenant))
    assert page.post("integrations", {"provider": "notion"}).status_code == 201
