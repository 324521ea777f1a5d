"""What the frame of every page shows of a person's notices."""

from __future__ import annotations

from integrations.notifications import listing


def unread_count(user_id: int) -> int:
    """For the bell, which shows more than listing.MOST as “99+”. One query."""
    return listing.unread(user_id)
