"""What must be true when everything has come to rest. Each function answers what is wrong, in words.

`faults(plays)` asks all of them about tools that share the records here. What a person was told (an open conflict, something set
aside) excuses the record or field that it is about; what somebody overwrote who saw it is no loss.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from crm import registry
from crm.models import Change as FeedRow
from integrations.models import (
    Conflict,
    Deletions,
    Direction,
    Ended,
    LinkState,
    Matching,
    RecordLink,
    SetAside,
    SyncLog,
    SyncLogLine,
)
from integrations.sync.fields import compiled, context
from integrations.sync.merge import Waiting, is_empty
from tests.simulation.here import FIELDS, MODELS, values_of
from tests.simulation.tokens import tokens_in
from values import Unfit

if TYPE_CHECKING:
    from tests.simulation.play import Play

PARTED = (Deletions.IGNORE, Deletions.UNLINK)


def faults(plays: Sequence[Play]) -> list[str]:
    """Everything that is wrong, worst first."""
    scene = Scene(plays)
    found = [*scene.lost(), *scene.unrecorded(), *scene.echoes(), *scene.undone()]
    for play in plays:
        found += [*scene.doubles_and_gaps(play), *scene.differences(play), *scene.strayed(play)]
        found += [*scene.twins_apart(play), *scene.decided_alone(play), *scene.filled(play)]
    return found or restless(plays)


@dataclass
class Scene:
    """All records of all sides, looked up once."""

    plays: Sequence[Play]
    rows: dict[str, dict[str, Any]] = field(default_factory=dict)  # entity: {our id: values}
    links: list[RecordLink] = field(default_factory=list)

    def __post_init__(self) -> None:
        for entity in MODELS:
            described = registry.entity(entity)
            found = registry.rows(described, MODELS[entity].objects.values_list("pk", flat=True))
            self.rows[entity] = {pk: values_of(described, row) for pk, row in found.items()}
        self.links = list(RecordLink.objects.select_related("stream"))
        self.asides = list(SetAside.objects.all())
        self.conflicts = list(Conflict.objects.all())
        self.open = {(c.stream_id, str(c.record_id), c.field) for c in self.conflicts if c.state == Conflict.State.OPEN}
        self.runs = {str(pk) for pk in SyncLog.objects.values_list("pk", flat=True)}

    # --- nothing is lost ----------------------------------------------------------------------------------------------------

    def lost(self) -> Iterable[str]:
        """Every value that a person wrote stands somewhere, or may rightly be gone."""
        local = self.plays[0].here_people
        kept = set().union(*(tokens_in(values) for rows in self.rows.values() for values in rows.values()), set())
        excused = set(local.excused)
        for play in self.plays:
            excused |= play.world.excused
            for stream in play.streams.values():
                for remote in play.world.alive(stream.collection):
                    kept |= tokens_in(remote.values)
        for conflict in self.conflicts:
            kept |= tokens_in([conflict.local, conflict.remote, conflict.remote_raw])
        for token in sorted(set(local.written) - kept - excused):
            if not self._may_be_overwritten(token) and not self._went_with_its_record(token):
                yield f"lost: {token} ({local.written[token]})"

    def _went_with_its_record(self, token: str) -> bool:
        """In a field that a tool does not share, an edit here does not hold up that tool's deletion; the feed has it."""
        here = self.plays[0].here_people
        pks = {one.pk for one in here.wrote if one.token == token}
        if not pks or any(pk in rows for rows in self.rows.values() for pk in pks):
            return False
        entity, _, name = here.written[token].partition(" ")[0].partition(".")
        again = "brought back" in here.written[token]
        return any(
            entity in play.streams and (again or name not in play.pairs(entity)) for play in self.plays if name or again
        )

    def _may_be_overwritten(self, token: str) -> bool:
        """Where values flow one way only, what is written against the stream does not last; the feed and the history know it."""
        what = self.plays[0].here_people.written[token]
        entity, _, rest = what.partition(" ")
        entity, _, name = entity.partition(".")
        del rest
        for play in self.plays:
            stream = play.streams.get(entity)
            if stream is None:
                continue
            ways = {stream.direction, play.rules.get(name, {}).get("direction", "both")}
            ways |= {rule.get("direction", "both") for rule in play.rules.values()} if not name else set()
            if ("here" in what and Direction.IMPORT in ways) or ("there" in what and Direction.EXPORT in ways):
                return True
        return False

    # --- nothing that an actor wrote is missing from the history --------------------------------------------------------------

    def unrecorded(self) -> Iterable[str]:
        told: dict[tuple[str, str], list[dict[str, Any]]] = {}
        brought: set[str] = set()
        described = {entity: registry.entity(entity) for entity in MODELS}
        for row in FeedRow.objects.filter(entity__in=MODELS):
            after = _held(described[row.entity], row.after)
            for token in after - _held(described[row.entity], row.before):
                told.setdefault((token, str(row.record_id)), []).append(row.actor)
            if row.actor.get("kind") == "run":
                brought |= after
                if row.actor.get("id") not in self.runs or not row.origin.startswith("stream:"):
                    yield f"the feed has a write by a run that nobody knows: {row.actor} {row.origin}"
        for one in self.plays[0].here_people.wrote:
            actors = told.get((one.token, one.pk), [])
            if one.kind not in [actor.get("kind", "") for actor in actors]:
                yield f"history: {one.token} in {one.pk} was written by {one.kind or 'SQL'}, the feed has {actors}"
        ours = {one.token for one in self.plays[0].here_people.wrote}
        for rows in self.rows.values():
            for pk, values in rows.items():
                for token in sorted(tokens_in(values) - brought - ours):
                    yield f"history: nobody knows how {token} came into {pk}"

    def echoes(self) -> Iterable[str]:
        """What a tool makes of a value of ours (trimmed, rounded) is nobody's edit, so it does not come in as one."""
        for line in SyncLogLine.objects.filter(side="here", action="updated").exclude(run__trigger="undo"):
            for name, (before, after) in line.changes.items():
                told = (line.rules or {}).get(name)
                if told == "theirs" and tokens_in(before) == tokens_in(after) != set():
                    yield f"echo: {name} of {line.record_id} became {after!r} from {before!r}, which nobody wrote"

    def undone(self) -> Iterable[str]:
        """No run brings back what a person here has overwritten, empties what nobody emptied, deletes what nobody deleted."""
        local = self.plays[0].here_people
        exempt = {str(pk) for pk in SyncLog.objects.filter(trigger="undo").values_list("pk", flat=True)}
        overwritten: dict[tuple[str, str], set[str]] = {}
        for entity in MODELS:
            described = registry.entity(entity)
            names = [name for name in FIELDS[entity] if name != "company"]
            for row in FeedRow.objects.filter(entity=entity, operation__in=("update", "delete")).order_by("pk"):
                if row.operation == "delete":
                    if row.actor.get("kind") == "run" and row.actor.get("id") not in exempt:
                        yield from self._deleted_by_nobody(str(row.record_id))
                    continue
                old, new = _values(described, row.before), _values(described, row.before | row.after)
                by_run = row.actor.get("kind") == "run"
                for name in names:
                    key, before, after = (str(row.record_id), name), tokens_in(old[name]), tokens_in(new[name])
                    if old[name] == new[name]:
                        continue
                    if not by_run:
                        overwritten[key] = (overwritten.get(key, set()) | before) - after
                    elif row.actor.get("id") in exempt or self._may_return(key):
                        continue
                    elif after & overwritten.get(key, set()):
                        yield f"undone: {name} of {key[0]} became {new[name]!r} again, from {old[name]!r}"
                    elif is_empty(new[name]) and not self._ids_of(key[0]) & {
                        pk for pk, n in local.emptied if n == name
                    }:
                        yield f"undone: {name} of {key[0]} was {old[name]!r}, and nobody emptied it"

    def _deleted_by_nobody(self, pk: str) -> Iterable[str]:
        deleted = set(self.plays[0].here_people.deleted).union(*(p.deleted_there | p.parted for p in self.plays))
        if not self._ids_of(pk) & deleted:
            yield f"undone: {pk} was deleted here, and nobody had deleted it anywhere"

    def _may_return(self, key: tuple[str, str]) -> bool:
        """After an undo, a conflict about it, or where values only come in."""
        record, name = key
        if any(key in play.set_back for play in self.plays):
            return True
        if any(str(one.record_id) == record and one.field == name for one in self.conflicts):
            return True
        ways = {play.rules.get(name, {}).get("direction", "both") for play in self.plays}
        ways |= {stream.direction for play in self.plays for stream in play.streams.values()}
        return Direction.IMPORT in ways

    def _ids_of(self, pk: str) -> set[str]:
        """This record's on all sides, also of earlier pairs."""
        known = SyncLogLine.objects.filter(record_id=pk).values_list("remote_id", flat=True)
        return {pk, *known, *(link.remote_id for link in self.links if str(link.record_id) == pk and link.remote_id)}

    # --- every record exists once per side ------------------------------------------------------------------------------------

    def doubles_and_gaps(self, play: Play) -> Iterable[str]:
        for entity, stream in play.streams.items():
            view = _View(self, play, entity)
            yield from view.gaps()
            yield from view.made_by_nobody()
            yield from view.copies()
            yield from view.vanished()
            yield from view.came_back()
            del stream

    # --- all sides agree --------------------------------------------------------------------------------------------------------

    def differences(self, play: Play) -> Iterable[str]:
        """Both sides agree on every mapped field, or it is said why not."""
        around = context()
        mine = [link for link in self.links if link.stream.integration_id == play.integration.pk]
        for link in mine:
            target = link.stream.entity
            if link.state == LinkState.LINKED:
                around.links.local.setdefault(target, {})[link.remote_id] = str(link.record_id)
                around.links.remote.setdefault(target, {})[str(link.record_id)] = link.remote_id
            elif link.state == LinkState.GONE:
                around.links.gone.setdefault(target, set()).add(link.remote_id)
        for link in mine:
            entity = link.stream.entity
            ours = self.rows[entity].get(str(link.record_id))
            remote = play.world.rows.get(link.remote_id)
            if link.state != LinkState.LINKED or ours is None or remote is None or remote.deleted:
                continue
            for mapped in compiled(link.stream, registry.entity(entity)):
                name, theirs = mapped.name, remote.values.get(mapped.remote.id)
                if name in link.waiting or self._is_told(link, name) or self._one_way(play, link, mapped):
                    continue
                if self._keeps_its_own(play, link, mapped, ours[name], theirs) or self._set_back(
                    play, link, name, theirs
                ):
                    continue
                if not _agree(play, mapped, ours[name], theirs, around):
                    yield (
                        f"{play.name}: {link.record_id} {link.remote_id} {name}: {ours[name]!r} here, {theirs!r} there;"
                        f" bases {link.base_local.get(name)!r}, {link.base_remote.get(name)!r}"
                    )

    def _is_told(self, link: RecordLink, name: str) -> bool:
        record = str(link.record_id)
        if {(link.stream_id, record, name), (link.stream_id, record, "")} & self.open:
            return True
        mine = [one for one in self.asides if one.stream_id == link.stream_id]
        return any(
            (str(one.record_id) == record or one.remote_id == link.remote_id) and one.field in (name, "")
            for one in mine
        )

    def _one_way(self, play: Play, link: RecordLink, mapped: Any) -> bool:
        """In a field that only comes in, what is written here stays as it is until they write again; and the other way round.

        In one that only goes out, our being empty says nothing as long as we never had a value there.
        """
        if mapped.rule.outbound and not mapped.rule.inbound:
            ours = self.rows[link.stream.entity][str(link.record_id)][mapped.name]
            by_person = play.world.rows[link.remote_id].by.get(mapped.remote.id, (0, ""))[1] == "person"
            return by_person or (link.base_local.get(mapped.name) is None and is_empty(ours))
        if mapped.rule.outbound or not mapped.rule.inbound:
            return False
        fed = len(self.plays) > 1 or (str(link.record_id), mapped.name) in play.here_people.touched_fields
        return fed or str(link.record_id) in play.here

    @staticmethod
    def _keeps_its_own(play: Play, link: RecordLink, mapped: Any, ours: Any, theirs: Any) -> bool:
        """Where only what is empty is filled, each side keeps what it has; who emptied a field keeps it empty."""
        if mapped.rule.policy != "fill":
            return False
        ends = {(str(link.record_id), mapped.name), (link.remote_id, mapped.name)}
        return bool(ends & play.here_people.emptied) or not (is_empty(ours) or is_empty(theirs))

    def _set_back(self, play: Play, link: RecordLink, name: str, theirs: Any) -> bool:
        """What the two had never agreed on an undo gives back to one of them; they differ until somebody edits."""
        mark = play.set_back.get((str(link.record_id), name))
        ours = self.rows[link.stream.entity][str(link.record_id)][name]
        return mark is not None and all(int(token) < mark for token in tokens_in([ours, theirs]))

    def filled(self, play: Play) -> Iterable[str]:
        """A rule that fills only what is empty replaces nothing."""
        for entity, stream in play.streams.items():
            described = registry.entity(entity)
            names = [n for n in play.pairs(entity) if play.rules.get(n, {}).get("policy") == "fill"]
            rows = FeedRow.objects.filter(entity=entity, operation="update", origin=stream.origin) if names else []
            for row in rows:
                before, after = _values(described, row.before), _values(described, row.before | row.after)
                for name in names:
                    undone = (str(row.record_id), name) in play.set_back
                    if not is_empty(before[name]) and before[name] != after[name] and not undone:
                        yield f"overwritten: {name} of {row.record_id} was {before[name]!r}, became {after[name]!r}"

    # --- nothing else moved -----------------------------------------------------------------------------------------------------

    def strayed(self, play: Play) -> Iterable[str]:
        """Nothing outside the mapped fields moved."""
        from tests.simulation.play import OWN, PAIRS

        for entity, stream in play.streams.items():
            for pk, notes in MODELS[entity].objects.values_list("pk", "notes"):
                if str(pk) in play.here and notes != play.here[str(pk)]["notes"]:
                    yield f"strayed: notes of {entity} {pk} became {notes!r}"
            unmapped = set(PAIRS[entity].values()) - set(play.pairs(entity).values())
            for remote in play.world.alive(stream.collection):
                own = remote.values.get(OWN[entity])
                if own != play.there.get(remote.id):
                    yield f"strayed: its own field of {entity} {remote.id} became {own!r}"
                for name in unmapped:
                    when, who = remote.by.get(name, (0, ""))
                    if who == "us" and when > play.unmapped_at.get(name, 0):
                        yield f"strayed: {entity} {remote.id} has a value of ours in {name}, which is not mapped"

    # --- people decide -----------------------------------------------------------------------------------------------------

    def twins_apart(self, play: Play) -> Iterable[str]:
        """The same thing made on both sides is one pair, where the tool's listings do not lag."""
        stream = play.streams.get("contact")
        rules = play.rules.get("email", {})
        alike = stream and stream.matching == Matching.MATCH_OR_CREATE and stream.direction == Direction.BOTH
        if not alike or play.profile.lag or not play.profile.write or rules.get("direction"):
            return
        for pk, remote_id in play.twins:
            ours, remote = self.rows["contact"].get(pk), play.world.rows.get(remote_id)
            if ours is None or remote is None or remote.deleted or pk in play.deleted_here:
                continue
            if remote_id in play.deleted_there or tokens_in(ours["email"]) != tokens_in(remote.values.get("mail")):
                continue
            link = next((one for one in self.links if one.stream_id == stream.pk and str(one.record_id) == pk), None)
            told = any(str(one.record_id) == pk or one.remote_id == remote_id for one in self.asides)
            told = told or bool({pk, remote_id} & play.parted)
            if not told and (link is None or link.remote_id != remote_id):
                yield f"double: {pk} and {remote_id} are the same and were not paired ({_how(link)})"

    def decided_alone(self, play: Play) -> Iterable[str]:
        """While a person is asked, nobody writes the field; nor does that end the question, because then both sides agree."""
        for conflict in self.conflicts:
            stream = next((one for one in play.streams.values() if one.pk == conflict.stream_id), None)
            if stream is None or not conflict.field or (str(conflict.record_id), conflict.field) in play.set_back:
                continue
            if conflict.state != Conflict.State.OPEN and (conflict.policy, conflict.settled_by) != (
                "ask",
                Ended.AGREED,
            ):
                continue
            name = play.pairs(stream.entity).get(conflict.field, "")
            remote = play.world.rows.get(conflict.remote_id)
            if remote is None or remote.deleted or remote.by.get(name, (0, ""))[1] != "us":
                continue
            there = tokens_in(remote.values.get(name))
            if there and there == tokens_in(conflict.local) != tokens_in(conflict.remote):
                yield f"undecided: {conflict.field} of {conflict.record_id} went out while a person is asked"


