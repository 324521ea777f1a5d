"""manage.py setup: the deploy command. Run it once per deploy, before the new code serves; again it does no harm."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from config import deploy


class Command(BaseCommand):
    help = "Migrate everything, refresh the provider catalog and the periodic entries. Idempotent."

    def handle(self, *args: Any, **options: Any) -> None:
        deploy.set_up(lambda text: self.stdout.write(f"… {text}"))
        self.stdout.write("The installation is up to date.")
