"""HubSpot's records in canonical values. Pure: no clock, no network.

A property's value is text or null; "" is what a cleared one has, and means the same.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from integrations.adapters import errors, values
from integrations.adapters.base import Record
from integrations.adapters.hubspot.fields import Plan
from integrations.adapters.hubspot.objects import MARKER, Association
from integrations.adapters.values import Unfit, Value

#: {the other object type: {associated id: type ids}}
Links = Mapping[str, Mapping[str, set[int]]]
#: How an owner is called; may ask for the account's owners.
Named = Callable[[str], str]


def to_record(row: Mapping[str, Any], plans: Sequence[Plan], named: Named, links: Links) -> Record:
    """One record as the API has it. Raises SchemaChanged where it lacks what HubSpot documents."""
    try:
        ident, told = str(row["id"]), row["properties"]
        edited, created = moment(row["updatedAt"]), moment(row["createdAt"])
    except (KeyError, TypeError, ValueError) as error:
        raise errors.SchemaChanged(f"a HubSpot record is not as documented: {error!r}") from error
    found: dict[str, Value] = {}
    unfit: dict[str, str] = {}
    for plan in plans:
        if plan.association is not None and plan.association.target not in links:
            continue  # not asked for
        if plan.association is None and not told.keys() & set(plan.properties):
            continue
        try:
            found[plan.field.id] = _value(plan, told, named, links)
        except Unfit as error:
            unfit[plan.field.id] = str(error)
    marker = told.get(MARKER) or None
    return Record(
        id=ident,
        values=found,
        edited_at=edited,
        deleted=bool(row.get("archived")),
        marker=marker,
        made_by_us=marker is not None,  # unique, so no copy of a record carries it
        created_at=created,
        url=str(row.get("url") or ""),
        unfit=unfit,
        raw={"properties": told, "links": links},
    )


def moment(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text)


def full_name(told: Mapping[str, Any]) -> str | None:
    """As HubSpot shows it: the e-mail address where there is no name."""
    name = " ".join(f"{told.get('firstname') or ''} {told.get('lastname') or ''}".split())
    return values.text(name or told.get("email"))


def _value(plan: Plan, told: Mapping[str, Any], named: Named, links: Links) -> Value:
    if plan.association is not None:
        return related(plan.association, links[plan.association.target])
    if plan.shape == "full_name":
        return full_name(told)
    text = told.get(plan.properties[0])
    if text is None or text == "":
        return None
    match plan.shape:
        case "number":
            return values.decimal(text)
        case "date":
            return _day(text)
        case "datetime":
            return values.datetime(dt.datetime.fromtimestamp(int(text) / 1000, dt.UTC) if text.isdecimal() else text)
        case "boolean":
            return {"true": True, "false": False}.get(text.lower())
        case "select":
            return values.text(plan.choices.labels.get(text, text))
        case "multi":
            return values.names([plan.choices.labels.get(one, one) for one in text.split(";")])
        case "owner":
            return named(text)
    return values.text(text)


def _day(text: str) -> str:
    if text.lstrip("-").isdecimal():  # midnight UTC in milliseconds
        return values.date(dt.datetime.fromtimestamp(int(text) / 1000, dt.UTC))
    return values.date(text)


def related(association: Association, held: Mapping[str, set[int]]) -> list[str] | None:
    """Of a primary one: it, or the only one there is."""
    if association.primary is None:
        return values.names(list(held))
    chosen = [ident for ident, types in held.items() if association.primary in types] or list(held)
    if len(chosen) > 1:
        raise Unfit("several companies, and none of them is the primary one")
    return chosen or None
