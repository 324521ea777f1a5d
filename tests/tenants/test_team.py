"""Invitations, roles, and people kept in step with members."""

import datetime as dt

import pytest
from django.core import mail
from django.utils import timezone

from crm.models import Person
from tenants import team, throttle
from tenants.models import Invitation, Membership, User

PASSWORD = "a long enough sentence"  # noqa: S105


@pytest.fixture(autouse=True)
def _no_attempts_yet():
    throttle.reset()


@pytest.fixture
def invite(tenant_client, django_capture_on_commit_callbacks):
    def ask(email="new@people.example", role="member"):
        with django_capture_on_commit_callbacks(execute=True):
            answer = tenant_client.post("/settings/team/invite/", {"emails": email, "role": role})
        assert answer.status_code == 303, answer.content
        return mail.outbox[-1].body.split("/join/")[1].split("/")[0]

    return ask


def membership(user):
    return Membership.objects.get(user=user)


def test_an_invited_person_chooses_a_password_and_is_in(invite, tenant, sign_in):
    link = f"/join/{invite()}/"
    browser = sign_in(None, tenant)
    assert "Acme Studio" in browser.get(link).content.decode()
    assert browser.post(link, {"name": "Nora", "password": PASSWORD})["Location"] == "/"
    assert browser.get("/").status_code == 200
    assert membership(User.objects.get(email="new@people.example")).role == "member"
    assert Person.objects.get(email="new@people.example").name == "Nora"
    assert sign_in(None, tenant).get(link).status_code == 404, "the link is used up"


def test_a_newcomer_is_spoken_to_in_the_language_of_the_organisation(invite, tenant, sign_in):
    tenant.language = "fr"
    tenant.save(update_fields=["language"])
    link = f"/join/{invite()}/"
    assert "vous invite" in mail.outbox[-1].subject and "Ouvrez ce lien" in mail.outbox[-1].body
    browser = sign_in(None, tenant)
    browser.post(link, {"name": "Nora", "password": PASSWORD})
    assert browser.get("/", headers={"Accept-Language": "en"})["Content-Language"] == "fr"


def test_a_known_person_is_invited_in_their_own_language(invite):
    User.objects.create_user("known@people.example", PASSWORD, name="Kim", language="it")
    invite("known@people.example")
    assert "ti invita" in mail.outbox[-1].subject and "Apri questo link" in mail.outbox[-1].body


def test_a_known_person_needs_their_own_password(invite, tenant, sign_in):
    User.objects.create_user("known@people.example", PASSWORD, name="Kim")
    link = f"/join/{invite('Known@People.example', 'viewer')}/"
    browser = sign_in(None, tenant)
    assert browser.post(link, {"password": "not this one"}).status_code == 422
    assert browser.post(link, {"password": PASSWORD}).status_code == 303
    assert membership(User.objects.get(email="known@people.example")).role == "viewer"


def test_a_link_of_another_organisation_opens_nothing(invite, other_tenant, sign_in):
    assert sign_in(None, other_tenant).get(f"/join/{invite()}/").status_code == 404


def test_an_invitation_taken_back_is_void(invite, tenant, tenant_client, sign_in):
    link = f"/join/{invite()}/"
    tenant_client.post(f"/settings/team/invitations/{Invitation.objects.get().pk}/take-back/")
    assert sign_in(None, tenant).get(link).status_code == 404


def test_an_admin_neither_makes_nor_removes_owners(tenant, member, sign_in):
    admin, owner = member("admin"), membership(tenant.owner)
    browser = sign_in(admin, tenant)
    browser.post(f"/settings/team/{owner.pk}/role/", {"role": "viewer"})
    browser.post(f"/settings/team/{owner.pk}/remove/")
    browser.post(f"/settings/team/{membership(admin).pk}/role/", {"role": "owner"})
    assert membership(tenant.owner).role == "owner" and membership(admin).role == "admin"
    assert browser.post("/settings/team/invite/", {"emails": "x@y.example", "role": "owner"}).status_code == 422


