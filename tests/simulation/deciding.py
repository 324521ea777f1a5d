"""What people decide about pairs, runs and plans in a story, and what they may expect of it.

A pause, a filter and a pair that is forgotten change who travels; an undo and an approved plan are runs that somebody asked for.
What is checked at once, and not when all has come to rest, is checked here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from django.db import connection
from django.utils import timezone

from crm.feed import Actor
from crm.models import Change as FeedRow
from integrations.models import LeftOut, LinkState, Plan, RecordLink, Stream, SyncLog
from integrations.scheduling import due, leases
from integrations.services import filters, links, restarts, undo
from integrations.services.connect import Refused
from integrations.sync import effects, guard, rehearsal
from tests.simulation.here import MODELS, Here
from tests.simulation.memory import MemoryAdapter
from tests.simulation.play import PAIRS, Play
from tests.simulation.tokens import tokens_in

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

ADA = Actor("user", "1", "Ada")
ATTEMPTS = 6  # of a run that was asked for and meets trouble
CALLS = 6  # runs after which a tool has nothing more to call us for


class Deciding:
    """The steps of a teller that are decisions."""

    local: Here
    plays: list[Play]
    log: list[str]
    second: ThreadPoolExecutor
    run: Callable[..., str]

    def _decide(self, what: str, work: Callable[[], object]) -> bool:
        """Whether it was allowed."""
        try:
            self.local.executor.submit(work).result()
        except Refused as error:
            self.log.append(f"{what} was refused: {error}")
            return False
        self.log.append(what)
        return True

    # --- who travels --------------------------------------------------------------------------------------------------------

    def _pause(self, tool: int, number: int) -> None:
        play = self.plays[tool]
        found = RecordLink.objects.filter(stream=play.streams["contact"], state=LinkState.LINKED, left_out="")
        if ids := list(found.order_by("pk")):
            link = ids[number % len(ids)]
            self._decide(f"{play.name}: pause {link.record_id} {link.remote_id}", lambda: links.pause(link, "Olga"))

    def _take_up(self, tool: int) -> None:
        """All that is paused takes part again."""
        play = self.plays[tool]
        by_hand = RecordLink.objects.filter(left_out__in=[LeftOut.PAUSED, LeftOut.PING_PONG])
        for link in by_hand.filter(stream__integration=play.integration).order_by("pk"):
            self._decide(f"{play.name}: take up {link.record_id}", lambda link=link: links.take_up(link, "Olga"))

    def _filter(self, tool: int, side: str, name: str, op: str, value: str) -> None:
        """Another filter for the contacts; none where side is empty."""
        play = self.plays[tool]
        condition = {"field": name if side == "here" else PAIRS["contact"][name], "op": op}
        wanted = {side: [condition | ({"value": value} if value else {})]} if side else {}
        stream = Stream.objects.get(pk=play.streams["contact"].pk)
        if stream.filters != wanted:
            self._decide(f"{play.name}: filter {wanted}", lambda: filters.change(stream, wanted))

    def _anew(self, tool: int, kind: str) -> None:
        """Read again; or match anew, which forgets what was deleted on one side only."""
        play = self.plays[tool]
        for entity in reversed(play.streams):
            stream = Stream.objects.get(pk=play.streams[entity].pk)
            if kind == "match" and any(self._contradict(play, stream, one) for one in stream.links.all()):
                kind = "read"  # what is told apart then is as asked for, and proves nothing
            if kind == "match":
                self._expect_back(play, stream)
            work = restarts.match_anew if kind == "match" else restarts.read_again
            self._decide(f"{play.name}: {kind} {entity} anew", lambda work=work, stream=stream: work(stream))  # type: ignore[misc]

    @staticmethod
    def _contradict(play: Play, stream: Stream, link: RecordLink) -> bool:
        """Somebody changed a key on one side and no run has looked since: by their keys they would be two from now on."""
        pairs = play.pairs(stream.entity)
        ours = MODELS[stream.entity].objects.filter(pk=link.record_id).values(*stream.match_fields).first()
        row = play.world.rows.get(link.remote_id or "")
        if ours is None or row is None:
            return False
        keys = [(tokens_in(ours[name]), tokens_in(row.values.get(pairs[name]))) for name in stream.match_fields]
        return any(here and there and here != there for here, there in keys)

    def _expect_back(self, play: Play, stream: Stream) -> None:
        for link in RecordLink.objects.filter(stream=stream):
            stands_here = MODELS[stream.entity].objects.filter(pk=link.record_id).exists()
            row = play.world.rows.get(link.remote_id or "")
            stands_there = row is not None and not row.deleted
            if stands_here != stands_there:
                self.local.touched.add(str(link.record_id))
                if link.remote_id:
                    play.touched_there.add(link.remote_id)
                    play.brought_back.add(link.remote_id)

    def rest_with_all(self) -> None:
        """Before everything comes to rest nobody is left out any more."""
        for tool in range(len(self.plays)):
            self.take_all_up(tool)

    def take_all_up(self, tool: int) -> None:
        self._take_up(tool)
        self._filter(tool, "", "score", "", "")

    @contextmanager
    def paused_stay(self, play: Play) -> Iterator[None]:
        """What is paused from the beginning of a run to its end is written on no side."""
        paused = RecordLink.objects.filter(stream__integration=play.integration, left_out=LeftOut.PAUSED, intent=None)
        before = {link.pk: link for link in paused.exclude(remote_id=None).select_related("stream")}
        began = play.world.tick
        last = FeedRow.objects.order_by("-pk").values_list("pk", flat=True).first() or 0 if before else 0
        yield
        for link in paused.filter(pk__in=before).select_related("stream"):
            wrote = FeedRow.objects.filter(record_id=link.record_id, origin=link.stream.origin, pk__gt=last)
            assert not wrote.exists(), f"paused: {link.record_id} was written here"
            row = play.world.rows.get(link.remote_id or "")
            if row is not None:
                moved = [name for name, (when, who) in row.by.items() if who == "us" and when > began]
                assert not moved, f"paused: {moved} of {link.remote_id} were written there"

    # --- runs that somebody asks for ------------------------------------------------------------------------------------------

    def _doubled(self, tool: int, moment: tuple[str, int]) -> None:
        """Two wake-ups for one run: the second worker gets nothing, and what was asked for meanwhile comes right after."""
        play = self.plays[tool]
        play.world.arrive()
        self.run(tool, {"during": [(*moment, ("wake", tool))]})
        self.run(tool, {})

    def _wake(self, tool: int) -> None:
        integration = self.plays[tool].integration
        self.log.append("  — woken a second time")

        def wake() -> None:
            due.ask(integration.pk)
            assert leases.claim(integration.pk) is None, "doubled: two workers run one integration"

        self.second.submit(wake).result()

    def _called(self, tool: int) -> None:
        """The tool calls us for everything that changes there, our own writes too; each call comes twice, often in a run."""
        play = self.plays[tool]
        wake = ("wake", tool)
        for _ in range(CALLS):
            writes = play.world.writes
            self.run(tool, {"during": [("call", 0, wake), ("push", 0, wake), ("push", 1, wake)]})
            if play.world.writes == writes:
                return  # nobody calls any more
        raise AssertionError("restless: what we write calls us again and again")

    def _plan(self, tool: int) -> None:
        """Somebody has a plan made."""
        play = self.plays[tool]
        play._wait_for_feed()
        plan = Plan.objects.create(integration=play.integration)
        adapter = MemoryAdapter(play.world, lambda: connection.in_atomic_block)
        travelling, writes = len(play.world.travelling), play.world.writes
        self.log.append(f"plan {play.name}")
        streams = rehearsal.rehearse(plan, play.integration, adapter)
        arrived = travelling - len(play.world.travelling)
        assert play.world.writes == writes + arrived, f"plan: {play.name} was written to while a plan was made"
        Plan.objects.filter(pk=plan.pk).update(state=Plan.State.READY, streams=streams, made_at=timezone.now())

    def _approve(self, tool: int, how: dict[str, Any]) -> None:
        """The last plan is approved: exactly that is done, or left out."""
        play = self.plays[tool]
        plan = play.integration.plans.filter(state=Plan.State.READY).order_by("-asked_at").first()
        if plan is None:
            return
        self.log.append(f"approve the plan of {play.name}")
        self._end_running(play)
        run = SyncLog.objects.create(integration=play.integration, state="running", trigger="plan", plan=plan)
        if self._carry_out(tool, run, how) != "done":
            self._end_running(play)
        guard.finish(plan)
        guard.go_on_from_here(plan)
        Plan.objects.filter(pk=plan.pk).update(state=Plan.State.DONE)
        done = plan.lines.filter(action__in=guard.EFFECTS, outcome="done")
        more = set(_said(run.lines.filter(action__in=guard.EFFECTS))) - set(_said(done))
        assert not more, f"plan: the run did what the plan does not say: {sorted(more)}"

    def _undo(self, tool: int, number: int, alone: bool, how: dict[str, Any]) -> None:
        """One of the last runs that did something is taken back, or one record of it."""
        play = self.plays[tool]
        self._end_running(play)
        ours = SyncLog.objects.filter(integration=play.integration, lines__action__in=effects.ACTIONS)
        runs = list(ours.distinct().order_by("-started_at", "-pk")[:3])
        if not runs:
            return
        undone = runs[number % len(runs)]
        lines = list(undone.lines.filter(action__in=effects.ACTIONS).exclude(record_id=None).order_by("pk"))
        record = lines[number % len(lines)].record_id if alone and lines else None
        asked: list[SyncLog] = []
        work = lambda: asked.append(undo.ask(undone, ADA, record))  # noqa: E731
        if self._decide(f"{play.name}: undo {record or 'a run'}", work):
            SyncLog.objects.filter(pk=asked[0].pk).update(state="running", started_at=timezone.now())
            self._carry_out(tool, asked[0], how)
            self._end_running(play)
            self._expect_undone(play, undone, asked[0])

    def _carry_out(self, tool: int, run: SyncLog, how: dict[str, Any]) -> str:
        outcome = ""
        for attempt in range(ATTEMPTS):
            SyncLog.objects.filter(pk=run.pk).update(state="running", ended_at=None)
            outcome = self.run(tool, how if not attempt else {})
            if outcome in ("done", "brake"):
                break
        return outcome

    @staticmethod
    def asked_to_delete(play: Play) -> Counter[str]:
        """How many records, by side, the run that is due was asked to delete: by its plan, or by an undo of what brought them."""
        runs = SyncLog.objects.filter(integration=play.integration, state=SyncLog.State.RUNNING)
        run = runs.select_related("plan", "undoes").first()
        if run is not None and run.plan:
            return Counter(run.plan.lines.filter(action="deleted").values_list("side", flat=True))
        if run is not None and run.undoes:
            brought = run.undoes.lines.filter(action__in=("created", "restored"))
            return Counter(brought.values_list("side", flat=True))
        return Counter()

    def _expect_undone(self, play: Play, undone: SyncLog, back: SyncLog) -> None:
        """What the run had written is rightly gone, and what it had brought or taken is decided by the undo.

        Only that: a newer value that an undo replaces is not in the run's lines, and is missed as a lost one.
        """
        known = undone.lines.filter(action__in=effects.ACTIONS)
        wrote = tokens_in([line.changes for line in known])
        mark = next(self.local.numbers)
        for line in back.lines.filter(action__in=effects.ACTIONS):
            pk = str(line.record_id)
            old = [pair[0] for pair in line.changes.values()]
            self.local.excused |= tokens_in(old) & wrote
            if not known.filter(record_id=line.record_id).exists():
                continue
            play.set_back |= {(pk, name): mark for name in line.changes}
            if line.action == "deleted":
                (self.local.deleted if line.side == "here" else play.deleted_there).add(
                    pk if line.side == "here" else line.remote_id
                )
            if line.action in ("restored", "created"):
                self.local.touched.add(pk)
                play.touched_there.add(line.remote_id)
            if line.action != "updated":
                play.parted |= {pk, line.remote_id}

    @staticmethod
    def _end_running(play: Play) -> None:
        """A run whose worker died, or that was cut short, is given up: the next one begins from what is stored."""
        running = SyncLog.objects.filter(integration=play.integration, state=SyncLog.State.RUNNING)
        running.update(state=SyncLog.State.FAILED, ended_at=timezone.now())


def _said(lines: Any) -> Iterator[tuple[str, ...]]:
    for line in lines:
        yield line.side, line.action, str(line.record_id), str(sorted(line.changes.items()))
