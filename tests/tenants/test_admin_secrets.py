"""The secrets of our own apps: staff enter them, nobody reads them again."""

import pytest

from integrations.catalog.models import Provider
from tenants.models import User

WORDS = ("c1ient-s3cret", "h00k-s3cret")


@pytest.fixture
def staff(tenant, sign_in):
    return sign_in(User.objects.create_user("staff@raccord.example", name="Sam", is_staff=True, is_superuser=True))


def enter(staff, **secrets):
    provider = Provider.objects.get(slug="notion")
    form = {"is_active": "on", "is_visible": "on", "position": 5, "client_id": "raccord-app", **secrets}
    assert staff.post(f"/admin/catalog/provider/{provider.pk}/change/", form).status_code == 302
    return Provider.objects.get(slug="notion")


def test_secrets_go_in_and_never_come_out(staff):
    saved = enter(staff, client_secret=WORDS[0], hook_secret=WORDS[1])
    assert (saved.client_secret.open(), saved.hook_secret.open()) == WORDS
    for page in (f"{saved.pk}/change/", f"{saved.pk}/history/", ""):
        html = staff.get(f"/admin/catalog/provider/{page}").content.decode()
        assert not any(word in html for word in WORDS)


def test_staff_read_what_to_enter_there(staff):
    page = staff.get(f"/admin/catalog/provider/{Provider.objects.get(slug='notion').pk}/change/").content.decode()
    assert "http://localhost:8000/oauth/notion/callback" in page


def test_left_empty_they_stay(staff):
    enter(staff, client_secret=WORDS[0], hook_secret=WORDS[1])
    saved = enter(staff, hook_secret="a new one")
    assert (saved.client_secret.open(), saved.hook_secret.open()) == (WORDS[0], "a new one")
