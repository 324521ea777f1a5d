"""HubSpot as a person uses it: the plain values of `hand.py` to and from the strings."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from integrations.sandbox.clock import iso
from integrations.sandbox.hand import Field, HandError, Row, Table
from integrations.sandbox.hubspot import base, errors, values
from integrations.sandbox.hubspot.model import Kind, Prop, Record

if TYPE_CHECKING:
    from integrations.sandbox.hubspot.world import HubSpotWorld

HUMAN = "CRM_UI"
_KINDS = {"number": "number", "date": "date", "datetime": "date"}
_ADDED = {
    "string": "text", "number": "number", "date": "date", "datetime": "date", "enumeration": "select", "bool": "booleancheckbox",
}  # fmt: skip


class HubSpotHand:
    """Of the first account: people of the others are not played."""

    def __init__(self, world: HubSpotWorld) -> None:
        self.world = world

    # Looking

    def tables(self) -> list[Table]:
        kinds = self.world.kinds_of(base.ACME)
        return [self._table(kind) for kind in kinds] if any(len(self.world.table(kind)) for kind in kinds) else []

    def table(self, table: str) -> Table:
        return self._table(self.kind(table))

    def rows(
        self, table: str, offset: int = 0, limit: int = 100, search: str = "", trashed: bool = False
    ) -> tuple[int, list[Row]]:
        """Last edited first."""
        kind = self.kind(table)
        found = sorted(self.world.table(kind).all(trashed), key=lambda r: r.modified, reverse=True)
        if search:
            found = [r for r in found if any(search.lower() in value.lower() for value in r.values.values())]
        return len(found), [self._row(kind, record) for record in found[offset : offset + limit]]

    def row(self, row: str) -> Row:
        record = self._record(row)
        return self._row(self.world.kind_of(record), record)

    def table_of(self, row: str) -> str:
        return self.world.kind_of(self._record(row)).name

    # Rows

    def create_row(self, table: str, values: dict[str, Any]) -> Row:
        kind = self.kind(table)
        given, links = self._split(kind, values, None)
        record = self.world.create(kind, given, HUMAN)
        self._link(kind, record, links)
        return self._row(kind, record)

    def edit_row(self, row: str, values: dict[str, Any]) -> Row:
        record = self._record(row)
        if record.archived_at is not None:
            raise HandError("The record is archived: restore it first.")
        kind = self.world.kind_of(record)
        given, links = self._split(kind, values, record)
        self.world.change(kind, record, given, HUMAN)
        self._link(kind, record, links)
        return self._row(kind, record)

    def trash_row(self, row: str) -> Row:
        return self._set_archived(row, True)

    def restore_row(self, row: str) -> Row:
        return self._set_archived(row, False)

    def _set_archived(self, row: str, archived: bool) -> Row:
        record = self._record(row)
        kind = self.world.kind_of(record)
        if (record.archived_at is not None) is not archived:
            self.world.set_archived(kind, record, archived, HUMAN)
        return self._row(kind, record)

    def delete_row(self, row: str) -> None:
        record = self._record(row)
        self.world.erase(self.world.kind_of(record), record)

    # Fields and tables

    def add_field(self, table: str, name: str, type: str) -> None:
        kind = self.kind(table)
        if type not in _ADDED:
            raise HandError(f"no such type: {type}; one of {', '.join(_ADDED)}")
        ident = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
        kind.props[ident] = Prop(ident, name, type, _ADDED[type], next(iter(kind.props.values())).group)
        self.world.save_kind(kind)

    def rename_field(self, table: str, name: str, new_name: str) -> None:
        kind = self.kind(table)
        self.prop(kind, name).label = new_name
        self.world.save_kind(kind)

    def remove_field(self, table: str, name: str) -> None:
        kind = self.kind(table)
        self.prop(kind, name).archived = True
        self.world.save_kind(kind)

    def change_field_type(self, table: str, name: str, type: str) -> None:
        kind = self.kind(table)
        prop = self.prop(kind, name)
        prop.type, prop.field_type = type, _ADDED.get(type, "text")
        self.world.save_kind(kind)

    def trash_table(self, table: str) -> None:
        kind = self.kind(table)
        if not kind.is_custom:
            raise HandError("HubSpot's own object types stay.")
        kind.archived = True
        self.world.save_kind(kind)

    def restore_table(self, table: str) -> None:
        for kind in self.world.kinds.values():
            if kind.portal == base.ACME and table in (kind.name, kind.plural, kind.type_id):
                kind.archived = False
                self.world.save_kind(kind)

    def share_table(self, table: str, shared: bool, token: str | None = None) -> None:
        """As if the scopes of this object type were taken from the app."""
        name = self.kind(table).name
        if token and token not in self.world.tokens:
            raise HandError("no such token")
        for doc in [self.world.tokens[token]] if token else list(self.world.tokens.values()):
            hidden = [one for one in doc["hidden"] if one != name]
            self.world.save_token(doc | {"hidden": hidden if shared else [*hidden, name]})

    def revoke_token(self, token: str) -> None:
        if token not in self.world.tokens:
            raise HandError("no such token")
        self.world.save_token(self.world.tokens[token] | {"revoked": True})

    # Between plain values and strings

    def kind(self, table: str) -> Kind:
        for kind in self.world.kinds_of(base.ACME):
            if table in (kind.name, kind.plural, kind.type_id):
                return kind
        raise HandError(f"no such table: {table}")

    def prop(self, kind: Kind, name: str) -> Prop:
        for prop in kind.props.values():
            if name in (prop.label, prop.name) and not prop.archived:
                return prop
        raise HandError(f"no such field: {name}")

    def _record(self, row: str) -> Record:
        record = self.world.find(row)
        if record is None:
            raise HandError(f"no such row: {row}")
        return record

    def _others(self, kind: Kind) -> dict[str, Kind]:
        """{the name of the relation: the other object type}"""
        return {other.plural: other for other in self.world.kinds_of(kind.portal) if other.name != kind.name}

    def _table(self, kind: Kind) -> Table:
        fields = [self._field(kind, prop) for prop in kind.props.values() if not prop.archived]
        fields += [
            Field(f"to_{other.name}", name, "relation", "association") for name, other in self._others(kind).items()
        ]
        demo = self.world.tokens.get(base.DEMO_TOKEN)
        shared = demo is None or kind.name not in demo["hidden"]
        return Table(kind.name, kind.plural, len(self.world.table(kind)), fields, kind.archived, shared, kind.type_id)

    def _field(self, kind: Kind, prop: Prop) -> Field:
        if prop.read_only:
            shape = "read_only"
        elif prop.external == "owners":
            shape = "people"
        elif prop.type in ("enumeration", "bool"):
            shape = {"checkbox": "multi_select", "booleancheckbox": "boolean"}.get(prop.field_type, "select")
        else:
            shape = "long_text" if prop.field_type in ("textarea", "html") else _KINDS.get(prop.type, "text")
        labels = [label for _value, label in self._labels(kind, prop)]
        return Field(prop.name, prop.label, shape, prop.type, labels, prop.name == kind.title)

    def _labels(self, kind: Kind, prop: Prop) -> list[tuple[str, str]]:
        if prop.options:
            return [(option["value"], option["label"]) for option in prop.options]
        if prop.external == "pipelines":
            return [(pipeline.id, pipeline.label) for pipeline in kind.pipelines]
        if prop.external == "stages":
            return [(stage.id, stage.label) for pipeline in kind.pipelines for stage in pipeline.stages]
        return []

    def _row(self, kind: Kind, record: Record) -> Row:
        plain = {
            p.label: self._plain(kind, p, record.values.get(p.name)) for p in kind.props.values() if not p.archived
        }
        plain |= {name: list(self.world.linked(record, other.name)) for name, other in self._others(kind).items()}
        title = record.values.get(kind.title, "")
        if kind.name == "contacts":
            title = record.values.get("hs_full_name_or_email", "")
        archived = record.archived_at is not None
        return Row(record.id, title, plain, archived, iso(record.created), iso(record.modified))

    def _plain(self, kind: Kind, prop: Prop, text: str | None) -> Any:
        if not text:
            return None
        if prop.external == "owners":
            owner = self.world.owners.get(text)
            return [owner.email if owner else text]
        if prop.field_type == "booleancheckbox":
            return text == "true"
        known = dict(self._labels(kind, prop))
        if prop.field_type == "checkbox":
            return [known.get(one, one) for one in text.split(";") if one]
        return known.get(text, text)

    def _split(self, kind: Kind, given: dict[str, Any], record: Record | None) -> tuple[dict[str, str], dict[str, Any]]:
        """(checked property values, {name of a relation: ids or titles})"""
        others = self._others(kind)
        links = {name: value for name, value in given.items() if name in others}
        sent: dict[str, str] = {}
        for name, value in given.items():
            if name not in links:
                prop = self.prop(kind, name)
                sent[prop.name] = self._text(kind, prop, value)
        if "dealstage" in sent and sent["dealstage"] and (found := kind.stage(sent["dealstage"])):
            sent["pipeline"] = found[0].id
        try:
            return values.read(self.world, kind, sent, record), links
        except errors.HubSpotError as error:
            raise HandError(error.message) from error

    def _text(self, kind: Kind, prop: Prop, value: Any) -> str:
        if value in (None, "", []):
            return ""
        if isinstance(value, bool):
            return "true" if value else "false"
        by_label = {label: ident for ident, label in reversed(self._labels(kind, prop))}
        listed = [str(one).strip() for one in value] if isinstance(value, list) else [str(value)]
        if prop.external == "owners":
            wanted = listed[0].lower()
            owner = next((o for o in self.world.owners.values() if wanted in (o.id, o.email)), None)
            if owner is None:
                raise HandError(f"{prop.label}: nobody here is {wanted}")
            return owner.id
        return ";".join(by_label.get(one, one) for one in listed)

    def _link(self, kind: Kind, record: Record, links: dict[str, Any]) -> None:
        """The first company is the primary one, as it is in the tool."""
        from integrations.sandbox.hubspot.world import association, primary

        for name, value in links.items():
            other = self._others(kind)[name]
            wanted = [self._related(other, one) for one in _listed(value)]
            held = record.links.get(other.name, {})
            for gone in [ident for ident in held if ident not in {one.id for one in wanted}]:
                self.world.unlink(record, self.world.table(other).records.get(gone))
            main = primary(kind.name, other.name)
            for place, one in enumerate(wanted):
                takes = main if place == 0 and other.name == "companies" else None
                self.world.link(record, one, association(kind.name, other.name), takes)

    def _related(self, other: Kind, which: str) -> Record:
        table = self.world.table(other)
        found = table.records.get(which)
        if found is None:
            found = next((r for r in table.all() if self._row(other, r).title == which), None)
        if found is None:
            raise HandError(f"no such related row: {which}")
        return found


def _listed(value: Any) -> list[str]:
    if isinstance(value, list):
        return [str(each) for each in value]
    return [part.strip() for part in str(value or "").split(",") if part.strip()]
