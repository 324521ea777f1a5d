"""Adapters with everything that only the Django side knows: base URL, credentials, limits shared by all workers."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.db import connection

from integrations.adapters.base import Adapter, RateLimit
from integrations.adapters.registry import adapter_class, adapters
from integrations.catalog.models import Provider
from integrations.models import IntegrationInstance
from integrations.transport.breaker import Breaker, Look
from integrations.transport.http import Transport
from integrations.transport.limiter import Limiter

#: One short retry; a longer pause that the tool asks for is told instead of sat through.
PERSON_WAITS: dict[str, Any] = {"waits": (1,), "max_wait": 10.0}


class ProviderOff(Exception):
    """Staff switched the provider off, or its adapter is gone."""


class NotConnected(Exception):
    """The integration has no credentials yet."""


@cache
def limiter() -> Limiter:
    """One store for all workers: Redis where there is one, this process's memory otherwise."""
    url = settings.RATE_LIMIT_STORAGE or str(settings.CACHES["default"].get("LOCATION") or "")
    return Limiter(url if url.startswith(("redis:", "rediss:")) else "memory://")


def base_url_of(slug: str) -> str:
    return settings.PROVIDER_BASE_URLS.get(slug) or adapter_class(slug).manifest.base_url


def breaker_of(slug: str) -> Breaker:
    return Breaker(limiter().storage, f"{slug} at {base_url_of(slug)}")


def breakers() -> dict[str, Look]:
    """How the circuit breaker of every provider stands, for staff."""
    return {slug: breaker_of(slug).look() for slug in adapters()}


def open_adapter(integration: IntegrationInstance, before_send: Callable[[bool], None] | None = None) -> Adapter:
    """The adapter of an integration with its stored credentials. Raises ProviderOff, NotConnected. Close it after use."""
    if not integration.credentials:
        raise NotConnected(integration.name)
    return open_with(
        integration.provider,
        integration.credentials.open(),
        bucket=f"{integration.provider}:{connection.schema_name}:{integration.pk}",
        before_send=before_send,
    )


def open_with(
    slug: str,
    credentials: Mapping[str, str],
    bucket: str = "",
    before_send: Callable[[bool], None] | None = None,
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
    limits = cls.manifest.limits
    if provider.requests_per_minute:
        limits = (RateLimit(provider.requests_per_minute, 60),)
    transport = Transport(
        base_url=base_url,
        bucket=bucket or f"{slug}:check:{hashlib.sha256(repr(sorted(credentials.items())).encode()).hexdigest()[:16]}",
        limits=limits,
        limiter=limiter(),
        breaker=breaker_of(slug) if before_send else None,
        timeout=settings.PROVIDER_TIMEOUT_SECONDS,
        **({} if before_send else PERSON_WAITS),
        before_send=before_send,
        secrets=[value for value in credentials.values() if value],
        allow_private=bool(override) and urlsplit(override).hostname in ("localhost", "127.0.0.1", "::1"),
    )
    return cls(credentials, transport)
