"""The wizard as a state: which step a draft has reached, and what each step needs before the next one opens."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from django.core.cache import cache
from django.db import transaction
from django.utils.translation import gettext as _

from crm import feed
from integrations.adapters.base import Collection
from integrations.models import Edit, IntegrationInstance, Part, Status, Stream
from integrations.services import connect, edits, lifecycle, streams
from integrations.services.connect import Refused
from integrations.webhooks import wishes

STEPS = ("connect", "map", "settings", "activate")
TABLES_SECONDS = 120


def create(provider: str, name: str, credentials: Mapping[str, str], by: str = "") -> IntegrationInstance:
    """A connection whose credentials were found good. Raises Refused and leaves nothing behind."""
    integration = connect.start(provider, name, by)
    try:
        connect.connect(integration, credentials, by=by)
    except Refused:
        lifecycle.delete(integration)
        raise
    return integration


def tables(integration: IntegrationInstance, fresh: bool = False) -> list[Collection]:
    """The remote tables, kept for two minutes: listing them may take many calls. Raises Refused."""
    found = None if fresh else known_tables(integration)
    if found is None:
        found = streams.collections(integration)
        cache.set(_tables_key(integration), found, TABLES_SECONDS)
    return found


def known_tables(integration: IntegrationInstance) -> list[Collection] | None:
    """What `tables` answers without asking the tool; None when it would have to ask."""
    return cache.get(_tables_key(integration))


def forget_tables(integration: IntegrationInstance) -> None:
    """There are others now."""
    cache.delete(_tables_key(integration))


def _tables_key(integration: IntegrationInstance) -> str:
    return f"tables:{integration.pk}:{integration.account_id}"


def furthest(integration: IntegrationInstance) -> str:
    """The last step that may be opened."""
    return integration.setup_step if integration.setup_step in STEPS else STEPS[-1]


def is_open(integration: IntegrationInstance, step: str) -> bool:
    return step in STEPS and STEPS.index(step) <= STEPS.index(furthest(integration))


def go_on(integration: IntegrationInstance, done: str) -> str:
    """The step after `done`, which is open from now on. Raises Refused when `done` is not done."""
    if not is_open(integration, done):
        raise Refused(_("Finish the earlier steps first."), code="not_ready")
    if done != "connect" and (problems := lifecycle.ready_problems(integration)):
        raise Refused(" ".join(problems), code="not_ready")
    after = STEPS[min(STEPS.index(done) + 1, len(STEPS) - 1)]
    if not is_open(integration, after):
        integration.setup_step = after
        integration.save(update_fields=["setup_step"])
    return after


def add(integration: IntegrationInstance, collection: str, link: str, entity: str, by: str = "") -> Stream:
    """Pair a listed table, or the one behind a pasted link. On a live connection it waits until it is begun."""
    if link:
        collection = streams.resolve(integration, link).id
    if not collection:
        raise Refused(_("Choose a table, or paste its link."), "link", "missing")
    with edits.noting(integration, Part.TABLES, by):
        return streams.add(integration, collection, entity, is_active=integration.setup_step != "done")


def remove(stream: Stream, by: str = "") -> None:
    """Forget the pair and its links; records stay on both sides."""
    with edits.noting(stream.integration, Part.TABLES, by):
        streams.remove(stream)


def removed_by(integration: IntegrationInstance, stream_id: UUID) -> Edit | None:
    """Who unpaired a table that somebody still has open; None where there never was one."""
    return integration.edits.filter(part=Part.TABLES, before__has_key=str(stream_id)).first()


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
        wishes.follow(stream.integration)
        if stream.integration.status == Status.ACTIVE:
            lifecycle.sync_now(stream.integration)
