"""Where providers call us: on the public host, one address per app, or one per subscription."""

from __future__ import annotations

from uuid import UUID

from django.conf import settings
from django.urls import reverse

from integrations.adapters.base import Hooks
from integrations.adapters.registry import adapters
from integrations.catalog.models import Provider
from integrations.secrets import Secret


def hooks_of(provider: str) -> Hooks | None:
    """How the provider calls us; None when it does not, or its adapter is gone."""
    cls = adapters().get(provider)
    return cls.manifest.hooks if cls else None


def app_secret(provider: Provider, hooks: Hooks) -> Secret | None:
    """What calls to our app there are signed with; false while staff have not entered it."""
    return provider.client_secret if hooks.signed == "client" else provider.hook_secret


def address_of(provider: str, subscription: UUID | None = None) -> str:
    name, args = ("hooks:subscription", [provider, subscription]) if subscription else ("hooks:app", [provider])
    return host() + reverse(name, args=args, urlconf=settings.PUBLIC_SCHEMA_URLCONF)


def host() -> str:
    """The public host as providers know it. Signatures cover it, so it is never taken from a request."""
    port = f":{settings.PUBLIC_PORT}" if settings.PUBLIC_PORT else ""
    return f"{settings.PUBLIC_SCHEME}://{settings.PUBLIC_HOST}{port}"


def can_be_called(provider: str) -> bool:
    """Providers call https only; one at an address of ours (the sandbox) calls this machine, too."""
    return settings.PUBLIC_SCHEME == "https" or provider in settings.PROVIDER_BASE_URLS
