"""Where a field of ours is mapped, for those who are about to remove or change it."""

from __future__ import annotations

from integrations.models import FieldMapping


def places(entity: str, field: str) -> list[str]:
    """Connection and table, in words."""
    rows = FieldMapping.objects.filter(stream__entity=entity, local=field).order_by("stream__integration__name")
    names = rows.values_list("stream__integration__name", "stream__collection_name")
    return [f"{integration}, {table}" for integration, table in names.distinct()]
