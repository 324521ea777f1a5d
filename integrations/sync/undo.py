"""Take a run back, on both sides, only where the value is still what that run wrote; the rest is listed with its reason.

It goes through the run's lines from the newest to the oldest, a part at a time. A part is: look at the tool, set back here in one
transaction, give back there what is the tool's alone, and only then move the marker. Killed in the middle, the part is gone
through again, and what is back already is passed over. What both sides had agreed on goes out by the ordinary push.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from crm.feed import Actor
from integrations.adapters.base import Record
from integrations.models import LinkState, RecordLink, Stream, SyncLog, SyncLogLine
from integrations.sync import effects as netting
from integrations.sync import tables
from integrations.sync.effects import Effects
from integrations.sync.intend import Intended, withdraw
from integrations.sync.recover import recover
from integrations.sync.set_back import SetBack
from integrations.sync.settle import send
from integrations.sync.store import Store
from integrations.sync.tally import Line
from integrations.sync.verify import verify

if TYPE_CHECKING:
    from integrations.sync.slices import Slice

LINES = 200  # lines of the run per part
LOOK_UP = 50  # records asked for at once
TRIES = 3  # for writes whose answer is lost
#: What is read of a line, as plain rows: which one it is, and what it did.
PLACE = ("pk", "stream_id", "record_id", "remote_id", "title", "action")
DEED = (*PLACE, "side", "changes", "before", "rules")


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be taken back, by whom, and how far it has come: lines from `after` on are done.

    First everything that went comes back, so that the rest finds what it points to; is_back: that is done.
    """

    run: SyncLog
    by: Actor
    record_id: str = ""
    field: str = ""
    after: int | None = None
    is_back: bool = False

    @classmethod
    def of(cls, undo: SyncLog) -> Asked:
        scope = undo.undo_scope or {}
        by = Actor(**scope["by"]) if scope.get("by") else Actor("system", label="Raccord")
        run = SyncLog.objects.get(undone_by=undo)
        return cls(
            run,
            by,
            scope.get("record_id") or "",
            scope.get("field") or "",
            scope.get("after"),
            bool(scope.get("is_back")),
        )

    @property
    def scope(self) -> dict[str, Any]:
        """As `SyncLog.undo_scope` keeps it."""
        by = {"kind": self.by.kind, "id": self.by.id, "label": self.by.label}
        place = {"after": self.after, "is_back": self.is_back}
        return {"record_id": self.record_id or None, "field": self.field, "by": by, **place}


@dataclass(slots=True)
class Part:
    """Some records of one stream, the one touched last first. done: what is asked for as it stands when this is done.

    lines: how many of the run this takes off the rest.
    """

    stream_id: UUID
    effects: list[Effects]
    done: Asked
    lines: int
    strays: list[Any] = field(default_factory=list)


# --- which lines ------------------------------------------------------------------------------------------------------


def next_part(asked: Asked, size: int = LINES) -> Part | None:
    """What stands before the marker; None when all is done."""
    if not asked.is_back:
        part = None if asked.field else _part(asked, size)
        return part or next_part(replace(asked, is_back=True, after=None), size)
    return _part(asked, size)


def _part(asked: Asked, size: int) -> Part | None:
    lines = _lines(asked)
    places = _before(asked, lines).order_by("-pk").values_list(*PLACE, named=True)
    found = list(places[:size])
    if not found:
        return None
    _stream, same = next(groupby(found, key=lambda line: line.stream_id))
    newest = list(same)
    part = Part(newest[0].stream_id, [], replace(asked, after=newest[-1].pk), len(newest))
    groups = _whole(lines, newest, None if asked.is_back else "deleted", asked.after)
    if asked.run.undoes_id:
        groups = _of_the_undo(asked.run, part.stream_id, groups)
    elif asked.is_back:
        part.strays = [one for one in newest if one.record_id is None]
    effects = [netting.net(group) for group in groups]
    part.effects = [one for one in effects if asked.is_back != (one.went("here") or one.went("there"))]
    return part


def _lines(asked: Asked) -> QuerySet[SyncLogLine]:
    """All that the run did, of what is asked for."""
    lines = SyncLogLine.objects.filter(run=asked.run, action__in=netting.ACTIONS)
    return lines.filter(record_id=asked.record_id) if asked.record_id else lines


def _before(asked: Asked, lines: QuerySet[SyncLogLine]) -> QuerySet[SyncLogLine]:
    """Those before the marker."""
    wanted = lines if asked.is_back else lines.filter(action="deleted")
    return wanted if asked.after is None else wanted.filter(pk__lt=asked.after)


def _whole(lines: Any, newest: Sequence[Any], action: str | None, after: int | None) -> list[list[Any]]:
    """All lines of the records that these lines are about, but of those only whose last one (of that action) is among them."""
    order = list(dict.fromkeys(line.record_id for line in newest if line.record_id))
    groups: dict[Any, list[Any]] = {record_id: [] for record_id in order}
    stream = newest[0].stream_id
    deeds = lines.filter(tables.among("record_id", order, "uuid"), stream=stream).values_list(*DEED, named=True)
    for line in deeds.order_by("pk"):
        groups[line.record_id].append(line)
    last = {pk: max(one.pk for one in group if action in (None, one.action)) for pk, group in groups.items()}
    return [group for pk, group in groups.items() if after is None or last[pk] < after]


