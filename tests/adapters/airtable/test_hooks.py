"""Webhooks: what a ping says, and how subscriptions are made, prolonged and ended."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import hmac
import json
from collections.abc import Callable

import pytest

from integrations.adapters import errors
from integrations.adapters.airtable import AirtableAdapter
from integrations.adapters.base import HookCall
from integrations.sandbox.airtable.base import READ_ONLY_TOKEN
from integrations.sandbox.client import Control
from tests.adapters.airtable.conftest import EXAMPLES

MAC = EXAMPLES["mac"]
SENT = dt.datetime(2022, 2, 1, 21, 25, 5, 663000, tzinfo=dt.UTC)
URL = "https://raccord.example/hooks/airtable/1"


def call(body: str = MAC["raw_body"], header: str = MAC["header"]) -> HookCall:
    return HookCall("POST", URL, {"x-airtable-content-mac": header}, body.encode())


def signed(body: str) -> str:
    key = base64.b64decode(MAC["macSecretBase64"])
    return "hmac-sha256=" + hmac.new(key, body.encode(), hashlib.sha256).hexdigest()


def heard(one: HookCall, secret: str = MAC["macSecretBase64"], after: dt.timedelta = dt.timedelta(seconds=5)) -> str:
    (event,) = AirtableAdapter.heard(one, secret, SENT + after).events
    assert (event.account, event.collection, event.at) == ("", "", SENT)
    return event.id


def test_the_documented_ping_is_heard_and_the_same_again_is_known() -> None:
    assert heard(call()) == heard(call(), after=dt.timedelta(hours=20)) != ""


@pytest.mark.parametrize(
    ("one", "secret"),
    [
        (call(header=""), MAC["macSecretBase64"]),
        (call(header=MAC["header"][:-1] + "0"), MAC["macSecretBase64"]),
        (call(header="é"), MAC["macSecretBase64"]),
        (call(body=MAC["raw_body"] + " "), MAC["macSecretBase64"]),
        (call(), base64.b64encode(b"another").decode()),
        (call(), "not base64!"),
        (call(), ""),
        (call(body="[]", header=signed("[]")), MAC["macSecretBase64"]),
        (call(body="no JSON", header=signed("no JSON")), MAC["macSecretBase64"]),
        (call(body='{"webhook":{"id":"a"},"timestamp":"x"}', header=signed('{"webhook":{"id":"a"},"timestamp":"x"}')),
         MAC["macSecretBase64"]),
    ],
)  # fmt: skip
def test_anything_else_is_forged(one: HookCall, secret: str) -> None:
    with pytest.raises(errors.Forged):
        heard(one, secret)


def test_a_time_without_a_zone_and_an_old_ping_are_refused() -> None:
    body = json.dumps({"webhook": {"id": "ach1"}, "timestamp": "2022-02-01T21:25:05"})
    for one, after in ((call(body, signed(body)), dt.timedelta()), (call(), dt.timedelta(days=3))):
        with pytest.raises(errors.Forged):
            heard(one, after=after)


def test_a_subscription_is_for_one_table_and_for_people_only(
    airtable: AirtableAdapter, control: Control, contacts: str
) -> None:
    made = airtable.subscribe(contacts, URL)
    assert made.secret and made.expires_at and made.expires_at > dt.datetime.now(dt.UTC) + dt.timedelta(days=6)
    (hook,) = control.post("webhooks/list")
    assert hook["specification"]["options"]["filters"]["recordChangeScope"] == contacts.split("/")[1]
    control.create_row("Contacts", Name="By hand")
    control.create_row("Deals", Name="Elsewhere")
    airtable.create_fields(contacts, [])
    airtable.prepare(contacts)
    (hook,) = control.post("webhooks/list")
    assert [one["actionMetadata"]["source"] for one in hook["payloads"]] == ["client"]


def test_subscribing_again_for_the_same_address_leaves_one(
    airtable: AirtableAdapter, control: Control, contacts: str
) -> None:
    first, second = airtable.subscribe(contacts, URL), airtable.subscribe(contacts, URL)
    assert first.id != second.id and [hook["id"] for hook in control.post("webhooks/list")] == [second.id]


def test_renewing_prolongs_and_says_what_is_gone(airtable: AirtableAdapter, control: Control, contacts: str) -> None:
    made = airtable.subscribe(contacts, URL)
    control.advance(6 * 86400)
    renewed = airtable.renew(contacts, made)
    assert made.expires_at and renewed.expires_at and renewed.expires_at > made.expires_at + dt.timedelta(days=5)
    assert (renewed.id, renewed.secret) == (made.id, made.secret)
    control.advance(8 * 86400)
    with pytest.raises(errors.NotFound):
        airtable.renew(contacts, made)


def test_unsubscribing_twice_is_no_error(airtable: AirtableAdapter, control: Control, contacts: str) -> None:
    made = airtable.subscribe(contacts, URL)
    airtable.unsubscribe(contacts, made)
    airtable.unsubscribe(contacts, made)
    assert control.post("webhooks/list") == []


def test_too_many_and_too_low_a_role_are_a_matter_of_access(
    airtable: AirtableAdapter, connect: Callable[..., AirtableAdapter], contacts: str
) -> None:
    for number in range(10):
        airtable.subscribe(contacts, f"{URL}{number}")
    for one in (airtable, connect(READ_ONLY_TOKEN)):
        with pytest.raises(errors.AccessDenied):
            one.subscribe(contacts, f"{URL}x")
