"""Finding partners for remote records that are not linked yet: by our marker, by what was decided, by key."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils.translation import gettext as _

from crm import registry
from integrations.adapters.base import Record
from integrations.models import LinkState, Matching, SetAside
from integrations.sync import creates, match, tables
from integrations.sync.intents import as_uuid, haunt_create, living, take_created
from integrations.sync.tables import Link
from integrations.sync.tally import Problem
from values import UNSEEN

if TYPE_CHECKING:
    from integrations.sync.apply import Batch
    from integrations.sync.store import Store


def adopt(batch: Batch) -> None:
    """Give unlinked remote records their links: by our marker, by what was decided, by key."""
    loose = [r for r in batch.records if r.id not in batch.links and not r.deleted]
    recognised, doubtful = creates.recognise(batch.store, [r for r in loose if not r.marker])
    _adopt_marked(batch, [*(r for r in loose if r.marker and r.made_by_us), *recognised])
    for record in doubtful:
        _doubtful(batch, record)
    loose = [r for r in loose if r.id not in batch.links]
    if batch.matches is None:
        batch.matches = match.match(batch.store, loose)
    partners = tables.links_by_record(batch.store.stream, list(batch.matches.pairs.values()))
    if batch.matches.pairs:
        batch.rows = registry.rows(batch.store.entity, batch.matches.pairs.values(), lock=True)
    for remote_id, record_id in batch.matches.pairs.items():
        if remote_id in batch.links or record_id not in batch.rows:  # linked or deleted since
            continue
        link = partners.get(record_id)
        if link is not None and link.remote_id is not None:
            continue  # linked elsewhere since
        if _may_link(batch, batch.by_id[remote_id], record_id):
            batch.links[remote_id] = link_up(batch, link, batch.by_id[remote_id], record_id)


def _may_link(batch: Batch, record: Record, record_id: str) -> bool:
    guard = batch.store.guard
    if guard is None or guard.may_link(record.id, record_id, batch.title_of(record)):
        return True
    batch.refused.add(record.id)
    return False


def _adopt_marked(batch: Batch, marked: list[Record]) -> None:
    """Records that a create of ours made: the answer was lost, or the request came late."""
    markers = [m for r in marked if (m := as_uuid(r.marker))]
    if not markers:
        return
    ours = tables.links_by_record(batch.store.stream, markers)
    known = registry.rows(batch.store.entity, [m for m in markers if m not in ours])
    for record in marked:
        marker = as_uuid(record.marker)
        link = ours.get(str(marker))
        if link is None:
            if marker in known and _may_link(batch, record, str(marker)):  # linked before the connection was made anew
                batch.links[record.id] = link_up(batch, None, record, marker)
                known.pop(marker)
        elif link.remote_id is None and link.state != LinkState.UNLINKED:
            sent = link.intent is not None or link.unsure
            if link.unsure:  # it may be the copy of an earlier attempt, and the last one is still to come
                haunt_create(link, record, batch.store)
            take_created(link, record, batch.store)
            _no_doubt(batch, str(link.record_id))
            batch.changed(link)
            batch.links[record.id] = link
            batch.store.touch(
                batch.line(
                    link,
                    "there",
                    "created" if sent else "linked",
                    title=batch.title_of(record),
                    reason=_("found again after a lost answer") if sent else "",
                )  # fmt: skip
            )
        elif link.unsure:
            _extra(batch, link, record)


def _extra(batch: Batch, link: Link, record: Record) -> None:
    """A second copy that a late request of ours made: untouched it is put away, touched it goes to a person."""
    sent = {name: [reads_back for _ours, reads_back in late] for name, late in living(link.ghosts).items()}
    untouched = all(
        record.values.get(m.remote.id, base) in [base, *sent.get(m.name, ())]
        for m in batch.store.mapped
        if (base := link.base_remote.get(m.name, UNSEEN)) is not UNSEEN
    )
    if untouched and batch.store.can.delete and not _was_in_doubt(batch.store, record):
        extra = batch.new_link(record.id, None, LinkState.EXTRA)
        extra.dirty, extra.remote_version = True, record.version
        extra.base_remote = {
            m.name: record.values[m.remote.id] for m in batch.store.mapped if m.remote.id in record.values
        }
        batch.links[record.id] = extra
        return
    second_copy(batch.store, record, batch.title_of(record))
    batch.links[record.id] = batch.new_link(record.id, None, LinkState.UNLINKED)


def _was_in_doubt(store: Store, record: Record) -> bool:
    """A person was asked what this record is: whatever they said about ours, it is not put away without them."""
    asides = SetAside.objects.filter(stream=store.stream, side="there", remote_id=record.id)
    return asides.filter(code__in=tables.BY_A_PERSON).exists()


def _doubtful(batch: Batch, record: Record) -> None:
    """Made by our account while the answer was lost, but nobody can say for which of our records: a person pairs it.

    With a key it is met like any other record that has several possible partners.
    """
    if batch.store.stream.matching != Matching.CREATE_ONLY and match.record_keys(batch.store, record):
        return
    reason = _("Raccord made this record, but the answer was lost, and it cannot tell for which of its own records.")
    batch.store.problems.append(
        Problem("there", "unsure_create", reason, remote_id=record.id, title=batch.title_of(record))
    )
    batch.refused.add(record.id)


def second_copy(store: Store, record: Record, title: str) -> None:
    store.problems.append(
        Problem(
            "there",
            "second_copy",
            _(
                "Raccord made this record twice because an answer was lost, and somebody"
                " has edited this copy. Keep one of the two."
            ),
            remote_id=record.id,
            title=title,
        )  # fmt: skip
    )


def _no_doubt(batch: Batch, record_id: str) -> None:
    """A record of ours that has found its partner does not wait for a person any more."""
    asides = SetAside.objects.filter(stream=batch.store.stream, record_id=record_id, side="here")
    asides.filter(code__in=tables.BY_A_PERSON).delete()


def link_up(batch: Batch, link: Link | None, record: Record, record_id: str) -> Link:
    if link is None:
        link = batch.new_link(record.id, record_id, LinkState.LINKED)
    else:
        if link.intent is not None:  # its create was sent, and a copy that arrives late is to be known
            haunt_create(link)
            link.unsure = True
        link.remote_id, link.state, link.intent = record.id, LinkState.LINKED, None
        link.base_local, link.base_remote = {}, {}  # with one that was erased there it had agreed on something else
        batch.changed(link)
    link.waits_out = False
    _no_doubt(batch, record_id)
    batch.store.touch(batch.line(link, "here", "linked", title=batch.title_of(record)))
    return link
