"""Tokens are renewed by many workers at once, by real ones too, and against a provider that gives each pair only once."""

from __future__ import annotations

import subprocess
import sys
import threading
from contextlib import closing
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from django.conf import settings
from django.db import connection, transaction
from django.db.models.signals import post_save
from django.utils import timezone
from django_tenants.utils import schema_context

from crm.models import Contact
from integrations.adapters import errors
from integrations.models import Grant, IntegrationInstance, Status
from integrations.oauth import gateway, grants, idle
from integrations.oauth.exchange import OurApp, Tokens, exchange
from integrations.scheduling import dispatch
from integrations.services import connect, lifecycle, streams
from integrations.services.adapters import open_adapter
from tests.integrations.oauth.conftest import consent, enter_app

TOKEN_PATH = "/v1/oauth/token$"

WORKER = """
import os, sys
import django
django.setup()
from contextlib import closing
from django_tenants.utils import get_tenant_model
from django.db import connection
from integrations.models import IntegrationInstance
from integrations.services.adapters import open_adapter
connection.set_tenant(get_tenant_model().objects.get(schema_name=sys.argv[1]))
with closing(open_adapter(IntegrationInstance.objects.get())) as adapter:
    print("ready", flush=True)
    sys.stdin.readline()
    print(adapter.check().name, flush=True)
"""


@pytest.fixture
def integration(live_tenant, notion_app):
    """Connected as Ada; committed, so that other connections and processes see it."""
    made = connect.start("notion")
    address = consent(gateway.leave(made, live_tenant, live_tenant.owner))
    query = parse_qs(urlsplit(address).query)
    gateway.finish(gateway.come_back("notion", query["state"][0], query["code"][0], ""))
    IntegrationInstance.objects.update(status=Status.ACTIVE, setup_step="done")
    notion_app.clear_log()
    return IntegrationInstance.objects.get()


@pytest.fixture
def asked(notion_app):
    """asked() -> how often the token endpoint was called."""
    return lambda: sum(entry["path"].endswith("/oauth/token") for entry in notion_app.log()["entries"])


