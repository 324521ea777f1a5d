"""The inbox: one click settles, many at once, alerts of critical fields, and what has several possible partners."""

from __future__ import annotations

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from crm.models import Contact
from integrations.models import Conflict, RecordLink, SetAside
from tests.integrations.ui.conftest import url

pytestmark = pytest.mark.usefixtures("notion")


def inbox(name, *args):
    return reverse(f"inbox:{name}", args=args, urlconf="config.urls_tenant")


@pytest.fixture
def conflict(paired):
    """conflict(state="open", …): one about the phone number of a new contact."""

    def make(**facts):
        number = Contact.objects.count()
        contact = Contact.objects.create(name=f"Contact {number}", phone="+33 1")
        link = RecordLink.objects.create(stream=paired["stream"], remote_id=f"r{number}", record_id=contact.pk)
        known = {"field": "phone", "base": None, "local": "+33 1", "remote": "+39 2", "policy": "newest",
                 "title": contact.name, "at": timezone.now(), "local_at": timezone.now(), "local_actor": "Olga"}  # fmt: skip
        return Conflict.objects.create(
            stream=paired["stream"], record_id=contact.pk, remote_id=link.remote_id, **(known | facts)
        )

    return make


def test_both_sides_are_shown_with_who_and_before(tenant_client, conflict):
    conflict(state="open", policy="ask", base="+41 3")
    html = tenant_client.get("/inbox/").content.decode()
    for words in ("+33 1", "+39 2", "+41 3", "Olga", "Keep this value", 'name="winner" value="remote"'):
        assert words in html


def test_one_click_settles(tenant_client, conflict):
    one = conflict(state="open", policy="ask")
    conflict(state="settled", winner="local")  # one that is settled does not take the buttons from those that wait
    conflict(state="settled", winner="local", critical=True)
    html = tenant_client.get("/inbox/").content.decode()
    assert f'formaction="{inbox("resolve", one.pk)}"' in html and html.count("I have seen it</button>") == 1
    assert tenant_client.post(inbox("resolve", one.pk), {"winner": "remote"}).status_code == 303
    one.refresh_from_db()
    assert (one.state, one.winner) == ("settled", "remote")
    assert Contact.objects.get(pk=one.record_id).phone == "+39 2"


def test_many_are_settled_at_once_and_refusals_are_told(tenant_client, conflict):
    ones = [conflict(state="open", policy="ask") for _ in range(3)]
    Contact.objects.filter(pk=ones[2].record_id).update(phone="+44 edited since")
    page = tenant_client.post(
        inbox("resolve_many"), {"ids": [one.pk for one in ones] + ["nonsense"], "winner": "remote"}, follow=True
    )
    html = page.content.decode()
    assert "2 conflicts are settled." in html and "1 conflict could not be settled" in html
    assert Conflict.objects.filter(state="open").get() == ones[2]


def test_none_chosen_says_so(tenant_client, conflict):
    conflict(state="open")
    page = tenant_client.post(inbox("resolve_many"), {"winner": "local"}, follow=True)
    assert "Choose at least one conflict first." in page.content.decode()


def test_settled_one_is_swapped(tenant_client, conflict):
    one = conflict(state="settled", winner="local")
    tenant_client.post(inbox("swap", one.pk))
    one.refresh_from_db()
    assert one.winner == "remote"
    assert Contact.objects.get(pk=one.record_id).phone == "+39 2"


def test_each_choice_has_its_key(tenant_client, conflict):
    conflict(state="open", policy="ask")
    conflict(state="settled", winner="local", critical=True)
    html = tenant_client.get("/inbox/").content.decode()
    assert re.findall(r'aria-keyshortcuts="(.)"', html) == ["h", "t", "e", "s"]
    assert "<kbd>h</kbd>" in html.partition('id="shortcuts"')[2]
    assert "<kbd>t</kbd>" not in tenant_client.get("/").content.decode()


def test_alert_of_a_critical_field_counts_until_it_is_seen(tenant_client, conflict):
    one, two = (conflict(state="settled", winner="local", critical=True) for _ in range(2))
    page = tenant_client.get("/inbox/")
    assert len(page.context["alerts"]) == 2 and page.context["inbox_count"] == 2
    tenant_client.post(inbox("acknowledge", one.pk))
    page = tenant_client.get("/inbox/")
    assert [alert["id"] for alert in page.context["alerts"]] == [two.pk]
    tenant_client.post(inbox("acknowledge_many"), {"shown": [two.pk]})
    page = tenant_client.get("/inbox/")
    assert page.context["alerts"] == [] and page.context["inbox_count"] == 0
    assert len(page.context["settled"]) == 2  # they stay in the list of what was settled


