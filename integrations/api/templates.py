"""Endpoints: tables made in the tool from a template."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpRequest
from ninja import Router, Status

from integrations.api.callers import ADMIN, VIEWER
from integrations.api.integrations import CollectionPage, found
from integrations.api.paging import page_of
from integrations.api.schemas.streams import Collection, Stream
from integrations.api.schemas.templates import Template, TemplateAsk
from integrations.services import setup, templates

router = Router(tags=["Templates"], auth=VIEWER)

TemplatePage = page_of(Template)
MadePage = page_of(Stream)


@router.get("/{uuid:integration_id}/templates", response=TemplatePage)
def list_templates(request: HttpRequest, integration_id: UUID) -> Any:
    """What can be made there; nothing where the provider lets nobody make tables. Always whole."""
    return TemplatePage(items=[Template.of(one) for one in templates.offered(found(integration_id))])


@router.get("/{uuid:integration_id}/places", response=CollectionPage)
def list_places(request: HttpRequest, integration_id: UUID) -> Any:
    """Where tables can be made: pages or bases, asked of the provider now. Always whole."""
    return CollectionPage(items=[Collection.of(one) for one in templates.places(found(integration_id))])


@router.post("/{uuid:integration_id}/templates/{slug}", auth=ADMIN, response={201: MadePage})
def make_template(request: HttpRequest, integration_id: UUID, slug: str, body: TemplateAsk) -> Any:
    """Make a template's tables at a place and pair them. It may be repeated after a failure: nothing is made twice."""
    integration = found(integration_id)
    made = templates.make(integration, templates.find(integration, slug), body.place)
    setup.forget_tables(integration)
    return Status(201, MadePage(items=[Stream.of(one) for one in made]))
