"""The list, the bell, the preferences, and the way out of the mails."""

from __future__ import annotations

import datetime as dt
import re

import pytest
from django.utils import timezone
from django_tenants.utils import tenant_context

from integrations.notifications import keeping, listing, preferences, unsubscribing
from integrations.notifications.kinds import DEFAULTS, ByMail, Kind
from integrations.notifications.models import Delivery, Mail, Notice, Preference
from tenants.models import Membership
from tests.clients import HostClient

LIST = "/notifications/"


def notice(user, number=0, kind=Kind.WARNING, of=None, **facts):
    made = Notice.objects.create(
        kind=kind, subject="test", turn=number, level=2, code="unavailable", integration=of, at=timezone.now(),
        facts={"provider": "notion"} | facts,
    )  # fmt: skip
    return Delivery.objects.create(notice=made, user_id=user.pk)


def of(user):
    return Membership.objects.get(user=user)


def html(client, path=LIST, status=200):
    answer = client.get(path)
    assert answer.status_code == status
    return answer.content.decode()


def test_empty_list_says_what_will_be_here(tenant_client):
    page = html(tenant_client)
    assert "Nothing to tell yet" in page and 'class="drawing"' in page
    assert "Nothing is unread" in html(tenant_client, f"{LIST}?show=unread")


def test_every_kind_is_told_with_its_one_button(tenant, notion, table, tenant_client, stops, ended, look):
    from tests.integrations.notifications.test_watch import aside, conflict, wrote

    for number in (3,) * 11:
        wrote(table, ended, number)
    look()
    run = ended(conflict=1, set_aside=2)
    conflict(table, run)
    aside(table, 2)
    wrote(table, ended, 80)
    table.problem_code = "not_found"
    table.save()
    look()
    stops("brake", "40/100")
    look()
    kinds = set(Notice.objects.values_list("kind", flat=True))
    assert kinds == set(Kind.values) - {Kind.RECOVERED, Kind.WEBHOOK, Kind.EXPORT}
    page = html(tenant_client)
    for words in ("40 of 100", "Contacts: A table is gone", "critical field clashed", "2 records could not go to Notion",
                  "A run changed 80 records in “Contacts”"):  # fmt: skip
        assert words in page, words
    assert "secret" not in page
    assert page.count('name="open"') == Notice.objects.count()


def test_the_button_reads_it_and_leads_there(tenant, tenant_client, notion):
    one = notice(tenant.owner, of=notion)
    answer = tenant_client.post(f"{LIST}{one.pk}/read/", {"open": "1"})
    assert (answer.status_code, answer.url) == (303, f"/connections/{notion.pk}/")
    one.refresh_from_db()
    assert one.read_at


def test_one_is_read_and_unread_and_all_are_read(tenant, tenant_client):
    first, second = notice(tenant.owner, 1), notice(tenant.owner, 2)
    assert "Notifications, 2 unread" in html(tenant_client)
    tenant_client.post(f"{LIST}{first.pk}/read/")
    assert listing.unread(tenant.owner.pk) == 1
    tenant_client.post(f"{LIST}{first.pk}/read/", {"unread": "1"})
    assert listing.unread(tenant.owner.pk) == 2
    assert tenant_client.post(f"{LIST}read/").status_code == 303
    assert "You have read everything" in html(tenant_client)
    assert second.pk


def test_what_is_over_is_dismissed_and_says_so(tenant, notion, tenant_client, stops, ended, look):
    from integrations.services.connect import mark

    stops("authentication_failed")
    look()
    mark(notion, "active")
    ended()
    look()
    page = html(tenant_client)
    assert "notice over" in page and "“Team wiki” works again" in page
    assert listing.unread(tenant.owner.pk) == 1


def test_pages_go_on_after_the_last_row_and_days_have_names(tenant, tenant_client, django_assert_num_queries):
    for number in range(listing.PAGE + 5):
        one = notice(tenant.owner, number)
        if number < 8:
            Notice.objects.filter(pk=one.notice_id).update(at=timezone.now() - dt.timedelta(days=1))
    page = html(tenant_client)
    assert "Today" in page and page.count('class="notice ') == listing.PAGE
    older = html(tenant_client, LIST + re.search(r'href="(\?before=\d+)"', page).group(1))
    assert "Yesterday" in older and older.count('class="notice ') == 5
    assert html(tenant_client, f"{LIST}?before=nonsense").count('class="notice ') == listing.PAGE


def test_a_full_page_asks_no_more_queries_than_one_row(tenant, tenant_client, notion, django_assert_num_queries):
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    clash = {"open": 1, "critical": 0, "names": ["Ada"], "fields": [["contact", "email"]], "runs": []}
    notice(tenant.owner, kind=Kind.CONFLICTS, of=notion, **clash)
    html(tenant_client)
    with CaptureQueriesContext(connection) as few:
        html(tenant_client)
    for number in range(1, 25):
        notice(tenant.owner, number, kind=Kind.CONFLICTS if number % 2 else Kind.WARNING, of=notion, **clash)
    with django_assert_num_queries(len(few)):
        full = html(tenant_client)
    assert full.count('class="notice-body"') == 25


def test_many_unread_are_counted_no_further(tenant, tenant_client):
    for number in range(listing.MOST + 3):
        notice(tenant.owner, number)
    assert "Notifications, more than 99 unread" in html(tenant_client)


