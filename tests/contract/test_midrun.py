"""What happens in the middle of a run: the sign-in ends, a pause is asked for, one record of several is refused."""

from __future__ import annotations

from typing import Any

import pytest

from integrations.adapters import errors
from integrations.adapters.base import Adapter, Change, Record
from tests.contract.harness import UPDATE, SandboxHarness
from tests.contract.test_reading import MANY, titles
from tests.contract.test_writing import new  # noqa: F401 - a fixture

ENDED = "a token that has run out"


class Renewing:
    """A sign-in of OAuth as the transport sees it: the tool really refuses `ENDED`, and there is a new token."""

    def __init__(self, good: str) -> None:
        self.good = self.held = good
        self.renewals = 0

    def token(self) -> str:
        return self.held

    def newer(self, refused: str) -> str | None:
        self.renewals += 1
        self.held = self.good
        return self.held


@pytest.fixture
def bearer(tool: SandboxHarness, adapter: Adapter, needs: Any) -> Renewing:
    needs(any(auth.oauth for auth in adapter.manifest.auth), "oauth2")
    return Renewing(tool.credentials["token"])


@pytest.fixture
def three(adapter: Adapter, collection: str) -> list[Record]:
    return [record for page in adapter.read(collection, None) for record in page.records]


def rename(adapter: Adapter, collection: str, records: list[Record]) -> list[Change]:
    title = adapter.describe(collection).title
    named = [f"Renamed {number}" for number in range(len(records))]
    return [
        Change("update", {title: name}, id=record.id, version=record.version)
        for name, record in zip(named, records, strict=True)
    ]


def in_batches(adapter: Adapter, collection: str, changes: list[Change]) -> Any:
    size = max(1, adapter.manifest.can.batch)
    for at in range(0, len(changes), size):
        yield from adapter.push(collection, changes[at : at + size])


# --- the sign-in ends -------------------------------------------------------------------------------------------------


def test_token_that_runs_out_in_the_middle_of_a_listing_is_renewed(tool, bearer):
    tool.reset(MANY)
    adapter = tool.connect(bearer=bearer)
    collection = tool.collection(adapter)
    pages = adapter.read(collection, None)
    records = list(next(pages).records)
    bearer.held = ENDED
    records += [record for page in pages for record in page.records]
    found = list({record.id: record for record in records}.values())  # twice is harmless
    assert titles(adapter, collection, found) == sorted(tool.titles()) and bearer.renewals == 1


def test_token_that_runs_out_before_a_write_is_renewed_and_it_is_written_once(tool, bearer, three, can, needs, new):  # noqa: F811
    needs(can.write and can.create_once, "create_once")
    adapter = tool.connect(bearer=bearer)
    collection = tool.collection(adapter)
    changes = rename(adapter, collection, three)
    made = new("New")
    for some in (changes, [made]):
        bearer.held = ENDED
        assert [result.error for result in in_batches(adapter, collection, some)] == [None] * len(some)
    assert sorted(tool.titles()) == ["New", "Renamed 0", "Renamed 1", "Renamed 2"] and bearer.renewals == 2


def test_credential_that_is_taken_back_in_the_middle_ends_the_listing(tool):
    tool.reset(MANY)
    adapter = tool.connect()
    pages = adapter.read(tool.collection(adapter), None)
    assert next(pages).cursor is not None
    tool.revoke()
    with pytest.raises(errors.AuthenticationFailed):
        list(pages)


# --- part of a batch --------------------------------------------------------------------------------------------------


def test_refused_update_leaves_the_others(tool, adapter, collection, three, can, needs):
    needs(can.write, "write")
    field, value = tool.bad_value(adapter.describe(collection))
    changes = rename(adapter, collection, three)
    changes[1] = Change("update", {field: value}, id=three[1].id, version=three[1].version)
    results = list(in_batches(adapter, collection, changes))
    assert [result.change for result in results] == changes
    assert [type(result.error) for result in results] == [type(None), errors.InvalidRecord, type(None)]
    title = adapter.describe(collection).title
    assert sorted(tool.titles()) == sorted(["Renamed 0", str(three[1].values[title]), "Renamed 2"])


def test_record_that_is_put_away_meanwhile_leaves_the_others(tool, adapter, collection, three, can, needs):
    needs(can.write, "write")
    tool.trash(three[1].id)
    results = list(in_batches(adapter, collection, rename(adapter, collection, three)))
    assert isinstance(results[1].error, errors.VersionMismatch | errors.NotFound)
    assert (results[0].error, results[2].error) == (None, None)
    assert sorted(tool.titles()) == ["Renamed 0", "Renamed 2"]


def test_what_comes_after_a_pause_was_not_sent(tool, adapter, collection, three, can, needs):
    """Exactly what has a result was written; the rest may be sent again without a second look."""
    needs(can.write, "write")
    changes = rename(adapter, collection, three)
    tool.fail(UPDATE, "rate_limited", status=429, retry_after=7, after=1 if can.batch == 1 else 0)
    results = []
    with pytest.raises(errors.RateLimited):
        for result in in_batches(adapter, collection, changes):
            results.append(result)
    assert len(results) == (1 if can.batch == 1 else 0)
    assert sum(name.startswith("Renamed") for name in tool.titles()) == len(results)


def test_stale_version_of_one_leaves_the_others(tool, adapter, collection, three, can, needs):
    needs(can.versions, "versions")
    tool.edit(three[1].id, "Edited meanwhile")
    results = list(in_batches(adapter, collection, rename(adapter, collection, three)))
    assert [type(result.error) for result in results] == [type(None), errors.VersionMismatch, type(None)]
    assert sorted(tool.titles()) == ["Edited meanwhile", "Renamed 0", "Renamed 2"]


def test_stale_version_is_not_put_away(tool, adapter, collection, three, can, needs):
    needs(can.versions and can.delete, "versions and delete")
    tool.edit(three[0].id, "Edited meanwhile")
    (result,) = adapter.push(collection, [Change("delete", id=three[0].id, version=three[0].version)])
    assert isinstance(result.error, errors.VersionMismatch) and "Edited meanwhile" in tool.titles()
