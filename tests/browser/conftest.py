"""
==========  ==================================================================================================
open_page   open_page(**context) -> a page in a browser of its own; it fails the test for what the page complains of
site        the live tenant's address, with the public host beside: site.public, site.home
signed_in   signed_in(user=the owner, **context) -> such a page on which somebody has signed in
notion      the sandbox's Notion with a small CRM and no limits, and its hand-edit pages at notion.pages
sync        sync(integration) -> what a worker would do now
world       a tenant in which everything happened once (world.py)
practice    the practice tool can be connected
receiver    a program that hears webhooks, and send() -> what a worker would do now to tell it
work        work() -> what a worker would do now for imports, exports and bulk changes
==========  ==================================================================================================
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page

from tests.browser import chromium
from tests.browser.world import world
from tests.integrations.outgoing.conftest import receiver, send

__all__ = ["receiver", "send", "world"]

PASSWORD = "the owner's long password"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = os.path.dirname(__file__)
    for item in items:
        if str(item.path).startswith(here):
            item.add_marker("browser")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if not chromium.path():
        told = "Chromium is not installed: apt-get install chromium, or set CHROMIUM to its path."
        pytest.fail(told) if os.environ.get("CI") else pytest.skip(told)
    # Playwright keeps an event loop in this thread, which Django takes for asynchronous code.
    before = os.environ.get("DJANGO_ALLOW_ASYNC_UNSAFE")
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    with chromium.launched() as launched:
        yield launched
    if before is None:
        del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Callable[..., Page]]:
    complaints, contexts = chromium.Complaints(), []

    def make(**options: Any) -> Page:
        context = browser.new_context(
            **{"viewport": chromium.DESKTOP, "locale": "en-GB", "reduced_motion": "reduce"} | options
        )
        context.set_default_timeout(chromium.WAIT_MS)
        complaints.watch(context)
        contexts.append(context)
        return context.new_page()

    yield make
    for context in contexts:
        context.close()
    assert not complaints


@pytest.fixture
def site(live_site: str, settings: Any, tmp_path: Path) -> SimpleNamespace:
    from tenants import throttle

    throttle.reset()
    files = {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": str(tmp_path)}}
    settings.STORAGES = settings.STORAGES | {"files": files}
    port = str(urlsplit(live_site).port)
    policy = settings.CONTENT_SECURITY_POLICY
    action = ["'self'", f"{settings.PUBLIC_SCHEME}://*.{settings.PUBLIC_HOST}:{port}"]
    settings.CONTENT_SECURITY_POLICY = policy | {"DIRECTIVES": policy["DIRECTIVES"] | {"form-action": action}}
    settings.PUBLIC_PORT = port
    return SimpleNamespace(
        home=live_site, public=f"http://{settings.PUBLIC_HOST}:{port}", practice=f"http://127.0.0.1:{port}"
    )


@pytest.fixture
def signed_in(site: SimpleNamespace, live_tenant: Any, open_page: Callable[..., Page]) -> Callable[..., Page]:
    """The session is made without the form, which test_story and test_without go through."""

    from django.conf import settings

    from tests.clients import HostClient

    def make(user: Any = None, **options: Any) -> Page:
        client = HostClient(live_tenant)
        client.force_login(user or live_tenant.owner)
        page = open_page(**options)
        cookie = client.cookies[settings.SESSION_COOKIE_NAME]
        page.context.add_cookies([{"name": cookie.key, "value": cookie.value, "url": site.home}])
        return page

    return make


def sign_in(page: Page, host: str, email: str, password: str) -> None:
    page.goto(f"{host}/sign-in/")
    page.locator("[name=email]").fill(email)  # by name: the page may be in any language
    page.locator("[name=password]").fill(password)
    page.locator("main form button").click()
    page.wait_for_url(f"{host}/")


@pytest.fixture
def notion(live_tenant: Any, sandbox: Any, sandbox_notion: Any) -> Iterator[Any]:
    from integrations.catalog.models import Provider

    sandbox_notion.seed("crm", contacts=12, companies=4, deals=3, tasks=2)
    sandbox_notion.limit(None)
    Provider.objects.update(requests_per_minute=1_000_000)  # what people see, not what tools allow
    sandbox_notion.pages = sandbox.url("notion") + "/"
    return sandbox_notion


@pytest.fixture
def practice(site: SimpleNamespace, settings: Any) -> None:
    """The practice tool can be connected: it answers on the site itself. Ask for `notion` before it where both are wanted."""
    settings.PROVIDER_BASE_URLS = settings.PROVIDER_BASE_URLS | {"practice": f"{site.practice}/practice/api"}


@pytest.fixture
def sync() -> Callable[[Any], str]:
    def run(integration: Any) -> str:
        from django_tenants.utils import schema_context

        from integrations.scheduling import dispatch

        schema = integration.schema
        with schema_context(schema):
            return dispatch.run_if_due(schema, integration.pk)

    return run


@pytest.fixture
def work(live_tenant: Any) -> Callable[[], None]:
    def run() -> None:
        from django.db import connection

        from integrations.scheduling import jobs

        connection.set_tenant(live_tenant)
        while jobs.do_all():
            connection.set_tenant(live_tenant)
        connection.set_tenant(live_tenant)

    return run


@pytest.fixture
def make_plan() -> Callable[[Any], None]:
    """What a worker does when a page has asked for a plan."""

    def make(integration: Any) -> None:
        from django_tenants.utils import tenant_context

        from integrations.services import plans
        from tenants.models import Tenant

        with tenant_context(Tenant.objects.get(schema_name=integration.schema)):
            plan = integration.plans.get(state="making")
            done = plans.make(plan.pk)
            plan.refresh_from_db()
            assert done == "ready", f"{plan.error_code} {plan.error_detail}"

    return make
