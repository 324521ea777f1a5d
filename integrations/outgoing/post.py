"""One POST to an address that a tenant chose: never into a private network, never for long, never elsewhere than told."""

from __future__ import annotations

import email.utils
import ssl
import time
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import httpcore
import httpx
from django.conf import settings

from integrations.transport.addresses import GuardedBackend, PrivateAddress

#: From the first byte out to the last one in; the answer is not waited for any longer, however slowly it drips.
SECONDS = 15.0
ANSWER_BYTES = 4096
MAX_WAIT = 3600.0
LOOPBACK = ("localhost", "127.0.0.1", "::1")
ERRORS = ("private_address", "unreachable", "timeout", "tls", "broken", "no_secret")


@dataclass(frozen=True, slots=True)
class Answer:
    """status: None when there was none, `error` then says why. text: cut. wait: seconds that it asks us to wait."""

    status: int | None
    error: str = ""
    text: str = ""
    ms: int = 0
    wait: float = 0.0

    @property
    def is_taken(self) -> bool:
        return self.status is not None and 200 <= self.status < 300

    @property
    def is_gone(self) -> bool:
        return self.status == 410


def may_be_plain(host: str) -> bool:
    """Whether http to this host is allowed: to this machine, while developing."""
    return settings.DEBUG and host in LOOPBACK


def post(url: str, body: str, headers: dict[str, str]) -> Answer:
    """Redirects are not followed: where they lead, nobody has checked, and the body is not meant for it."""
    host = (urlsplit(url).hostname or "").lower()
    started = time.monotonic()
    sent = {
        "content-type": "application/json",
        "user-agent": "Raccord-Webhooks/1",
        "accept-encoding": "identity",
    } | headers
    try:
        with httpx.Client(transport=_transport(host, started + SECONDS), timeout=SECONDS, trust_env=False) as client:
            with client.stream("POST", url, content=body.encode(), headers=sent) as response:
                text = _beginning(response)
                return Answer(response.status_code, "", text, _ms(started), _wait(response))
    except httpx.HTTPError as error:
        return Answer(None, _what(error), "", _ms(started))
    except (httpx.InvalidURL, UnicodeError):  # a name that no name can be is one that cannot be found
        return Answer(None, "unreachable", "", _ms(started))


def _beginning(response: httpx.Response) -> str:
    """As much of the answer as is kept. One that breaks off was an answer all the same."""
    found = b""
    try:
        for part in response.iter_raw():
            found += part
            if len(found) >= ANSWER_BYTES:
                break
    except httpx.TransportError:
        pass
    return found[:ANSWER_BYTES].decode(errors="replace").replace("\0", "\N{REPLACEMENT CHARACTER}")


def _what(error: httpx.HTTPError) -> str:
    if isinstance(error.__cause__, PrivateAddress):
        return "private_address"
    if isinstance(error, httpx.TimeoutException):
        return "timeout"
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLError):
            return "tls"
        cause = cause.__cause__ or cause.__context__
    return "unreachable" if isinstance(error, httpx.ConnectError) else "broken"


def _wait(response: httpx.Response) -> float:
    """Of Retry-After, in either of its forms."""
    asked = response.headers.get("retry-after", "")
    if asked.isdecimal():
        return min(float(asked), MAX_WAIT)
    try:
        until = email.utils.parsedate_to_datetime(asked).timestamp()
    except (TypeError, ValueError, OverflowError):
        return 0.0
    return min(max(0.0, until - time.time()), MAX_WAIT)


def _ms(started: float) -> int:
    return round((time.monotonic() - started) * 1000)


class _Backend(GuardedBackend):
    """Checked addresses, and one deadline for all that happens on the connection."""

    def __init__(self, trusted: str, until: float) -> None:
        super().__init__(trusted)
        self.until = until

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        left = _left(self.until, httpcore.ConnectTimeout)
        return _Stream(super().connect_tcp(host, port, left, local_address, socket_options), self.until)


class _Stream(httpcore.NetworkStream):
    """A timeout of httpx is for one read; a byte now and then would hold a worker for ever."""

    def __init__(self, inner: httpcore.NetworkStream, until: float) -> None:
        self.inner, self.until = inner, until

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self.inner.read(max_bytes, _left(self.until, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self.inner.write(buffer, _left(self.until, httpcore.WriteTimeout))

    def close(self) -> None:
        self.inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        left = _left(self.until, httpcore.ConnectTimeout)
        return _Stream(self.inner.start_tls(ssl_context, server_hostname, left), self.until)

    def get_extra_info(self, info: str) -> Any:
        return self.inner.get_extra_info(info)


def _left(until: float, late: type[Exception]) -> float:
    left = until - time.monotonic()
    if left <= 0:
        raise late("the time for this delivery is over")
    return left


def _transport(host: str, until: float) -> httpx.HTTPTransport:
    made = httpx.HTTPTransport(verify=_certificates(), retries=0)
    # As in transport/http.py: httpx does not pass httpcore's network backend on; a test sees to it that this keeps working.
    pool: Any = made._pool
    pool._network_backend = _Backend(host if may_be_plain(host) else "", until)
    return made


@cache
def _certificates() -> ssl.SSLContext:
    return httpx.create_ssl_context()
