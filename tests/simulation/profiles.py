"""What kinds of tools there are: those that the sheets of the providers describe, and some that go further than any of them."""

from __future__ import annotations

from tests.simulation.memory import Profile

PROVIDERS = {
    "notion": Profile(clock=60, lag=6, tombstones=False),
    "airtable": Profile(batch=5, atomic=True, tombstones=False, restore=False, create_once="upsert", refuses=11),
    "hubspot": Profile(batch=5, lag=8, tombstones=False, restore=False, lossy=True, create_once="upsert"),
    "trello": Profile(lag=2),
    "planner": Profile(
        versions=True, batch=4, incremental=False, tombstones=False, restore=False, create_once="search"
    ),
    "power_bi": Profile(
        batch=5,
        atomic=True,
        incremental=False,
        tombstones=False,
        restore=False,
        changes=False,
        delete=False,
        lossy=True,
    ),
    "square": Profile(
        versions=True, batch=5, clock=1, lag=6, tombstones=False, restore=False, create_once="key", refuses=13
    ),
    "toast": Profile(write=False, messy=True, lag=4, delete=False, restore=False, create_once=""),
    "google_drive": Profile(create_once="client_id", lag=3),
}
EXTREMES = {
    "plain": Profile(),
    "batches out of order": Profile(batch=5, messy=True),
    "lossy": Profile(lossy=True, clock=60),
    "nothing but listings": Profile(incremental=False, tombstones=False, restore=False),
    "refuses": Profile(refuses=7, batch=5, atomic=True),
    "everything": Profile(clock=60, lag=6, lossy=True, messy=True, tombstones=False, batch=5),
}
PROFILES = PROVIDERS | EXTREMES
WAYS = {"toast": "import", "power_bi": "export"}  # what such a tool allows at all
