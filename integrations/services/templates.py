"""Ready-made tables: a sales pipeline in an empty page or base, made there in one click and mapped.

What a template holds is told in our entities' own fields, so every tool that can make tables takes every template.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from crm import registry
from integrations.adapters.base import Adapter, Collection, NewField, Schema
from integrations.adapters.registry import adapters
from integrations.models import IntegrationInstance, Stream
from integrations.services import streams
from integrations.services.adapters import open_adapter
from integrations.services.connect import Refused
from integrations.sync import mapping
from integrations.sync.fields import schema_of


@dataclass(frozen=True, slots=True)
class Table:
    """An entity and those of its fields that the table gets. The title comes first, relations lead to tables before it."""

    entity: str
    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Template:
    slug: str
    name: str | Promise
    about: str | Promise
    tables: tuple[Table, ...]


COMPANIES = Table("company", ("name", "website", "industry", "city", "employees", "owner"))
CONTACTS = Table("contact", ("name", "email", "phone", "status", "company", "owner"))
DEALS = Table("deal", ("name", "amount", "stage", "close_date", "company", "contacts", "owner"))
TASKS = Table("task", ("title", "done", "due_at", "priority", "assignee", "deal"))

TEMPLATES = (
    Template(
        "pipeline",
        gettext_lazy("Sales pipeline"),
        gettext_lazy("Companies, contacts, deals and tasks, related to each other."),
        (COMPANIES, CONTACTS, DEALS, TASKS),
    ),
    Template(
        "contacts",
        gettext_lazy("Address book"),
        gettext_lazy("Companies and the people who work there."),
        (COMPANIES, CONTACTS),
    ),
    Template(
        "tasks",
        gettext_lazy("Task list"),
        gettext_lazy("Tasks with a due date, a priority and who does them."),
        (TASKS,),
    ),
)


def offered(integration: IntegrationInstance) -> tuple[Template, ...]:
    known = adapters().get(integration.provider)
    return TEMPLATES if known and known.manifest.can.create_collections else ()


def find(integration: IntegrationInstance, slug: str) -> Template:
    """Raises Refused."""
    found = next((one for one in offered(integration) if one.slug == slug), None)
    if found is None:
        raise Refused(_("There is no such template for this tool."), "template", "no_template")
    return found


def places(integration: IntegrationInstance) -> list[Collection]:
    """Where its tables can be made. Raises Refused."""
    if not offered(integration):
        raise Refused(_("This tool does not let others create tables."), code="cannot_create_collections")
    with streams.words(), closing(open_adapter(integration)) as adapter:
        return adapter.places()


def make(integration: IntegrationInstance, template: Template, place: str) -> list[Stream]:
    """Make the tables at the place and pair them, all fields mapped. Raises Refused.

    It may be repeated after any failure: a table of that name that stands at the place is used, a pair that is made is kept.
    """
    if not place:
        raise Refused(_("Choose where to put the tables."), "place", "missing")
    made: dict[str, str] = {}  # {entity: collection id}
    with streams.words(), closing(open_adapter(integration)) as adapter:
        for table in template.tables:
            made[table.entity] = _create(adapter, place, table, made).collection.id
    return [_pair(integration, table, made[table.entity]) for table in template.tables]


def labels(table: Table) -> list[str]:
    """What its fields are called, in the language of whoever asks."""
    return [field.label for field in _fields(table)]


def _create(adapter: Adapter, place: str, table: Table, made: dict[str, str]) -> Schema:
    entity = registry.entity(table.entity)
    fields = [
        NewField(one.label, one.type, one.options, made.get(one.target, ""))
        for one in _fields(table)
        if not one.target or one.target in made
    ]
    return adapter.create_collection(place, entity.plural, fields)


def _pair(integration: IntegrationInstance, table: Table, collection: str) -> Stream:
    stream = integration.streams.filter(collection=collection, entity=table.entity).first()
    if stream is None:
        is_live = integration.setup_step == "done"
        stream = streams.add(integration, collection, table.entity, is_active=not is_live)
        streams.set_mappings(stream, _mappings(stream, _fields(table)))
    return stream


def _mappings(stream: Stream, fields: Sequence[registry.Field]) -> list[dict[str, str]]:
    """Each field with the column that was made for it, in the directions that the two types allow."""
    schema = schema_of(stream)
    columns = {field.name: field for field in schema.fields}
    if title := schema.field(schema.title):  # in a table that stood there, it may be called otherwise
        columns[fields[0].label] = title
    pairs = [(columns[field.label], field) for field in fields if field.label in columns]
    fits = [(column, field, mapping.fit(column, field)) for column, field in pairs]
    return [
        {"remote": column.id, "local": field.name, "direction": fit.directions[0]}
        for column, field, fit in fits
        if fit.possible
    ]


def _fields(table: Table) -> list[registry.Field]:
    known = registry.entity(table.entity).fields
    return [known[name] for name in table.fields]
