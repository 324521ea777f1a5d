"""What there is: properties, pipelines, owners, custom object types, and the account itself."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from integrations.sandbox.calls import Answer, Routes, json_answer
from integrations.sandbox.clock import iso
from integrations.sandbox.hubspot import errors
from integrations.sandbox.hubspot.asked import Asked
from integrations.sandbox.hubspot.catalogue import invented
from integrations.sandbox.hubspot.model import Kind, Owner, Pipeline, Prop

PROPERTIES = "/crm/v3/properties/{kind}"
MOST_UNIQUE = 10
LONG_AGO = "2020-01-01T00:00:00Z"
_STANDARD = (("contacts", "0-1"), ("companies", "0-2"), ("deals", "0-3"))
_FIELD_TYPES = {
    "string": ("text", "textarea", "html", "phonenumber", "file"),
    "number": ("number",),
    "date": ("date",),
    "datetime": ("date",),
    "enumeration": ("select", "radio", "checkbox", "booleancheckbox"),
    "bool": ("booleancheckbox",),
}


def register(routes: Routes) -> None:
    routes.add("GET", PROPERTIES, properties)
    routes.add("POST", PROPERTIES, create_property)
    routes.add("GET", PROPERTIES + "/groups", groups)
    routes.add("GET", PROPERTIES + "/{name}", one_property)
    routes.add("PATCH", PROPERTIES + "/{name}", change_property)
    routes.add("DELETE", PROPERTIES + "/{name}", archive_property)
    routes.add("GET", "/crm/v3/pipelines/{kind}", pipelines)
    routes.add("GET", "/crm/v3/owners", owners)
    routes.add("GET", "/crm/v3/owners/", owners)
    routes.add("GET", "/crm/v3/owners/{ident}", one_owner)
    routes.add("GET", "/crm-object-schemas/v3/schemas", schemas)
    routes.add("GET", "/account-info/v3/details", details)
    routes.add("GET", "/account-info/v3/api-usage/daily/private-apps", usage)


# --- properties ---------------------------------------------------------------------------------------------------


def properties(asked: Asked, kind: str) -> Answer:
    found, archived = asked.schema_of(kind, "read"), asked.flag("archived")
    return json_answer({"results": [_property(p) for p in found.props.values() if p.archived == archived]})


def one_property(asked: Asked, kind: str, name: str) -> Answer:
    return json_answer(_property(_need(asked.schema_of(kind, "read"), name)))


def create_property(asked: Asked, kind: str) -> Answer:
    found, body = asked.schema_of(kind, "write"), asked.body
    if missing := [key for key in ("name", "label", "type", "fieldType", "groupName") if not body.get(key)]:
        raise errors.bad_json(f"Some required fields were not set: {missing}.")
    name = str(body["name"])
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        raise errors.invalid(f"{name} is not a valid name: lower case letters, numbers and underscores.")
    if name in found.props:  # archived ones count
        raise errors.HubSpotError(409, "OBJECT_ALREADY_EXISTS", f"A property named '{name}' already exists.")
    if body["groupName"] not in _group_names(found):
        raise errors.invalid(f"There is no property group {body['groupName']}.")
    if body["fieldType"] not in _FIELD_TYPES.get(body["type"], ()):
        raise errors.invalid(f"{body['fieldType']} is not a field type of {body['type']}.")
    unique = bool(body.get("hasUniqueValue"))
    if unique and sum(p.unique for p in found.props.values() if p.own) >= MOST_UNIQUE:
        raise errors.invalid(f"At most {MOST_UNIQUE} properties with unique values.")
    prop = Prop(
        name, body["label"], body["type"], body["fieldType"], body["groupName"], _options(body.get("options")), unique
    )
    prop.hint = str(body.get("textDisplayHint") or "")
    found.props[name] = prop
    if unique:
        asked.table(found).index(name)
    asked.world.save_kind(found)
    return json_answer(_property(prop), 201)


def change_property(asked: Asked, kind: str, name: str) -> Answer:
    found, body = asked.schema_of(kind, "write"), asked.body
    prop = _need(found, name)
    if "hasUniqueValue" in body:
        raise errors.bad_json('Unrecognized field "hasUniqueValue".')
    if "options" in body:
        prop.options = _options(body["options"])  # all of them: what is not sent is gone
    prop.label = body.get("label", prop.label)
    asked.world.save_kind(found)
    return json_answer(_property(prop))


def archive_property(asked: Asked, kind: str, name: str) -> Answer:
    found = asked.schema_of(kind, "write")
    prop = _need(found, name)
    if not prop.own:
        raise errors.invalid(f"{name} is HubSpot's own.")
    prop.archived = True
    asked.world.save_kind(found)
    return Answer(204, b"")


def groups(asked: Asked, kind: str) -> Answer:
    found = asked.schema_of(kind, "read")
    listed = [
        {"name": name, "label": name, "displayOrder": -1, "archived": False} for name in sorted(_group_names(found))
    ]
    return json_answer({"results": listed})


def _group_names(kind: Kind) -> set[str]:
    return {prop.group for prop in kind.props.values()}


def _need(kind: Kind, name: str) -> Prop:
    prop = kind.live(name)
    if prop is None:
        raise errors.HubSpotError(404, "OBJECT_NOT_FOUND", f"No property with name {name}.")
    return prop


def _options(given: Any) -> list[dict[str, Any]]:
    made = []
    for place, one in enumerate(given or []):
        if "label" not in one or "value" not in one or "hidden" not in one:
            raise errors.bad_json("Some required fields were not set: [label, value, hidden].")
        made.append({"label": one["label"], "value": one["value"], "displayOrder": place, "hidden": one["hidden"]})
    if len({one["value"] for one in made}) < len(made) or len({one["label"] for one in made}) < len(made):
        raise errors.invalid("Property options have to have unique values and labels.")
    return made


def _property(prop: Prop) -> dict[str, Any]:
    body = {
        "name": prop.name,
        "label": prop.label,
        "type": prop.type,
        "fieldType": prop.field_type,
        "description": "",
        "groupName": prop.group,
        "options": prop.options,
        "displayOrder": -1,
        "calculated": prop.field_type == "calculation_equation",
        "externalOptions": bool(prop.external),
        "hasUniqueValue": prop.unique,
        "hidden": False,
        "hubspotDefined": not prop.own,
        "formField": False,
        "archived": prop.archived,
        "createdAt": LONG_AGO,
        "updatedAt": LONG_AGO,
        "modificationMetadata": {
            "archivable": prop.own,
            "readOnlyDefinition": not prop.own,
            "readOnlyValue": prop.read_only,
            "readOnlyOptions": False,
        },
    }
    if prop.external == "owners":
        body["referencedObjectType"] = "OWNER"
    if prop.hint:
        body["textDisplayHint"] = prop.hint
    return body


# --- pipelines, owners, types -------------------------------------------------------------------------------------


def pipelines(asked: Asked, kind: str) -> Answer:
    found = asked.kind(kind)
    return json_answer({"results": [_pipeline(one, place) for place, one in enumerate(found.pipelines)]})


def _pipeline(pipeline: Pipeline, place: int) -> dict[str, Any]:
    dates = {"createdAt": LONG_AGO, "updatedAt": LONG_AGO, "archived": False}
    stages = [
        {
            "id": stage.id,
            "label": stage.label,
            "displayOrder": number,
            "metadata": {"isClosed": str(stage.closed).lower(), "probability": stage.probability},
            "writePermissions": "CRM_PERMISSIONS_ENFORCEMENT",
        }
        | dates
        for number, stage in enumerate(pipeline.stages)
    ]
    return {"id": pipeline.id, "label": pipeline.label, "displayOrder": place, "stages": stages} | dates


def owners(asked: Asked) -> Answer:
    asked.need("crm.objects.owners.read")
    archived, email = asked.flag("archived"), asked.call.param("email")
    listed = sorted((o for o in asked.world.owners.values() if o.portal == asked.portal), key=lambda o: int(o.id))
    listed = [o for o in listed if o.archived == archived and (not email or o.email == email.lower())]
    start, size = int(asked.call.param("after") or 0), asked.size(100, 500)
    body: dict[str, Any] = {"results": [_owner(one) for one in listed[start : start + size]]}
    if start + size < len(listed):
        body["paging"] = {"next": {"after": str(start + size)}}
    return json_answer(body)


def one_owner(asked: Asked, ident: str) -> Answer:
    asked.need("crm.objects.owners.read")
    found = asked.world.owners.get(ident)
    if found is None or found.portal != asked.portal:
        raise errors.not_found()
    return json_answer(_owner(found))


def _owner(owner: Owner) -> dict[str, Any]:
    return {
        "id": owner.id,
        "email": owner.email,
        "type": "PERSON",
        "firstName": owner.first,
        "lastName": owner.last,
        "userId": owner.user_id,
        "userIdIncludingInactive": owner.user_id,
        "createdAt": LONG_AGO,
        "updatedAt": LONG_AGO,
        "archived": owner.archived,
    }


def schemas(asked: Asked) -> Answer:
    asked.need("crm.schemas.custom.read")
    found = [k for k in asked.world.kinds_of(asked.portal) if k.is_custom and k.name not in asked.token["hidden"]]
    return json_answer({"results": [_schema(kind) for kind in found]})


def _schema(kind: Kind) -> dict[str, Any]:
    return {
        "id": kind.type_id.removeprefix("2-"),
        "objectTypeId": kind.type_id,
        "name": kind.name,
        "fullyQualifiedName": f"p{kind.portal}_{kind.name}",
        "labels": {"singular": kind.singular, "plural": kind.plural},
        "primaryDisplayProperty": kind.title,
        "secondaryDisplayProperties": [],
        "requiredProperties": kind.needs,
        "searchableProperties": [kind.title],
        "properties": [_property(prop) for prop in kind.props.values() if not prop.archived],
        "associations": [_association(kind, to, type_id) for to, type_id in _STANDARD],
        "archived": False,
        "createdAt": LONG_AGO,
        "updatedAt": LONG_AGO,
    }


def _association(kind: Kind, to: str, type_id: str) -> dict[str, str]:
    ends = {"fromObjectTypeId": kind.type_id, "toObjectTypeId": type_id}
    return {"id": str(invented(kind.name, to)), "name": f"{kind.name}_to_{to}", **ends}


# --- the account --------------------------------------------------------------------------------------------------


def details(asked: Asked) -> Answer:
    portal = asked.world.portals[asked.portal]
    offset = datetime.now(UTC).astimezone(ZoneInfo(portal.zone)).utcoffset() or timedelta()
    hours, minutes = divmod(int(offset.total_seconds()) // 60, 60)
    return json_answer(
        {
            "portalId": portal.id,
            "accountType": "STANDARD",
            "timeZone": portal.zone,
            "companyCurrency": portal.currency,
            "additionalCurrencies": [],
            "utcOffset": f"{hours:+03d}:{minutes:02d}",
            "utcOffsetMilliseconds": int(offset.total_seconds() * 1000),
            "uiDomain": "app-eu1.hubspot.com",
            "dataHostingLocation": "eu1",
        }
    )


def usage(asked: Asked) -> Answer:
    limits, now = asked.world.limits, iso(asked.world.now())
    row = {
        "name": "private-apps-api-calls-daily",
        "usageLimit": limits.per_day,
        "currentUsage": limits.today[asked.portal],
        "collectedAt": now,
        "fetchStatus": "SUCCESS",
        "resetsAt": now,
    }
    return json_answer({"results": [row]})
