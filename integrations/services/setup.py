"""The wizard as a state: which step a draft has reached, and what each step needs before the next one opens."""

from __future__ import annotations

from django.db import transaction
from django.utils.translation import gettext as _

from crm import feed
from integrations.models import IntegrationInstance, Status, Stream
from integrations.services import lifecycle
from integrations.services.connect import Refused

STEPS = ("connect", "map", "settings", "activate")


def furthest(integration: IntegrationInstance) -> str:
    """The last step that may be opened."""
    return integration.setup_step if integration.setup_step in STEPS else STEPS[-1]


def is_open(integration: IntegrationInstance, step: str) -> bool:
    return step in STEPS and STEPS.index(step) <= STEPS.index(furthest(integration))


def go_on(integration: IntegrationInstance, done: str) -> str:
    """The step after `done`, which is open from now on. Raises Refused when `done` is not done."""
    if not is_open(integration, done):
        raise Refused(_("Finish the earlier steps first."), code="not_ready")
    if problems := lifecycle.ready_problems(integration)[: None if done != "connect" else 0]:
        raise Refused(" ".join(problems), code="not_ready")
    after = STEPS[min(STEPS.index(done) + 1, len(STEPS) - 1)]
    if not is_open(integration, after):
        integration.setup_step = after
        integration.save(update_fields=["setup_step"])
    return after


def begin(stream: Stream) -> None:
    """A table added to a connection that is live already: its first sync goes at once."""
    if not stream.mappings.exists():
        raise Refused(_("Map at least one field of “%(name)s”.") % {"name": stream.collection_name}, code="not_ready")
    with transaction.atomic():
        if not stream.feed_txid:
            position = feed.now()
            stream.feed_txid, stream.feed_id = position.txid, position.id
        stream.is_active = True
        stream.save(update_fields=["feed_txid", "feed_id", "is_active"])
        if stream.integration.status == Status.ACTIVE:
            lifecycle.sync_now(stream.integration)
