"""The addresses of our hosts."""

from __future__ import annotations

from django.conf import settings


def public_url() -> str:
    """Of the public host, without a slash at the end."""
    port = f":{settings.PUBLIC_PORT}" if settings.PUBLIC_PORT else ""
    return f"{settings.PUBLIC_SCHEME}://{settings.PUBLIC_HOST}{port}"
