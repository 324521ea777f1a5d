"""Rate limits: never more than N in any window, and no standstill after a burst."""

from __future__ import annotations

import threading
import time

from integrations.adapters.base import RateLimit
from integrations.transport.limiter import Limiter


def run(limiter: Limiter, limit: RateLimit, seconds: float, bucket: str = "a") -> list[float]:
    """Asks as fast as it may; answers when each request went out."""
    sent, end = [], time.monotonic() + seconds
    while time.monotonic() < end:
        if wait := limiter.take(bucket, [limit]):
            time.sleep(wait)
        else:
            sent.append(time.monotonic())
    return sent


def most_in_a_window(sent: list[float], seconds: float) -> int:
    return max(sum(start <= each < start + seconds for each in sent) for start in sent)


def test_no_window_has_more_than_allowed() -> None:
    sent = run(Limiter(), RateLimit(20, 1), 3.2)
    assert most_in_a_window(sent, 0.99) <= 20
    assert len(sent) >= 55  # and what is allowed is used


def test_after_a_burst_the_rest_is_spread() -> None:
    sent = run(Limiter(), RateLimit(40, 2), 5)
    gaps = [later - earlier for earlier, later in zip(sent, sent[1:], strict=False)]
    assert max(gaps) < 0.5  # not two seconds
    assert sent[19] - sent[0] < 0.3  # the first half goes out at once


def test_workers_share_a_bucket() -> None:
    limiter, found = Limiter(), []
    limit = RateLimit(20, 1)
    workers = [threading.Thread(target=lambda: found.extend(run(limiter, limit, 2.1))) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert most_in_a_window(sorted(found), 0.98) <= 20


def test_buckets_do_not_disturb_each_other() -> None:
    limiter, limit = Limiter(), RateLimit(4, 60)
    assert [limiter.take("a", [limit]) for _ in range(2)] == [0.0, 0.0]
    assert limiter.take("a", [limit]) > 0
    assert limiter.take("b", [limit]) == 0


def test_a_shorter_pause_never_cuts_a_longer_one() -> None:
    limiter = Limiter()
    limiter.pause("a", 30)
    limiter.pause("a", 5)
    assert 25 < limiter.paused("a") <= 30
    assert limiter.paused("b") == 0


def test_a_pause_ends() -> None:
    limiter = Limiter()
    limiter.pause("a", 1)
    time.sleep(1.1)
    assert limiter.paused("a") == 0
