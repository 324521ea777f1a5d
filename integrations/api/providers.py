"""Endpoints: the tools that can be connected."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpRequest
from ninja import Router

from integrations.api.callers import VIEWER
from integrations.api.paging import page_of
from integrations.api.schemas.providers import Provider
from integrations.services import connect

router = Router(tags=["Providers"], auth=VIEWER)

ProviderPage = page_of(Provider)


@router.get("", response=ProviderPage)
def list_providers(request: HttpRequest) -> Any:
    """What can be connected. Always whole."""
    return ProviderPage(items=[Provider.of(row) for row in connect.providers()])


@router.get("/{slug}", response=Provider)
def get_provider(request: HttpRequest, slug: str) -> Any:
    """One provider: what it asks for to connect, and what its API allows."""
    row = next((row for row in connect.providers() if row.slug == slug), None)
    if row is None:
        raise Http404
    return Provider.of(row)
