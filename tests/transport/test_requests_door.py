"""What a session of `requests` sends goes through the transport, with all that it does."""

from __future__ import annotations

import gzip
import itertools
from collections.abc import Iterator

import pytest
import requests

from integrations.adapters import errors
from integrations.transport import requests_door
from integrations.transport.http import Transport
from tests.transport.script import Script, Step, scripted_server, told

_buckets = itertools.count()


@pytest.fixture
def server() -> Iterator[Script]:
    with scripted_server() as script:
        yield script


@pytest.fixture
def transport(server: Script) -> Iterator[Transport]:
    slept: list[float] = []
    one = Transport(
        base_url=server.url, bucket=f"door:{next(_buckets)}", waits=(1, 1), sleep=slept.append, secrets=["hidden-key"],
        allow_private=True, timeout=5.0,
    )  # fmt: skip
    yield one
    one.close()


@pytest.fixture
def session(transport: Transport) -> requests.Session:
    made = requests.Session()
    made.headers["Authorization"] = "Bearer hidden-key"
    requests_door.mount(made, transport)
    return made


def test_request_and_answer_arrive_as_they_are(server: Script, session: requests.Session, transport: Transport) -> None:
    body = gzip.compress('{"name":"Élodie"}'.encode())
    server.answer(Step(200, body, {"content-encoding": "gzip", "content-type": "application/json", "x-seen": "1"}))
    answer = session.patch(f"{server.url}/v0/a b?x=%2F", params={"y[]": ["1", "é"]}, json={"z": "ü"})
    assert (answer.status_code, answer.json(), answer.text) == (200, {"name": "Élodie"}, '{"name":"Élodie"}')
    assert answer.headers["X-Seen"] == "1" and answer.ok
    ((method, path, headers, sent),) = server.seen
    assert (method, path) == ("PATCH", "/v0/a%20b?x=%2F&y%5B%5D=1&y%5B%5D=%C3%A9")
    assert {name.lower(): value for name, value in headers.items()}["authorization"] == "Bearer hidden-key"
    assert sent == b'{"z": "\\u00fc"}' and transport.stats.requests == 1


def test_reads_are_repeated_and_writes_are_not(server: Script, session: requests.Session) -> None:
    server.answer(Step(503), Step(fault="drop"), told(200, ok=True))
    assert session.get(f"{server.url}/x").json() == {"ok": True} and len(server.seen) == 3
    server.answer(Step(fault="drop"))
    with pytest.raises(errors.OutcomeUnknown):
        session.post(f"{server.url}/x", json={})
    assert len(server.seen) == 4


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (401, errors.AuthenticationFailed),
        (403, errors.AccessDenied),
        (404, errors.NotFound),
        (422, errors.InvalidRecord),
    ],
)
def test_our_errors_pass_through_undisturbed(
    server: Script, session: requests.Session, status: int, error: type[Exception]
) -> None:
    server.answer(Step(status, b'{"error":"no hidden-key"}'))
    with pytest.raises(error) as caught:
        session.get(f"{server.url}/x")
    assert type(caught.value) is error and "hidden-key" not in str(caught.value)


def test_whatever_is_raised_before_sending_passes_through(
    server: Script, session: requests.Session, transport: Transport
) -> None:
    class Stop(Exception):
        pass

    def stop(write: bool) -> None:
        raise Stop(write)

    transport.before_send = stop
    with pytest.raises(Stop):
        session.delete(f"{server.url}/x")
    assert server.seen == []


def test_a_netrc_does_not_replace_the_sign_in(
    server: Script, session: requests.Session, monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    path = f"{tmp_path}/netrc"
    with open(path, "w") as file:
        file.write("machine 127.0.0.1 login somebody password else\n")
    monkeypatch.setenv("NETRC", path)
    session.get(f"{server.url}/x")
    headers = {name.lower(): value for name, value in server.seen[0][2].items()}
    assert headers["authorization"] == "Bearer hidden-key"


def test_other_private_addresses_are_refused(server: Script) -> None:
    guarded = Transport(base_url="https://api.airtable.com", bucket="door:guarded", waits=())
    session = requests.Session()
    requests_door.mount(session, guarded)
    with pytest.raises(errors.AccessDenied):
        session.get(f"{server.url}/x")
    assert server.seen == []
    guarded.close()
