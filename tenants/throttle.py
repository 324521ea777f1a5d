"""Slowing down who guesses passwords: per address and per e-mail, shared by all processes where the store is shared."""

from __future__ import annotations

import time
from functools import cache
from typing import cast

from django.conf import settings
from django.http import HttpRequest
from limits import RateLimitItem, parse
from limits.storage import Storage, storage_from_string
from limits.strategies import MovingWindowRateLimiter


class TooMany(Exception):
    """Too many attempts; `seconds` until the next one is heard."""

    def __init__(self, seconds: int) -> None:
        super().__init__(f"wait {seconds} s")
        self.seconds = seconds


def attempt(request: HttpRequest, email: str) -> None:
    """Count an attempt before the password is looked at. Raises TooMany."""
    window, limit = _window(_store()), _limit()
    # Only failures count for the address: a whole office may sit behind one.
    if not window.test(limit, "address", address(request)):
        raise TooMany(_wait(window, limit, "address", address(request)))
    if not window.hit(limit, "email", email):
        raise TooMany(_wait(window, limit, "email", email))


def book(request: HttpRequest, what: str) -> None:
    """Count something else that one address may do so often only: a new organisation, a mail. Raises TooMany."""
    window, limit = _window(_store()), _limit()
    if not window.hit(limit, what, address(request)):
        raise TooMany(_wait(window, limit, what, address(request)))


def failed(request: HttpRequest) -> None:
    _window(_store()).hit(_limit(), "address", address(request))


def succeeded(email: str) -> None:
    _window(_store()).clear(_limit(), "email", email)


def is_barred(request: HttpRequest, what: str, limit: RateLimitItem) -> bool:
    """Whether this address has done `what` too often."""
    return not _window(_store()).test(limit, what, address(request))


def note(request: HttpRequest, what: str, limit: RateLimitItem) -> None:
    """This address has done `what` once more."""
    _window(_store()).hit(limit, what, address(request))


def reset() -> None:
    """Forget all attempts; for tests."""
    _store().reset()


def address(request: HttpRequest) -> str:
    """Who calls. Behind our own proxy the last forwarded address is the one that the proxy saw."""
    forwarded = request.headers.get("X-Forwarded-For", "") if settings.SECURE_PROXY_SSL_HEADER else ""
    return forwarded.rpartition(",")[2].strip() or request.META.get("REMOTE_ADDR", "")


def _store() -> Storage:
    location = str(settings.CACHES["default"].get("LOCATION", ""))
    return _open(settings.RATE_LIMIT_STORAGE or (location if location.startswith("redis") else "memory://"))


@cache
def _open(uri: str) -> Storage:
    return cast(Storage, storage_from_string(uri))


@cache
def _window(store: Storage) -> MovingWindowRateLimiter:
    return MovingWindowRateLimiter(store)


def _limit() -> RateLimitItem:
    return parse(settings.SIGN_IN_ATTEMPTS)


def _wait(window: MovingWindowRateLimiter, limit: RateLimitItem, *key: str) -> int:
    return max(1, round(window.get_window_stats(limit, *key).reset_time - time.time()))
