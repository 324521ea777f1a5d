"""From our connect page to the provider's consent page and back, over real HTTP, through the real views."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from django.urls import reverse
from django.utils import timezone
from django_tenants.utils import tenant_context

from integrations.models import Grant, IntegrationInstance, Status
from integrations.oauth.models import Visit
from integrations.scheduling import tasks
from integrations.services import connect, discovery, streams
from tenants.models import Membership
from tests.clients import HostClient
from tests.integrations.oauth.conftest import come_back, consent, left, path_of

START = "/connections/new/notion/"


@pytest.fixture
def begin(tenant_client, notion_app):
    """Presses the button; answers the provider's address."""
    return lambda name="Our Notion": left(tenant_client.post(START, {"name": name, "way": "oauth2"}))


@pytest.fixture
def connected(tenant_client, begin):
    tenant_client.get(path_of(come_back(consent(begin()))))
    return IntegrationInstance.objects.get()


def reconnect(client, integration, who="Ada"):
    asked = client.post(reverse("connections:reconnect", args=[integration.pk]), {"way": "oauth2"})
    return path_of(come_back(consent(left(asked), who)))


def test_the_whole_way(tenant, tenant_client, begin):
    page = tenant_client.get(START).content.decode()
    assert "Sign in at Notion" in page and "Connect with a key instead" in page

    away = begin()
    asked = parse_qs(urlsplit(away).query)
    assert asked["owner"] == ["user"] and asked["redirect_uri"] == ["http://localhost:8000/oauth/notion/callback"]
    made = IntegrationInstance.objects.get()
    assert (made.name, made.setup_step, made.has_key) == ("Our Notion", "connect", False)

    back = come_back(consent(away))
    assert back.startswith(tenant.url) and "code=" not in back and asked["state"][0] not in back
    done = tenant_client.get(path_of(back))
    assert done.status_code == 302 or done.status_code == 303
    made.refresh_from_db()
    assert done.headers["Location"] == reverse("connections:setup", args=[made.pk, "map"])
    assert (made.auth_kind, made.account_name, made.has_key) == ("oauth2", "Acme Studio", True)
    assert {one.name for one in streams.collections(made)} >= {"Contacts", "Companies"}
    kept = Grant.objects.get().tokens.open()
    assert kept["token"].startswith("ntn_") and kept["refresh_token"].startswith("nrt_")
    visit = Visit.objects.get()
    assert visit.settled_at and not (visit.code or visit.grant or visit.verifier)


def test_without_our_app_only_the_key_is_offered(tenant_client, sandbox_notion):
    page = tenant_client.get(START).content.decode()
    assert "Sign in at Notion" not in page and 'name="token"' in page


def test_a_state_works_once_for_its_provider_and_for_a_while(begin):
    address = consent(begin())
    assert HostClient().get(address[address.index("/oauth/") :].replace("notion", "airtable")).status_code == 400
    come_back(address)
    assert HostClient().get(address[address.index("/oauth/") :]).status_code == 400
    late = consent(begin("Another"))
    Visit.objects.update(began_at=timezone.now() - timedelta(minutes=16))
    assert HostClient().get(late[late.index("/oauth/") :]).status_code == 400
    for forged in ("", "state=&code=x", "state=nonsense&code=x", f"state={Visit.objects.first().handle}&code=x"):
        assert HostClient().get(f"/oauth/notion/callback?{forged}").status_code == 400
    Visit.objects.update(began_at=timezone.now() - timedelta(hours=1))
    tasks.renew_idle()
    assert not Visit.objects.exists()


def test_a_handle_works_once(tenant_client, begin):
    back = path_of(come_back(consent(begin())))
    assert tenant_client.get(back).status_code == 303
    again = tenant_client.get(back)
    assert again.status_code == 404 and "This return link no longer works" in again.content.decode()


def test_only_who_began_can_finish(tenant_client, begin, member, sign_in, tenant):
    back = path_of(come_back(consent(begin())))
    somebody = sign_in(member("admin"), tenant).get(back)
    assert somebody.status_code == 403 and "Somebody else began this sign-in" in somebody.content.decode()
    assert sign_in(member("viewer"), tenant).get(back).status_code == 403
    assert HostClient(tenant).get(back).headers["Location"].startswith("/sign-in/")
    assert tenant_client.get(back).status_code == 303  # it still waited


def test_who_lost_the_role_meanwhile_cannot_finish(tenant_client, begin, tenant):
    back = path_of(come_back(consent(begin())))
    Membership.objects.filter(user=tenant.owner, tenant=tenant).update(role="viewer")
    assert tenant_client.get(back).status_code == 403
    assert not Grant.objects.exists()


def test_nothing_crosses_to_another_tenant(tenant_client, begin, tenant, other_tenant, sign_in):
    Membership.objects.create(user=tenant.owner, tenant=other_tenant, role="owner")
    back = come_back(consent(begin()))
    assert back.startswith(tenant.url)
    assert sign_in(tenant.owner, other_tenant).get(path_of(back)).status_code == 404
    with tenant_context(other_tenant):
        assert not Grant.objects.exists()
    assert tenant_client.get(path_of(back)).status_code == 303


@pytest.mark.parametrize("role", ["viewer", "member"])
def test_who_may_not_connect_does_not_get_away(role, connected, member, sign_in, tenant):
    client = sign_in(member(role), tenant)
    for path in (START, reverse("connections:reconnect", args=[connected.pk])):
        assert client.post(path, {"name": "Mine", "way": "oauth2"}).status_code == 403
    assert Visit.objects.count() == 1


