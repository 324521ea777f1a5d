"""What an answer means, and how long to wait after it."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import pytest

from integrations.adapters import errors
from integrations.adapters.base import Change
from integrations.adapters.hubspot import failures


def read(hubspot):
    return [record for page in hubspot.read("contacts", None) for record in page.records]


@pytest.mark.parametrize(
    ("fault", "seconds"),
    [
        ({"status": 429}, 10),
        ({"status": 429, "extra": {"policy": "SECONDLY"}}, 1),
        ({"status": 423}, 2),
        ({"status": 477, "retry_after": 44}, 44),
    ],
)
def test_every_refusal_says_how_long_to_wait(hubspot, control, fault, seconds):
    control.fail(fault="status", method="GET", path="/objects/contacts$", **fault)
    with pytest.raises(errors.RateLimited) as caught:
        read(hubspot)
    assert caught.value.retry_after == seconds


def test_daily_quota_waits_for_midnight_where_the_account_is(connect, control):
    adapter = connect()
    adapter.check()
    control.limit(1_000_000)
    control.post("daily_limit", left=0)
    control.freeze("2026-11-21T20:30:00Z")
    with pytest.raises(errors.RateLimited) as caught:
        read(adapter)
    assert caught.value.retry_after == 2.5 * 3600, "in Paris it is half past nine"


@pytest.mark.parametrize(
    ("now", "zone", "seconds"),
    [
        ("2026-11-21T22:59:59Z", "Europe/Paris", 1),
        ("2026-11-21T23:00:00Z", "Europe/Paris", 86_400),
        ("2026-03-28T23:00:00Z", "Europe/Paris", 82_800),  # the day on which the clocks go forward
        ("2026-11-21T10:10:30Z", None, 1170),
    ],
)
def test_midnight(now, zone, seconds):
    moment = dt.datetime.fromisoformat(now)
    assert failures.until_midnight(moment, ZoneInfo(zone) if zone else None) == seconds


def test_who_waits_as_long_as_is_told_gets_through(connect, control):
    waited = []
    adapter = connect(sleep=waited.append, waits=(1,))
    control.fail(fault="status", method="GET", path="/objects/contacts$", status=429, times=1)
    assert read(adapter) and max(waited) >= 9


def test_expired_token_is_an_authentication_failure(hubspot, control):
    control.fail(
        fault="status", status=401, path="/crm/", extra={"category": "EXPIRED_AUTHENTICATION", "message": "expired"}
    )
    with pytest.raises(errors.AuthenticationFailed):
        read(hubspot)


def test_missing_scope_stops_one_stream_when_reading_and_all_when_writing(connect, control):
    adapter = connect()
    contact = read(adapter)[0]
    control.unshare_table("Contacts")
    with pytest.raises(errors.NotFound):
        read(adapter)
    with pytest.raises(errors.AccessDenied):
        list(adapter.push("contacts", [Change("update", {"phone": "+1"}, id=contact.id)]))


def test_reason_and_field_are_taken_out_of_the_message(hubspot):
    contact = read(hubspot)[0]
    (result,) = hubspot.push("contacts", [Change("update", {"email": "no address"}, id=contact.id)])
    assert (result.error.field, result.error.reason) == ("email", "Email address no address is invalid")


def test_answer_that_leaves_a_record_out_is_of_unknown_outcome(hubspot):
    from integrations.adapters.hubspot.pushing import Pushing

    pushing = Pushing(hubspot, hubspot.catalogue.described("contacts"))
    done, refused = pushing._batch(lambda _kind, _inputs: {"results": []}, {0: {"properties": {}}}, [Change("create")])
    assert not done and isinstance(refused[0], errors.OutcomeUnknown)


def test_write_whose_result_cannot_be_read_again_still_stands(hubspot, control):
    contact = read(hubspot)[0]
    control.fail(fault="status", status=503, method="POST", path="/contacts/batch/read$")
    (result,) = hubspot.push("contacts", [Change("update", {"phone": "+7"}, id=contact.id)])
    assert result.record.values == {"phone": "+7"}
