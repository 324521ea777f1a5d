"""The protocol of creates holds in every interleaving, and each of its safeguards is needed."""

from __future__ import annotations

import pytest

from tests.simulation.creates_model import MEANS, State, explore

NEEDED = [
    ("no-intent", "marker"),
    ("no-look", "marker"),
    ("no-look", "search"),
    ("new-key", "client_id"),
    ("new-key", "key"),
    ("new-values", "key"),
    ("forget", "upsert"),
    ("forget", "search"),
    *(("drop-gone", means) for means in MEANS),
    *(("send-gone", means) for means in MEANS),
]


#: The command explores everything at once.
WORLDS = {"nobody there edits": State(lags=0, touches=0), "one answer is lost": State(lags=0, lost=1)}


@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize("means", MEANS)
def test_no_interleaving_doubles_or_loses_a_record(means, world):
    count, found = explore(means, start=WORLDS[world])
    assert not found, "\n".join([found[0][0], *found[0][1].trail])
    assert count > 500


@pytest.mark.parametrize(("flaw", "means"), NEEDED)
def test_every_safeguard_is_needed(flaw, means):
    _count, found = explore(means, flaw)
    assert found
