"""What others did to a record while a person had its form open, read from the change feed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from crm import records, registry
from crm.happened import who
from crm.models import Change
from crm.records import Item
from crm.registry import People
from values import Value


@dataclass(frozen=True)
class Meanwhile:
    """base: the values when the form was opened; changes: {field: (value then, value now)}; by: who, in words."""

    base: dict[str, Value]
    changes: dict[str, tuple[Value, Value]]
    by: str


def since(now: Item, version: str, people: People) -> Meanwhile:
    """Without the version in the feed (pruned, or made up) the base is what stands now."""
    if version == now.version:
        return Meanwhile(now.values, {}, "")
    entity, actors, seen = records.describe(now.entity), [], None
    for change in Change.objects.filter(record_id=now.id, entity=now.entity).order_by("-id")[:100]:
        if change.after and change.after.get("updated_at") == version:
            seen = dict.fromkeys(entity.columns) | change.after
            break
        actors.append(who(change.actor))
    if seen is None:
        return Meanwhile(now.values, {}, ", ".join(actors[:1]))
    base = records.item(entity, seen, people).values
    changes = {
        name: (base[name], now.values[name])
        for name in entity.fields
        if base[name] != now.values[name] and name not in registry.READ_ONLY
    }
    return Meanwhile(base, changes, ", ".join(dict.fromkeys(actors)))


def described(found: Meanwhile, mine: dict[str, Value], text: Any, entity: Any) -> list[dict[str, Any]]:
    """For the page: one line per field that others changed; `mine` says what this person wrote there."""
    return [
        {
            "label": entity.fields[name].label,
            "old": text(entity.fields[name], old),
            "new": text(entity.fields[name], new),
            "clash": name in mine and mine[name] != new,
            "mine": text(entity.fields[name], mine[name]) if name in mine else "",
        }
        for name, (old, new) in found.changes.items()
    ]
