"""Bring a batch of remote records into step with ours: one transaction, our rows locked, decisions by `merge`.

The same few lines serve the pull, the verifying read before a write and the answer after it: whatever a remote record
looks like, however often and in whatever order it is met, applying it is right.
"""

from __future__ import annotations

import datetime as dt
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, cast
from uuid import UUID

from django.db import connection
from django.utils import timezone
from django.utils.translation import gettext as _

from crm import records as service
from crm import registry
from crm.fields import new_id
from integrations.adapters.base import Record
from integrations.models import Deletions, HeldRecord, LinkState, Matching, RecordLink, SetAside
from integrations.sync import match, tables
from integrations.sync.mapping import Mapped
from integrations.sync.match import Matches
from integrations.sync.merge import Merge, Pair, Waiting, Winner, is_empty, merge
from integrations.sync.store import Store
from integrations.sync.tables import FreshLink, Link
from integrations.sync.tally import Contest, Line, Problem
from values import UNSEEN, Type, Unfit, Value

GHOST_SECONDS = 24 * 3600
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
        self.blank = registry.blank_row(store.entity, "", timezone.now())

    def work(self) -> None:
        if not self.records:
            return
        self.links = tables.links_by_remote(self.store.stream, list(self.by_id))
        self._adopt()
        self._lock_rows()
        load_relations(self.store, self._relations())
        for record in self.records:
            link = self.links.get(record.id)
            if link is not None:
                self._linked(link, record)
            elif not record.deleted:
                self._unlinked(record)
        if self.doubts:
            raise Doubtful(self.doubts)
        self._write()

    # --- finding partners -------------------------------------------------------------------------------------------

    def _adopt(self) -> None:
        """Give unlinked remote records their links: by our marker, by what was decided, by key."""
        loose = [r for r in self.records if r.id not in self.links and not r.deleted]
        self._adopt_marked([r for r in loose if r.marker and r.made_by_us])
        loose = [r for r in loose if r.id not in self.links]
        if self.matches is None:
            self.matches = match.match(self.store, loose)
        partners = tables.links_by_record(self.store.stream, list(self.matches.pairs.values()))
        if self.matches.pairs:
            self.rows = registry.rows(self.store.entity, self.matches.pairs.values(), lock=True)
        for remote_id, record_id in self.matches.pairs.items():
            if remote_id in self.links or record_id not in self.rows:  # linked or deleted since
                continue
            link = partners.get(record_id)
            if link is not None and link.remote_id is not None:
                continue  # linked elsewhere since
            self.links[remote_id] = self._link_up(link, self.by_id[remote_id], record_id)

    def _adopt_marked(self, marked: list[Record]) -> None:
        """Records that a create of ours made: the answer was lost, or the request came late."""
        markers = [m for r in marked if (m := as_uuid(r.marker))]
        if not markers:
            return
        ours = tables.links_by_record(self.store.stream, markers)
        known = registry.rows(self.store.entity, [m for m in markers if m not in ours])
        for record in marked:
            marker = as_uuid(record.marker)
            link = ours.get(str(marker))
            if link is None:
                if marker in known:  # linked before the connection was made anew
                    self.links[record.id] = self._link_up(None, record, marker)
                    known.pop(marker)
            elif link.remote_id is None:
                sent = link.intent is not None or link.unsure
                take_created(link, record, self.store)
                self._changed(link)
                self.links[record.id] = link
                self.store.touch(
                    self._line(
                        link,
                        "there",
                        "created" if sent else "linked",
                        title=self._title_of(record),
                        reason=_("found again after a lost answer") if sent else "",
                    )  # fmt: skip
                )
            elif link.unsure:
                self._extra(link, record)

    def _extra(self, link: Link, record: Record) -> None:
        """A second copy that a late request of ours made: untouched it is put away, touched it goes to a person."""
        sent = {name: [reads_back for _ours, reads_back in late] for name, late in _living(link.ghosts).items()}
        untouched = all(
            record.values.get(m.remote.id, base) in [base, *sent.get(m.name, ())]
            for m in self.store.mapped
            if (base := link.base_remote.get(m.name, UNSEEN)) is not UNSEEN
        )
        if untouched and self.store.can.delete:
            extra = self._new_link(record.id, None, LinkState.EXTRA)
            extra.dirty, extra.remote_version = True, record.version
            extra.base_remote = {
                m.name: record.values[m.remote.id] for m in self.store.mapped if m.remote.id in record.values
            }
            self.links[record.id] = extra
            return
        self._second_copy(record)
        self.links[record.id] = self._new_link(record.id, None, LinkState.UNLINKED)

    def _second_copy(self, record: Record) -> None:
        self.store.problems.append(
            Problem(
                "there",
                "second_copy",
                _(
                    "Raccord made this record twice because an answer was lost, and somebody"
                    " has edited this copy. Keep one of the two."
                ),
                remote_id=record.id,
                title=self._title_of(record),
            )  # fmt: skip
        )

    def _link_up(self, link: Link | None, record: Record, record_id: str) -> Link:
        if link is None:
            link = self._new_link(record.id, record_id, LinkState.LINKED)
        else:
            link.remote_id, link.state, link.intent = record.id, LinkState.LINKED, None
            self._changed(link)
        link.waits_out = False
        SetAside.objects.filter(stream=self.store.stream, record_id=record_id, side="here", code="ambiguous").delete()
        self.store.touch(self._line(link, "here", "linked", title=self._title_of(record)))
        return link

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
                self._put_away(link, record)
            return
        if self.listed and self._looks_old(link, row, record):
            self.doubts.add(record.id)
            return
        known_at, sent = link.remote_edited_at, (link.intent or {}).get("action")
        self._remember(link, record)
        close_intent(link, record, self.store)
        if record.deleted:
            self._deleted_there(link, row, record, by_us=sent == "delete")
        elif row is None:
            self._missing_here(link, record)
        else:
            if link.state in (LinkState.LOST, LinkState.GONE):
                self._set(link, state=LinkState.LINKED)
            self._merge(link, row, record, known_at)

    def _looks_old(self, link: Link, row: registry.Row | None, record: Record) -> bool:
        """Deleting or bringing back on the word of a listing needs a reading that is newer than what we know."""
        newer = record.edited_at and link.remote_edited_at and record.edited_at > link.remote_edited_at
        if record.deleted:
            return link.state == LinkState.LINKED and row is not None and not newer
        return link.state == LinkState.GONE and not newer

    def _put_away(self, link: Link, record: Record) -> None:
        """A second copy of ours on its way to the trash; whoever edited it meanwhile wants it."""
        if record.deleted:
            self._set(link, state=LinkState.GONE, dirty=False, intent=None)
        elif self._edited_there(link, record):
            self._set(link, state=LinkState.UNLINKED, dirty=False, intent=None)
            self._second_copy(record)

    def _edited_there(self, link: Link, record: Record) -> bool:
        """Whether somebody there changed a field since both sides agreed on it; our own late writes do not count."""
        edited, ghosts = False, _living(link.ghosts)
        for m in self.store.mapped:
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
                self._changed(link)
        return edited

    def _remember(self, link: Link, record: Record) -> None:
        facts = {
            "remote_version": record.version,
            "remote_edited_at": record.edited_at,
            "remote_url": (record.url or link.remote_url)[:2000],
        }
        if link.intent is not None or any(getattr(link, name) != value for name, value in facts.items()):
            self._set(link, **facts)

    def _merge(self, link: Link, row: registry.Row, record: Record, known_at: dt.datetime | None) -> None:
        store = self.store
        local = store.local_values(row)
        remote = {
            m.name: record.values[m.remote.id]
            for m in store.mapped
            if m.remote.id in record.values and m.remote.id not in record.unfit
        }
        translated = Translated(self, record, local)
        edits: dict[str, tuple[Any, str]] = {}

        def policy(name: str) -> Winner:
            edits[name] = store.local_edit(row["id"], name)
            rule = store.by_name[name].policy
            return store.newest(edits[name][0], record.edited_at) if rule == "newest" else cast(Winner, rule)

        pair = Pair(local, remote, translated, link.base_local, link.base_remote, _living(link.ghosts))
        base_before = dict(link.base_local)
        result = merge(store.rules, pair, policy)
        if self.listed and known_at and record.edited_at and record.edited_at <= known_at:
            if result.to_local or any(winner != "ask" for winner in result.contested.values()):
                self.doubts.add(record.id)
                return
        for name, winner in result.contested.items():
            store.contests.append(
                self._contest(link, row, record, name, winner, base_before, local, translated, edits[name])
            )
        if result.arrived and store.own_id and record.edited_by not in ("", store.own_id):
            # it reads like a late write of ours, but a person wrote last: both values are kept
            for name in result.arrived:
                edit = store.local_edit(row["id"], name)
                store.contests.append(
                    self._contest(link, row, record, name, "local", base_before, local, translated, edit)
                )
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
            store.touch(self._line(link, "here", "updated", changes=changes, title=store.title(row)))
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
            self._set(link, **facts)

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
            policy=mapped.policy,
            winner=winner,
            critical=mapped.local.critical,
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

    def _deleted_there(self, link: Link, row: registry.Row | None, record: Record, by_us: bool = False) -> None:
        store = self.store
        if row is None:
            self._set(link, state=LinkState.GONE, dirty=False)
        elif link.state == LinkState.GONE:
            return
        elif link.state == LinkState.LOST or by_us:  # it stands here again since: it goes back there
            self._set(link, state=LinkState.LOST, dirty=True)
        elif not store.inbound or store.stream.deletions == Deletions.IGNORE:
            self._set(link, state=LinkState.UNLINKED, dirty=False)
            store.touch(self._line(link, "there", "unlinked", title=store.title(row), reason=_("deleted in the tool")))
        elif store.outbound and self._changed_here(link, row):
            self._existence(link, row, record, "local")
            self._set(link, state=LinkState.LOST, dirty=True)
        else:
            self.gone_rows.append(row["id"])
            self._set(link, state=LinkState.GONE, dirty=False)
            old = {name: [value, None] for name, value in store.local_values(row).items() if value is not None}
            store.touch(self._line(link, "here", "deleted", changes=old, title=store.title(row)))

    def _changed_here(self, link: Link, row: registry.Row) -> bool:
        """Whether something stands here that the other side never had."""
        for m in self.store.mapped:
            ours, base = self.store.readers[m.name](row), link.base_local.get(m.name, UNSEEN)
            if m.rule.outbound and ours != base and not (base is UNSEEN and is_empty(ours)):
                return True
        return False

    def _missing_here(self, link: Link, record: Record) -> None:
        """Our record was deleted. Edited or brought back there, it returns; otherwise the push deletes it there."""
        store = self.store
        edited = self._edited_there(link, record)
        if link.state == LinkState.LINKED and not edited:
            if store.outbound and not link.dirty:
                self._set(link, dirty=True)
            return
        if not store.inbound:
            return
        if link.state == LinkState.LINKED:
            self._existence(link, None, record, "remote")
        link.base_local, link.base_remote = {}, {}
        self._set(link, state=LinkState.LINKED, dirty=False)
        self._create_row(link, record, "restored")

    def _existence(self, link: Link, row: registry.Row | None, record: Record, winner: str) -> None:
        self.store.contests.append(
            Contest(
                record_id=str(link.record_id),
                remote_id=record.id,
                title=self.store.title(row) or self._title_of(record),
                field="",
                base=None,
                local=self.store.local_values(row) if row else None,
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
            store.tally.counts["skipped"] += 1
        else:
            link = self._new_link(record.id, str(new_id()), LinkState.LINKED)
            self._create_row(link, record, "created")

    def _ambiguous(self, record: Record, ours: list[str]) -> None:
        title = self._title_of(record)
        reason = _("Several records share this key, so nobody can say which belong together.")
        self.store.problems.append(Problem("there", "ambiguous", reason, remote_id=record.id, title=title))
        for record_id in ours:
            self.store.problems.append(Problem("here", "ambiguous", reason, record_id=record_id, title=title))

    def _create_row(self, link: Link, record: Record, action: str) -> None:
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
                            self._title_of(record),
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
                        Problem("there", "unfit", reason, row["id"], record.id, self._title_of(record), mapped.name)
                    )
        self.new_rows.append(row)
        store.touch(self._line(link, "here", action, title=store.title(row)))  # its values stand in the change feed

    # --- small parts ------------------------------------------------------------------------------------------------

    def _new_link(self, remote_id: str, record_id: str | None, state: str) -> FreshLink:
        link = FreshLink(self.store.stream.pk, remote_id, record_id, state)
        self.new_links.append(link)
        return link

    def _set(self, link: Link, **facts: Any) -> None:
        for name, value in facts.items():
            setattr(link, name, value)
        self._changed(link)

    def _changed(self, link: Link) -> None:
        if link.pk is not None:
            self.changed_links[link.pk] = link

    def _line(self, link: Link, side: str, action: str, **facts: Any) -> Line:
        return Line(side, action, str(link.record_id) if link.record_id else None, link.remote_id or "", **facts)

    def _title_of(self, record: Record) -> str:
        mapped = self.store.by_name.get(self.store.entity.title)
        return str(record.values.get(mapped.remote.id) or "") if mapped else ""

    def _write(self) -> None:
        store = self.store
        if self.matches and self.matches.held:
            match.hold(store, {pk: key for pk, key in self.matches.held.items() if pk not in self.links}, self.by_id)
        if store.stream.listed_at is None:
            match.let_go(store, self.by_id.keys() - (self.matches.held if self.matches else {}).keys())
        self._clear_set_aside()
        service.insert_rows(store.entity, self.new_rows)
        service.update_rows(store.entity, list(self.changed_rows.values()))
        if self.gone_rows:
            service.delete_rows(store.entity, self.gone_rows)
        tables.insert_links(self.new_links)
        tables.save_links(list(self.changed_links.values()))

    def _clear_set_aside(self) -> None:
        """What was read anew is no longer set aside for its old reason; what still does not fit is set aside again."""
        again = {(p.remote_id, p.field) for p in self.store.problems if p.side == "there"}
        old = SetAside.objects.filter(tables.among("remote_id", self.by_id), stream=self.store.stream, side="there")
        over = [one.pk for one in old if (one.remote_id, one.field) not in again and self._is_over(one)]
        if over:
            SetAside.objects.filter(pk__in=over).delete()

    def _is_over(self, aside: SetAside) -> bool:
        """A record that tells some fields only says nothing about the others."""
        record = self.by_id[aside.remote_id]
        if record.deleted:
            return True
        if not aside.field:
            return not self.retold and aside.code != "second_copy"
        mapped = self.store.by_name.get(aside.field)
        return mapped is None or mapped.remote.id in record.values or mapped.remote.id in record.unfit


# --- what push shares -----------------------------------------------------------------------------------------------


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
    for name, kept in _living(link.ghosts).items():
        mapped = store.by_name.get(name)
        theirs = record.values.get(mapped.remote.id, UNSEEN) if mapped else UNSEEN
        if kept:
            fields[name] = next((one for one in kept if one[1] == theirs), kept[-1])
    return fields


def haunt(link: Link, name: str, ours: Value, reads_back: Value) -> None:
    """Remember a write of unknown outcome: it may still arrive."""
    now = time.time()
    kept = [one for one in link.ghosts.get(name, ()) if one[2] > now and one[:2] != [ours, reads_back]]
    link.ghosts = link.ghosts | {name: [*kept, [ours, reads_back, now + GHOST_SECONDS]]}


def load_relations(store: Store, wanted: Mapping[str, tuple[Iterable[str], Iterable[str]]]) -> None:
    """Fill the context with the known pairs of the records that relations name.

    Only pairs whose record exists here count; it stays until the transaction ends, so that no relation dangles.
    """
    links = store.around.links
    for target, (remote_ids, record_ids) in wanted.items():
        remote_ids, record_ids = list(remote_ids), list(record_ids)
        if not remote_ids and not record_ids:
            continue
        table = registry.ENTITIES[target].model._meta.db_table
        with connection.cursor() as cursor:
            cursor.execute(
                f"""
                SELECT l.remote_id, t.id FROM "{table}" t
                JOIN integrations_recordlink l ON l.record_id = t.id
                JOIN integrations_stream s ON s.id = l.stream_id
                WHERE s.integration_id = %s AND s.entity = %s AND l.state = 'linked' AND l.remote_id IS NOT NULL
                  AND (l.remote_id = ANY(%s) OR t.id = ANY(%s::uuid[]))
                FOR KEY SHARE OF t
                """,  # noqa: S608
                [store.stream.integration_id, target, remote_ids, record_ids],
            )
            found = cursor.fetchall()
        links.local[target] = {remote_id: str(record_id) for remote_id, record_id in found}
        links.remote[target] = {str(record_id): remote_id for remote_id, record_id in found}
        links.gone[target] = _gone(
            store,
            target,
            [one for one in remote_ids if one not in links.local[target]],
            [one for one in record_ids if one not in links.remote[target]],
        )


def _gone(store: Store, target: str, remote_ids: Sequence[str], record_ids: Sequence[str]) -> set[str]:
    """Those of these records that are no more."""
    gone: set[str] = set()
    if remote_ids:
        deleted = RecordLink.objects.filter(
            stream__integration=store.stream.integration_id,
            stream__entity=target,
            state=LinkState.GONE,
            remote_id__in=remote_ids,
        )
        gone |= {str(pk) for pk in deleted.values_list("remote_id", flat=True)}
    if record_ids:
        there = registry.ENTITIES[target].model.objects.filter(pk__in=record_ids).values_list("pk", flat=True)
        gone |= set(record_ids) - {str(pk) for pk in there}
    return gone


def record_names(store: Store, record: Record) -> set[str]:
    """Local names of the fields that this record tells."""
    return {m.name for m in store.mapped if m.remote.id in record.values}


def forget_held(store: Store, held: Sequence[HeldRecord]) -> None:
    HeldRecord.objects.filter(pk__in=[one.pk for one in held]).delete()


def _living(ghosts: Mapping[str, list]) -> dict[str, list[tuple[Value, Value]]]:
    now = time.time()
    return {name: [(ours, theirs) for ours, theirs, until in kept if until > now] for name, kept in ghosts.items()}


def as_uuid(text: str | None) -> str | None:
    """A record id in its usual form, or None for what is none."""
    try:
        return str(UUID(text or ""))
    except ValueError:
        return None
