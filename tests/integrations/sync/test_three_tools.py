"""Three tools with the same contacts: an edit in one reaches the two others once, and none comes back. Over HTTP."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from dataclasses import replace

import pytest
from django.db import connection
from django.utils import timezone

from crm import records
from crm.models import Contact
from integrations.adapters.registry import adapter_class, adapters
from integrations.models import Conflict, LinkState, RecordLink, SetAside, SyncLog
from integrations.scheduling import dispatch, due
from integrations.services import connect, lifecycle, streams
from tests.contract.wire import Killed, Wire
from tests.integrations.sync.test_two_way import ADA

TOKENS = {"notion": "ntn_sandbox_demo", "airtable": "patSandboxDemo.0001", "hubspot": "pat-eu1-sandbox-demo"}
#: How each tool calls what the tests write, and its requests that write records.
PHONE = {"notion": "Phone", "airtable": "Phone", "hubspot": "Phone number"}
EMAIL = {"notion": "Email", "airtable": "Email", "hubspot": "Email"}
ONLY_EMAIL = "new.person@example.com"


@pytest.fixture
def tools(sandbox, settings, live_tenant, monkeypatch):
    """The three sandboxes, each with some people of its own. Without limits: Airtable's five requests a second are minutes here,
    and tests of pacing are elsewhere."""
    settings.PROVIDER_BASE_URLS = {slug: sandbox.url(slug) for slug in TOKENS}
    controls = {slug: sandbox.control.of(slug) for slug in TOKENS}
    for slug, control in controls.items():
        control.reset()
        control.limit(None)
        control.seed("crm", contacts=4, companies=1, deals=1, tasks=1)
        unhurried = {"manifest": replace(adapter_class(slug).manifest, limits=())}
        monkeypatch.setitem(adapters(), slug, type("Unhurried", (adapter_class(slug),), unhurried))
    return controls


@pytest.fixture
def three(tools):
    made = {}
    for slug, token in TOKENS.items():
        made[slug] = connect.start(slug)
        connect.connect(made[slug], {"token": token})
        found = {one.name: one.id for one in streams.collections(made[slug])}
        stream = streams.add(made[slug], found["Contacts"], "contact")
        mapped = {one.local: one.remote for one in stream.mappings.all()}
        wanted = [{"remote": mapped[name], "local": name} for name in ("name", "email", "phone")]
        streams.set_mappings(stream, wanted)
        streams.change(stream, match_fields=["email"])
        lifecycle.activate(made[slug])
    for _round in range(3):
        everyone(made)
    assert not moved(made)
    Conflict.objects.all().delete()  # the tools knew the same people with other phone numbers
    return made


def run(integration):
    """A run as a worker would do it, whatever becomes of it; a dead worker's claim has run out."""
    # as if they had been there for a while: the engine waits for the tools' indexes before it sends very young ones
    Contact.objects.update(created_at=timezone.now() - dt.timedelta(hours=1))
    with connection.cursor() as cursor:
        cursor.execute("UPDATE public.scheduling_due SET leased_until = NULL, woken_at = NULL")
    due.ask(integration.pk)
    try:
        dispatch.run_if_due(connection.schema_name, integration.pk)
    except Killed:
        connection.close()
        connection.set_tenant(connection.tenant)
    return SyncLog.objects.filter(integration=integration).first()


def everyone(three):
    return [run(one) for one in three.values()]


def moved(three):
    """What a round of runs wrote, on either side."""
    names = ("created", "updated", "deleted", "linked", "conflict")
    return [name for log in everyone(three) for name, count in log.counts.items() if count and name.startswith(names)]


def agree(tools):
    here = Counter(Contact.objects.values_list("email", "phone"))
    assert max(here.values()) == 1
    for slug, control in tools.items():
        rows = [row["values"] for row in control.rows("Contacts", limit=1000)]
        there = Counter((row.get(EMAIL[slug]) or "", row.get(PHONE[slug]) or "") for row in rows)
        assert there == here, slug
    assert RecordLink.objects.filter(state=LinkState.LINKED).count() == 3 * Contact.objects.count()
    assert not Conflict.objects.exists() and not SetAside.objects.exists()


def remote(three, slug, contact):
    return RecordLink.objects.get(stream__integration=three[slug], record_id=contact.pk).remote_id


def sent(three):
    """{tool: records written there}, of the runs since the last look."""
    found = {slug: 0 for slug in three}
    for log in SyncLog.objects.select_related("integration"):
        found[log.integration.provider] += log.counts.get("updated_there", 0) + log.counts.get("created_there", 0)
    return found


@pytest.mark.parametrize("origin", list(TOKENS))
def test_an_edit_in_one_tool_reaches_the_others_once_and_never_comes_back(tools, three, origin):
    agree(tools)
    contact = Contact.objects.order_by("id").first()
    before = sent(three)
    tools[origin].edit_row(remote(three, origin, contact), **{PHONE[origin]: "+39 055 1"})
    for _round in range(2):
        everyone(three)
    assert not moved(three)
    contact.refresh_from_db()
    assert contact.phone == "+39 055 1"
    agree(tools)
    after = sent(three)
    assert {slug: after[slug] - before[slug] for slug in three} == {slug: int(slug != origin) for slug in three}


def test_a_record_made_here_or_in_any_tool_stands_once_in_each(tools, three):
    records.create("contact", {"name": "New Person", "email": ONLY_EMAIL, "phone": "+39 1"}, ADA)
    for _round in range(2):
        everyone(three)
    assert not moved(three)
    agree(tools)


@pytest.mark.parametrize(
    ("fault", "at"),
    [("killed after", 0), ("killed after", 1), ("killed after", 2), ("answer lost", 0), ("killed before", 1)],
)
def test_a_crash_at_any_write_doubles_and_loses_nothing(tools, three, monkeypatch, fault, at):
    first, second = Contact.objects.order_by("id")[:2]
    tools["notion"].edit_row(remote(three, "notion", first), Phone="+39 055 2")
    tools["airtable"].edit_row(remote(three, "airtable", second), Phone="+39 055 3")
    records.create("contact", {"name": "New Person", "email": ONLY_EMAIL}, ADA)
    wire = Wire(lambda request: request.method in ("POST", "PATCH") and is_write(request))
    wire.install(monkeypatch)
    wire.break_at(at, fault)
    everyone(three)
    assert wire.count > at, "the runs came to no such request"
    wire.mend()
    for _round in range(4):
        everyone(three)
    assert not moved(three)
    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.phone, second.phone) == ("+39 055 2", "+39 055 3")
    agree(tools)


def is_write(request):
    path = request.url.path
    reads = ("/search", "/query", "/listRecords", "/batch/read")
    return "/v1/pages" in path or ("/v0/app" in path or "/objects/contacts/batch" in path) and not path.endswith(reads)