@pytest.fixture
def worker(integration, live_environment, sandbox):
    started = []

    def start():
        environment = live_environment | {"PROVIDER_BASE_URLS": f"notion={sandbox.url('notion')}"}
        process = subprocess.Popen(
            [sys.executable, "-c", WORKER, connection.schema_name],
            cwd=settings.BASE_DIR, env=environment, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def stored():
    return Grant.objects.get().tokens.open()


def change(**tokens):
    grant = Grant.objects.get()
    grant.tokens = grant.tokens.open() | tokens
    grant.save(update_fields=["tokens"])


def soon():
    """The token has a minute left."""
    now = timezone.now()
    Grant.objects.update(renewed_at=now - timedelta(hours=1), expires_at=now + timedelta(minutes=1))


def run_out():
    now = timezone.now()
    Grant.objects.update(renewed_at=now - timedelta(hours=1), expires_at=now - timedelta(seconds=1))


def look(integration):
    with closing(open_adapter(integration)) as adapter:
        return adapter.check().name


def test_a_token_is_renewed_before_it_runs_out_and_not_otherwise(integration, asked):
    first = stored()
    assert look(integration) == "Acme Studio" and asked() == 0
    soon()
    with transaction.atomic():  # a caller that is rolled back takes nothing back
        assert look(integration) == "Acme Studio"
        transaction.set_rollback(True)
    assert asked() == 1 and not {first["token"], first["refresh_token"]} & set(stored().values())
    assert look(integration) == "Acme Studio" and asked() == 1


def test_a_refused_token_is_renewed_once_and_the_request_sent_again(integration, asked):
    with closing(open_adapter(integration)) as slow_one:
        change(token="ntn_forgotten_there")
        with closing(open_adapter(integration)) as adapter:
            assert adapter.check().name == "Acme Studio"
            assert "ntn_forgotten_there" not in str(adapter.transport.failures[0])
        assert asked() == 1
        assert slow_one.check().name == "Acme Studio"  # its token is dead, too: it takes what is stored
    assert asked() == 1


def test_two_workers_at_once_renew_once(integration, worker, asked, notion_app):
    soon()
    notion_app.fail(fault="slow", path=TOKEN_PATH, seconds=2)
    both = [worker(), worker()]
    for one in both:
        assert one.stdout.readline() == "ready\n", one.stderr.read()
    for one in both:
        one.stdin.write("go\n")
        one.stdin.flush()
    for one in both:
        said, trouble = one.communicate(timeout=120)
        assert (said, one.returncode) == ("Acme Studio\n", 0), trouble
    assert asked() == 1
    grant = Grant.objects.get()
    assert (grant.asked_at, grant.ended_at, grant.failures) == (None, None, 0)
    assert look(integration) == "Acme Studio"


def test_a_worker_that_dies_with_the_answer_under_way_is_noticed_and_explained(
    integration, worker, asked, notion_app, sandbox, sign_in, live_tenant
):
    run_out()
    notion_app.fail(fault="timeout_after", path=TOKEN_PATH, seconds=3600)  # the new pair is made, and nobody is told
    made = sandbox.rooms["notion"].world.tokens
    dying = worker()
    assert dying.stdout.readline() == "ready\n"
    dying.stdin.write("go\n")
    dying.stdin.flush()
    until(lambda: any(pair["refresh_used"] for pair in [*made.values()]))
    dying.kill()
    dying.wait()
    assert Grant.objects.get().asked_at
    with pytest.raises(errors.GrantLost):
        look(integration)
    assert asked() == 1  # the old one was tried once more (the request that is held is not counted yet)
    with pytest.raises(errors.GrantLost):
        look(integration)
    assert asked() == 1
    connect.mark(integration, Status.ATTENTION, Grant.objects.get().ended_code)
    page = sign_in(live_tenant.owner, live_tenant).get(f"/connections/{integration.pk}/").content.decode()
    assert "gives each key only once" in page and f"/connections/{integration.pk}/reconnect/" in page


def test_a_lost_answer_that_changed_nothing_there_costs_nothing(integration, asked, notion_app):
    run_out()
    notion_app.fail(fault="drop_before", path=TOKEN_PATH)
    with pytest.raises(errors.Unavailable):
        look(integration)
    assert Grant.objects.get().asked_at and asked() == 1
    with pytest.raises(errors.Unavailable):
        look(integration)
    assert asked() == 1  # not before the pause is over
    Grant.objects.update(failed_at=timezone.now() - timedelta(minutes=1))
    assert look(integration) == "Acme Studio"
    assert (Grant.objects.get().asked_at, Grant.objects.get().failures) == (None, 0)


def test_trouble_that_passes_leaves_a_good_token_in_use(integration, asked, notion_app):
    soon()
    before = stored()
    notion_app.fail(fault="rate_limited", path=TOKEN_PATH, retry_after=60)
    assert look(integration) == look(integration) == "Acme Studio"
    assert asked() == 1 and stored() == before and Grant.objects.get().asked_at is None
    enter_app("notion", OurApp.at("notion").client_id, "wrong")
    Grant.objects.update(failed_at=timezone.now() - timedelta(minutes=1))
    assert look(integration) == "Acme Studio"
    run_out()
    Grant.objects.update(failed_at=timezone.now() - timedelta(minutes=10))
    with pytest.raises(errors.AppRefused):
        look(integration)
    assert Grant.objects.get().ended_at is None and stored() == before


def test_somebody_renews_there_at_this_moment(integration, asked, notion_app):
    run_out()
    notion_app.fail(fault="status", path=TOKEN_PATH, status=409)
    assert look(integration) == "Acme Studio" and asked() == 2


def test_a_grant_that_was_taken_back_ends_and_a_person_mends_it(integration, asked, notion_app, live_tenant):
    notion_app.revoke_token(stored()["token"])
    Grant.objects.update(renew_by=timezone.now() - timedelta(days=1))
    stale = Grant.objects.select_related("integration").get()
    assert idle.renew_idle(timezone.now()) == 0
    integration.refresh_from_db()
    assert (integration.status, integration.status_code) == ("attention", "authentication_failed")
    with pytest.raises(errors.AuthenticationFailed):
        look(integration)
    assert asked() == 1

    grants.keep(integration, signed_in_again(integration, live_tenant))
    assert look(integration) == "Acme Studio"
    late = grants._end(stale, errors.AuthenticationFailed("a worker that comes late with its bad news"))
    assert late.ended_at is None and look(integration) == "Acme Studio"


@pytest.mark.parametrize("meanwhile", ["paused", "deleted"])
def test_who_pauses_or_deletes_while_an_idle_grant_is_asked_for_is_heard(integration, notion_app, meanwhile):
    def act(instance, **_signal):
        mine = IntegrationInstance.objects.filter(pk=instance.pk)
        mine.update(status=Status.PAUSED) if meanwhile == "paused" else mine.delete()

    notion_app.revoke_token(stored()["token"])
    Grant.objects.update(renew_by=timezone.now() - timedelta(days=1))
    post_save.connect(act, Grant)
    try:
        assert idle.renew_idle(timezone.now()) == 0
    finally:
        post_save.disconnect(act, Grant)
    assert [one.status for one in IntegrationInstance.objects.all()] == (["paused"] if meanwhile == "paused" else [])


def test_runs_go_on_through_a_renewal_and_stop_only_for_a_person(integration, notion_app, live_tenant, asked):
    contacts = next(one.id for one in streams.collections(integration) if one.name == "Contacts")
    streams.add(integration, contacts, "contact", match_fields=["email"])
    lifecycle.activate(integration)
    change(token="ntn_forgotten_there")
    assert run(integration) == "done" and asked() == 1
    assert Contact.objects.count() == 12

    notion_app.revoke_token(stored()["token"])
    lifecycle.sync_now(integration)
    assert run(integration) == "failed"
    integration.refresh_from_db()
    assert (integration.status, integration.status_code) == ("attention", "authentication_failed")

    address = consent(gateway.leave(integration, live_tenant, live_tenant.owner))
    back = parse_qs(urlsplit(address).query)
    gateway.finish(gateway.come_back("notion", back["state"][0], back["code"][0], ""))
    integration.refresh_from_db()
    assert integration.status_code == lifecycle.CATCH_UP  # what waits is shown to a person first
    lifecycle.sync_now(integration)
    assert run(integration) == "done" and Contact.objects.count() == 12


def run(integration):
    with schema_context(connection.schema_name):
        return dispatch.run_if_due(connection.schema_name, integration.pk)


def test_idle_grants_are_renewed(integration, asked):
    assert idle.renew_idle(timezone.now()) == 0
    Grant.objects.update(renew_by=timezone.now() - timedelta(days=1))
    assert idle.renew_idle(timezone.now()) == 1
    assert asked() == 1 and look(integration) == "Acme Studio"


def signed_in_again(integration, tenant) -> Tokens:
    address = consent(gateway.leave(integration, tenant, tenant.owner))
    return exchange(
        OurApp.at("notion"), parse_qs(urlsplit(address).query)["code"][0], gateway.redirect_uri("notion"), ""
    )


def until(true):
    pause = threading.Event()
    for _ in range(600):
        if true():
            return
        pause.wait(0.1)
    raise AssertionError("it never came about")
