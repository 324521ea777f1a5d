"""Webhooks: payloads that wait, pings that are signed, empty and repeated, and seven days of life."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import queue
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest

from integrations.sandbox.airtable.webhooks import mac
from integrations.sandbox.client import Control

SCOPE = {"dataTypes": ["tableData"]}


class Receiver:
    """Keeps what arrives; answers 500 as often as told."""

    def __init__(self) -> None:
        self.arrived: queue.Queue[tuple[bytes, str]] = queue.Queue()
        self.refuse = 0
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                refuse = receiver.refuse > 0
                receiver.refuse -= refuse
                self.send_response(500 if refuse else 204)
                self.end_headers()
                receiver.arrived.put((body, self.headers["X-Airtable-Content-MAC"]))

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def next(self) -> tuple[bytes, str]:
        return self.arrived.get(timeout=30)


@pytest.fixture
def receiver(control: Control) -> Iterator[Receiver]:
    made = Receiver()
    yield made
    control.reset()
    made.server.shutdown()


def make(http: httpx.Client, base: str, url: str | None, **filters: Any) -> dict[str, Any]:
    body = {"notificationUrl": url, "specification": {"options": {"filters": SCOPE | filters}}}
    answer = http.post(f"/v0/bases/{base}/webhooks", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()  # type: ignore[no-any-return]


def payloads(http: httpx.Client, base: str, hook: dict[str, Any], **query: int) -> dict[str, Any]:
    return http.get(f"/v0/bases/{base}/webhooks/{hook['id']}/payloads", params=query).json()  # type: ignore[no-any-return]


def test_a_change_is_pinged_with_a_signature_and_no_data(
    http: httpx.Client, control: Control, base: str, receiver: Receiver
) -> None:
    receiver.refuse = 1
    hook = make(http, base, receiver.url)
    control.edit_row(control.rows("Contacts")[0]["id"], Name="Zed")
    for _ in range(2):  # refused, and again
        body, header = receiver.next()
        key = base64.b64decode(hook["macSecretBase64"])
        assert (
            header
            == "hmac-sha256=" + hmac.new(key, body, hashlib.sha256).hexdigest()
            == mac(hook["macSecretBase64"], body)
        )
        assert json.loads(body)["webhook"]["id"] == hook["id"] and "Zed" not in body.decode()


def test_payloads_tell_ids_by_cursor(http: httpx.Client, control: Control, base: str) -> None:
    hook = make(http, base, None, recordChangeScope=control.table("Contacts")["id"])
    one, two = control.rows("Contacts")[:2]
    control.edit_row(one["id"], Name="Zed")
    control.trash_row(two["id"])
    control.create_row("Deals", Name="Elsewhere")
    first = payloads(http, base, hook, limit=1)
    assert (first["cursor"], first["mightHaveMore"]) == (2, True)
    rest = payloads(http, base, hook, cursor=2)
    (told,) = rest["payloads"][0]["changedTablesById"].values()
    assert told["destroyedRecordIds"] == [two["id"]] and (rest["cursor"], rest["mightHaveMore"]) == (3, False)


def test_sources_and_kinds_of_change_are_filtered(http: httpx.Client, control: Control, base: str) -> None:
    people = make(http, base, None, fromSources=["client"])
    adds = make(http, base, None, changeTypes=["add"])
    http.post(f"/v0/{base}/Contacts", json={"fields": {"Name": "By API"}})
    control.edit_row(control.rows("Deals")[0]["id"], Name="Zed")
    assert [len(payloads(http, base, hook)["payloads"]) for hook in (people, adds)] == [1, 1]


def test_a_webhook_lives_for_seven_days_unless_renewed(http: httpx.Client, control: Control, base: str) -> None:
    hook = make(http, base, None)
    path = f"/v0/bases/{base}/webhooks"
    control.advance(6 * 86400)
    assert http.post(f"{path}/{hook['id']}/refresh").json()["expirationTime"] > hook["expirationTime"]
    control.edit_row(control.rows("Contacts")[0]["id"], Name="Zed")
    control.advance(8 * 86400)
    assert http.get(path).json() == {"webhooks": []} and http.post(f"{path}/{hook['id']}/refresh").status_code == 403
    assert len(payloads(http, base, hook)["payloads"]) == 1  # readable for another week
    control.advance(7 * 86400)
    assert "payloads" not in payloads(http, base, hook)


def test_a_base_has_ten_webhooks_and_the_secret_is_told_once(http: httpx.Client, control: Control, base: str) -> None:
    hooks = [make(http, base, None) for _ in range(10)]
    body = {"notificationUrl": None, "specification": {"options": {"filters": SCOPE}}}
    assert http.post(f"/v0/bases/{base}/webhooks", json=body).status_code == 422
    assert "macSecretBase64" not in http.get(f"/v0/bases/{base}/webhooks").text
    assert http.delete(f"/v0/bases/{base}/webhooks/{hooks[0]['id']}").status_code == 200
    make(http, base, None)
    assert (
        http.post(
            f"/v0/bases/{base}/webhooks", json=body | {"notificationUrl": "http://elsewhere.example/"}
        ).status_code
        == 422
    )
