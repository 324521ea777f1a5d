"""What the frame of the tenant's pages shows of the records."""

from __future__ import annotations

from django.urls import reverse

from crm.registry import ENTITIES


def nav_entities() -> list[dict[str, str]]:
    return [
        {
            "name": name,
            "label": str(declared.model._meta.verbose_name_plural).capitalize(),
            "icon": declared.icon,
            "url": reverse("records:list", args=[name]),
        }
        for name, declared in ENTITIES.items()
    ]
