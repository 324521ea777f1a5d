"""Invitations, roles, and people kept in step with members."""

import pytest
from django.core import mail

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
            answer = tenant_client.post("/settings/team/invite/", {"email": email, "role": role})
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
    assert browser.post("/settings/team/invite/", {"email": "x@y.example", "role": "owner"}).status_code == 422


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


def test_a_new_name_reaches_the_people(tenant, tenant_client):
    answer = tenant_client.post("/preferences/", {"name": "Olga Nova", "language": "fr", "theme": "dark"})
    assert answer.status_code == 303 and answer.cookies["theme"].value == "dark"
    assert Person.objects.get(email=tenant.owner.email).name == "Olga Nova"
    assert tenant_client.get("/preferences/")["Content-Language"] == "fr"
