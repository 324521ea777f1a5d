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


#: First name and last name as one field of ours: nearly everybody else keeps one.
FULL_NAME = "firstname+lastname"


@dataclass(frozen=True, slots=True)
class Association:
    """One relation field. plain: type id of an unlabelled association, None where only HubSpot knows it.

    primary: type id of the primary one, where this is its field.
    """

    id: str
    label: str
    target: str
    plain: int | None = None
    primary: int | None = None


@dataclass(frozen=True, slots=True)
class ObjectType:
    """name: as paths have it, and the collection's id. title: the property, or our field, that names a record."""

    name: str
    type_id: str
    label: str
    title: str
    associations: tuple[Association, ...] = ()
    modified: str = "hs_lastmodifieddate"
    pipelines: bool = False


def _contacts(plain: int | None) -> Association:
    return Association("to:contacts", _("Contacts"), "contacts", plain)


def _companies(plain: int | None) -> Association:
    return Association("to:companies", _("Companies"), "companies", plain)


def _deals(plain: int | None) -> Association:
    return Association("to:deals", _("Deals"), "deals", plain)


def _company(plain: int, primary: int) -> Association:
    return Association("to:companies:primary", _("Company"), "companies", plain, primary)


STANDARD = {
    one.name: one
    for one in (
        ObjectType(
            "contacts",
            "0-1",
            _("Contacts"),
            FULL_NAME,
            (_company(279, 1), _companies(279), _deals(4)),
            "lastmodifieddate",
        ),
        ObjectType("companies", "0-2", _("Companies"), "name", (_contacts(280), _deals(342))),
        ObjectType(
            "deals", "0-3", _("Deals"), "dealname", (_company(341, 5), _companies(341), _contacts(3)), pipelines=True
        ),
        ObjectType("tasks", "0-27", _("Tasks"), "hs_task_subject", (_contacts(204), _companies(192), _deals(216))),
    )
}
BY_TYPE_ID = {one.type_id: one.name for one in STANDARD.values()}
#: The first word of a webhook's subscription type.
BY_SINGULAR = {"contact": "contacts", "company": "companies", "deal": "deals"}
#: What a custom object type may be associated with, as its schema tells.
_FROM_CUSTOM = {"0-1": _contacts(None), "0-2": _companies(None), "0-3": _deals(None)}


def custom(schema: Mapping[str, Any]) -> ObjectType:
    """A custom object type, from its schema."""
    labels, type_id = schema.get("labels") or {}, schema["objectTypeId"]
    label = labels.get("plural") or labels.get("singular") or schema["name"]
    told = [one for one in schema.get("associations") or () if one.get("fromObjectTypeId") == type_id]
    targets = {one.get("toObjectTypeId") for one in told}
    associations = tuple(one for target, one in _FROM_CUSTOM.items() if target in targets)
    return ObjectType(type_id, type_id, label, schema.get("primaryDisplayProperty") or "", associations)