# --- whose ------------------------------------------------------------------------------------------------------------


def test_nobody_sees_or_reads_what_is_somebody_elses(tenant, other_tenant, member, sign_in):
    mine = notice(tenant.owner)
    colleague = sign_in(member("owner"), tenant)
    assert "Nothing to tell yet" in html(colleague)
    assert colleague.post(f"{LIST}{mine.pk}/read/").status_code == 404
    with tenant_context(other_tenant):
        stranger = sign_in(other_tenant.owner, other_tenant)
    assert stranger.post(f"{LIST}{mine.pk}/read/").status_code == 404
    assert sign_in(other_tenant.owner, tenant).get(LIST).status_code == 404
    assert HostClient(tenant).get(LIST).status_code == 302
    mine.refresh_from_db()
    assert mine.read_at is None


def test_viewer_is_led_to_where_one_can_look(tenant, notion, member, sign_in, stops, look):
    viewer = sign_in(member("viewer"), tenant)
    stops("authentication_failed")
    look()
    page = html(viewer)
    assert "See the connection" in page and ">Reconnect<" not in page


# --- preferences ------------------------------------------------------------------------------------------------------

CHOSEN = {"digest": "weekly", "hour": "9", "weekday": "2", "app_critical": "on",
          **{f"mail_{kind}": "never" for kind in Kind.values}, "mail_critical": "now"}  # fmt: skip


def test_preferences_are_shown_as_the_role_has_them_and_kept(tenant, tenant_client):
    page = html(tenant_client, f"{LIST}preferences/")
    assert page.count(" checked") == len(Kind.values) and tenant.owner.email in page
    assert tenant_client.post(f"{LIST}preferences/", CHOSEN).status_code == 303
    kept = preferences.of(of(tenant.owner))
    assert kept.choices[Kind.CRITICAL] == (True, ByMail.NOW)
    assert kept.choices[Kind.WARNING] == (False, ByMail.NEVER)
    assert (kept.digest, kept.hour, kept.weekday) == ("weekly", 9, 2)


def test_only_what_differs_from_the_role_is_kept(tenant, tenant_client):
    tenant_client.post(f"{LIST}preferences/", CHOSEN)
    assert Kind.CRITICAL not in Preference.objects.get(user_id=tenant.owner.pk).choices
    Membership.objects.filter(user=tenant.owner).update(role="member")
    assert preferences.of(of(tenant.owner)).choices[Kind.CRITICAL] == DEFAULTS["member"][Kind.CRITICAL]


@pytest.mark.parametrize("wrong", [{"digest": "hourly"}, {"hour": "24"}, {"mail_critical": "x"}])
def test_nonsense_is_refused(tenant, tenant_client, wrong):
    assert tenant_client.post(f"{LIST}preferences/", CHOSEN | wrong).status_code == 422
    assert not Preference.objects.exists()


def test_both_pages_of_preferences_lead_to_each_other(tenant_client):
    assert 'href="/notifications/preferences/"' in html(tenant_client, "/preferences/")
    assert 'href="/preferences/"' in html(tenant_client, "/notifications/preferences/")


# --- the way out --------------------------------------------------------------------------------------------------------


def way_out(tenant, user):
    return unsubscribing.link(tenant, user.pk).removeprefix(tenant.url)


def test_one_click_ends_the_mails_without_signing_in(tenant, member):
    user = member("admin")
    Mail.objects.create(user_id=user.pk, sort="digest", due_at=timezone.now())
    client = HostClient(tenant, enforce_csrf_checks=True)
    path = way_out(tenant, user)
    assert "Stop the e-mail?" in html(client, path)
    assert not Preference.objects.exists()  # mail programs open every link
    answer = client.post(path, "List-Unsubscribe=One-Click", content_type="application/x-www-form-urlencoded")
    assert answer.status_code == 200
    chosen = preferences.of(of(user)).choices
    assert chosen == {kind: (in_app, ByMail.NEVER) for kind, (in_app, _mail) in DEFAULTS["admin"].items()}
    assert Mail.objects.get().state == "dropped"
    assert client.post(path).status_code == 200


def test_the_way_out_is_of_one_person_in_one_organisation(tenant, other_tenant, member):
    path = way_out(tenant, member("admin"))
    assert HostClient(other_tenant).post(path).status_code == 404
    assert HostClient(tenant).post(path[:-5] + "aaaa/").status_code == 404
    assert HostClient(tenant).post(way_out(other_tenant, member("admin"))).status_code == 404
    assert not Preference.objects.exists()


# --- forgetting ---------------------------------------------------------------------------------------------------------


def test_old_notices_and_people_who_left_are_forgotten(tenant, member, settings):
    old, kept, gone = notice(tenant.owner, 1), notice(tenant.owner, 2), notice(member("admin", tenant=None), 3)
    preferences.no_mail(gone.user_id)
    long_ago = timezone.now() - dt.timedelta(days=settings.KEEP_NOTICES_DAYS + 1)
    Notice.objects.filter(pk=old.notice_id).update(at=long_ago)
    assert keeping.keep(timezone.now()) == 1
    assert list(Delivery.objects.all()) == [kept]
    assert not Preference.objects.exists()
