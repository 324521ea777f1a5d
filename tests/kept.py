"""Records that nobody may change here: they came from a table of Notion that only flows in."""

from __future__ import annotations

from typing import Any

from integrations.models import IntegrationInstance, RecordLink, Stream

WHY = "Kept by Notion · Contacts. Change it there."


def keep(*contacts: Any) -> Stream:
    """Takes their ids; answers where they are from."""
    notion = IntegrationInstance.objects.create(provider="notion", name="Notion", status="active", setup_step="done")
    stream = Stream.objects.create(
        integration=notion, collection="c", collection_name="Contacts", entity="contact", direction="import"
    )
    for pk in contacts:
        RecordLink.objects.create(stream=stream, remote_id=f"r-{pk}", record_id=pk, state="linked")
    return stream
