"""
==========  =============================================================================================
call        call(address, body, **headers) -> the answer of the public host to a provider's raw bytes
listens     listens(integration_id, collection, tenant=...) -> a row that says whom a call concerns, with its Due
memo        a provider that is asked for subscriptions ("api"), in memory; `memo.remote` is what stands there
==========  =============================================================================================
"""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from tests.integrations.webhooks.calls import SECRET, WORKSPACE


@pytest.fixture(autouse=True)
def _nobody_has_called() -> None:
    from tenants import throttle

    throttle.reset()


@pytest.fixture
def notion_app(tenant: Any) -> Any:
    """Our app at Notion, with its secret."""
    from integrations.catalog.models import Provider

    provider = Provider.objects.get(slug="notion")
    provider.hook_secret = SECRET
    provider.save()
    return provider


@pytest.fixture
def call(tenant: Any) -> Any:
    from tests.clients import HostClient

    client = HostClient()

    def make(address: str, body: bytes, **headers: str) -> Any:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return client.post(address, body, content_type="application/json", headers=named)

    return make


@pytest.fixture
def listens(tenant: Any) -> Any:
    from crm.fields import new_id
    from integrations.scheduling.models import Due
    from integrations.webhooks.models import Subscription

    def make(collection: str = "table-1", home: Any = tenant, integration_id: Any = None, **facts: Any) -> Subscription:
        integration_id = integration_id or new_id()
        Due.objects.get_or_create(
            integration_id=integration_id,
            defaults={"tenant": home, "due_at": dt.datetime.now(dt.UTC) + dt.timedelta(minutes=5)},
        )
        known = {"provider": "notion", "account_id": WORKSPACE} | facts
        return Subscription.objects.create(tenant=home, integration_id=integration_id, collection=collection, **known)

    return make


@pytest.fixture
def memo(tenant: Any, settings: Any) -> Any:
    from integrations.adapters.registry import adapters
    from integrations.catalog.models import Provider
    from tests.integrations.webhooks.memo import MemoAdapter, Remote

    MemoAdapter.remote = Remote()
    settings.PROVIDER_BASE_URLS = {"memo": "http://127.0.0.1:9"}
    adapters()["memo"] = MemoAdapter
    Provider.objects.create(slug="memo", name="Memo")
    yield MemoAdapter
    del adapters()["memo"]
