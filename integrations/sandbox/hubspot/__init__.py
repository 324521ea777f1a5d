"""HubSpot CRM: objects version 3, associations version 4."""

from __future__ import annotations

from integrations.sandbox.clock import Clock
from integrations.sandbox.hubspot.world import HubSpotWorld
from integrations.sandbox.state import Store


class HubSpotProvider:
    slug = "hubspot"
    name = "HubSpot"
    api = ("/crm/", "/crm-object-schemas/", "/account-info/", "/oauth/", "/webhooks/")
    results_key = "results"
    requests_per_minute: int | None = 600

    def open(self, store: Store, clock: Clock) -> HubSpotWorld:
        return HubSpotWorld(store, clock)


provider = HubSpotProvider()
