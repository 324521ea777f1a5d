"""The page of a connection, its runs, the inbox and the panel, after real runs against the sandbox."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from integrations.models import Conflict, SyncLogLine
from tests.integrations.ui.conftest import TOKEN, form_of, run, url

pytestmark = pytest.mark.usefixtures("notion")


def test_page_after_the_first_run(live):
    made, _stream, client = live
    page = client.get(url("detail", made.pk))
    html = page.content.decode()
    assert page.context["streams"][0]["counts"].in_step == 12
    assert "12 created here" in html
    assert 'hx-trigger="every 2s"' not in html  # nothing goes on, nobody asks
    assert 'hx-trigger="integration-changed from:body"' in html


def test_a_conflict_is_in_the_number_that_leads_to_it(live):
    made, stream, client = live
    link = stream.links.first()
    Conflict.objects.create(
        stream=stream, record_id=link.record_id, remote_id=link.remote_id, title="Ada", field="phone",
        local="+33 1", remote="+39 2", policy="ask", state="open", at=timezone.now(),
    )  # fmt: skip
    page = client.get(url("detail", made.pk))
    counts = page.context["streams"][0]["counts"]
    assert (counts.in_step, counts.waiting, counts.left_out, counts.failing) == (11, 0, 0, 1)
    led_to = f"{url('health', made.pk, stream.pk)}?list=failing"
    assert f'href="{led_to}">1</a>' in page.content.decode()
    assert len(client.get(led_to).context["rows"]) == 1


def test_polling_is_cheap_and_stops(live):
    made, _stream, client = live
    client.post(url("sync", made.pk))
    busy = client.get(url("live", made.pk, was="busy"), headers={"HX-Request": "true"})
    assert 'hx-trigger="every 2s"' in busy.content.decode() and "HX-Trigger" not in busy.headers
    run(made)
    with CaptureQueriesContext(connection) as asked:
        idle = client.get(url("live", made.pk, was="busy"), headers={"HX-Request": "true"})
    assert "every 2s" not in idle.content.decode()
    assert idle.headers["HX-Trigger"] == "integration-changed"
    assert "HX-Trigger" not in client.get(url("live", made.pk, was="idle")).headers
    assert len([q for q in asked if q["sql"].startswith("SELECT")]) <= 9  # tenant, session, person, role; then four


def test_run_page_with_lines_and_filters(live, notion):
    made, _stream, client = live
    row = notion.rows("Contacts")[0]
    notion.edit_row(row["id"], Phone="+39 02 000 111")
    client.post(url("sync", made.pk))
    run(made)
    latest = made.runs.first()
    page = client.get(url("run", made.pk, latest.pk))
    assert "+39 02 000 111" in page.content.decode()
    first = made.runs.last()
    every = client.get(url("run", made.pk, first.pk))
    assert len(every.context["lines"]) == 12
    nothing = client.get(url("run", made.pk, first.pk, action="deleted"))
    assert nothing.context["lines"] == []


def test_lines_are_paged_by_key(live):
    from integrations.ui import activity

    made, stream, client = live
    of_run = {"run": made.runs.last(), "stream": stream, "side": "here", "action": "created", "at": timezone.now()}
    SyncLogLine.objects.bulk_create(SyncLogLine(title=f"Record {n}", **of_run) for n in range(2 * activity.LINES))
    first = client.get(url("run", made.pk, of_run["run"].pk))
    assert len(first.context["lines"]) == activity.LINES
    more = client.get(first.context["more_url"], headers={"HX-Request": "true"})
    assert more.content.decode().count("record-line") == activity.LINES
    assert "<html" not in more.content.decode()


def test_queries_of_a_page_do_not_grow(live, notion):
    made, _stream, client = live
    home = connection.tenant

    def queries(address):
        with CaptureQueriesContext(connection) as asked:
            assert client.get(address).status_code == 200
        return len(asked)

    rows = [row["id"] for row in notion.rows("Contacts")[:5]]
    addresses = [url("detail", made.pk), url("list"), "/activity/", "/inbox/", url("run", made.pk, made.runs.last().pk)]
    for number, row in enumerate(rows):
        notion.edit_row(row, Phone=f"+39 02 {number}")
        client.post(url("sync", made.pk))
        connection.set_tenant(home)
        run(made)
        if number == 0:
            before = {address: queries(address) for address in addresses}
    assert {address: queries(address) for address in addresses} == before


def test_pause_resume_rename_frequency(live):
    made, stream, client = live
    client.post(url("pause", made.pk))
    made.refresh_from_db()
    assert made.status == "paused"
    assert "Paused. Changes wait" in client.get(url("detail", made.pk)).content.decode()
    refused = client.post(url("sync", made.pk), headers={"HX-Request": "true"})
    assert refused.status_code == 204 and "Only an active connection" in refused.headers["HX-Trigger"]
    client.post(url("resume", made.pk))
    made.refresh_from_db()
    assert made.status == "active"
    assert client.post(url("rename", made.pk), {"name": "Sales"}).status_code == 303
    answers = {
        "direction": "import",
        "policy": "remote",
        "matching": "match_only",
        "match_fields": ["email"],
        "deletions": "ignore",
    }
    data = {f"{stream.pk}-{name}": value for name, value in answers.items()} | {"frequency": "daily"}
    assert client.post(url("settings", made.pk), data).status_code == 303
    made.refresh_from_db()
    stream.refresh_from_db()
    assert (made.name, made.frequency, stream.direction, stream.policy) == ("Sales", "daily", "import", "remote")


def test_revoked_key_shows_the_button_that_mends_it(live, notion):
    made, _stream, client = live
    notion.revoke_token(TOKEN)
    client.post(url("sync", made.pk))
    run(made)
    html = client.get(url("detail", made.pk)).content.decode()
    assert "does not accept the key any more" in html and url("reconnect", made.pk) in html
    assert "Connections that stopped" in client.get("/inbox/").content.decode()
    assert url("reconnect", made.pk) in client.get(url("list")).content.decode()


def test_field_removed_there_is_shown_and_mended(live, notion):
    made, stream, client = live
    notion.remove_field("Contacts", "Phone")
    client.post(url("sync", made.pk))
    run(made)
    mend = url("mapping", made.pk, stream.pk)
    for address in (url("detail", made.pk), url("list"), "/inbox/"):
        html = client.get(address).content.decode()
        assert "“Phone”" in html and mend in html, address
    page = client.get(mend)
    assert page.context["gone"] == ["Phone"]
    client.post(mend, form_of(page))
    client.post(url("sync", made.pk))
    run(made)
    stream.refresh_from_db()
    assert stream.problem_code == ""


def test_failed_exchanges_are_shown_without_secrets(live, notion):
    made, _stream, client = live
    notion.fail(fault="status", status=400, path="query", times=3)
    client.post(url("sync", made.pk))
    run(made)
    notion.clear_faults()
    failed = made.runs.first()
    page = client.get(url("run", made.pk, failed.pk)).content.decode()
    assert TOKEN not in page
    if failed.exchanges:
        assert "Requests that failed" in page


def test_conflict_is_settled_in_the_inbox(live, notion, live_tenant):
    from crm import feed, records
    from crm.models import Contact
    from integrations.models import Conflict
    from integrations.services import streams

    made, stream, client = live
    streams.change(stream, policy="ask")
    link = stream.links.filter(record_id__isnull=False).first()
    contact = Contact.objects.get(pk=link.record_id)
    records.update("contact", contact.pk, {"phone": "+33 1"}, feed.Actor("user", "1", "Olga"))
    notion.edit_row(link.remote_id, Phone="+39 2")
    client.post(url("sync", made.pk))
    run(made)
    conflict = Conflict.objects.get(state="open")
    html = client.get("/inbox/").content.decode()
    assert "+33 1" in html and "+39 2" in html and contact.name in html
    record = client.get(f"/records/contact/{contact.pk}/").content.decode()
    assert '<a class="button small" href="/inbox/#conflicts">Settle</a>' in record
    assert (
        client.post(
            reverse("inbox:resolve", args=[conflict.pk], urlconf="config.urls_tenant"), {"winner": "remote"}
        ).status_code
        == 303
    )
    contact.refresh_from_db()
    assert contact.phone == "+39 2"
    again = client.get("/inbox/")
    assert again.context["conflicts"] == [] and again.context["settled"][0]["winner"] == "remote"


def test_records_of_an_import_are_read_only_everywhere(live, live_tenant):
    from crm import feed, records
    from crm.models import Contact
    from integrations.services import streams

    made, stream, client = live
    streams.change(stream, direction="import")
    contact = Contact.objects.get(pk=stream.links.first().record_id)
    with pytest.raises(records.ReadOnly, match="Kept by Notion · Contacts. Change it there."):
        records.update("contact", contact.pk, {"phone": "1"}, feed.Actor("user"))
    with pytest.raises(records.ReadOnly):
        records.delete("contact", [contact.pk], feed.Actor("user"))
    page = client.get(reverse("records:detail", args=["contact", contact.pk], urlconf="config.urls_tenant"))
    assert "Kept by Notion · Contacts" in page.content.decode()
    edit = reverse("records:edit", args=["contact", contact.pk], urlconf="config.urls_tenant")
    client.post(edit, {"name": "Somebody else"})
    contact.refresh_from_db()
    assert contact.name != "Somebody else"
    free = records.create("contact", {"name": "Only here"}, feed.Actor("user"))
    assert records.update("contact", free.id, {"phone": "1"}, feed.Actor("user")).values["phone"] == "1"


def test_guard_asks_one_query(live):
    from integrations.services.guard import kept_elsewhere
    from integrations.services.streams import change

    _made, stream, _client = live
    change(stream, direction="import")
    ids = list(stream.links.values_list("record_id", flat=True))
    with CaptureQueriesContext(connection) as asked:
        assert len(kept_elsewhere("contact", ids)) == 12
    assert len(asked) == 1


def test_record_names_the_tools_that_it_lives_in(live):
    made, stream, client = live
    record = stream.links.first().record_id
    page = client.get(
        reverse("records:detail", args=["contact", record], urlconf="config.urls_tenant")
    ).content.decode()
    assert "Lives in" in page and url("detail", made.pk) in page
    assert "Notion · Contacts" in page  # the origin of its first change


def test_record_names_the_field_whose_link_waits(live):
    _made, stream, client = live
    record = stream.links.exclude(waiting={}).first().record_id  # companies are not paired
    page = client.get(reverse("records:detail", args=["contact", record], urlconf="config.urls_tenant"))
    assert "Company waits until the record it points to is paired, too" in page.content.decode()


def test_deleting_leaves_the_records(live):
    from crm.models import Contact
    from integrations.models import IntegrationInstance

    made, _stream, client = live
    asked = client.get(url("delete", made.pk)).content.decode()
    assert "12 pairs of records are forgotten" in asked
    assert client.post(url("delete", made.pk)).headers["Location"] == url("list")
    assert not IntegrationInstance.objects.exists()
    assert Contact.objects.count() == 12


def test_set_aside_records_are_grouped_by_cause(live, notion):
    made, stream, client = live
    from integrations.models import SetAside

    links = list(stream.links.all()[:3])
    for link in links:
        SetAside.objects.create(
            stream=stream, side="here", record_id=link.record_id, remote_id=link.remote_id, title="Somebody", field="phone",
            code="invalid_record", reason="Notion does not take this number.",
        )  # fmt: skip
    page = client.get(url("detail", made.pk))
    group = page.context["groups"][0]
    assert group["title"] == "3 contacts: Phone is not accepted by Notion"
    assert [bool(one["url"]) for one in group["examples"]] == [True] * 3


def test_pages_in_french_and_italian_do_not_break(live):
    made, _stream, client = live
    for language, words in (("fr", "Synchroniser maintenant"), ("it", "Sincronizza ora")):
        page = client.get(url("detail", made.pk), headers={"accept-language": language})
        assert page.status_code == 200 and words in page.content.decode()


def test_brake_offers_to_go_on(live):
    from integrations.services.connect import mark

    made, stream, client = live
    mark(made, "attention", "brake", "8/12")
    made.streams.update(problem_code="brake", problem_detail="8 of 12")
    html = client.get(url("detail", made.pk)).content.decode()
    assert "would delete 8 of 12 records" in html and url("lift_brake", made.pk, stream.pk) in html
    assert html.count('class="callout trouble"') == 1  # not once more for the table
    assert client.post(url("lift_brake", made.pk, stream.pk)).status_code == 303
    stream.refresh_from_db()
    made.refresh_from_db()
    assert stream.brake_lifted and made.status == "active"
