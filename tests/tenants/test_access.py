"""Every page of a tenant's host: open to its members by role, not there for anybody else."""

import uuid

import pytest
from django.contrib.staticfiles import finders
from django_tenants.utils import tenant_context

from crm import records
from crm.feed import SYSTEM
from crm.models import CustomField
from tenants import tokens
from tenants.models import Invitation, Membership

PAGES = ["/", "/settings/", "/settings/team/", "/preferences/"]
LISTS = [f"/records/{name}/" for name in ("contact", "company", "deal", "task")]
FOR_ADMINS = ["/settings/fields/", "/settings/tokens/"]


@pytest.fixture
def things(tenant):
    """One of each thing that an address names."""
    contact = records.create("contact", {"name": "Ada"}, SYSTEM)
    field = CustomField.objects.create(entity="contact", name="tier", label="Tier", type="text")
    asked = Invitation.objects.create(tenant=tenant, email="asked@people.example")
    return {
        "record": contact.id,
        "field": field.pk,
        "token": tokens.create_token(tenant, "Script")[0].pk,
        "member": Membership.objects.get(user=tenant.owner, tenant=tenant).pk,
        "invitation": asked.pk,
    }


#: method, address, least role
WITH_IDS = [
    ("get", "/records/contact/{record}/", "viewer"),
    ("get", "/records/contact/{record}/history/", "viewer"),
    ("get", "/records/contact/{record}/edit/", "member"),
    ("post", "/records/contact/{record}/edit/", "member"),
    ("get", "/records/contact/{record}/delete/", "member"),
    ("post", "/records/contact/{record}/delete/", "member"),
    ("get", "/settings/fields/{field}/", "admin"),
    ("post", "/settings/fields/{field}/", "admin"),
    ("post", "/settings/fields/{field}/remove/", "admin"),
    ("post", "/settings/tokens/{token}/revoke/", "admin"),
    ("post", "/settings/team/{member}/role/", "admin"),
    ("post", "/settings/team/{member}/remove/", "admin"),
    ("post", "/settings/team/invitations/{invitation}/take-back/", "admin"),
]
WRITES = [
    ("get", "/records/contact/new/", "member"),
    ("post", "/records/contact/new/", "member"),
    ("post", "/records/contact/delete/", "member"),
    ("post", "/settings/", "admin"),
    ("post", "/settings/team/invite/", "admin"),
    ("post", "/settings/fields/contact/add/", "admin"),
    ("post", "/settings/tokens/", "admin"),
]
BELOW = {"member": ["viewer"], "admin": ["viewer", "member"], "viewer": []}


@pytest.mark.parametrize("page", PAGES + LISTS + FOR_ADMINS)
def test_a_page_is_not_there_for_others(page, tenant, other_tenant, member, sign_in):
    for outsider in (member("owner", tenant=other_tenant), member(tenant=None)):
        assert sign_in(outsider, tenant).get(page).status_code == 404
    assert sign_in(None, tenant).get(page).status_code == 302


@pytest.mark.parametrize(("method", "page", "role"), WITH_IDS)
def test_an_id_is_unknown_on_another_host(method, page, role, things, other_tenant, sign_in):
    """The address of acme's thing, asked by the owner of another organisation on their own host."""
    owner = Membership.objects.get(tenant=other_tenant, role="owner").user
    address = page.format(**things)
    assert getattr(sign_in(owner, other_tenant), method)(address, {"role": "viewer"}).status_code == 404


@pytest.mark.parametrize(("method", "page", "role"), WITH_IDS + WRITES)
def test_a_lesser_role_is_refused_and_told_who_can_help(method, page, role, things, tenant, member, sign_in):
    for lesser in BELOW[role]:
        browser = sign_in(member(lesser), tenant)
        answer = getattr(browser, method)(page.format(**things))
        assert answer.status_code == 403
        assert tenant.owner.name in answer.content.decode()
        assert getattr(browser, method)(page.format(**things), headers={"HX-Request": "true"})[
            "Content-Type"
        ].startswith("text/plain")
    assert records.get("contact", things["record"]).values["name"] == "Ada"


@pytest.mark.parametrize("language", ["en", "fr", "it"])
@pytest.mark.parametrize("role", ["viewer", "admin"])
def test_pages_render_in_three_languages(language, role, things, tenant, member, sign_in):
    user = member(role)
    user.language = language
    user.save()
    browser = sign_in(user, tenant)
    with_ids = [page.format(**things) for method, page, least in WITH_IDS if method == "get" and role == "admin"]
    for page in PAGES + LISTS + [f"/records/contact/{things['record']}/"] + with_ids:
        answer = browser.get(page)
        assert answer.status_code == 200 and answer["Content-Language"] == language, page
        assert f'<html lang="{language}"' in answer.content.decode()


@pytest.mark.parametrize("language", ["en", "fr", "it"])
def test_public_pages_render_in_three_languages(language, tenant, sign_in):
    for page in ("/", "/sign-in/", "/sign-up/"):
        answer = sign_in(None).get(page, headers={"Accept-Language": f"{language}-CH,en;q=0.5"})
        assert answer.status_code == 200 and answer["Content-Language"] == language


def test_the_language_switch_is_kept_per_person(tenant, tenant_client):
    answer = tenant_client.post("/language/", {"language": "it", "next": "/settings/"})
    assert (answer.status_code, answer["Location"]) == (303, "/settings/")
    assert tenant_client.get("/")["Content-Language"] == "it"


def test_static_files_and_health_need_no_membership(tenant, sign_in):
    assert finders.find("css/raccord.css")
    assert sign_in(None, tenant).get("/healthz").status_code == 200


def test_unknown_things_are_not_found(tenant_client):
    for page in ("/records/unknown/", f"/records/contact/{uuid.uuid4()}/", "/records/contact/nonsense/", "/nowhere/"):
        assert tenant_client.get(page).status_code == 404


def test_the_admin_is_not_on_a_tenants_host(tenant, tenant_client):
    assert tenant_client.get("/admin/").status_code == 404


@pytest.mark.servers
def test_what_one_tenant_writes_another_does_not_see(tenant, other_tenant, tenant_client):
    with tenant_context(other_tenant):
        records.create("contact", {"name": "Secret Somebody"}, SYSTEM)
    assert "Secret Somebody" not in tenant_client.get("/records/contact/?q=Secret").content.decode()


def test_what_is_not_here_has_our_page_also_where_one_develops(tenant_client, tenant, member, sign_in, settings):
    settings.DEBUG = True
    asked = {
        "a record": (tenant_client, f"/records/contact/{uuid.uuid4()}/"),
        "an address": (tenant_client, "/nowhere/"),
        "an address of a file": (tenant_client, "/nowhere.png"),
        "of the public host": (sign_in(None), "/nowhere/"),
        "who is no member": (sign_in(member(tenant=None), tenant), "/"),
    }
    answers = {name: client.get(path) for name, (client, path) in asked.items()}
    answers["a host"] = tenant_client.get("/", headers={"host": "nobody.raccord.localhost"})
    wrong = {
        name: answer.content.decode()[:300]
        for name, answer in answers.items()
        if answer.status_code != 404 or "There is no page here" not in answer.content.decode()
    }
    assert not wrong


def test_an_address_without_its_last_slash_leads_on(tenant_client, settings):
    settings.DEBUG = True
    assert tenant_client.get("/records/contact").status_code == 301
