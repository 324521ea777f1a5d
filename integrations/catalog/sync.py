"""Fill the catalog from the manifests. Idempotent: run at every deploy."""

from __future__ import annotations

from dataclasses import asdict

from integrations.adapters.registry import adapters
from integrations.catalog.models import Provider


def sync_catalog() -> list[str]:
    """Create or refresh what follows the code, leave what is the staff's. Answers the slugs present."""
    for slug, cls in adapters().items():
        follows = {"name": cls.manifest.name, "manifest": asdict(cls.manifest), "is_present": True}
        # what needs no account comes first, for those who only look around; staff may put it elsewhere
        place = {"position": 10} if all(way.kind == "given" for way in cls.manifest.auth) else {}
        Provider.objects.update_or_create(slug=slug, defaults=follows, create_defaults=follows | place)
    Provider.objects.exclude(slug__in=adapters()).update(is_present=False)
    return sorted(adapters())