@pytest.mark.servers
def test_who_leaves_takes_the_tokens_along(tenant, other_tenant, member):
    from tenants import tokens

    leaving = member("admin")
    here = membership(leaving).pk
    Membership.objects.create(user=leaving, tenant=other_tenant, role="admin")
    made, _plain = tokens.create_token(tenant, "script", by=leaving)
    elsewhere, _plain = tokens.create_token(other_tenant, "script", by=leaving)
    mine, _plain = tokens.create_token(tenant, "mine", by=tenant.owner)
    team.remove(membership(tenant.owner), here)
    for token in (made, elsewhere, mine):
        token.refresh_from_db()
    assert made.revoked_at and not elsewhere.revoked_at and not mine.revoked_at


@pytest.mark.servers
def test_the_last_owner_stays(tenant, member):
    owner = membership(tenant.owner)
    with pytest.raises(team.Refused, match="last owner"):
        team.change_role(owner, owner.pk, "admin")
    with pytest.raises(team.Refused, match="last owner"):
        team.remove(owner, owner.pk)
    second = membership(member("owner"))
    team.remove(second, owner.pk)
    assert not Membership.objects.filter(pk=owner.pk).exists()


def test_who_leaves_stays_a_person_but_is_no_member(tenant, member):
    user = member("member")
    team.came(membership(user))
    assert Person.objects.get(email=user.email).user_id == user.pk
    team.remove(membership(tenant.owner), membership(user).pk)
    assert Person.objects.get(email=user.email).user_id is None


def test_anybody_may_leave(tenant, member, sign_in):
    user = member("viewer")
    browser = sign_in(user, tenant)
    browser.post(f"/settings/team/{membership(user).pk}/remove/")
    assert browser.get("/").status_code == 404


@pytest.mark.servers
def test_a_new_name_reaches_the_people(tenant, tenant_client):
    answer = tenant_client.post("/preferences/", {"name": "Olga Nova", "language": "fr", "theme": "dark"})
    assert answer.status_code == 303 and answer.cookies["theme"].value == "dark"
    assert Person.objects.get(email=tenant.owner.email).name == "Olga Nova"
    assert tenant_client.get("/preferences/")["Content-Language"] == "fr"


def mails_to(*people):
    return sorted(letter.to[0] for letter in mail.outbox) == sorted(people)


def test_several_are_invited_at_once(tenant, tenant_client, member, django_capture_on_commit_callbacks):
    known = member("viewer").email
    asked = f"a@new.example, B@new.example;\nb@new.example {known}"
    with django_capture_on_commit_callbacks(execute=True):
        page = tenant_client.post("/settings/team/invite/", {"emails": asked, "role": "viewer"}, follow=True)
    assert mails_to("a@new.example", "b@new.example")
    text = page.content.decode()
    assert "2 invitations are on their way" in text and f"{known} is on the team already" in text


def test_one_wrong_address_invites_nobody(tenant, tenant_client):
    page = tenant_client.post("/settings/team/invite/", {"emails": "a@new.example nobody", "role": "viewer"})
    assert page.status_code == 422 and "Not an e-mail address: nobody" in page.content.decode()
    assert not Invitation.objects.exists()


def test_an_invitation_that_is_too_old_is_sent_again(invite, tenant, tenant_client, django_capture_on_commit_callbacks):
    invite()
    Invitation.objects.update(sent_at=timezone.now() - dt.timedelta(days=8))
    assert "The link is too old" in tenant_client.get("/settings/team/").content.decode()
    with django_capture_on_commit_callbacks(execute=True):
        tenant_client.post(f"/settings/team/invitations/{Invitation.objects.get().pk}/send-again/")
    assert len(mail.outbox) == 2 and "The link works until" in tenant_client.get("/settings/team/").content.decode()


def test_the_mail_is_text_and_html(invite, tenant):
    token = invite()
    letter = mail.outbox[-1]
    (html, kind), *_ = letter.alternatives
    assert kind == "text/html" and f"/join/{token}/" in html and tenant.name in html
    assert "<script" not in html and "http://" not in html.replace(tenant.url, "")


