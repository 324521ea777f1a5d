"""Who calls: a bearer token of this tenant, or a member signed in on its pages."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from django.conf import settings
from django.core.cache import caches
from django.http import HttpRequest
from django.utils.translation import gettext as _
from limits import parse
from limits.storage import storage_from_string
from limits.strategies import MovingWindowRateLimiter
from ninja.security.base import AuthBase
from ninja.utils import check_csrf

from crm.feed import Actor
from integrations.api.problems import Problem
from tenants import throttle, tokens
from tenants.models import RANK, Role

SAFE = ("GET", "HEAD", "OPTIONS")
WRONG_TOKENS = parse("20/minute")  # per address
#: First parts of addresses about records; all others are about connections, but for webhooks.
RECORDS = {"records", "entities", "imports", "exports", "views"}
SETTINGS = {"organisation", "members", "invitations", "tokens"}
#: A token that was right lately is heard also from an address whose other tokens are wrong: an office shares one.
TRUSTED_SECONDS = 3600


@dataclass(frozen=True, slots=True)
class Caller:
    """`role` as in tenants.models.RANK. scopes: of a token that may only some things, in one `area` more than in another."""

    kind: Literal["token", "person"]
    id: str
    label: str
    role: str
    scopes: tuple[str, ...] = ()
    area: str = ""

    def may(self, role: str) -> bool:
        return tokens.allows(self.role, self.scopes, self.area, role)

    @property
    def key(self) -> str:
        return f"{self.kind}:{self.id}"

    @property
    def actor(self) -> Actor:
        """How the change feed names who changed a record."""
        return Actor("api" if self.kind == "token" else "user", self.id, self.label)

    @property
    def trigger(self) -> str:
        """How a run names who asked for it."""
        return "api" if self.kind == "token" else "person"


class AtLeast(AuthBase):
    """An endpoint's rule: who calls has at least this role."""

    openapi_type = "http"
    openapi_scheme = "bearer"
    openapi_description = "A token from Settings → API tokens, or from `manage.py create_api_token TENANT`."

    def __init__(self, role: str) -> None:
        self.role = role
        super().__init__()

    def __call__(self, request: HttpRequest) -> Caller:
        caller: Caller = request.caller
        if not caller.may(self.role) and caller.scopes:
            raise Problem("forbidden", _scope_missing(caller.area, self.role))
        if not caller.may(self.role):
            raise Problem(
                "forbidden",
                _("This needs the role “%(needed)s”; yours is “%(role)s”.")
                % {"needed": Role(self.role).label, "role": Role(caller.role).label},
            )
        return caller


class OfOneself(AtLeast):
    """What anybody changes of their own; a token, whose maker is not there to see it, needs to be one that may write."""

    def __call__(self, request: HttpRequest) -> Caller:
        return super().__call__(request) if request.caller.kind == "token" else VIEWER(request)


VIEWER, MEMBER, ADMIN = AtLeast(Role.VIEWER), AtLeast(Role.MEMBER), AtLeast(Role.ADMIN)
OWN = OfOneself(Role.MEMBER)


def identify(request: HttpRequest) -> Caller:
    """Raises Problem: unauthorized, too_many_attempts, csrf_failed, or not_found for whom this host does not exist."""
    if "Authorization" in request.headers:
        return _by_token(request)
    if not request.user.is_authenticated:
        raise _unauthorized(_("Send a token: “Authorization: Bearer rac_…”."))
    if request.membership is None:
        raise Problem("not_found", _("It is not here, or not any more."))
    if request.method not in SAFE and check_csrf(request):
        raise Problem("csrf_failed", _("Send the page's CSRF token in the header X-CSRFToken, or use a token."))
    return Caller("person", str(request.user.pk), str(request.user), request.membership.role)


def _by_token(request: HttpRequest) -> Caller:
    scheme, _space, plain = request.headers["Authorization"].partition(" ")
    plain = plain.strip()
    trusted = "api-token-" + hashlib.sha256(plain.encode()).hexdigest()
    address = throttle.address(request)
    window = _window(throttle_storage())
    cache_ = caches["default"]
    if not cache_.get(trusted) and not window.test(WRONG_TOKENS, "api-token", address):
        raise _slow_down(window, address)
    token = tokens.find(plain) if scheme.lower() == "bearer" and plain.isascii() else None
    if token is None or token.tenant_id != request.tenant.pk:
        cache_.delete(trusted)
        window.hit(WRONG_TOKENS, "api-token", address)
        raise _unauthorized(_("The token is unknown here, or was revoked."))
    cache_.set(trusted, 1, TRUSTED_SECONDS)
    return Caller("token", str(token.pk), token.name, token.role, tuple(token.scopes), area_of(request.path))


def area_of(path: str) -> str:
    """The part of the API that an address belongs to, as the scopes of tokens divide it."""
    part = path.removeprefix("/api/v1/").partition("/")[0]
    if part == "webhook-endpoints":
        return "webhooks"
    if part in SETTINGS or (part == "entities" and "/fields" in path):
        return "settings"
    return "records" if part in RECORDS else "syncs"


def _scope_missing(area: str, role: str) -> str:
    fit = [name for name, scope in tokens.SCOPES.items() if scope.area == area and RANK[scope.role] >= RANK[Role(role)]]
    if not fit:
        return _("No token may do this.")
    return _("This needs the scope “%(scope)s”, which the token was not given.") % {"scope": fit[0]}


def _unauthorized(detail: str) -> Problem:
    return Problem("unauthorized", detail, headers={"WWW-Authenticate": 'Bearer realm="Raccord"'})


def _slow_down(window: MovingWindowRateLimiter, address: str) -> Problem:
    wait = max(1, round(window.get_window_stats(WRONG_TOKENS, "api-token", address).reset_time - time.time()))
    return Problem(
        "too_many_attempts",
        _("Too many wrong tokens came from your address. Wait %(seconds)s seconds.") % {"seconds": wait},
        headers={"Retry-After": str(wait)},
    )


def throttle_storage() -> str:
    """Shared by all processes where there is a shared store."""
    location = str(settings.CACHES["default"].get("LOCATION", ""))
    return settings.RATE_LIMIT_STORAGE or (location if location.startswith("redis") else "memory://")


@cache
def _window(uri: str) -> Any:
    return MovingWindowRateLimiter(storage_from_string(uri))


def forget_attempts() -> None:
    """For tests."""
    _window(throttle_storage()).storage.reset()
