"""What is set aside, tried again because a person asks for it, or because its reason may be over."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from integrations.models import RecordLink, SetAside, Status
from integrations.scheduling import due
from integrations.scheduling.models import Priority
from integrations.scheduling.tasks import wake_on_commit
from integrations.services import links
from integrations.sync.tables import BY_A_PERSON

#: What a group of the same cause has in common.
CAUSE = ("stream", "side", "field", "code", "cause")


def retry(asides: QuerySet[SetAside], by: str = "person") -> int:
    """Try these again with a run at once; answers how many. What only a person can decide is passed over."""
    waiting = asides.exclude(code__in=BY_A_PERSON)
    with transaction.atomic():
        active = waiting.filter(stream__integration__status=Status.ACTIVE)
        integrations = set(active.values_list("stream__integration", flat=True).order_by())
        number = waiting.update(retry_at=None)
        for pk in integrations:
            due.ask(pk, Priority.PERSON, by)
            wake_on_commit(pk)
    return number


def retry_chosen(asides: QuerySet[SetAside], by: str = "person") -> int:
    """As `retry`, of one or of one cause. A create without an answer is sent again too: whoever asks for it has looked there."""
    unsure = asides.filter(code="unsure_create", side="here").values_list("stream", "record_id")
    found = [RecordLink.objects.get(stream=stream, record_id=record_id) for stream, record_id in unsure]
    for link in found:
        links.send_again(link, by)
    return retry(asides, by) + len(found)


def group_of(one: SetAside) -> QuerySet[SetAside]:
    """Everything that is set aside for the same cause."""
    return SetAside.objects.filter(**{name: getattr(one, name) for name in CAUSE})


def field_changed(entity: str, field: str) -> None:
    """A field here takes other values now: what did not fit may fit with the next run."""
    waiting = SetAside.objects.filter(stream__entity=entity, field=field, side="there").exclude(code__in=BY_A_PERSON)
    waiting.update(retry_at=None)


def on_option(instance: Any, **_signal: Any) -> None:
    field_changed(instance.entity, instance.field)


def on_custom_field(instance: Any, **_signal: Any) -> None:
    field_changed(instance.entity, f"custom.{instance.name}")