def test_saying_no_there_changes_nothing(tenant_client, begin):
    page = tenant_client.get(path_of(come_back(consent(begin(), decision="cancel")))).content.decode()
    made = IntegrationInstance.objects.get()
    assert "You did not allow the access" in page
    assert reverse("connections:setup", args=[made.pk, "connect"]) in page
    assert not made.has_key and not Grant.objects.exists()


def test_an_error_of_the_provider_is_shown(tenant_client, begin):
    state = parse_qs(urlsplit(begin()).query)["state"][0]
    page = tenant_client.get(path_of(come_back(f"/oauth/notion/callback?error=server_error&state={state}")))
    assert page.status_code == 422 and "server_error" in page.content.decode()


def test_a_code_that_is_no_good_leaves_the_connection_as_it_was(tenant_client, connected, notion_app):
    before = Grant.objects.get().tokens.open()
    away = left(tenant_client.post(reverse("connections:reconnect", args=[connected.pk]), {"way": "oauth2"}))
    state = parse_qs(urlsplit(away).query)["state"][0]
    page = tenant_client.get(path_of(come_back(f"/oauth/notion/callback?code=guessed&state={state}")))
    assert page.status_code == 422 and "Begin again" in page.content.decode()
    assert Grant.objects.get().tokens.open() == before


def test_an_app_that_is_not_accepted_is_our_own_fault(tenant_client, begin, notion_app):
    from tests.integrations.oauth.conftest import enter_app

    back = path_of(come_back(consent(begin())))
    enter_app("notion", "2c1d872b-594c-80aa-9b1e-0037a5b0c001", "wrong")
    assert "Our staff have to put that right" in tenant_client.get(back).content.decode()


def test_tokens_wait_while_the_tool_cannot_be_asked(tenant_client, begin, notion_app):
    back = path_of(come_back(consent(begin())))
    notion_app.fail(fault="status", path="/v1/users/me$", status=503, times=2)
    page = tenant_client.get(back)
    assert page.status_code == 422 and "Try again" in page.content.decode()
    assert tenant_client.post(back, {"do": "again"}).status_code == 303
    assert IntegrationInstance.objects.get().account_name == "Acme Studio"


# --- reconnecting -----------------------------------------------------------------------------------------------------


def test_reconnecting_keeps_everything(tenant_client, connected):
    contacts = next(one.id for one in streams.collections(connected) if one.name == "Contacts")
    stream = streams.add(connected, contacts, "contact", match_fields=["email"])
    IntegrationInstance.objects.update(setup_step="done")
    connect.mark(connected, Status.ATTENTION, "authentication_failed")
    before = Grant.objects.get().tokens.open()
    page = tenant_client.get(reverse("connections:reconnect", args=[connected.pk])).content.decode()
    assert "Sign in again as Acme Studio" in page
    done = tenant_client.get(reconnect(tenant_client, connected))
    assert done.headers["Location"] == reverse("connections:detail", args=[connected.pk])
    connected.refresh_from_db()
    assert connected.streams.get() == stream and (connected.status, connected.status_code) == ("paused", "catch_up")
    assert Grant.objects.get().tokens.open() != before


def test_another_account_is_asked_about_and_can_be_left(tenant_client, connected):
    before = Grant.objects.get().tokens.open()
    back = reconnect(tenant_client, connected, who="Katherine")
    page = tenant_client.get(back).content.decode()
    assert "Nord Atelier" in page and "Acme Studio" in page and 'value="switch"' in page
    assert Grant.objects.get().tokens.open() == before
    assert tenant_client.post(back, {"do": "keep"}).status_code == 303
    connected.refresh_from_db()
    assert connected.account_name == "Acme Studio" and Grant.objects.get().tokens.open() == before
    assert tenant_client.get(back).status_code == 404 and not Visit.objects.filter(grant__isnull=False).exists()


def test_another_account_can_be_taken(tenant_client, connected):
    back = reconnect(tenant_client, connected, who="Katherine")
    tenant_client.get(back)
    assert tenant_client.post(back, {"do": "switch"}).status_code == 303
    connected.refresh_from_db()
    assert connected.account_name == discovery.recheck(connected).name == "Nord Atelier"


def test_a_key_takes_the_place_of_a_sign_in(tenant_client, connected):
    path = reverse("connections:setup", args=[connected.pk, "connect"])
    assert tenant_client.post(path, {"way": "token", "token": "ntn_sandbox_demo"}).status_code == 303
    connected.refresh_from_db()
    assert connected.auth_kind == "token" and not Grant.objects.exists() and streams.collections(connected)


def test_nothing_secret_is_shown(tenant_client, connected, sign_in, caplog):
    from integrations.catalog.models import Provider
    from tenants.models import User

    staff = sign_in(User.objects.create_user("staff@raccord.example", name="Sam", is_staff=True, is_superuser=True))
    tokens = Grant.objects.get().tokens.open()
    IntegrationInstance.objects.update(setup_step="done", status="active")
    pages = [tenant_client.get(reverse(f"connections:{name}", args=[connected.pk])) for name in ("detail", "reconnect")]
    pages.append(tenant_client.get(f"/api/v1/integrations/{connected.pk}"))
    pages.append(staff.get(f"/admin/catalog/provider/{Provider.objects.get(slug='notion').pk}/change/"))
    assert [page.status_code for page in pages] == [200] * 4
    shown = "".join(page.content.decode() for page in pages) + caplog.text + repr(Grant.objects.get().__dict__)
    for secret in (tokens["token"], tokens["refresh_token"], "secret_sandbox_oauth"):
        assert secret not in shown
