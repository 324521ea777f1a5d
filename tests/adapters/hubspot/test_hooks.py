"""Calls of HubSpot: really delivered by the sandbox, and forged ones."""

from __future__ import annotations

import datetime as dt
import json
import queue
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from hubspot.utils.signature import Signature

from integrations.adapters import errors
from integrations.adapters.base import HookCall
from integrations.adapters.hubspot import HubSpotAdapter, hooks
from integrations.sandbox.hubspot.base import ACME, CLIENT_SECRET

URL = "https://raccord.example/hooks/hubspot?of=a%40b%2Fc&q=%C3%A9%20x"
NOW = dt.datetime(2026, 11, 21, 10, 0, tzinfo=dt.UTC)
EVENT = {
    "eventId": 1, "subscriptionId": 12345, "portalId": 62515, "appId": 54321, "occurredAt": 1564113600000,
    "subscriptionType": "contact.propertyChange", "attemptNumber": 0, "objectId": 1246978, "propertyName": "email",
    "propertyValue": "a@b.com", "changeSource": "CRM_UI",
}  # fmt: skip


def call(events, at=NOW, url=URL, secret=CLIENT_SECRET, **headers):
    body = events if isinstance(events, bytes) else json.dumps(events).encode()
    stamp = str(round(at.timestamp() * 1000))
    made = HookCall("POST", url, {}, body)
    signed = {"x-hubspot-request-timestamp": stamp, "x-hubspot-signature-v3": hooks.signature(made, secret, stamp)}
    return HookCall("POST", url, signed | headers, body)


def heard(one, secret=CLIENT_SECRET, now=NOW):
    return HubSpotAdapter.heard(one, secret, now).events


def test_events_say_which_account_and_which_collection():
    others = [
        ({"subscriptionType": "company.creation"}, "companies"),
        ({"subscriptionType": "deal.associationChange"}, "deals"),
        ({"subscriptionType": "object.deletion", "objectTypeId": "0-27"}, "tasks"),
        ({"subscriptionType": "object.creation", "objectTypeId": "2-1001"}, "2-1001"),
    ]
    ours = [EVENT | more for more, _collection in others]
    events = heard(call([EVENT, *ours, EVENT | {"subscriptionType": "conversation.newMessage"}]))
    assert [one.collection for one in events] == ["contacts", *(collection for _more, collection in others)]
    assert {one.account for one in events} == {"62515"}
    assert events[0].at == dt.datetime(2019, 7, 26, 4, 0, tzinfo=dt.UTC)


def test_doubled_events_and_later_attempts_are_the_same_event():
    first = heard(call([EVENT, EVENT, EVENT | {"occurredAt": 1564113600001}]))
    again = heard(call([EVENT | {"attemptNumber": 3}]))
    assert len(first) == 2 and first[0].id == again[0].id


def test_signature_is_hubspots_own_over_the_decoded_address():
    one = call([EVENT])
    stamp = one.headers["x-hubspot-request-timestamp"]
    decoded = "https://raccord.example/hooks/hubspot?of=a@b/c&q=%C3%A9%20x"
    expected = Signature.get_signature(CLIENT_SECRET, one.body.decode(), "v3", decoded, "POST", stamp)
    assert one.headers["x-hubspot-signature-v3"] == expected


@pytest.mark.parametrize(
    "forged",
    [
        call([EVENT], secret="somebody else's"),
        call([EVENT], at=NOW - dt.timedelta(minutes=5, seconds=1)),
        call([EVENT], at=NOW + dt.timedelta(minutes=6)),
        call([EVENT], **{"x-hubspot-request-timestamp": "soon"}),
        call([EVENT], **{"x-hubspot-request-timestamp": "9" * 40}),
        call([EVENT], **{"x-hubspot-signature-v3": ""}),
        HookCall("POST", URL.replace("q=", "z="), call([EVENT]).headers, call([EVENT]).body),
        HookCall("PUT", URL, call([EVENT]).headers, call([EVENT]).body),
        HookCall("POST", URL, call([EVENT]).headers, call([EVENT]).body + b" "),
    ],
)
def test_forged_and_replayed_calls_are_refused(forged):
    with pytest.raises(errors.Forged):
        heard(forged)


def test_without_a_secret_nothing_is_heard():
    with pytest.raises(errors.Forged):
        heard(call([EVENT], secret=""), secret="")


@pytest.mark.parametrize(
    "body", [b"", b"{}", b"[1, null, {}]", b"\xff", b'[{"portalId": 1, "occurredAt": "x"}]', b"[" * 5000]
)
def test_signed_nonsense_is_no_event(body):
    assert heard(call(body)) == ()


def test_sandbox_delivers_what_is_heard(control):
    arrived: queue.Queue[HookCall] = queue.Queue()

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            url = f"http://{self.headers['Host']}{self.path}"
            arrived.put(HookCall("POST", url, {k.lower(): v for k, v in self.headers.items()}, body))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        control.post("webhooks/subscribe", url=f"http://127.0.0.1:{server.server_port}/hook?of=a%40b")
        row = control.create_row("Contacts", **{"First name": "Ada"})
        control.edit_row(row["id"], **{"First name": "Grace"})
        control.trash_row(row["id"])
        control.post("webhooks/flush")
        events = []
        while len(events) < 3:
            events += heard(arrived.get(timeout=30), now=dt.datetime.now(dt.UTC))
    finally:
        server.shutdown()
        server.server_close()
    assert {(one.account, one.collection) for one in events} == {(str(ACME), "contacts")}
