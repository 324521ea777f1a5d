"""Adapters with everything that only the Django side knows: base URL, credentials, limits shared by all workers."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from functools import cache, partial
from typing import Any
from urllib.parse import urlsplit

import psycopg
from django.conf import settings
from django.db import connection

from integrations.adapters import errors
from integrations.adapters.base import Adapter, RateLimit
from integrations.adapters.registry import adapter_class, adapters
from integrations.catalog.models import Provider
from integrations.models import Grant, IntegrationInstance
from integrations.oauth.grants import GrantBearer
from integrations.scheduling.models import Priority
from integrations.secrets import CannotOpen
from integrations.services import calls
from integrations.transport.breaker import Breaker, Look
from integrations.transport.http import Bearer, Transport
from integrations.transport.limiter import Fill, Limiter
from integrations.transport.postgres import PostgresStore
from integrations.transport.stores import RedisStore
from integrations.webhooks.models import Subscription

#: How often a run repeats what may be repeated, and how long it waits for its turn.
RUN_WAITS: dict[str, Any] = {"waits": (1, 2, 4, 8, 16), "max_wait": 60.0}
#: Of a person: one short retry; a longer pause that the tool asks for is told instead of sat through.
PERSON_WAITS: dict[str, Any] = {"waits": (1,), "max_wait": 10.0}


class ProviderOff(Exception):
    """Staff switched the provider off, or its adapter is gone."""


class NotConnected(Exception):
    """The integration has no credentials yet."""


@cache
def limiter() -> Limiter:
    """One store for all workers: Redis where there is one, the database otherwise (ADR 0014)."""
    url = settings.RATE_LIMIT_STORAGE or str(settings.CACHES["default"].get("LOCATION") or "")
    return Limiter(RedisStore(url) if url.startswith(("redis:", "rediss:")) else PostgresStore(_own_connection))


def _own_connection() -> psycopg.Connection[Any]:
    """Beside Django's: what is counted must be seen at once, whatever transaction the caller is in.

    Prepared from the second time on, for it is one long statement that is asked before every request.
    """
    ours = {"cursor_factory": None, "context": None, "prepare_threshold": 1, "application_name": "raccord limits"}
    return psycopg.connect(**connection.get_connection_params() | ours, autocommit=True)


def base_url_of(slug: str) -> str:
    return settings.PROVIDER_BASE_URLS.get(slug) or adapter_class(slug).manifest.base_url


def breaker_of(slug: str) -> Breaker:
    return Breaker(limiter().store.counters, f"{slug} at {base_url_of(slug)}")


def breakers() -> dict[str, Look]:
    """How the circuit breaker of every provider stands, for staff."""
    return {slug: breaker_of(slug).look() for slug in adapters()}


def open_adapter(
    integration: IntegrationInstance,
    before_send: Callable[[bool], None] | None = None,
    priority: int = Priority.PERSON,
) -> Adapter:
    """The adapter of an integration with its stored credentials. Close it after use.

    Raises ProviderOff, NotConnected, KeyUnreadable.
    """
    credentials, bearer = _signing(integration)
    adapter = open_with(integration.provider, credentials, integration.account_id, before_send, priority, bearer)
    adapter.transport.on_close = partial(calls.add, integration)
    if adapter.manifest.hooks and adapter.manifest.hooks.made == "api":
        standing = Subscription.objects.filter(integration_id=integration.pk, is_wanted=True).exclude(remote_id="")
        adapter.subscriptions = dict(standing.values_list("collection", "remote_id"))
    return adapter


def _signing(integration: IntegrationInstance) -> tuple[Mapping[str, str], Bearer | None]:
    """What the adapter is given, and who signs in its stead. Of a token that is renewed it gets the present one."""
    if integration.auth_kind == "oauth2" and (grant := Grant.objects.filter(pk=integration.pk).first()):
        bearer = GrantBearer(grant)
        return {"token": bearer.held.token}, bearer
    if integration.credentials:
        try:
            return integration.credentials.open(), None
        except CannotOpen as error:
            raise errors.KeyUnreadable from error
    raise NotConnected(integration.name)


def limits_of(provider: Provider) -> tuple[RateLimit, ...]:
    """The documented limits. A number that staff sets stands for those of the account as a whole."""
    documented = adapter_class(provider.slug).manifest.limits
    if not provider.requests_per_minute:
        return documented
    return (RateLimit(provider.requests_per_minute, 60), *(limit for limit in documented if limit.path))


def account_name(slug: str, account_id: str) -> str:
    """Whose requests count together: of one account there, whichever integrations and tenants it has here."""
    return f"{slug}:{account_id}"


def _key_name(slug: str, credentials: Mapping[str, str]) -> str:
    """Until the tool has said whose key it is; then `Transport.belongs_to` carries over what was counted."""
    return f"{slug}:key {hashlib.sha256(repr(sorted(credentials.items())).encode()).hexdigest()[:16]}"


def open_with(
    slug: str,
    credentials: Mapping[str, str],
    account_id: str = "",
    before_send: Callable[[bool], None] | None = None,
    priority: int = Priority.PERSON,
    bearer: Bearer | None = None,
) -> Adapter:
    """An adapter for credentials that may not be stored yet (the connect step).

    Without `before_send` it is no run that asks but a person, who learns soon that the tool does not answer.
    """
    provider = Provider.objects.filter(slug=slug, is_active=True, is_present=True).first()
    if provider is None:
        raise ProviderOff(slug)
    cls = adapter_class(slug)
    override = settings.PROVIDER_BASE_URLS.get(slug)
    base_url = override or cls.manifest.base_url
    transport = Transport(
        base_url=base_url,
        bucket=account_name(slug, account_id) if account_id else _key_name(slug, credentials),
        limits=limits_of(provider),
        limiter=limiter(),
        priority=priority,
        breaker=breaker_of(slug) if before_send else None,
        timeout=settings.PROVIDER_TIMEOUT_SECONDS,
        **(RUN_WAITS if before_send else PERSON_WAITS),
        before_send=before_send,
        bearer=bearer,
        secrets=[value for value in credentials.values() if value],
        allow_private=bool(override) and urlsplit(override).hostname in ("localhost", "127.0.0.1", "::1"),
    )
    return cls(credentials, transport)


def fills(integration: IntegrationInstance) -> list[Fill]:
    """How full the limits of the integration's account are now, by its own and all others' requests."""
    provider = Provider.objects.filter(slug=integration.provider, is_present=True).first()
    if provider is None or not integration.account_id:
        return []
    return limiter().look(account_name(integration.provider, integration.account_id), limits_of(provider))
