"""HubSpot's object types as data: what a record is called, when it was changed, and how types are associated.

Source: the CRM object and association references; type ids as of November 2026.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from integrations.adapters.words import gettext_noop as _

MARKER = "raccord_id"  # our property: unique, so that no record is created twice
MARKER_LABEL = "Raccord ID"


@dataclass(frozen=True, slots=True)
class ObjectType:
    """name: as paths have it, and the collection's id. title: the property, or our field, that names a record."""

    name: str
    type_id: str
    label: str
    title: str
    modified: str = "hs_lastmodifieddate"
    pipelines: bool = False


#: First name and last name as one field of ours: nearly everybody else keeps one.
FULL_NAME = "firstname+lastname"

STANDARD = {
    one.name: one
    for one in (
        ObjectType("contacts", "0-1", _("Contacts"), FULL_NAME, "lastmodifieddate"),
        ObjectType("companies", "0-2", _("Companies"), "name"),
        ObjectType("deals", "0-3", _("Deals"), "dealname", pipelines=True),
        ObjectType("tasks", "0-27", _("Tasks"), "hs_task_subject"),
    )
}
BY_TYPE_ID = {one.type_id: one.name for one in STANDARD.values()}
#: The first word of a webhook's subscription type.
BY_SINGULAR = {"contact": "contacts", "company": "companies", "deal": "deals"}


def custom(schema: Mapping[str, Any]) -> ObjectType:
    """A custom object type, from its schema."""
    labels = schema.get("labels") or {}
    label = labels.get("plural") or labels.get("singular") or schema["name"]
    return ObjectType(schema["objectTypeId"], schema["objectTypeId"], label, schema.get("primaryDisplayProperty") or "")


# --- associations -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Association:
    """One relation field. plain: type id of an unlabelled association; primary: of the primary one, where this is its field."""

    id: str
    label: str
    target: str
    plain: int
    primary: int | None = None


def _all(label: str, target: str, plain: int) -> Association:
    return Association(f"to:{target}", label, target, plain)


def _primary(plain: int, primary: int) -> Association:
    return Association("to:companies:primary", _("Company"), "companies", plain, primary)


ASSOCIATIONS: Mapping[str, tuple[Association, ...]] = {
    "contacts": (_primary(279, 1), _all(_("Companies"), "companies", 279), _all(_("Deals"), "deals", 4)),
    "companies": (_all(_("Contacts"), "contacts", 280), _all(_("Deals"), "deals", 342)),
    "deals": (_primary(341, 5), _all(_("Companies"), "companies", 341), _all(_("Contacts"), "contacts", 3)),
    "tasks": (
        _all(_("Contacts"), "contacts", 204),
        _all(_("Companies"), "companies", 192),
        _all(_("Deals"), "deals", 216),
    ),
}
