"""Endpoints: files that come in, and records that go out as files."""

from __future__ import annotations

from typing import Any, Literal
from uuid import UUID

from django.db import transaction
from django.http import HttpRequest, StreamingHttpResponse
from ninja import Field, Query, Router, Schema, Status

from crm import records
from integrations.api.callers import MEMBER, VIEWER
from integrations.api.paging import Paging, page, page_of
from integrations.api.record_list import RecordList
from integrations.api.schemas.files import Approval, Import, ImportChange, ImportRow
from integrations.files import exports, imports, uploads
from integrations.files.models import Import as Row

router = Router(tags=["Files"], auth=VIEWER)

ImportPage = page_of(Import)
ImportRowPage = page_of(ImportRow)

BINARY = {"type": "string", "format": "binary"}
UPLOAD = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {"type": "object", "required": ["file"], "properties": {"file": BINARY}},
            }
        },
    }
}
REFUSED = {
    "responses": {
        200: {
            "description": "The rows as they stand in the file, with their number and the reason",
            "content": {
                "text/csv": {
                    "schema": {"type": "string"},
                    "example": "Name,Mail,Row,Why it was left out\r\n"
                    "Bo,bo at berg,3,E-mail: “bo at berg” is not an e-mail address.\r\n",
                }
            },
        }
    }
}
EXPORT: dict[str, Any] = {
    "responses": {
        200: {
            "description": "The file",
            "content": {
                "text/csv": {"schema": {"type": "string"}, "example": "Name,E-mail\r\nAda Rossi,ada@rossi.example\r\n"},
                exports.MEDIA["xlsx"]: {"schema": BINARY},
            },
        }
    }
}


class Only(Paging):
    action: Literal["", "created", "updated", "same", "refused", "ambiguous"] = ""
    outcome: Literal["", "waiting", "done", "left", "undone", "kept"] = ""


class Wanted(Schema):
    format: Literal["csv", "xlsx"] = "csv"
    columns: str = Field("", description="Names of fields, separated by commas, in their order. Empty: all.")
    delimiter: Literal["comma", "semicolon", "tab"] = "comma"
    bom: bool = Field(False, description="CSV with a byte order mark, for Excel.")
    search: str = ""


def found(import_id: UUID) -> Row:
    return Row.objects.get(pk=import_id)


@router.post("/records/{entity}/imports", auth=MEMBER, response={201: Import}, openapi_extra=UPLOAD)
def create_import(request: HttpRequest, entity: str) -> Any:
    """Bring a CSV or XLSX file as `multipart/form-data`. The answer says how it is read, and suggests mapping and matching."""
    file = request.FILES.get("file")
    too_large = getattr(request, uploads.TOO_LARGE, False)
    job = imports.create(entity, file, request.auth.actor, request.tenant, too_large)
    return Status(201, Import.of(job, imports.before(job)))


@router.get("/imports", response=ImportPage)
def list_imports(request: HttpRequest, paging: Query[Paging]) -> Any:
    """All imports, the latest first."""
    rows, following = page(Row.objects.all(), ("-id",), paging)
    return ImportPage(items=[Import.of(row) for row in rows], next=following)


@router.get("/imports/{uuid:import_id}", response=Import)
def get_import(request: HttpRequest, import_id: UUID) -> Any:
    """One import."""
    job = found(import_id)
    return Import.of(job, imports.before(job))


@router.patch("/imports/{uuid:import_id}", auth=MEMBER, response=Import)
def change_import(request: HttpRequest, import_id: UUID, body: ImportChange) -> Any:
    """Say how the file is read, which column is which field, and how rows find their records. When something is refused,
    nothing changes."""
    job, version = found(import_id), body.version
    with transaction.atomic():
        if body.layout is not None:
            job, version = (
                imports.relayout(job, body.layout.model_dump(exclude_none=True), request.tenant, version),
                None,
            )
        if body.mapping is not None:
            wanted = [one.model_dump() for one in body.mapping]
            job, version = imports.map_columns(job, wanted, request.tenant, request.auth.may("admin"), version), None
        if body.matching is not None:
            job = imports.match_by(job, body.matching.how, body.matching.keys, body.matching.empty, version)
    return Import.of(job, imports.before(job))


@router.post("/imports/{uuid:import_id}/preview", auth=MEMBER, response={202: Import})
def preview_import(request: HttpRequest, import_id: UUID) -> Any:
    """Have worked out what each row would do. Poll the import until `state` is ready; nothing is written."""
    return Status(202, Import.of(imports.preview(found(import_id))))


@router.get("/imports/{uuid:import_id}/rows", response=ImportRowPage)
def list_import_rows(request: HttpRequest, import_id: UUID, only: Query[Only]) -> Any:
    """What each row would do, or did, in the order of the file."""
    chosen = imports.lines(found(import_id), only.action, only.outcome)
    rows, following = page(chosen, ("number",), only)
    return ImportRowPage(items=[ImportRow.of(row) for row in rows], next=following)


@router.get("/imports/{uuid:import_id}/refused", openapi_extra=REFUSED)
def download_refused_rows(request: HttpRequest, import_id: UUID) -> Any:
    """The rows that are refused or match several records, as a CSV file to be mended and brought again."""
    return StreamingHttpResponse(imports.left_rows(found(import_id)), content_type="text/csv")


@router.post("/imports/{uuid:import_id}/approve", auth=MEMBER, response={202: Import})
def approve_import(request: HttpRequest, import_id: UUID, body: Approval) -> Any:
    """Have exactly this done, each row once. Rows whose record moved since the preview are left out and listed."""
    job = imports.approve(found(import_id), request.auth.actor, request.auth.may("admin"), body.version)
    return Status(202, Import.of(job))


@router.post("/imports/{uuid:import_id}/undo", auth=MEMBER, response={202: Import})
def undo_import(request: HttpRequest, import_id: UUID) -> Any:
    """Take back what it did, where it still is so."""
    return Status(202, Import.of(imports.undo(found(import_id), request.auth.actor)))


@router.delete("/imports/{uuid:import_id}", auth=MEMBER, response={204: None})
def discard_import(request: HttpRequest, import_id: UUID) -> Any:
    """Throw it away before it is approved; nothing was written."""
    imports.discard(found(import_id))
    return Status(204, None)


@router.get("/records/{entity}/export", openapi_extra=EXPORT)
def export_records(request: HttpRequest, entity: str, wanted: Query[Wanted]) -> Any:
    """Records as a file, streamed; filters as in the list of records. Who took what is written down."""
    described = records.describe(entity)
    own = set(Wanted.model_fields)
    filters = [(name, text) for name, texts in request.GET.lists() if name not in own for text in texts]
    chosen = RecordList(described, wanted.search, "", filters, Paging(limit=1, after="")).matching
    options = {"delimiter": wanted.delimiter, "bom": wanted.bom}
    columns = [name.strip() for name in wanted.columns.split(",")]
    query = request.GET.urlencode()
    job = exports.create(described, columns, wanted.format, options, request.auth.actor, query, found=chosen)
    media = "text/csv" if wanted.format == "csv" else exports.MEDIA["xlsx"]
    response = StreamingHttpResponse(exports.stream(job, request.tenant, chosen), content_type=media)
    response["Content-Disposition"] = f'attachment; filename="{exports.file_name(job)}"'
    return response
