"""How a connection comes to practise: the workspace it gets, the key, and what becomes of both when it goes."""

from __future__ import annotations

from collections.abc import Mapping

from django.urls import reverse

from integrations.models import IntegrationInstance
from integrations.services.given import NoRoom
from practice import faults, keys, world
from practice.models import Workspace


class PracticeGiver:
    def give(self, integration: IntegrationInstance) -> Mapping[str, str]:
        try:
            workspace = world.open_workspace(integration.pk, integration.name)
        except world.Full as error:
            raise NoRoom from error
        return {"token": keys.make(workspace)}

    def taken(self, integration: IntegrationInstance, credentials: Mapping[str, str]) -> None:
        """A new key also ends the switch that let the one before expire."""
        workspace = Workspace.objects.get(integration_id=integration.pk)
        keys.keep_only(workspace, credentials["token"])
        faults.turn(workspace, "expired", False)

    def take_back(self, integration: IntegrationInstance, clear: bool) -> None:
        for workspace in Workspace.objects.filter(integration_id=integration.pk):
            if clear:
                world.empty(workspace)
            else:
                workspace.keys.all().delete()
                workspace.integration_id = None
                workspace.save(update_fields=["integration_id"])

    def url(self, integration: IntegrationInstance) -> str:
        workspace = Workspace.objects.filter(integration_id=integration.pk).first()
        return reverse("practice:workspace", args=[workspace.pk]) if workspace else ""
