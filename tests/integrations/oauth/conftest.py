"""What a person does at a provider's consent page, for the sandbox's."""

from __future__ import annotations

import html
import re
from importlib import import_module

import httpx
import pytest

from integrations.sandbox.notion.base import CLIENT_ID, CLIENT_SECRET

#: Providers whose adapters know OAuth and which the sandbox plays.
PLAYED = ("airtable", "hubspot", "notion")


@pytest.fixture
def played(sandbox, settings):
    """played("airtable") -> its control, with our app entered there."""

    def begin(slug):
        control = sandbox.control.of(slug)
        control.reset()
        settings.PROVIDER_BASE_URLS = {slug: sandbox.url(slug)}
        base = import_module(f"integrations.sandbox.{slug}.base")
        enter_app(slug, base.CLIENT_ID, base.CLIENT_SECRET)
        return control

    return begin


@pytest.fixture
def notion_app(sandbox_notion):
    """Notion's sandbox with contacts, and our app entered by staff. What is rolled back need not be taken away."""
    sandbox_notion.seed("crm", contacts=12)
    sandbox_notion.limit(None)
    enter_app("notion", CLIENT_ID, CLIENT_SECRET)
    return sandbox_notion


def enter_app(slug, client_id, client_secret):
    from integrations.catalog.models import Provider

    app = Provider.objects.get(slug=slug)
    app.client_id, app.client_secret = client_id, client_secret
    app.save(update_fields=["client_id", "client_secret"])


def consent(address: str, who: str = "Ada", decision: str = "allow") -> str:
    """Fill in the page at `address`; answers the address that the browser is sent back to."""
    with httpx.Client() as browser:
        page = browser.get(address)
        assert page.status_code == 200, page.text
        form = dict(re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', page.text))
        form = {name: html.unescape(value) for name, value in form.items()}
        person = re.search(r'<select name="(\w+)"', page.text)[1]
        form[person] = re.search(rf'<option value="([^"]+)">{who}', page.text)[1]
        form |= {name: "on" for name in re.findall(r'name="((?:db|base)-[^"]+)" checked', page.text)}
        answer = browser.post(address, data=form | {"decision": decision})
        assert answer.status_code in (302, 303), answer.text
        return answer.headers["Location"]


def left(answer) -> str:
    """The provider's address that a page of ours leads on to."""
    assert answer.status_code == 200, answer.content.decode()
    return html.unescape(re.search(r'http-equiv="refresh" content="0; url=([^"]+)"', answer.content.decode())[1])


def come_back(address: str) -> str:
    """What a browser does with the provider's redirect: to the public host, without anybody's cookies; where that sends it."""
    from tests.clients import HostClient

    answer = HostClient().get(address[address.index("/oauth/") :])
    assert answer.status_code == 302, answer.content.decode()
    return answer.headers["Location"]


def path_of(address: str) -> str:
    return "/" + address.split("/", 3)[3]
