"""Settings that do not go together."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Warning, register

from integrations.scheduling.leases import MARGIN_SECONDS


@register
def lease_outlasts_a_request(**_: Any) -> list[CheckMessage]:
    least = settings.PROVIDER_TIMEOUT_SECONDS + MARGIN_SECONDS
    if settings.LEASE_SECONDS >= least:
        return []
    return [
        Warning(
            f"LEASE_SECONDS is {settings.LEASE_SECONDS}, but a request may take {least}: another worker could take a run over"
            " while a request of it is still under way.",
            hint=f"Set LEASE_SECONDS to {least} or more, or PROVIDER_TIMEOUT_SECONDS to less.",
            id="scheduling.W001",
        )
    ]
