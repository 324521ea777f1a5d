"""Telling a story: step by step on a real PostgreSQL, then rest, then the questions of `invariants`."""

from __future__ import annotations

import datetime as dt
import re
import threading
import traceback
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.db import connection, transaction

from crm.models import Change as FeedRow
from integrations.adapters import errors
from integrations.models import LinkState, RecordLink, SetAside, Stream
from integrations.scheduling.leases import LeaseLost
from integrations.sync import pull
from integrations.sync.brake import BrakeApplied
from integrations.sync.store import MappingChanged
from tests.simulation import invariants
from tests.simulation.deciding import Deciding
from tests.simulation.here import MODELS, PLAIN, Here
from tests.simulation.memory import Clock, Fault
from tests.simulation.play import PAIRS, SCHEMAS, Play, value_of, wipe
from tests.simulation.profiles import PROFILES
from tests.simulation.story import HERE, Step, Story

BEGAN = dt.datetime(2026, 1, 5, 8, 0, tzinfo=dt.UTC)
BRAKE_LEAST, BRAKE_SHARE = 10, 0.5  # beyond this share of the linked records no run deletes unasked, whatever is set


@dataclass(frozen=True)
class Failure:
    """What a story ended with: the first thing that is wrong, everything, and what happened."""

    what: str
    text: str
    log: str

    @property
    def kind(self) -> str:
        return self.what.partition(":")[0]


def tell(tenant: Any, story: Story, aloud: bool = False) -> Failure | None:
    """Play a story in an emptied tenant; answers what is wrong in the end."""
    wipe()
    teller = Teller(tenant, story)
    gather, pull.GATHER = pull.GATHER, story.gather
    pull.GATHER_SECONDS = 60  # the same groups however busy the machine is
    try:
        teller.tell()
        found = invariants.faults(teller.plays)
        return Failure(found[0], "\n".join(found), teller.story_so_far()) if found else None
    except Exception as error:
        trace = "".join(traceback.format_exception(error))
        return Failure(f"{type(error).__name__}: {error}"[:300], trace, teller.story_so_far())
    finally:
        if aloud:
            print(teller.story_so_far())
        pull.GATHER = gather
        teller.close()


