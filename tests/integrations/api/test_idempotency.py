"""A call with a key is carried out once, also when two of them arrive together."""

from __future__ import annotations

import datetime as dt
import threading

import pytest
from django.db import connection, connections
from django.utils import timezone

from crm.models import Contact
from integrations.api import idempotency
from integrations.api.models import Answer
from integrations.models import IntegrationInstance
from integrations.scheduling import inline
from tests.integrations.api.conftest import Api

ADA = {"values": {"name": "Ada Rossi"}}


def test_the_same_call_gets_the_first_answer(tenant, api):
    first = api.post("records/contact", ADA, Idempotency_Key="k1")
    again = api.post("records/contact", ADA, Idempotency_Key="k1")
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.content == first.content
    assert (again["Location"], again["ETag"]) == (first["Location"], first["ETag"])
    assert again["Idempotency-Replayed"] == "true"
    assert "Idempotency-Replayed" not in first
    assert Contact.objects.count() == 1


def test_refusals_are_remembered_too(tenant, api):
    first = api.post("records/contact", {"values": {}}, Idempotency_Key="k1")
    again = api.post("records/contact", {"values": {}}, Idempotency_Key="k1")
    assert (first.status_code, again.content) == (422, first.content)


def test_another_body_with_the_same_key_is_refused(tenant, api):
    api.post("records/contact", ADA, Idempotency_Key="k1")
    for answer in (
        api.post("records/contact", {"values": {"name": "Eva"}}, Idempotency_Key="k1"),
        api.post("records/company", ADA, Idempotency_Key="k1"),
    ):
        assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")
    assert Contact.objects.count() == 1


def test_keys_belong_to_their_caller_and_tenant(tenant, other_tenant, api, caller):
    api.post("records/contact", ADA, Idempotency_Key="k1")
    assert caller("member").post("records/contact", ADA, Idempotency_Key="k1").status_code == 201
    assert caller("admin", other_tenant).post("records/contact", ADA, Idempotency_Key="k1").status_code == 201
    assert Contact.objects.count() == 2


def test_a_viewer_gets_no_answer_of_an_admin(tenant, api, caller):
    api.post("integrations", {"provider": "notion"}, Idempotency_Key="k1")
    answer = caller("viewer").post("integrations", {"provider": "notion"}, Idempotency_Key="k1")
    assert answer.status_code == 403


def test_no_credential_is_kept(tenant, api, notion):
    home = api.post("integrations", {"provider": "notion"})["Location"]
    given = {"token": "ntn_sandbox_demo"}
    assert api.post(f"{home}/credentials", given, Idempotency_Key="k1").status_code == 200
    assert api.post(f"{home}/credentials", given, Idempotency_Key="k1")["Idempotency-Replayed"] == "true"
    assert "ntn_" not in str(Answer.objects.values().get())


def test_what_is_shown_once_is_kept_sealed(tenant, api):
    asked = {"url": "https://hooks.example.com/", "events": ["run.finished"]}
    made = api.post("webhook-endpoints", asked, Idempotency_Key="k1")
    assert made.json()["secret"] not in str(Answer.objects.values().get())
    assert api.post("webhook-endpoints", asked, Idempotency_Key="k1").json() == made.json()


def test_after_a_day_the_key_is_free(tenant, api):
    api.post("records/contact", ADA, Idempotency_Key="k1")
    Answer.objects.update(at=timezone.now() - idempotency.KEPT - dt.timedelta(seconds=1))
    assert api.post("records/contact", ADA, Idempotency_Key="k1").status_code == 201
    assert (Contact.objects.count(), Answer.objects.count()) == (2, 1)


@pytest.mark.parametrize("key", ["", "x" * 256, "tab\there"])
def test_keys_that_are_none(tenant, api, key):
    answer = api.post("records/contact", ADA, Idempotency_Key=key)
    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_invalid")


def test_a_breakdown_leaves_nothing_and_the_key_free(tenant, api, notion):
    made = api.post("integrations", {"provider": "notion"}).json()["id"]
    broken = IntegrationInstance.objects.get(pk=made)
    broken.credentials = {"nothing": "that the adapter asks for"}  # a row that cannot be, past all checks
    broken.save(update_fields=["credentials"])
    answer = api.post(f"integrations/{made}/test", Idempotency_Key="k1")
    assert answer.status_code == 500
    assert not Answer.objects.exists()


def test_a_plan_and_an_activation_with_keys(live_tenant, api, wired):
    home = f"integrations/{wired['integration']}"
    plan = api.post(f"{home}/plan", Idempotency_Key="k1")
    assert plan.json()["state"] == "making"
    assert api.post(f"{home}/plan", Idempotency_Key="k1").content == plan.content
    assert Contact.objects.count() == 0
    assert api.post(f"{home}/activate", Idempotency_Key="k2").json()["status"] == "active"
    inline.run_due(20)
    connection.set_tenant(live_tenant)
    assert api.all("runs")[0]["state"] == "done"
    assert Contact.objects.count() == 12


def test_reading_takes_no_notice(tenant, api):
    api.get("entities", Idempotency_Key="k1")
    assert not Answer.objects.exists()


# --- together ---------------------------------------------------------------------------------------------------------


def together(tenant, token, *calls):
    """The answers to calls that start at the same moment, each on a connection of its own."""
    answers, gate = [None] * len(calls), threading.Barrier(len(calls))

    def run(number, method, path, body, headers):
        try:
            api = Api(tenant, token)
            connection.set_tenant(tenant)
            gate.wait(5)
            answers[number] = api.call(method, path, body, **headers)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(number, *call)) for number, call in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return answers


def test_while_the_first_is_at_work_the_second_is_told_so(live_tenant, api, notion):
    home = api.post("integrations", {"provider": "notion"})["Location"]
    api.post(f"{home}/credentials", {"token": "ntn_sandbox_demo"})
    notion.fail(fault="slow", seconds=1.0, times=None, path="users/me")
    call = ("post", f"{home}/test", {}, {"Idempotency_Key": "k1"})
    answers = together(live_tenant, api.token, call, call)
    assert sorted(answer.status_code for answer in answers) == [200, 409]
    assert {answer.json().get("code") for answer in answers} == {None, "in_progress"}
    assert api.post(f"{home}/test", {}, Idempotency_Key="k1")["Idempotency-Replayed"] == "true"


def test_ten_at_once_make_one_record(live_tenant, api):
    call = ("post", "records/contact", ADA, {"Idempotency_Key": "k1"})
    answers = together(live_tenant, api.token, *[call] * 10)
    assert {answer.status_code for answer in answers} <= {201, 409}
    assert 201 in {answer.status_code for answer in answers}
    assert Contact.objects.count() == 1
    assert api.post("records/contact", ADA, Idempotency_Key="k1").status_code == 201
    assert Contact.objects.count() == 1
