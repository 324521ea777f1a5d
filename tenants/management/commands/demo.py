"""manage.py demo: the tenant `acme` with its people and records, connected to the sandbox's Notion where that runs."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django_tenants.utils import tenant_context

from config.demo import people, records

HERE = {"localhost", "127.0.0.1", "::1"}


class Command(BaseCommand):
    help = "Make the demo tenant. Idempotent: what people changed since stays."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--records-only", action="store_true", help="do not connect it to the sandbox")

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.DEMO_PASSWORD:
            raise CommandError("Set DEMO_PASSWORD: the people of the demo sign in with it.")
        tenant = people.ensure_tenant()
        with tenant_context(tenant):
            people.ensure_persons()
            for entity, count in records.ensure().items():
                self._tell(options, f"made {count} × {entity}")
            if not options["records_only"]:
                self._connect()
        self._tell(options, f"{tenant.name}: {tenant.url}")
        self._tell(
            options, f"sign in as {people.OWNER.email} or {people.MEMBER.email}, password {settings.DEMO_PASSWORD}"
        )

    def _connect(self) -> None:
        from config.demo import connection
        from integrations.services.connect import Refused

        given = settings.PROVIDER_BASE_URLS
        played = [slug for slug, url in given.items() if slug != "practice" and urlsplit(url).hostname in HERE]
        for slug in played:
            connection.enter_app(slug)
        if "notion" not in played:
            return  # the sandbox's token is for the sandbox
        try:
            if connection.ensure():
                self.stdout.write("The demo tenant is connected to Notion’s sandbox; its first sync begins.")
        except Refused as refused:
            self.stderr.write(f"The demo tenant is not connected to Notion: {refused}")

    def _tell(self, options: dict[str, Any], text: str) -> None:
        if options["verbosity"] > 0:
            self.stdout.write(text)
