"""One worker's turn at a run: when it yields, when it stops, and how it waits.

Long runs are cut into slices, so that nobody waits for somebody else's first import. Between two stored steps a slice asks
whether a person cancelled the run, whether the process is ending, whether its time is over and whether somebody more urgent waits
for a worker. While it waits for the tool it listens for the same.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from integrations.adapters.base import Adapter
from integrations.models import Stream, SyncLog
from integrations.scheduling import leases
from integrations.scheduling.leases import Lease
from integrations.scheduling.models import Priority
from integrations.sync import settling
from integrations.sync.guard import Guard
from integrations.sync.store import Store, now_text
from integrations.transport.http import Interrupted

#: Set when this process is asked to end: slices stop after their present step and give their lease back.
ending = threading.Event()

LISTEN_SECONDS = 0.5  # how often a waiting run looks up
LOOK_SECONDS = 1.0  # how often it asks whether somebody waits for a worker
#: A slice shorter than this would mostly describe tables anew. After LONG_SECONDS any run counts as a backfill, whoever asked
#: for it; with others of its own kind it takes turns after EVEN_SECONDS.
LEAST_SECONDS, LONG_SECONDS, EVEN_SECONDS = 2.0, 1.5, 20.0
#: The threads of a process share one core. A backfill holds still while somebody more urgent works beside it, for so many times
#: the time of its last step at most: it slows down to a fifth, and is never stopped.
GIVE_WAY, LONGEST_STEP, URGENT_SECONDS = 4.0, 1.0, 10.0
SHARED_SECONDS = 10.0  # for so long after somebody urgent was here a backfill still takes short steps

_present: dict[int, tuple[int, float]] = {}  # who is at work in this process: (priority, since)
_latest = {"urgent": -math.inf}  # when somebody urgent was last done here


@contextmanager
def present(lease: Lease) -> Iterator[None]:
    """Somebody is at work in this process."""
    _present[id(lease)] = (lease.priority, time.monotonic())
    try:
        yield
    finally:
        _present.pop(id(lease), None)
        if lease.priority < Priority.BACKFILL:
            _latest["urgent"] = time.monotonic()


def _is_somebody_urgent_here() -> bool:
    now = time.monotonic()
    return any(
        priority < Priority.BACKFILL and now - since < URGENT_SECONDS for priority, since in [*_present.values()]
    )


class SliceOver(Exception):
    """The time of this slice is used up; the run goes on in another one."""


class Cancelled(Exception):
    """A person stopped the run."""


@dataclass
class Slice:
    """One worker's turn at a run. stored: whether anything was stored yet; before that only a cancel or the end stops it."""

    run: SyncLog
    adapter: Adapter
    lease: Lease
    seconds: float
    started: float = field(default_factory=time.monotonic)
    stored: bool = False
    stopped: Exception | None = None  # why a wait was cut short
    _counted: int = 0
    _listened: float = 0.0
    _looked: float = 0.0
    _resumed: float = field(default_factory=time.monotonic)
    _thread: int = field(default_factory=threading.get_ident)
    _given_up: threading.Event = field(default_factory=threading.Event)

    def store(self, stream: Stream) -> Store:
        """A stream at work in this slice."""
        store = Store(self.run, stream, self.lease, self.adapter)
        store.listen, store.sleep = self.listen, self.sleep
        store.is_crowded, store.stand_aside = self.is_crowded, self.stand_aside
        store.patient = self.run.trigger in settling.PATIENT
        if self.run.plan_id:
            store.guard, store.tells_values = Guard(store, self.run.plan_id), True
        return store

    # --- going on, yielding, stopping -------------------------------------------------------------------------------

    def check(self) -> None:
        """Between two stored steps. Raises SliceOver or Cancelled."""
        if not self.stored:
            self.stored = True
            self.lease.back_to_normal()
            SyncLog.objects.filter(pk=self.run.pk).update(claims=0)
        self._raise_if_over()
        self._give_way()

    def listen(self) -> None:
        """While something is waited for, with no transaction open: stay alive, and stop if it has to. Raises as `check`."""
        now = time.monotonic()
        if now - self._listened >= LISTEN_SECONDS:
            self._listened = now
            self.lease.keep()
            self._raise_if_over()

    def sleep(self, seconds: float) -> None:
        """Wait, on whatever thread, but not when the run is to stop: then raises Interrupted, and `stopped` says why."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            if self._given_up.wait(min(left, LISTEN_SECONDS)):
                raise Interrupted
            if threading.get_ident() != self._thread:
                continue  # a thread that fetches ahead has no say and no database; who waits for its pages listens
            try:
                self.listen()
            except (SliceOver, Cancelled) as stop:
                self.stopped = stop
                raise Interrupted from stop

    def give_up(self) -> None:
        """Nobody wants what is being waited for any more."""
        self._given_up.set()

    def _raise_if_over(self) -> None:
        is_cancelled = SyncLog.objects.filter(pk=self.run.pk, cancel_asked=True).exists()
        if is_cancelled or ending.is_set() or (self.stored and self._is_over()):
            self.give_up()
            raise Cancelled if is_cancelled else SliceOver

    def _is_over(self) -> bool:
        worked = time.monotonic() - self.started
        return worked > self.seconds or (worked > LEAST_SECONDS and self._somebody_waits(worked))

    def _somebody_waits(self, worked: float) -> bool:
        now = time.monotonic()
        if now - self._looked < LOOK_SECONDS:
            return False
        self._looked = now
        own = self._priority(worked)
        return leases.is_waited_for(self.lease, own if worked > EVEN_SECONDS else own - 1)

    def _priority(self, worked: float) -> int:
        return Priority.BACKFILL if worked > LONG_SECONDS else self.lease.priority

    def is_crowded(self) -> bool:
        """We are a backfill, and somebody urgent works in this process or may any moment: short steps, please."""
        now = time.monotonic()
        is_shared = _is_somebody_urgent_here() or now - _latest["urgent"] < SHARED_SECONDS
        return is_shared and self._priority(now - self.started) == Priority.BACKFILL

    def stand_aside(self, seconds: float = LONGEST_STEP) -> None:
        """As a backfill, hold still while somebody urgent works in this process, but not for longer than this."""
        now = time.monotonic()
        if self._priority(now - self.started) == Priority.BACKFILL:
            while _is_somebody_urgent_here() and time.monotonic() < now + seconds:
                time.sleep(0.01)

    def _give_way(self) -> None:
        now = time.monotonic()
        if id(self.lease) in _present and self._priority(now - self.started) == Priority.BACKFILL:
            _present[id(self.lease)] = (Priority.BACKFILL, self.started)  # two long runs do not hold each other up
        self.stand_aside(GIVE_WAY * min(now - self._resumed, LONGEST_STEP))
        self._resumed = time.monotonic()

    # --- telling ----------------------------------------------------------------------------------------------------

    def report(self, store: Store, phase: str) -> None:
        self.lease.keep()  # the counts are the successor's when it is lost
        told = {"stream": store.stream.collection_name, "entity": store.stream.entity, "phase": phase}
        if any(self.run.progress.get(name) != value for name, value in told.items()):  # its rate is counted from here
            begun = {name: number for name, number in self.run.counts.items() if ":" not in name}
            self.run.progress = told | {"id": str(store.stream.pk), "since": now_text(), "begun": begun}
        self.run.counts["requests"] = self.run.counts.get("requests", 0) + self._new_requests()
        SyncLog.objects.filter(pk=self.run.pk).update(progress=self.run.progress, counts=dict(self.run.counts))

    def _new_requests(self) -> int:
        now = self.adapter.transport.stats.requests if self.adapter.transport else 0
        new, self._counted = now - self._counted, now
        return new
