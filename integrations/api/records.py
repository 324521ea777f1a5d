"""Endpoints: entities, records, their history, many at once."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from ninja import Field, Header, Query, Router, Schema, Status

from crm import bulk, records, registry
from integrations.api import problems
from integrations.api.callers import MEMBER, VIEWER
from integrations.api.paging import Paging, page_of
from integrations.api.problems import CODES, Problem
from integrations.api.record_list import RecordList
from integrations.api.schemas import records as schemas
from integrations.services import provenance

router = Router(tags=["Records"], auth=VIEWER)

EntityPage = page_of(schemas.Entity)
RecordPage = page_of(schemas.Record)
ChangePage = page_of(schemas.Change)
OriginPage = page_of(schemas.Origin)

FILTERS = {
    "parameters": [
        {
            "in": "query",
            "name": "filters",
            "required": False,
            "style": "form",
            "explode": True,
            "schema": {"type": "object", "additionalProperties": {"type": "string"}},
            "description": "Any field by name: `status=Lead`, empty for “has none”, and for numbers and times also "
            "`amount.gte=1000`, `updated_at.gt=2026-09-15T09:00:00Z` (gt, gte, lt, lte), for texts `email.contains=nord`.",
            "example": {"status": "Lead", "email.contains": "nord", "updated_at.gt": "2026-09-15T09:00:00Z"},
        }
    ]
}


class Ask(Paging):
    search: str = Field("", description="Words that stand in the record's main fields.")
    sort: str = Field(
        "", description="A field to sort by, with `-` before it for descending. Empty: as they were made."
    )


@router.get("/entities", response=EntityPage)
def list_entities(request: HttpRequest) -> Any:
    """The kinds of records, with their fields. Always whole."""
    return EntityPage(items=[schemas.Entity.of(registry.entity(name)) for name in registry.names()])


@router.get("/entities/{entity}", response=schemas.Entity)
def get_entity(request: HttpRequest, entity: str) -> Any:
    """One kind of record, with its fields."""
    return schemas.Entity.of(records.describe(entity))


@router.get("/records/{entity}", response=RecordPage, openapi_extra=FILTERS)
def list_records(request: HttpRequest, entity: str, ask: Query[Ask]) -> Any:
    """Records, searched, filtered and sorted. A filter that is no field is refused."""
    own = set(Ask.model_fields)
    filters = [(name, text) for name, texts in request.GET.lists() if name not in own for text in texts]
    found, following = RecordList(records.describe(entity), ask.search, ask.sort, filters, ask).items()
    return RecordPage(items=[schemas.Record.of(item) for item in found], next=following)


@router.post("/records/{entity}", auth=MEMBER, response={201: schemas.Record})
def create_record(request: HttpRequest, entity: str, body: schemas.RecordCreate, response: HttpResponse) -> Any:
    """Make a record."""
    item = records.create(entity, body.values, request.auth.actor)
    response["Location"] = f"/api/v1/records/{entity}/{item.id}"
    return _answer(item, response)


@router.post("/records/{entity}/bulk", auth=MEMBER, response=schemas.BulkAnswer)
def change_records(request: HttpRequest, entity: str, body: schemas.Bulk) -> Any:
    """Make, change and delete up to 500 records. What is right is done, what is wrong says why, item by item."""
    wanted = [
        bulk.Wanted(one.action, str(one.id) if one.id and one.action != "create" else "", one.values, one.version)
        for one in body.items
    ]
    outcomes = bulk.apply(entity, wanted, request.auth.actor)
    return schemas.BulkAnswer(
        items=[_outcome(one.action, outcome) for one, outcome in zip(wanted, outcomes, strict=True)]
    )


@router.get("/records/{entity}/{uuid:record_id}", response=schemas.Record)
def get_record(request: HttpRequest, entity: str, record_id: UUID, response: HttpResponse) -> Any:
    """One record; its version also stands in `ETag`."""
    return _answer(records.get(entity, record_id), response)


@router.patch("/records/{entity}/{uuid:record_id}", auth=MEMBER, response=schemas.Record)
def update_record(
    request: HttpRequest,
    entity: str,
    record_id: UUID,
    body: schemas.RecordChange,
    response: HttpResponse,
    if_match: str = Header("", description="The version you have seen, as `ETag` gave it."),
) -> Any:
    """Set some fields of a record."""
    version = body.version or _version(if_match)
    return _answer(records.update(entity, record_id, body.values, request.auth.actor, version), response)


@router.delete("/records/{entity}/{uuid:record_id}", auth=MEMBER, response={204: None})
def delete_record(
    request: HttpRequest,
    entity: str,
    record_id: UUID,
    if_match: str = Header("", description="The version you have seen, as `ETag` gave it."),
) -> Any:
    """Delete a record. Streams that carry deletions delete it on the other side too."""
    wanted = bulk.Wanted("delete", str(record_id), version=_version(if_match))
    (outcome,) = bulk.apply(entity, [wanted], request.auth.actor)
    if outcome.error:
        raise outcome.error
    return Status(204, None)


@router.get("/records/{entity}/{uuid:record_id}/history", response=ChangePage)
def list_record_history(request: HttpRequest, entity: str, record_id: UUID, paging: Query[Paging]) -> Any:
    """The record's changes, newest first; those of a deleted record as well."""
    before = _change_id(paging.after)
    found = records.history(entity, record_id, paging.limit + 1, before)
    if not found and before is None:
        records.get(entity, record_id)
    kept = found[: paging.limit]
    following = str(kept[-1]["id"]) if len(found) > paging.limit else None
    return ChangePage(items=[schemas.Change(**change) for change in kept], next=following)


@router.get("/records/{entity}/{uuid:record_id}/provenance", response=OriginPage)
def get_record_provenance(request: HttpRequest, entity: str, record_id: UUID) -> Any:
    """Where each field's value comes from: who or which run, when, by which rule, and the values before. Always whole."""
    return OriginPage(items=[schemas.Origin.of(one) for one in provenance.of(entity, record_id)])


def _answer(item: records.Item, response: HttpResponse) -> Schema:
    response["ETag"] = f'"{item.version}"'
    return schemas.Record.of(item)


def _version(if_match: str) -> str:
    wanted = if_match.strip().removeprefix("W/").strip('"')
    return "" if wanted == "*" else wanted


def _change_id(cursor: str) -> int | None:
    if not cursor:
        return None
    if not cursor.isdecimal() or len(cursor) > 18:
        raise Problem("invalid_cursor")
    return int(cursor)


DONE = {"create": 201, "update": 200, "delete": 204}


def _outcome(action: str, outcome: bulk.Outcome) -> schemas.BulkOutcome:
    problem = problems.of(outcome.error) if outcome.error else None
    if problem is None:
        record = schemas.Record.of(outcome.item) if outcome.item else None
        return schemas.BulkOutcome(status=DONE[action], record=record)
    status = CODES[problem.code][0]
    errors = [schemas.FieldError(**error) for error in problem.errors]
    told = schemas.BulkProblem(code=problem.code, status=status, detail=problem.detail, errors=errors)
    return schemas.BulkOutcome(status=status, problem=told)
