"""manage.py rotate_secrets: seal every credential anew with the first key of INTEGRATION_ENCRYPTION_KEY.

Safe to run while syncs run, and to run again: a row is read and written in one transaction.
"""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from django_tenants.utils import tenant_context

from integrations.models import IntegrationInstance
from integrations.secrets import CannotOpen
from tenants.models import Tenant


class Command(BaseCommand):
    help = "Seal the credentials of all tenants with the first key; afterwards the older keys can go."

    def handle(self, *args: Any, **options: Any) -> None:
        sealed, failed = 0, []
        for tenant in Tenant.objects.exclude(schema_name="public").order_by("pk"):
            with tenant_context(tenant):
                for pk in IntegrationInstance.objects.filter(credentials__isnull=False).values_list("pk", flat=True):
                    try:
                        _seal_again(pk)
                        sealed += 1
                    except CannotOpen as error:
                        failed.append(f"{tenant.slug}: {error}")
        self.stdout.write(f"Sealed {sealed} credentials with the first key.")
        if failed:
            raise CommandError("No key opens these; keep the old keys, or reconnect:\n  " + "\n  ".join(failed))


@transaction.atomic
def _seal_again(pk: Any) -> None:
    integration = IntegrationInstance.objects.select_for_update().get(pk=pk)
    if integration.credentials:
        integration.credentials = integration.credentials.open()
    integration.save(update_fields=["credentials"])
