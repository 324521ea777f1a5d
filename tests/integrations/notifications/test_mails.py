"""Mails: to whom, when, what stands in them, and that none is lost or sent by two."""

from __future__ import annotations

import datetime as dt
import re
import smtplib
import sys
from email import message_from_bytes

import pytest
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend
from django.db import connection
from django.utils import timezone
from django_tenants.utils import tenant_context

from integrations.notifications import mails, preferences, tasks
from integrations.notifications.bell import rings
from integrations.notifications.bell.models import FailedMail
from integrations.notifications.kinds import ByMail, Kind
from integrations.notifications.models import Delivery, Mail, Notice
from tenants import team
from tenants.models import Membership, User
from tests.between import meanwhile

HOUR = dt.timedelta(hours=1)
ONLY = {kind: (True, ByMail.NEVER) for kind in Kind.values}


@pytest.fixture(autouse=True)
def _kept(settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    settings.DEFAULT_FROM_EMAIL = "Raccord <no-reply@raccord.example>"


def of(user):
    return Membership.objects.get(user=user)


def wants(user, digest="daily", **choices):
    preferences.keep(of(user), preferences.Wishes(ONLY | {k: (True, v) for k, v in choices.items()}, digest))


def all_due():
    Mail.objects.filter(state__in=("waiting", "sending")).update(due_at=timezone.now(), held_until=None)
    rings.ring()
    return tasks.look_here()


def to():
    return [address for message in mail.outbox for address in message.to]


# --- to whom, and when ------------------------------------------------------------------------------------------------


def test_who_may_mend_it_gets_a_mail_at_once_and_nobody_else(tenant, member, stops, look):
    admin, plain, viewer = member("admin"), member("member"), member("viewer")
    stops("authentication_failed")
    look()
    assert sorted(to()) == sorted([tenant.owner.email, admin.email])
    shown = set(Delivery.objects.filter(in_app=True).values_list("user_id", flat=True))
    assert {plain.pk, viewer.pk} <= shown


def test_somebody_of_another_tenant_never_gets_one(tenant, other_tenant, member, stops, look):
    with tenant_context(other_tenant):
        theirs = member("owner", other_tenant)
    stops("authentication_failed")
    look()
    all_due()
    assert to() == [tenant.owner.email]
    assert not Delivery.objects.filter(user_id=theirs.pk).exists()
    with tenant_context(other_tenant):
        assert not Notice.objects.exists() and not Mail.objects.exists()


def test_whoever_left_meanwhile_gets_none(tenant, member, stops, look):
    gone, asleep = member("admin"), member("admin")
    wants(gone, critical=ByMail.DIGEST)
    wants(asleep, critical=ByMail.DIGEST)
    stops("brake", "40/100")
    look()
    team.remove(Membership.objects.get(user=tenant.owner), Membership.objects.get(user=gone).pk)
    asleep.is_active = False
    asleep.save()
    all_due()
    assert to() == [tenant.owner.email]
    assert set(Mail.objects.filter(user_id__in=[gone.pk, asleep.pk]).values_list("state", flat=True)) == {"dropped"}


def test_what_happens_meanwhile_comes_in_one_mail_later(tenant, notion, stops, look):
    stops("authentication_failed")
    look()
    stops("access_denied")
    look()
    stops("not_connected")
    look()
    assert len(mail.outbox) == 1
    waiting = Mail.objects.get(state="waiting")
    assert waiting.due_at > timezone.now() + HOUR / 10 and waiting.deliveries.count() == 2
    all_due()
    assert len(mail.outbox) == 2
    assert "There is no key for Notion" in mail.outbox[1].body  # what it replaced is no alarm any more
    assert "does not let this connection" not in mail.outbox[1].body


def test_trouble_that_is_over_before_its_mail_was_sent_alarms_nobody(tenant, table, ended, look):
    wants(tenant.owner, warning=ByMail.NOW)
    Mail.objects.create(
        user_id=tenant.owner.pk, sort="now", state="sent", due_at=timezone.now(), sent_at=timezone.now()
    )
    table.problem_code = "not_found"
    table.save()
    ended()
    look()
    table.problem_code = ""
    table.save()
    ended()
    look()
    all_due()
    assert mail.outbox == []


def test_digest_collects_until_its_window(tenant, table, fails_for, ended, look):
    table.problem_code = "not_found"
    table.save()
    ended()
    look()
    fails_for(1)
    look()
    assert mail.outbox == []
    digest = Mail.objects.get(user_id=tenant.owner.pk)
    assert digest.due_at == preferences.of(of(tenant.owner)).next_digest(timezone.now())
    all_due()
    [sent] = mail.outbox
    assert "2" in sent.subject and "Contacts" in sent.body and "does not answer" in sent.body
    all_due()
    assert len(mail.outbox) == 1


def test_what_is_over_asks_for_nothing_any_more(tenant, table, ended, look):
    table.problem_code = "not_found"
    table.save()
    ended()
    look()
    table.problem_code = ""
    table.save()
    ended()
    look()
    all_due()
    [sent] = mail.outbox
    text = next(part for part in sent.body.split("\n\n") if "(over)" in part)
    row = next(part for part in sent.alternatives[0][0].split("<tr>") if " · over</p>" in part)
    assert "Contacts" in text and "http" not in text and "<a " not in row


def test_the_same_trouble_soon_again_waits_for_the_digest(tenant, notion, fails_for, ended, look):
    wants(tenant.owner, warning=ByMail.NOW)
    fails_for(1)
    look()
    ended()
    look()
    fails_for(1)
    [again] = look()
    assert again.deliveries.get(user_id=tenant.owner.pk).by_mail == ByMail.DIGEST
    assert len(mail.outbox) == 1


def test_a_new_hour_of_the_digest_moves_what_waits(tenant, fails_for, look):
    fails_for(1)
    look()
    asked = preferences.of(of(tenant.owner))
    preferences.keep(of(tenant.owner), preferences.Wishes(asked.choices, "weekly", 23, 6))
    due_at = Mail.objects.get().due_at
    assert (due_at.astimezone(tenant.timezone).hour, due_at.astimezone(tenant.timezone).weekday()) == (23, 6)
    preferences.keep(of(tenant.owner), preferences.Wishes(asked.choices, "never"))
    assert Mail.objects.get().state == "dropped"


# --- what stands in it ------------------------------------------------------------------------------------------------


def test_mail_has_both_forms_the_way_to_mend_it_and_the_way_out(tenant, notion, stops, look):
    stops("authentication_failed", "Authorization: Bearer ntn_secret")
    look()
    [sent] = mail.outbox
    raw = message_from_bytes(sent.message().as_bytes())
    assert [part.get_content_type() for part in raw.walk()] == ["multipart/alternative", "text/plain", "text/html"]
    html = sent.alternatives[0][0]
    for text in (sent.body, html):
        assert f"{tenant.url}/connections/{notion.pk}/reconnect/" in text
        assert f"{tenant.url}/notifications/preferences/" in text
        assert f"{tenant.url}/notifications/unsubscribe/" in text
        assert "ntn_secret" not in text and "Notion does not accept the key any more" in text
    assert "<script" not in html and "<img" not in html and "http-equiv" not in html
    assert raw["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert re.fullmatch(
        rf"<{tenant.url}/notifications/unsubscribe/[\w:-]+/>", raw["List-Unsubscribe"].replace("\n ", "")
    )
    assert raw["Message-ID"] == f"<{Mail.objects.get().pk}@localhost>"


def test_each_reads_it_in_their_language_with_a_button_they_may_use(tenant, member, notion, stops, look):
    User.objects.filter(pk=tenant.owner.pk).update(language="fr")
    viewer = member("viewer")
    wants(viewer, critical=ByMail.NOW)
    stops("authentication_failed")
    look()
    by_person = {message.to[0]: message for message in mail.outbox}
    assert "Notion n" in by_person[tenant.owner.email].subject  # “n'accepte plus la clé”
    assert "/reconnect/" not in by_person[viewer.email].body
    assert f"/connections/{notion.pk}/" in by_person[viewer.email].body


def test_a_name_with_a_line_break_breaks_no_header(tenant, notion, table, fails_for, ended, look):
    table.collection_name, table.problem_code = "Contacts\r\nBcc: all@world.example", "not_found"
    table.save()
    wants(tenant.owner, warning=ByMail.NOW)
    ended()
    look()
    assert mail.outbox[0].message()["Bcc"] is None
    assert "\n" not in mail.outbox[0].subject


# --- at least once ----------------------------------------------------------------------------------------------------


class Down(EmailBackend):
    error: Exception = smtplib.SMTPServerDisconnected("no")

    def send_messages(self, messages):
        raise self.error


def test_a_server_that_is_down_is_tried_again_later_and_given_up_in_the_end(tenant, stops, look, settings):
    settings.EMAIL_BACKEND = f"{__name__}.Down"
    stops("authentication_failed")
    look()
    one = Mail.objects.get()
    assert (one.state, one.tries, one.held_until) == ("sending", 1, None)
    assert one.due_at > timezone.now() + 0.01 * HOUR and one.problem == "SMTPServerDisconnected"
    for _try in mails.WAITS:
        all_due()
    one.refresh_from_db()
    assert one.state == "failed"
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    all_due()
    assert mail.outbox == []


def test_a_server_that_nobody_reaches_counts_as_a_try_and_the_look_ends(tenant, stops, settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 9  # nobody listens there
    stops("authentication_failed")
    assert tasks.look_here() == "1 told, 0 sent"
    waiting = Mail.objects.get()
    assert (waiting.state, waiting.tries, waiting.problem) == ("sending", 1, "ConnectionRefusedError")
    assert waiting.due_at > timezone.now() and waiting.held_until is None
    assert tasks.look_here() == "nobody rang"
    for _ in mails.WAITS:
        all_due()
    assert (Mail.objects.get().state, FailedMail.objects.get().problem) == ("failed", "ConnectionRefusedError")


def test_an_address_that_does_not_exist_is_given_up_at_once(tenant, stops, look, settings, monkeypatch):
    monkeypatch.setattr(
        Down, "error", smtplib.SMTPRecipientsRefused({"a@b.example": (550, b"no such user a@b.example")})
    )
    settings.EMAIL_BACKEND = f"{__name__}.Down"
    stops("authentication_failed")
    look()
    one = Mail.objects.get()
    assert one.state == "failed" and "a@b" not in one.problem


def test_a_worker_that_dies_after_sending_sends_it_again_under_the_same_id(tenant, stops, look):
    stops("authentication_failed")
    with pytest.raises(SystemExit), meanwhile('"sent_at" =', sys.exit):
        look()
    rings.ring()
    tasks.look_here()
    assert len(mail.outbox) == 1  # the dead one still holds it
    all_due()
    assert len(mail.outbox) == 2
    assert len({message.extra_headers["Message-ID"] for message in mail.outbox}) == 1
    assert Mail.objects.get().state == "sent"


def test_only_one_worker_gets_a_mail(tenant, stops, look, settings):
    settings.EMAIL_BACKEND = f"{__name__}.Down"
    stops("authentication_failed")
    look()
    Mail.objects.update(due_at=timezone.now())
    pk = Mail.objects.get().pk
    assert mails._claim(pk) is not None
    assert mails._claim(pk) is None


def test_the_next_look_comes_when_the_next_mail_is_due(tenant, fails_for, look):
    from integrations.notifications.bell.models import Ring

    Ring.objects.all().delete()
    fails_for(1)
    look()
    assert Ring.objects.get(tenant=tenant).look_at == Mail.objects.get().due_at


def test_who_wants_no_more_mails_gets_none_that_a_server_did_not_take(tenant, stops, look, settings):
    """It waits to be sent again, and is not called waiting any more."""
    settings.EMAIL_BACKEND = f"{__name__}.Down"
    stops("authentication_failed")
    look()
    assert Mail.objects.get().state == "sending"
    preferences.no_mail(tenant.owner.pk)
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    all_due()
    assert (mail.outbox, Mail.objects.get().state) == ([], "dropped")


def test_a_worker_that_was_taken_for_dead_says_nothing_of_a_mail_that_another_one_sent(tenant, stops, look, settings):
    settings.EMAIL_BACKEND = f"{__name__}.Down"
    stops("authentication_failed")
    look()
    Mail.objects.update(due_at=timezone.now())
    late = mails._claim(Mail.objects.get().pk)
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    Mail.objects.update(held_until=None)
    all_due()
    mails._failed(late, smtplib.SMTPServerDisconnected("too late"))
    assert (Mail.objects.get().state, len(mail.outbox)) == ("sent", 1)


def test_a_digest_that_is_too_long_keeps_what_is_worst(tenant, notion, stops, look):
    from integrations.notifications.models import Delivery, Notice

    wants(tenant.owner, critical=ByMail.DIGEST, volumes=ByMail.DIGEST)
    digest = Mail.objects.create(user_id=tenant.owner.pk, sort="digest", due_at=timezone.now())
    odd = {"provider": "notion", "what": "created", "n": 90, "usual": 2, "table": "Contacts", "run": str(notion.pk)}
    for turn, (kind, level, facts) in enumerate(
        [*[("volumes", 0, odd)] * mails.MANY, ("critical", 4, {"provider": "notion"})]
    ):
        notice = Notice.objects.create(
            kind=kind, level=level, code="brake", subject="x", turn=turn, integration=notion, facts=facts,
            at=timezone.now() - dt.timedelta(hours=1 + turn),
        )  # fmt: skip
        Delivery.objects.create(notice=notice, user_id=tenant.owner.pk, by_mail="digest", mail=digest)
    all_due()
    [sent] = mail.outbox
    assert f"{mails.MANY + 1} notices" in sent.subject and "A connection stopped" in sent.alternatives[0][0]


def test_staff_see_what_was_given_up_without_its_text_and_send_it_again(
    tenant, stops, look, settings, monkeypatch, sign_in, django_capture_on_commit_callbacks
):
    refused = smtplib.SMTPRecipientsRefused({"a@b.example": (550, b"quota of a@b.example is used up")})
    monkeypatch.setattr(Down, "error", refused)
    settings.EMAIL_BACKEND = f"{__name__}.Down"
    stops("authentication_failed")
    look()
    staff = sign_in(User.objects.create_user("staff@raccord.example", name="Sam", is_staff=True))
    page = staff.get("/admin/bell/failedmail/").content.decode()
    assert tenant.owner.email in page and "SMTPRecipientsRefused" in page
    assert "does not accept the key" not in page and "a@b.example" not in page
    connection.set_tenant(tenant)
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    chosen = {"action": "send_again", "_selected_action": str(Mail.objects.get().pk)}
    assert staff.post("/admin/bell/failedmail/", chosen).status_code == 302
    connection.set_tenant(tenant)
    tasks.look_here()
    assert (Mail.objects.get().state, to()) == ("sent", [tenant.owner.email])
    assert not FailedMail.objects.exists()


def test_a_member_sees_no_staff_page(tenant, tenant_client):
    assert tenant_client.get("/admin/bell/failedmail/").status_code in (302, 404)
