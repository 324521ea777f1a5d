"""The HTTP door, against a server that misbehaves on purpose. The waits are zeroed and counted."""

from __future__ import annotations

import gzip
import itertools
import logging
import socket
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from integrations.adapters import errors
from integrations.adapters.base import RateLimit
from integrations.transport.http import Transport
from integrations.transport.limiter import Limiter
from integrations.transport.quota import Quota
from integrations.transport.stats import Stats
from tests.transport.script import Script, Step, scripted_server, told

_buckets = itertools.count()


@pytest.fixture
def server() -> Iterator[Script]:
    with scripted_server() as script:
        yield script


class Sleeps(list[float]):
    def __call__(self, seconds: float) -> None:
        self.append(seconds)


def door(server: Script, **options: Any) -> tuple[Transport, Sleeps]:
    sleeps = Sleeps()
    options = {"base_url": server.url, "bucket": f"test-{next(_buckets)}", "sleep": sleeps, "timeout": 2.0, **options}
    return Transport(**options), sleeps


@pytest.mark.parametrize(
    ("step", "error"),
    [
        (told(500), errors.Unavailable),
        (told(503), errors.Unavailable),
        (Step(fault="drop"), errors.Unavailable),
        (Step(body=b"x" * 5000, fault="truncate"), errors.Unavailable),
        (Step(body=b"<html>Bad gateway</html>"), errors.Unavailable),
        (told(408), errors.Unavailable),
    ],
    ids=["500", "503", "dropped", "truncated", "html", "408"],
)
def test_a_read_is_repeated_five_times_and_then_given_up(server: Script, step: Step, error: type[Exception]) -> None:
    transport, sleeps = door(server)
    server.answer(step)
    with pytest.raises(error) as caught:
        transport.client.get("/thing")
    assert len(server.seen) == 6
    assert caught.value.__cause__ is not None
    for wait, planned in zip(sleeps, (1, 2, 4, 8, 16), strict=True):
        assert planned <= wait <= planned * 1.25
    assert transport.stats.retries == 5


def test_a_read_that_recovers_answers_as_if_nothing_had_happened(server: Script) -> None:
    transport, _ = door(server)
    server.answer(told(502), Step(fault="drop"), told(200, name="Ada"))
    assert transport.client.get("/thing").json() == {"name": "Ada"}
    assert transport.stats.requests == 3


@pytest.mark.parametrize(
    "step",
    [told(500), told(504), Step(fault="drop"), Step(body=b"x" * 5000, fault="truncate"), Step(body=b"<html>")],
    ids=["500", "504", "dropped", "truncated", "html"],
)
def test_a_write_whose_answer_is_lost_is_never_repeated(server: Script, step: Step) -> None:
    transport, sleeps = door(server)
    server.answer(step)
    with pytest.raises(errors.OutcomeUnknown):
        transport.client.post("/thing", json={"a": 1})
    assert len(server.seen) == 1
    assert sleeps == []


def test_a_write_that_times_out_has_an_unknown_outcome(server: Script) -> None:
    transport, _ = door(server, timeout=0.2)
    server.answer(Step(fault="hang", seconds=2))
    with pytest.raises(errors.OutcomeUnknown):
        transport.client.post("/thing", json={})
    assert len(server.seen) == 1


def test_a_read_that_times_out_is_repeated(server: Script) -> None:
    transport, _ = door(server, timeout=0.2)
    server.answer(Step(fault="hang", seconds=2), told(200))
    assert transport.client.get("/thing").status_code == 200


def test_a_refused_connection_was_not_sent_and_may_be_repeated() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
    sleeps = Sleeps()
    transport = Transport(base_url=url, bucket="refused", sleep=sleeps)
    with pytest.raises(errors.Unavailable):
        transport.client.post("/thing", json={})
    assert len(sleeps) == 5


def test_a_reading_post_is_a_read_when_the_adapter_says_so(server: Script) -> None:
    transport, _ = door(server)
    transport.is_read = lambda method, path: path.endswith("/query")
    server.answer(told(500), told(200))
    assert transport.client.post("/things/query", json={}).status_code == 200


@pytest.mark.parametrize("status", [429, 529])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_slow_down_is_obeyed_and_sent_again(server: Script, status: int, method: str) -> None:
    transport, sleeps = door(server)
    server.answer(Step(status, headers={"Retry-After": "12"}), told(200))
    assert transport.client.request(method, "/thing").status_code == 200
    assert sleeps[0] == 12
    assert transport.stats.last_retry_after == 12


