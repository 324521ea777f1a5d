"""The catalog as the API shows it."""

from __future__ import annotations

from ninja import Field, Schema
from pydantic import ConfigDict

from integrations.adapters.registry import adapter_class
from integrations.catalog.models import Provider as Row
from integrations.services import connect


class FormField(Schema):
    name: str = Field(description="The name of this value in `POST integrations/{id}/credentials`.")
    label: str
    help: str
    secret: bool
    required: bool
    placeholder: str


class AuthWay(Schema):
    """A way to connect."""

    kind: str
    fields: list[FormField]
    help: str
    help_url: str


class Capabilities(Schema):
    """What the provider's API allows."""

    write: bool
    delete: bool
    restore: bool
    erase: bool
    incremental: bool
    sees_deletions: bool
    webhooks: bool
    create_fields: bool


class Provider(Schema):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "slug": "notion",
                    "name": "Notion",
                    "tagline": "Rows of your Notion databases, with their properties",
                    "categories": ["tables", "boards"],
                    "docs_url": "https://developers.notion.com/reference",
                    "setup_minutes": 3,
                    "access": ["Read the rows of the databases that you share with the connection, to bring them in."],
                    "auth": [
                        {
                            "kind": "token",
                            "fields": [
                                {
                                    "name": "token",
                                    "label": "Connection token",
                                    "help": "Begins with “ntn_”; older ones begin with “secret_”.",
                                    "secret": True,
                                    "required": True,
                                    "placeholder": "ntn_…",
                                }
                            ],
                            "help": "In Notion, create an internal connection and copy its token.",
                            "help_url": "https://developers.notion.com/docs/create-a-notion-integration",
                        }
                    ],
                    "can": {
                        "write": True,
                        "delete": True,
                        "restore": True,
                        "erase": False,
                        "incremental": True,
                        "sees_deletions": False,
                        "webhooks": False,
                        "create_fields": True,
                    },
                }
            ]
        }
    )

    slug: str
    name: str
    tagline: str
    categories: list[str]
    docs_url: str
    setup_minutes: int
    access: list[str] = Field(description="What access is asked for and why, in plain words.")
    auth: list[AuthWay] = Field(description="The ways to connect, with what each asks for.")
    can: Capabilities

    @classmethod
    def of(cls, row: Row) -> Provider:
        manifest = adapter_class(row.slug).manifest
        ways = [
            AuthWay(
                kind=way.kind,
                fields=[FormField.model_validate(field, from_attributes=True) for field in way.fields],
                help=way.help,
                help_url=way.help_url,
            )
            for way in connect.ways(row.slug)
        ]
        return cls(
            slug=row.slug,
            name=row.name,
            tagline=row.description or manifest.tagline,
            categories=list(manifest.categories),
            docs_url=row.docs_url or manifest.docs_url,
            setup_minutes=manifest.setup_minutes,
            access=list(manifest.access),
            auth=ways,
            can=Capabilities.model_validate(manifest.can, from_attributes=True),
        )
