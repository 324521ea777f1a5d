"""The tool as a person uses it: tables, rows and fields. The control API and the hand-edit pages stand on this.

Values are plain: text, number, bool, ISO date text, an option's name, lists of option names, e-mails of people or
ids of related rows; None is empty.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol


class HandError(Exception):
    """The tool would not let a person do this; the text says why."""


@dataclass(frozen=True, slots=True)
class Field:
    """kind: text, long_text, number, boolean, date, select, multi_select, people, relation, read_only."""

    id: str
    name: str
    kind: str
    type: str  # the provider's own word
    options: list[str] = field(default_factory=list)
    is_title: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    id: str
    name: str
    rows: int
    fields: list[Field]
    is_trashed: bool = False
    is_shared: bool = True
    container: str = ""  # the id people paste, where it differs (Notion: the database)


@dataclass(frozen=True, slots=True)
class Row:
    id: str
    title: str
    values: dict[str, Any]
    is_trashed: bool
    created: str
    edited: str


class Hand(Protocol):
    def tables(self) -> list[Table]: ...

    def table(self, table: str) -> Table:
        """By id or name."""

    def rows(self, table: str, offset: int, limit: int, search: str, trashed: bool) -> tuple[int, list[Row]]: ...

    def row(self, row: str) -> Row: ...

    def create_row(self, table: str, values: dict[str, Any]) -> Row: ...

    def edit_row(self, row: str, values: dict[str, Any]) -> Row: ...

    def trash_row(self, row: str) -> Row: ...

    def restore_row(self, row: str) -> Row: ...

    def delete_row(self, row: str) -> None: ...

    def table_of(self, row: str) -> str: ...

    def add_field(self, table: str, name: str, type: str) -> None: ...

    def rename_field(self, table: str, name: str, new_name: str) -> None: ...

    def remove_field(self, table: str, name: str) -> None: ...

    def change_field_type(self, table: str, name: str, type: str) -> None: ...

    def trash_table(self, table: str) -> None: ...

    def restore_table(self, table: str) -> None: ...

    def share_table(self, table: str, shared: bool, token: str | None) -> None: ...

    def revoke_token(self, token: str) -> None: ...
