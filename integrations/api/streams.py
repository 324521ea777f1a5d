"""Endpoints: collections, streams, field mappings."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from ninja import Field, Header, Query, Router, Status

from integrations.api import seen
from integrations.api.callers import ADMIN, VIEWER
from integrations.api.integrations import CollectionPage, found
from integrations.api.paging import Paging, page, page_of
from integrations.api.schemas import streams as schemas
from integrations.models import Part, Stream
from integrations.services import edits, filters, lifecycle, preview, setup, streams
from integrations.sync.fields import schema_of
from integrations.sync.transforms import TRANSFORMS

router = Router(tags=["Streams"], auth=VIEWER)

StreamPage = page_of(schemas.Stream)
MappingPage = page_of(schemas.Mapping)
SuggestionPage = page_of(schemas.Suggestion)
PairPage = page_of(schemas.Pair)
TransformPage = page_of(schemas.Transform)


class PreviewPage(page_of(schemas.PreviewRow)):  # type: ignore[misc]
    losses: list[schemas.Loss] = Field(description="Values of fields that flow both ways and would not survive it.")


def stream_of(stream_id: UUID) -> Stream:
    return Stream.objects.select_related("integration").get(pk=stream_id)


# --- collections ------------------------------------------------------------------------------------------------------


@router.get("/integrations/{uuid:integration_id}/collections", response=CollectionPage)
def list_collections(request: HttpRequest, integration_id: UUID) -> Any:
    """The tables that the credentials see, asked of the provider now. Always whole."""
    return CollectionPage(items=[schemas.Collection.of(one) for one in streams.collections(found(integration_id))])


@router.post("/integrations/{uuid:integration_id}/collections/resolve", response=schemas.Collection)
def resolve_collection(request: HttpRequest, integration_id: UUID, body: schemas.Link) -> Any:
    """The table that a link leads to, for one that the listing does not show (yet)."""
    return schemas.Collection.of(streams.resolve(found(integration_id), body.link))


@router.get(
    "/integrations/{uuid:integration_id}/collections/{path:collection_id}/schema", response=schemas.CollectionSchema
)
def get_collection_schema(request: HttpRequest, integration_id: UUID, collection_id: str) -> Any:
    """A collection's fields, asked of the provider now."""
    return schemas.CollectionSchema.of(streams.describe(found(integration_id), collection_id))


# --- streams ----------------------------------------------------------------------------------------------------------


@router.get("/integrations/{uuid:integration_id}/streams", response=StreamPage)
def list_streams(request: HttpRequest, integration_id: UUID, paging: Query[Paging]) -> Any:
    """What the integration keeps in step."""
    rows, following = page(found(integration_id).streams.all(), ("id",), paging)
    return StreamPage(items=schemas.Stream.many(rows), next=following)


@router.post("/integrations/{uuid:integration_id}/streams", auth=ADMIN, response={201: schemas.Stream})
def create_stream(
    request: HttpRequest, integration_id: UUID, body: schemas.StreamCreate, response: HttpResponse
) -> Any:
    """Pair a collection with an entity. What is obvious is mapped at once."""
    integration = found(integration_id)
    with edits.noting(integration, Part.TABLES, request.auth.label):
        stream = streams.add(integration, body.collection, body.entity, **body.choices)
    response["Location"] = f"/api/v1/streams/{stream.pk}"
    return schemas.Stream.of(stream)


@router.get("/streams/{uuid:stream_id}", response=schemas.Stream)
def get_stream(request: HttpRequest, stream_id: UUID, response: HttpResponse) -> Any:
    """One stream. `ETag` is that of its integration."""
    stream = stream_of(stream_id)
    seen.tell(stream.integration, response)
    return schemas.Stream.of(stream)


@router.patch("/streams/{uuid:stream_id}", auth=ADMIN, response=schemas.Stream)
def change_stream(
    request: HttpRequest,
    stream_id: UUID,
    body: schemas.StreamChange,
    response: HttpResponse,
    if_match: str = Header("", description=seen.IF_MATCH),
) -> Any:
    """Direction, conflict rule, matching, deletions, filters; or switch it off. When something is refused, nothing changes."""
    stream = stream_of(stream_id)
    with edits.saving(stream, Part.RULES, request.auth.label, seen.number(if_match)):
        if body.choices:
            streams.change(stream, **body.choices)
        if body.filters is not None:
            filters.change(stream, body.filters.model_dump(exclude_unset=True))
    seen.tell(stream.integration, response)
    return schemas.Stream.of(stream)


@router.delete("/streams/{uuid:stream_id}", auth=ADMIN, response={204: None})
def delete_stream(request: HttpRequest, stream_id: UUID) -> Any:
    """Keep these two in step no more. Records stay as they are, on both sides."""
    setup.remove(stream_of(stream_id), by=request.auth.label)
    return Status(204, None)


