"""The demo tenant's connection to the sandbox's Notion, made through the same services as the wizard's; our apps there."""

from __future__ import annotations

from importlib import import_module

from integrations.catalog.models import Provider
from integrations.models import IntegrationInstance
from integrations.sandbox.notion.base import DEMO_TOKEN
from integrations.services import connect, lifecycle, streams

#: Collection -> entity, and the field that says who is who. Branches share a website, so companies go by name.
PAIRS = {"Contacts": ("contact", "email"), "Companies": ("company", "name")}
BY = "Raccord"


def enter_app(slug: str) -> None:
    """What staff would do: our app at the sandbox's provider, so that people can connect by signing in there."""
    app = Provider.objects.filter(slug=slug, client_id="").first()
    played = import_module(f"integrations.sandbox.{slug}.base")
    if app and hasattr(played, "CLIENT_ID"):
        app.client_id, app.client_secret = played.CLIENT_ID, played.CLIENT_SECRET
        app.save(update_fields=["client_id", "client_secret"])


def ensure() -> bool:
    """Connect, pair contacts and companies both ways, activate. True when it was made now; an existing one is left alone.

    One that an interrupted start left half made is finished. Raises connect.Refused.
    """
    integration = IntegrationInstance.objects.filter(provider="notion", created_by=BY).first()
    if integration and integration.setup_step == "done":
        return False
    if not integration:
        if IntegrationInstance.objects.filter(provider="notion").exists():
            return False  # somebody made one by hand
        integration = connect.start("notion", by=BY)
    token = connect.auth_of("notion").fields[0].name
    connect.connect(integration, {token: DEMO_TOKEN})
    paired = set(integration.streams.values_list("entity", flat=True))
    for collection in streams.collections(integration):
        entity, key = PAIRS.get(collection.name, ("", ""))
        if entity and entity not in paired:
            stream = streams.add(integration, collection.id, entity, match_fields=[key])
            # what the mapper asks: the demo's people have stages and tags of their own
            for mapped in stream.mappings.filter(local__in=("status", "tags", "industry")):
                mapped.options |= {"options_there": "add"}
                mapped.save(update_fields=["options"])
    lifecycle.activate(integration, by="schedule")
    return True
