"""The dry run, for the wizard's last step and on demand."""

from __future__ import annotations

from contextlib import closing

from integrations.models import IntegrationInstance
from integrations.services.adapters import open_adapter
from integrations.services.streams import words
from integrations.sync.plan import Plan, plan_run


def make(integration: IntegrationInstance) -> Plan:
    """What the next run would do on both sides. Raises Refused, with words for a person, when the tool cannot be read."""
    streams = integration.streams.filter(is_active=True).select_related("integration").prefetch_related("mappings")
    with words(), closing(open_adapter(integration)) as adapter:
        return plan_run(integration, list(streams), adapter)
