"""The fixtures keep their word: other tests lean on it."""

import psycopg
import pytest
from django.conf import settings
from django.db import connection
from django_tenants.utils import schema_exists, tenant_context

from crm import feed, records
from crm.models import Contact
from tenants import lifecycle
from tenants.models import Membership, Tenant, User

ADA = {"name": "Ada Rossi", "email": "ada@rossi.example"}


@pytest.mark.parametrize("turn", [1, 2])
def test_work_in_the_tenant_is_rolled_back(tenant, turn):
    assert connection.schema_name == tenant.schema_name
    assert not Contact.objects.exists()
    records.create("contact", ADA, feed.SYSTEM)
    assert Contact.objects.count() == 1


def test_the_other_tenant_sees_nothing_of_it(tenant, other_tenant):
    records.create("contact", ADA, feed.SYSTEM)
    with tenant_context(other_tenant):
        assert not Contact.objects.exists()


def test_members_have_their_role(tenant, member):
    viewer = member("viewer")
    assert Membership.objects.get(user=viewer).role == "viewer"
    assert Membership.objects.get(user=viewer).tenant == tenant


def test_a_live_tenant_is_seen_by_other_connections(live_tenant):
    records.create("contact", ADA, feed.SYSTEM)
    options = connection.get_connection_params()
    with psycopg.connect(
        dbname=options["dbname"],
        user=options.get("user"),
        host=options.get("host"),
        port=options.get("port"),
        password=options.get("password"),
    ) as elsewhere:
        found = elsewhere.execute(f'SELECT name FROM "{live_tenant.schema_name}".crm_contact').fetchall()
    assert found == [("Ada Rossi",)]


def test_a_live_tenant_leaves_nothing_behind(request):
    tenant = request.getfixturevalue("live_tenant")
    assert schema_exists(tenant.schema_name)


def test_after_it(db):
    assert not Tenant.objects.filter(slug__startswith="live-").exists()
    assert not User.objects.filter(email__startswith="owner@live-").exists()
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_namespace WHERE nspname LIKE 't_live%'")
        assert cursor.fetchone() == (0,)


@pytest.mark.parametrize("turn", [1, 2])
def test_a_live_tenant_is_new(live_tenant, turn):
    assert contents(live_tenant.schema_name) == contents(lifecycle.TEMPLATE)
    records.create("contact", ADA, feed.SYSTEM)
    assert contents(live_tenant.schema_name) != contents(lifecycle.TEMPLATE)


def contents(schema):
    """{table: its rows} and {counter: where it stands}."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = %s", [schema])
        tables = [name for (name,) in cursor.fetchall()]
        found = {}
        for table in tables:
            cursor.execute(f'SELECT md5(string_agg(t::text, chr(10) ORDER BY t::text)) FROM "{schema}"."{table}" t')
            found[table] = cursor.fetchone()[0]
        cursor.execute("SELECT sequencename, last_value FROM pg_sequences WHERE schemaname = %s", [schema])
        return found, dict(cursor.fetchall())


@pytest.mark.parametrize("turn", [1, 2])
def test_a_live_tenant_that_was_altered_is_not_used_again(live_tenant, turn):
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('crm_contact'), to_regclass('crm_kontakt')")
        assert cursor.fetchone() == ("crm_contact", None)
        cursor.execute("ALTER TABLE crm_contact RENAME TO crm_kontakt")


def test_the_public_host_answers(db, sign_in):
    answer = sign_in(None).get("/healthz")
    assert answer.json() == {"status": "ok"}


def test_a_request_leaves_the_tests_schema_alone(tenant, sign_in):
    sign_in(None).get("/healthz")
    assert connection.schema_name == tenant.schema_name


def test_a_session_keeps_its_files_to_itself():
    assert settings.VAR_DIR.parent.name == "test"
