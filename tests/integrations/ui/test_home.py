"""Home: what is in step, what waits and the button for it, first steps that tick themselves; the inbox by kind and connection."""

from __future__ import annotations

import datetime as dt

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from crm.models import Contact
from integrations.models import (
    Agreement,
    Conflict,
    FieldMapping,
    IntegrationInstance,
    RecordLink,
    Status,
    Stream,
    SyncLog,
)
from integrations.services import calls
from integrations.sync import tables
from integrations.sync.tally import Problem
from tests.integrations.ui.conftest import url


@pytest.fixture
def stream(tenant):
    """A live connection of one table, without a tool behind it: no page asks one."""
    made = IntegrationInstance.objects.create(provider="notion", name="Notion", status=Status.ACTIVE, setup_step="done")
    return Stream.objects.create(
        integration=made, collection="c", collection_name="Contacts", entity="contact", listed_at=timezone.now(),
        schema={"collection": {"id": "c", "name": "Contacts", "path": [], "url": ""}, "fields": [], "title": ""},
    )  # fmt: skip


@pytest.fixture
def clash(stream):
    def make(**facts):
        contact = Contact.objects.create(name=f"Contact {Contact.objects.count()}", phone="+33 1")
        known = {"field": "phone", "local": "+33 1", "remote": "+39 2", "policy": "newest", "title": contact.name,
                 "at": timezone.now(), "state": "settled", "winner": "local", "critical": True}  # fmt: skip
        return Conflict.objects.create(stream=stream, record_id=contact.pk, **(known | facts))

    return make


def needs(client):
    return {one["title"]: one for one in client.get("/").context["needs"]}


def test_nothing_waits_and_home_says_so(tenant_client, stream):
    page = tenant_client.get("/")
    assert page.context["sentence"] == "Your connection is in step." and page.context["needs"] == []
    assert "Nothing waits for you." in page.content.decode()


def test_everything_that_waits_has_its_button(tenant_client, stream, clash):
    clash(), clash()
    clash(state="open", winner="", critical=False)
    tables.set_aside(
        stream, [Problem("here", "unfit", f"“{n}” is not a date", None, f"r{n}", "x", "") for n in range(3)]
    )
    tables.set_aside(stream, [Problem("there", "ambiguous", "same", None, "r9", "x", "email")])
    FieldMapping.objects.create(stream=stream, remote="p", remote_name="Phone", local="phone", gone=True)
    found = needs(tenant_client)
    for title in ("1 conflict waits for you", "A rule settled 2 clashes of critical fields", "3 records are set aside",
                  "1 record has several possible partners", "1 mapped field of Contacts is gone"):  # fmt: skip
        assert found[title]["url"] and found[title]["label"], title
    page = tenant_client.get("/")
    assert page.context["sentence"].endswith("1 conflict waits for you.")
    assert page.context["inbox_count"] == 3 + 3  # of what is set aside each cause is one
    row = page.context["connections"][0]
    assert row["action"]["label"] == "Look" and str(stream.integration_id) in row["action"]["url"]
    assert tenant_client.get(row["action"]["url"]).status_code == 200


def test_home_the_badge_and_the_connection_count_the_same_things(tenant_client, stream):
    tables.set_aside(
        stream, [Problem("here", "unfit", "is not a date", None, f"r{n}", "x", "close_date") for n in range(6)]
    )
    tables.set_aside(
        stream, [Problem(side, "ambiguous", "same", None, f"r{side}", "x", "email") for side in ("here", "there")]
    )
    page = tenant_client.get("/")
    assert page.context["inbox_count"] == 2  # one cause of six, one table in which to choose
    assert page.context["connections"][0]["status"] == "2 things need a look."
    waiting = {one["title"]: one["text"] for one in page.context["needs"]}
    assert waiting["6 records are set aside"] == "One cause to mend; all other records go on."
    assert waiting["2 records have several possible partners"].startswith("They are in 1 table")
    assert "2 things in the inbox" in page.content.decode()


def test_stopped_connection_leads_to_what_mends_it(tenant_client, stream):
    IntegrationInstance.objects.update(status=Status.ATTENTION, status_code="authentication_failed")
    [one] = tenant_client.get("/").context["needs"]
    assert one["label"] == "Reconnect" and one["glyph"] == "failing"


def test_first_steps_tick_themselves_and_go(tenant_client, tenant, stream):
    def steps():
        return {one["label"]: one["done"] for one in tenant_client.get("/").context["steps"]}

    assert steps() == {
        "Connect a tool": True, "Try the practice tool": False, "Import a file": False, "Invite somebody": False,
    }  # fmt: skip
    IntegrationInstance.objects.create(provider="practice", name="Practice", status=Status.ACTIVE, setup_step="done")
    assert steps()["Try the practice tool"]
    tenant.created_at = timezone.now() - dt.timedelta(days=30)
    tenant.save()
    assert steps() == {}


def test_agreement_is_shown_once_it_was_measured_and_never_rounded_up(tenant_client, stream):
    assert tenant_client.get("/").context["connections"][0]["agreement"] is None
    detail = url("detail", stream.integration_id)
    assert "Not measured yet." in tenant_client.get(detail).content.decode()
    Agreement.objects.create(
        stream=stream, day=calls.today(), seen=3002, agree=2999, moving=2, at=timezone.now(),
        differ=[{"link": 1, "record_id": None, "remote_id": "r", "title": "Ada", "fields": ["phone"]}],
    )  # fmt: skip
    row = tenant_client.get("/").context["connections"][0]
    assert row["agreement"] == 99.9 and row["agreement_words"] == "99.9 % of 3,000 looked at today agree"
    html = tenant_client.get(detail).content.decode()
    assert "1 pair does not agree" in html and "2 more were just being changed" in html
    health = tenant_client.get(url("health", stream.integration_id, stream.pk)).content.decode()
    assert "Ada" in health and "Phone" in health
    Agreement.objects.update(day=calls.today() - dt.timedelta(days=3))
    assert "looked at on" in tenant_client.get("/").context["connections"][0]["agreement_words"]


