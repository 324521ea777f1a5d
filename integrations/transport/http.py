"""The one HTTP door for all adapters: limits, waits, retries, classification, accounting, redaction.

An adapter gives `Transport.client` to its SDK, or uses it as it is; everything happens in the `httpx` transport below
it, so that it holds whatever the SDK does. Nothing of Django is known here.

What is repeated, and what never is:

* A read may be repeated freely: backoff on 5xx, timeouts, broken connections and unreadable bodies.
* A write is repeated only when it certainly was not carried out: the connection was refused, or the provider said
  "later" (429, 529). After anything else it is `OutcomeUnknown`, and the engine looks before it sends again.
"""

from __future__ import annotations

import logging
import math
import random
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, Protocol

import httpx

from integrations.adapters import errors
from integrations.transport.addresses import GuardedBackend, PrivateAddress
from integrations.transport.answers import Answer, UnreadableError, read_answer
from integrations.transport.breaker import Breaker
from integrations.transport.classify import classify
from integrations.transport.limiter import Booking, Limiter, Settled, narrowest
from integrations.transport.secrets import Redactor
from integrations.transport.stats import Failure, Stats
from integrations.transport.stores import MemoryStore

if TYPE_CHECKING:
    import ssl

    from integrations.adapters.base import RateLimit

log = logging.getLogger(__name__)

# httpx logs whole URLs (some providers want the key in the query) and httpcore whole headers: neither may reach a log.
logging.getLogger("httpx").setLevel(logging.WARNING)
logging.getLogger("httpcore").setLevel(logging.WARNING)

KEPT_FAILURES = 20
KEPT_ANSWERS = 100  # that the limiter has not been told of yet
MAX_REDIRECTS = 5
MEGABYTE = 1024 * 1024

#: Nothing had been sent when these were raised.
NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError, httpx.UnsupportedProtocol)


class Bearer(Protocol):
    """Supplies what goes into the Authorization header, for credentials that are renewed. Both raise one of `errors`."""

    def token(self) -> str:
        """The present token, renewed before it runs out."""

    def newer(self, refused: str) -> str | None:
        """A newer one than `refused`, which the provider did not take; None where there is none and it was refused rightly."""


class Sent:
    """When the last byte of a request left, by the monotonic clock: making a connection can take longer than an answer."""

    at: float | None = None

    def __call__(self, event: str, info: object) -> None:
        if event.endswith("send_request_body.complete"):
            self.at = time.monotonic()


class Interrupted(Exception):
    """Raised by `sleep`: nobody wants this request any more. Only waits are cut short, never a request that is under way."""


def only_get_and_head(method: str, path: str) -> bool:
    return method in ("GET", "HEAD")