@dataclass
class _View:
    """One entity as one tool has it."""

    scene: Scene
    play: Play
    entity: str

    def __post_init__(self) -> None:
        self.stream = self.play.streams[self.entity]
        self.stream.refresh_from_db()
        self.rows = self.scene.rows[self.entity]
        self.alive = {row.id: row for row in self.play.world.alive(self.stream.collection)}
        self.links = [link for link in self.scene.links if link.stream_id == self.stream.pk]
        self.by_record = {str(link.record_id): link for link in self.links}
        self.by_remote = {link.remote_id: link for link in self.links}
        asides = [one for one in self.scene.asides if one.stream_id == self.stream.pk]
        self.told_records = {str(one.record_id) for one in asides}
        self.told_records |= {pk for stream, pk, name in self.scene.open if stream == self.stream.pk and not name}
        self.told_remotes = {one.remote_id for one in asides if one.remote_id}
        self.creates = self.stream.matching != Matching.MATCH_ONLY
        can = self.play.profile
        self.out = self.stream.direction != Direction.IMPORT and can.write and self.creates
        self.into = self.stream.direction != Direction.EXPORT and self.creates
        self.parts = self.stream.deletions in PARTED or not can.delete or self.stream.direction != Direction.BOTH

    def gaps(self) -> Iterable[str]:
        for pk in self.rows if self.out else ():
            link = self.by_record.get(pk)
            linked = link is not None and link.state == LinkState.LINKED and link.remote_id in self.alive
            if not linked and pk not in self.told_records and not self._is_parted(link):
                yield f"{self.play.name}: {self.entity} {pk} is not there ({_how(link)})"
        for remote_id in self.alive if self.into else ():
            link = self.by_remote.get(remote_id)
            linked = link is not None and link.state == LinkState.LINKED and str(link.record_id) in self.rows
            told = remote_id in self.told_remotes or (link is not None and str(link.record_id) in self.told_records)
            if not linked and not told and not self._is_parted(link):
                yield f"{self.play.name}: {self.entity} {remote_id} is not here ({_how(link)})"

    def _is_parted(self, link: RecordLink | None) -> bool:
        if link is None:
            return False
        if link.state == LinkState.LINKED and self.stream.direction == Direction.IMPORT:
            # until somebody there edits it: then it comes back
            return self._deleted(str(link.record_id), but=self.play)
        if link.state not in (LinkState.LEFT, LinkState.UNLINKED, LinkState.GONE):
            return False
        return self.parts or bool({str(link.record_id), link.remote_id} & self.play.parted)

    def made_by_nobody(self) -> Iterable[str]:
        """A pair of which neither end was made by a person, nor came from another tool."""
        others = {str(link.record_id) for link in self.scene.links if link.stream_id != self.stream.pk}
        for link in self.links:
            pk, remote_id = str(link.record_id), link.remote_id
            if pk not in self.rows or remote_id not in self.alive or pk in self.play.here or pk in others:
                continue
            by_person = self.play.there.keys() | self.play.brought_back
            if remote_id not in by_person and not self._replaced(pk):
                yield f"double: nobody made {pk} {remote_id}"

    def _replaced(self, pk: str) -> bool:
        """A record that came from there, was deleted there, and stands there again as a new one."""
        came = SyncLogLine.objects.filter(record_id=pk, side="here", action="created")
        return bool(self.play.there.keys() & set(came.values_list("remote_id", flat=True)))

    def copies(self) -> Iterable[str]:
        for remote_id in self.play.world.doubled:
            if self.play.world.rows[remote_id].collection == self.stream.collection:
                yield f"double: {remote_id} was created again while it stood in {self.play.name}"
        told = any(one.code == "second_copy" for one in self.scene.asides)
        alive = [row for row in self.alive.values() if row.marker and row.id not in self.play.brought_back]
        for marker, count in Counter(row.marker for row in alive).items():
            if count > 1 and not told:
                yield f"double: {marker} stands in {self.play.name} {count} times"

    def vanished(self) -> Iterable[str]:
        for pk, facts in self.play.here.items():
            if facts["entity"] == self.entity and pk not in self.rows and not self._deleted(pk):
                yield f"vanished: {self.entity} {pk} is gone here and nobody deleted it"
        for remote_id in self.play.there:
            row = self.play.world.rows[remote_id]
            if row.collection != self.stream.collection or not row.deleted or remote_id in self.play.deleted_there:
                continue
            if not any(self._deleted(pk) for pk in self._records_of(remote_id)):
                yield f"vanished: {self.entity} {remote_id} is gone in {self.play.name} and nobody deleted it"

    def _records_of(self, remote_id: str) -> set[str]:
        """Whose other end this is or was: ours may have come back since and stand there as a new one."""
        from integrations.models import SyncLogLine

        link = self.by_remote.get(remote_id)
        put_away = SyncLogLine.objects.filter(stream=self.stream, remote_id=remote_id, side="there", action="deleted")
        known = {str(pk) for pk in put_away.exclude(record_id=None).values_list("record_id", flat=True)}
        return known | ({str(link.record_id)} if link else set())

    def _deleted(self, pk: str, but: Play | None = None) -> bool:
        """Whether a person deleted this record, here or in any tool. but: not counting what was deleted there."""
        plays = [play for play in self.scene.plays if play is not but]
        ends = [(play, link) for play in plays for link in self.scene.links if str(link.record_id) == pk]
        return pk in self.play.deleted_here or any(
            link.stream.integration_id == play.integration.pk and link.remote_id in play.deleted_there
            for play, link in ends
        )

    def came_back(self) -> Iterable[str]:
        if len(self.scene.plays) > 1:
            return  # an edit in any tool may rightly bring it back
        play = self.play
        for pk in play.deleted_here:
            link = self.by_record.get(pk)
            if pk in self.rows and link and link.remote_id not in play.touched_there | play.deleted_there:
                if pk not in play.touched_here:
                    yield f"came back: {self.entity} {pk} was deleted here"
            if link and link.remote_id in self.alive and pk not in self.rows and not self._is_parted(link):
                if link.remote_id not in self.told_remotes and pk not in self.told_records:
                    yield f"stays: {self.entity} {pk} was deleted here and is still there ({_how(link)})"
        for link in self.links:
            pk = str(link.record_id)
            if link.remote_id in play.deleted_there and link.remote_id in self.alive:
                if link.remote_id not in play.touched_there and pk not in play.touched_here | self.told_records:
                    yield f"came back: {self.entity} {link.remote_id} was deleted there"


