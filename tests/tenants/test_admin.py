"""The staff admin: on the public host, for staff, without secrets."""

import pytest
from django_tenants.utils import schema_exists, tenant_context

from crm.models import Person
from integrations.catalog.models import Provider
from tenants.models import Membership, Tenant, User


@pytest.fixture
def staff(tenant, sign_in):
    user = User.objects.create_user("staff@raccord.example", name="Sam", is_staff=True, is_superuser=True)
    return sign_in(user)


LISTS = [
    "catalog/provider",
    "catalog/calls",
    "catalog/incident",
    "tenants/tenant",
    "tenants/user",
    "scheduling/due",
    "bell/failedmail",
    "django_celery_beat/periodictask",
    "django_celery_beat/intervalschedule",
    "django_celery_beat/crontabschedule",
]


@pytest.mark.parametrize("page", ["", *(f"{name}/" for name in LISTS)])
def test_pages_open_for_staff_only(page, staff, tenant, sign_in):
    assert staff.get(f"/admin/{page}").status_code == 200
    assert sign_in(tenant.owner).get(f"/admin/{page}").status_code == 302
    assert sign_in(None).get("/admin/login/")["Location"] == "/sign-in/?next=/admin/"
    assert sign_in(tenant.owner).get("/admin/login/").status_code == 404


@pytest.mark.parametrize("page", ["catalog/provider/add/", "scheduling/due/add/"])
def test_nobody_adds_what_the_code_makes(page, staff):
    assert staff.get(f"/admin/{page}").status_code == 403


def test_staff_change_what_is_theirs_in_the_catalog(staff):
    provider = Provider.objects.first()
    answer = staff.post(
        f"/admin/catalog/provider/{provider.pk}/change/",
        {"is_visible": "on", "description": "Ours", "position": 5, "name": "Hacked", "requests_per_minute": ""},
    )
    changed = Provider.objects.get(pk=provider.pk)
    assert answer.status_code == 302
    assert (changed.name, changed.description, changed.is_active) == (provider.name, "Ours", False)


def test_a_tenant_is_made_whole(staff, member):
    owner = member(tenant=None, email="owner@fresh.example")
    form = {
        "name": "Fresh",
        "slug": "fresh",
        "owner": owner.pk,
        "timezone": "Europe/Rome",
        "currency": "CHF",
        "language": "it",
    }
    assert staff.post("/admin/tenants/tenant/add/", form).status_code == 302
    made = Tenant.objects.get(slug="fresh")
    assert schema_exists(made.schema_name) and str(made.timezone) == "Europe/Rome" and made.currency == "CHF"
    with tenant_context(made):
        assert Person.objects.get().user_id == owner.pk
    assert staff.get(f"/admin/tenants/tenant/{made.pk}/change/").status_code == 200
    assert staff.post("/admin/tenants/tenant/add/", form).status_code == 200, "taken: the form again"


def test_the_public_host_is_no_tenant_to_look_at(staff):
    public = Tenant.objects.get(schema_name="public")
    assert staff.get(f"/admin/tenants/tenant/{public.pk}/change/").status_code == 302


def test_no_page_shows_records_or_secrets(staff, tenant):
    names = {model._meta.label for model in __import__("django.contrib.admin").contrib.admin.site._registry}
    assert not [name for name in names if name.startswith(("crm.", "integrations."))]
    assert "tenants.ApiToken" not in names
    page = staff.get(f"/admin/tenants/user/{tenant.owner.pk}/change/").content.decode()
    assert User.objects.get(pk=tenant.owner.pk).password not in page


def test_plain_staff_cannot_rise(tenant, sign_in):
    plain = User.objects.create_user("plain@raccord.example", name="Pat", is_staff=True)
    boss = User.objects.create_user("boss@raccord.example", name="Bo", is_staff=True, is_superuser=True)
    browser = sign_in(plain)
    assert browser.get("/admin/tenants/tenant/").status_code == 200
    assert browser.post(f"/admin/tenants/user/{boss.pk}/password/", {}).status_code == 403
    browser.post(f"/admin/tenants/user/{plain.pk}/change/", {"name": "Pat", "is_superuser": "on", "is_active": "on"})
    assert not User.objects.get(pk=plain.pk).is_superuser
    membership = Membership.objects.get(tenant=tenant, user=tenant.owner)
    assert browser.get(f"/admin/tenants/tenant/{membership.tenant_id}/delete/").status_code == 403