def test_conflict_about_a_deletion_says_what_each_choice_does(tenant_client, conflict):
    conflict(state="open", field="", local={"name": "x"}, remote=None, base=None, policy="ask")
    html = tenant_client.get("/inbox/").content.decode()
    assert "The record itself" in html and "Keep the record" in html and "Delete it here too" in html


def test_queries_do_not_grow_with_what_waits(tenant_client, conflict):
    def queries():
        with CaptureQueriesContext(connection) as asked:
            assert tenant_client.get("/inbox/").status_code == 200
        return len(asked)

    conflict(state="open")
    conflict(state="settled", winner="local", critical=True)
    queries()  # the first page of the day also notes that somebody was here
    before = queries()
    for _ in range(4):
        conflict(state="open")
        conflict(state="settled", winner="local", critical=True)
    assert queries() == before


def test_viewer_sees_no_buttons(sign_in, member, tenant, conflict):
    conflict(state="open")
    conflict(state="settled", winner="local", critical=True)
    html = sign_in(member("viewer"), tenant).get("/inbox/").content.decode()
    assert "+39 2" in html and 'name="winner"' not in html and "I have seen it" not in html


# --- several possible partners ------------------------------------------------------------------------------------------


@pytest.fixture
def alike(paired):
    """Two of ours and two of theirs that share a name."""
    stream, made = paired["stream"], []
    for number in (1, 2):
        contact = Contact.objects.create(name="Anna Rossi", email=f"anna{number}@here.example")
        made.append(contact)
        common = {"stream": stream, "code": "ambiguous", "title": "Anna Rossi", "field": "name", "fingerprint": "f1",
                  "reason": "Several records share this name."}  # fmt: skip
        SetAside.objects.create(side="here", record_id=contact.pk, **common)
        SetAside.objects.create(side="there", remote_id=f"theirs-{number}", **common)
    return made


def test_candidates_of_both_sides_stand_together(tenant_client, paired, alike):
    page = tenant_client.get(url("matches", paired["integration"].pk, paired["stream"].pk))
    (group,) = page.context["groups"]
    assert {one["title"] for one in group["ours"]} == {"Anna Rossi"} and len(group["theirs"]) == 2
    html = page.content.decode()
    assert "anna1@here.example" in html and "none of them: a record of its own" in html
    assert (
        url("matches", paired["integration"].pk, paired["stream"].pk) in tenant_client.get("/inbox/").content.decode()
    )


def test_person_says_which_belong_together(tenant_client, paired, alike):
    address = url("matches", paired["integration"].pk, paired["stream"].pk)
    first, second = SetAside.objects.filter(side="there").order_by("remote_id")
    data = {f"pick-{first.pk}": str(alike[0].pk), f"pick-{second.pk}": "apart"}
    page = tenant_client.post(address, data, follow=True)
    assert "2 records are decided." in page.content.decode()
    assert RecordLink.objects.get(remote_id="theirs-1").record_id == alike[0].pk
    apart = RecordLink.objects.get(remote_id="theirs-2")
    assert apart.record_id not in [contact.pk for contact in alike]
    assert not SetAside.objects.filter(side="there").exists()


def test_what_is_not_decided_goes_on_waiting(tenant_client, paired, alike):
    address = url("matches", paired["integration"].pk, paired["stream"].pk)
    one = SetAside.objects.filter(side="there").first()
    tenant_client.post(address, {f"pick-{one.pk}": "", "pick-999": "apart", f"pick-{one.pk}x": "apart"})
    assert SetAside.objects.filter(side="there").count() == 2 and not RecordLink.objects.exists()


def test_viewer_looks_at_candidates_but_decides_nothing(sign_in, member, tenant, paired, alike):
    viewer = sign_in(member("viewer"), tenant)
    address = url("matches", paired["integration"].pk, paired["stream"].pk)
    assert "pick-" not in viewer.get(address).content.decode()
    assert viewer.post(address, {}).status_code == 403
