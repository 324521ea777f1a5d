"""The door for providers' calls, over real requests with raw bytes."""

from __future__ import annotations

import datetime as dt
import hmac
import json
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from integrations.catalog.models import Provider
from integrations.webhooks import intake, views
from integrations.webhooks.models import Handshake, Heard, Subscription
from tests.clients import HostClient
from tests.integrations.webhooks.calls import SECRET, event, signed

NOTION = "/hooks/notion/"


def called() -> set:
    return set(Subscription.objects.filter(called_at__isnull=False).values_list("pk", flat=True))


@pytest.fixture
def tell(call, notion_app):
    """tell(body) -> status: Notion calls, signed with its secret."""
    return lambda body, secret=SECRET: call(NOTION, body, x_notion_signature=signed(body, secret)).status_code


def test_a_call_marks_every_integration_that_it_concerns_of_whichever_tenant(tell, listens, other_tenant):
    ours, theirs = listens(), listens(home=other_tenant)
    listens("another-table")
    listens(account_id="another-workspace")
    assert tell(event()) == 200
    assert called() == {ours.pk, theirs.pk}
    ours.refresh_from_db()
    assert ours.heard_at == ours.called_at is not None


def test_an_event_of_no_told_table_concerns_all_tables_of_the_account(tell, listens):
    rows = {listens("a").pk, listens("b").pk}
    listens(account_id="another-workspace")
    assert tell(event(type="page.moved")) == 200
    assert called() == rows


def test_doubled_and_replayed_calls_do_nothing(tell, listens):
    row, body = listens(), event()
    assert tell(body) == 200
    Subscription.objects.update(called_at=None)
    assert tell(body) == 200
    assert tell(event(attempt_number=2)) == 200  # the same event once more, in other words
    assert called() == set()
    assert tell(event("event-2")) == 200
    assert called() == {row.pk}


def test_the_time_of_the_first_call_stays_and_that_of_the_last_moves(tell, listens):
    earlier = timezone.now() - dt.timedelta(minutes=1)
    row = listens(called_at=earlier, heard_at=earlier)
    tell(event())
    row.refresh_from_db()
    assert row.called_at == earlier < row.heard_at


@pytest.mark.parametrize(
    "body",
    [b"", b"{}", b"[" * 100_000, b"\xff\xfe", b'{"verification_token": 5}', json.dumps([1, 2]).encode()],
    ids=["empty", "object", "deep", "no text", "number", "list"],
)
def test_signed_nonsense_is_heard_and_does_nothing(tell, listens, body):
    listens()
    assert tell(body) == 200
    assert called() == set() and not Heard.objects.exists() and not Handshake.objects.exists()


def test_forged_calls_hear_nothing_of_why(call, notion_app, listens):
    listens()
    body = event()
    for headers in (
        {},
        {"x_notion_signature": ""},
        {"x_notion_signature": signed(body, "another secret")},
        {"x_notion_signature": signed(body).replace("sha256=", "")},
        {"x_notion_signature": "sha256=é"},
    ):
        answer = call(NOTION, body, **headers)
        assert (answer.status_code, answer.content) == (401, b"")
    assert call(NOTION, body[:-1], x_notion_signature=signed(body)).status_code == 401  # truncated
    assert call(NOTION, body + b" ", x_notion_signature=signed(body)).status_code == 401
    assert called() == set() and not Heard.objects.exists()


def test_late_calls_are_refused(tell, listens):
    listens()
    late = timezone.now() - intake.REMEMBERED
    assert tell(event(timestamp=late.isoformat())) == 401
    assert tell(event("event-2", timestamp=(timezone.now() - dt.timedelta(hours=20)).isoformat())) == 200


def test_huge_calls_are_not_read(call, notion_app):
    body = b" " * (views.BODY_BYTES + 1)
    assert call(NOTION, body, x_notion_signature=signed(body)).status_code == 413


def test_a_provider_that_is_switched_off_is_asked_to_come_again(tell, listens, notion_app):
    listens()
    Provider.objects.filter(slug="notion").update(is_active=False)
    assert tell(event()) == 503
    assert called() == set()


def test_nobody_is_at_other_addresses(call, notion_app, tenant):
    body = event()
    assert call("/hooks/nobody/", body).status_code == 404
    assert call(f"/hooks/notion/{uuid4()}/", body, x_notion_signature=signed(body)).status_code == 404
    assert HostClient(tenant).post(NOTION, body, content_type="application/json").status_code in (302, 404)
    assert HostClient().put(NOTION, body).status_code == 405


def test_before_there_is_a_secret_nothing_is_believed(call, tenant, listens):
    listens()
    body = event()
    assert call(NOTION, body, x_notion_signature=signed(body, "")).status_code == 401
    assert called() == set()


