"""A record that is gone on one side: what happens to the other. Edit beats delete, on both sides."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils.translation import gettext as _

from crm import registry
from integrations.adapters.base import Record
from integrations.models import Deletions, LinkState
from integrations.sync.adopt import second_copy
from integrations.sync.intents import living
from integrations.sync.merge import is_empty
from integrations.sync.tables import Link
from integrations.sync.tally import Contest
from values import UNSEEN

if TYPE_CHECKING:
    from integrations.sync.apply import Batch
    from integrations.sync.store import Store


def deleted_there(batch: Batch, link: Link, row: registry.Row | None, record: Record, by_us: bool = False) -> None:
    store = batch.store
    if row is None:
        alone = link.state == LinkState.LINKED and store.stream.deletions == Deletions.UNLINK  # should one come back
        batch.set(link, state=LinkState.UNLINKED if alone else LinkState.GONE, dirty=False)
    elif link.state == LinkState.GONE:
        return
    elif link.state == LinkState.LOST or by_us:  # it stands here again since: it goes back there
        batch.set(link, state=LinkState.LOST, dirty=True)
    elif parted := parting(store, store.inbound):
        batch.set(link, state=parted, dirty=False)
        store.touch(batch.line(link, "there", "unlinked", title=store.title(row), reason=_("deleted in the tool")))
    elif store.outbound and _changed_here(batch, link, row):
        _existence(batch, link, row, record, "local")
        batch.set(link, state=LinkState.LOST, dirty=True)
    else:
        batch.gone_rows.append(row["id"])
        batch.set(link, state=LinkState.GONE, dirty=False)
        old = {name: [value, None] for name, value in store.local_values(row).items() if value is not None}
        store.touch(batch.line(link, "here", "deleted", changes=old, title=store.title(row)))


def parting(store: Store, travels: bool) -> str:
    """What becomes of a pair when one side is deleted and the other is left alone; "" where the deletion travels.

    left: the pair comes back with the record. unlinked: parted for good, also when the record comes back.
    """
    if store.stream.deletions == Deletions.UNLINK:
        return LinkState.UNLINKED
    return LinkState.LEFT if store.stream.deletions == Deletions.IGNORE or not travels else ""


def comes_back(batch: Batch, link: Link, row: registry.Row | None, record: Record) -> bool:
    """Whether a pair whose deletion was ignored stands on both sides again."""
    if record.deleted or row is None:
        if record.deleted and row is None:
            batch.set(link, state=LinkState.GONE, dirty=False)
        return False
    if not (batch.listed and batch._looks_old(link, row, record)):
        batch.store.touch(batch.line(link, "here", "linked", title=batch.store.title(row), reason=_("it came back")))
    return True


def _changed_here(batch: Batch, link: Link, row: registry.Row) -> bool:
    """Whether something stands here that the other side never had."""
    for m in batch.store.mapped:
        ours, base = batch.store.readers[m.name](row), link.base_local.get(m.name, UNSEEN)
        if m.rule.outbound and ours != base and not (base is UNSEEN and is_empty(ours)):
            return True
    return False


def missing_here(batch: Batch, link: Link, record: Record) -> None:
    """Our record was deleted. Edited or brought back there, it returns; otherwise the push deletes it there."""
    store = batch.store
    parted = parting(store, travels=True)
    if link.state == LinkState.LINKED and parted:
        batch.set(link, state=parted, dirty=False)
        store.touch(batch.line(link, "here", "unlinked", title=batch.title_of(record), reason=_("deleted here")))
        return
    edited = edited_there(batch, link, record)
    if link.state == LinkState.LINKED and not edited:
        if store.outbound and not link.dirty:
            batch.set(link, dirty=True)
        return
    if not store.inbound:
        return
    if link.state == LinkState.LINKED:
        _existence(batch, link, None, record, "remote")
    action = "created" if link.state == LinkState.NEW else "restored"  # new: a person keeps it apart from what is here
    link.base_local, link.base_remote = {}, {}
    batch.set(link, state=LinkState.LINKED, dirty=False)
    batch.create_row(link, record, action)


def _existence(batch: Batch, link: Link, row: registry.Row | None, record: Record, winner: str) -> None:
    batch.store.contests.append(
        Contest(
            record_id=str(link.record_id),
            remote_id=record.id,
            title=batch.store.title(row) or batch.title_of(record),
            field="",
            base=None,
            local=batch.store.local_values(row) if row else None,
            remote=None if record.deleted else dict(record.values),
            remote_raw=None,
            local_at=None,
            remote_at=record.edited_at,
            local_actor="",
            policy="existence",
            winner=winner,
            critical=False,
        )  # fmt: skip
    )


def put_away(batch: Batch, link: Link, record: Record) -> None:
    """A record of ours on its way to the trash, a second copy or by an undo; whoever edited it meanwhile wants it."""
    if record.deleted:
        batch.set(link, state=after_putting_away(link), dirty=False, intent=None)
    elif edited_there(batch, link, record):
        if link.record_id:
            batch.set(link, state=LinkState.LINKED, dirty=True, reread=True, intent=None)
            reason = _("changed in the tool since")
            batch.store.touch(batch.line(link, "there", "left_out", title=batch.title_of(record), reason=reason))
            return
        batch.set(link, state=LinkState.UNLINKED, dirty=False, intent=None)
        second_copy(batch.store, record, batch.title_of(record))


def after_putting_away(link: Link) -> str:
    """What an undo put away there while ours stays is parted from it; anything else is gone on both sides."""
    return LinkState.UNLINKED if link.state == LinkState.EXTRA and link.record_id else LinkState.GONE


def edited_there(batch: Batch, link: Link, record: Record) -> bool:
    """Whether somebody there changed a field since both sides agreed on it; our own late writes do not count."""
    edited, ghosts = False, living(link.ghosts)
    for m in batch.store.mapped:
        base = link.base_remote.get(m.name, UNSEEN)  # a field never agreed on was not edited
        theirs = record.values.get(m.remote.id, base)
        if base is UNSEEN or theirs == base or not m.rule.inbound:
            continue
        late = next((ours for ours, reads_back in ghosts.get(m.name, ()) if reads_back == theirs), UNSEEN)
        if late is UNSEEN:
            edited = True
        else:
            link.base_local = link.base_local | {m.name: late}
            link.base_remote = link.base_remote | {m.name: theirs}
            batch.changed(link)
    return edited
