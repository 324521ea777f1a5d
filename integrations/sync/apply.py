"""Bring a batch of remote records into step with ours: one transaction, our rows locked, decisions by `merge`.

The same few lines serve the pull, the verifying read before a write and the answer after it: whatever a remote record
looks like, however often and in whatever order it is met, applying it is right.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

from django.utils import timezone
from django.utils.translation import gettext as _

from crm import records as service
from crm import registry
from integrations.adapters.base import Record
from integrations.models import Conflict, Ended, LeftOut, LinkState, Matching, RecordLink, SetAside
from integrations.sync import contests, match, ping_pong, tables
from integrations.sync.adopt import adopt
from integrations.sync.existence import comes_back, deleted_there, missing_here, put_away
from integrations.sync.guard import Trial
from integrations.sync.intents import close_intent, living
from integrations.sync.mapping import Mapped
from integrations.sync.match import Matches
from integrations.sync.merge import Merge, Pair, Waiting, Winner, is_empty, merge
from integrations.sync.relations import load_relations
from integrations.sync.store import Store
from integrations.sync.tables import FreshLink, Link
from integrations.sync.taking_part import may_come_in, travels
from integrations.sync.tally import Changes, Contest, Line, Problem
from values import Type, Unfit, Value

LOOK_UP = 50  # ids asked for at once


def apply(
    store: Store,
    records: Sequence[Record],
    before: Callable[[], None] | None = None,
    matches: Matches | None = None,
    listed: bool = False,
    retold: bool = False,
    **advance: object,
) -> None:
    """Merge remote records and, in the same transaction, store where the stream has come to (`advance`).

    before: what to do first in the transaction. matches: decided pairs, instead of looking for them.
    listed: read from a listing, whose index may lag behind what we know; what looks old is read by id before it is believed.
    retold: told again from memory, so it says nothing new about the record as a whole.
    """

    def work() -> None:
        if before:
            before()
        Batch(store, records, matches, listed, retold).work()
        if advance:
            store.save_stream(**advance)

    try:
        store.commit(work)
    except Doubtful as doubt:
        records, listed = _looked_up(store, records, doubt.ids), False
        store.commit(work)


class Doubtful(Exception):
    """A listing shows records that are not newer than what we know, but different: a lagging index, or an edit at once."""

    def __init__(self, ids: set[str]) -> None:
        super().__init__(", ".join(sorted(ids)))
        self.ids = ids


def _looked_up(store: Store, records: Sequence[Record], ids: set[str]) -> list[Record]:
    """The records with the doubtful ones as they are now; of those that nobody knows only tombstones stay."""
    wanted = sorted(ids)
    now: dict[str, Record] = {}
    for start in range(0, len(wanted), LOOK_UP):
        part = wanted[start : start + LOOK_UP]
        now |= {record.id: record for record in store.adapter.fetch(store.stream.collection, part)}
    return [now.get(r.id, r) for r in records if r.id not in ids or r.id in now or r.deleted]


class Translated(dict):
    """Remote values in local form, translated when asked for: most fields of most records did not change."""

    def __init__(self, batch: Batch, record: Record, present: Mapping[str, Value]) -> None:
        super().__init__()
        self.batch, self.record, self.present = batch, record, present

    def __missing__(self, name: str) -> Any:
        mapped = self.batch.store.by_name[name]
        try:
            value = mapped.to_local(
                self.record.values[mapped.remote.id], self.present.get(name), self.batch.store.around
            )
        except Unfit as error:
            value = error
        self[name] = value
        return value


class Batch:
    """The work of one transaction. Gathers writes and sends them in few statements."""

    def __init__(
        self,
        store: Store,
        records: Sequence[Record],
        matches: Matches | None = None,
        listed: bool = False,
        retold: bool = False,
    ) -> None:
        self.store, self.listed, self.retold = store, listed, retold
        self.doubts: set[str] = set()
        self.refused: set[str] = (
            set()
        )  # left as they are: the plan that is carried out does not say so, or nobody can say
        self.records = list({record.id: record for record in records}.values())  # met twice: the later one counts
        self.by_id = {record.id: record for record in self.records}
        self.matches = matches
        self.links: dict[str, Link] = {}
        self.rows: dict[str, registry.Row] = {}
        self.new_links: list[FreshLink] = []
        self.changed_links: dict[int, RecordLink] = {}
        self.new_rows: list[registry.Row] = []
        self.changed_rows: dict[str, registry.Row] = {}
        self.gone_rows: list[str] = []
        self.waiting: dict[str, dict[str, Conflict]] = {}  # conflicts that a person is asked about
        self.agreed: list[Any] = []  # those of them that are over
        self.left_out: dict[str, str] = {}
        self.told: set[match.Clash] = set()
        self.blank = registry.blank_row(store.entity, "", timezone.now())

    def work(self) -> None:
        if not self.records:
            return
        self.links = tables.links_by_remote(self.store.stream, list(self.by_id))
        if self.store.guard:
            self.store.guard.keep(self.store.tally)
            self.store.guard.expect(self.by_id, [link.record_id for link in self.links.values()])
        adopt(self)
        self._lock_rows()
        self.waiting = contests.open_ones(self.store, list(self.rows))
        load_relations(self.store, self._relations())
        for record in self.records:
            if record.id not in self.refused:
                self._met(record)
        if self.doubts:
            raise Doubtful(self.doubts)
        self._write()

    def _met(self, record: Record) -> None:
        link = self.links.get(record.id)
        trial = Trial(self, link) if self.store.guard else None
        if link is not None:
            self._linked(link, record)
        elif not record.deleted:
            self._unlinked(record)
        if trial and self.store.guard and not trial.judge(self.store.guard):
            self.refused.add(record.id)

    # --- finding partners -------------------------------------------------------------------------------------------

    def _lock_rows(self) -> None:
        ids = [link.record_id for link in self.links.values() if link.record_id]
        ids = [pk for pk in ids if str(pk) not in self.rows]
        if ids:
            self.rows |= registry.rows(self.store.entity, ids, lock=True)

    # --- relations --------------------------------------------------------------------------------------------------

    def _relations(self) -> dict[str, tuple[set[str], set[str]]]:
        """{target entity: (remote ids, our ids)} that this batch may need to translate."""
        wanted: dict[str, tuple[set[str], set[str]]] = defaultdict(lambda: (set(), set()))
        for mapped in self.store.mapped:
            if mapped.local.type is not Type.RELATION:
                continue
            for record in self.records:
                wanted[mapped.local.target][0].update(record.values.get(mapped.remote.id) or ())
        return wanted

    # --- linked records ---------------------------------------------------------------------------------------------

    def _linked(self, link: Link, record: Record) -> None:
        row = self.rows.get(str(link.record_id)) if link.record_id else None
        if link.state in (LinkState.EXTRA, LinkState.UNLINKED):
            if link.state == LinkState.EXTRA:
                put_away(self, link, record)
            return
        if link.state == LinkState.LEFT and not comes_back(self, link, row, record):
            return
        if not travels(self, link, row, record):
            if link.intent is not None:  # what was sent before is known from now on
                close_intent(link, record, self.store)
                self.changed(link)
            return
        if self.listed and self._looks_old(link, row, record):
            self.doubts.add(record.id)
            return
        known_at, sent = link.remote_edited_at, (link.intent or {}).get("action")
        self._remember(link, record)
        close_intent(link, record, self.store)
        if record.deleted:
            deleted_there(self, link, row, record, by_us=sent in ("delete", "erase"))
        elif row is None:
            missing_here(self, link, record)
        else:
            if link.state in (LinkState.LOST, LinkState.GONE, LinkState.LEFT):
                self.set(link, state=LinkState.LINKED)
            self._merge(link, row, record, known_at)

    def _looks_old(self, link: Link, row: registry.Row | None, record: Record) -> bool:
        """Deleting or bringing back on the word of a listing needs a reading that is newer than what we know."""
        newer = record.edited_at and link.remote_edited_at and record.edited_at > link.remote_edited_at
        if record.deleted:
            return link.state == LinkState.LINKED and row is not None and not newer
        return link.state in (LinkState.GONE, LinkState.LEFT) and not newer

    def _remember(self, link: Link, record: Record) -> None:
        facts = {
            "remote_version": record.version,
            # never earlier than before: a tool's clock may be set back, and what a late listing shows would pass for newer
            "remote_edited_at": max(filter(None, (record.edited_at, link.remote_edited_at)), default=None),
            "remote_url": (record.url or link.remote_url)[:2000],
        }
        if link.intent is not None or any(getattr(link, name) != value for name, value in facts.items()):
            self.set(link, **facts)

    def _merge(self, link: Link, row: registry.Row, record: Record, known_at: dt.datetime | None) -> None:
        store = self.store
        local = store.local_values(row)
        remote = {
            m.name: record.values[m.remote.id]
            for m in store.mapped
            if m.remote.id in record.values and m.remote.id not in record.unfit
        }
        translated = Translated(self, record, local)
        asked: dict[str, tuple[str, tuple[Any, str]]] = {}

        def policy(name: str, rule: str) -> Winner:
            edit = store.local_edit(row["id"], name)
            asked[name] = (rule, edit)
            return store.newest(edit[0], record.edited_at) if rule == "newest" else cast(Winner, rule)

        pair = Pair(local, remote, translated, link.base_local, link.base_remote, living(link.ghosts))
        base_before = dict(link.base_local)
        result = merge(store.rules, pair, policy)
        if self.listed and known_at and record.edited_at and record.edited_at <= known_at:
            # also where it agrees with ours: somebody here may have gone back to what an old listing still shows
            seen = result.base_remote.items()
            if result.to_local or any(theirs != link.base_remote.get(name) for name, theirs in seen):
                self.doubts.add(record.id)
                return
        for name, winner in result.contested.items():
            store.contests.append(
                self._contest(link, row, record, name, winner, base_before, local, translated, *asked[name])
            )
        if result.arrived and store.own_id and record.edited_by not in ("", store.own_id):
            # it reads like a late write of ours, but a person wrote last: both values are kept
            for name in result.arrived:
                rule, edit = store.by_name[name].policy, store.local_edit(row["id"], name)
                store.contests.append(
                    self._contest(link, row, record, name, "local", base_before, local, translated, rule, edit)
                )
        for name, one in self.waiting.get(row["id"], {}).items():
            if name in remote and name not in {*result.contested, *result.unfit, *result.waiting}:
                self.agreed.append(one.pk)
        self._keep(link, row, record, result, local)
        self._report_unfit(link, row, record, result)

    def _keep(self, link: Link, row: registry.Row, record: Record, result: Merge, local: Mapping[str, Value]) -> None:
        store = self.store
        if result.to_local:
            changes = {}
            for name, value in result.to_local.items():
                self._write_value(row, store.by_name[name], value)
                changes[name] = [local[name], value]
            self.changed_rows[row["id"]] = row
            known = {name: pair for name, pair in changes.items() if name in link.base_local}
            ping_pong.came_in(store, link, known, record.edited_by, store.title(row))
            rules = {name: result.why[name] for name in changes}
            met = {name: result.base_remote[name] for name in changes if name not in link.base_local}
            store.touch(
                self.line(link, "here", "updated", changes=changes, before=met, rules=rules, title=store.title(row))
            )
        ghosts = {name: kept for name, kept in link.ghosts.items() if name not in result.arrived}
        waiting = {name: record.values[store.by_name[name].remote.id] for name in result.waiting}
        waiting |= {n: v for n, v in link.waiting.items() if n not in record_names(store, record)}
        facts: dict[str, Any] = {}
        if result.base_local or result.base_remote:
            facts["base_local"] = link.base_local | result.base_local
            facts["base_remote"] = link.base_remote | result.base_remote
        if ghosts != link.ghosts:
            facts["ghosts"] = ghosts
        if waiting != link.waiting:
            facts["waiting"] = waiting
        if result.to_remote and not link.dirty and store.outbound:
            facts["dirty"] = True
        if facts:
            self.set(link, **facts)

    def _write_value(self, row: registry.Row, mapped: Mapped, value: Value) -> None:
        if mapped.local.type is Type.SELECT and value and mapped.local.options and value not in mapped.local.options:
            self.store.new_options.setdefault(mapped.name, set()).add(value)
        registry.write(row, mapped.local, value, self.store.people)

    def _contest(
        self,
        link: Link,
        row: registry.Row,
        record: Record,
        name: str,
        winner: str,
        base: Mapping[str, Value],
        local: Mapping[str, Value],
        translated: Mapping[str, Value],
        rule: str,
        edit: tuple[Any, str],
    ) -> Contest:
        mapped = self.store.by_name[name]
        return Contest(
            record_id=row["id"],
            remote_id=record.id,
            title=self.store.title(row),
            field=name,
            base=base.get(name),
            local=local[name],
            remote=translated[name],
            remote_raw=record.values[mapped.remote.id],
            local_at=edit[0],
            remote_at=record.edited_at,
            local_actor=edit[1],
            policy=rule,
            winner=winner,
            critical=mapped.critical,
        )

    def _report_unfit(self, link: Link, row: registry.Row, record: Record, result: Merge) -> None:
        reasons = {name: str(error) for name, error in result.unfit.items()}
        reasons |= {
            m.name: record.unfit[m.remote.id]
            for m in self.store.mapped
            if m.remote.id in record.unfit and m.rule.inbound
        }
        for name, reason in reasons.items():
            value = record.values.get(self.store.by_name[name].remote.id)
            self.store.problems.append(
                Problem(
                    "there",
                    "unfit",
                    reason,
                    row["id"],
                    record.id,
                    self.store.title(row),
                    name,
                    tables.fingerprint(value),
                )
            )

    # --- deletions --------------------------------------------------------------------------------------------------

    # --- unlinked records -------------------------------------------------------------------------------------------

    def _unlinked(self, record: Record) -> None:
        store, matches = self.store, self.matches
        if matches is None:
            return
        if record.id in matches.held:
            return
        if record.id in matches.ambiguous:
            self._ambiguous(record, matches.ambiguous[record.id])
        elif not store.inbound or store.stream.matching == Matching.MATCH_ONLY:
            self._leave_out(record, LeftOut.NO_MATCH)
        elif not may_come_in(self, record):
            self._leave_out(record, LeftOut.FILTER)
        else:
            link = self.new_link(record.id, store.fresh_id(record.id), LinkState.LINKED)
            self.create_row(link, record, "created")

    def _leave_out(self, record: Record, reason: str) -> None:
        self.left_out[record.id] = reason
        self.store.tally.counts["skipped"] += 1

    def _ambiguous(self, record: Record, clash: match.Clash) -> None:
        """Set aside on both sides, with the key: none of them is written before it is clear."""
        store, name, print_ = self.store, clash.field, clash.fingerprint
        reason = _(
            "“%(key)s” (%(field)s) stands in several records (%(theirs)s there, %(ours)s here),"
            " so nobody can say which belong together."
        ) % {
            "key": clash.key,
            "field": store.by_name[name].local.label,
            "theirs": len(clash.theirs),
            "ours": len(clash.ours),
        }
        about = ("ambiguous", reason)
        title = self.title_of(record)
        store.problems.append(
            Problem("there", *about, remote_id=record.id, title=title, field=name, fingerprint=print_)
        )
        if clash in self.told:
            return
        self.told.add(clash)
        titles = self.matches.titles if self.matches else {}
        for pk in clash.ours:
            told = Problem("here", *about, record_id=pk, title=titles.get(pk, ""), field=name, fingerprint=print_)
            store.problems.append(told)

    def create_row(self, link: Link, record: Record, action: str) -> None:
        store = self.store
        row = self.blank | {"id": str(link.record_id)}
        if action == "restored":  # with what is not mapped, as it was when it was deleted
            row |= tables.deleted_row(store.entity, link.record_id) | {"updated_at": self.blank["updated_at"]}
        base_local, base_remote = {}, {}
        for mapped in store.mapped:
            if mapped.remote.id not in record.values or mapped.remote.id in record.unfit:
                continue
            name, theirs = mapped.name, record.values[mapped.remote.id]
            if mapped.rule.inbound:
                try:
                    value = mapped.to_local(theirs, None, store.around)
                except Unfit as error:
                    store.problems.append(
                        Problem(
                            "there",
                            "unfit",
                            str(error),
                            row["id"],
                            record.id,
                            self.title_of(record),
                            name,
                            tables.fingerprint(theirs),
                        )  # fmt: skip
                    )
                    continue
                if isinstance(value, Waiting):
                    link.waiting = link.waiting | {name: theirs}
                    continue
                self._write_value(row, mapped, value)
                base_local[name] = value
            else:
                base_local[name] = store.readers[name](row)
            base_remote[name] = theirs
        link.base_local, link.base_remote = base_local, base_remote
        self._remember(link, record)
        for field_id, reason in record.unfit.items():
            for mapped in store.mapped:
                if mapped.remote.id == field_id and mapped.rule.inbound:
                    store.problems.append(
                        Problem("there", "unfit", reason, row["id"], record.id, self.title_of(record), mapped.name)
                    )
        self.new_rows.append(row)
        changes: Changes = {}  # its values stand in the change feed
        if store.tells_values:
            changes = {name: [None, value] for name, value in base_local.items() if not is_empty(value)}
        store.touch(self.line(link, "here", action, changes=changes, title=store.title(row)))

    # --- small parts ------------------------------------------------------------------------------------------------

    def new_link(self, remote_id: str, record_id: str | None, state: str) -> FreshLink:
        link = FreshLink(self.store.stream.pk, remote_id, record_id, state)
        self.new_links.append(link)
        return link

    def set(self, link: Link, **facts: Any) -> None:
        for name, value in facts.items():
            setattr(link, name, value)
        self.changed(link)

    def changed(self, link: Link) -> None:
        if link.pk is not None:
            self.changed_links[link.pk] = link

    def line(self, link: Link, side: str, action: str, **facts: Any) -> Line:
        return Line(side, action, str(link.record_id) if link.record_id else None, link.remote_id or "", **facts)

    def title_of(self, record: Record) -> str:
        mapped = self.store.by_name.get(self.store.entity.title)
        return str(record.values.get(mapped.remote.id) or "") if mapped else ""

    def _write(self) -> None:
        store = self.store
        held = {pk: keys for pk, keys in self.matches.held.items() if pk not in self.links} if self.matches else {}
        if held:
            match.hold(store, held, self.by_id)
        if self.left_out:
            match.leave_out(
                store, self.left_out, self.by_id, {pk: self.title_of(self.by_id[pk]) for pk in self.left_out}
            )
        match.let_go(store, self.by_id.keys() - held.keys() - self.left_out.keys() - self.refused)
        self._clear_set_aside()
        contests.end(self.agreed, Ended.AGREED)
        service.insert_rows(store.entity, self.new_rows)
        service.update_rows(store.entity, list(self.changed_rows.values()))
        if self.gone_rows:
            service.delete_rows(store.entity, self.gone_rows)
        tables.insert_links(self.new_links)
        tables.save_links(list(self.changed_links.values()))

    def _clear_set_aside(self) -> None:
        """What was read anew is no longer set aside for its old reason; what still does not fit is set aside again."""
        again = {(p.remote_id, p.field) for p in self.store.problems if p.side == "there"}
        met = self.by_id.keys() - self.refused
        old = SetAside.objects.filter(tables.among("remote_id", met), stream=self.store.stream, side="there")
        over = [one.pk for one in old if (one.remote_id, one.field) not in again and self._is_over(one)]
        if over:
            SetAside.objects.filter(pk__in=over).delete()
        self._found_again()

    def _found_again(self) -> None:
        """Ours could not go out because theirs could not be found; now it can, and the merge says what goes out."""
        seen = [] if self.retold else [record.id for record in self.records if not record.deleted]
        lost = SetAside.objects.filter(stream=self.store.stream, side="here", code="not_found")
        if seen:
            lost.filter(tables.among("remote_id", seen)).delete()

    def _is_over(self, aside: SetAside) -> bool:
        """A record that tells some fields only says nothing about the others."""
        record = self.by_id[aside.remote_id]
        if record.deleted:
            return True
        if not aside.field:
            return not self.retold and aside.code not in ("second_copy", "unsure_create")
        mapped = self.store.by_name.get(aside.field)
        return mapped is None or mapped.remote.id in record.values or mapped.remote.id in record.unfit


# --- what push shares -----------------------------------------------------------------------------------------------


def record_names(store: Store, record: Record) -> set[str]:
    """Local names of the fields that this record tells."""
    return {m.name for m in store.mapped if m.remote.id in record.values}
