"""One table says what every failure means; nobody may raise one that it does not know."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from integrations.adapters import errors
from integrations.adapters.registry import adapters
from integrations.services import failures
from integrations.services.failures import FAILURES, Button, Effect

ROOT = Path(__file__).resolve().parents[3]
ADAPTER_ERRORS = [errors.AdapterError, *errors.AdapterError.__subclasses__()]
#: What a person reads, and what the code decides by.
OURS = ("brake", "brake_overwrites", "provider_off", "internal_error", "not_connected", "failing_for_days", "catch_up")


def every_subclass(cls):
    return [cls, *(one for sub in cls.__subclasses__() for one in every_subclass(sub))]


def test_every_error_of_an_adapter_has_its_entry():
    adapters()  # an adapter's own kinds count as well
    missing = {cls.code for cls in every_subclass(errors.AdapterError)} - set(FAILURES)
    assert not missing


def test_every_reason_to_set_a_record_aside_has_its_entry():
    used = set()
    for path in (ROOT / "integrations" / "sync").glob("*.py"):
        used |= set(re.findall(r'Problem\(\s*"(?:here|there)",\s*"([a-z_]+)"', path.read_text()))
    assert used and used <= set(FAILURES)


@pytest.mark.parametrize("code", [*FAILURES])
def test_every_entry_has_all_its_parts(code):
    told = failures.tell(code, "12 of 40", "Notion")
    assert told.title and told.happened and told.todo
    assert "%(" not in f"{told.title}{told.text}"
    assert told.action in set(Button) and FAILURES[code].effect in set(Effect)


def test_codes_of_our_own_have_their_entries():
    assert set(OURS) <= set(FAILURES)


@pytest.mark.parametrize("cls", ADAPTER_ERRORS, ids=lambda cls: cls.code)
def test_what_an_error_says_of_itself_and_its_effect_agree(cls):
    effect = FAILURES[cls.code].effect
    if cls.transient:
        assert effect == Effect.RETRY
    elif cls.concerns == "stream":
        assert effect == Effect.STOP_STREAM
    elif cls.concerns == "record":
        assert effect == Effect.NONE
    else:
        assert effect == Effect.STOP


def test_only_an_outage_of_the_provider_trips_its_breaker():
    assert [code for code, failure in FAILURES.items() if failure.trips] == ["unavailable"]


def test_unforeseen_code_is_told_as_such():
    assert failures.tell("never_heard_of", "", "Notion").action == "contact_support"


def test_brake_tells_its_numbers_and_a_mapping_its_fields():
    assert "12 of 40" in failures.tell("brake", "12/40", "Notion").title
    assert "“Phone”" in failures.tell("schema_changed", "“Phone”", "Notion").title
