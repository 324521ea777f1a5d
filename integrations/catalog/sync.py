"""Fill the catalog from the manifests. Idempotent: run at every deploy."""

from __future__ import annotations

from dataclasses import asdict

from integrations.adapters.registry import adapters
from integrations.catalog.models import Provider


def sync_catalog() -> list[str]:
    """Create or refresh what follows the code, leave what is the staff's. Answers the slugs present."""
    for slug, cls in adapters().items():
        facts = asdict(cls.manifest)
        Provider.objects.update_or_create(
            slug=slug, defaults={"name": cls.manifest.name, "manifest": facts, "is_present": True}
        )
    Provider.objects.exclude(slug__in=adapters()).update(is_present=False)
    return sorted(adapters())
