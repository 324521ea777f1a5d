"""Carrying out a plan: only what it says happens; what moved since is left exactly as it is, and listed.

Reading, matching and merging go on as in any run. Where they lead to an effect, its line is compared with the plan's lines of
that record: the same side, action and values, old and new, or it does not happen. The plan's lines keep what became of them in
the transaction of the effect, so a run that was interrupted goes on where it stopped.

Such a run keeps its own reading places: the stream's stay where they are while anything was left out on our side, so that the
next ordinary run meets it again, and does with it what is right then.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from uuid import UUID

import orjson
from django.db import connection, transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _

from integrations.models import LinkState, Plan, PlanLine, RecordLink, SetAside, Stream, SyncLogLine
from integrations.sync import tables
from integrations.sync.intend import Intended
from integrations.sync.replaced import load_replaced, replaced
from integrations.sync.tables import KEPT_COLUMNS, Link, dumps
from integrations.sync.tally import Changes, Contest, Line, Tally

if TYPE_CHECKING:
    from integrations.sync.apply import Batch
    from integrations.sync.store import Store

#: What touches a record on either side. Other lines only tell (set aside, left out).
EFFECTS = ("created", "updated", "deleted", "restored", "linked", "unlinked", "conflict")
WRITES = ("created", "restored", "updated")
PLACES = ("cursor", "listed_at", "exported_at", "swept_at", "sweep_cursor")
VERBS = {"create": "created", "update": "updated", "delete": "deleted", "erase": "deleted", "restore": "restored"}
AT_ONCE = 1000


class Guard:
    """One stream's part of an approved plan. Everything but `told` belongs to one transaction."""

    def __init__(self, store: Store, plan_id: UUID) -> None:
        self.store, self.plan_id = store, plan_id
        self.told: set[tuple[str, str, str]] = set()  # left out without ever being planned: listed once
        self.begin()
        self.take_places()

    def begin(self) -> None:
        self.by_id: dict[int, PlanLine] = {}
        self.by_record: dict[str, list[PlanLine]] = defaultdict(list)
        self.by_remote: dict[str, list[PlanLine]] = defaultdict(list)
        self.known: set[str] = set()  # ids that were looked for
        self.left: dict[int, str] = {}  # plan line: why it is left out
        self.done: set[int] = set()  # plan lines
        self.kept = 0  # lines of the tally that were looked at for that
        self.refused: list[Line] = []

    # --- asking -------------------------------------------------------------------------------------------------------

    def expect(self, remote_ids: Iterable[str], record_ids: Iterable[Any]) -> None:
        """Read the plan's lines of these records, and all that it says about the records that those name."""
        remotes, records = set(remote_ids), {str(one) for one in record_ids if one}
        while wanted := self._unknown(remotes, records):
            self.known.update(*wanted)
            found = self._read(*wanted)
            remotes, records = {one.remote_id for one in found}, {str(one.record_id) for one in found if one.record_id}

    def _unknown(self, remotes: set[str], records: set[str]) -> tuple[list[str], list[str]] | None:
        wanted = [one for one in remotes if one and one not in self.known], list(records - self.known)
        return wanted if any(wanted) else None

    def _read(self, remotes: list[str], records: list[str]) -> list[PlanLine]:
        mine = PlanLine.objects.filter(plan=self.plan_id, stream=self.store.stream, action__in=EFFECTS)
        found = mine.filter(tables.among("remote_id", remotes)).union(  # each by its own index
            mine.filter(tables.among("record_id", records, "uuid")), all=True
        )
        fresh = {line.pk: line for line in found if line.pk not in self.by_id}
        for pk in sorted(fresh):
            line = self.by_id[pk] = fresh[pk]
            self.by_record[str(line.record_id)].append(line)
            self.by_remote[line.remote_id].append(line)
        return list(fresh.values())

    def record_id(self, remote_id: str) -> str | None:
        """The id that the plan gave to the record to be created here: other lines of it refer to that."""
        planned = (one for one in self.by_remote.get(remote_id, ()) if one.action == "created" and one.side == "here")
        return next((str(one.record_id) for one in planned if not one.outcome), None)

    def permits(self, lines: Sequence[Line]) -> bool:
        """Whether all these effects on one record are in the plan. If not, everything planned for it is left out."""
        effects = [line for line in lines if line.action in EFFECTS]
        if not effects:
            return True
        waiting = self._waiting(effects[0])
        for line in effects:
            met = _met(line, waiting)
            if not met:
                self._leave_out(line)
                return False
            waiting = [one for one in waiting if one not in met]
        return True

    def may_link(self, remote_id: str, record_id: str, title: str) -> bool:
        return self.permits([Line("here", "linked", str(record_id), remote_id, title)])

    def without_left_out(self, links: QuerySet[RecordLink]) -> QuerySet[RecordLink]:
        """Without those that a run of this plan has listed as left out: that is final, so there is nothing to look at again."""
        lines = SyncLogLine.objects.filter(run__plan=self.plan_id, stream=self.store.stream, action="left_out")
        return links.exclude(Exists(lines.filter(record_id=OuterRef("record_id"))))

    @staticmethod
    def remembered(links: Iterable[RecordLink]) -> dict[int, dict[str, Any]]:
        return {link.pk: {name: getattr(link, name) for name in KEPT_COLUMNS} for link in links}

    def let_out(self, intended: Sequence[Intended], before: Mapping[int, dict[str, Any]]) -> list[Intended]:
        """Those that the plan has; the links of the others become what they were, to be looked at by the next run."""
        load_replaced(self.store, [(one, one.link) for one in intended if one.change.action == "update"])
        self.expect([one.link.remote_id or "" for one in intended], [one.link.record_id for one in intended])
        going = []
        for one in intended:
            if self.permits([self._outgoing(one)]):
                going.append(one)
            else:
                _give_back(one.link, before[one.link.pk])
                one.link.dirty = True
        return going

    def leave_moved(self, moved: Sequence[Intended]) -> None:
        """The look just before the write found them changed."""

        def work() -> None:
            ids = [one.link.pk for one in moved]
            RecordLink.objects.filter(pk__in=ids).update(intent=None, dirty=True, reread=True)
            self.expect([], [one.link.record_id for one in moved])
            for one in moved:
                verb = VERBS[one.change.action]
                self._leave_out(Line("there", verb, str(one.link.record_id), one.link.remote_id or "", one.title))

        self.store.commit(work)

    def _outgoing(self, one: Intended) -> Line:
        if one.change.action == "update":
            changes = replaced(self.store, one, one.link).changes
        else:
            changes = {name: [None, sent] for name, (sent, _back) in one.fields.items()}
        record_id = str(one.link.record_id) if one.link.record_id else None
        return Line("there", VERBS[one.change.action], record_id, one.link.remote_id or "", one.title, changes)

    def _of(self, line: Line) -> list[PlanLine]:
        self.expect([line.remote_id], [line.record_id])
        found = {one.pk: one for one in self.by_record.get(line.record_id or "", ())}
        if line.remote_id:
            found |= {one.pk: one for one in self.by_remote.get(line.remote_id, ())}
        return [found[pk] for pk in sorted(found)]

    def _waiting(self, line: Line) -> list[PlanLine]:
        return [
            one for one in self._of(line) if not one.outcome and one.pk not in self.left and one.pk not in self.done
        ]

    def _leave_out(self, line: Line) -> None:
        waiting = self._waiting(line)
        line.reason = self._why(line, waiting)
        self.left |= {one.pk: line.reason for one in waiting}
        key = (line.record_id or line.remote_id, line.side, line.action)
        listed = any(one.outcome == "left_out" and one.side == line.side for one in self._of(line))
        if waiting or (key not in self.told and not listed):
            self.refused.append(line)
            transaction.on_commit(lambda: self.told.add(key))

    def _why(self, line: Line, waiting: Sequence[PlanLine]) -> str:
        fields = self.store.entity.fields
        planned = [one.changes for one in waiting if (one.side, one.action) == (line.side, line.action)]
        now = _plain(line.changes)
        moved = {name for one in planned for name in {*one, *now} if one.get(name) != now.get(name)}
        labels = [fields[name].label if name in fields else name for name in moved]
        if labels and line.changes:
            return _("Changed since the plan was made: %(fields)s.") % {"fields": ", ".join(sorted(labels))}
        if waiting:
            return _("Changed since the plan was made.")
        return _("Not in the plan: it changed, or appeared, after the plan was made.")

    # --- in the transaction's end -----------------------------------------------------------------------------------

    def keep(self, tally: Tally) -> None:
        """What this transaction has done so far is done: whatever an answer shows beside it cannot leave it out."""
        lines = [line for line in tally.lines[self.kept :] if line.action in EFFECTS]
        self.kept = len(tally.lines)
        self.expect([line.remote_id for line in lines], [line.record_id for line in lines])
        for line in lines:
            waiting = self._waiting(line)
            self.done |= {one.pk for one in _met(line, waiting) or _alike(line, waiting)}

    def settle(self, tally: Tally) -> None:
        """Keep what became of the plan's lines, and list what is left out."""
        self.keep(tally)
        if self.done:
            PlanLine.objects.filter(pk__in=self.done).update(outcome="done")
        by_reason: dict[str, list[int]] = defaultdict(list)
        for pk, reason in self.left.items():
            by_reason[reason].append(pk)
        for reason, ids in by_reason.items():
            PlanLine.objects.filter(pk__in=ids).update(outcome="left_out", outcome_reason=reason)
        for line in self.refused:
            tally.add(
                Line(line.side, "left_out", line.record_id, line.remote_id, line.title, line.changes, line.reason)
            )

    # --- reading places -----------------------------------------------------------------------------------------------

    def take_places(self) -> None:
        """Where this run has come to, instead of the stream's own checkpoint."""
        kept = Plan.objects.filter(pk=self.plan_id).values_list("places", flat=True).first() or {}
        for name, value in (kept.get(str(self.store.stream.pk)) or {}).items():
            if name in PLACES:
                setattr(self.store.stream, name, parse_datetime(value) if value and name.endswith("_at") else value)

    def keep_places(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Store what belongs to the places with the plan; answers the rest."""
        places = {name: value for name, value in values.items() if name in PLACES}
        if places:
            with connection.cursor() as cursor:
                cursor.execute(
                    "UPDATE integrations_plan SET places ="
                    " jsonb_set(places, ARRAY[%(stream)s], coalesce(places -> %(stream)s, '{}') || %(places)s::jsonb)"
                    " WHERE id = %(plan)s",
                    {"stream": str(self.store.stream.pk), "places": dumps(places), "plan": self.plan_id},
                )
        rest = {name: value for name, value in values.items() if name not in PLACES}
        if "sweep_cursor" in places:
            rest["sweep_cursor"] = ""  # what it has shown is this run's from now on: the stream's own begins anew
        return rest


class Trial:
    """What a batch is about to do to one record: kept if the plan has it, else taken back as if it had not been met."""

    def __init__(self, batch: Batch, link: Link | None) -> None:
        store = batch.store
        self.batch, self.link = batch, link
        self.link_before = {name: getattr(link, name) for name in KEPT_COLUMNS} if link else {}
        gathered: list[list[Any]] = [
            store.tally.lines, store.contests, store.problems, batch.new_links, batch.new_rows, batch.gone_rows, batch.agreed
        ]  # fmt: skip
        self.lengths = [(items, len(items)) for items in gathered]
        self.lines, self.contests = len(store.tally.lines), len(store.contests)
        self.counts = Counter(store.tally.counts)
        self.options = {name: set(options) for name, options in store.new_options.items()}
        self.rows = set(batch.changed_rows)

    def judge(self, guard: Guard) -> bool:
        """Whether it may stay."""
        store = self.batch.store
        lines = [
            *store.tally.lines[self.lines :],
            *(one.line() for one in store.contests[self.contests :] if self._new(one)),
        ]
        is_planned = guard.permits(lines)
        if not is_planned:
            self._take_back()
        return is_planned

    def _new(self, contest: Contest) -> bool:
        """A person is asked about the others already."""
        return contest.field not in self.batch.waiting.get(contest.record_id, {})

    def _take_back(self) -> None:
        batch, store = self.batch, self.batch.store
        for items, length in self.lengths:
            del items[length:]
        store.tally.counts, store.new_options = self.counts, self.options
        for pk in batch.changed_rows.keys() - self.rows:
            del batch.changed_rows[pk]
        if self.link is not None:
            read_at = self.link.remote_edited_at
            _give_back(self.link, self.link_before)
            if not batch.listed:  # an answer, say: no listing that is older than that is believed
                batch.set(self.link, remote_edited_at=read_at)
            if self.link.state not in (LinkState.UNLINKED, LinkState.EXTRA):
                batch.set(self.link, reread=True)  # the next ordinary run looks at it, wherever its listing begins


def _give_back(link: Link, before: Mapping[str, Any]) -> None:
    for name, value in before.items():
        setattr(link, name, value)


# --- comparing ------------------------------------------------------------------------------------------------------


def _met(line: Line, waiting: Sequence[PlanLine]) -> list[PlanLine]:
    """The planned lines that this effect is: one, or several that came one after the other in the plan; [] for none."""
    same_side = [one for one in waiting if one.side == line.side]
    changes = _plain(line.changes)
    for one in same_side:
        if one.action == line.action and one.changes == changes and _same_pair(one, line):
            return [one]
    writes = [one for one in same_side if one.action in WRITES] if line.action in WRITES else []
    for number in range(2, len(writes) + 1):
        part = writes[:number]
        if part[0].action == line.action and _folded(part) == changes:
            return part
    return []


def _same_pair(planned: PlanLine, line: Line) -> bool:
    if line.action == "conflict":
        return planned.reason == line.reason  # the winner
    return line.action != "linked" or (str(planned.record_id), planned.remote_id) == (line.record_id, line.remote_id)


def _folded(lines: Sequence[PlanLine]) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    for line in lines:
        for name, (old, new) in line.changes.items():
            changes[name] = [changes[name][0] if name in changes else old, new]
    return {name: pair for name, pair in changes.items() if pair[0] != pair[1]}


def _alike(line: Line, waiting: Sequence[PlanLine]) -> list[PlanLine]:
    """An effect that was permitted before it was sent, told differently since: its answer had been lost."""
    if line.side != "there":
        return []
    return [one for one in waiting if (one.side, one.action) == (line.side, line.action)][:1]


def _plain(changes: Changes) -> Any:
    """As they read when they were stored."""
    return orjson.loads(dumps(changes))


# --- before and after -----------------------------------------------------------------------------------------------


def still_fits(plan: Plan, streams: Iterable[Stream]) -> bool:
    """A plan is made for one version of every mapping; with another one nothing of it can be carried out."""
    versions = {one["stream"]: one["version"] for one in plan.streams}
    return versions == {str(stream.pk): stream.version for stream in streams}


def finish(plan: Plan, reason: str = "") -> None:
    """Say what became of the lines that were never met. May be done twice. reason: why, where nothing else is known."""
    waiting = plan.lines.filter(outcome="", action__in=EFFECTS).order_by("id")
    last = 0
    while part := list(waiting.filter(pk__gt=last)[:AT_ONCE]):
        last = part[-1].pk
        done = _landed(part)
        PlanLine.objects.filter(pk__in=done).update(outcome="done")
        _leave_rest(plan, [line for line in part if line.pk not in done], reason)


def go_on_from_here(plan: Plan) -> None:
    """Streams that left out nothing on our side go on reading from where this run came to.

    Not one that was changed, or begun anew, since the plan was made: that says where it reads from.
    """
    plan.refresh_from_db(fields=["places"])
    versions = {one["stream"]: one["version"] for one in plan.streams}
    for stream in Stream.objects.filter(pk__in=plan.places):
        if not _left_out_here(plan, stream):
            places = {name: value for name, value in plan.places[str(stream.pk)].items() if name in PLACES}
            Stream.objects.filter(pk=stream.pk, version=versions.get(str(stream.pk), -1)).update(**places)


def _landed(part: Sequence[PlanLine]) -> set[int]:
    """Writes there whose answer was lost, and which a later look found done."""
    there = [line for line in part if line.side == "there" and line.record_id]
    links = RecordLink.objects.filter(
        tables.among("record_id", [line.record_id for line in there], "uuid"), intent__isnull=True
    )
    by_record = {(link.stream_id, link.record_id): link for link in links}
    found = set()
    for line in there:
        link = by_record.get((line.stream_id, line.record_id))
        if link is not None and _has(link, line):
            found.add(line.pk)
    return found


def _has(link: RecordLink, line: PlanLine) -> bool:
    if line.action == "deleted":
        return link.state == LinkState.GONE
    if line.action == "created" and link.remote_id is None:
        return False
    agreed = all(name in link.base_local and link.base_local[name] == new for name, (_old, new) in line.changes.items())
    return link.state == LinkState.LINKED and bool(line.changes) and agreed


def _leave_rest(plan: Plan, lines: Sequence[PlanLine], reason: str) -> None:
    asides = SetAside.objects.filter(
        tables.among("record_id", [line.record_id for line in lines if line.record_id], "uuid"), side="here"
    )
    refused = {(one.stream_id, one.record_id): one.reason for one in asides}
    default = reason or _("Nothing to do any more: it changed, or was done otherwise, after the plan was made.")
    by_reason: dict[str, list[int]] = defaultdict(list)
    for line in lines:
        by_reason[refused.get((line.stream_id, line.record_id), default)].append(line.pk)
    for why, ids in by_reason.items():
        PlanLine.objects.filter(pk__in=ids).update(outcome="left_out", outcome_reason=why)


def _left_out_here(plan: Plan, stream: Stream) -> bool:
    lines = SyncLogLine.objects.filter(run__in=plan.runs.all(), stream=stream, action="left_out", side="here")
    return lines.exists() or plan.lines.filter(stream=stream, outcome="left_out", side="here").exists()
