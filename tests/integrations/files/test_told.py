"""Whoever asked for a large export is told when it has arrived, in the app and by mail; nobody else is."""

from __future__ import annotations

import pytest
from django.core import mail
from django.utils import timezone

from crm import records
from crm.feed import Actor
from crm.models import Contact
from integrations.files import exports, keeping
from integrations.files import work as file_work
from integrations.files.models import Export
from integrations.notifications import preferences, tasks
from integrations.notifications.bell import rings
from integrations.notifications.bell.models import Ring
from integrations.notifications.kinds import ByMail, Kind
from integrations.notifications.models import Delivery, Notice
from tenants.models import Membership
from tests.integrations.files.test_pages import url


@pytest.fixture
def asked(tenant, member, settings):
    """(who asked, the export that waits for a worker)"""
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    who = member("viewer")
    Contact.objects.create(name="Ada")
    job = exports.create(records.describe("contact"), ["name"], "csv", {}, Actor("user", str(who.pk), who.name))
    exports.in_background(job)
    return who, job


def test_who_asked_is_told_with_the_link_and_nobody_else(asked, work, sign_in, tenant):
    who, job = asked
    work()
    assert Ring.objects.filter(tenant=tenant).exists()
    tasks.look_here()
    assert [(one.user_id, one.notice.kind) for one in Delivery.objects.all()] == [(who.pk, "export")]
    browser = sign_in(who, tenant)
    page = browser.get("/notifications/").content.decode()
    assert f"{exports.file_name(job)} is ready" in page and "1 record is in it. It is kept for 3 days." in page
    answer = browser.post(f"/notifications/{Delivery.objects.get().pk}/read/", {"open": "1"})
    assert answer["Location"] == url("fetch", job.pk)
    assert b"Ada" in b"".join(browser.get(answer["Location"]).streaming_content)
    [sent] = mail.outbox
    assert sent.to == [who.email] and f"{tenant.url}{answer['Location']}" in sent.body
    rings.ring()
    tasks.look_here()
    assert Notice.objects.count() == 1


def test_who_wants_no_mail_of_it_gets_none(asked, work, tenant):
    who, _job = asked
    of = Membership.objects.get(tenant=tenant, user=who)
    known = preferences.of(of)
    preferences.keep(of, preferences.Wishes(dict(known.choices) | {Kind.EXPORT: (True, ByMail.NEVER)}))
    work()
    tasks.look_here()
    assert Delivery.objects.get().in_app and not mail.outbox


def test_one_that_could_not_be_written_is_told_too(asked, tenant, sign_in):
    who, job = asked
    file_work.export_failed(job.pk)
    tasks.look_here()
    page = sign_in(who, tenant).get("/notifications/").content.decode()
    assert f"{exports.file_name(job)} could not be put together" in page and "Export again" in page


def test_a_file_that_is_removed_is_over(asked, work, tenant, sign_in):
    work()
    tasks.look_here()
    Export.objects.update(ended_at=timezone.now() - keeping.EXPORTS * 2)
    keeping.forget()
    rings.ring()  # as once a day
    tasks.look_here()
    assert Notice.objects.get().over_at
    page = sign_in(asked[0], tenant).get("/notifications/").content.decode()
    assert "The file has been removed since." in page
    rings.ring()
    tasks.look_here()
    assert Notice.objects.count() == 1
