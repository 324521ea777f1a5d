"""An object type described: HubSpot's properties, and its associations, as our fields.

A field's id is the property's name, which never changes. People see labels, so the canonical value of a choice is its label; we
write the internal value. Source: "Properties" and "Pipelines" of the CRM reference.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from integrations.adapters.base import Collection, Field, Schema
from integrations.adapters.hubspot.objects import FULL_NAME, MARKER, Association, ObjectType
from integrations.adapters.values import Type
from integrations.adapters.words import gettext_noop as _

TEXT_LIMIT = 65_536

Shape = Literal["text", "number", "date", "datetime", "select", "multi", "boolean", "owner", "full_name", "relation"]


@dataclass(frozen=True, slots=True)
class Choices:
    """labels: {value: label}, each label once. pipelines: {stage: its pipeline}, which has to be sent along."""

    labels: Mapping[str, str]
    pipelines: Mapping[str, str] = field(default_factory=dict)

    def value(self, label: str) -> str | None:
        return next((value for value, known in self.labels.items() if known == label), None)


@dataclass(frozen=True, slots=True)
class Plan:
    """How one field is read and written. properties: those that its value is made of."""

    field: Field
    shape: Shape
    properties: tuple[str, ...] = ()
    choices: Choices = Choices({})
    association: Association | None = None


@dataclass(frozen=True, slots=True)
class Described:
    """has_marker: our unique property stands there. group: where a new property goes."""

    type: ObjectType
    plans: Mapping[str, Plan]
    has_marker: bool
    group: str
    definitions: Mapping[str, Mapping[str, Any]]

    def wanted(self, fields: Iterable[str] | None) -> list[Plan]:
        if fields is None:
            return list(self.plans.values())
        return [self.plans[one] for one in dict.fromkeys(fields) if one in self.plans]

    def names(self, plans: Iterable[Plan]) -> list[str]:
        """The properties to ask for; asking for one that is not there would be dropped without a word."""
        marker = [MARKER] if self.has_marker else []
        return list(dict.fromkeys([*(name for plan in plans for name in plan.properties), *marker]))

    def schema(self) -> Schema:
        home = Collection(self.type.name, self.type.label)
        return Schema(home, tuple(plan.field for plan in self.plans.values()), self.type.title)


def described(
    type: ObjectType,
    properties: Sequence[Mapping[str, Any]],
    pipelines: Sequence[Mapping[str, Any]],
    targets: Iterable[str],
) -> Described:
    """targets: the object types that may be read, beside this one."""
    seen = [prop for prop in properties if not prop.get("archived")]
    shown = [prop for prop in seen if not prop.get("hidden") and prop["name"] != MARKER]
    plans = [_plan(prop, type, pipelines) for prop in shown]
    if type.title == FULL_NAME:
        plans.insert(0, _full_name())
    known = set(targets)
    plans += [_relation(one) for one in type.associations if one.target in known]
    by_name = {prop["name"]: prop for prop in seen}
    marker = by_name.get(MARKER)
    group = next((prop["groupName"] for prop in seen if prop["name"] in (type.title, "firstname")), "")
    return Described(
        type, {plan.field.id: plan for plan in plans}, bool(marker and marker.get("hasUniqueValue")), group, by_name
    )


_READ_AS_TEXT = _("Raccord does not write fields of this kind; it reads as text")
_NOTES = {
    "hs_timestamp": _("HubSpot's due date; it wants one for every task"),
    "pipeline": _("it follows from the stage, and is written with it"),
    "lifecyclestage": _("HubSpot moves it forward only; to go back it has to be emptied first"),
}
_EMAILS, _URLS = ("email",), ("website", "hs_logo_url", "linkedin_company_page", "facebook_company_page")


def _plan(prop: Mapping[str, Any], type: ObjectType, pipelines: Sequence[Mapping[str, Any]]) -> Plan:
    name = str(prop["name"])
    shape, kind, choices, writable = _typed(prop, type, pipelines)
    if shape in ("select", "multi") and not choices.labels:
        shape, kind, writable = "text", Type.TEXT, False  # its options live where we do not look
    told = prop.get("modificationMetadata") or {}
    computed = bool(told.get("readOnlyValue") or prop.get("calculated"))
    note = _("HubSpot computes it") if computed else _NOTES.get(name, "" if writable else _READ_AS_TEXT)
    described = Field(
        id=name,
        name=str(prop.get("label") or name),
        type=kind,
        read_only=computed or not writable,
        options=tuple(choices.labels.values()),
        creates_options=shape in ("select", "multi")
        and not prop.get("externalOptions")
        and not told.get("readOnlyOptions"),
        max_length=TEXT_LIMIT if shape == "text" else None,
        note=note,
    )
    return Plan(described, shape, (name,), choices)


def _typed(
    prop: Mapping[str, Any], type: ObjectType, pipelines: Sequence[Mapping[str, Any]]
) -> tuple[Shape, Type, Choices, bool]:
    """(how it is read and written, its type, its choices, whether it can be written)"""
    name, none = prop["name"], Choices({})
    match prop.get("type"), prop.get("fieldType"):
        case "number", _field:
            return "number", Type.DECIMAL, none, True
        case "date", _field:
            return "date", Type.DATE, none, True
        case "datetime", _field:
            return "datetime", Type.DATETIME, none, True
        case ("bool", _) | (_, "booleancheckbox"):
            return "boolean", Type.BOOLEAN, none, True
        case "enumeration", _field if prop.get("referencedObjectType") == "OWNER" or name == "hubspot_owner_id":
            return "owner", Type.PERSON, none, True
        case "enumeration", _field if name == "dealstage" and type.pipelines:
            return "select", Type.SELECT, stages(pipelines), True
        case "enumeration", _field if name == "pipeline" and type.pipelines:
            labels = _each_once([(one["id"], one["label"], one["id"]) for one in pipelines])
            return "select", Type.SELECT, Choices(labels), False
        case "enumeration", "checkbox":
            return "multi", Type.MULTI_SELECT, _options(prop), True
        case "enumeration", _field if prop.get("options"):
            return "select", Type.SELECT, _options(prop), True
        case "string", "file":
            return "text", Type.TEXT, none, False
        case "string", field_type:
            return "text", _text_type(str(name), str(field_type), str(prop.get("textDisplayHint") or "")), none, True
    return "text", Type.TEXT, none, False


def _text_type(name: str, field_type: str, hint: str) -> Type:
    if name in _EMAILS or hint == "email":
        return Type.EMAIL
    if field_type == "phonenumber" or hint == "phone_number":
        return Type.PHONE
    if name in _URLS:
        return Type.URL
    return Type.LONG_TEXT if field_type in ("textarea", "html") or hint == "multi_line" else Type.TEXT


def stages(pipelines: Sequence[Mapping[str, Any]]) -> Choices:
    """All stages of all pipelines; one whose label stands in several is told apart by its pipeline."""
    listed = [(pipeline, stage) for pipeline in pipelines for stage in pipeline.get("stages") or ()]
    labels = _each_once([(stage["id"], stage["label"], pipeline["label"]) for pipeline, stage in listed])
    return Choices(labels, {stage["id"]: pipeline["id"] for pipeline, stage in listed})


def _options(prop: Mapping[str, Any]) -> Choices:
    listed = [(str(one["value"]), str(one["label"]), str(one["value"])) for one in prop.get("options") or ()]
    return Choices(_each_once(listed))


def _each_once(choices: Sequence[tuple[str, str, str]]) -> dict[str, str]:
    """{value: label}, where what shares its label with others has something in brackets behind it."""
    count = Counter(label for _value, label, _apart in choices)
    return {value: label if count[label] == 1 else f"{label} ({apart})" for value, label, apart in choices}


def _full_name() -> Plan:
    note = _("first and last name together; where both are empty it shows the e-mail address, as HubSpot does")
    whole = Field(FULL_NAME, _("Full name"), Type.TEXT, required=True, max_length=TEXT_LIMIT, note=note)
    return Plan(whole, "full_name", ("firstname", "lastname", "email"))


def _relation(association: Association) -> Plan:
    note = _("the primary company; the others stay as they are") if association.primary else ""
    one = Field(
        association.id,
        association.label,
        Type.RELATION,
        many=not association.primary,
        target=association.target,
        note=note,
    )
    return Plan(one, "relation", association=association)
