"""What happened is told: once it is committed, signed, again until it is taken, and never to nobody."""

from __future__ import annotations

import datetime as dt
import json

import pytest
from django.core import mail
from django.db import connection, transaction
from django.utils import timezone
from standardwebhooks import Webhook, WebhookVerificationError

from integrations.models import Conflict, IntegrationInstance, SetAside, Status, Stream, SyncLog
from integrations.notifications import preferences, tasks
from integrations.notifications.kinds import Kind
from integrations.notifications.models import Delivery as Noticed
from integrations.notifications.preferences import Wishes
from integrations.outgoing import due, endpoints, signing, turns
from integrations.outgoing.models import Delivery, Endpoint, Event
from integrations.scheduling.models import DueEndpoint, Told
from tenants.models import Membership
from tests.contract.wire import Wire


@pytest.fixture
def integration(tenant):
    return IntegrationInstance.objects.create(provider="notion", name="Wiki", status=Status.ACTIVE)


@pytest.fixture
def stream(integration):
    return Stream.objects.create(
        integration=integration, collection="c1", collection_name="People", entity="contact", direction="both"
    )


def ended(integration, state="done", **facts):
    run = SyncLog.objects.create(integration=integration, trigger="api")
    SyncLog.objects.filter(pk=run.pk).update(
        state=state, ended_at=timezone.now(), counts={"read": 3, "deletes:x": 1}, **facts
    )
    return run


def conflicts(stream, state, *fields):
    made = [
        Conflict(stream=stream, record_id="01993f0a-80c3-7d55-9ba1-6e4f9c702d03", field=name, policy="ask", state=state,
                 title="Ada", local="secret here", remote="secret there", at=timezone.now())
        for name in fields
    ]  # fmt: skip
    return Conflict.objects.bulk_create(made)


def told():
    return list(Event.objects.order_by("at").values_list("type", flat=True))


def later(endpoint, **ago):
    """As if so much time had passed."""
    Delivery.objects.filter(endpoint=endpoint, state="waiting").update(next_at=timezone.now())
    DueEndpoint.objects.filter(pk=endpoint.pk).update(not_before=None, due_at=timezone.now())
    if ago:
        Endpoint.objects.filter(pk=endpoint.pk).update(failing_since=timezone.now() - dt.timedelta(**ago))


# --- events ---------------------------------------------------------------------------------------------------------


def test_a_run_that_ends_is_told_signed_and_thin(integration, endpoint, receiver, send):
    row, secret = endpoint("run.finished")
    run = ended(integration)
    assert send() == 1
    (headers, body), *_ = receiver.calls
    told_ = Webhook(secret).verify(body, headers)
    assert told_["type"] == "run.finished"
    assert told_["data"]["run"]["id"] == str(run.pk) and told_["data"]["integration"]["name"] == "Wiki"
    assert told_["data"]["counts"] == {"read": 3}
    assert told_["data"]["links"]["page"].endswith(f"/connections/{integration.pk}/runs/{run.pk}/")
    delivery = Delivery.objects.get()
    assert headers["webhook-id"] == str(delivery.event_id)
    assert (delivery.state, delivery.status, delivery.attempts, delivery.next_at) == ("delivered", 204, 1, None)
    assert send() == 0


def test_nothing_is_written_where_nobody_asks(integration, endpoint):
    endpoint("conflict.opened")
    ended(integration)
    assert not Event.objects.exists() and not Delivery.objects.exists() and not Told.objects.exists()


def test_what_is_rolled_back_is_not_told(integration, endpoint):
    endpoint("run.finished")
    with pytest.raises(RuntimeError), transaction.atomic():
        ended(integration)
        raise RuntimeError
    assert not Event.objects.exists() and not Told.objects.exists()


def test_failed_and_cancelled_runs(integration, endpoint):
    endpoint("run.finished", "run.failed")
    ended(integration, "failed", error_code="access_denied")
    ended(integration, "cancelled")
    assert told() == ["run.failed", "run.finished"]


