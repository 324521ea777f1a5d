"""How a connection's records stand, counted as `health` counts them."""

from __future__ import annotations

from integrations.services.health import Counts, counts

__all__ = ["Counts", "counts"]
