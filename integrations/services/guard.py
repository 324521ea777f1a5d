"""Records that a stream only brings in are kept by the tool: here they are read-only."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from django.utils.translation import gettext as _

from integrations.models import Direction, LinkState, RecordLink


def kept_elsewhere(entity: str, ids: Sequence[UUID]) -> dict[str, str]:
    """{record id: which connection keeps it}, in one query; registered with `crm.protection`."""
    kept = RecordLink.objects.filter(
        record_id__in=ids, state=LinkState.LINKED, stream__entity=entity, stream__direction=Direction.IMPORT
    ).values_list("record_id", "stream__integration__name", "stream__collection_name")
    return {
        str(record_id): _("Kept by %(connection)s · %(table)s. Change it there.") % {"connection": name, "table": table}
        for record_id, name, table in kept
    }
