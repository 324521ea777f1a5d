"""Which object types an account has, what their records consist of, and the properties that we make there."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from typing import Any

from integrations.adapters import errors
from integrations.adapters.base import NewField
from integrations.adapters.hubspot.calls import Body, Calls
from integrations.adapters.hubspot.fields import Described, described
from integrations.adapters.hubspot.objects import MARKER, MARKER_LABEL, STANDARD, ObjectType, custom
from integrations.adapters.values import Type

#: (type, fieldType) of a property that is made for one of our types; text for all others.
_MADE: Mapping[Type, tuple[str, str]] = {
    Type.LONG_TEXT: ("string", "textarea"),
    Type.INTEGER: ("number", "number"),
    Type.DECIMAL: ("number", "number"),
    Type.MONEY: ("number", "number"),
    Type.BOOLEAN: ("enumeration", "booleancheckbox"),
    Type.DATE: ("date", "date"),
    Type.DATETIME: ("datetime", "date"),
    Type.SELECT: ("enumeration", "select"),
    Type.MULTI_SELECT: ("enumeration", "checkbox"),
    Type.PHONE: ("string", "phonenumber"),
}
_UNMADE = (Type.RELATION, Type.PERSON, Type.FILE)


class Catalogue:
    """Asked for at most once in a run, until something is not as it was."""

    def __init__(self, calls: Calls) -> None:
        self.calls = calls
        self._described: dict[str, Described] = {}
        self._readable: dict[str, bool] = {}
        self._customs: dict[str, ObjectType] | None = None

    def readable(self) -> list[ObjectType]:
        standard = [type for type in STANDARD.values() if self._may_read(type.name)]
        return [*standard, *self._custom_types().values()]

    def described(self, collection: str, fresh: bool = False) -> Described:
        """Raises NotFound when the type is gone, or its scopes are."""
        if fresh:
            self._described.pop(collection, None)
            self._readable.clear()
            self._customs = None
        if collection not in self._described:
            type = STANDARD.get(collection) or self._custom_types().get(collection)
            if type is None:
                raise errors.NotFound(f"HubSpot has no object type {collection} for us")
            properties = self.calls.properties(collection)
            pipelines = self.calls.pipelines(collection) if type.pipelines else []
            wanted = {one.target for one in type.associations}
            targets = [one for one in sorted(wanted) if self._may_read(one)]
            self._described[collection] = described(type, properties, pipelines, targets)
        return self._described[collection]

    def _may_read(self, name: str) -> bool:
        if name not in self._readable:
            try:
                self.calls.page(name, [], None, size=1)
            except (errors.NotFound, errors.AccessDenied):
                self._readable[name] = False
            else:
                self._readable[name] = True
        return self._readable[name]

    def _custom_types(self) -> dict[str, ObjectType]:
        """Many plans have none, and without their scope nobody sees them."""
        if self._customs is None:
            try:
                found = [custom(schema) for schema in self.calls.schemas() if not schema.get("archived")]
            except (errors.NotFound, errors.AccessDenied):
                found = []
            self._customs = {type.name: type for type in found if type.title}
        return self._customs

    # --- what we make there -----------------------------------------------------------------------------------------

    def make_marker(self, collection: str) -> None:
        if self.described(collection).has_marker or self.described(collection, fresh=True).has_marker:
            return
        is_new = self._make(collection, MARKER, MARKER_LABEL, ("string", "text"), hasUniqueValue=True)
        if self.described(collection, fresh=True).has_marker:
            return
        if is_new:
            raise errors.Unavailable("HubSpot does not show the property that was just made there")
        raise errors.SchemaChanged(
            f"HubSpot has a property “{MARKER}” already, archived or not unique: delete it there, so that it can be made anew"
        )

    def make_fields(self, collection: str, fields: Iterable[NewField]) -> None:
        known = {plan.field.name for plan in self.described(collection, fresh=True).plans.values()}
        for field in fields:
            if field.name in known:
                continue
            if field.type in _UNMADE:
                raise errors.InvalidRecord(
                    f"HubSpot has no properties for “{field.name}”: associations and owners are its own"
                )
            options = [_option(name, name, place) for place, name in enumerate(dict.fromkeys(field.options))]
            if field.type is Type.BOOLEAN:
                options = [_option("Yes", "true", 0), _option("No", "false", 1)]
            more: Body = {"options": options} if options else {}
            if field.type is Type.EMAIL:
                more["textDisplayHint"] = "email"  # by which it is known as one again
            self._make(collection, _name(field.name), field.name, _MADE.get(field.type, ("string", "text")), **more)

    def add_options(self, collection: str, missing: Mapping[str, Iterable[str]]) -> None:
        """missing: {property: labels}. HubSpot wants all options at once, the old ones too."""
        for name, labels in missing.items():
            present = list(self.described(collection).definitions[name].get("options") or ())
            known = [
                {key: one[key] for key in ("label", "value", "hidden", "displayOrder") if key in one} for one in present
            ]
            taken = {one["label"] for one in known}
            fresh = [_option(label, label, len(known)) for label in labels if label not in taken]
            self.calls.change_property(collection, name, {"options": [*known, *fresh]})
        if missing:
            self.described(collection, fresh=True)

    def _make(self, collection: str, name: str, label: str, kind: tuple[str, str], **more: Any) -> bool:
        """Whether it was made. One that exists already is no failure: HubSpot counts archived ones."""
        group = self.described(collection).group
        body: Body = {"name": name, "label": label, "type": kind[0], "fieldType": kind[1], "groupName": group, **more}
        try:
            self.calls.create_property(collection, body)
        except errors.VersionMismatch:  # 409
            return False
        finally:
            self._described.pop(collection, None)
        return True


def _option(label: str, value: str, place: int) -> Body:
    return {"label": label, "value": value, "displayOrder": place, "hidden": False}


def _name(label: str) -> str:
    """Lower case letters, digits and underscores, beginning with a letter."""
    plain = unicodedata.normalize("NFKD", label).encode("ascii", "ignore").decode().lower()
    name = re.sub(r"[^a-z0-9]+", "_", plain).strip("_")
    return name if name[:1].isalpha() else f"raccord_{name}".rstrip("_")
