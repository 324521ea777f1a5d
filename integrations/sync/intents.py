"""Intents and ghosts: writes that were about to be sent, and those whose outcome never became known."""

from __future__ import annotations

import time
from collections.abc import Mapping
from uuid import UUID

from integrations.adapters.base import Record
from integrations.models import LinkState
from integrations.sync.store import Store
from integrations.sync.tables import Link
from values import UNSEEN, Value

GHOST_SECONDS = 24 * 3600
WHOLE = ""  # in ghosts: the record as a whole, that is the id with which it was to be created


def close_intent(link: Link, record: Record, store: Store) -> None:
    """A write that was about to be sent: it landed if the record reads as meant, else it may still arrive."""
    if link.intent is None:
        return
    if link.intent["action"] in ("update", "restore", "create"):
        for name, (ours, reads_back) in link.intent["fields"].items():
            mapped = store.by_name.get(name)
            theirs = record.values.get(mapped.remote.id, UNSEEN) if mapped else UNSEEN
            if theirs == reads_back:
                link.base_local = link.base_local | {name: ours}
                link.base_remote = link.base_remote | {name: theirs}
            else:
                haunt(link, name, ours, reads_back)
    link.intent = None
    link.dirty = True


def take_created(link: Link, record: Record, store: Store) -> None:
    """A create of ours turned out to have worked: what was sent is what both sides agreed on."""
    fields = (link.intent or {}).get("fields") or _sent_before(link, record, store)
    link.base_local = link.base_local | {name: sent for name, (sent, _) in fields.items()}
    link.base_remote = link.base_remote | {name: reads_back for name, (_, reads_back) in fields.items()}
    link.remote_id, link.state, link.intent, link.dirty = record.id, LinkState.LINKED, None, True


def _sent_before(link: Link, record: Record, store: Store) -> dict[str, tuple[Value, Value]]:
    """What a create that arrives late was sent with: the attempt that it looks like, else the last one."""
    fields = {}
    for name, kept in living(link.ghosts).items():
        mapped = store.by_name.get(name)
        theirs = record.values.get(mapped.remote.id, UNSEEN) if mapped else UNSEEN
        if kept and name != WHOLE:
            fields[name] = next((one for one in kept if one[1] == theirs), kept[-1])
    return fields


def haunt_create(link: Link, record: Record | None = None, store: Store | None = None) -> None:
    """Remember an attempt to create as long as it may arrive; what `record` shows of it has arrived."""
    intent = link.intent or {"fields": {}, "at": 0.0}
    for name, (ours, reads_back) in intent["fields"].items():
        mapped = store.by_name.get(name) if store else None
        if record is None or mapped is None or record.values.get(mapped.remote.id, UNSEEN) != reads_back:
            haunt(link, name, ours, reads_back, intent["at"])
    if made := intent.get("id"):
        haunt(link, WHOLE, made, made, intent["at"])


def haunt(link: Link, name: str, ours: Value, reads_back: Value, sent_at: float | None = None) -> None:
    """Remember a write of unknown outcome: it may still arrive."""
    now = time.time()
    kept = [one for one in link.ghosts.get(name, ()) if one[2] > now and one[:2] != [ours, reads_back]]
    link.ghosts = link.ghosts | {name: [*kept, [ours, reads_back, (sent_at or now) + GHOST_SECONDS]]}


def living(ghosts: Mapping[str, list]) -> dict[str, list[tuple[Value, Value]]]:
    now = time.time()
    return {name: [(ours, theirs) for ours, theirs, until in kept if until > now] for name, kept in ghosts.items()}


def as_uuid(text: str | None) -> str | None:
    """A record id in its usual form, or None for what is none."""
    try:
        return str(UUID(text or ""))
    except ValueError:
        return None
