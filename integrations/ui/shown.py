"""Field changes and sample values as a person reads them; titles of related records are asked once per page."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from crm import present, registry
from crm.registry import Entity, People
from integrations.adapters.base import Field as RemoteField
from values import Type, Value


class Shown:
    """Values of several entities. Two small queries per entity, one per kind of related record, one for the people."""

    def __init__(
        self, held: Mapping[str, Iterable[dict[str, Value]]], coming: Mapping[str, Mapping[str, str]] | None = None
    ) -> None:
        """held: {entity: dicts of {field: value} that are going to be shown}. coming: {entity: {id: name}} of records that are
        not here yet."""
        self.people = People()
        self.entities: dict[str, Entity] = {name: registry.entity(name) for name in held if name in registry.ENTITIES}
        self._presenters = {
            name: present.Presenter(entity, self.people, _only_lists(entity, held[name]))
            for name, entity in self.entities.items()
        }
        self._addresses: dict[str, Callable[[str], str]] = {}
        for presenter in self._presenters.values():
            for target, names in (coming or {}).items():
                presenter.titles[target] = dict(names) | presenter.titles.get(target, {})

    def address(self, entity: str, record_id: object) -> str:
        """Of the record's page."""
        if entity not in self._addresses:
            self._addresses[entity] = present.addresses(entity)
        return self._addresses[entity](str(record_id))

    def label(self, entity: str, field: str) -> str:
        described = self.entities[entity].fields.get(field) if entity in self.entities else None
        return described.label if described else field

    def text(self, entity: str, field: str, value: Value) -> str:
        """Empty where there is nothing."""
        described = self.entities[entity].fields.get(field) if entity in self.entities else None
        if described is None:
            return plain(value)
        return show(self._presenters[entity], described, value)

    def remote_text(self, entity: str, remote: RemoteField, value: Value) -> str:
        """A value in the tool's form."""
        if remote.type is Type.RELATION:
            number = len(value or [])
            return ngettext("%(n)s record", "%(n)s records", number) % {"n": number} if number else ""
        is_day = remote.type is Type.DATETIME and isinstance(value, str) and len(value) == len("2026-09-15")
        described = registry.Field(remote.id, remote.name, Type.DATE if is_day else remote.type, "", many=remote.many)
        return show(self._presenters[entity], described, value)

    def changes(self, entity: str, changes: Mapping[str, list[Value]], side: str, fresh: bool) -> list[dict[str, Any]]:
        """For ui/_diff.html."""
        found = []
        for name, (old, new) in changes.items():
            label, was, now = self.label(entity, name), self.text(entity, name, old), self.text(entity, name, new)
            # other: the side that it came from has it
            found.append({"field": label, "side": side, "old": was, "new": now, "other": now, "fresh": fresh})
        return found


def show(presenter: present.Presenter, described: registry.Field, value: Value) -> str:
    try:
        return presenter.text(described, value)
    except (ValueError, TypeError, AttributeError, KeyError):  # kept from a time when the field had another type
        return plain(value)


def plain(value: Value) -> str:
    """A value whose field is not known any more."""
    if value is None or value == "" or value == []:
        return ""
    if isinstance(value, bool):
        return _("Yes") if value else _("No")
    if isinstance(value, list):
        return ", ".join(plain(one) for one in value)
    if isinstance(value, dict):
        return " ".join(str(part) for part in value.values() if part)
    return str(value)


def _only_lists(entity: Entity, held: Iterable[dict[str, Value]]) -> list[dict[str, Value]]:
    """Relations must be lists of ids before their titles can be looked up."""
    targets = {name for name, described in entity.fields.items() if described.target}
    return [{n: v for n, v in one.items() if n not in targets or isinstance(v, list)} for one in held]
