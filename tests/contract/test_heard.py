"""Calls of a provider: true ones are understood, forged and old ones refused, and no body breaks anything.

The harness signs as the provider does (`signed`), by the sandbox's code and not by the adapter's.
"""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from integrations.adapters import errors
from integrations.adapters.base import HookCall, HookSays
from tests.contract.harness import HOOK_SECRET

NOW = dt.datetime(2026, 5, 4, 10, 0, tzinfo=dt.UTC)
WORDS = st.sampled_from(
    "type data parent entity id data_source_id workspace_id timestamp portalId occurredAt subscriptionType objectTypeId"
    " webhook base verification_token page data_source 2026-05-04T10:00:00Z contact.creation".split()
)
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | WORDS
TREES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS | st.text(max_size=4), inner, max_size=5),
    max_leaves=12,
)
BODIES = TREES.map(lambda tree: json.dumps(tree).encode()) | st.binary(max_size=40)


@pytest.fixture(autouse=True)
def _calls(can: Any, needs: Any) -> None:
    needs(can.webhooks, "webhooks")


@pytest.fixture
def heard(adapter: Any) -> Any:
    def hear(call: HookCall, secret: str = HOOK_SECRET, now: dt.datetime = NOW) -> HookSays:
        return type(adapter).heard(call, secret, now)

    return hear


def test_true_call_says_what_changed(tool, heard):
    said = heard(tool.signed(tool.news(NOW), NOW))
    assert said.events and not said.secret
    assert all(event.id and (event.at is None or event.at.tzinfo) for event in said.events)


def test_delivered_again_it_is_the_same_event(tool, heard):
    """The engine remembers ids, so what is replayed within the time that a provider repeats says nothing new."""
    first, again = (heard(tool.signed(tool.news(NOW), at)) for at in (NOW, NOW + dt.timedelta(seconds=9)))
    assert [event.id for event in first.events] == [event.id for event in again.events]


def test_old_call_is_refused_though_it_is_signed(tool, heard):
    with pytest.raises(errors.Forged):
        heard(tool.signed(tool.news(NOW), NOW), now=NOW + dt.timedelta(days=3))


@pytest.mark.parametrize("secret", ["", "someone else's", "c29tZW9uZSBlbHNl"])
def test_call_with_another_secret_is_refused(tool, heard, secret):
    call = tool.signed(tool.news(NOW), NOW)
    with pytest.raises(errors.Forged):
        heard(call, secret=secret)


def test_changed_call_is_refused(tool, heard):
    call = tool.signed(tool.news(NOW), NOW)
    for forged in (replace(call, body=call.body + b" "), replace(call, body=b"{}"), replace(call, headers={})):
        with pytest.raises(errors.Forged):
            heard(forged)


@settings(max_examples=150, suppress_health_check=list(HealthCheck))
@given(body=BODIES, signed=st.booleans())
def test_no_body_breaks_anything(tool, heard, body, signed):
    call = tool.signed(body, NOW)
    try:
        said = heard(call if signed else replace(call, headers={}))
    except errors.Forged:
        return
    assert isinstance(said, HookSays)
    assert signed or not said.events, "who has not signed says nothing"
