"""
==========  ==================================================================================================
open_page   open_page(**context) -> a page in a browser of its own; it fails the test for what the page complains of
site        the live tenant's address, with the public host beside: site.public, site.home
signed_in   signed_in(**context) -> the same for a page that the owner has signed in on
notion      the sandbox's Notion with a small CRM, and its hand-edit pages at notion.pages
sync        sync(integration) -> what a worker would do now
==========  ==================================================================================================
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page

from tests.browser import chromium

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
        context.set_default_timeout(10_000)
        complaints.watch(context)
        contexts.append(context)
        return context.new_page()

    yield make
    for context in contexts:
        context.close()
    assert not complaints


@pytest.fixture
def site(live_site: str, settings: Any) -> SimpleNamespace:
    from tenants import throttle

    throttle.reset()
    port = str(urlsplit(live_site).port)
    policy = settings.CONTENT_SECURITY_POLICY
    action = ["'self'", f"{settings.PUBLIC_SCHEME}://*.{settings.PUBLIC_HOST}:{port}"]
    settings.CONTENT_SECURITY_POLICY = policy | {"DIRECTIVES": policy["DIRECTIVES"] | {"form-action": action}}
    settings.PUBLIC_PORT = port
    return SimpleNamespace(home=live_site, public=f"http://{settings.PUBLIC_HOST}:{port}")


@pytest.fixture
def signed_in(site: SimpleNamespace, live_tenant: Any, open_page: Callable[..., Page]) -> Callable[..., Page]:
    owner = live_tenant.owner
    owner.set_password(PASSWORD)
    owner.save()

    def make(**options: Any) -> Page:
        page = open_page(**options)
        sign_in(page, site.home, owner.email, PASSWORD)
        return page

    return make


def sign_in(page: Page, host: str, email: str, password: str) -> None:
    page.goto(f"{host}/sign-in/")
    page.locator("[name=email]").fill(email)  # by name: the page may be in any language
    page.locator("[name=password]").fill(password)
    page.locator("main form button").click()
    page.wait_for_url(f"{host}/")


@pytest.fixture
def notion(sandbox: Any, sandbox_notion: Any) -> Any:
    sandbox_notion.seed("crm", contacts=12, companies=4, deals=3, tasks=2)
    sandbox_notion.pages = sandbox.url("notion") + "/"
    return sandbox_notion


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
