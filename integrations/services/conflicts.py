"""Settling a conflict, now or later: choose a side, or swap what a rule had chosen."""

from __future__ import annotations

from django.utils.translation import gettext as _

from crm import feed, records, registry
from crm.feed import Actor
from integrations.models import Conflict, RecordLink
from integrations.services.connect import Refused
from values import Unfit


def resolve(conflict: Conflict, winner: str, by: Actor) -> Conflict:
    """Make one side's value the one of both. Raises Refused when that is not possible (any more).

    The value goes out with the next run; what was edited meanwhile is not overwritten but meets as a new conflict.
    """
    if winner not in ("local", "remote"):
        raise Refused(_("Choose one of the two sides."), "winner", "invalid_choice")
    if not conflict.field:
        raise Refused(_("This one is settled already: the edit won over the deletion."), code="existence")
    with feed.acting(by):
        conflict = Conflict.objects.select_for_update().get(pk=conflict.pk)
        link = (
            RecordLink.objects.select_for_update()
            .filter(stream=conflict.stream, record_id=conflict.record_id, state="linked")
            .first()
        )
        if link is None:
            raise Refused(_("The record is not linked any more."), code="not_linked")
        if conflict.state == Conflict.State.OPEN:
            _settle(conflict, link, winner)
        else:
            _write_here(conflict, conflict.remote if winner == "remote" else conflict.local)
        conflict.state, conflict.winner, conflict.settled_by = Conflict.State.SETTLED, winner, by.label
        conflict.save(update_fields=["state", "winner", "settled_by"])
    return conflict


def _settle(conflict: Conflict, link: RecordLink, winner: str) -> None:
    """The remote value was seen: it becomes the base there. If ours wins it goes out, else it is written here."""
    name = conflict.field
    link.base_remote = link.base_remote | {name: conflict.remote_raw}
    if winner == "remote":
        _write_here(conflict, conflict.remote)
        link.base_local = link.base_local | {name: conflict.remote}
    link.dirty = True
    link.save(update_fields=["base_local", "base_remote", "dirty"])


def _write_here(conflict: Conflict, value: object) -> None:
    entity = records.describe(conflict.stream.entity)
    row = registry.rows(entity, [conflict.record_id], lock=True).get(str(conflict.record_id))
    if row is None:
        raise Refused(_("The record was deleted here."), code="not_found")
    try:
        described = entity.fields[conflict.field]
        registry.write(row, described, registry.check(described, value), registry.People())
    except (KeyError, Unfit) as error:
        raise Refused(_("This value cannot be written here: %(why)s") % {"why": error}, code="unfit") from error
    records.update_rows(entity, [row])
