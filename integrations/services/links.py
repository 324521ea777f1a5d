"""What a person decides about one record: leave it alone for now, let it take part again, say what belongs together."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from crm import registry
from crm.fields import new_id
from integrations.models import Direction, HeldRecord, LeftOut, LinkState, RecordLink, SetAside, Status, Stream
from integrations.scheduling import due
from integrations.scheduling.models import Priority
from integrations.scheduling.tasks import wake_on_commit
from integrations.services.connect import Refused
from integrations.sync.intents import haunt_create
from integrations.sync.tables import BY_A_PERSON

log = logging.getLogger(__name__)


def pause(link: RecordLink, by: str) -> None:
    """This record travels no more, in either direction, until it is taken up. Nothing is lost meanwhile."""
    with transaction.atomic():
        link = _locked(link)
        if link.state not in (LinkState.NEW, LinkState.LINKED):
            raise Refused(_("These two do not travel anyway: one of them was deleted."), code="not_linked")
        if link.left_out == LeftOut.PING_PONG:
            raise Refused(_("It is left out already, because two writers keep changing it."), code="left_out")
        RecordLink.objects.filter(pk=link.pk).update(left_out=LeftOut.PAUSED)
    log.info("%s paused record %s of stream %s", by, link.record_id, link.stream_id)


def take_up(link: RecordLink, by: str) -> None:
    """It takes part again: both sides are read, and what either changed meanwhile is merged."""
    with transaction.atomic():
        link = _locked(link)
        if link.left_out not in (LeftOut.PAUSED, LeftOut.PING_PONG):
            raise Refused(_("Nobody paused this record."), code="not_paused")
        # whether a filter lets it in is asked when both sides have been read
        goes_out = link.stream.direction != Direction.IMPORT
        RecordLink.objects.filter(pk=link.pk).update(left_out="", flips={}, reread=True, dirty=goes_out)
        SetAside.objects.filter(stream=link.stream_id, record_id=link.record_id, code="ping_pong").delete()
        _ask(link.stream)
    log.info("%s took up record %s of stream %s", by, link.record_id, link.stream_id)


def pair(stream: Stream, remote_id: str, record_id: UUID, by: str) -> RecordLink:
    """A person says that these two are the same thing, whatever their keys say. Both are read and merged with the next run.

    Also of two that were parted, from each other or from others: what either of them belonged to stays parted.
    """
    with transaction.atomic():
        stream = _held(stream)
        theirs = _parted_there(stream, remote_id)
        if theirs is None:
            _must_be_free(stream, remote_id)
        if not registry.rows(registry.entity(stream.entity), [record_id]):
            raise Refused(_("The record was deleted here."), "record_id", "not_found")
        link = RecordLink.objects.select_for_update().filter(stream=stream, record_id=record_id).first()
        if link is not None and not _is_free(link):
            raise Refused(_("This record belongs to another one there already."), "record_id", "linked_already")
        link = link or RecordLink(stream=stream, record_id=record_id)
        if link.remote_id != remote_id:
            _leave_partners(link, theirs)
        if link.intent and _may_arrive(link.intent, remote_id):
            haunt_create(link)
            link.unsure = True
        link.base_local, link.base_remote, link.waiting, link.flips = {}, {}, {}, {}
        link.remote_id, link.state, link.left_out, link.intent = remote_id, LinkState.LINKED, "", None
        link.reread, link.dirty = True, stream.direction != Direction.IMPORT
        link.save()
        _is_decided(stream, remote_id, record_id)
    log.info("%s paired %s with record %s of stream %s", by, remote_id, record_id, stream.pk)
    return link


def keep_apart(stream: Stream, remote_id: str, by: str) -> RecordLink:
    """A person says that this one there is none of ours: it comes in as a record of its own with the next run."""
    with transaction.atomic():
        stream = _held(stream)
        if stream.direction == Direction.EXPORT:
            raise Refused(_("This table only flows out: nothing of it comes in."), code="one_way_only")
        _must_be_free(stream, remote_id)
        link = RecordLink.objects.create(
            stream=stream, remote_id=remote_id, record_id=new_id(), state=LinkState.NEW, reread=True
        )
        _is_decided(stream, remote_id)
    log.info("%s keeps %s of stream %s apart", by, remote_id, stream.pk)
    return link


def send_again(link: RecordLink, by: str) -> None:
    """A person has looked: what was sent without an answer does not stand there. It is created with the next run."""
    with transaction.atomic():
        link = _locked(link)
        waiting = SetAside.objects.filter(stream=link.stream_id, record_id=link.record_id, code="unsure_create")
        if link.remote_id is not None or not waiting.exists():
            raise Refused(_("Nobody waits for a decision about this record."), code="not_unsure")
        waiting.delete()
        if link.intent:
            haunt_create(link)  # it may still arrive, and is known then
        link.dirty, link.intent, link.unsure = True, None, True
        link.save(update_fields=["dirty", "intent", "unsure", "ghosts"])
        _ask(link.stream)
    log.info("%s has record %s of stream %s sent again", by, link.record_id, link.stream_id)


def _held(stream: Stream) -> Stream:
    """No run commits anything of this stream meanwhile."""
    return Stream.objects.select_for_update(of=("self",), no_key=True).select_related("integration").get(pk=stream.pk)


def _must_be_free(stream: Stream, remote_id: str) -> None:
    if RecordLink.objects.filter(stream=stream, remote_id=remote_id).exists():
        raise Refused(_("This record belongs to one of ours already."), "remote_id", "linked_already")
    known = SetAside.objects.filter(stream=stream, remote_id=remote_id, side="there").exists()
    if not known and not HeldRecord.objects.filter(stream=stream, remote_id=remote_id).exists():
        raise Refused(_("No record that waits for a partner has this id."), "remote_id", "not_found")


def _parted_there(stream: Stream, remote_id: str) -> RecordLink | None:
    """The link of a record there that belongs to none of ours any more, or never did (a second copy)."""
    parted = RecordLink.objects.select_for_update().filter(stream=stream, state=LinkState.UNLINKED)
    return parted.filter(remote_id=remote_id).first()


def _is_free(link: RecordLink) -> bool:
    """Whether our record may be given a partner: it has none, or it was parted from it for good."""
    if link.state == LinkState.UNLINKED:
        return True
    return link.remote_id is None and (not link.intent or link.intent["action"] == "create")


def _may_arrive(intent: Mapping[str, Any], remote_id: str) -> bool:
    """Whether a copy of this create may turn up beside `remote_id`, and would be known: by its marker, or by its id.

    With neither, what the person chose most likely is what it made.
    """
    return "values" not in intent or intent.get("id") not in (None, remote_id)


def _leave_partners(link: RecordLink, theirs: RecordLink | None) -> None:
    """What these two belonged to before stays parted: it neither comes in, nor goes out, as something new."""
    if link.remote_id is not None:
        RecordLink.objects.filter(pk=link.pk).update(remote_id=None)
        RecordLink.objects.create(stream=link.stream, remote_id=link.remote_id, state=LinkState.UNLINKED)
        link.remote_version, link.remote_edited_at, link.remote_url = None, None, ""
        if not link.unsure:
            link.ghosts = {}  # they were on their way to that one
    if theirs is not None and theirs.record_id is not None:
        theirs.remote_id, theirs.remote_url, theirs.dirty = None, "", False
        theirs.save(update_fields=["remote_id", "remote_url", "dirty"])
    elif theirs is not None:
        theirs.delete()


def _is_decided(stream: Stream, remote_id: str, record_id: UUID | None = None) -> None:
    """Nobody is asked any more; ours that waited for the same key are looked at with the next run."""
    asides = SetAside.objects.filter(stream=stream, code__in=BY_A_PERSON)
    asides.filter(side="there", remote_id=remote_id).delete()
    if record_id:
        asides.filter(side="here", record_id=record_id).delete()
        SetAside.objects.filter(stream=stream, side="there", remote_id=remote_id, code="second_copy").delete()
    HeldRecord.objects.filter(stream=stream, remote_id=remote_id).delete()
    _ask(stream)


def _locked(link: RecordLink) -> RecordLink:
    found = RecordLink.objects.select_for_update(of=("self",)).select_related("stream__integration")
    return found.get(pk=link.pk)


def _ask(stream: Stream) -> None:
    """Whoever decides wants to see it happen."""
    if stream.integration.status == Status.ACTIVE:
        due.ask(stream.integration_id, Priority.PERSON, "person")
        wake_on_commit(stream.integration_id)
