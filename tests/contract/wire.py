"""Between the transport and the network: where a worker dies, or an answer is lost, at a request of our choice."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx


class Killed(BaseException):
    """The worker is gone, as with SIGKILL: nothing of ours may catch this."""


class Wire:
    """Lets requests through; to the `at`-th that `concerns` picks it does `what`, before or after its effect."""

    def __init__(self, concerns: Callable[[httpx.Request], bool]) -> None:
        self.concerns = concerns
        self.at = -1
        self.what: Callable[[httpx.Request, Callable[[], httpx.Response]], httpx.Response] | None = None
        self.count = 0

    def break_at(self, number: int, fault: str) -> None:
        self.count, self.at, self.what = 0, number, FAULTS[fault]

    def mend(self) -> None:
        self.count, self.at = 0, -1

    def carry(self, request: httpx.Request, send: Callable[[], httpx.Response]) -> httpx.Response:
        if not self.concerns(request):
            return send()
        number, self.count = self.count, self.count + 1
        return self.what(request, send) if number == self.at and self.what else send()

    def install(self, monkeypatch: Any) -> None:
        real = httpx.HTTPTransport.handle_request
        monkeypatch.setattr(
            httpx.HTTPTransport,
            "handle_request",
            lambda door, request: self.carry(request, lambda: real(door, request)),
        )


def _dies_before(request: httpx.Request, send: Callable[[], httpx.Response]) -> httpx.Response:
    raise Killed("before the request went out")


def _dies_after(request: httpx.Request, send: Callable[[], httpx.Response]) -> httpx.Response:
    send().read()
    raise Killed("before the answer was looked at")


def _not_sent(request: httpx.Request, send: Callable[[], httpx.Response]) -> httpx.Response:
    raise httpx.WriteError("connection reset", request=request)


def _lost(request: httpx.Request, send: Callable[[], httpx.Response]) -> httpx.Response:
    send().read()
    raise httpx.ReadError("connection reset", request=request)


def _timeout(request: httpx.Request, send: Callable[[], httpx.Response]) -> httpx.Response:
    send().read()
    raise httpx.ReadTimeout("timed out", request=request)


def _error(request: httpx.Request, send: Callable[[], httpx.Response]) -> httpx.Response:
    send().read()
    return httpx.Response(500, text="<html>Internal Server Error</html>", request=request)


def _cut(request: httpx.Request, send: Callable[[], httpx.Response]) -> httpx.Response:
    answer = send()
    whole = answer.read()
    return httpx.Response(200, content=whole[: len(whole) // 2], headers={"content-type": "application/json"})


FAULTS = {
    "killed before": _dies_before,
    "killed after": _dies_after,
    "not sent": _not_sent,
    "answer lost": _lost,
    "timeout after": _timeout,
    "500 after": _error,
    "answer cut": _cut,
}
