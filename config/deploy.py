"""What a deploy does to the database. Every step is idempotent and costs little when there is nothing to do."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from django.conf import settings
from django.core.management import call_command
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django_tenants.utils import get_tenant_model, schema_exists

from integrations.catalog.sync import sync_catalog
from integrations.sync.stage import drop_leftovers
from tenants import lifecycle

Say = Callable[[str], None]
PUBLIC = "public"
#: Schemas per look at who is behind: one query, as long as its UNION is.
AT_ONCE = 200

#: Name in the admin -> (task, the setting that says how often). Staff may switch an entry off or add their own.
BEAT = {
    "Dispatch due syncs": ("integrations.scheduling.tasks.dispatch", "DISPATCH_SECONDS"),
    "Look after webhooks": ("integrations.scheduling.tasks.tend_webhooks", "HOOKS_SECONDS"),
    "Tell people what changed": ("integrations.notifications.tasks.answer_bell", "NOTIFY_SECONDS"),
    "Renew idle sign-ins": ("integrations.scheduling.tasks.renew_idle", "RENEW_SECONDS"),
    "Measure agreement": ("integrations.scheduling.tasks.measure_agreement", "AGREEMENT_SECONDS"),
    "Forget what is old": ("integrations.scheduling.tasks.prune", "PRUNE_SECONDS"),
}


def set_up(say: Say) -> None:
    """Bring an installation, empty or not, to the state that this code expects."""
    drop_leftovers()  # a copy of a tenant's tables that nobody works on could stand in a migration's way
    if behind([PUBLIC]):
        say("migrating the shared tables")
        call_command("migrate_schemas", shared=True, interactive=False, verbosity=0)
    lifecycle.ensure_public()
    if not schema_exists(lifecycle.TEMPLATE) or behind([lifecycle.TEMPLATE]):
        say("migrating the template of new tenants")
        lifecycle.ensure_template()
    for schema in behind(_tenant_schemas()):
        say(f"migrating {schema}")
        call_command("migrate_schemas", schema_name=schema, interactive=False, verbosity=0)
    sync_catalog()
    schedule_beat()


def behind(schemas: Iterable[str]) -> list[str]:
    """Schemas that lack a migration. `migrate` itself takes a quarter of a second to find out, for each."""
    wanted = {key for key, found in MigrationLoader(None).disk_migrations.items() if not found.replaces}
    return [schema for schema, applied in _applied(list(schemas)) if wanted - applied]


def _applied(schemas: list[str]) -> Iterator[tuple[str, set[tuple[str, str]]]]:
    for start in range(0, len(schemas), AT_ONCE):
        some = schemas[start : start + AT_ONCE]
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT nspname FROM pg_namespace n WHERE nspname = ANY(%s)"
                " AND to_regclass(quote_ident(nspname) || '.django_migrations') IS NOT NULL",
                [some],
            )
            begun = {name for (name,) in cursor.fetchall()}
            found: dict[str, set[tuple[str, str]]] = {schema: set() for schema in some}
            if begun:
                cursor.execute(
                    " UNION ALL ".join(
                        f"SELECT '{name}', app, name FROM \"{name}\".django_migrations"  # noqa: S608 - catalog names
                        for name in sorted(begun)
                    )
                )
                for schema, app, name in cursor.fetchall():
                    found[schema].add((app, name))
        yield from found.items()


def _tenant_schemas() -> list[str]:
    tenants = get_tenant_model().objects.exclude(schema_name=PUBLIC)
    return list(tenants.order_by("pk").values_list("schema_name", flat=True))


def schedule_beat() -> None:
    """The periodic entries. Beat notices changed rows by itself; unchanged ones are not written."""
    from django_celery_beat.models import IntervalSchedule, PeriodicTask

    for name, (task, setting) in BEAT.items():
        seconds = getattr(settings, setting)
        interval = IntervalSchedule.objects.filter(every=seconds, period=IntervalSchedule.SECONDS).first()
        interval = interval or IntervalSchedule.objects.create(every=seconds, period=IntervalSchedule.SECONDS)
        # a message that waited longer than this tells nothing that a later one does not
        wanted = {"task": task, "interval": interval, "expire_seconds": max(2 * seconds, 10)}
        entry = PeriodicTask.objects.filter(name=name).select_related("interval").first()
        if entry is None:
            PeriodicTask.objects.create(name=name, description=f"Every {setting}; made by `manage.py setup`.", **wanted)
        elif any(getattr(entry, field) != value for field, value in wanted.items()):
            for field, value in wanted.items():
                setattr(entry, field, value)
            entry.save()
