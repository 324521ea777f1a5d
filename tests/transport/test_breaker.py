"""A provider that answers nobody is asked rarely, by one for all, until it answers."""

from __future__ import annotations

import httpx
import pytest
from limits.storage import MemoryStorage

from integrations.adapters import errors
from integrations.transport import breaker as breaking
from integrations.transport.breaker import TRIPS_AFTER, Breaker, Open
from integrations.transport.http import Transport


@pytest.fixture
def clock(monkeypatch):
    """Moves the time of the store, which reads `time.time`."""
    now = [1_000_000.0]
    monkeypatch.setattr("time.time", lambda: now[0])
    return now


@pytest.fixture
def breaker():
    return Breaker(MemoryStorage(), "notion at https://api.example")


def trip(breaker):
    for _time in range(TRIPS_AFTER):
        breaker.ask()
        breaker.failed()


def test_it_opens_after_so_many_failures_in_a_row_and_not_before(breaker):
    for _time in range(TRIPS_AFTER - 1):
        breaker.failed()
    breaker.ask()
    assert breaker.look().state == "closed"
    breaker.failed()
    assert breaker.look().state == "open"
    with pytest.raises(Open) as refused:
        breaker.ask()
    assert 0 < refused.value.retry_after <= breaking.OPEN_SECONDS
    assert refused.value.code == "unavailable"


def test_one_answer_in_between_keeps_it_closed(breaker):
    for _time in range(3 * TRIPS_AFTER):
        breaker.failed()
        breaker.answered()
    assert breaker.look() == breaking.Look("closed", 0, 0.0)


def test_one_tries_for_all_and_closes_it(breaker, clock):
    trip(breaker)
    clock[0] += breaking.OPEN_SECONDS + 1
    assert breaker.look().state == "half_open"
    breaker.ask()
    with pytest.raises(Open):
        breaker.ask()  # somebody tries already
    breaker.answered()
    breaker.ask()
    assert breaker.look().state == "closed"


def test_a_try_that_fails_or_dies_leaves_it_open_and_another_may_try_later(breaker, clock):
    trip(breaker)
    for _round in range(2 * breaking.FORGET_SECONDS // breaking.OPEN_SECONDS):
        clock[0] += breaking.OPEN_SECONDS + 1
        breaker.ask()
        breaker.failed()
        with pytest.raises(Open):
            breaker.ask()
    clock[0] += breaking.OPEN_SECONDS + 1
    breaker.ask()  # who tries is killed and never tells
    clock[0] += breaking.OPEN_SECONDS + 1
    breaker.ask()


def answering(breaker, status, asked):
    def answer(request):
        asked.append(request.url.path)
        if status is None:
            raise httpx.ConnectError("nobody is there")
        return httpx.Response(status, json={})

    transport = Transport(
        base_url="https://api.example", bucket="b", waits=(), breaker=breaker, before_send=lambda _write: None
    )
    transport._inner = httpx.MockTransport(answer)
    return transport


def ask(transport, method="GET"):
    try:
        transport.client.request(method, "/things")
    except errors.AdapterError as error:
        return error
    return None


@pytest.mark.parametrize("status", [None, 500, 503])
def test_outages_of_any_integration_open_it_and_nobody_asks_any_more(breaker, status):
    asked = []
    for _integration in range(TRIPS_AFTER):
        assert ask(answering(breaker, status, asked)).code == "unavailable"
    assert isinstance(ask(answering(breaker, 200, asked)), Open)
    assert len(asked) == TRIPS_AFTER


@pytest.mark.parametrize("status", [400, 401, 403, 404, 429])
def test_what_concerns_one_record_key_or_quota_does_not_count(breaker, status):
    asked = []
    for _time in range(3 * TRIPS_AFTER):
        assert ask(answering(breaker, status, asked)) is not None
    assert breaker.look().state == "closed"


def test_lost_answer_of_a_write_says_nothing_either_way(breaker):
    for _time in range(TRIPS_AFTER - 1):
        breaker.failed()
    assert isinstance(ask(answering(breaker, 500, []), "POST"), errors.OutcomeUnknown)
    assert breaker.look().failures == TRIPS_AFTER - 1
