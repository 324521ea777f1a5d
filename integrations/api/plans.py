"""Endpoints: what a run would do, and having exactly that done."""

from __future__ import annotations

from typing import Any, Literal
from uuid import UUID

from django.http import HttpRequest, StreamingHttpResponse
from ninja import Field, Query, Router, Schema

from integrations.api.callers import ADMIN, MEMBER, VIEWER
from integrations.api.paging import Paging, page, page_of
from integrations.api.schemas.plans import Plan, PlanLine
from integrations.models import Plan as Row
from integrations.services import plans

router = Router(tags=["Plans"], auth=VIEWER)

PlanLinePage = page_of(PlanLine)
CSV = {
    "responses": {
        200: {
            "description": "The lines, a row per field",
            "content": {
                "text/csv": {
                    "schema": {"type": "string"},
                    "example": "Table,Side,Action,Record,Field,Before,After,Why,Outcome\r\n"
                    "Contacts,here,updated,Ada Rossi,Status,Lead,Customer,theirs,\r\n",
                }
            },
        }
    }
}


class Wanted(Schema):
    stream: UUID | None = None
    action: str = ""
    side: Literal["", "here", "there"] = ""
    outcome: Literal["", "waiting", "done", "left_out"] = Field("", description="`waiting`: nothing was done yet.")
    search: str = Field("", max_length=200, description="In the titles of the records.")


def found(plan_id: UUID) -> Row:
    return Row.objects.select_related("integration").get(pk=plan_id)


@router.get("/{uuid:plan_id}", response=Plan)
def get_plan(request: HttpRequest, plan_id: UUID) -> Any:
    """One plan; poll it until `state` is not `making`."""
    return Plan.of(plans.look(found(plan_id)))


@router.get("/{uuid:plan_id}/lines", response=PlanLinePage)
def list_plan_lines(request: HttpRequest, plan_id: UUID, paging: Query[Paging], wanted: Query[Wanted]) -> Any:
    """What would be done, record by record, in order. While the plan is made, more keep coming."""
    rows, following = page(plans.chosen(found(plan_id), **wanted.dict()), ("id",), paging)
    return PlanLinePage(items=[PlanLine.of(row) for row in rows], next=following)


@router.get("/{uuid:plan_id}/download", openapi_extra=CSV)
def download_plan(request: HttpRequest, plan_id: UUID, wanted: Query[Wanted]) -> Any:
    """The same lines as a CSV file, a row per field."""
    response = StreamingHttpResponse(plans.download(found(plan_id), **wanted.dict()), content_type="text/csv")
    response["Content-Disposition"] = f'attachment; filename="plan-{plan_id}.csv"'
    return response


@router.post("/{uuid:plan_id}/approve", auth=ADMIN, response={202: Plan})
def approve_plan(request: HttpRequest, plan_id: UUID) -> Any:
    """Have exactly this done. What moved since is left out and listed; ordinary runs follow. Activates a draft."""
    return Plan.of(plans.approve(found(plan_id), by=request.auth.label))


@router.post("/{uuid:plan_id}/discard", auth=MEMBER, response=Plan)
def discard_plan(request: HttpRequest, plan_id: UUID) -> Any:
    """Throw it away; one that is being made stops."""
    plan = found(plan_id)
    plans.discard(plan)
    return Plan.of(plan)
