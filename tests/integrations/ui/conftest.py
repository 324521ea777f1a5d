"""
=============  ==========================================================================================
notion         the sandbox's Notion with a few contacts, companies, deals and tasks
begun          a connection of `tenant` that has passed the first step
paired         the same with the table “Contacts” paired: {"integration", "stream"}
live           (integration, stream, the owner's browser) after a first run; its rows are committed: run(integration) for more
=============  ==========================================================================================
"""

from __future__ import annotations

import pytest
from django.urls import reverse

TOKEN = "ntn_sandbox_demo"
OTHER_ACCOUNT = "ntn_sandbox_other"


@pytest.fixture
def notion(sandbox_notion):
    sandbox_notion.seed("crm", contacts=12, companies=4, deals=3, tasks=2)
    return sandbox_notion


@pytest.fixture
def begun(tenant, notion):
    from integrations.services import setup

    return setup.create("notion", "Notion", {"token": TOKEN})


@pytest.fixture
def paired(begun):
    return {"integration": begun, "stream": pair(begun, "Contacts", "contact")}


@pytest.fixture
def live(live_tenant, notion, sign_in):
    from integrations.catalog.models import Provider
    from integrations.services import lifecycle, setup

    Provider.objects.filter(slug="notion").update(requests_per_minute=1_000_000)
    made = setup.create("notion", "Notion", {"token": TOKEN})
    stream = pair(made, "Contacts", "contact")
    lifecycle.activate(made)
    run(made)
    made.refresh_from_db()
    stream.refresh_from_db()
    return made, stream, sign_in(live_tenant.owner, live_tenant)


def run(integration):
    """What a worker would do once it is woken."""
    from django.db import connection

    from integrations.scheduling.dispatch import run_if_due

    tenant = connection.tenant
    while run_if_due(tenant.schema_name, integration.pk) == "slice over":
        pass
    connection.set_tenant(tenant)


def pair(integration, table, entity, **choices):
    from integrations.services import streams

    found = next(one for one in streams.collections(integration) if one.name == table)
    return streams.add(integration, found.id, entity, **choices)


def url(name, *args, **query):
    from urllib.parse import urlencode

    return reverse(f"connections:{name}", args=args, urlconf="config.urls_tenant") + (
        f"?{urlencode(query)}" if query else ""
    )


def form_of(response):
    """What a browser would send back of the mapper, row by row."""
    import re
    from html import unescape

    html = response.content.decode()
    rows = re.findall(r'<li class="mapping-row.*?</li>', html, re.DOTALL)
    data: dict[str, list[str]] = {"remote": [], "local": [], "direction": []}
    for row in rows:
        data["remote"].append(unescape(re.search(r'name="remote" value="([^"]*)"', row).group(1)))
        data["direction"].append(re.search(r'name="direction" value="([^"]*)"', row).group(1))
        chosen = re.search(r'<option value="([^"]*)" selected', row)
        data["local"].append(unescape(chosen.group(1)) if chosen else "")
        if adds := re.search(r'name="adds" value="([^"]*)" checked', row):
            data.setdefault("adds", []).append(unescape(adds.group(1)))
        _steps_of(row, data)
    return data


def _steps_of(row, data):
    """The steps of one row: hidden fields, inputs that are filled in or checked, options that are selected."""
    import re
    from html import unescape

    named = r'name="(row|was|(?:steps|add)-\d+|\d+-\d+-[\w-]+)"'
    for tag, rest in re.findall(
        r"<(input|select)\b([^>]*>(?:(?<=>)(?:(?!</select>|<input|<select).)*)?)", row, re.DOTALL
    ):
        name = re.search(named, rest)
        if not name or (tag == "input" and 'type="checkbox"' in rest and " checked" not in rest.split(">")[0]):
            continue
        if tag == "select":
            found = re.search(r'<option value="([^"]*)" selected', rest) or re.search(r'<option value="([^"]*)"', rest)
        else:
            found = re.search(r'value="([^"]*)"', rest)
        data.setdefault(name.group(1), []).append(unescape(found.group(1)) if found else "on")
