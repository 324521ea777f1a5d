"""Every error says how one recovers: told apart by what the provider answers, or does not answer."""

from __future__ import annotations

import pytest

from integrations.adapters import errors
from integrations.adapters.base import Change
from tests.contract.harness import CREATE, READ, UPDATE
from tests.contract.test_writing import new  # noqa: F401 - a fixture

READING = {
    401: errors.AuthenticationFailed,
    403: errors.AccessDenied,
    404: errors.NotFound,
    500: errors.Unavailable,
    502: errors.Unavailable,
    503: errors.Unavailable,
    504: errors.Unavailable,
}


def read(adapter, collection):
    return [record for page in adapter.read(collection, None) for record in page.records]


def update(adapter, collection, record):
    title = adapter.describe(collection).title
    (result,) = adapter.push(collection, [Change("update", {title: "x"}, id=record.id, version=record.version)])
    if result.error:
        raise result.error


def test_revoked_credential_is_told_apart(tool, adapter):
    tool.revoke()
    with pytest.raises(errors.AuthenticationFailed):
        adapter.check()


@pytest.mark.parametrize("status", READING)
def test_status_while_reading(tool, adapter, collection, status):
    tool.fail(READ, "status", status=status)
    with pytest.raises(errors.AdapterError) as caught:
        read(adapter, collection)
    assert type(caught.value) is READING[status]


@pytest.mark.parametrize("fault", ["drop_before", "drop_after", "truncated", "html", "timeout_before", "timeout_after"])
def test_reading_without_an_answer_may_be_repeated(tool, collection, fault):
    adapter = tool.connect(timeout=0.5)
    tool.fail(READ, fault, seconds=1.5)
    with pytest.raises(errors.Unavailable):
        read(adapter, collection)
    assert len(read(adapter, collection)) == 3


def test_page_that_is_no_json_is_no_empty_table(tool, adapter, collection):
    tool.fail(READ, "html_ok")
    with pytest.raises((errors.Unavailable, errors.SchemaChanged)):
        read(adapter, collection)


@pytest.mark.parametrize("on", [READ, UPDATE])
def test_pause_that_the_provider_asks_for_is_told(tool, adapter, collection, can, needs, on):
    needs(on == READ or can.write, "write")
    (record, *_) = read(adapter, collection)
    tool.fail(on, "rate_limited", status=429, retry_after=7)
    with pytest.raises(errors.RateLimited) as caught:
        read(adapter, collection) if on == READ else update(adapter, collection, record)
    assert caught.value.retry_after == 7


@pytest.mark.parametrize("fault", ["drop_before", "drop_after", "truncated", "html", "timeout_after"])
@pytest.mark.parametrize("on", [CREATE, UPDATE])
def test_write_without_an_answer_is_of_unknown_outcome(tool, adapter, collection, can, needs, new, on, fault):  # noqa: F811
    needs(can.write and (on == UPDATE or can.create_once), "write")
    (record, *_) = read(adapter, collection)
    impatient = tool.connect(timeout=0.5)
    change = new("x") if on == CREATE else None
    impatient.describe(collection)
    tool.fail(on, fault, seconds=1.5)
    with pytest.raises(errors.OutcomeUnknown):
        if change is None:
            update(impatient, collection, record)
        else:
            (result,) = impatient.push(collection, [change])
            raise result.error or AssertionError("it had no trouble")


@pytest.mark.parametrize("fault", ["status", "status_after"])
@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_server_error_on_a_write_is_of_unknown_outcome(tool, adapter, collection, can, needs, status, fault):
    needs(can.write, "write")
    (record, *_) = read(adapter, collection)
    tool.fail(UPDATE, fault, status=status)
    with pytest.raises(errors.OutcomeUnknown):
        update(adapter, collection, record)


@pytest.mark.parametrize("status", [409])
def test_conflict_on_a_write_makes_the_engine_look_again(tool, adapter, collection, can, needs, status):
    needs(can.write, "write")
    (record, *_) = read(adapter, collection)
    tool.fail(UPDATE, "status", status=status)
    with pytest.raises(errors.VersionMismatch):
        update(adapter, collection, record)


def test_no_error_shows_the_credential(tool, adapter, collection):
    for status in READING:
        tool.fail(READ, "status", status=status)
        with pytest.raises(errors.AdapterError) as caught:
            read(adapter, collection)
        assert not [value for value in tool.credentials.values() if value in repr(caught.value)]
