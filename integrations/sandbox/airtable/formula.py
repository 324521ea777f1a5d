"""The part of Airtable's formula language that filters are made of. Compiled once, asked per record.

AND, OR, NOT, comparisons, {fields} by name or id, texts, numbers, RECORD_ID(), CREATED_TIME(), LAST_MODIFIED_TIME(),
IS_AFTER, IS_BEFORE, IS_SAME, DATETIME_PARSE, BLANK, TRUE, FALSE. Anything else is refused as unknown.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from integrations.sandbox.airtable import errors
from integrations.sandbox.clock import parse_ms

if TYPE_CHECKING:
    from integrations.sandbox.airtable.model import Row, Table
    from integrations.sandbox.airtable.world import AirtableWorld

Asked = Callable[["Row"], Any]

_TOKENS = re.compile(
    r"""\s*(?:(?P<text>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")|(?P<field>\{(?:[^}\\]|\\.)*\})"""
    r"""|(?P<number>-?\d+(?:\.\d+)?)|(?P<name>[A-Za-z_]+)|(?P<sign><=|>=|!=|[=<>(),&])|(?P<other>\S))""",
    re.DOTALL,
)


def compiled(world: AirtableWorld, table: Table, text: str) -> Asked:
    """Raises AirtableError for a formula that is wrong."""
    found = [(match.lastgroup or "", match.group(match.lastgroup or 0)) for match in _TOKENS.finditer(text)]
    parser = _Parser(world, table, found)
    asked = parser.expression()
    if parser.at < len(found):
        raise errors.bad_formula("Invalid formula. Please check your formula text.")
    return asked


class _Parser:
    def __init__(self, world: AirtableWorld, table: Table, tokens: list[tuple[str, str]]) -> None:
        self.world, self.table, self.tokens, self.at = world, table, tokens, 0

    def expression(self) -> Asked:
        left = self.operand()
        if self.peek() in _COMPARE:
            compare, right = _COMPARE[self.take()], self.operand()
            return lambda row: compare(left(row), right(row))
        return left

    def operand(self) -> Asked:
        kind = self.tokens[self.at][0] if self.at < len(self.tokens) else ""
        if kind == "text":
            text = re.sub(r"\\(.)", _unescaped, self.take()[1:-1])
            return lambda _: text
        if kind == "number":
            number = float(self.take())
            return lambda _: number
        if kind == "field":
            return self.field(re.sub(r"\\(.)", r"\1", self.take()[1:-1]))
        if kind == "name":
            return self.call(self.take().upper())
        if self.peek() == "(":
            self.take()
            inner = self.expression()
            self.expect(")")
            return inner
        raise errors.bad_formula("Invalid formula. Please check your formula text.")

    def field(self, name: str) -> Asked:
        field = self.table.field(name)
        if field is None:
            raise errors.bad_formula(f"Unknown field names: {name.lower()}")
        return lambda row: self.world.cells.in_formula(row, field)

    def call(self, name: str) -> Asked:
        given: list[Asked] = []
        if self.peek() == "(":
            self.take()
            while self.peek() != ")":
                given.append(self.expression())
                if self.peek() == ",":
                    self.take()
                elif self.peek() != ")":
                    raise errors.bad_formula("Invalid formula. Please check your formula text.")
            self.take()
        return self.function(name, given)

    def function(self, name: str, given: list[Asked]) -> Asked:
        world = self.world
        match name, len(given):
            case "AND", _:
                return lambda row: all(each(row) for each in given)
            case "OR", _:
                return lambda row: any(each(row) for each in given)
            case "NOT", 1:
                return lambda row: not given[0](row)
            case "RECORD_ID", 0:
                return lambda row: row.id
            case "CREATED_TIME", 0:
                return lambda row: row.created // 1000 * 1000
            case "LAST_MODIFIED_TIME", 0:
                return lambda row: world.modified_time(row)
            case "IS_AFTER" | "IS_BEFORE" | "IS_SAME", 2:
                compare = _COMPARE[{"IS_AFTER": ">", "IS_BEFORE": "<", "IS_SAME": "="}[name]]
                return lambda row: compare(_moment(given[0](row)), _moment(given[1](row)))
            case "DATETIME_PARSE", 1:
                return lambda row: _moment(given[0](row))
            case "BLANK", 0:
                return lambda _: ""
            case "TRUE" | "FALSE", 0:
                return lambda _: name == "TRUE"
        raise errors.bad_formula(f"Unknown function names: {name}")

    def peek(self) -> str:
        return self.tokens[self.at][1] if self.at < len(self.tokens) else ""

    def take(self) -> str:
        self.at += 1
        return self.tokens[self.at - 1][1]

    def expect(self, sign: str) -> None:
        if self.peek() != sign:
            raise errors.bad_formula("Invalid formula. Please check your formula text.")
        self.take()


def _unescaped(match: re.Match[str]) -> str:
    return {"n": "\n", "r": "\r", "t": "\t"}.get(match[1], match[1])


def _moment(value: Any) -> float:
    """Milliseconds; an empty or unreadable time is never after nor before anything."""
    if isinstance(value, int | float):
        return float(value)
    try:
        return float(parse_ms(str(value)))
    except ValueError:
        return float("nan")


def _blank(value: Any) -> Any:
    return "" if value is None or value is False else value


_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "=": lambda a, b: _blank(a) == _blank(b),
    "!=": lambda a, b: _blank(a) != _blank(b),
    ">": lambda a, b: a > b,
    "<": lambda a, b: a < b,
    ">=": lambda a, b: a >= b,
    "<=": lambda a, b: a <= b,
}
