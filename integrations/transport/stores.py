"""Where the state of limits and breakers is kept, so that all workers see the same: memory, Redis or PostgreSQL (ADR 0014).

`change` is the one step that everything is made of: read some keys, decide, write, with nobody in between. `counters` is the
`limits` library's storage in the same place, for what only counts and expires (the circuit breaker).
"""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from limits.storage import MemoryStorage, RedisStorage, Storage

T = TypeVar("T")
#: {key: text}; a key that holds nothing is missing.
Found = Mapping[str, Any]
#: {key: (text, seconds to keep it)}
Changes = Mapping[str, tuple[str, float]]


class Store(ABC):
    counters: Storage

    @abstractmethod
    def change(self, keys: Sequence[str], step: Callable[[Found, float], tuple[Changes, T]]) -> tuple[T, float]:
        """Read the keys, hand them with the time to `step`, write its changes; answers what it answers beside them, and when.

        The time is in seconds since 1970, on one clock for all workers: that of the step may be a little early, that of the
        answer is not. `step` may be called more than once.
        """

    @abstractmethod
    def read(self, keys: Sequence[str]) -> tuple[Found, float]:
        """What stands there now, and the time."""

    @abstractmethod
    def reset(self) -> None:
        """Forget everything."""


class MemoryStore(Store):
    """For one process. clock: seconds since 1970."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self.counters = MemoryStorage()
        self._clock = clock
        self._kept: dict[str, str] = {}
        self._lock = threading.Lock()

    def change(self, keys: Sequence[str], step: Callable[[Found, float], tuple[Changes, T]]) -> tuple[T, float]:
        with self._lock:
            now = self._clock()
            changes, result = step(self._kept, now)
            self._kept |= {key: text for key, (text, _seconds) in changes.items()}
            return result, now

    def read(self, keys: Sequence[str]) -> tuple[Found, float]:
        return self._kept, self._clock()

    def reset(self) -> None:
        self.counters.reset()
        self._kept.clear()


class RedisStore(Store):
    """Optimistic: whoever finds that a key changed meanwhile decides again. Somebody always gets through."""

    PREFIX = "raccord:limits:"

    def __init__(self, url: str) -> None:
        self.counters = RedisStorage(url)
        self._redis: Any = self.counters.storage

    def change(self, keys: Sequence[str], step: Callable[[Found, float], tuple[Changes, T]]) -> tuple[T, float]:
        from redis import WatchError

        names = [self.PREFIX + key for key in keys]
        with self._redis.pipeline() as pipe:
            while True:
                try:
                    pipe.watch(*names)
                    found, now = self._found(keys, pipe.mget(names)), _seconds(pipe.time())
                    changes, result = step(found, now)
                    pipe.multi()
                    for key, (text, seconds) in changes.items():
                        pipe.set(self.PREFIX + key, text, px=int(seconds * 1000))
                    pipe.execute()
                except WatchError:
                    continue
                return result, now

    def read(self, keys: Sequence[str]) -> tuple[Found, float]:
        found = self._redis.mget([self.PREFIX + key for key in keys]) if keys else []
        return self._found(keys, found), _seconds(self._redis.time())

    def reset(self) -> None:
        self.counters.reset()
        for name in self._redis.scan_iter(self.PREFIX + "*"):
            self._redis.delete(name)

    def _found(self, keys: Sequence[str], values: Sequence[Any]) -> Found:
        return dict(zip(keys, values, strict=True))


def _seconds(told: tuple[int, int]) -> float:
    return told[0] + told[1] / 1_000_000
