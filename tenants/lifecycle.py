"""Making and removing tenants. A new tenant's schema is a clone of a template that the deploy command keeps migrated.

Measured with this project's tables (`make bench` prints it): see docs/adr/0003.
"""

from __future__ import annotations

import re

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction
from django.utils.translation import gettext as _
from django_tenants.clone import CloneSchema
from django_tenants.utils import schema_context, schema_exists

from tenants.models import Domain, Membership, Role, Tenant, User

TEMPLATE = settings.TENANT_BASE_SCHEMA
RESERVED = {"www", "public", "admin", "api", "app", "mail", "static", "status", "docs", "sandbox"}


def create_tenant(name: str, slug: str, owner: User | None = None, **settings_: str) -> Tenant:
    """A tenant with its own schema and host name, all or nothing. Raises ValidationError for a bad or taken slug."""
    tenant = Tenant(name=name, slug=slug, schema_name="t_" + re.sub(r"\W", "_", slug), **settings_)
    tenant.full_clean(exclude=["schema_name"])
    if slug in RESERVED:
        raise taken(slug)
    with transaction.atomic():
        try:
            with transaction.atomic():
                tenant.save()
        except IntegrityError as error:  # somebody took it between the check and the insert
            raise taken(slug) from error
        Domain.objects.create(tenant=tenant, domain=f"{slug}.{settings.PUBLIC_HOST}", is_primary=True)
        if owner:
            Membership.objects.create(tenant=tenant, user=owner, role=Role.OWNER)
        _clone_template(tenant.schema_name)
    return tenant


def taken(slug: str) -> ValidationError:
    return ValidationError({"slug": _("The address “%(slug)s” is taken. Choose another.") % {"slug": slug}})


def delete_tenant(tenant: Tenant) -> None:
    """Remove a tenant and everything it has. There is no way back."""
    with schema_context("public"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f'DROP SCHEMA IF EXISTS "{tenant.schema_name}" CASCADE')
        tenant.delete()


def ensure_template() -> None:
    """The template schema, migrated; run at every deploy, before tenants are migrated."""
    if not schema_exists(TEMPLATE):
        with connection.cursor() as cursor:
            cursor.execute(f'CREATE SCHEMA "{TEMPLATE}"')
    call_command("migrate_schemas", schema_name=TEMPLATE, interactive=False, verbosity=0)


def ensure_public() -> Tenant:
    """The public host is a tenant to django-tenants: schema `public`."""
    public, _ = Tenant.objects.get_or_create(
        schema_name="public", defaults={"name": "Raccord", "slug": "public", "language": "en"}
    )
    for host in {settings.PUBLIC_HOST, "127.0.0.1"}:
        Domain.objects.get_or_create(
            domain=host, defaults={"tenant": public, "is_primary": host == settings.PUBLIC_HOST}
        )
    return public


def _clone_template(schema: str) -> None:
    CloneSchema().clone_schema(TEMPLATE, schema)
    with connection.cursor() as cursor:
        # the clone function calls unique constraints by names of its own; migrations drop and alter them by theirs
        cursor.execute(RENAMED, {"template": TEMPLATE, "schema": schema})
        for table, found, right in cursor.fetchall():
            cursor.execute(f'ALTER TABLE "{schema}"."{table}" RENAME CONSTRAINT "{found}" TO "{right}"')


RENAMED = """
    SELECT t.relname, ours.conname, theirs.conname
    FROM pg_constraint theirs
    JOIN pg_class theirs_table ON theirs_table.oid = theirs.conrelid
    JOIN pg_class t ON t.relname = theirs_table.relname AND t.relnamespace = %(schema)s::regnamespace
    JOIN pg_constraint ours ON ours.conrelid = t.oid AND ours.contype = theirs.contype
        AND pg_get_constraintdef(ours.oid) = pg_get_constraintdef(theirs.oid)
    WHERE theirs.connamespace = %(template)s::regnamespace AND theirs.contype IN ('u', 'p')
        AND ours.conname <> theirs.conname
"""