def test_retry_after_may_be_a_date(server: Script) -> None:
    transport, sleeps = door(server)
    dates = {"Date": "Sat, 21 Nov 2026 10:00:00 GMT", "Retry-After": "Sat, 21 Nov 2026 10:00:07 GMT"}
    server.answer(Step(429, headers=dates), told(200))
    transport.client.get("/thing")
    # The server sends a date of its own, too: with two of them, ours decides.
    assert sleeps[0] >= 0


def test_too_long_a_wait_is_left_to_the_scheduler(server: Script) -> None:
    transport, sleeps = door(server)
    server.answer(Step(429, headers={"Retry-After": "3600"}))
    with pytest.raises(errors.RateLimited) as caught:
        transport.client.get("/thing")
    assert caught.value.retry_after == 3600
    assert sleeps == []


def test_everybody_on_the_bucket_waits_and_others_do_not(server: Script) -> None:
    limiter = Limiter()
    transport, _ = door(server, bucket="tool:shared", limiter=limiter)
    server.answer(Step(429, headers={"Retry-After": "600"}), told(200))
    with pytest.raises(errors.RateLimited):
        transport.client.get("/thing")
    neighbour, _ = door(server, bucket="tool:shared", limiter=limiter)
    with pytest.raises(errors.RateLimited):
        neighbour.client.get("/thing")
    assert len(server.seen) == 1
    stranger, _ = door(server, bucket="tool:another", limiter=limiter)
    assert stranger.client.get("/thing").status_code == 200


def test_a_pause_is_of_the_part_that_was_refused(server: Script) -> None:
    """Airtable's limits: one base is told to wait, the others of the account go on."""
    limits = [RateLimit(5, 1, path=r"/(app\w+)", of="all"), RateLimit(50, 1)]
    limiter = Limiter()
    mine, _ = door(server, bucket="tool:me", limiter=limiter, limits=limits)
    server.answer(Step(429, headers={"Retry-After": "600"}), told(200))
    with pytest.raises(errors.RateLimited):
        mine.client.get("/v0/appONE/tbl")
    assert mine.client.get("/v0/appTWO/tbl").status_code == 200
    theirs, _ = door(server, bucket="tool:you", limiter=limiter, limits=limits)
    with pytest.raises(errors.RateLimited):  # the base is the same, whoever asks
        theirs.client.get("/v0/appONE/other")


def test_what_was_done_is_told_once_when_it_is_closed(server: Script) -> None:
    transport, _ = door(server)
    told_to: list[Stats] = []
    transport.on_close = told_to.append
    left = {"X-HubSpot-RateLimit-Daily": "250000", "X-HubSpot-RateLimit-Daily-Remaining": "248796"}
    server.answer(Step(429, headers={"Retry-After": "3"}), told(502), Step(headers=left))
    transport.client.get("/thing")
    transport.close()
    transport.close()
    (stats,) = told_to
    assert (stats.requests, stats.retries, stats.refused) == (3, 2, 1)
    assert 3 + 2 <= stats.waited <= 3 + 2 * 1.25
    assert stats.told == (Quota(248_796, 250_000, 86_400.0),)


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, errors.InvalidRecord),
        (401, errors.AuthenticationFailed),
        (403, errors.AccessDenied),
        (404, errors.NotFound),
        (409, errors.VersionMismatch),
        (412, errors.VersionMismatch),
        (422, errors.InvalidRecord),
        (405, errors.SchemaChanged),
    ],
)
def test_a_status_says_how_one_recovers(server: Script, status: int, error: type[Exception]) -> None:
    transport, _ = door(server)
    server.answer(told(status, message="no"))
    with pytest.raises(error) as caught:
        transport.client.post("/thing", json={})
    assert isinstance(caught.value.__cause__, httpx.HTTPStatusError)
    assert len(server.seen) == 1


def test_the_adapter_reads_an_error_before_its_status_does(server: Script) -> None:
    transport, _ = door(server)
    transport.read_error = lambda response: errors.InvalidRecord(response.json()["why"])
    server.answer(told(503, why="saved"))
    with pytest.raises(errors.InvalidRecord, match="saved"):
        transport.client.post("/thing", json={})