@router.post("/streams/{uuid:stream_id}/begin", auth=ADMIN, response=schemas.Stream)
def begin_stream(request: HttpRequest, stream_id: UUID) -> Any:
    """Start a stream that was added to an active integration: its first sync goes at once."""
    stream = stream_of(stream_id)
    setup.begin(stream)
    return schemas.Stream.of(stream)


@router.post("/streams/{uuid:stream_id}/allow-deletions", auth=ADMIN, response=schemas.Stream)
def allow_deletions(request: HttpRequest, stream_id: UUID) -> Any:
    """Let one run do what the last one stopped before (`problem_code` is `brake` or `brake_overwrites`), and go on."""
    stream = stream_of(stream_id)
    lifecycle.lift_brake(stream)
    return schemas.Stream.of(stream)


# --- field mappings ---------------------------------------------------------------------------------------------------


@router.get("/transforms", response=TransformPage)
def list_transforms(request: HttpRequest) -> Any:
    """The steps that a mapping's `options.transforms` may hold, with their settings. Always whole."""
    return TransformPage(items=[schemas.Transform.of(one) for one in TRANSFORMS.values()])


@router.get("/streams/{uuid:stream_id}/mappings", response=MappingPage)
def list_mappings(request: HttpRequest, stream_id: UUID, response: HttpResponse) -> Any:
    """The stream's field mappings. Always whole. `ETag` is that of the integration."""
    stream = stream_of(stream_id)
    seen.tell(stream.integration, response)
    return MappingPage(items=[schemas.Mapping.of(row) for row in stream.mappings.all()])


@router.put("/streams/{uuid:stream_id}/mappings", auth=ADMIN, response=MappingPage)
def set_mappings(
    request: HttpRequest,
    stream_id: UUID,
    body: schemas.Mappings,
    response: HttpResponse,
    if_match: str = Header("", description=seen.IF_MATCH),
) -> Any:
    """Replace the field mappings. When one of them is not possible, nothing changes."""
    stream = stream_of(stream_id)
    with edits.saving(stream, Part.MAPPING, request.auth.label, seen.number(if_match)):
        made = streams.set_mappings(stream, body.wanted)
    seen.tell(stream.integration, response)
    return MappingPage(items=[schemas.Mapping.of(row) for row in made])


@router.get("/streams/{uuid:stream_id}/mappings/suggested", response=SuggestionPage)
def list_suggested_mappings(request: HttpRequest, stream_id: UUID) -> Any:
    """Pairs of fields worth mapping, with the reason and the transforms they need, surest first. Always whole."""
    stream = stream_of(stream_id)
    names = {field.id: field.name for field in schema_of(stream).fields}
    return SuggestionPage(
        items=[
            schemas.Suggestion(
                remote=one.remote,
                remote_name=names[one.remote],
                local=one.local,
                direction=one.direction,  # type: ignore[arg-type]
                score=one.score,
                reason=one.reason,
                options=one.options,
            )
            for one in streams.suggested(stream)
        ]
    )


@router.get("/streams/{uuid:stream_id}/mappings/possible", response=PairPage)
def list_possible_mappings(request: HttpRequest, stream_id: UUID) -> Any:
    """Every remote field with every local field: which directions are possible, and why not others. Always whole."""
    pairs = streams.pairs(stream_of(stream_id))
    return PairPage(
        items=[
            schemas.Pair(
                remote=remote,
                local=one["local"],
                directions=list(one["directions"]),
                reason=one["reason"],
                options=one["options"],
            )
            for remote, ones in pairs.items()
            for one in ones
        ]
    )


@router.get("/streams/{uuid:stream_id}/preview", response=PreviewPage)
def preview_stream(request: HttpRequest, stream_id: UUID) -> Any:
    """Up to ten real records of either side through the mappings and back; `losses` are the values that would not survive."""
    stream = stream_of(stream_id)
    stored = [schemas.Mapping.of(row).model_dump() for row in stream.mappings.all()]
    return _previewed(stream, stored)


@router.post("/streams/{uuid:stream_id}/preview", response=PreviewPage)
def preview_mappings(request: HttpRequest, stream_id: UUID, body: schemas.Mappings) -> Any:
    """The same through mappings that are not saved."""
    return _previewed(stream_of(stream_id), body.wanted)


@router.post("/streams/{uuid:stream_id}/fields", auth=ADMIN, response={201: schemas.CollectionSchema})
def create_remote_field(request: HttpRequest, stream_id: UUID, body: schemas.NewField) -> Any:
    """Make a field that is missing there. Answers the collection with all its fields."""
    stream = stream_of(stream_id)
    made = streams.create_remote_field(stream, body.name, body.type, body.options)
    preview.forget(stream)
    return schemas.CollectionSchema.of(made)


def _previewed(stream: Stream, wanted: list[dict[str, Any]]) -> Any:
    seen = preview.preview(stream, streams._entity(stream.entity), wanted)
    return PreviewPage(
        items=[schemas.PreviewRow.model_validate(row, from_attributes=True) for row in seen.rows],
        losses=[schemas.Loss.model_validate(one, from_attributes=True) for one in seen.losses],
    )
