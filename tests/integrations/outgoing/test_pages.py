"""Settings › Webhooks."""

from __future__ import annotations

import pytest
from standardwebhooks import Webhook

from integrations.models import IntegrationInstance, SyncLog
from integrations.outgoing import endpoints
from integrations.outgoing.models import Delivery, Endpoint

WEBHOOKS = "/settings/webhooks/"


@pytest.fixture
def made(endpoint):
    return endpoint("run.finished", note="Warehouse")[0]


def doors(pk, delivery):
    home = f"{WEBHOOKS}{pk}/"
    reads = [home, f"{home}change/", f"{home}{delivery}/"]
    return reads, [f"{home}{name}/" for name in ("secret", "test", "switch", "remove", "resend", f"{delivery}/resend")]


def test_a_person_adds_one_and_sees_its_secret_once(tenant, tenant_client, receiver, send):
    assert "No webhook yet" in tenant_client.get(WEBHOOKS).content.decode()
    asked = {"url": receiver.url, "note": "Warehouse", "events": ["run.failed", "run.finished"]}
    shown = tenant_client.post(f"{WEBHOOKS}new/", asked)
    secret = shown.context["secret"]
    assert secret in shown.content.decode() and "no-store" in shown["Cache-Control"]
    row = Endpoint.objects.get()
    page = f"{WEBHOOKS}{row.pk}/"
    assert secret not in tenant_client.get(page).content.decode()
    answer = tenant_client.post(f"{page}test/")
    assert "Is sent now" in tenant_client.get(answer["Location"]).content.decode()
    receiver.answers.append((404, {}, b"<b>nobody</b>"))
    send()
    text = tenant_client.get(answer["Location"]).content.decode()
    assert "there is nothing at this address" in text and "&lt;b&gt;nobody" in text
    tenant_client.post(f"{answer['Location']}resend/")
    send()
    Webhook(secret).verify(receiver.calls[-1][1], receiver.calls[-1][0])
    assert "Taken: it answered 204" in tenant_client.get(answer["Location"]).content.decode()
    assert "It works." in tenant_client.get(WEBHOOKS).content.decode()


def test_it_is_changed_switched_renewed_and_removed(made, tenant_client, receiver):
    page = f"{WEBHOOKS}{made.pk}/"
    wrong = tenant_client.post(f"{page}change/", {"url": "http://10.0.0.1/", "events": ["run.failed"]})
    assert wrong.status_code == 422 and "https://" in wrong.content.decode()
    asked = {"url": "https://example.com/x", "note": "Lake", "events": ["run.failed"]}
    assert tenant_client.post(f"{page}change/", asked).status_code == 303
    tenant_client.post(f"{page}switch/", {"to": "off"})
    made.refresh_from_db()
    assert (made.note, made.events, made.off) == ("Lake", ["run.failed"], "person")
    assert "Switch it on first" in tenant_client.post(f"{page}test/", follow=True).content.decode()
    tenant_client.post(f"{page}switch/", {"to": "on"})
    assert tenant_client.post(f"{page}secret/").context["secret"].startswith("whsec_")
    tenant_client.post(f"{page}remove/")
    assert not Endpoint.objects.exists()


def test_what_was_given_up_is_sent_again(made, tenant_client, receiver, send):
    endpoints.test(made)
    Delivery.objects.update(state="failed", next_at=None, attempts=8)
    assert "Send the one that was given up again" in tenant_client.get(f"{WEBHOOKS}{made.pk}/").content.decode()
    tenant_client.post(f"{WEBHOOKS}{made.pk}/resend/")
    assert send() == 1 and Delivery.objects.get().state == "delivered"


@pytest.mark.parametrize("role", ["viewer", "member"])
def test_lesser_roles_learn_who_may(made, tenant, member, sign_in, role):
    browser, delivery = sign_in(member(role), tenant), endpoints.test(made).pk
    reads, writes = doors(made.pk, delivery)
    for path in [WEBHOOKS, f"{WEBHOOKS}new/", *reads]:
        answer = browser.get(path)
        assert answer.status_code == 403 and tenant.owner.name in answer.content.decode(), path
    for path in [f"{WEBHOOKS}new/", *writes]:
        assert browser.post(path).status_code == 403, path
    assert "/settings/webhooks/" not in browser.get("/settings/").content.decode()


def test_another_tenant_finds_nothing(made, other_tenant, sign_in):
    browser, delivery = sign_in(other_tenant.owner, other_tenant), endpoints.test(made).pk
    reads, writes = doors(made.pk, delivery)
    assert {browser.get(path).status_code for path in reads} == {404}
    assert {browser.post(path).status_code for path in writes} == {404}
    assert Endpoint.objects.get().is_on


def test_the_pages_cost_the_same_however_much_was_sent(made, endpoint, tenant_client, django_assert_max_num_queries):
    integration = IntegrationInstance.objects.create(provider="notion", name="Wiki", status="active")
    for _ in range(30):
        run = SyncLog.objects.create(integration=integration, trigger="api")
        SyncLog.objects.filter(pk=run.pk).update(state="done")
    for _ in range(5):
        endpoint("run.failed")
    with django_assert_max_num_queries(25) as page:
        tenant_client.get(f"{WEBHOOKS}{made.pk}/")
    assert sum("outgoing_" in one["sql"] for one in page) == 3
    with django_assert_max_num_queries(25) as listing:
        tenant_client.get(WEBHOOKS)
    assert sum("outgoing_" in one["sql"] for one in listing) == 1
