"""Settling a conflict, now or later: choose a side, swap what was chosen, say that an alert was read.

What somebody edited since is never overwritten. On our side it is refused with words; on the other side the read just before
the write finds it, and it meets as a new conflict.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from crm import feed, records, registry
from crm.feed import Actor
from integrations.models import Conflict, LinkState, Policy, RecordLink, Status, Stream
from integrations.notifications.bell import rings
from integrations.scheduling import due
from integrations.scheduling.models import Priority
from integrations.scheduling.tasks import wake_on_commit
from integrations.services.connect import Refused
from integrations.sync import tables
from integrations.sync.merge import is_empty
from values import Unfit, Value

OTHER = {"local": "remote", "remote": "local"}


def resolve(conflict: Conflict, winner: str, by: Actor) -> Conflict:
    """Make one side's value the one of both. Raises Refused when that is not possible (any more).

    The next run carries it out; it is asked for at once, because whoever decides wants to see it happen.
    """
    if winner not in OTHER:
        raise Refused(_("Choose one of the two sides."), "winner", "invalid_choice")
    with feed.acting(by):
        # links before conflicts, as the runs do, so that neither waits for the other
        link = (
            RecordLink.objects.select_for_update().filter(stream=conflict.stream, record_id=conflict.record_id).first()
        )
        conflict = (
            Conflict.objects.select_for_update(of=("self",)).select_related("stream__integration").get(pk=conflict.pk)
        )
        if link is None or (conflict.field and link.state != LinkState.LINKED):
            raise Refused(_("The record is not linked any more."), code="not_linked")
        if not conflict.field:
            _settle_existence(conflict, link, winner, by)
        elif conflict.state == Conflict.State.OPEN:
            _settle(conflict, link, winner)
        elif winner != conflict.winner:
            _turn(conflict, link, winner)
        conflict.state, conflict.winner, conflict.settled_by = Conflict.State.SETTLED, winner, by.label
        conflict.seen_at = conflict.seen_at or timezone.now()
        conflict.save(update_fields=["state", "winner", "settled_by", "seen_at"])
        rings.ring()
        _ask(conflict.stream)
    return conflict


def swap(conflict: Conflict, by: Actor) -> Conflict:
    """Let the other side win after all. Raises Refused."""
    if conflict.state != Conflict.State.SETTLED or conflict.winner not in OTHER:
        raise Refused(_("Nobody has won this one yet."), code="not_settled")
    return resolve(conflict, OTHER[conflict.winner], by)


@dataclass(slots=True)
class Resolved:
    """refused: {conflict id: why, in words}."""

    settled: list[Conflict] = field(default_factory=list)
    refused: dict[UUID, str] = field(default_factory=dict)


def resolve_many(ids: Sequence[UUID], winner: str, by: Actor) -> Resolved:
    """Settle each on its own: one that is refused does not hold up the others. Ids that name none are passed over."""
    done = Resolved()
    for conflict in Conflict.objects.filter(pk__in=ids).select_related("stream__integration"):
        try:
            done.settled.append(resolve(conflict, winner, by))
        except Refused as refused:
            done.refused[conflict.pk] = str(refused)
    return done


def acknowledge(conflict: Conflict, by: Actor) -> Conflict:
    """A person has read the alert of a critical field."""
    if conflict.state != Conflict.State.SETTLED:
        raise Refused(_("This one waits for a decision: choose a side."), code="still_open")
    with transaction.atomic():
        Conflict.objects.filter(pk=conflict.pk, seen_at=None).update(seen_at=timezone.now())
        rings.ring()  # the notice of it may be over
    conflict.refresh_from_db(fields=["seen_at"])
    return conflict


def alerts() -> QuerySet[Conflict]:
    """Conflicts of critical fields that a policy settled and nobody has read yet, newest first."""
    return unseen(Conflict.objects.all()).order_by("-at", "-id")


def unseen(conflicts: QuerySet[Conflict]) -> QuerySet[Conflict]:
    return conflicts.filter(critical=True, state=Conflict.State.SETTLED, seen_at=None)


def _ask(stream: Stream) -> None:
    if stream.integration.status == Status.ACTIVE:
        due.ask(stream.integration_id, Priority.PERSON, "person")
        wake_on_commit(stream.integration_id)


# --- one field --------------------------------------------------------------------------------------------------------


def _settle(conflict: Conflict, link: RecordLink, winner: str) -> None:
    """The remote value was seen: it becomes the base there. If ours wins it goes out, else it is written here."""
    name = conflict.field
    link.base_remote = link.base_remote | {name: conflict.remote_raw}
    if winner == "remote":
        _write_here(conflict, conflict.remote, over=conflict.local)
        link.base_local = link.base_local | {name: conflict.remote}
    else:
        _let_out(conflict, link, winner)
    link.dirty = True
    link.save(update_fields=["base_local", "base_remote", "dirty"])


def _turn(conflict: Conflict, link: RecordLink, winner: str) -> None:
    """Both sides hold what won; the other value is written here and goes out like any edit."""
    values = {"local": conflict.local, "remote": conflict.remote}
    _write_here(conflict, values[winner], over=values[OTHER[winner]])
    _let_out(conflict, link, winner)
    link.save(update_fields=["base_local"])


def _let_out(conflict: Conflict, link: RecordLink, winner: str) -> None:
    """Where only what is empty is filled, an edit replaces nothing there. What a person chose does, as if never agreed on."""
    name, value = conflict.field, conflict.local if winner == "local" else conflict.remote
    one = conflict.stream.mappings.filter(local=name).first()
    if one and (one.policy or conflict.stream.policy) == Policy.FILL and not is_empty(value):
        link.base_local = {known: value for known, value in link.base_local.items() if known != name}


def _write_here(conflict: Conflict, value: Value, over: Value) -> None:
    entity = records.describe(conflict.stream.entity)
    row = registry.rows(entity, [conflict.record_id], lock=True).get(str(conflict.record_id))
    if row is None:
        raise Refused(_("The record was deleted here."), code="not_found")
    people = registry.People()
    try:
        described = entity.fields[conflict.field]
        now = registry.reader(described, people)(row)
        if now == value:
            return
        if now != over:
            raise Refused(
                _("This field was edited here since. Look at it again before you decide."), code="edited_since"
            )
        registry.write(row, described, registry.check(described, value), people)
    except (KeyError, Unfit) as error:
        raise Refused(_("This value cannot be written here: %(why)s") % {"why": error}, code="unfit") from error
    records.update_rows(entity, [row])


# --- whether the record is there at all -------------------------------------------------------------------------------


def _settle_existence(conflict: Conflict, link: RecordLink, winner: str, by: Actor) -> None:
    """The side that deleted has a value of None. Deleting after all, or bringing back, goes to the other side like any edit."""
    entity = records.describe(conflict.stream.entity)
    row = registry.rows(entity, [conflict.record_id], lock=True).get(str(conflict.record_id))
    if winner == conflict.winner:
        return
    lives = (conflict.local if winner == "local" else conflict.remote) is not None
    if lives and row is None:
        _bring_back(conflict, entity)
    elif not lives and row is not None:
        _delete_after_all(conflict, link, entity, row, by)


def _delete_after_all(
    conflict: Conflict, link: RecordLink, entity: registry.Entity, row: registry.Row, by: Actor
) -> None:
    if _is_edited_since(conflict, link, entity, row):
        raise Refused(_("The record was edited since. Delete it where it stands, if you still want to."),
                      code="edited_since")  # fmt: skip
    if link.state == LinkState.LOST:  # it was not brought back there yet
        RecordLink.objects.filter(pk=link.pk).update(state=LinkState.GONE, dirty=False)
    try:
        records.delete(entity.name, [conflict.record_id], by)
    except records.ReadOnly as error:
        raise Refused(str(error), code="read_only") from error


def _is_edited_since(conflict: Conflict, link: RecordLink, entity: registry.Entity, row: registry.Row) -> bool:
    people = registry.People()
    known = conflict.local if conflict.local is not None else link.base_local
    read = {name: registry.reader(entity.fields[name], people)(row) for name in known if name in entity.fields}
    if any(read[name] != known[name] for name in read):
        return True
    seen = conflict.remote or {}
    pairs = conflict.stream.mappings.filter(remote__in=list(seen)).values_list("remote", "local")
    return any(link.base_remote.get(local, seen[remote]) != seen[remote] for remote, local in pairs)


def _bring_back(conflict: Conflict, entity: registry.Entity) -> None:
    row = tables.deleted_row(entity, conflict.record_id)
    if not row:
        raise Refused(_("The record's history is gone, so it cannot be brought back."), code="not_found")
    now = timezone.now()
    records.insert_rows(
        entity, [registry.blank_row(entity, conflict.record_id, now) | row | {"updated_at": now.isoformat()}]
    )
