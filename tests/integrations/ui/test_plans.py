"""A plan from asking to what became of it, and taking a run back, after real runs against the sandbox."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from crm import records
from crm.feed import Actor
from crm.models import Contact
from integrations.models import PlanLine, SyncLog
from tests.integrations.ui.conftest import run, url

pytestmark = pytest.mark.usefixtures("notion")
OLGA = Actor("user", "1", "Olga")


@pytest.fixture
def changed(live, notion):
    """Two records changed there, one here, since the first run."""
    made, stream, client = live
    links = list(stream.links.order_by("pk")[:3])
    for number, link in enumerate(links[:2]):
        notion.edit_row(link.remote_id, Phone=f"+39 02 {number}")
    records.update("contact", links[2].record_id, {"phone": "+33 1"}, OLGA)
    return made, client, links


def make(made, client):
    """Ask for a plan as a person does, and make it as a worker would. Answers its address and its row."""
    from integrations.services import plans

    answer = client.post(url("plan_make", made.pk))
    plan = made.plans.first()
    tenant = connection.tenant
    assert plans.make(plan.pk) == "ready"
    connection.set_tenant(tenant)
    plan.refresh_from_db()
    return answer.headers["Location"], plan


def test_plan_from_asking_to_what_became_of_it(changed, notion):
    made, client, links = changed
    assert client.post(url("plan_make", made.pk)).status_code == 303
    plan = made.plans.get()
    making = client.get(url("plan", made.pk, plan.pk))
    assert "Working out what would happen" in making.content.decode()
    assert 'hx-trigger="every 2s"' in making.content.decode()

    address, plan = make(made, client)
    polled = client.get(f"{address}?was=making", headers={"HX-Request": "true"})
    assert polled.headers["HX-Retarget"] == polled.headers["HX-Reselect"] == "#content"  # what was told stays beside it
    assert "This is what would happen" in polled.content.decode()
    ready = client.get(address)
    html = ready.content.decode()
    assert "Approve 3 changes" in html and "every 2s" not in html
    assert {line["what"] for line in ready.context["lines"]} == {"Will change here", "Will change in Notion"}
    assert "+39 02 0" in html and "Only changed in Notion" in html
    assert Contact.objects.filter(phone="+39 02 0").count() == 0  # nothing was written

    notion.edit_row(links[0].remote_id, Phone="+39 02 moved since")
    assert client.post(url("plan_approve", made.pk, plan.pk)).status_code == 303
    run(made)
    done = client.get(address)
    html = done.content.decode()
    assert "The plan is carried out" in html and "Changed here" in html
    assert [line["left_out"] for line in done.context["lines"]].count(True) == 1
    left = client.get(f"{address}?outcome=left_out")
    assert len(left.context["lines"]) == 1 and left.context["lines"][0]["reason"]


def test_lines_are_filtered_searched_and_downloaded(changed):
    made, client, links = changed
    address, plan = make(made, client)
    here = client.get(f"{address}?side=here&action=updated")
    assert len(here.context["lines"]) == 2
    name = Contact.objects.get(pk=links[2].record_id).name
    assert [line["title"] for line in client.get(f"{address}?q={name}").context["lines"]] == [name]
    nothing = client.get(f"{address}?q=nobody+of+that+name&stream=nonsense&after=x")
    assert "No record matches" in nothing.content.decode()
    csv = client.get(f"{url('plan_csv', made.pk, plan.pk)}?side=there")
    text = b"".join(csv.streaming_content).decode()
    assert "+33 1" in text and "+39 02" not in text
    assert 'filename="notion-' in csv.headers["Content-Disposition"]


def test_lines_are_paged_by_key_and_cost_the_same(changed, monkeypatch):
    from integrations.ui import plans as shown

    made, client, _links = changed
    address, plan = make(made, client)
    line = plan.lines.first()

    def queries(asked_for):
        with CaptureQueriesContext(connection) as asked:
            answer = client.get(asked_for, headers={"HX-Request": "true"} if "after" in asked_for else {})
        return len(asked), answer

    before, _first = queries(address)
    PlanLine.objects.bulk_create(
        [PlanLine(plan=plan, stream=line.stream, title=f"Record {n}", side="there", action="created",
                  changes={"name": [None, f"Record {n}"]}) for n in range(200)]
    )  # fmt: skip
    number, page = queries(address)
    assert number == before and len(page.context["lines"]) == shown.LINES
    _number, more = queries(page.context["more_url"])
    assert more.content.decode().count('class="record-line"') == shown.LINES and "<html" not in more.content.decode()


def test_plan_is_discarded(changed):
    made, client, _links = changed
    address, plan = make(made, client)
    client.post(url("plan_discard", made.pk, plan.pk))
    html = client.get(address).content.decode()
    assert "This plan was discarded" in html and "Work it out anew" in html
    late = client.post(url("plan_approve", made.pk, plan.pk), follow=True)  # from another tab
    assert "This plan was discarded meanwhile. Nothing of it was written." in late.content.decode()


def test_plan_that_finds_nothing_asks_for_no_approval(live):
    made, _stream, client = live
    address, plan = make(made, client)
    html = client.get(address).content.decode()
    assert "Both sides agree already" in html and "Back to the connection" in html
    assert url("plan_approve", made.pk, plan.pk) not in html
    client.post(url("pause", made.pk))
    assert url("plan_approve", made.pk, plan.pk) in client.get(address).content.decode()  # so it goes on


def test_address_that_is_asked_again_does_not_grow(changed):
    made, client, _links = changed
    client.post(url("plan_make", made.pk))
    address = url("plan", made.pk, made.plans.get().pk, side="here")
    polled = client.get(f"{address}&was=making", headers={"HX-Request": "true"}).content.decode()
    assert f'hx-get="{address}"' in polled


def test_plan_that_could_not_be_made_says_why(changed, notion):
    from integrations.services import plans
    from tests.integrations.ui.conftest import TOKEN

    made, client, _links = changed
    client.post(url("plan_make", made.pk))
    notion.revoke_token(TOKEN)
    plan, tenant = made.plans.get(), connection.tenant
    assert plans.make(plan.pk) == "failed"
    connection.set_tenant(tenant)
    html = client.get(url("plan", made.pk, plan.pk)).content.decode()
    assert "does not accept the key any more" in html and url("reconnect", made.pk) in html


def test_connection_tells_of_the_plan_that_waits(changed):
    made, client, _links = changed
    address, _plan = make(made, client)
    html = client.get(url("detail", made.pk)).content.decode()
    assert "A plan waits for you" in html and address in html and "2 will change here" in html


def test_the_run_that_carries_a_plan_out_is_told_once(changed):
    made, client, _links = changed
    address, plan = make(made, client)
    client.post(url("plan_approve", made.pk, plan.pk))
    waits = client.get(url("detail", made.pk)).content.decode()
    assert "The plan is being carried out" in waits and address in waits
    assert 'id="overview"' in waits and ", every 10s" in waits  # what stands below the run follows it
    SyncLog.objects.create(integration=made, state=SyncLog.State.RUNNING, trigger="plan")
    runs = client.get(url("detail", made.pk)).content.decode()
    assert "Syncing now" in runs and "The plan is being carried out" not in runs


# --- undo ---------------------------------------------------------------------------------------------------------------


def test_run_is_taken_back(changed, notion):
    made, client, links = changed
    client.post(url("sync", made.pk))
    run(made)
    latest = made.runs.first()
    page = client.get(url("run", made.pk, latest.pk)).content.decode()
    assert "Undo this run" in page and "Undo for this record" in page and "Undo Phone" in page

    records.update("contact", links[0].record_id, {"phone": "+44 edited since"}, OLGA)
    asked = client.get(url("undo", made.pk, latest.pk), headers={"HX-Request": "true"}).content.decode()
    assert "<html" not in asked and "records can be set back as they were" in asked and "What stays, and why" in asked
    answer = client.post(url("undo", made.pk, latest.pk))
    run(made)
    undone = client.get(answer.headers["Location"]).content.decode()
    assert "This run takes another one back" in undone and "Left as it is" in undone
    assert "1 left as it is, with the reason" in undone  # its heading tells it, too
    assert "This run was taken back." in client.get(url("run", made.pk, latest.pk)).content.decode()
    assert Contact.objects.get(pk=links[0].record_id).phone == "+44 edited since"
    assert Contact.objects.get(pk=links[1].record_id).phone != "+39 02 1"


def test_undo_of_what_was_created_says_that_it_is_deleted(live):
    made, stream, client = live
    first = made.runs.last()  # it brought the contacts here
    asked = client.get(url("undo", made.pk, first.pk)).content.decode()
    assert "What the run created here is deleted again." in asked
    records.update("contact", stream.links.first().record_id, {"phone": "+33 1"}, OLGA)
    client.post(url("sync", made.pk))
    run(made)
    assert "deleted again" not in client.get(url("undo", made.pk, made.runs.first().pk)).content.decode()


def test_one_field_of_one_record_is_taken_back(changed):
    made, client, links = changed
    client.post(url("sync", made.pk))
    run(made)
    latest = made.runs.first()
    scope = {"record": str(links[0].record_id), "field": "phone"}
    page = client.get(url("undo", made.pk, latest.pk, **scope)).content.decode()
    assert "Undo this field?" in page and "Set 1 record back" in page
    client.post(url("undo", made.pk, latest.pk), scope)
    run(made)
    assert Contact.objects.get(pk=links[0].record_id).phone != "+39 02 0"
    assert Contact.objects.get(pk=links[1].record_id).phone == "+39 02 1"
    assert "Parts of this run were taken back." in client.get(url("run", made.pk, latest.pk)).content.decode()


def test_run_that_is_asked_for_waits_visibly(changed):
    made, client, _links = changed
    asked = SyncLog.objects.create(integration=made, state="asked", trigger="undo", undoes=made.runs.last())
    html = client.get(url("run", made.pk, asked.pk)).content.decode()
    assert "Waits until the connection is free" in html and 'hx-trigger="every 2s"' in html


# --- one record -----------------------------------------------------------------------------------------------------------


def test_record_is_paused_and_taken_up_from_its_page(changed):
    from django.urls import reverse

    made, client, links = changed
    link = links[0]
    page = reverse("records:detail", args=["contact", link.record_id], urlconf="config.urls_tenant")
    assert "Pause this record" in client.get(page).content.decode()
    assert client.post(url("link_pause", made.pk, link.stream_id, link.pk)).headers["Location"] == page
    assert "paused: nothing travels, and nothing is lost" in client.get(page).content.decode()
    client.post(url("sync", made.pk))
    run(made)
    assert Contact.objects.get(pk=link.record_id).phone != "+39 02 0"
    client.post(url("link_take_up", made.pk, link.stream_id, link.pk))
    run(made)
    assert Contact.objects.get(pk=link.record_id).phone == "+39 02 0"


def test_page_says_how_much_waits_while_it_stands_still(changed):
    made, client, _links = changed
    client.post(url("pause", made.pk))
    assert "1 change waits here for Notion; nothing is lost." in client.get(url("detail", made.pk)).content.decode()


def test_the_head_says_in_sentences_what_it_comes_to(changed):
    made, client, _links = changed
    address, _plan = make(made, client)
    page = client.get(address)
    assert page.context["totals_words"] == "2 will change here, 1 will change in Notion. Nothing is deleted."
    assert page.context["effort"].startswith("Takes about") and "a few seconds" in page.context["effort"]


def test_who_comes_second_is_told_who_was_first(changed, sign_in, live_tenant):
    made, client, _links = changed
    _address, plan = make(made, client)
    approve = url("plan_approve", made.pk, plan.pk)
    client.post(approve)
    again = client.post(approve, follow=True).content.decode()
    assert f"{live_tenant.owner} has approved this plan already." in again


def test_who_changed_the_setup_meanwhile_is_named(changed, live_tenant):
    from integrations.services import edits, streams

    made, client, links = changed
    address, plan = make(made, client)
    stream = links[0].stream
    with edits.saving(stream, "rules", "Grace"):
        streams.change(stream, policy="ask")
    told = client.post(url("plan_approve", made.pk, plan.pk), follow=True).content.decode()
    assert "Grace changed the setup after this plan was made. Make a new one." in told