def restless(plays: Sequence[Play]) -> list[str]:
    """A third run writes nothing on either side, and costs what the fourth costs."""
    costs = []
    for _ in range(2):
        calls, before = 0, FeedRow.objects.count()
        for play in plays:
            play.world.rest()
            asked, writes = sum(play.world.calls.values()), play.world.writes
            outcome = play.run()
            calls += sum(play.world.calls.values()) - asked
            if outcome != "done" or play.world.writes != writes:
                return [f"restless: a third run still writes in {play.name} ({outcome})"]
        if FeedRow.objects.count() != before:
            return ["restless: a third run still writes here"]
        if any(not _waits_for_a_late_create(link) for link in RecordLink.objects.filter(intent__isnull=False)):
            return ["restless: a third run leaves a write open"]
        costs.append(calls)
    return [f"restless: quiet runs cost {costs}"] if costs[0] != costs[1] else []


def _waits_for_a_late_create(link: RecordLink) -> bool:
    """The record of a create without an answer is gone here: its id or key is kept for a day."""
    return link.remote_id is None and not MODELS[link.stream.entity].objects.filter(pk=link.record_id).exists()


def _agree(play: Play, mapped: Any, ours: Any, theirs: Any, around: Any) -> bool:
    try:
        sent = mapped.to_remote(ours, theirs, around)
        if not isinstance(sent, Waiting) and play.world.folded(mapped.remote.type, sent) == theirs:
            return True
        taken = mapped.to_local(theirs, ours, around)
        return not isinstance(taken, Waiting) and mapped.rule.same(ours, taken)
    except Unfit:
        return False


def _held(described: registry.Entity, row: dict[str, Any] | None) -> set[str]:
    """The numbers in a row of the feed."""
    return tokens_in(_values(described, row)) if row else set()


def _values(described: registry.Entity, row: dict[str, Any]) -> dict[str, Any]:
    return values_of(described, dict.fromkeys(described.columns) | row)


def _how(link: RecordLink | None) -> str:
    return f"{link.state} {link.remote_id}" if link else "no link"