def test_the_lease_is_looked_at_before_every_attempt(server: Script) -> None:
    asked: list[bool] = []

    class LeaseLostError(Exception):
        pass

    def before_send(write: bool) -> None:
        asked.append(write)
        if len(asked) == 3:
            raise LeaseLostError

    transport, _ = door(server, before_send=before_send)
    transport.client.post("/thing", json={})
    server.answer(told(500))
    with pytest.raises(LeaseLostError):
        transport.client.get("/thing")
    assert asked == [True, False, False]
    assert len(server.seen) == 2


def test_secrets_appear_nowhere(server: Script, caplog: pytest.LogCaptureFixture) -> None:
    secret = "ntn_verysecret+value"
    transport, _ = door(server, secrets=[secret], waits=())
    transport.client.headers["Authorization"] = f"Bearer {secret}"
    server.answer(told(500, message=f"token {secret} is unknown", access_token="abcdefgh"))
    with caplog.at_level(logging.DEBUG), pytest.raises(errors.Unavailable) as caught:
        transport.client.get("/thing", params={"token": secret, "page": "2"})
    shown = f"{caught.value} {caught.value.__cause__} {list(transport.failures)} {caplog.text}"
    assert "verysecret" not in shown
    assert "abcdefgh" not in shown
    assert "page=2" in transport.failures[0].url
    assert transport.failures[0].status == 500


def test_kept_failures_are_few_and_short(server: Script) -> None:
    transport, _ = door(server, waits=())
    server.answer(told(400, message="x" * 10_000))
    for _ in range(30):
        with pytest.raises(errors.InvalidRecord):
            transport.client.post("/thing", json={"note": "y" * 10_000})
    assert len(transport.failures) == 20
    assert len(transport.failures[0].response_body) == len(transport.failures[0].request_body) == 4096


def test_one_line_per_request_and_no_payload_in_it(server: Script, caplog: pytest.LogCaptureFixture) -> None:
    transport, _ = door(server)
    with caplog.at_level(logging.DEBUG):
        transport.client.post("/thing?key=hidden", json={"name": "Ada"})
    lines = [record.getMessage() for record in caplog.records]
    assert len(lines) == 1
    assert lines[0].startswith("POST /thing 200 ")


def test_redirects_stay_on_their_host(server: Script) -> None:
    transport, _ = door(server, waits=())
    server.answer(Step(302, headers={"Location": "/other"}), told(200, here=True))
    assert transport.client.get("/thing").json() == {"here": True}
    server.answer(Step(302, headers={"Location": "http://169.254.169.254/latest"}))
    with pytest.raises(errors.Unavailable):
        transport.client.get("/thing")
    assert [path for _, path, _, _ in server.seen] == ["/thing", "/other", "/thing"]


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "10.0.0.1", "169.254.169.254", "[::1]", "[::ffff:127.0.0.1]"]
)
def test_private_addresses_are_refused_unless_configured(server: Script, host: str) -> None:
    transport = Transport(base_url="https://api.example.com", bucket="private", waits=())
    port = server.url.rpartition(":")[2]
    with pytest.raises(errors.AccessDenied, match="private address"):
        transport.client.get(f"http://{host}:{port}/thing")
    assert server.seen == []


def test_an_answer_without_end_is_cut(server: Script) -> None:
    transport, _ = door(server, max_bytes=1000)
    server.answer(Step(body=b'"' + b"x" * 2000 + b'"'))
    with pytest.raises(errors.SchemaChanged):
        transport.client.get("/thing")
    assert len(server.seen) == 1


def test_a_small_packed_answer_may_not_unpack_without_end(server: Script) -> None:
    transport, _ = door(server, max_bytes=100_000)
    packed = gzip.compress(b'"' + b"x" * 10_000_000 + b'"')
    server.answer(Step(body=packed, headers={"Content-Encoding": "gzip"}))
    with pytest.raises(errors.SchemaChanged):
        transport.client.get("/thing")


def test_packed_answers_are_read(server: Script) -> None:
    transport, _ = door(server)
    server.answer(Step(body=gzip.compress(b'{"a":1}'), headers={"Content-Encoding": "gzip"}))
    answer = transport.client.get("/thing")
    assert (answer.json(), answer.text) == ({"a": 1}, '{"a":1}')


def test_half_a_surrogate_pair_does_not_make_an_answer_unreadable(server: Script) -> None:
    transport, _ = door(server)
    server.answer(Step(body=b'{"text":"cut \\ud83d"}'))
    assert transport.client.get("/thing").json() == {"text": "cut ?"}


def test_connections_are_kept(server: Script) -> None:
    transport, _ = door(server)
    for _ in range(20):
        transport.client.get("/thing").json()
    assert len(server.callers) == 1