def test_a_name_in_a_mail_is_text(tenant, invite):
    User.objects.filter(pk=tenant.owner.pk).update(name='Eve <b>"bold"</b>')
    invite()
    (html, _kind), *_ = mail.outbox[-1].alternatives
    assert "<b>" not in html and "&lt;b&gt;" in html and 'Eve <b>"bold"</b>' in mail.outbox[-1].body


def test_an_organisation_is_handed_over(tenant, member, tenant_client):
    heir = membership(member("member"))
    page = tenant_client.post(f"/settings/team/{heir.pk}/hand-over/", follow=True)
    assert membership(heir.user).role == "owner" and membership(tenant.owner).role == "admin"
    assert "is the owner now" in page.content.decode()
    assert tenant_client.post(f"/settings/team/{heir.pk}/hand-over/").status_code == 403, "an admin is no owner"


def test_it_is_handed_over_to_somebody_else_of_the_team_only(tenant, tenant_client, member, other_tenant):
    owner = membership(tenant.owner)
    tenant_client.post(f"/settings/team/{owner.pk}/hand-over/")
    assert membership(tenant.owner).role == "owner"
    stranger = Membership.objects.get(tenant=other_tenant)
    assert tenant_client.post(f"/settings/team/{stranger.pk}/hand-over/").status_code == 404


@pytest.mark.servers
def test_it_is_handed_over_once(tenant, member):
    owner = Membership.objects.get(tenant=tenant, user=tenant.owner)
    first, second = (Membership.objects.get(tenant=tenant, user=member(role)) for role in ("member", "viewer"))
    team.hand_over(owner, first.pk)
    with pytest.raises(team.Refused):  # as a second window still sees it
        team.hand_over(owner, second.pk)
    roles = dict(Membership.objects.filter(tenant=tenant).values_list("pk", "role"))
    assert (roles[owner.pk], roles[first.pk], roles[second.pk]) == ("admin", "owner", "viewer")


def test_a_viewer_sees_the_team_and_no_buttons(tenant, member, sign_in, invite):
    invite()
    browser = sign_in(member("viewer"), tenant)
    text = browser.get("/settings/team/").content.decode().replace("<wbr>", "")
    assert "can invite people and change roles" in text and tenant.owner.name in text and "new@people.example" in text
    assert "Send again" not in text and "role-select" not in text
    asked = Invitation.objects.get().pk
    for path in (
        "invite/",
        f"invitations/{asked}/send-again/",
        f"invitations/{asked}/take-back/",
        f"{membership(tenant.owner).pk}/hand-over/",
    ):
        assert browser.post(f"/settings/team/{path}").status_code == 403, path


def test_many_are_searched_and_cost_no_more(tenant, member, tenant_client, django_assert_max_num_queries):
    for _ in range(12):
        member("member")
    with django_assert_max_num_queries(25) as few:
        assert "Search the team" in tenant_client.get("/settings/team/").content.decode()
    for _ in range(12):
        member("viewer")
    with django_assert_max_num_queries(len(few)):
        tenant_client.get("/settings/team/")
    text = tenant_client.get("/settings/team/?q=olga").content.decode()
    assert tenant.owner.email in text and "member-1" not in text
    assert "Nobody on the team is called" in tenant_client.get("/settings/team/?q=zzz").content.decode()


def test_when_somebody_was_last_here(tenant, member, sign_in):
    user = member("viewer")
    browser = sign_in(user, tenant)
    browser.get("/settings/team/")
    first = membership(user).seen_at
    browser.get("/settings/team/")
    assert first and membership(user).seen_at == first, "not written for every page"


def test_who_leaves_is_led_to_their_organisations(tenant, member, sign_in):
    user = member("viewer")
    answer = sign_in(user, tenant).post(f"/settings/team/{membership(user).pk}/remove/")
    assert answer["Location"].endswith("/organisations/")
