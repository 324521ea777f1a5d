"""What is said to a provider's token endpoint, and what it answers. What differs between them is data in `base.OAuth`."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any, Self
from urllib.parse import quote, urlencode, urlsplit

import httpx
from django.conf import settings
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from integrations.adapters import errors
from integrations.adapters.base import OAuth
from integrations.adapters.registry import adapters
from integrations.catalog.models import Provider
from integrations.secrets import CannotOpen, Secret
from integrations.transport.http import Transport


class GrantRefused(errors.AuthenticationFailed):
    """`invalid_grant`: this code or refresh token is not good (any more)."""


# --- our app at a provider ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class OurApp:
    """How we are known at one provider: its manifest's data, and what staff entered."""

    slug: str
    oauth: OAuth
    client_id: str
    sealed: Secret | None

    @classmethod
    def at(cls, slug: str) -> Self | None:
        """None where the adapter knows no OAuth or staff have not entered our app."""
        oauth = oauth_of(slug)
        row = Provider.objects.filter(slug=slug, is_active=True, is_present=True).first() if oauth else None
        if oauth is None or row is None or not row.client_id:
            return None
        return cls(slug, oauth, row.client_id, row.client_secret)

    @property
    def client_secret(self) -> str:
        """ "" of an app that has none: a public client. Raises AppRefused when it cannot be opened: staff enter it again."""
        try:
            return self.sealed.open() if self.sealed else ""
        except CannotOpen as error:
            raise errors.AppRefused("no key of INTEGRATION_ENCRYPTION_KEY opens the secret of our app") from error

    def url(self, documented: str) -> str:
        """PROVIDER_BASE_URLS stands for whatever host the provider documents."""
        override = settings.PROVIDER_BASE_URLS.get(self.slug)
        return f"{override.rstrip('/')}{urlsplit(documented).path}" if override else documented

    def authorize_url(self, state: str, redirect_uri: str, verifier: str) -> str:
        """Where the person is sent. verifier: of PKCE; used where the provider takes it."""
        asked = [scope.name for scope in self.oauth.scopes if not scope.optional]
        may = [scope.name for scope in self.oauth.scopes if scope.optional]
        query = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": redirect_uri,
            "state": state,
            **({"scope": " ".join(asked)} if asked else {}),
            **({"optional_scope": " ".join(may)} if may else {}),
            **({"code_challenge": challenge(verifier), "code_challenge_method": "S256"} if self.oauth.pkce else {}),
            **self.oauth.params,
        }
        return f"{self.url(self.oauth.authorize_url)}?{urlencode(query, quote_via=quote)}"


def oauth_of(slug: str) -> OAuth | None:
    cls = adapters().get(slug)
    return next((way.oauth for way in cls.manifest.auth if way.oauth), None) if cls else None


def challenge(verifier: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


# --- what it answers ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Tokens:
    """One answer of a token endpoint. Times are aware UTC; expires_at None: the provider does not say.

    renew_by: when an unused grant has lived half of its time; None: it lives for ever.
    """

    token: str
    refresh_token: str
    scope: str
    issued_at: dt.datetime
    expires_at: dt.datetime | None
    renew_by: dt.datetime | None

    @classmethod
    def read(cls, answer: Mapping[str, Any], oauth: OAuth, now: dt.datetime) -> Self:
        """Raises SchemaChanged. Times may come as seconds from now (most) or as a moment (Square)."""
        token = answer.get("access_token")
        if not isinstance(token, str) or not token:
            raise errors.SchemaChanged("the answer of the token endpoint holds no access_token")
        lives = _seconds(answer.get("expires_in")) or oauth.seconds
        told = parse_datetime(str(answer.get("expires_at") or ""))
        idle = (
            _seconds(answer.get("refresh_expires_in") or answer.get("refresh_token_expires_in")) or oauth.idle_seconds
        )
        scope = answer.get("scope") or answer.get("scopes") or ""
        return cls(
            token=token,
            refresh_token=answer.get("refresh_token") or "",
            scope=" ".join(map(str, scope)) if isinstance(scope, list) else str(scope),
            issued_at=now,
            expires_at=told or (now + dt.timedelta(seconds=lives) if lives else None),
            renew_by=now + dt.timedelta(seconds=idle / 2) if idle else None,
        )

    def after(self, refresh_token: str) -> Self:
        """Some providers give no new refresh token with a renewal: the one that was used is still good."""
        return self if self.refresh_token else replace(self, refresh_token=refresh_token)

    def to_json(self) -> dict[str, Any]:
        return {name: _text(getattr(self, name)) for name in self.__slots__}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        moments = {name: stored[name] and parse_datetime(stored[name]) for name in ("expires_at", "renew_by")}
        issued_at = dt.datetime.fromisoformat(stored["issued_at"])
        return cls(stored["token"], stored["refresh_token"], stored["scope"], issued_at, **moments)


def _seconds(value: Any) -> float:
    try:
        return max(0.0, float(value or 0))
    except (TypeError, ValueError):
        return 0.0


def _text(value: Any) -> Any:
    return value.isoformat() if isinstance(value, dt.datetime) else value


# --- the two requests -----------------------------------------------------------------------------------------------


def exchange(app: OurApp, code: str, redirect_uri: str, verifier: str) -> Tokens:
    """A code for tokens. Raises GrantRefused, AppRefused, RateLimited, Unavailable, OutcomeUnknown."""
    given = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect_uri}
    return _ask(app, given | ({"code_verifier": verifier} if app.oauth.pkce else {}), [code, verifier])


