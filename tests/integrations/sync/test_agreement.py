"""Measured agreement: what really differs is found and never mended here; what is on its way is no disagreement."""

from __future__ import annotations

import datetime as dt

import pytest
from django.utils import timezone
from django_tenants.utils import tenant_context

from crm.models import Contact
from integrations.models import Agreement, RecordLink
from integrations.services import agreement
from tests.integrations.ui.conftest import live, notion, run  # noqa: F401 - fixtures


@pytest.fixture
def stream(live):  # noqa: F811
    return live[1]


def silently(stream, **values):
    """Somebody wrote here past the change feed, which no run would ever notice."""
    from django.db import connection

    link = stream.links.order_by("id").first()
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE crm_contact DISABLE TRIGGER USER")
        Contact.objects.filter(pk=link.record_id).update(**values)
        cursor.execute("ALTER TABLE crm_contact ENABLE TRIGGER USER")
    return link


def test_all_agree_after_a_run_and_nothing_is_written(stream, notion):  # noqa: F811
    before = list(RecordLink.objects.order_by("id").values())
    kept = agreement.measure(stream)
    assert (kept.seen, kept.agree, kept.moving, kept.differ) == (12, 12, 0, [])
    assert list(RecordLink.objects.order_by("id").values()) == before
    assert agreement.due() == [] and agreement.measure(stream) is None  # once a day


def test_silent_difference_is_found_marked_and_mended_by_the_next_run(stream, live):  # noqa: F811
    link = silently(stream, phone="+41 99")
    kept = agreement.measure(stream)
    assert (kept.agree, kept.moving) == (11, 0)
    assert kept.differ == [{"link": link.pk, "record_id": str(link.record_id), "remote_id": link.remote_id,
                            "title": link.base_local["name"], "fields": ["phone"]}]  # fmt: skip
    assert list(RecordLink.objects.filter(reread=True)) == [link]
    from integrations.services import health, lifecycle

    assert health.counts([stream.pk])[stream.pk].waiting == 1
    assert Contact.objects.get(pk=link.record_id).phone == "+41 99"
    lifecycle.sync_now(live[0])
    run(live[0])
    Agreement.objects.all().delete()
    again = agreement.measure(stream)
    assert again.agree == again.seen == 12


def test_an_edit_that_waits_to_go_out_is_no_disagreement(stream):
    link = stream.links.order_by("id").first()
    Contact.objects.filter(pk=link.record_id).update(phone="+41 1")
    kept = agreement.measure(stream)
    assert (kept.agree, kept.moving, kept.differ) == (11, 1, [])
    assert not RecordLink.objects.filter(reread=True).exists()


def edited_there(stream, notion, number):  # noqa: F811
    """A page is edited in Notion."""
    import httpx

    link = stream.links.order_by("id").first()
    headers = {"Authorization": "Bearer ntn_sandbox_demo", "Notion-Version": "2025-09-03"}
    base = f"{notion.url}/notion/v1/pages/{link.remote_id}"
    page = httpx.get(base, headers=headers).json()
    name = next(name for name, one in page["properties"].items() if one["type"] == "phone_number")
    answer = httpx.patch(base, headers=headers, json={"properties": {name: {"phone_number": number}}})
    assert answer.status_code == 200, answer.text
    return link


def test_an_edit_there_since_the_last_run_is_no_disagreement_but_a_missed_one_is(stream, notion):  # noqa: F811
    from integrations.models import SyncLog

    link = edited_there(stream, notion, "+41 2")
    assert agreement.measure(stream).moving == 1
    Agreement.objects.all().delete()
    SyncLog.objects.update(started_at=timezone.now() + dt.timedelta(hours=1))  # as if it had been read since
    kept = agreement.measure(stream)
    assert [one["link"] for one in kept.differ] == [link.pk] and kept.moving == 0


def test_a_record_that_is_being_deleted_says_nothing(stream):
    Contact.objects.filter(pk=stream.links.order_by("id").first().record_id).delete()
    kept = agreement.measure(stream)
    assert (kept.agree, kept.moving, kept.differ) == (11, 1, [])


def test_samples_take_turns_until_all_were_seen(stream, settings):
    from integrations.services import calls

    settings.AGREEMENT_SAMPLE = 5
    ids = list(stream.links.order_by("id").values_list("pk", flat=True))
    seen = []
    for back in range(3, 0, -1):
        kept = agreement.measure(stream)
        seen.append(kept.upto)
        Agreement.objects.filter(pk=kept.pk).update(day=calls.today() - dt.timedelta(days=back))
    assert seen == [ids[4], ids[9], ids[2]]


def test_known_troubles_are_not_counted_as_agreeing_or_not(stream):
    RecordLink.objects.filter(pk=stream.links.order_by("id").first().pk).update(left_out="paused")
    assert agreement.measure(stream).seen == 11


def test_quota_that_is_nearly_used_is_left_to_the_sync(stream):
    from integrations.services import calls

    row = calls.of_today(stream.integration)
    row.of, row.left, row.tenant_id = 1000, 90, stream.integration_id and _tenant().pk
    row.save()
    assert agreement.measure(stream) is None and not Agreement.objects.exists()


def _tenant():
    from django.db import connection

    return connection.tenant


def test_days_of_a_connection_are_added_up_and_nothing_is_pretended(stream):
    from integrations.services import calls

    today = calls.today()
    for at, (seen, agree, moving) in enumerate([(50, 49, 0), (4, 0, 4)]):
        Agreement.objects.create(
            stream=stream, day=today - dt.timedelta(days=at), seen=seen, agree=agree, moving=moving, at=timezone.now()
        )
    days = agreement.days([stream.integration_id])[stream.integration_id]
    assert [day.percent for day in days] == [None, 98.0]
    assert agreement.forget_before(today) == 1


def test_api_tells_the_samples_of_this_tenant_alone(stream, live, other_tenant):  # noqa: F811
    agreement.measure(stream)
    client, address = live[2], f"/api/v1/integrations/{stream.integration_id}/agreement"
    [day] = client.get(address).json()
    assert (day["seen"], day["agree"], day["differ"]) == (12, 12, [])
    assert client.get(f"{address}?stream={stream.integration_id}").status_code == 404
    with tenant_context(other_tenant):
        from integrations.models import IntegrationInstance

        theirs = IntegrationInstance.objects.create(provider="notion", name="Theirs")
    assert client.get(f"/api/v1/integrations/{theirs.pk}/agreement").status_code == 404