def test_pages_cost_the_same_however_much_there_is(tenant_client, stream, clash):
    addresses = ("/", "/inbox/", "/activity/", url("detail", stream.integration_id), url("list"))

    def queries():
        found = {}
        for address in addresses:
            with CaptureQueriesContext(connection) as asked:
                assert tenant_client.get(address).status_code == 200
            found[address] = len(asked)
        return found

    def more(number):
        for at in range(number):
            clash()
            clash(state="open", winner="", critical=False, field="email")
            tables.set_aside(stream, [Problem("here", "unfit", f"{'x' * at} is wrong", None, f"r{at}", "x", "phone")])
            RecordLink.objects.create(stream=stream, remote_id=f"l{at}-{number}")
            SyncLog.objects.create(
                integration=stream.integration, trigger="schedule", state="done", counts={"linked": 1}
            )
            Agreement.objects.update_or_create(
                stream=stream,
                day=calls.today() - dt.timedelta(days=at),
                defaults={"seen": 5, "agree": 5, "at": timezone.now()},
            )

    more(2)
    queries()  # the first page of the day also notes that somebody was here
    before = queries()
    more(9)
    assert queries() == before


def test_many_clashes_of_one_field_are_one_line(tenant_client, clash):
    for _ in range(6):
        clash()
    clash(field="email", winner="remote")
    groups = tenant_client.get("/inbox/").context["alert_groups"]
    assert [one["title"] for one in groups] == [
        "E-mail of 1 record clashed with Notion: what stood there won",
        "Phone of 6 records clashed with Notion: what stood here won",
    ]
    seen = [one["id"] for one in groups[1]["rows"]]
    tenant_client.post("/inbox/seen/", {"shown": seen})
    assert [one["field"] for one in tenant_client.get("/inbox/").context["alert_groups"]] == ["E-mail"]


def test_inbox_by_kind_and_by_connection(tenant_client, stream, clash):
    other = IntegrationInstance.objects.create(
        provider="airtable", name="Base", status=Status.ACTIVE, setup_step="done"
    )
    clash(state="open", winner="")
    clash()
    tables.set_aside(stream, [Problem("here", "unfit", "x", None, "r1", "x", "phone")])
    page = tenant_client.get("/inbox/")
    assert {one["label"]: one["count"] for one in page.context["kinds"]} == {
        "All": None, "Conflicts": 1, "Critical fields": 1, "Problems": 1,
    }  # fmt: skip
    only = tenant_client.get("/inbox/?kind=problems").context
    assert only["groups"] and not only["conflicts"] and not only["alerts"] and not only["settled"]
    elsewhere = tenant_client.get(f"/inbox/?tool={other.pk}")
    assert elsewhere.context["nothing"] and elsewhere.context["tools"][0]["value"] == "Base"
    for query in ("kind=nonsense", "tool=nonsense", "kind=fields&tool=1", "before=nonsense"):
        assert tenant_client.get(f"/inbox/?{query}").status_code == 200


def test_fields_that_changed_there_wait_in_the_inbox(tenant_client, stream):
    told = {"at": timezone.now().isoformat(), "field": "p", "name": "Phone", "was": ""}
    Stream.objects.update(drift=[told | {"kind": "gone"}, told | {"kind": "new", "name": "Birthday"}])
    FieldMapping.objects.create(stream=stream, remote="p", remote_name="Phone", local="phone", gone=True)
    html = tenant_client.get("/inbox/?kind=fields").content.decode()
    assert "“Phone” is gone." in html and "“Birthday” is new." in html and "Look at the mapping" in html
    old = (timezone.now() - dt.timedelta(days=30)).isoformat()
    Stream.objects.update(
        drift=[told | {"kind": "gone", "at": old}, told | {"kind": "new", "name": "Birthday", "at": old}]
    )
    html = tenant_client.get("/inbox/?kind=fields").content.decode()
    assert "“Phone” is gone." in html and "Birthday" not in html


def test_pages_of_a_new_organisation_say_each_thing_once_and_lead_on(tenant_client):
    activity = tenant_client.get("/activity/").content.decode()
    assert 'href="/connections/new/"' in activity and "All runs" not in activity
    inbox = tenant_client.get("/inbox/").content.decode()
    assert inbox.count("Nothing waits for you") == 1 and "The inbox is empty" in inbox
    told = tenant_client.get("/notifications/").content.decode()
    assert "Choose what to be told" in told and "Unread" not in told and "You have read everything" not in told


def test_activity_by_outcome_and_connection(tenant_client, stream):
    for state in ("done", "failed"):
        SyncLog.objects.create(integration=stream.integration, trigger="schedule", state=state, counts={})
    assert len(tenant_client.get("/activity/").context["rows"]) == 1  # that one did nothing
    assert len(tenant_client.get("/activity/?show=all").context["rows"]) == 2
    assert [row["run"].state for row in tenant_client.get("/activity/?show=failed").context["rows"]] == ["failed"]
    assert tenant_client.get(f"/activity/?tool={stream.pk}").context["rows"] == []