class Teller(Deciding):
    def __init__(self, tenant: Any, story: Story) -> None:
        self.story = story
        self.log: list[str] = []
        self.local = Here(tenant, Clock(BEGAN), self.log, own_clock=True)
        self.second = ThreadPoolExecutor(1)  # another worker
        self.second.submit(lambda: connection.set_tenant(tenant)).result()
        self.last_values: dict[tuple[str, str], Any] = {}
        self.plays = [
            Play(
                tenant,
                PROFILES[tool.kind],
                tool.choices,
                tool.entities,
                f"{tool.kind} {number}",
                self.local,
                tool.mapped,
                tool.rules,
            )
            for number, tool in enumerate(story.tools)
        ]

    def close(self) -> None:
        self.second.submit(lambda: connection.close()).result()
        self.second.shutdown()
        self.local.close()

    def tell(self) -> None:
        for step in self.story.steps:
            self.step(step)
        self.rest()

    def _calm(self, tool: int) -> None:
        """Somebody answers for the tool what waits for an answer, and undoes what was paused or filtered."""
        play = self.plays[tool]
        play.world.tell_all()
        self.take_all_up(tool)
        Stream.objects.filter(integration=play.integration).update(brake_lifted=True)

    def rest(self) -> None:
        """Everybody is left alone, and much time passes."""
        self.log.append("rest")
        self.rest_with_all()
        for _ in range(2 if len(self.plays) == 1 else 3):
            SetAside.objects.update(retry_at=None)
            Stream.objects.update(swept_at=None)
            for number, play in enumerate(self.plays):
                play.world.tell_all()
                play.world.rest()
                outcome = self.run(number, {})
                if outcome == "brake":
                    Stream.objects.filter(integration=play.integration).update(brake_lifted=True)
                    outcome = self.run(number, {})
                assert outcome == "done", f"{play.name} does not come to rest: {outcome}"

    def story_so_far(self) -> str:
        """The log with short names for our records."""
        names: dict[str, str] = {}

        def short(found: re.Match[str]) -> str:
            return names.setdefault(found[0], f"<{len(names) + 1}>")

        return re.sub(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}", short, "\n".join(self.log))

    # --- steps ----------------------------------------------------------------------------------------------------------------

    def step(self, step: Step) -> None:
        """One that makes no sense now is passed over."""
        kind, *rest = step
        self.local.clock.tick += 1
        getattr(self, f"_{kind}")(*rest)

    def _run(self, tool: int, how: dict[str, Any]) -> None:
        if how.get("slices"):
            while self.run(tool, {}, seconds=0) == "slice over":
                pass
        else:
            self.run(tool, how)

    def _new(self, where: int, entity: str, how: str) -> None:
        if where == HERE:
            self.plays[0].new_here(entity, how)
        elif entity in self.plays[where].streams:
            self.plays[where].new_there(entity)

    def _edit(self, where: int, entity: str, number: int, place: int, how: str) -> None:
        self._set(where, entity, number, PLAIN[entity][place % len(PLAIN[entity])], how)

    def _clear(self, where: int, entity: str, number: int, place: int, how: str) -> None:
        self._set(where, entity, number, PLAIN[entity][place % len(PLAIN[entity])], how, clear=True)

    def _set(self, where: int, entity: str, number: int, name: str, how: str, clear: bool = False) -> None:
        pk = self._pick(where, entity, number)
        if pk is None:
            return
        lossy = where != HERE and self.plays[where].profile.lossy
        value = None if clear else value_of(name, next(self.local.numbers), lossy)
        if where == HERE:
            self.last_values[pk, name] = self.local.values(entity, pk)[name]
            self.local.edit(entity, pk, name, value, how)
        else:
            self.plays[where].edit_there(entity, pk, name, value)

    def _revert(self, number: int, place: int) -> None:
        """Somebody here takes back the last edit."""
        pk, name = self._pick(HERE, "contact", number), PLAIN["contact"][place]
        if pk is not None and (pk, name) in self.last_values:
            self.local.edit("contact", pk, name, self.last_values[pk, name], "orm")

    def _delete(self, where: int, entity: str, number: int, how: str) -> None:
        pk = self._pick(where, entity, number)
        if pk is not None:
            self.local.delete(entity, [pk], how) if where == HERE else self.plays[where].trash_there(pk)

    def _company(self, where: int, number: int, other: int) -> None:
        pk, target = self._pick(where, "contact", number), self._pick(where, "company", other)
        if pk is None:
            return
        if where == HERE:
            self.local.edit("contact", pk, "company", target if other % 3 else None, "orm")
        elif "company" in self.plays[where].pairs("contact") and "company" in self.plays[where].streams:
            self.plays[where].edit_there("contact", pk, "company", [target] if target and other % 3 else None)

    def _restore(self, tool: int, number: int) -> None:
        play = self.plays[tool]
        trash = [row.id for row in play.world.rows.values() if row.deleted and row.id in play.deleted_there]
        if trash:
            play.restore_there(trash[number % len(trash)])

    def _back(self, number: int) -> None:
        """Somebody brings back a record here."""
        gone = [pk for pk in self.local.made if pk in self.local.deleted]
        if gone:
            pk = gone[number % len(gone)]
            self.local.restore(self.local.made[pk]["entity"], pk)

    def _twin(self, tool: int) -> None:
        number = next(self.local.numbers)
        email = value_of("email", number)
        play = self.plays[tool]
        pk, remote_id = self.plays[0].new_here("contact", "orm", email=email), play.new_there("contact", mail=email)
        self.local.touched.add(pk)
        play.touched_there.add(remote_id)
        play.twins.append((pk, remote_id))

    def _bulk(self, how: str) -> None:
        self.local.edit_all(lambda: value_of("job_title", next(self.local.numbers)), how)

    def _crowd(self, where: int, count: int) -> None:
        for _ in range(count):
            self._new(where, "contact", "orm")

    def _mass(self, where: int, count: int) -> None:
        if where == HERE:
            self.local.delete("contact", self.local.ids("contact")[:count], "orm")
            return
        for row in self.plays[where].world.alive("contacts")[:count]:
            self.plays[where].trash_there(row.id)

    def _rename(self, tool: int, entity: str, place: int) -> None:
        play = self.plays[tool]
        if entity in play.streams:
            field = list(PAIRS[entity].values())[place % len(PAIRS[entity])]
            play.world.rename(SCHEMAS[entity].collection.id, field, f"Name {next(self.local.numbers)}")

    def _option(self, tool: int) -> None:
        pk = self._pick(tool, "contact", 0)
        if pk is not None:
            self.plays[tool].rename_option_there(pk, next(self.local.numbers))

    def _refill(self, tool: int) -> None:
        self.plays[tool].refill_there("contact")

    def _skew(self, where: int, seconds: float) -> None:
        """A clock jumps."""
        if where == HERE:
            self.local.clock.skew += seconds
        else:
            self.plays[where].world.skew += seconds

    def _sweep(self, tool: int) -> None:
        """A day passes: the next run lists everything."""
        self.plays[tool].integration.streams.update(swept_at=None)

    def _untold(self, tool: int, place: int) -> None:
        """From now on the tool's answers leave a field out; told again when `place` is negative, and in the end."""
        names = list(PAIRS["contact"].values())
        self.plays[tool].world.tell_all()
        if place >= 0:
            self.plays[tool].world.untold = {names[place % len(names)]}

    def _remap(self, tool: int, place: int) -> None:
        """The mapping is edited: a field goes, or comes back."""
        names = list(PAIRS["contact"])[2:-1]
        self.plays[tool].remap(names[place % len(names)])

    def _slow(self, tool: int, how: str) -> None:
        """Somebody's transaction begins first and commits last: after others wrote and a run has looked."""
        begun, commit = threading.Event(), threading.Event()
        numbers = next(self.local.numbers), next(self.local.numbers)
        values = {name: value_of(name, n) for name, n in zip(PLAIN["contact"][:2], numbers, strict=True)}

        def write() -> str:
            with transaction.atomic():
                self.local.tell_time()
                made = MODELS["contact"].objects.create(**values, notes=f"kept here {numbers[0]}")
                begun.set()
                assert commit.wait(60)
            return str(made.pk)

        waiting = self.second.submit(write)
        assert begun.wait(60)
        try:
            self.plays[0].new_here("contact", how)
            self.run(tool, {}, wait_for_feed=False)
        finally:
            commit.set()
            self.local.learn(waiting.result(), "contact", values, f"kept here {numbers[0]}")

    def _wait(self) -> None:
        for play in self.plays:
            play.world.rest()

    def _pick(self, where: int, entity: str, number: int) -> str | None:
        """A number means the same thing on every side, as far as pairs are known; None when it is gone on this side."""
        if where == HERE:
            alive = self.local.ids(entity)
        else:
            alive = [row.id for row in self.plays[where].world.alive(SCHEMAS[entity].collection.id)]
        if not alive or number < 0:
            return alive[number] if alive else None
        pairs = [pk for pk, _remote in self._pairs(0, entity)]
        if where != HERE:
            remote = dict(self._pairs(where, entity))
            pairs = [remote[pk] for pk in pairs if pk in remote]
        known = set(pairs)
        names = [*pairs, *(one for one in alive if one not in known)]
        one = names[number % len(names)]
        return one if one in alive else None

    def _pairs(self, tool: int, entity: str) -> list[tuple[str, str]]:
        """(record of ours, theirs) of all that are paired, oldest first."""
        if entity not in self.plays[tool].streams:
            return []
        links = RecordLink.objects.filter(stream=self.plays[tool].streams[entity], state=LinkState.LINKED)
        found = links.exclude(remote_id=None).order_by("pk").values_list("record_id", "remote_id")
        return [(str(pk), remote_id) for pk, remote_id in found]

    # --- runs -----------------------------------------------------------------------------------------------------------------

    def run(self, tool: int, how: dict[str, Any], seconds: float = 600, wait_for_feed: bool = True) -> str:
        play = self.plays[tool]
        during: dict[tuple[str, int], list[Step]] = {}
        for place, number, step in how.get("during", ()):
            during.setdefault((place, number), []).append(step)
        raced: list[bool] = []

        def happen(place: str, number: int) -> None:
            for step in during.pop((place, number), ()):
                self.step(step)
            if how.get("race") == (place, number) and not raced:
                raced.append(True)
                self._overtake(play)

        def at_call(number: int) -> None:
            place = play.present.place
            happen("call", number)
            happen(*place)

        began, mapping = play.world.tick, list(play.mapped)
        faults = [Fault(*one) for one in how.get("faults", ())]
        faults += [Fault(*one, on="describe") for one in how.get("describing", ())]
        outcome = ""
        with self._brake_holds(play), self.paused_stay(play):
            try:
                outcome = play.run(
                    faults,
                    [Fault(*one) for one in how.get("reading", ())],
                    how.get("dies_at"),
                    at_call,
                    lambda number: happen("hold", number),
                    seconds,
                    how.get("dies_after"),
                    wait_for_feed,
                )
            except LeaseLost:
                assert raced, "the lease was lost to nobody"
                outcome = "lease lost"
            except BrakeApplied:
                outcome = "brake"
            except MappingChanged:
                outcome = "mapping changed"
            except KeyError as error:
                if "nobody foresaw" not in str(error):
                    raise
                outcome = "broken"
        self.log.append(f"  {outcome}")
        self._mapping_held(play, began, mapping, outcome)
        assert not raced or outcome in ("lease lost", "killed", "broken", *TROUBLES), (
            f"fence: the sleeper ends {outcome}"
        )
        return outcome

    @staticmethod
    def _mapping_held(play: Play, began: int, mapping: list[str], outcome: str) -> None:
        """A run whose mapping is edited stops at its next transaction; what it was sending then may still arrive."""
        for name, since in play.unmapped_at.items():
            if since >= began:
                play.unmapped_at[name] = play.world.tick
        if list(play.mapped) != mapping and list(play.streams) == ["contact"]:
            assert outcome != "done", "version: the run went on with a mapping that was edited"

    def _overtake(self, play: Play) -> None:
        """The worker sleeps past its lease; another one runs everything; then the first wakes up."""
        self.log.append("  — asleep; another worker:")
        sleeper = play.present
        self.second.submit(play._time_passes).result()
        try:
            self.second.submit(play.run).result()
        except BrakeApplied:
            pass
        sleeper.superseded = True
        self.log.append("  — awake")

    @contextmanager
    def _brake_holds(self, play: Play) -> Iterator[None]:
        """No run deletes much unasked, on either side. What a plan says or an undo takes back is asked for, and no more."""
        origins = [stream.origin for stream in play.streams.values()]
        deleted = FeedRow.objects.filter(operation="delete", origin__in=origins)
        lifted = play.integration.streams.filter(brake_lifted=True).exists()
        linked = RecordLink.objects.filter(stream__integration=play.integration, state=LinkState.LINKED).count()
        asked = self.asked_to_delete(play)
        before_here, before_there = deleted.count(), play.world.deletions
        yield
        most = max(BRAKE_LEAST, BRAKE_SHARE * linked)
        here, there = deleted.count() - before_here, play.world.deletions - before_there
        if not lifted:
            assert here - asked["here"] <= most, f"brake: {here} of {linked} were deleted here"
            assert there - asked["there"] <= most, f"brake: {there} of {linked} there"


TROUBLES = tuple(one.code for one in errors.AdapterError.__subclasses__())
