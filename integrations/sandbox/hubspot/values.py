"""What may be written: property values as they are sent, to the strings that are kept."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from integrations.sandbox.clock import iso, parse_ms
from integrations.sandbox.hubspot import errors
from integrations.sandbox.hubspot.model import Kind, Prop, Record

if TYPE_CHECKING:
    from integrations.sandbox.hubspot.world import HubSpotWorld

TEXT_LIMIT = 65_536
DAY_MS = 86_400_000
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s.]+")


class _BadError(Exception):
    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


def read(world: HubSpotWorld, kind: Kind, sent: Any, record: Record | None) -> dict[str, str]:
    """The values to keep. Raises HubSpotError with all that is wrong, or for a value that somebody else has."""
    if not isinstance(sent, dict):
        raise errors.bad_json("Some required fields were not set: [properties].")
    problems, kept = [], {}
    for name, value in sent.items():
        if value is None or isinstance(value, dict | list):
            raise errors.bad_json("Cannot deserialize value of type `java.lang.String`.")
        prop = kind.live(name)
        if prop is None:
            problems.append((name, "PROPERTY_DOESNT_EXIST", f'Property "{name}" does not exist'))
            continue
        try:
            kept[name] = _value(world, kind, prop, sent, _as_text(value), record)
        except _BadError as bad:
            problems.append((name, bad.code, bad.message))
    if problems:
        raise errors.bad_values(problems)
    _check_unique(world, kind, kept, record)
    return kept


def moment(text: str) -> int | None:
    """Milliseconds of an ISO time or of milliseconds in a string."""
    if re.fullmatch(r"-?\d{5,}", text):
        return int(text)
    try:
        return parse_ms(text)
    except ValueError:
        return None


def stamp(ms: int) -> str:
    """As the API shows times: milliseconds are dropped when zero."""
    return iso(ms).replace(".000Z", "Z")


def _as_text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _value(world: HubSpotWorld, kind: Kind, prop: Prop, sent: dict[str, Any], text: str, record: Record | None) -> str:
    if prop.read_only:
        raise _BadError("READ_ONLY_VALUE", f'"{prop.name}" is a read only property; its value cannot be set.')
    if text == "":
        return ""
    match prop.type:
        case "number":
            try:
                if not Decimal(text).is_finite():
                    raise InvalidOperation
            except InvalidOperation:
                raise _BadError("INVALID_LONG", f"{text} was not a valid number.") from None
            return text
        case "date":
            return _day(text)
        case "datetime":
            ms = moment(text)
            if ms is None:
                raise _BadError("INVALID_DATE", f"{text} was not a valid timestamp.")
            return stamp(ms)
        case "enumeration" | "bool":
            return _choice(world, kind, prop, sent, text, record)
    if len(text) > TEXT_LIMIT:
        raise _BadError("PROPERTY_VALUE_TOO_LONG", f"{prop.name} is longer than {TEXT_LIMIT} characters.")
    if prop.name == "email" and kind.name == "contacts":
        if not _EMAIL.fullmatch(text):
            raise _BadError("INVALID_EMAIL", f"Email address {text} is invalid")
        return text.lower()
    return text


def _day(text: str) -> str:
    if re.fullmatch(r"-?\d{5,}", text):
        if int(text) % DAY_MS:
            raise _BadError("INVALID_DATE", f"{text} is at a time of day, not at midnight UTC.")
        return datetime.fromtimestamp(int(text) / 1000, UTC).date().isoformat()
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise _BadError("INVALID_DATE", f"{text} was not a valid date.") from None


def _choice(world: HubSpotWorld, kind: Kind, prop: Prop, sent: dict[str, Any], text: str, record: Record | None) -> str:
    allowed = _allowed(world, kind, prop)
    if prop.field_type == "checkbox":
        before = [one for one in (record.values.get(prop.name) or "").split(";") if one] if record else []
        wanted = [one for one in text.split(";") if one]
        if wrong := [one for one in wanted if one not in allowed]:
            raise _invalid_option(wrong[0], allowed)
        return ";".join(dict.fromkeys([*(before if text.startswith(";") else []), *wanted]))
    if text not in allowed:
        raise _invalid_option(text, allowed)
    if prop.name == "dealstage":
        pipeline = _as_text(sent.get("pipeline") or (record.values.get("pipeline") if record else "") or "default")
        found = kind.stage(text)
        if found is None or found[0].id != pipeline:
            raise _BadError("INVALID_OPTION", f"{text} is not a stage of the pipeline {pipeline}.")
    return text


def _invalid_option(text: str, allowed: list[str]) -> _BadError:
    return _BadError("INVALID_OPTION", f"{text} was not one of the allowed options: {allowed[:20]}")


def _allowed(world: HubSpotWorld, kind: Kind, prop: Prop) -> list[str]:
    if prop.options:
        return [option["value"] for option in prop.options]
    match prop.external:
        case "owners":
            return [owner.id for owner in world.owners.values() if owner.portal == kind.portal and not owner.archived]
        case "pipelines":
            return [pipeline.id for pipeline in kind.pipelines]
        case "stages":
            return [stage.id for pipeline in kind.pipelines for stage in pipeline.stages]
    return ["true", "false"] if prop.type == "bool" or prop.field_type == "booleancheckbox" else []


def _check_unique(world: HubSpotWorld, kind: Kind, kept: dict[str, str], record: Record | None) -> None:
    table = world.table(kind)
    for name, value in kept.items():
        if not kind.props[name].unique or not value:
            continue
        other = table.by(name, value)
        if other is None or (record is not None and other.id == record.id):
            continue
        if kind.name == "contacts" and name == "email":
            raise errors.contact_exists(other.id)
        message = f"{value} for property {name} is already used by object {other.id}."
        raise errors.bad_values([(name, "CONFLICTING_UNIQUE_VALUE", message)])
