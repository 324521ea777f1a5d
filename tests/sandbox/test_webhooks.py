from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import queue
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from integrations.sandbox.notion.webhooks import sign
from tests.sandbox import spec
from tests.sandbox.conftest import parent, title


class Receiver:
    """A webhook endpoint: keeps what arrives, answers 500 as often as told."""

    def __init__(self) -> None:
        self.arrived: queue.Queue[tuple[dict, str, bytes]] = queue.Queue()
        self.refuse = 0
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                refuse = receiver.refuse > 0
                receiver.refuse -= refuse
                self.send_response(500 if refuse else 200)
                self.end_headers()
                receiver.arrived.put((json.loads(body), self.headers["X-Notion-Signature"], body))

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def next(self) -> tuple[dict, str, bytes]:
        return self._checked(self.arrived.get(timeout=30))

    def events(self) -> list[dict]:
        """What arrives together: from the first until nothing more comes."""
        found = [self.next()[0]]
        with contextlib.suppress(queue.Empty):
            while True:
                found.append(self._checked(self.arrived.get(timeout=0.8))[0])
        return found

    @staticmethod
    def _checked(delivery: tuple[dict, str, bytes]) -> tuple[dict, str, bytes]:
        if "type" in delivery[0]:
            spec.check_event(delivery[0])
        return delivery


@pytest.fixture
def receiver(control):
    made = Receiver()
    control.post("webhooks/subscribe", url=made.url, window_seconds=1)
    made.token = made.next()[0]["verification_token"]
    yield made
    control.reset()
    made.server.shutdown()


def test_signature_is_the_official_one():
    token = "secret_" + "tMrlL1qK5vuQAh1b6cZGhFChZTSYJlce98V0pYn7yBl"
    body = b'{"verification_token":"' + token.encode() + b'"}'
    assert sign(token, body) == "sha256=461e8cbcba8a75c3edd866f0e71280f5a85cbf21eff040ebd10fe266df38a735"


def test_an_own_write_comes_back_as_a_signed_event(notion, crm, receiver):
    row = notion.data_sources.query(crm["Contacts"], page_size=1)["results"][0]
    notion.pages.update(row["id"], properties={"Score": {"number": 5}})
    event, signature, raw = receiver.next()
    expected = hmac.new(receiver.token.encode(), raw, hashlib.sha256).hexdigest()
    assert signature == f"sha256={expected}"
    assert (event["type"], event["entity"]) == ("page.properties_updated", {"id": row["id"], "type": "page"})
    assert event["data"]["updated_properties"] == [row["properties"]["Score"]["id"]]
    assert event["data"]["parent"]["data_source_id"] == crm["Contacts"]
    assert event["authors"] == [{"id": notion.users.me()["id"], "type": "bot"}]
    assert event["authors"][0] in event["accessible_by"]


def test_a_persons_edit_names_the_person(control, crm, receiver):
    control.edit_row(control.rows("Contacts")[0]["id"], Score=9)
    assert receiver.next()[0]["authors"][0]["type"] == "person"


def test_edits_within_the_window_become_one_event(control, crm, receiver):
    row = control.rows("Tasks")[0]["id"]
    for number in range(5):
        control.edit_row(row, Task=f"Take {number}")
    assert [event["type"] for event in receiver.events()] == ["page.properties_updated"]


def test_created_and_trashed_at_once_tells_nothing(control, notion, crm, receiver):
    page = notion.pages.create(parent=parent(crm["Tasks"]), properties={"Task": title("Gone")})
    notion.pages.update(page["id"], in_trash=True)
    assert page["id"] not in {event.get("entity", {}).get("id") for event in receiver.events()}


def test_trash_restore_and_schema_changes_are_told(control, crm, receiver):
    row = control.rows("Tasks")[0]["id"]
    control.trash_row(row)
    assert {event["type"] for event in receiver.events()} == {"page.deleted", "data_source.content_updated"}
    control.restore_row(row)
    assert {event["type"] for event in receiver.events()} == {"page.undeleted", "data_source.content_updated"}
    control.rename_field("Tasks", "Due", "Deadline")
    (event,) = receiver.events()
    assert event["type"] == "data_source.schema_updated"
    assert event["data"]["updated_properties"][0]["action"] == "updated"


def test_a_refused_delivery_is_tried_again(control, crm, receiver):
    receiver.refuse = 1
    control.edit_row(control.rows("Tasks")[0]["id"], Task="Again")
    first, second = receiver.next()[0], receiver.next()[0]
    assert (first["id"], first["attempt_number"], second["attempt_number"]) == (second["id"], 1, 2)
