"""From a run over HTTP to what people read: the bell is rung by the runs themselves."""

from __future__ import annotations

import pytest
from django.core import mail

from integrations.models import Status
from integrations.notifications import tasks
from integrations.notifications.bell.models import Ring
from integrations.notifications.models import Delivery, Notice
from integrations.services import lifecycle
from tests.integrations.services.test_endings import linked, run_once
from tests.integrations.sync.test_two_way import notion

__all__ = ["linked", "notion"]


@pytest.fixture
def told(linked, settings):
    """told() -> the notices since it was last asked."""
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    tasks.look_here()
    Notice.objects.all().delete()

    def looked():
        known = set(Notice.objects.values_list("pk", flat=True))
        tasks.look_here()
        return [one.kind for one in Notice.objects.exclude(pk__in=known).order_by("pk")]

    return looked


def rings(tenant):
    return Ring.objects.filter(tenant=tenant).count()


def test_a_lost_key_is_told_and_mailed_at_once_and_so_is_its_return(linked, notion, told, live_tenant):
    assert run_once(linked) == "done"
    assert rings(live_tenant) == 0  # both sides are in step: nothing to tell, and nobody is woken
    notion.fail(fault="status", status=401, times=None)
    run_once(linked)
    assert linked.status == Status.ATTENTION and rings(live_tenant) > 0
    assert told() == ["critical"]
    [sent] = mail.outbox
    assert sent.to == [live_tenant.owner.email] and "Notion does not accept the key any more" in sent.subject
    notion.clear_faults()
    lifecycle.resume(linked)
    assert told() == []
    assert run_once(linked) == "done"
    assert told() == ["recovered"]
    assert run_once(linked) == "done"
    assert told() == []
    assert Delivery.objects.filter(read_at=None).count() == 1


def test_whoever_pauses_it_is_told_nothing(linked, told):
    lifecycle.pause(linked)
    lifecycle.resume(linked)
    run_once(linked)
    assert told() == []


def test_what_people_know_goes_with_the_connection(linked, notion, told, live_tenant, sign_in):
    notion.fail(fault="status", status=401, times=None)
    run_once(linked)
    told()
    lifecycle.delete(linked)
    assert told() == []
    assert not Delivery.objects.exists()
    assert sign_in(live_tenant.owner, live_tenant).get("/notifications/").status_code == 200
