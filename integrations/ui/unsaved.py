"""The drafts of the person who asks: kept at every change on a page, shown when they come back, gone once saved."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, QueryDict

from integrations.models import Draft, IntegrationInstance
from integrations.services import drafts
from integrations.ui import meanwhile
from tenants.middleware import person


def of(request: HttpRequest, integration: IntegrationInstance, page: str) -> Draft | None:
    return drafts.find(integration, str(person(request).pk), page)


def keep(request: HttpRequest, integration: IntegrationInstance, page: str, data: Any) -> None:
    """data: JSON. A posted form is kept without what belongs to the request.

    A page that was saved while this was on its way has nothing unsaved any more.
    """
    seen = meanwhile.carried(request, integration)
    if integration.edits.filter(pk__gt=seen, by=str(request.user)).exists():
        return
    if isinstance(data, dict):
        data = {name: value for name, value in data.items() if name not in ("csrfmiddlewaretoken", "seen", "do")}
    drafts.keep(integration, str(person(request).pk), page, data, seen)


def forget(request: HttpRequest, integration: IntegrationInstance, page: str) -> None:
    drafts.forget(integration, str(person(request).pk), page)


def as_posted(draft: Draft) -> QueryDict:
    data = QueryDict(mutable=True)
    for name, values in draft.data.items():
        data.setlist(name, values)
    return data
