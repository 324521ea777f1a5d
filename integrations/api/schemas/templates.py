"""Templates as the API shows and takes them."""

from __future__ import annotations

from typing import Any

from ninja import Field, Schema
from pydantic import ConfigDict

from integrations.api.schemas import Body
from integrations.services import templates

TEMPLATE: dict[str, Any] = {
    "slug": "contacts",
    "name": "Address book",
    "about": "Companies and the people who work there.",
    "tables": [
        {"entity": "company", "fields": ["name", "website", "industry", "city", "employees", "owner"]},
        {"entity": "contact", "fields": ["name", "email", "phone", "status", "company", "owner"]},
    ],
}


class TemplateTable(Schema):
    entity: str
    fields: list[str]


class Template(Schema):
    """Tables that can be made in the tool, with all fields mapped."""

    model_config = ConfigDict(json_schema_extra={"examples": [TEMPLATE]})

    slug: str
    name: str
    about: str
    tables: list[TemplateTable]

    @classmethod
    def of(cls, one: templates.Template) -> Template:
        tables = [TemplateTable(entity=table.entity, fields=list(table.fields)) for table in one.tables]
        return cls(slug=one.slug, name=str(one.name), about=str(one.about), tables=tables)


class TemplateAsk(Body):
    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"place": "2f26ee68-df30-4251-aad4-8ddc420cba3d"}]}
    )

    place: str = Field(max_length=200, description="The id of one of the `places`.")