def _of_the_undo(run: SyncLog, stream_id: UUID, groups: list[list[Any]]) -> list[list[Any]]:
    """A run that undid another also read and sent as every run does: that is no part of what is taken back."""
    ids = [group[0].record_id for group in groups]
    before = SyncLogLine.objects.filter(tables.among("record_id", ids, "uuid"), run=run.undoes_id, stream=stream_id)
    touched: dict[Any, set[str]] = {}
    for record_id, changes in before.filter(action__in=netting.ACTIONS).values_list("record_id", "changes"):
        touched.setdefault(record_id, set()).update(changes)
    kept = []
    for group in groups:
        if (names := touched.get(group[0].record_id)) is not None:
            undoing = [_undoing(line, names) if line.action == "updated" else line for line in group]
            kept.append([line for line in undoing if line.changes or line.action != "updated"])
    return [group for group in kept if group]


def _undoing(line: Any, names: set[str]) -> Any:
    changes = {name: pair for name, pair in line.changes.items() if name in names and _is_undoing(line, name)}
    return line._replace(changes=changes)


def _is_undoing(line: Any, name: str) -> bool:
    """Undos of former versions told what went out after an interruption as ours only."""
    rule = (line.rules or {}).get(name)
    return rule == "undo" or (rule == "ours" and line.side == "there")


# --- carrying it out --------------------------------------------------------------------------------------------------


def take_back(turn: Slice, stores: Sequence[Store], push: Callable[[Sequence[Store]], None]) -> None:
    """Set back part by part, and send each before the next one. Raises what the push raises; goes on where it stopped."""
    known = {store.stream.pk: store for store in stores}
    for store in stores:
        store.undoing = True
    push(stores)  # also what a part before the last interruption left to be sent
    while (part := next_part(asked := Asked.of(turn.run))) is not None:
        mine = known.get(part.stream_id)
        if mine is None:
            _pass_over(turn, part)
        else:
            turn.report(mine, "undoing")
            _carry_out(turn, mine, asked, part)
            push([mine])
        turn.check()


def _carry_out(turn: Slice, store: Store, asked: Asked, part: Part) -> None:
    if any(one.came("there") for one in part.effects):
        store.own_id = store.own_id or turn.adapter.own_id()
    ids = [one.record_id for one in part.effects]
    mine = RecordLink.objects.filter(tables.among("record_id", ids, "uuid"), stream=store.stream)
    for attempt in range(TRIES):
        if mine.filter(intent__isnull=False).exists():
            recover(store)
        seen = _look(store, part, mine)
        done = store.commit(lambda seen=seen: _set_back(store, asked, part, seen))  # type: ignore[misc]
        moved = _give_back(store, done.gifts)
        missed = _not_taken(store, done.gifts, moved)
        if not missed:
            break
        if attempt + 1 == TRIES:
            moved += missed
    store.commit(lambda: _finish(turn.run, store, part, done, moved))


def _look(store: Store, part: Part, links: Any) -> dict[str, Record | None]:
    """The records as they are there now, where something is to be written there; None: nobody can read it."""
    touching = {one.record_id for one in part.effects if store.outbound and _reaches_there(one)}
    remote_ids = [
        remote_id for pk, remote_id in links.values_list("record_id", "remote_id") if remote_id and str(pk) in touching
    ]
    seen: dict[str, Record | None] = dict.fromkeys(remote_ids)
    for start in range(0, len(remote_ids), LOOK_UP):
        some = remote_ids[start : start + LOOK_UP]
        seen |= {record.id: record for record in store.adapter.fetch(store.stream.collection, some)}
    return seen


def _reaches_there(one: Effects) -> bool:
    """What the run made here is only deleted here: the listing just before is enough to know that it is untouched."""
    return not one.came("here") or one.came("there")


def _set_back(store: Store, asked: Asked, part: Part, seen: dict[str, Record | None]) -> SetBack:
    """What came with the transaction that is tried again is worked out anew."""
    work = SetBack(store, asked.run, asked.by, asked.field, part.effects, seen)
    work.decide()
    work.write()
    return work


def _give_back(store: Store, gifts: Sequence[Intended]) -> list[Line]:
    """Send what the tool alone gets back; answers a line for each that somebody there changed just now."""
    moved = []
    size = max(1, store.can.batch)
    for start in range(0, len(gifts), size):
        chunk = list(gifts[start : start + size])
        try:
            ready = verify(store, chunk)
            moved += [_stays(one, _("changed in the tool since")) for one in chunk if one not in ready]
            send(store, ready)
        except Exception:
            withdraw(store, gifts[start + size :])
            raise
    return moved


