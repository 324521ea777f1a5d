"""Notion as a person uses it: the plain values of `hand.py` to and from the compact ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from integrations.sandbox.clock import iso
from integrations.sandbox.hand import Field, HandError, Row, Table
from integrations.sandbox.notion import base, dates, edits, errors, formulas, options, schema
from integrations.sandbox.notion.index import EDITED
from integrations.sandbox.notion.model import COMPUTED, Page, Prop, Source, dashed, plain_text

if TYPE_CHECKING:
    from integrations.sandbox.notion.world import NotionWorld

_KINDS = {
    "title": "text",
    "rich_text": "long_text",
    "url": "text",
    "email": "text",
    "phone_number": "text",
    "number": "number",
    "checkbox": "boolean",
    "status": "select",
}


class NotionHand:
    def __init__(self, world: NotionWorld) -> None:
        self.world = world

    # Looking

    def tables(self) -> list[Table]:
        return [self._table(source) for source in self.world.sources.values()]

    def table(self, table: str) -> Table:
        return self._table(self._source(table))

    def rows(
        self, table: str, offset: int = 0, limit: int = 100, search: str = "", trashed: bool = False
    ) -> tuple[int, list[Row]]:
        """Last edited first."""
        source = self._source(table)
        if trashed:
            found = [page for page in self.world.pages.values() if page.source == source.id and page.trashed]
        else:
            index = self.world.index(source.id)
            found = [index.page_of(key) for key in reversed(index.orders[EDITED])]
        if search:
            found = [page for page in found if self._mentions(page, search.lower())]
        return len(found), [self._row(page) for page in found[offset : offset + limit]]

    def row(self, row: str) -> Row:
        return self._row(self._page(row))

    def table_of(self, row: str) -> str:
        return self._page(row).source or ""

    # Rows

    def create_row(self, table: str, values: dict[str, Any]) -> Row:
        source = self._source(table)
        page = edits.create_page(self.world, source, self._compact(source, values), self._person(source))
        return self._row(page)

    def edit_row(self, row: str, values: dict[str, Any]) -> Row:
        page = self._page(row)
        if page.trashed:
            raise HandError("The page is in the trash: restore it first.")
        source = self.world.sources[page.source or ""]
        edits.change_page(self.world, page, self._compact(source, values), self._person(source))
        return self._row(page)

    def trash_row(self, row: str) -> Row:
        return self._set_trashed(row, True)

    def restore_row(self, row: str) -> Row:
        return self._set_trashed(row, False)

    def _set_trashed(self, row: str, trashed: bool) -> Row:
        page = self._page(row)
        if page.trashed is not trashed:
            edits.set_trashed(self.world, page, trashed, self._person(self.world.sources[page.source or ""]))
        return self._row(page)

    def delete_row(self, row: str) -> None:
        edits.erase(self.world, self._page(row))

    # Fields and tables

    def add_field(self, table: str, name: str, type: str) -> None:
        self._change(table, {name: {type: {}}})

    def rename_field(self, table: str, name: str, new_name: str) -> None:
        self._change(table, {name: {"name": new_name}})

    def remove_field(self, table: str, name: str) -> None:
        self._change(table, {name: None})

    def change_field_type(self, table: str, name: str, type: str) -> None:
        self._change(table, {name: {type: {}}})

    def _change(self, table: str, body: dict[str, Any]) -> None:
        source = self._source(table)
        try:
            schema.change(self.world, source, body, self._person(source))
        except errors.NotionError as error:
            raise HandError(error.message) from error

    def trash_table(self, table: str) -> None:
        self._set_table_trashed(table, True)

    def restore_table(self, table: str) -> None:
        self._set_table_trashed(table, False)

    def _set_table_trashed(self, table: str, trashed: bool) -> None:
        source = self._source(table)
        database = self.world.databases[source.database]
        self.world.set_table_trashed(database, trashed, self._person(source))

    def share_table(self, table: str, shared: bool, token: str | None = None) -> None:
        database = self._source(table).database
        only = self.world.connection_of(token) if token else None
        if token and only is None:
            raise HandError("no such token")
        for connection in [only] if only else list(self.world.connections.values()):
            connection.hidden = [ident for ident in connection.hidden if ident != database]
            if not shared:
                connection.hidden.append(database)
            self.world.save(connection)

    def revoke_token(self, token: str) -> None:
        if token not in self.world.tokens:
            raise HandError("no such token")
        self.world.save_token(self.world.tokens[token] | {"revoked": True})

    # Between plain and compact

    def _source(self, table: str) -> Source:
        wanted = dashed(table) or ""
        for source in self.world.sources.values():
            if wanted in (source.id, source.database) or source.title == table:
                return source
        raise HandError(f"no such table: {table}")

    def _page(self, row: str) -> Page:
        page = self.world.pages.get(dashed(row) or "")
        if page is None or page.source is None:
            raise HandError(f"no such row: {row}")
        return page

    def _person(self, source: Source) -> str:
        workspace = self.world.databases[source.database].workspace
        return next(user.id for user in self.world.users.values() if user.workspace == workspace)

    def _table(self, source: Source) -> Table:
        demo = self.world.connections[base.fixed_id(f"bot/{base.DEMO_TOKEN}")]
        fields = [self._field(prop) for prop in source.props.values()]
        shared = self.world.sees(demo, source.database)
        count = len(self.world.index(source.id))
        return Table(source.id, source.title, count, fields, source.trashed, shared, source.database)

    @staticmethod
    def _field(prop: Prop) -> Field:
        kind = "read_only" if prop.type in (*COMPUTED, "files") else _KINDS.get(prop.type, prop.type)
        names = [option["name"] for option in prop.options] if "options" in prop.config else []
        return Field(prop.id, prop.name, kind, prop.type, names, prop.type == "title")

    def _row(self, page: Page) -> Row:
        source = self.world.sources[page.source or ""]
        values = {prop.name: self._plain(page, prop) for prop in source.props.values()}
        title = plain_text(page.values.get("title"))
        return Row(page.id, title, values, page.trashed, iso(page.created), iso(page.edited))

    def _plain(self, page: Page, prop: Prop) -> Any:
        value = page.values.get(prop.id)
        match prop.type:
            case "title" | "rich_text":
                return plain_text(value)
            case "select" | "status":
                option = prop.option(value) if value else None
                return option["name"] if option else None
            case "multi_select":
                return [option["name"] for ident in value or () if (option := prop.option(ident))]
            case "date":
                return value["start"] if value else None
            case "people":
                return [user.email for ident in value or () if (user := self.world.users.get(ident))]
            case "relation":
                return self.world.shown_relation(page, prop)
            case "checkbox":
                return bool(value)
            case "formula" | "rollup":
                found = getattr(formulas, prop.type)(self.world, page, prop)
                return found[found["type"]]
            case "unique_id":
                prefix = prop.config.get("prefix")
                return f"{prefix}-{page.number}" if prefix else str(page.number)
            case "created_time" | "last_edited_time":
                return iso(page.created if prop.type == "created_time" else page.edited)
            case "created_by" | "last_edited_by":
                return self._name(page.created_by if prop.type == "created_by" else page.edited_by)
        return value

    def _name(self, ident: str) -> str:
        found = self.world.users.get(ident) or self.world.connections.get(ident)
        return found.name if found else ""

    def _compact(self, source: Source, values: dict[str, Any]) -> dict[str, Any]:
        found = {}
        for name, value in values.items():
            prop = source.prop(name)
            if prop is None:
                raise HandError(f"no such field: {name}")
            if prop.type in COMPUTED:
                raise HandError(f"{name} is computed.")
            try:
                found[prop.id] = None if value in (None, "") else self._typed(source, prop, value)
            except errors.NotionError as error:
                raise HandError(error.message) from error
        return found

    def _typed(self, source: Source, prop: Prop, value: Any) -> Any:
        match prop.type:
            case "number":
                return _number(value)
            case "checkbox":
                return bool(value)
            case "select" | "status":
                return self._option(source, prop, str(value))
            case "multi_select":
                return [self._option(source, prop, name) for name in _listed(value)]
            case "date":
                given = value if isinstance(value, dict) else {"start": str(value)}
                if not dates.is_iso(str(given.get("start"))):
                    raise HandError(f"{prop.name}: not an ISO date: {value}")
                return dates.normalise(given)
            case "people":
                return [self._someone(prop, each) for each in _listed(value)]
            case "relation":
                return [self._related(prop, each) for each in _listed(value)]
        return value if isinstance(value, list) else str(value)

    def _option(self, source: Source, prop: Prop, name: str) -> str:
        known = options.by_name(prop.options, name)
        if known is None and prop.type == "status":
            raise HandError(f"{prop.name}: no such status: {name}")
        if known is None:
            options.check_name(name)
            known = options.make(name)
            prop.options.append(known)
            schema.schema_changed(self.world, source, self._person(source))
        return known["id"]

    def _someone(self, prop: Prop, who: str) -> str:
        for user in self.world.users.values():
            if who in (user.id, user.email, user.name):
                return user.id
        raise HandError(f"{prop.name}: nobody here is {who}")

    def _related(self, prop: Prop, which: str) -> str:
        target = prop.config["source"]
        page = self.world.pages.get(dashed(which) or "")
        if page is None:
            there = self.world.index(target).pages.values()
            page = next((each for each in there if plain_text(each.values.get("title")) == which), None)
        if page is None or page.source != target:
            raise HandError(f"{prop.name}: no such related row: {which}")
        return page.id

    def _mentions(self, page: Page, wanted: str) -> bool:
        return any(wanted in plain_text(value).lower() for value in page.values.values() if isinstance(value, str))


def _listed(value: Any) -> list[str]:
    if isinstance(value, list):
        return [str(each) for each in value]
    return [part.strip() for part in str(value).split(",") if part.strip()]


def _number(value: Any) -> float:
    number = float(value)
    return int(number) if number.is_integer() and abs(number) < 2**53 else number
