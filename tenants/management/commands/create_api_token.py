"""manage.py create_api_token acme: prints a bearer token, and nothing else, on stdout."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from tenants.models import Role, Tenant
from tenants.tokens import create_token


class Command(BaseCommand):
    help = "Make a bearer token for a tenant's API and print it. It cannot be shown again."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("tenant", help="the tenant's address, as in acme.localhost")
        parser.add_argument("--role", choices=Role.values, default=Role.ADMIN)
        parser.add_argument("--name", default="Command line")

    def handle(self, *args: Any, **options: Any) -> str:
        tenant = Tenant.objects.exclude(schema_name="public").filter(slug=options["tenant"]).first()
        if tenant is None:
            raise CommandError(f"There is no tenant “{options['tenant']}”.")
        return create_token(tenant, options["name"], options["role"])[1]