def test_conflicts_are_told_by_the_page_and_without_their_values(stream, endpoint, receiver, send):
    endpoint("conflict.opened", "conflict.settled")
    conflicts(stream, "open", "name", "email")
    conflicts(stream, "settled", "phone")
    assert told() == ["conflict.opened", "conflict.settled"]
    Conflict.objects.filter(state="open").update(state="settled", settled_by="Olga")
    Conflict.objects.all().update(seen_at=timezone.now())
    send()
    first, second, third = (json.loads(body)["data"] for _headers, body in receiver.calls)
    assert (first["count"], sorted(first["fields"]), first["by"]) == (2, ["email", "name"], None)
    assert (second["by"], third["by"], third["count"]) == ("rule", "person", 2)
    assert not any(word in str(receiver.calls) for word in ("secret", "Ada", "Olga"))


def test_records_that_are_set_aside(stream, endpoint):
    endpoint("record.set_aside")
    SetAside.objects.bulk_create(
        SetAside(stream=stream, side="here", remote_id=str(n), code="invalid_record", field="phone", reason="no")
        for n in range(3)
    )
    event = Event.objects.get()
    assert (event.data["count"], event.data["field"], event.data["stream"]["collection"]) == (3, "phone", "People")


def test_the_life_of_a_connection(integration, endpoint):
    endpoint("integration.paused", "integration.failing", "integration.stopped", "integration.recovered")
    now = timezone.now()
    for facts in (
        {"status": "paused"}, {"status": "active"}, {"warned_at": now}, {"warned_at": None}, {"name": "Other"},
        {"status": "attention", "status_code": "access_denied"}, {"warned_at": now}, {"warned_at": None}, {"status": "active"},
    ):  # fmt: skip
        IntegrationInstance.objects.filter(pk=integration.pk).update(**facts)
    names = [name.partition(".")[2] for name in told()]
    assert names == ["paused", "recovered", "failing", "recovered", "stopped", "failing", "recovered"]


def test_a_tenant_hears_nothing_of_another(integration, endpoint, other_tenant, tenant):
    endpoint("run.finished")
    connection.set_tenant(other_tenant)
    endpoint("run.finished")
    connection.set_tenant(tenant)
    ended(integration)
    assert Event.objects.count() == 1
    connection.set_tenant(other_tenant)
    assert not Event.objects.exists()


# --- trouble --------------------------------------------------------------------------------------------------------


def test_what_is_refused_is_sent_again_with_the_same_id_and_body(integration, endpoint, receiver, send):
    row, secret = endpoint()
    ended(integration)
    receiver.answers.append((500, {}, b"x" * 10_000))
    send()
    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.status, len(delivery.answer)) == ("waiting", 500, 4096)
    assert dt.timedelta(seconds=3) < delivery.next_at - timezone.now() < dt.timedelta(seconds=7)
    assert send() == 0, "it rests"
    later(row)
    assert send() == 1
    (before, one), (after, two) = receiver.calls
    assert before["webhook-id"] == after["webhook-id"] and one == two
    delivery.refresh_from_db()
    assert (delivery.state, [once["status"] for once in delivery.tries]) == ("delivered", [500, 204])
    assert DueEndpoint.objects.get(pk=row.pk).failures == 0


def test_after_a_failure_the_rest_waits_too(integration, endpoint, receiver, send):
    row, _secret = endpoint()
    for _ in range(3):
        ended(integration)
    receiver.answers.append((503, {"Retry-After": "1800"}, b""))
    assert send() == 1 and len(receiver.calls) == 1
    rests = DueEndpoint.objects.get(pk=row.pk).not_before - timezone.now()
    assert dt.timedelta(minutes=29) < rests < dt.timedelta(minutes=31)
    later(row)
    assert send() == 3


def test_it_is_given_up_after_about_a_day(integration, endpoint, receiver, send):
    row, _secret = endpoint()
    ended(integration)
    receiver.answers.extend([(400, {}, b"")] * 20)
    while Delivery.objects.filter(state="waiting").exists():
        later(row)
        send()
    assert Delivery.objects.get().attempts == len(turns.AGAIN) + 1
    assert 24 < sum(turns.AGAIN) / 3600 < 36


