"""The deploy command, the demo, and the clone that every new tenant is."""

from __future__ import annotations

import threading

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection, connections
from django_celery_beat.models import PeriodicTask
from django_tenants.utils import schema_context, tenant_context

from config import deploy
from config.demo import records as demo_records
from crm.models import Change, Contact, Person
from integrations.catalog.models import Provider
from integrations.models import IntegrationInstance
from integrations.scheduling import tasks
from integrations.sync import stage
from tenants import lifecycle
from tenants.models import Membership, Tenant

CATALOG = {
    "columns": "SELECT table_name, column_name, data_type, is_nullable, column_default FROM information_schema.columns"
    " WHERE table_schema = %(s)s",
    "indexes": "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = %(s)s",
    "constraints": "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint"
    " WHERE connamespace = %(s)s::regnamespace AND contype <> 'n'",
    "triggers": "SELECT tgname, tgenabled::text, pg_get_triggerdef(t.oid) FROM pg_trigger t JOIN pg_class c ON c.oid = tgrelid"
    " WHERE c.relnamespace = %(s)s::regnamespace AND NOT tgisinternal",
    "functions": "SELECT proname, prosrc FROM pg_proc WHERE pronamespace = %(s)s::regnamespace",
}


def catalog(schema: str) -> dict[str, set[tuple[str, ...]]]:
    """What is in a schema, without the schema's name."""
    found = {}
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL search_path = pg_catalog")
        for kind, query in CATALOG.items():
            cursor.execute(query, {"s": schema})
            rows = cursor.fetchall()
            found[kind] = {
                tuple(str(part).replace(f"{schema}.", "").replace(f'"{schema}"', "") for part in row) for row in rows
            }
    return found


@pytest.mark.parametrize("by", [lambda: deploy.set_up(lambda _: None), tasks.prune])
def test_copies_that_a_dead_worker_left_are_dropped(live_tenant, by):
    left = f"{stage.PREFIX}{live_tenant.pk:032x}"
    with connection.cursor() as cursor:
        cursor.execute(f'CREATE SCHEMA "{left}"')
    connection.set_schema_to_public()
    by()
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_namespace WHERE nspname = %s", [left])
        assert cursor.fetchone() == (0,)


def test_a_clone_is_what_its_migrations_would_have_made(tenant):
    with connection.cursor() as cursor:
        cursor.execute("CREATE SCHEMA migrated_for_comparison")
    call_command("migrate_schemas", schema_name="migrated_for_comparison", interactive=False, verbosity=0)
    cloned, migrated = catalog(tenant.schema_name), catalog("migrated_for_comparison")
    for kind in CATALOG:
        assert cloned[kind] == migrated[kind], kind
    assert cloned["triggers"]


def test_nothing_is_left_in_the_clone_that_points_to_the_template(tenant):
    with connection.cursor() as cursor:
        for query in CATALOG.values():
            cursor.execute(query, {"s": tenant.schema_name})
            assert not [row for row in cursor.fetchall() if lifecycle.TEMPLATE in str(row)]


def test_a_second_deploy_has_nothing_to_do(db):
    said: list[str] = []
    deploy.set_up(said.append)
    assert said == []


def test_a_schema_without_its_migrations_is_behind(tenant):
    with connection.cursor() as cursor:
        cursor.execute("CREATE SCHEMA left_behind")
    assert deploy.behind(["public", lifecycle.TEMPLATE, tenant.schema_name, "left_behind"]) == ["left_behind"]


def test_beat_follows_the_setting_and_keeps_what_staff_switched_off(db, settings):
    PeriodicTask.objects.filter(name="Dispatch due syncs").update(enabled=False)
    settings.DISPATCH_SECONDS = 11
    deploy.schedule_beat()
    entry = PeriodicTask.objects.get(name="Dispatch due syncs")
    assert (entry.interval.every, entry.task, entry.enabled) == (11, "integrations.scheduling.tasks.dispatch", False)


def test_two_people_sign_up_at_the_same_moment(live_tenant):
    """Each clone replaces the clone function; PostgreSQL refuses two who replace one function at once."""
    both, failures, made = threading.Barrier(2), [], []

    def sign_up(slug: str) -> None:
        try:
            both.wait()
            made.append(lifecycle.create_tenant(slug, slug))
        except Exception as error:
            failures.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=sign_up, args=(f"live-rush-{n}",)) for n in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    connection.set_schema_to_public()
    for tenant in made:
        lifecycle.delete_tenant(tenant)
    assert failures == []


# --- the demo -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def demo(tenant, settings):
    settings.DEMO_PASSWORD = "correct horse"
    call_command("demo", records_only=True, verbosity=0)
    return tenant


def test_the_demo_has_people_and_records_with_relations(demo):
    assert set(Membership.objects.filter(user__email__endswith="@acme.example").values_list("user__email", "role")) >= {
        ("ada@acme.example", "owner"),
        ("grace@acme.example", "member"),
    }
    with tenant_context(demo):
        assert Person.objects.filter(user_id__isnull=False, email="ada@acme.example").exists()
        assert Contact.objects.count() == demo_records.CONTACTS
        assert Contact.objects.filter(company__isnull=False, owner__isnull=False).exists()
        assert set(Change.objects.values_list("actor__kind", flat=True)) == {"system"}


def test_a_second_demo_changes_nothing(demo):
    with tenant_context(demo):
        before = Change.objects.count()
    call_command("demo", records_only=True, verbosity=0)
    with tenant_context(demo):
        assert Change.objects.count() == before


def test_without_a_password_there_is_no_demo(db, settings):
    settings.DEMO_PASSWORD = ""
    with pytest.raises(CommandError, match="DEMO_PASSWORD"):
        call_command("demo")


# --- keys ---------------------------------------------------------------------------------------------------------------


def test_after_rotation_the_old_key_can_go(tenant, settings):
    settings.INTEGRATION_ENCRYPTION_KEYS = ["old key"]
    made = IntegrationInstance.objects.create(provider="notion", name="Notion", credentials={"token": "s3cret"})
    app = Provider.objects.get(slug="notion")
    app.client_secret = "the app's"  # from a tenant's connection: it is bound to the public schema all the same
    app.save(update_fields=["client_secret"])
    settings.INTEGRATION_ENCRYPTION_KEYS = ["new key", "old key"]
    call_command("rotate_secrets", verbosity=0)
    settings.INTEGRATION_ENCRYPTION_KEYS = ["new key"]
    with tenant_context(tenant):
        assert IntegrationInstance.objects.get(pk=made.pk).credentials.open() == {"token": "s3cret"}
    with schema_context("public"):
        assert Provider.objects.get(slug="notion").client_secret.open() == "the app's"


def test_a_credential_that_no_key_opens_is_named(tenant, settings):
    settings.INTEGRATION_ENCRYPTION_KEYS = ["lost key"]
    made = IntegrationInstance.objects.create(provider="notion", name="Notion", credentials={"token": "s3cret"})
    settings.INTEGRATION_ENCRYPTION_KEYS = ["new key"]
    with pytest.raises(CommandError, match=str(made.pk)):
        call_command("rotate_secrets", verbosity=0)


def test_the_template_holds_no_records(db):
    with schema_context(settings.TENANT_BASE_SCHEMA):
        assert not Contact.objects.exists()
    assert not Tenant.objects.filter(schema_name=settings.TENANT_BASE_SCHEMA).exists()
