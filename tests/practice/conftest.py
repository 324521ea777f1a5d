"""
===========  ====================================================================================================
practising   a tenant whose owner started practising: {"browser", "integration", "workspace", "people", …}, by real HTTP
===========  ====================================================================================================
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.db import connection

from tests.integrations.ui.conftest import run


@dataclass
class Practising:
    """A person with the practice table in one tab and Raccord in the other; and the worker."""

    browser: Any
    integration: Any
    stream: Any

    @property
    def workspace(self) -> Any:
        from practice.models import Workspace

        return Workspace.objects.get(integration_id=self.integration.pk)

    @property
    def people(self) -> Any:
        return self.workspace.tables.get(slug="people")

    def row(self, ident: str) -> Any:
        return self.people.rows.get(ident=ident)

    def url(self, rest: str = "") -> str:
        return f"/practice/{self.workspace.pk}/people/{rest}"

    def post(self, rest: str, **data: Any) -> Any:
        return self.browser.post(self.url(rest), data)

    def edit(self, ident: str, field: str, value: str) -> None:
        assert self.post(f"rows/{ident}/cells/{field}/", value=value).status_code == 303

    def switch(self, name: str) -> None:
        assert self.post("switches/", switch=name).status_code == 303

    def sync(self) -> Any:
        """As a person asks for it and a worker does it; answers the run."""
        from integrations.services import lifecycle

        self.integration.refresh_from_db()
        lifecycle.sync_now(self.integration)
        run(self.integration)
        self.integration.refresh_from_db()
        return self.integration.runs.order_by("-started_at").first()

    def contact(self, name: str) -> Any:
        from crm.models import Contact

        return Contact.objects.get(name=name)


@pytest.fixture
def practising(
    live_tenant: Any, live_site: str, sign_in: Any, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> Practising:
    from integrations.models import IntegrationInstance
    from integrations.services import adapters, lifecycle, streams
    from practice import faults

    settings.PROVIDER_BASE_URLS = {"practice": f"http://127.0.0.1:{urlsplit(live_site).port}/practice/api"}
    monkeypatch.setattr(faults, "RETRY_AFTER", 0)
    monkeypatch.setattr(faults, "SLOW_SECONDS", 0.01)
    for waits in (adapters.RUN_WAITS, adapters.PERSON_WAITS):
        monkeypatch.setitem(waits, "waits", (0,) * len(waits["waits"]))  # as often, and at once
    browser = sign_in(live_tenant.owner, live_tenant)
    answer = browser.post("/connections/new/practice/", {"way": "given", "name": "Practice"})
    assert answer.status_code == 303 and answer["Location"].endswith("/setup/map/")
    integration = IntegrationInstance.objects.get()
    stream = streams.add(integration, "people", "contact", match_fields=["email"])
    lifecycle.activate(integration)
    run(integration)
    integration.refresh_from_db()
    connection.set_tenant(live_tenant)
    return Practising(browser, integration, stream)
