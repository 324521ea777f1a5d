"""How much an integration asks of its tool and how much is left, for people and programs."""

from __future__ import annotations

from dataclasses import dataclass

from integrations.models import IntegrationInstance
from integrations.services import calls
from integrations.services.adapters import fills
from integrations.transport.limiter import Fill
from integrations.transport.quota import DAY_SECONDS


@dataclass(frozen=True, slots=True)
class Usage:
    """requests … waited: this integration's, since midnight in the tenant's zone; waited in seconds.

    left, of: a day's quota of the account: as the tool told it, or else what our own requests leave of the documented limit;
    None where there is no such limit. fills: the shorter limits of the account, and how full they are now.
    """

    requests: int
    retries: int
    refused: int
    waited: float
    left: int | None
    of: int | None
    fills: tuple[Fill, ...]

    @property
    def paused(self) -> float:
        """Seconds that everybody on this account still waits, because the tool asked for it."""
        return max((fill.paused for fill in self.fills), default=0.0)


def usage(integration: IntegrationInstance) -> Usage:
    """Two queries, and one look where the limits are counted."""
    row, now = calls.of_today(integration), fills(integration)
    left, of = row.left, row.of
    for fill in now:
        if fill.limit.seconds >= DAY_SECONDS and of is None:
            left, of = max(0, fill.limit.requests - fill.used), fill.limit.requests
    short = tuple(fill for fill in now if fill.limit.seconds < DAY_SECONDS)
    return Usage(row.requests, row.retries, row.refused, row.waited, left, of, short)