def refresh(app: OurApp, refresh_token: str) -> Tokens:
    """Newer tokens. Raises as `exchange` does, and VersionMismatch when somebody else renews at this moment."""
    given = {"grant_type": "refresh_token", "refresh_token": refresh_token}
    return _ask(app, given, [refresh_token]).after(refresh_token)


def revoke(app: OurApp, token: str) -> None:
    """Have a token, and what was given with it, end there (RFC 7009). Raises an AdapterError; one unknown there is no error."""
    _post(app, app.oauth.revoke_url, {"token": token}, [token])


def _ask(app: OurApp, given: dict[str, str], secrets: list[str]) -> Tokens:
    now = timezone.now()
    answer = _post(app, app.oauth.token_url, given, secrets).json()
    if not isinstance(answer, dict):
        raise errors.SchemaChanged("the token endpoint answers no object")
    return Tokens.read(answer, app.oauth, now)


def _post(app: OurApp, documented: str, given: dict[str, str], secrets: list[str]) -> httpx.Response:
    headers, client_secret = {"Accept": "application/json"}, app.client_secret
    if app.oauth.client == "basic" and client_secret:
        # RFC 6749 2.3.1: both parts are form-encoded before they are joined.
        pair = f"{quote(app.client_id, safe='')}:{quote(client_secret, safe='')}"
        headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
    else:
        given = given | {"client_id": app.client_id}
        given |= {"client_secret": client_secret} if client_secret else {}
    url = app.url(documented)
    with closing(_transport(app, url, [client_secret, *secrets])) as transport:
        body: dict[str, Any] = {"json": given} if app.oauth.body == "json" else {"data": given}
        return transport.client.post(url, headers=headers, **body)


def _transport(app: OurApp, url: str, secrets: list[str]) -> Transport:
    """Every request counts as a write: one whose answer is lost is not simply sent again."""
    parts = urlsplit(url)
    return Transport(
        base_url=f"{parts.scheme}://{parts.netloc}",
        bucket=f"{app.slug}:oauth",
        timeout=settings.PROVIDER_TIMEOUT_SECONDS,
        waits=(),
        max_wait=5.0,
        is_read=lambda method, path: False,
        read_error=_read_error,
        secrets=[secret for secret in secrets if secret],
        allow_private=app.slug in settings.PROVIDER_BASE_URLS and parts.hostname in ("localhost", "127.0.0.1", "::1"),
    )


def _read_error(response: httpx.Response) -> errors.AdapterError | None:
    """RFC 6749 5.2. What is neither a bad grant nor trouble that passes is our app's fault, and ends nobody's grant."""
    if response.status_code in (408, 409, 425, 429) or response.status_code >= 500 or response.status_code < 400:
        return None
    try:
        body = response.json()
    except ValueError:
        body = {}
    said = body if isinstance(body, dict) else {}
    code = str(said.get("error") or said.get("code") or said.get("type") or response.status_code)
    text = f"{code}: {said.get('error_description') or said.get('message') or ''}".rstrip(": ")[:300]
    return GrantRefused(text) if code == "invalid_grant" else errors.AppRefused(text)
