"""Records that stand here only because one connection brought them: what a tool that this installation gives itself invented.

They look like a team's own ones, so whoever has practised is told of them before they travel on, and can have them deleted.
"""

from __future__ import annotations

from uuid import UUID

from django.db import transaction
from django.db.models import Exists, OuterRef
from django.utils import timezone

from crm import records
from crm.feed import Actor
from crm.models import Change
from integrations.models import IntegrationInstance, Plan, PlanLine, RecordLink
from integrations.services import given

Found = dict[str, list[UUID]]


def by(integration: IntegrationInstance) -> Found:
    """{entity: ids} of the records that this connection created and that no other one holds; one query for each pair."""
    found: Found = {}
    elsewhere = RecordLink.objects.filter(record_id=OuterRef("record_id"), remote_id__isnull=False)
    elsewhere = elsewhere.exclude(stream__integration=integration)
    for stream in integration.streams.defer("schema"):
        born = Change.objects.filter(
            record_id=OuterRef("record_id"), entity=stream.entity, operation="insert", origin=stream.origin
        )
        links = stream.links.filter(Exists(born), ~Exists(elsewhere), record_id__isnull=False)
        found.setdefault(stream.entity, []).extend(pk for pk in links.values_list("record_id", flat=True) if pk)
    return {entity: ids for entity, ids in found.items() if ids}


def invented() -> list[tuple[IntegrationInstance, Found]]:
    """The connections to tools of this installation's own, with what only they brought."""
    every = IntegrationInstance.objects.filter(provider__in=given.providers()).defer("credentials")
    return [(one, found) for one in every if (found := by(one))]


def would_travel(plan: Plan) -> tuple[IntegrationInstance, int] | None:
    """The first connection whose invented records this plan would create in another tool, and how many of them."""
    if plan.integration.provider in given.providers():
        return None
    out = plan.lines.filter(side="there", action="created")
    for one, found in invented():
        ids = [pk for every in found.values() for pk in every]
        if number := out.filter(record_id__in=ids).count():
            return one, number
    return None


def delete(found: Found, actor: Actor) -> int:
    """Once the connection is gone, so that nothing of it travels. Answers how many there were still.

    A plan that waits for somebody and speaks of them is let go: a new one is worked out when it is wanted.
    """
    ids = [pk for every in found.values() for pk in every]
    named = Exists(PlanLine.objects.filter(plan=OuterRef("pk"), record_id__in=ids))
    with transaction.atomic():
        number = sum(records.delete(entity, some, actor) for entity, some in found.items())
        Plan.objects.filter(named, state=Plan.State.READY).update(state=Plan.State.DISCARDED, ended_at=timezone.now())
    return number