def test_a_handshake_is_kept_for_staff_and_changes_nothing(call, notion_app):
    for number in range(intake.HANDSHAKES + 2):
        answer = call(NOTION, json.dumps({"verification_token": f"secret_{number}"}).encode())
        assert (answer.status_code, answer.content) == (200, b"")
    kept = [row.secret.open() for row in Handshake.objects.all()]
    assert kept == [f"secret_{number}" for number in (6, 5, 4, 3, 2)]
    assert Provider.objects.get(slug="notion").hook_secret.open() == SECRET


def test_staff_confirm_a_handshake_and_calls_are_heard(call, tenant, listens, member):
    row = listens()
    token = "secret_handed_over"
    call(NOTION, json.dumps({"verification_token": token}).encode())
    staff = member(tenant=None, email="staff@raccord.example")
    staff.is_staff = True
    staff.save()
    browser = HostClient()
    browser.force_login(staff)
    shake = Handshake.objects.get()
    page = browser.get(f"/admin/webhooks/handshake/{shake.pk}/change/")
    assert token in page.content.decode()
    assert token not in browser.get("/admin/webhooks/handshake/").content.decode()
    chosen = {"action": "confirm", "_selected_action": [str(shake.pk)]}
    assert browser.post("/admin/webhooks/handshake/", chosen).status_code == 302
    assert Provider.objects.get(slug="notion").hook_secret.open() == token and not Handshake.objects.exists()
    body = event()
    assert call(NOTION, body, x_notion_signature=signed(body, token)).status_code == 200
    assert called() == {row.pk}
    assert browser.get("/admin/webhooks/subscription/").status_code == 200
    assert browser.get(f"/admin/webhooks/subscription/{row.pk}/change/").status_code == 200


def test_one_who_keeps_forging_is_refused_unread_and_others_are_heard(call, notion_app, listens):
    listens()
    for _again in range(views.UNSIGNED.amount):
        assert call(NOTION, b"{}").status_code == 401
    with CaptureQueriesContext(connection) as queries:
        assert call(NOTION, b"{}").status_code == 429
    assert not [q for q in queries if "catalog_provider" in q["sql"] or "webhooks" in q["sql"]]
    body = event()
    answer = HostClient().post(
        NOTION,
        body,
        content_type="application/json",
        headers={"x-notion-signature": signed(body)},
        REMOTE_ADDR="10.1.1.1",
    )
    assert answer.status_code == 200


def test_what_is_signed_but_says_nothing_does_not_count_as_a_stranger(tell):
    for number in range(views.UNSIGNED.amount + 1):
        assert tell(event(str(number), entity={"type": "comment", "id": "c"})) == 200


def test_a_call_costs_the_same_whatever_it_holds(call, tell, listens, other_tenant):
    for number in range(20):
        listens(f"table-{number}", home=other_tenant)
    listens()
    with CaptureQueriesContext(connection) as one:
        assert tell(event("first", "table-1")) == 200
    with CaptureQueriesContext(connection) as many:
        assert tell(event("second", type="page.moved")) == 200
    told = [q["sql"] for q in many if not q["sql"].startswith(("SAVEPOINT", "RELEASE", "SET search_path"))]
    assert len(one) == len(many)
    assert len(told) <= 3, told
    assert len(called()) == 21


# --- subscriptions of our own, each with its address and its secret -------------------------------------------------------


def test_each_subscription_has_its_own_address_and_secret(memo, call, listens):
    rows = [listens(f"table-{n}", provider="memo") for n in range(2)]
    for row in rows:
        row.secret = f"key of {row.collection}"
        row.save()
    body = b"ping"
    mac = hmac.new(b"key of table-0", body, "sha256").hexdigest()
    assert call(f"/hooks/memo/{rows[1].pk}/", body, x_memo=mac).status_code == 401
    assert call(f"/hooks/memo/{rows[0].pk}/", body, x_memo=mac).status_code == 200
    assert called() == {rows[0].pk}
    assert call(f"/hooks/memo/{uuid4()}/", body, x_memo=mac).status_code == 410
    assert call("/hooks/memo/", body, x_memo=mac).status_code == 404


def test_some_look_whether_somebody_is_there(memo, listens):
    row, client = listens(provider="memo"), HostClient()
    for ask in (client.head, client.get):
        assert ask(f"/hooks/memo/{row.pk}/").status_code == 200
        assert ask(f"/hooks/memo/{uuid4()}/").status_code == 410
        assert ask(NOTION).status_code == 200
        assert ask("/hooks/nobody/").status_code == 404


def test_calls_are_forgotten_when_they_cannot_come_again(tell, listens):
    listens()
    tell(event())
    assert intake.forget(timezone.now()) == 0
    assert intake.forget(timezone.now() + intake.REMEMBERED) == 1
    assert not Heard.objects.exists()