@pytest.mark.parametrize(("status", "ago"), [(410, {}), (500, {"hours": 121})])
def test_one_that_is_gone_or_fails_for_days_is_switched_off(
    tenant, member, integration, endpoint, receiver, send, status, ago
):
    member("viewer")
    other = Membership.objects.get(user=member("member"))
    preferences.keep(other, Wishes(dict.fromkeys(Kind.values, (True, "now"))))
    assert preferences.of(other).of(Kind.WEBHOOK) == (False, "never"), "it is none of theirs"
    row, _secret = endpoint()
    ended(integration)
    receiver.answers.append((status, {}, b""))
    later(row, **ago)
    send()
    row.refresh_from_db()
    assert row.off == ("gone" if status == 410 else "failing")
    tasks.look_here()
    tasks.look_here()
    told = Noticed.objects.get()
    assert (told.user_id, told.in_app, told.notice.kind) == (tenant.owner.pk, True, "webhook"), (
        "who may switch it on again"
    )
    letter, *others = mail.outbox
    assert letter.to == [tenant.owner.email] and not others
    assert f"/settings/webhooks/{row.pk}/" in letter.body and "is switched off" in letter.subject
    assert receiver.url not in letter.body, "the address may hold a secret"
    assert Delivery.objects.get().state == "failed"
    ended(integration)
    assert Delivery.objects.count() == 1, "nobody is told any more"
    endpoints.switch_on(row)
    tasks.look_here()
    told.notice.refresh_from_db()
    assert told.notice.over_at is not None
    assert endpoints.send_again(endpoints.failed(row), row) == 1
    assert send() == 1 and Delivery.objects.get().state == "delivered"


def test_one_that_a_person_switched_off_is_told_to_nobody(tenant, endpoint):
    row, _secret = endpoint()
    endpoints.switch_off(row)
    tasks.look_here()
    assert not Noticed.objects.exists()


def test_two_changes_at_once_keep_each_other(tenant, endpoint):
    row, _secret = endpoint(note="Old")
    mine, theirs = Endpoint.objects.get(), Endpoint.objects.get()
    endpoints.change(theirs, url="https://new.example/hook")
    endpoints.change(mine, note="New")
    row.refresh_from_db()
    assert (row.url, row.note) == ("https://new.example/hook", "New")


def test_two_new_secrets_at_once_both_sign(tenant, endpoint):
    endpoint()
    mine, theirs = Endpoint.objects.get(), Endpoint.objects.get()
    first, _until = endpoints.new_secret(theirs)
    second, _until = endpoints.new_secret(mine)
    assert endpoints.keys(Endpoint.objects.get(), timezone.now()) == [second, first]


def test_who_was_taken_for_dead_does_not_undo_what_was_delivered(integration, endpoint, receiver, send):
    row, _secret = endpoint()
    ended(integration)
    late = Delivery.objects.select_related("event").get()
    assert send() == 1 and Delivery.objects.get().state == "delivered"
    receiver.answers.append((500, {}, b""))
    turns._send(row, late)  # it had read the delivery before, and comes back now
    assert Delivery.objects.get().state == "delivered"


def test_switched_off_and_on_again_between_a_claim_and_its_look(tenant, integration, endpoint, send):
    row, _secret = endpoint()
    ended(integration)
    due.collect()
    DueEndpoint.objects.update(due_at=timezone.now() - dt.timedelta(seconds=1))
    lease, failures = due.claim(row.pk)
    endpoints.switch_off(row)
    endpoints.switch_on(row)
    ended(integration)
    due.collect()
    due.release(row.pk, lease, None, failures, None)  # what a turn does that found it off
    assert DueEndpoint.objects.get().due_at is not None


def test_redirects_are_not_followed(integration, endpoint, receiver, send):
    endpoint()
    ended(integration)
    receiver.answers.append((302, {"Location": receiver.url}, b""))
    send()
    assert len(receiver.calls) == 1 and Delivery.objects.get().status == 302


def test_one_who_hangs_up(integration, endpoint, receiver, send):
    endpoint()
    ended(integration)
    receiver.answers.append((None, {}, b""))
    send()
    assert (Delivery.objects.get().error, Delivery.objects.get().status) == ("broken", None)


