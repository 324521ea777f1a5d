"""The three lists of a table's health, pairing by hand, and where a value comes from."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from crm import records
from crm.feed import Actor
from crm.models import Contact
from integrations.models import HeldRecord, RecordLink, SetAside
from tests.integrations.ui.conftest import run, url

pytestmark = pytest.mark.usefixtures("notion")
OLGA = Actor("user", "1", "Olga")


@pytest.fixture
def troubled(paired):
    """Five in step, one paused, two that stand only there, one set aside."""
    stream = paired["stream"]
    contacts = [Contact.objects.create(name=f"Contact {number}") for number in range(7)]
    links = [
        RecordLink.objects.create(
            stream=stream, remote_id=f"r{n}", record_id=contact.pk, remote_url="https://tool.example/r"
        )
        for n, contact in enumerate(contacts)
    ]
    RecordLink.objects.filter(pk=links[5].pk).update(left_out="paused")
    for number in (1, 2):
        HeldRecord.objects.create(
            stream=stream, remote_id=f"held{number}", reason="no_match", title=f"Held {number}", record={}
        )
    SetAside.objects.create(stream=stream, side="here", record_id=contacts[6].pk, title="Contact 6", field="phone",
                            code="invalid_record", reason="It is not in a form Notion takes.")  # fmt: skip
    return url("health", paired["integration"].pk, stream.pk), links


def test_three_lists_with_counts_and_the_button_that_mends(tenant_client, troubled):
    address, links = troubled
    page = tenant_client.get(address)
    assert [tab["count"] for tab in page.context["tabs"]] == [5, 3, 1]
    failing = page.content.decode()  # what fails comes first
    assert "It is not in a form Notion takes." in failing and "retry-one" in failing
    out = tenant_client.get(f"{address}?list=left_out").content.decode()
    assert "Somebody paused this record." in out and "Go on" in out and "Pair it" in out and "Held 1" in out
    fine = tenant_client.get(f"{address}?list=in_step").content.decode()
    assert "Contact 0" in fine and "https://tool.example/r" in fine


def test_lists_are_paged_and_cost_the_same(tenant_client, troubled, paired, monkeypatch):
    from integrations.ui import health

    def queries(asked_for):
        with CaptureQueriesContext(connection) as asked:
            page = tenant_client.get(asked_for)
        return len(asked), page

    address = troubled[0]
    queries(address)  # the first page of the day also notes that somebody was here
    before = {name: queries(f"{address}?list={name}")[0] for name in health.LISTS}
    for number in range(60):
        contact = Contact.objects.create(name=f"More {number}")
        RecordLink.objects.create(stream=paired["stream"], remote_id=f"m{number}", record_id=contact.pk)
        HeldRecord.objects.create(stream=paired["stream"], remote_id=f"hm{number}", reason="filter", record={})
        SetAside.objects.create(stream=paired["stream"], side="there", remote_id=f"s{number}", code="unfit", reason="x")
    assert {name: queries(f"{address}?list={name}")[0] for name in health.LISTS} == before
    for name, every in (("in_step", 65), ("left_out", 63), ("failing", 61)):
        seen, following = 0, f"{address}?list={name}"
        while following:
            page = tenant_client.get(following)
            seen += len(page.context["rows"])
            following = page.context["more_url"]
        assert seen == every, name
    assert tenant_client.get(f"{address}?list=failing&after=nonsense").status_code == 200


def test_one_that_failed_is_tried_again(tenant_client, troubled):
    address, _links = troubled
    one = SetAside.objects.get()
    again = reverse("inbox:retry_one", args=[one.pk], urlconf="config.urls_tenant")
    answer = tenant_client.post(again, {"back": f"{address}?list=failing"})
    assert answer.headers["Location"] == f"{address}?list=failing"
    assert tenant_client.post(again, {"back": "https://elsewhere.example/"}).headers["Location"] == "/inbox/"


def test_record_without_a_partner_is_paired_by_hand(tenant_client, troubled, paired):
    free = Contact.objects.create(name="Free Anna")
    address = url("pair", paired["integration"].pk, paired["stream"].pk, remote="held1", title="Free")
    page = tenant_client.get(address)
    assert [one["title"] for one in page.context["items"]] == ["Free Anna"]
    tenant_client.post(address, {"remote": "held1", "record": str(free.pk)})
    assert RecordLink.objects.get(remote_id="held1").record_id == free.pk
    tenant_client.post(address, {"remote": "held2", "record": "apart"})
    assert RecordLink.objects.filter(remote_id="held2").exists()
    refused = tenant_client.post(address, {"remote": "held1", "record": str(free.pk)}, follow=True)
    assert "This record belongs to one of ours already." in refused.content.decode()


def test_viewer_sees_health_without_buttons(sign_in, member, tenant, troubled, paired):
    viewer = sign_in(member("viewer"), tenant)
    html = viewer.get(troubled[0]).content.decode()
    assert "It is not in a form Notion takes." in html and "retry-one" not in html
    assert viewer.get(url("pair", paired["integration"].pk, paired["stream"].pk, remote="held1")).status_code == 403


# --- where a value comes from -----------------------------------------------------------------------------------------


def test_every_field_says_where_its_value_comes_from(live, notion):
    made, stream, client = live
    link = stream.links.first()
    notion.edit_row(link.remote_id, Phone="+39 02 1")
    client.post(url("sync", made.pk))
    run(made)
    records.update("contact", link.record_id, {"job_title": "Baker"}, OLGA)
    address = reverse("records:detail", args=["contact", link.record_id], urlconf="config.urls_tenant")
    html = client.get(address).content.decode()
    assert "Where does Phone come from?" in html and "Changed in Notion, and only there" in html
    assert url("run", made.pk, made.runs.first().pk) in html
    assert "Typed here by Olga" in html
    form = client.get(reverse("records:edit", args=["contact", link.record_id], urlconf="config.urls_tenant"))
    assert "Where does Phone come from?" in form.content.decode() and "Typed here by Olga" in form.content.decode()

    def queries():
        with CaptureQueriesContext(connection) as asked:
            client.get(address)
        return len(asked)

    before = queries()
    for number in range(4):
        records.update("contact", link.record_id, {"job_title": f"Baker {number}", "phone": f"+33 {number}"}, OLGA)
    assert queries() == before
    assert "Baker 2" in client.get(address).content.decode()


def test_restart_asks_first_and_says_what_it_does(live):
    made, stream, client = live
    for what, words in (
        ("read-again", "Pairs, bases and history stay"),
        ("match-anew", "12 pairs of “Contacts” are forgotten"),
    ):
        address = url("restart", made.pk, stream.pk, what)
        assert words in client.get(address).content.decode()
        assert client.post(address).status_code == 303
        run(made)
    assert stream.links.filter(state="linked").count() == 12
    assert Contact.objects.count() == 12
    assert client.get(url("restart", made.pk, stream.pk, "nonsense")).status_code == 404
