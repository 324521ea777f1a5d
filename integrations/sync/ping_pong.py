"""The ping-pong breaker: a record that two writers keep changing back and forth is left out, alone, until a person has looked.

Noted are updates of linked records that came in or went out, so a first import pays nothing; `flips` decides.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _

from integrations.models import LeftOut
from integrations.sync import flips, tables
from integrations.sync.store import Store
from integrations.sync.tables import Link
from integrations.sync.tally import Problem, short
from values import Value


def came_in(store: Store, link: Link, changes: Mapping[str, list[Value]], by: str, title: str) -> None:
    """changes: {name: [ours, theirs]}, of fields that both sides had agreed on before. by: who wrote there."""
    _note(store, link, "there", changes, title, by)


def went_out(store: Store, link: Link, changes: Mapping[str, list[Value]], title: str) -> None:
    """changes: {name: [theirs, ours]}."""
    _note(store, link, "here", {name: pair for name, pair in changes.items() if name in link.flips}, title)


def _note(store: Store, link: Link, side: str, changes: Mapping[str, list[Value]], title: str, by: str = "") -> None:
    if store.undoing or not changes:
        return
    now = time.time()
    kept = {name: some for name, history in link.flips.items() if (some := flips.noted(history, now=now))}
    for name, (_old, new) in changes.items():
        kept[name] = flips.noted(link.flips.get(name, ()), [side, tables.fingerprint(new), now, by], now=now)
    link.flips = kept
    caught = [name for name in changes if flips.is_ping_pong(kept[name], now)]
    if caught:
        link.left_out = LeftOut.PING_PONG
        store.problems += [_problem(store, link, name, side, changes[name], title) for name in caught]


def _problem(store: Store, link: Link, name: str, side: str, pair: list[Any], title: str) -> Problem:
    ours, theirs = (pair[0], pair[1]) if side == "there" else (pair[1], pair[0])
    _at, who_here = store.local_edit(str(link.record_id), name)
    who_there = next((one[3] for one in reversed(link.flips[name]) if one[0] == "there" and one[3]), "")
    tool = store.adapter.manifest.name
    reason = _(
        "%(field)s goes back and forth: %(here)s writes “%(ours)s” here, %(there)s writes “%(theirs)s” there."
        " Only this record is left out, until somebody takes it up again."
    ) % {
        "field": store.by_name[name].local.label,
        "here": who_here or _("somebody"),
        "ours": short(ours, 100),
        "there": f"{tool} ({who_there})" if who_there else tool,
        "theirs": short(theirs, 100),
    }
    return Problem("here", "ping_pong", reason, str(link.record_id), link.remote_id or "", title, name)
