"""What a transport did: counters for the run, and the last failures for whoever has to understand one."""

from __future__ import annotations

import datetime as dt
import threading
from dataclasses import dataclass, field

import httpx

from integrations.adapters import errors
from integrations.transport import quota
from integrations.transport.quota import Quota
from integrations.transport.secrets import Redactor

KEPT_TEXT = 4096


@dataclass(slots=True)
class Stats:
    """Counters of one transport. refused: answers that said "later". waited: seconds. told: what is left, by the last answer."""

    requests: int = 0
    retries: int = 0
    refused: int = 0
    waited: float = 0.0
    bytes_in: int = 0
    bytes_out: int = 0
    last_status: int | None = None
    last_retry_after: float | None = None
    told: tuple[Quota, ...] = ()
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    def answered(
        self, request: httpx.Request, answer: httpx.Response | None, error: errors.AdapterError | None
    ) -> None:
        with self._lock:
            self.requests += 1
            self.bytes_out += int(request.headers.get("content-length", 0))
            if answer is not None:
                self.bytes_in += len(answer.content)
                self.last_status = answer.status_code
                self.told = quota.told(answer.headers) or self.told
            if isinstance(error, errors.RateLimited):
                self.refused += 1
                self.last_retry_after = error.retry_after

    def retried(self, seconds: float) -> None:
        with self._lock:
            self.retries += 1
            self.waited += seconds

    def rested(self, seconds: float) -> None:
        with self._lock:
            self.waited += seconds


@dataclass(frozen=True, slots=True)
class Failure:
    """A request that failed and its answer: free of secrets, cut to a readable length."""

    at: dt.datetime
    method: str
    url: str
    error: str
    request_headers: dict[str, str]
    request_body: str
    status: int | None = None
    response_headers: dict[str, str] = field(default_factory=dict)
    response_body: str = ""

    @classmethod
    def of(
        cls, request: httpx.Request, answer: httpx.Response | None, error: errors.AdapterError, redact: Redactor
    ) -> Failure:
        try:
            sent = request.content
        except httpx.RequestNotRead:  # a streamed upload: gone
            sent = b""
        return cls(
            at=dt.datetime.now(dt.UTC),
            method=request.method,
            url=redact(str(request.url)),
            error=f"{type(error).__name__}: {redact(str(error))}"[:KEPT_TEXT],
            request_headers=redact.headers(request.headers.items()),
            request_body=_shown(sent, redact),
            status=answer.status_code if answer is not None else None,
            response_headers=redact.headers(answer.headers.items()) if answer is not None else {},
            response_body=_shown(answer.content, redact) if answer is not None else "",
        )


def _shown(body: bytes, redact: Redactor) -> str:
    """Cut after redacting, for half a secret would not be recognised; and roughly before, for a body may be long."""
    return redact(body[: 16 * KEPT_TEXT].decode("utf-8", "replace"))[:KEPT_TEXT]