def test_a_worker_that_died_is_followed(integration, endpoint, receiver, send):
    from integrations.outgoing import due

    row, _secret = endpoint()
    ended(integration)
    due.collect()
    assert due.claim(row.pk) and due.claim(row.pk) is None and due.following() == []
    past = timezone.now() - dt.timedelta(seconds=1)
    DueEndpoint.objects.filter(pk=row.pk).update(leased_until=past, due_at=past)
    assert send() == 1


def test_what_happens_during_a_turn_is_not_forgotten(integration, endpoint, send):
    from integrations.outgoing import due

    row, _secret = endpoint()
    ended(integration)
    due.collect()
    lease, failures = due.claim(row.pk)
    ended(integration)
    due.collect()
    due.release(row.pk, lease, None, failures, None)
    assert send() == 2


@pytest.mark.parametrize("how", ["switch_off", "remove"])
def test_what_a_person_does_during_a_turn_holds(how, integration, endpoint, receiver, send, monkeypatch):
    row, _secret = endpoint()
    ended(integration)
    ended(integration)
    receiver.answers.append((500, {}, b""))

    def acts(request):
        getattr(endpoints, how)(Endpoint.objects.get(pk=row.pk))
        return True

    Wire(acts).install(monkeypatch)
    assert send() == 1 == len(receiver.calls)
    assert not Delivery.objects.filter(state="waiting").exists()
    assert not DueEndpoint.objects.exclude(due_at=None).exists()


def test_one_tenant_with_many_keeps_nobody_waiting(tenant, other_tenant, endpoint, settings):
    from integrations.outgoing import due

    for _ in range(3):
        endpoint()
    connection.set_tenant(other_tenant)
    other, _secret = endpoint()
    connection.set_tenant(tenant)
    DueEndpoint.objects.update(due_at=timezone.now())
    DueEndpoint.objects.filter(pk=other.pk).update(due_at=timezone.now() - dt.timedelta(seconds=0))
    settings.OUTGOING_AT_ONCE = 2
    assert {schema for schema, _pk in due.following()} == {tenant.schema_name, other_tenant.schema_name}
    DueEndpoint.objects.update(failures=3)
    assert len(due.following()) == 1, "those that fail take half of the places"


# --- signatures -----------------------------------------------------------------------------------------------------


def test_the_published_vector():
    """From the specification's own libraries (standard-webhooks/libraries/python/tests/test_webhooks.py)."""
    secret, message = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek"
    at = dt.datetime.fromtimestamp(1614265330, dt.UTC)
    signed = signing.headers(message, at, '{"test": 2432232314}', [secret])
    assert signed["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_during_a_change_of_the_secret_both_verify(integration, endpoint, receiver, send):
    row, old = endpoint()
    new, _until = endpoints.new_secret(row)
    ended(integration)
    send()
    (headers, body), *_ = receiver.calls
    assert Webhook(old).verify(body, headers) == Webhook(new).verify(body, headers)
    Endpoint.objects.update(old_secret_until=timezone.now() - dt.timedelta(seconds=1))
    ended(integration)
    send()
    headers, body = receiver.calls[-1]
    Webhook(new).verify(body, headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(old).verify(body, headers)


def test_a_secret_is_sealed(tenant, endpoint):
    row, secret = endpoint()
    with connection.cursor() as cursor:
        cursor.execute("SELECT row_to_json(e)::text FROM outgoing_endpoint e")
        assert secret not in cursor.fetchone()[0] and secret.removeprefix("whsec_") not in str(vars(row))


def test_a_secret_that_cannot_be_opened_any_more_signs_nothing_until_there_is_a_new_one(
    integration, endpoint, receiver, send, settings
):
    row, _old = endpoint()
    settings.INTEGRATION_ENCRYPTION_KEYS = ["another one"]
    ended(integration)
    send()
    assert (Delivery.objects.get().error, receiver.calls) == ("no_secret", [])
    new, _until = endpoints.new_secret(row)
    later(row)
    send()
    (headers, body), *_ = receiver.calls
    Webhook(new).verify(body, headers)
