"""Canonical values as HubSpot takes them. Pure; refuses with `InvalidRecord` what HubSpot would refuse or spoil."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from integrations.adapters import errors
from integrations.adapters.hubspot.fields import TEXT_LIMIT, Described, Plan
from integrations.adapters.hubspot.objects import Association
from integrations.adapters.hubspot.translate import full_name, related
from integrations.adapters.values import Unfit, Value, decimal

#: The owner id for an e-mail (or for "hubspot:<id>"), None when the account has no such owner.
Member = Callable[[str], str | None]


@dataclass(frozen=True, slots=True)
class Body:
    """properties: {name: text}, "" clears. links: which records a relation field shall name."""

    properties: dict[str, str] = field(default_factory=dict)
    links: dict[Association, list[str]] = field(default_factory=dict)


def to_body(changed: Mapping[str, Value], type: Described, current: Mapping[str, Any] | None, member: Member) -> Body:
    """current: the properties as they are there, to keep what a full name leaves alone.

    Raises SchemaChanged for a field that is no longer there, InvalidRecord for a value that does not fit.
    """
    gone = tuple(one for one in changed if one not in type.plans)
    if gone:
        raise errors.SchemaChanged("fields that HubSpot no longer has: " + ", ".join(gone), fields=gone)
    body = Body()
    # The full name first: who sends first and last name as well means those.
    for name in sorted(changed, key=lambda one: type.plans[one].shape != "full_name"):
        plan, value = type.plans[name], changed[name]
        if plan.field.read_only:
            raise errors.InvalidRecord(f"“{plan.field.name}” is read-only in HubSpot", name)
        if plan.association is not None:
            body.links[plan.association] = _ids(plan, value)
        elif plan.shape == "full_name":
            body.properties.update(_names(value, current or {}))
        else:
            body.properties[plan.properties[0]] = text = _text(plan, value, member)
            if pipeline := plan.choices.pipelines.get(text):
                body.properties["pipeline"] = pipeline  # a stage belongs to one; alone it would be refused
    return body


def new_options(changed: Mapping[str, Value], type: Described, allowed: frozenset[str]) -> dict[str, list[str]]:
    """{property: labels that are not among its options, in fields where they may be made}"""
    found: dict[str, list[str]] = {}
    for name in allowed & changed.keys():
        plan = type.plans.get(name)
        if plan is None or plan.shape not in ("select", "multi") or not plan.field.creates_options:
            continue
        wanted = changed[name] if isinstance(changed[name], list) else [changed[name]]
        if missing := [str(one) for one in wanted if one and plan.choices.value(str(one)) is None]:
            found[name] = missing
    return found


def links_to_change(
    association: Association, wanted: list[str], held: Mapping[str, set[int]]
) -> tuple[list[tuple[str, tuple[int, ...]]], list[str]]:
    """([(id to associate, type ids, none for HubSpot's default)], ids to let go).

    A new primary company leaves the others associated.
    """
    plain = (association.plain,) if association.plain else ()
    if association.primary is None:
        return [(one, plain) for one in wanted if one not in held], [one for one in held if one not in wanted]
    try:
        present = related(association, held) or []
    except Unfit:  # several and none the primary: none is meant
        present = []
    if wanted:
        is_primary = association.primary in held.get(wanted[0], set())
        return [] if is_primary else [(wanted[0], (association.primary, *plain))], []
    return [], present


def _text(plan: Plan, value: Value, member: Member) -> str:
    name = plan.field.id
    if value is None or value == [] or value == "":
        return ""
    match plan.shape:
        case "number":
            try:
                return decimal(value)
            except Unfit as error:
                raise errors.InvalidRecord(str(error), name) from error
        case "boolean":
            if not isinstance(value, bool):
                raise errors.InvalidRecord(f"“{value}” is neither yes nor no", name)
            return "true" if value else "false"
        case "date":
            return str(value)[:10]
        case "datetime":
            # HubSpot would read a day as its first moment in UTC, which is the day before in half the world.
            return f"{value}T12:00:00Z" if len(str(value)) == 10 else str(value)
        case "select":
            return _option(plan, str(value))
        case "multi":
            return ";".join(_option(plan, str(one)) for one in value)
        case "owner":
            return _owner(plan, value, member)
    text = str(value).replace("\x00", "")
    if len(text) > TEXT_LIMIT:
        raise errors.InvalidRecord(f"longer than the {TEXT_LIMIT:,} characters that HubSpot holds", name)
    return text


def _option(plan: Plan, label: str) -> str:
    value = plan.choices.value(label)
    if value is None and label in plan.choices.labels:
        value = label  # an option that nobody had named when the record was read
    if value is None:
        known = ", ".join(list(plan.choices.labels.values())[:20])
        reason = f"“{label}” is not an option of “{plan.field.name}” in HubSpot, which has: {known}"
        raise errors.InvalidRecord(reason, plan.field.id)
    return value


def _owner(plan: Plan, value: Value, member: Member) -> str:
    wanted = value if isinstance(value, list) else [value]
    if len(wanted) > 1:
        raise errors.InvalidRecord("a record has one owner in HubSpot", plan.field.id)
    ident = member(str(wanted[0]))
    if ident is None:
        raise errors.InvalidRecord(f"{wanted[0]} is not a user of this HubSpot account", plan.field.id)
    return ident


def _ids(plan: Plan, value: Value) -> list[str]:
    wanted = [str(one) for one in value] if isinstance(value, list) else [str(value)] if value else []
    if not plan.field.many and len(wanted) > 1:
        raise errors.InvalidRecord("only one company can be the primary one", plan.field.id)
    if bad := [one for one in wanted if not one.isdecimal()]:
        raise errors.InvalidRecord(f"“{bad[0]}” is not the id of a HubSpot record", plan.field.id)
    return wanted


def _names(value: Value, current: Mapping[str, Any]) -> dict[str, str]:
    """First and last name. The half that stayed the same is kept as it is; else the first word is the first name."""
    words = str(value or "").split()
    first, last = (current.get("firstname") or "").split(), (current.get("lastname") or "").split()
    if current and full_name(current) == " ".join(words):
        return {}  # as it reads already, be it the e-mail address
    if first and words[: len(first)] == first:
        return {"lastname": " ".join(words[len(first) :])}
    if last and words[-len(last) :] == last:
        return {"firstname": " ".join(words[: -len(last)])}
    return {"firstname": " ".join(words[:1]), "lastname": " ".join(words[1:])}