def _not_taken(store: Store, gifts: Sequence[Intended], moved: Sequence[Line]) -> list[Line]:
    """Those whose answer was lost, or that the tool refused or had moved in the last moment: they are looked at again."""
    ids = [str(gift.link.record_id) for gift in gifts]
    lines = SyncLogLine.objects.filter(tables.among("record_id", ids, "uuid"), run=store.run, stream=store.stream)
    done = {line.record_id for line in moved}
    done |= {str(pk) for pk in lines.filter(side="there", action="updated").values_list("record_id", flat=True)}
    return [_stays(gift, _("the tool did not take it")) for gift, pk in zip(gifts, ids, strict=True) if pk not in done]


def _stays(gift: Intended, reason: str) -> Line:
    return Line(
        "there", "left_out", str(gift.link.record_id), gift.link.remote_id or "", gift.title, {}, reason
    )  # fmt: skip


def _finish(run: SyncLog, store: Store, part: Part, done: SetBack, moved: Sequence[Line]) -> None:
    """Part what the run had linked, list what stays, and move the marker."""
    links = list(RecordLink.objects.select_for_update().filter(pk__in=done.partings, state=LinkState.LINKED))
    for link in links:
        link.state, link.dirty = LinkState.UNLINKED, False
        store.touch(Line("here", "unlinked", str(link.record_id), link.remote_id or "", done.partings[link.pk]))
    tables.save_links(links)
    for line in [*done.left, *moved, *_strays(part)]:
        store.touch(line)
    _move_marker(run, part)


def _strays(part: Part) -> list[Line]:
    reason = _("a second copy, made because an answer was lost; bringing it back would double the record")
    return [
        Line("there", "left_out", None, line.remote_id, line.title, {}, reason)
        for line in part.strays
        if line.action == "deleted"
    ]


def _pass_over(turn: Slice, part: Part) -> None:
    """The table is switched off or has its own trouble: nothing of it can be looked at."""
    reason = _("its table does not take part at present")
    lines = [Line("here", "left_out", one.record_id, one.remote_id, one.title, {}, reason) for one in part.effects]
    with transaction.atomic():
        turn.lease.hold()
        tables.insert_lines(turn.run, Stream.objects.get(pk=part.stream_id), lines)
        turn.run.counts["left_out"] = turn.run.counts.get("left_out", 0) + len(lines)
        SyncLog.objects.filter(pk=turn.run.pk).update(counts=dict(turn.run.counts))
        _move_marker(turn.run, part)


def _move_marker(run: SyncLog, part: Part) -> None:
    run.undo_scope = part.done.scope
    SyncLog.objects.filter(pk=run.pk).update(undo_scope=run.undo_scope)


# --- beforehand -------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Preview:
    """What an undo would do as things stand here; the tool is asked only when it is carried out.

    counts: records to be set back, records (also) left out, and those that are as before already. whole: all were looked at.
    """

    counts: dict[str, int] = field(default_factory=lambda: {"records": 0, "undone": 0, "left_out": 0, "as_before": 0})
    #: (stream, line) of each
    undone: list[tuple[UUID, Line]] = field(default_factory=list)
    left_out: list[tuple[UUID, Line]] = field(default_factory=list)
    whole: bool = True


def preview(asked: Asked, stores: dict[UUID, Store], limit: int, shown: int) -> Preview:
    """Within a transaction of its own, with a fixed number of queries per table and its kinds of effects.

    limit: lines of the run looked at; shown: lines told of either kind.
    """
    result, looked = Preview(), 0
    # as it is carried out: deletions first; but they do not use up what the rest is looked at with
    for place, share in (asked, limit // 2), (replace(asked, is_back=True, after=None), limit):
        if asked.field and not place.is_back:
            continue
        while looked < share and (part := _part(place, share - looked)) is not None:
            looked, place = looked + part.lines, part.done
            _look_at(result, place, part, stores.get(part.stream_id), shown)
        if looked >= share and _before(place, _lines(place)).exists():
            result.whole = False
    return result


def _look_at(result: Preview, asked: Asked, part: Part, store: Store | None, shown: int) -> None:
    if store is None:
        reason = _("its table does not take part at present")
        left = [Line("here", "left_out", one.record_id, one.remote_id, one.title, {}, reason) for one in part.effects]
        done: list[Line] = []
    else:
        work = SetBack(store, asked.run, asked.by, asked.field, part.effects, None)
        work.decide()
        left, done = [*work.left, *_strays(part)], work.lines + work.to_come
    _count(result, part, left, done, shown)


def _count(result: Preview, part: Part, left: list[Line], done: list[Line], shown: int) -> None:
    touched, kept = ({line.record_id or line.remote_id for line in lines} for lines in (done, left))
    result.counts["records"] += len(part.effects) + len(_strays(part))
    result.counts["undone"] += len(touched)
    result.counts["left_out"] += len(kept)
    result.counts["as_before"] += len({one.record_id for one in part.effects} - touched - kept)
    result.undone += [(part.stream_id, line) for line in done[: shown - len(result.undone)]]
    result.left_out += [(part.stream_id, line) for line in left[: shown - len(result.left_out)]]


__all__ = ["Asked", "Preview", "next_part", "preview", "take_back"]
