"""manage.py rotate_secrets: seal every secret anew with the first key of INTEGRATION_ENCRYPTION_KEY.

Safe to run while syncs run, and to run again: a row is read and written in one transaction.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.apps import apps
from django.core.management.base import BaseCommand, CommandError
from django.db import models, transaction
from django_tenants.utils import tenant_context

from integrations.secrets import CannotOpen, SecretField
from tenants.models import Tenant


class Command(BaseCommand):
    help = "Seal our own secrets and those of all tenants with the first key; afterwards the older keys can go."

    def handle(self, *args: Any, **options: Any) -> None:
        self.sealed, self.failed = 0, list[str]()
        self._seal_all(shared=True, whose="")
        for tenant in Tenant.objects.exclude(schema_name="public").order_by("pk"):
            with tenant_context(tenant):
                self._seal_all(shared=False, whose=f"{tenant.slug}: ")
        self.stdout.write(f"Sealed {self.sealed} secrets with the first key.")
        if self.failed:
            raise CommandError("No key opens these; keep the old keys, or reconnect:\n  " + "\n  ".join(self.failed))

    def _seal_all(self, shared: bool, whose: str) -> None:
        for model, name in _secrets(shared):
            for pk in model._default_manager.filter(**{f"{name}__isnull": False}).values_list("pk", flat=True):
                try:
                    _seal_again(model, pk, name)
                    self.sealed += 1
                except CannotOpen as error:
                    self.failed.append(f"{whose}{error}")


def _secrets(shared: bool) -> Iterator[tuple[type[models.Model], str]]:
    """Every column that holds secrets, in the public schema or in those of the tenants."""
    for model in apps.get_models():
        for field in model._meta.local_concrete_fields:
            if isinstance(field, SecretField) and field.shared == shared:
                yield model, field.name


@transaction.atomic
def _seal_again(model: type[models.Model], pk: Any, name: str) -> None:
    row = model._default_manager.select_for_update().get(pk=pk)
    if secret := getattr(row, name):
        setattr(row, name, secret.open())
    row.save(update_fields=[name])
