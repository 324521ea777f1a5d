"""Endpoints: which records of a stream take part, how each stands, and beginning anew."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.http import HttpRequest
from ninja import Query, Router

from crm import records
from integrations.api.callers import ADMIN, MEMBER, VIEWER
from integrations.api.paging import Paging, page, page_of
from integrations.api.schemas import taking_part as schemas
from integrations.api.schemas.streams import Stream as StreamShown
from integrations.api.streams import stream_of
from integrations.models import RecordLink, Stream
from integrations.services import filters, health, links, restarts

router = Router(tags=["Taking part"], auth=VIEWER)

LinkPage = page_of(schemas.LinkedRecord)
StandingPage = page_of(schemas.StandingRecord)


# --- one record -------------------------------------------------------------------------------------------------------


@router.get("/records/{entity}/{uuid:record_id}/links", response=LinkPage)
def list_record_links(request: HttpRequest, entity: str, record_id: UUID, paging: Query[Paging]) -> Any:
    """Where a record is kept in step, one item per stream."""
    found = RecordLink.objects.filter(record_id=record_id, stream__entity=entity).select_related("stream")
    rows, following = page(found, ("id",), paging)
    if not rows and not paging.after:
        records.get(entity, record_id)
    return LinkPage(items=[schemas.LinkedRecord.of(row) for row in rows], next=following)


@router.post("/links/{int:link_id}/pause", auth=MEMBER, response=schemas.LinkedRecord)
def pause_link(request: HttpRequest, link_id: int) -> Any:
    """Leave this one record alone in this stream, in both directions, while the others go on. Nothing is lost meanwhile."""
    links.pause(_link(link_id), request.auth.label)
    return schemas.LinkedRecord.of(_link(link_id))


@router.post("/links/{int:link_id}/resume", auth=MEMBER, response=schemas.LinkedRecord)
def resume_link(request: HttpRequest, link_id: int) -> Any:
    """Let a record take part again that was paused, or that two writers kept changing: both sides are read and merged."""
    links.take_up(_link(link_id), request.auth.label)
    return schemas.LinkedRecord.of(_link(link_id))


@router.post("/streams/{uuid:stream_id}/pair", auth=MEMBER, response=schemas.LinkedRecord)
def pair_records(request: HttpRequest, stream_id: UUID, body: schemas.Pairing) -> Any:
    """Say that a remote record that waits for a partner and one of ours are the same thing."""
    link = links.pair(stream_of(stream_id), body.remote_id, body.record_id, request.auth.label)
    return schemas.LinkedRecord.of(link)


@router.post("/streams/{uuid:stream_id}/keep-apart", auth=MEMBER, response=schemas.LinkedRecord)
def keep_apart(request: HttpRequest, stream_id: UUID, body: schemas.Apart) -> Any:
    """Say that a remote record that waits for a partner is none of ours: it comes in as a record of its own."""
    return schemas.LinkedRecord.of(links.keep_apart(stream_of(stream_id), body.remote_id, request.auth.label))


def _link(link_id: int) -> RecordLink:
    return RecordLink.objects.select_related("stream").get(pk=link_id)


# --- filters ----------------------------------------------------------------------------------------------------------


@router.get("/streams/{uuid:stream_id}/filters", response=schemas.StreamFilters)
def get_stream_filters(request: HttpRequest, stream_id: UUID) -> Any:
    """Which records take part, and every field with what it can be asked for. Change them with `PATCH` of the stream."""
    stream = stream_of(stream_id)
    choices = filters.describe(stream)
    return schemas.StreamFilters(
        filters=schemas.Filters.model_validate(stream.filters),
        choices=schemas.FilterChoices(
            here=[schemas.FilterChoice.of(one) for one in choices["here"]],
            there=[schemas.FilterChoice.of(one) for one in choices["there"]],
        ),
    )


# --- beginning anew ---------------------------------------------------------------------------------------------------


@router.post("/streams/{uuid:stream_id}/read-again", auth=ADMIN, response=StreamShown)
def read_stream_again(request: HttpRequest, stream_id: UUID) -> Any:
    """Read every record there once more with the next run. Pairs stay, and nothing is lost meanwhile."""
    restarts.read_again(stream_of(stream_id))
    return StreamShown.of(stream_of(stream_id))


@router.post("/streams/{uuid:stream_id}/match-anew", auth=ADMIN, response=StreamShown)
def match_stream_anew(request: HttpRequest, stream_id: UUID) -> Any:
    """Forget which records belong together, and pair them anew. No record is touched on either side."""
    restarts.match_anew(stream_of(stream_id))
    return StreamShown.of(stream_of(stream_id))


# --- how each record stands -------------------------------------------------------------------------------------------


@router.get("/streams/{uuid:stream_id}/health", response=schemas.StreamHealth)
def get_stream_health(request: HttpRequest, stream_id: UUID) -> Any:
    """How many records are in step, on their way, left out, failing."""
    stream = stream_of(stream_id)
    counted = health.counts([stream.pk])[stream.pk]
    return schemas.StreamHealth(
        in_step=counted.in_step,
        waiting=counted.waiting,
        left_out=counted.left_out,
        failing=counted.failing,
        is_in_step=counted.is_in_step and not stream.problem_code,
    )


@router.get("/streams/{uuid:stream_id}/health/in-step", response=StandingPage)
def list_in_step(request: HttpRequest, stream_id: UUID, paging: Query[Paging]) -> Any:
    """Records that both sides hold alike."""
    return _listed(health.in_step, stream_of(stream_id), paging)


@router.get("/streams/{uuid:stream_id}/health/left-out", response=StandingPage)
def list_left_out(request: HttpRequest, stream_id: UUID, paging: Query[Paging]) -> Any:
    """Records that stay out, and why: outside a filter, paused, without a partner, parted."""
    return _listed(health.left_out, stream_of(stream_id), paging)


@router.get("/streams/{uuid:stream_id}/health/failing", response=StandingPage)
def list_failing(request: HttpRequest, stream_id: UUID, paging: Query[Paging]) -> Any:
    """What is set aside with its reason, and conflicts that wait for a person, the newest first."""
    return _listed(health.failing, stream_of(stream_id), paging)


def _listed(rows_of: Callable[[Stream, str, int], list[health.Row]], stream: Stream, paging: Paging) -> Any:
    rows = rows_of(stream, paging.after, paging.limit + 1)
    kept = rows[: paging.limit]
    following = kept[-1].place if len(rows) > paging.limit else None
    return StandingPage(items=[schemas.StandingRecord.of(row) for row in kept], next=following)
