"""Which effects of a run can be taken back, and the part of it that happens here: one transaction, our rows locked.

Every decision is made from the present state: a value is set back only where it still is what the run wrote, a record is taken
away only where nobody has touched it. So going through the same effects twice does nothing the second time.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from django.db import connection
from django.db.models import Max
from django.utils import timezone
from django.utils.translation import gettext as _

from crm import feed, registry
from crm import records as service
from crm.feed import Actor
from integrations.adapters.base import Change, Record
from integrations.models import Conflict, Deletions, LinkState, RecordLink, SyncLog, SyncLogLine
from integrations.sync import tables
from integrations.sync.effects import Effects, FieldEffect
from integrations.sync.intend import Intended
from integrations.sync.mapping import Mapped
from integrations.sync.merge import is_empty
from integrations.sync.pointing import point_again, pointing_to
from integrations.sync.relations import load_relations
from integrations.sync.replaced import in_our_form, reads_back_as
from integrations.sync.store import Store
from integrations.sync.tally import UNDO, Line
from values import UNSEEN, Type, Unfit, Value


class Stays(Exception):
    """This stays as it is; the text says why."""


@dataclass(slots=True)
class Case:
    """One record at hand. there: as it is in the tool now, None if nobody can read it, UNSEEN where there was no need to look.

    changes: what is set back here. promised: {name: [our value, effect]} that the tool alone gets back.
    """

    one: Effects
    link: RecordLink
    row: registry.Row | None
    there: Any = UNSEEN
    changes: dict[str, list[Value]] = field(default_factory=dict)
    promised: dict[str, list[Any]] = field(default_factory=dict)


class SetBack:
    """Some records of one stream. `decide` looks and gathers, `write` stores; a preview only decides.

    seen: the records as they are there now, None for what nobody can read; absent where there was no need to look. For a
    preview there is nothing: the tool is not asked.
    lines: what is done here. to_come: what will be done there, for a preview. left: what stays, with the reason.
    gifts: what the tool alone gets back. partings: {link: title} of pairs that are parted when the gifts are there.
    """

    def __init__(
        self,
        store: Store,
        run: SyncLog,
        by: Actor,
        only: str,
        effects: Sequence[Effects],
        seen: dict[str, Record | None] | None,
    ) -> None:
        self.store, self.run, self.by, self.only, self.effects = store, run, by, only, effects
        self.seen, self.is_preview = seen or {}, seen is None
        self.lines: list[Line] = []
        self.to_come: list[Line] = []
        self.left: list[Line] = []
        self.gifts: list[Intended] = []
        self.partings: dict[int, str] = {}
        self.new_rows: list[registry.Row] = []
        self.changed_rows: dict[str, registry.Row] = {}
        self.gone_rows: list[str] = []
        self.editors: dict[tuple[str, str], str] = {}  # who changed a field last, by record and field
        self.changed_links: dict[int, RecordLink] = {}

    def decide(self) -> None:
        ids = [one.record_id for one in self.effects]
        if self.is_preview:
            mine = RecordLink.objects.filter(tables.among("record_id", ids, "uuid"), stream=self.store.stream)
            self.links = {str(link.record_id): link for link in mine.defer("ghosts", "waiting", "flips")}
        else:
            self.links = tables.links_by_record(self.store.stream, ids)
        self.rows = registry.rows(self.store.entity, ids, lock=not self.is_preview)
        self.kept = tables.deleted_rows(self.store.entity, [pk for pk in self._went() if pk not in self.rows])
        self.later = self._later([one.record_id for one in self.effects if one.came("here")])
        self.written = self._written([one.record_id for one in self.effects if one.came("here") or one.came("there")])
        open_ones = Conflict.objects.filter(
            tables.among("record_id", ids, "uuid"), stream=self.store.stream, state=Conflict.State.OPEN
        )
        self.contested = {(str(pk), name) for pk, name in open_ones.values_list("record_id", "field")}
        load_relations(self.store, self._relations())
        self.editors = self.store.local_editors((one.record_id, name) for one in self.effects for name in one.fields)
        for one in self.effects:
            try:
                self._record(one)
            except Stays as reason:
                self._leave(one, str(reason))

    def write(self) -> None:
        feed.sign(self.by)
        entity = self.store.entity
        service.insert_rows(entity, self.new_rows)
        service.update_rows(entity, list(self.changed_rows.values()))
        if self.gone_rows:
            service.delete_rows(entity, self.gone_rows)
        if self.new_rows:
            point_again(self.store.entity, [row["id"] for row in self.new_rows])
        tables.save_links(list(self.changed_links.values()))
        for line in self.lines:
            self.store.touch(line)

    # --- one record -----------------------------------------------------------------------------------------------------

    def _record(self, one: Effects) -> None:
        case = Case(one, self._link(one), self.rows.get(one.record_id))
        case.there = self.seen.get(case.link.remote_id or "", UNSEEN)
        if self.only:
            self._one_field(case)
        elif one.went("here") or one.went("there"):
            self._bring_back(case)
        elif one.came("here"):
            self._take_away(case)
        elif one.came("there"):
            self._put_away(case)
        else:
            if one.unlinked and self.run.undoes_id:
                self._pair_again(case)
            if one.fields:
                self._values(case)
            if one.linked and case.link.state == LinkState.LINKED:
                self.partings[case.link.pk] = one.title
                self.to_come.append(self._line(one, "here", "unlinked"))

    def _link(self, one: Effects) -> RecordLink:
        link = self.links.get(one.record_id)
        if link is None:
            raise Stays(_("no longer paired"))
        if link.left_out:
            raise Stays(_("does not take part at present: %(why)s") % {"why": link.get_left_out_display()})
        if link.intent is not None:
            raise Stays(_("whether its last write arrived is not known yet"))
        return link

    def _one_field(self, case: Case) -> None:
        if self.only in case.one.fields:
            self._values(case)
        elif self.only in case.one.wrote:
            raise Stays(_("the run made the whole record; undo the record instead"))

    # --- values ---------------------------------------------------------------------------------------------------------

    def _values(self, case: Case) -> None:
        one, link = case.one, case.link
        if case.row is None:
            raise Stays(_("deleted here since"))
        if link.state not in (LinkState.LINKED, LinkState.EXTRA):
            raise Stays(_("no longer paired"))
        if case.there is not UNSEEN and (case.there is None or case.there.deleted):
            raise Stays(_("deleted in the tool since"))
        reasons = []
        for name, effect in one.fields.items():
            if self.only in ("", name):
                try:
                    self._value(case, name, effect)
                except Stays as reason:
                    label = self.store.entity.fields[name].label if name in self.store.entity.fields else name
                    reasons.append(f"{label}: {reason}")
        if case.changes:
            self.changed_rows[one.record_id] = case.row
            self.lines.append(self._line(one, "here", "updated", case.changes))
        if case.promised:
            self._promise(case)
        if reasons:
            self._leave(one, "; ".join(reasons))

    def _value(self, case: Case, name: str, effect: FieldEffect) -> None:
        mapped = self.store.by_name.get(name)
        if mapped is None:
            raise Stays(_("no longer mapped"))
        ours, theirs = self.store.readers[name](case.row or {}), case.link.base_remote.get(name, UNSEEN)
        back_here = effect.ours is not UNSEEN and ours != effect.ours
        back_there = effect.theirs is not UNSEEN and theirs != effect.theirs and not case.one.came("there")
        if not back_here and not back_there:
            return  # it is as before
        self._unmoved(case, mapped, ours, theirs)
        if back_here and ours != effect.new:
            raise Stays(self._changed_by(case.one.record_id, name))
        if back_there:
            self._still_theirs(mapped, effect, ours, theirs)
            case.promised[name] = [effect.ours if back_here else ours, effect]
        if back_here:
            self._write(case, mapped, effect)
            case.changes[name] = [ours, effect.ours]

    def _unmoved(self, case: Case, mapped: Mapped, ours: Value, theirs: Value) -> None:
        """Raises Stays unless both sides are as they last agreed, and nobody has to decide about it."""
        name, there = mapped.name, case.there
        if (case.one.record_id, name) in self.contested:
            raise Stays(_("a conflict waits for a decision"))
        if case.link.base_local.get(name, UNSEEN) != ours:
            raise Stays(self._changed_by(case.one.record_id, name))
        if isinstance(there, Record) and there.values.get(mapped.remote.id, theirs) != theirs:
            raise Stays(_("changed in the tool since"))

    def _still_theirs(self, mapped: Mapped, effect: FieldEffect, ours: Value, theirs: Value) -> None:
        if in_our_form(self.store, mapped, theirs, ours) != effect.held:
            raise Stays(_("changed in the tool since"))
        if not (self.store.outbound and mapped.rule.outbound):
            raise Stays(_("this field only flows in now, so the tool's value cannot be set back"))

    def _write(self, case: Case, mapped: Mapped, effect: FieldEffect) -> None:
        """Our value goes back, and out, unless the tool's is to stay: then both are known to differ, until somebody edits."""
        one, link, name = case.one, case.link, mapped.name
        self._fits(mapped, effect.ours)
        registry.write(case.row or {}, mapped.local, effect.ours, self.store.people)
        alone = effect.first_meeting or one.linked or one.came("there") or effect.theirs is not UNSEEN
        theirs = link.base_remote.get(name, UNSEEN)
        out = self.store.outbound and mapped.rule.outbound and not alone
        if out and reads_back_as(self.store, mapped, effect.ours, theirs) != theirs:
            self._set(link, dirty=True)
        else:
            self._set(link, base_local=link.base_local | {name: effect.ours})

    def _fits(self, mapped: Mapped, value: Value) -> None:
        """What was there once need not be possible any more: an option, a record that it pointed to. Raises Stays."""
        if mapped.local.type is Type.RELATION:
            if self.is_preview:
                return  # what it points to may be among what comes back before
            if set(value or ()) & self.store.around.links.gone.get(mapped.local.target, set()):
                raise Stays(_("the record that it pointed to is gone"))
        elif not is_empty(value):
            try:
                registry.check(mapped.local, value)
            except Unfit as error:
                raise Stays(str(error)) from error

    def _promise(self, case: Case) -> None:
        """Store what is about to be given back there, as an intent: our value and the tool's then differ by agreement."""
        store, link = self.store, case.link
        values, fields, given = {}, {}, {}
        for name, (ours, effect) in case.promised.items():
            remote = store.by_name[name].remote
            values[remote.id], given[name] = effect.theirs, effect.shown
            fields[name] = [ours, store.adapter.reads_back(remote, effect.theirs)]
        self._set(link, intent={"action": "update", "fields": fields, "at": time.time()})
        change = Change("update", values, id=link.remote_id, version=link.remote_version)
        stamp = case.row["updated_at"] if case.row else ""
        rules = dict.fromkeys(fields, UNDO)
        self.gifts.append(Intended(link, change, case.one.title, {}, stamp, rules=rules, given=given))
        shown = {name: [effect.held, effect.shown] for name, (_ours, effect) in case.promised.items()}
        self.to_come.append(self._line(case.one, "there", "updated", shown))

    # --- records that came or went --------------------------------------------------------------------------------------

    def _bring_back(self, case: Case) -> None:
        one, link, there, outbound = case.one, case.link, case.there, self.store.outbound
        if case.row is not None and link.state in (LinkState.LINKED, LinkState.LOST, LinkState.NEW):
            return  # it is back
        if case.row is None:
            row = self._as_it_was(one)
            self.new_rows.append(row)
            self.lines.append(self._line(one, "here", "restored", title=self.store.title(row)))
        if (
            isinstance(there, Record) and not there.deleted
        ):  # brought back there meanwhile, or never gone: they meet again
            self._set(link, state=LinkState.LINKED, dirty=outbound, reread=True)
        elif not outbound:
            self._set(link, state=LinkState.UNLINKED, dirty=False)
        else:
            if link.remote_id is None or (there is None and self.store.stream.deletions == Deletions.DELETE):
                self._set(
                    link, state=LinkState.NEW, remote_id=None, base_local={}, base_remote={}, ghosts={}, waiting={}
                )
            else:
                self._set(link, state=LinkState.LOST)
            self._set(link, dirty=True)
            self.to_come.append(self._line(one, "there", "restored"))

    def _as_it_was(self, one: Effects) -> registry.Row:
        kept = self.kept.get(one.record_id)
        if not kept:
            raise Stays(_("what it held is not kept any more"))
        now = timezone.now()
        return registry.blank_row(self.store.entity, one.record_id, now) | kept | {"updated_at": now.isoformat()}

    def _pair_again(self, case: Case) -> None:
        """An undo had parted them."""
        if case.link.state != LinkState.UNLINKED or case.row is None:
            return
        if case.there is None or (case.there is not UNSEEN and case.there.deleted):
            raise Stays(_("deleted in the tool since"))
        self._set(case.link, state=LinkState.LINKED, dirty=self.store.outbound, reread=True)
        self.lines.append(self._line(case.one, "here", "linked"))

    def _take_away(self, case: Case) -> None:
        """The run made it here."""
        one = case.one
        if case.row is None:
            return  # it is gone
        if who := self.later.get(one.record_id):
            raise Stays(_("changed since by %(who)s") % {"who": who})
        if one.came("there"):  # it made it on both sides
            self._put_away(case)
        else:
            self._set(case.link, state=LinkState.UNLINKED, dirty=False)
        self.gone_rows.append(one.record_id)
        held = {name: [value, None] for name, value in self.store.local_values(case.row).items() if value is not None}
        self.lines.append(self._line(one, "here", "deleted", held))

    def _put_away(self, case: Case) -> None:
        """The run made it there: it goes to the tool's trash by the ordinary push, and ours stays."""
        link, there = case.link, case.there
        if link.state in (LinkState.UNLINKED, LinkState.EXTRA):
            return  # it is there already, or on its way
        if isinstance(there, Record) and there.deleted:
            self._set(link, state=LinkState.UNLINKED, dirty=False)  # and ours is not to follow, nor to go there again
            return
        if there is None or link.remote_id != case.one.remote_id or link.state != LinkState.LINKED:
            raise Stays(_("the record cannot be found in the tool any more"))
        if not (self.store.can.delete and self.store.outbound):
            raise Stays(_("the tool lets nobody delete, or nothing flows out any more"))
        self._untouched(case)
        self._set(link, state=LinkState.EXTRA, dirty=True)
        self.to_come.append(self._line(case.one, "there", "deleted"))
        if case.one.fields and not case.one.came("here"):  # defaults of the tool that came in with it
            self._values(case)

    def _untouched(self, case: Case) -> None:
        """Raises Stays when either side holds anything else than what the run left."""
        one, link, there = case.one, case.link, case.there
        if isinstance(there, Record) and there.edited_by not in ("", self.store.own_id or there.edited_by):
            raise Stays(_("changed in the tool since"))
        written_since = self.written.get(one.record_id, 0) > one.last
        for mapped in self.store.mapped:
            name, base = mapped.name, link.base_local.get(mapped.name, UNSEEN)
            ours = self.store.readers[name](case.row) if case.row else None
            wrote = one.wrote.get(name, UNSEEN)
            self._same_there(case, mapped)
            if (
                wrote is UNSEEN
            ):  # a line does not tell all that a restored record holds, nor one found after a lost answer
                wrote = UNSEEN if written_since and not is_empty(None if base is UNSEEN else base) else base
            if wrote != base or (mapped.rule.outbound and ours != base and not (base is UNSEEN and is_empty(ours))):
                raise Stays(self._changed_by(one.record_id, name))

    def _same_there(self, case: Case, mapped: Mapped) -> None:
        theirs = case.link.base_remote.get(mapped.name, UNSEEN)
        if isinstance(case.there, Record) and mapped.rule.inbound and theirs is not UNSEEN:
            if case.there.values.get(mapped.remote.id, theirs) != theirs:
                raise Stays(_("changed in the tool since"))

    # --- looking things up ----------------------------------------------------------------------------------------------

    def _went(self) -> list[str]:
        return [one.record_id for one in self.effects if one.went("here") or one.went("there")]

    def _written(self, ids: Sequence[str]) -> dict[str, int]:
        """{record: the last line of a run, not of an undo, that changed it}."""
        if not ids:
            return {}
        lines = SyncLogLine.objects.filter(tables.among("record_id", ids, "uuid"), stream=self.store.stream)
        changed = lines.filter(action="updated", run__undoes=None).values_list("record_id")
        return {str(pk): last for pk, last in changed.annotate(Max("pk")).order_by()}

    def _changed_by(self, record_id: str, name: str) -> str:
        who = self.editors.get((record_id, name))
        return _("changed since by %(who)s") % {"who": who} if who else _("changed since")

    def _later(self, ids: Sequence[str]) -> dict[str, str]:
        """{record: who} touched it after the run made it, by the change feed."""
        if not ids:
            return {}
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT c.record_id, c.actor->>'kind', c.actor->>'id', c.actor->>'label' FROM crm_change c"
                " WHERE c.record_id = ANY(%(ids)s::uuid[]) AND c.entity = %(entity)s AND c.id >= ("
                "  SELECT max(i.id) FROM crm_change i WHERE i.record_id = c.record_id AND i.entity = c.entity"
                "  AND i.operation = 'insert') ORDER BY c.record_id, c.id",
                {"ids": list(ids), "entity": self.store.entity.name},
            )
            rows = cursor.fetchall()
        found = dict.fromkeys(ids, _("somebody; its history is not kept any more"))
        for record_id, changes in groupby(rows, key=lambda row: str(row[0])):
            strangers = [label for _pk, *who, label in changes if not self._is_own((*who, label))]
            found[record_id] = (strangers[-1] or _("somebody")) if strangers else ""
        return self._pointed_at(ids) | {pk: who for pk, who in found.items() if who}

    def _pointed_at(self, ids: Sequence[str]) -> dict[str, str]:
        """{record: who} made something else point to it since."""
        found: dict[str, str] = {}
        for entity, column in pointing_to(self.store.entity):
            with connection.cursor() as cursor:
                cursor.execute(
                    "SELECT DISTINCT ON (c.record_id) c.after->>%(column)s, c.actor->>'kind', c.actor->>'id', c.actor->>'label'"
                    f' FROM "{entity.table}" t JOIN crm_change c ON c.record_id = t.id AND c.entity = %(entity)s'  # noqa: S608
                    f' WHERE t."{column}" = ANY(%(ids)s::uuid[])'
                    " AND (c.before->>%(column)s) IS DISTINCT FROM (c.after->>%(column)s) ORDER BY c.record_id, c.id DESC",
                    {"column": column, "entity": entity.name, "ids": list(ids)},
                )
                for pointed, *who in cursor.fetchall():
                    if not self._is_own((who[0], who[1], who[2])):
                        found[pointed] = who[2] or _("somebody")
        return found

    def _is_own(self, actor: tuple[str, str, str]) -> bool:
        """The run itself, what an undo has set back in it, or this undo."""
        if actor[:2] == ("run", str(self.run.pk)):
            return True
        earlier = (self.run.undo_scope or {}).get("by") or {}
        return actor in (
            (self.by.kind, self.by.id, self.by.label),
            tuple(earlier.get(n) for n in ("kind", "id", "label")),
        )

    def _relations(self) -> dict[str, tuple[set[str], set[str]]]:
        wanted: dict[str, tuple[set[str], set[str]]] = {}
        for one in self.effects:
            link = self.links.get(one.record_id)
            for name, effect in one.fields.items():
                mapped = self.store.by_name.get(name)
                if mapped is None or mapped.local.type is not Type.RELATION or link is None:
                    continue
                theirs, ours = wanted.setdefault(mapped.local.target, (set(), set()))
                theirs.update(link.base_remote.get(name) or ())
                ours.update([*(effect.new or ()), *((effect.ours if effect.ours is not UNSEEN else None) or ())])
        return wanted

    # --- small parts ----------------------------------------------------------------------------------------------------

    def _set(self, link: RecordLink, **facts: Any) -> None:
        for name, value in facts.items():
            setattr(link, name, value)
        self.changed_links[link.pk] = link

    def _leave(self, one: Effects, reason: str) -> None:
        self.left.append(self._line(one, "here", "left_out", reason=reason))

    def _line(
        self,
        one: Effects,
        side: str,
        action: str,
        changes: dict[str, list[Value]] | None = None,
        reason: str = "",
        title: str = "",
    ) -> Line:
        return Line(
            side,
            action,
            one.record_id,
            one.remote_id,
            title or one.title,
            changes or {},
            reason,
            rules=dict.fromkeys(changes or (), UNDO),
        )