class Transport:
    """HTTP for one credential of one provider. Thread-safe; close it when the run ends.

    base_url: from settings or the manifest, never from a tenant; its host may be private, no other may.
    bucket: "provider:account", shared by all workers that use this account. limits: the provider's, of that account and of all.
    limiter: where they are counted; None: by this transport alone. priority: lower goes first where several want the same.
    breaker: of the provider, shared by all its credentials; None for a person who wants to know now.
    waits: backoff in seconds, one per retry. max_wait: how long one request waits for its turn; longer raises RateLimited.
    sleep: may raise Interrupted; the request then ends with the error that it would have waited out.
    bearer: signs every request to the base URL's host; None where the adapter does that itself.
    before_send: called right before every attempt with whether it is a write; what it raises passes through.

    on_close: told what was done, once; set by whoever accounts for it.

    An adapter that knows its API better sets these in its `__init__`:
    is_read(method, path): the request may be repeated freely. `path` is the URL's path.
    read_error(response): the error that an answer >= 300 means, or None for the usual meaning of its status.
    is_json(method, path): the answer must be JSON; an unreadable one counts as a broken answer.
    """

    def __init__(
        self,
        *,
        base_url: str,
        bucket: str,
        limits: Sequence[RateLimit] = (),
        limiter: Limiter | None = None,
        priority: int = 0,
        breaker: Breaker | None = None,
        timeout: float = 60.0,
        waits: Sequence[float] = (1, 2, 4, 8, 16),
        max_wait: float = 60.0,
        is_read: Callable[[str, str], bool] = only_get_and_head,
        is_json: Callable[[str, str], bool] | None = None,
        read_error: Callable[[httpx.Response], errors.AdapterError | None] | None = None,
        before_send: Callable[[bool], None] | None = None,
        bearer: Bearer | None = None,
        secrets: Iterable[str] = (),
        allow_private: bool = False,
        max_bytes: int = 64 * MEGABYTE,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.base_url = base_url.rstrip("/")
        self.bucket = bucket
        self.limits = tuple(limits)
        self.limiter = limiter or Limiter(MemoryStore(self._time))
        self.priority = priority
        self.breaker = breaker
        self.timeout = timeout
        self.waits = tuple(waits)
        self.max_wait = max_wait
        self.is_read = is_read
        self.is_json = is_json
        self.read_error = read_error
        self.before_send = before_send
        self.bearer = bearer
        self.redact = Redactor(secrets)
        self.max_bytes = max_bytes
        self.sleep = sleep
        self.stats = Stats()
        self.on_close: Callable[[Stats], None] | None = None
        self._skipped = 0.0
        self._fastest = math.inf  # seconds from sending to answer
        self._settled: deque[Settled] = deque(maxlen=KEPT_ANSWERS)
        self.failures: deque[Failure] = deque(maxlen=KEPT_FAILURES)
        self._inner = _connections(httpx.URL(self.base_url), allow_private)
        self.client = httpx.Client(transport=_Door(self), base_url=self.base_url, timeout=timeout, trust_env=False)

    def close(self) -> None:
        self.client.close()
        if self.on_close:
            self.on_close(self.stats)
            self.on_close = None  # whoever closes twice is counted once

    def belongs_to(self, account: str) -> None:
        """Whose credential it is is known now: what it has asked so far counts in the bucket of this name, too."""
        if account != self.bucket:
            self.limiter.carry(self.bucket, account, self.limits, self._take_settled())
            self.bucket = account

    # --- one request, until there is an answer or a reason ----------------------------------------------------------

    def handle(self, request: httpx.Request) -> httpx.Response:
        """Raises one of `errors`, or what `before_send` raises."""
        write = not self.is_read(request.method, request.url.path)
        for attempt in range(len(self.waits) + 1):
            if self.breaker:
                self.breaker.ask()
            outcome = self._signed_attempt(request, write)
            if isinstance(outcome, httpx.Response):
                self._tell_breaker(None)
                return outcome
            wait = self._wait_before_retry(outcome, attempt, request)
            if wait is None:
                self._tell_breaker(outcome)
                raise outcome
            self.stats.retried(wait)
            try:
                self._sleep(wait)
            except Interrupted:
                raise outcome from None  # nothing was written, and the caller knows what to do after this
        raise AssertionError("unreachable: the last attempt returns or raises")

    def _tell_breaker(self, error: errors.AdapterError | None) -> None:
        """Any answer says that the provider is there; a write whose answer was lost says nothing."""
        if self.breaker and isinstance(error, errors.Unavailable):
            self.breaker.failed()
        elif self.breaker and not isinstance(error, errors.OutcomeUnknown):
            self.breaker.answered()

    def _wait_for_turn(self, path: str) -> Booking:
        waited = 0.0
        while True:
            turn = self.limiter.ask(self.bucket, self.limits, path, self.priority, self._take_settled())
            if isinstance(turn, Booking):
                return turn
            if waited + turn > self.max_wait:
                raise errors.RateLimited(f"everybody on {self.bucket} waits for {turn:.0f} s", retry_after=turn)
            waited += turn
            self._rest(turn)

    def _take_settled(self) -> list[Settled]:
        return [self._settled.popleft() for _ in range(len(self._settled))]

    def _rest(self, seconds: float) -> None:
        self.stats.rested(seconds)
        try:
            self._sleep(seconds)
        except Interrupted:
            raise errors.RateLimited("waiting for our turn was cut short", retry_after=1.0) from None

    def _sleep(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        self.sleep(seconds)
        self._skipped += max(0.0, until - time.monotonic())

    def _time(self) -> float:
        """A `sleep` that does not sleep (in tests) moves the clock of a transport's own limiter on."""
        return time.time() + self._skipped

    def _signed_attempt(self, request: httpx.Request, write: bool) -> httpx.Response | errors.AdapterError:
        """With the present token; once more with a newer one when that is refused, for then nothing was carried out."""
        base = httpx.URL(self.base_url)
        if self.bearer is None or (request.url.scheme, request.url.netloc) != (base.scheme, base.netloc):
            return self._attempt(request, write)  # a file on another host brings its own signature
        token = self.bearer.token()
        self._sign(request, token)
        outcome = self._attempt(request, write)
        if isinstance(outcome, errors.AuthenticationFailed) and (newer := self.bearer.newer(token)):
            self._sign(request, newer)
            outcome = self._attempt(request, write)
        return outcome

    def _sign(self, request: httpx.Request, token: str) -> None:
        self.redact.add(token)
        request.headers["Authorization"] = f"Bearer {token}"

    def _attempt(self, request: httpx.Request, write: bool) -> httpx.Response | errors.AdapterError:
        """One request in its turn and its answer, or the error it means (with its cause)."""
        booking = self._wait_for_turn(request.url.path)
        if self.before_send:
            self.before_send(write)
        started, sent = time.perf_counter(), Sent()
        request.extensions = {**request.extensions, "trace": sent}
        answer: Answer | None = None
        error: errors.AdapterError | None = None
        try:
            answer = self._exchange(request, write)
            if answer.status_code >= 300:
                error = classify(answer, request, write, self.read_error, self.redact)
        except (httpx.TransportError, UnreadableError) as cause:
            error = self._lost(request, write, cause)
            error.__cause__ = cause
        if answer is not None and sent.at is not None:
            self._fastest = min(self._fastest, time.monotonic() - sent.at)
        self._settled.append(Settled.now(booking, sent.at, self._fastest if self._fastest < math.inf else 0.0))
        self.stats.answered(request, answer, error)
        if log.isEnabledFor(logging.DEBUG):
            status = answer.status_code if answer is not None else type(error).__name__
            took = (time.perf_counter() - started) * 1000
            log.debug("%s %s %s %.0f ms", request.method, self.redact(request.url.path), status, took)
        if error is None:
            assert answer is not None  # noqa: S101 - for the type checker: no error means an answer
            return answer
        self.failures.append(Failure.of(request, answer, error, self.redact))
        return error

    def _exchange(self, request: httpx.Request, write: bool) -> Answer:
        due = self.is_json is None or self.is_json(request.method, request.url.path)
        answer = read_answer(self._inner.handle_request(request), self.max_bytes, due)
        for _ in range(MAX_REDIRECTS):
            location = answer.headers.get("location", "") if 300 <= answer.status_code < 400 else ""
            target = request.url.join(location) if location and not write else None
            # Another host would be given what is meant for this one; and a write is never sent twice.
            if target is None or (target.scheme, target.netloc) != (request.url.scheme, request.url.netloc):
                break
            again = httpx.Request("GET", target, headers=request.headers, extensions=request.extensions)
            answer = read_answer(self._inner.handle_request(again), self.max_bytes, due)
        return answer

    def _lost(self, request: httpx.Request, write: bool, cause: Exception) -> errors.AdapterError:
        what = self.redact(f"{request.method} {request.url.path}: {type(cause).__name__}: {cause}")
        if isinstance(cause.__cause__, PrivateAddress):
            return errors.AccessDenied(what)
        if isinstance(cause, UnreadableError) and cause.permanent:
            return errors.OutcomeUnknown(what) if write else errors.SchemaChanged(what)
        if write and not isinstance(cause, NOT_SENT):
            return errors.OutcomeUnknown(what)
        return errors.Unavailable(what)

    def _wait_before_retry(self, error: errors.AdapterError, attempt: int, request: httpx.Request) -> float | None:
        """Seconds until the next attempt, or None when there shall be none.

        Unavailable means that nothing was written, RateLimited that nothing was tried: both may be sent again.
        """
        last = attempt >= len(self.waits)
        if isinstance(error, errors.RateLimited):
            places = self.limiter.places(self.bucket, self.limits, request.url.path)
            self.limiter.pause(narrowest(places), error.retry_after)
            return None if last or error.retry_after > self.max_wait else error.retry_after
        if isinstance(error, errors.Unavailable) and not last:
            return self.waits[attempt] * (1 + random.random() / 4)  # noqa: S311 - jitter, not a secret
        return None


class _Door(httpx.BaseTransport):
    """What the SDK's client sends through."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        return self._transport.handle(request)

    def close(self) -> None:
        self._transport._inner.close()


@cache
def _ssl_context() -> ssl.SSLContext:
    return httpx.create_ssl_context()  # reads the certificates, some 20 ms: once per process


def _connections(base_url: httpx.URL, allow_private: bool) -> httpx.HTTPTransport:
    secure = base_url.scheme == "https"
    inner = httpx.HTTPTransport(verify=_ssl_context() if secure else False, retries=0)
    if not secure and base_url.scheme != "http":
        raise ValueError("a base URL begins with https:// or http://")
    if not allow_private:
        # httpx does not pass httpcore's network backend on; a test sees to it that this keeps working.
        pool: Any = inner._pool
        pool._network_backend = GuardedBackend(trusted=base_url.host)
    return inner


__all__ = ["Bearer", "Failure", "Interrupted", "Limiter", "Stats", "Transport", "only_get_and_head"]
