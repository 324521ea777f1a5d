"""Formulas and rollups: a few simple ones, enough to have computed values that follow the others.

A formula is `+`, `-`, `*`, `/` between `prop("Name")`, numbers and "texts", from left to right (`*` and `/` first).
Text on either side of `+` joins. Anything else is stored and reads as an empty text.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from integrations.sandbox.notion.model import COMPUTED, Page, Prop, plain_text

if TYPE_CHECKING:
    from integrations.sandbox.notion.world import NotionWorld

COMPUTED_KINDS = frozenset(COMPUTED)
_TOKEN = re.compile(r'\s*(?:prop\("((?:[^"\\]|\\.)*)"\)|"((?:[^"\\]|\\.)*)"|(\d+(?:\.\d+)?)|([-+*/]))')
Scalar = str | float | bool | None


def formula(world: NotionWorld, page: Page, prop: Prop) -> dict[str, Any]:
    value = _evaluate(world, page, prop.config.get("expression", ""))
    if isinstance(value, bool):
        return {"type": "boolean", "boolean": value}
    if isinstance(value, int | float):
        return {"type": "number", "number": value}
    return {"type": "string", "string": value}


def _evaluate(world: NotionWorld, page: Page, expression: str) -> Scalar:
    tokens, position = [], 0
    while position < len(expression.rstrip()):
        match = _TOKEN.match(expression, position)
        if match is None:
            return None
        name, text, number, sign = match.groups()
        if sign:
            tokens.append(("op", sign))
        elif number:
            tokens.append(("value", float(number) if "." in number else int(number)))
        else:
            tokens.append(("value", text if name is None else _scalar(world, page, name)))
        position = match.end()
    if [kind for kind, _ in tokens] != ["value", "op"] * (len(tokens) // 2) + ["value"]:
        return None
    return _fold([value for _, value in tokens])


def _fold(parts: list[Any]) -> Scalar:
    for level in ("*/", "+-"):
        folded = [parts[0]]
        for sign, right in zip(parts[1::2], parts[2::2], strict=True):
            if sign in level:
                folded[-1] = _apply(folded[-1], sign, right)
            else:
                folded += [sign, right]
        parts = folded
    return parts[0]


def _apply(left: Scalar, sign: str, right: Scalar) -> Scalar:
    if isinstance(left, str) or isinstance(right, str):
        return f"{_shown(left)}{_shown(right)}" if sign == "+" else None
    if left is None or right is None:
        return None
    match sign:
        case "+":
            return left + right
        case "-":
            return left - right
        case "*":
            return left * right
    return left / right if right else None


def _shown(value: Scalar) -> str:
    return "" if value is None else str(value)


def _scalar(world: NotionWorld, page: Page, name: str) -> Scalar:
    source = world.sources[page.source] if page.source else None
    prop = source.prop(name) if source else None
    if prop is None:
        return None
    value = page.values.get(prop.id)
    match prop.type:
        case "title" | "rich_text":
            return plain_text(value)
        case "number":
            return value
        case "checkbox":
            return bool(value)
        case "select" | "status":
            option = prop.option(value) if value else None
            return option["name"] if option else ""
        case "date":
            return value["start"] if value else ""
        case "unique_id":
            return page.number
        case "relation" | "people" | "files" | "multi_select":
            return len(value or ())
    return value or "" if isinstance(value, str | None) else None


def rollup_ends(world: NotionWorld, prop: Prop) -> tuple[Prop | None, Prop | None]:
    """The relation property a rollup follows, and the property it looks at over there."""
    source = world.source_of_prop(prop)
    relation = source.props.get(prop.config["relation"]) if source else None
    target = world.sources.get(relation.config["source"]) if relation else None
    return relation, target.props.get(prop.config["target"]) if target else None


def rollup(world: NotionWorld, page: Page, prop: Prop) -> dict[str, Any]:
    relation, target = rollup_ends(world, prop)
    function = prop.config["function"]
    related = world.shown_relation(page, relation) if relation else []
    if function == "count":
        return {"type": "number", "number": len(related), "function": function}
    numbers = [
        value
        for ident in related
        if target and isinstance(value := world.pages[ident].values.get(target.id), int | float)
    ]
    if function == "sum":
        return {"type": "number", "number": sum(numbers), "function": function}
    if function in ("average", "min", "max"):
        worth = {"average": lambda n: sum(n) / len(n), "min": min, "max": max}[function](numbers) if numbers else None
        return {"type": "number", "number": worth, "function": function}
    return {"type": "array", "array": [], "function": function}
