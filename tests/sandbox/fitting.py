"""Whether a value fits a schema of an official description: the same answer as jsonschema's, many times faster.

    fits = fitting.checker(schema, find)   # find(reference) -> the schema that it leads to
    fits(value) -> bool

A schema becomes a function once. What leads to further schemas is read here, and so are the keywords that are met everywhere;
all others are left to jsonschema, which also words what is wrong.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from jsonschema import Draft202012Validator

Fits = Callable[[Any], bool]
Find = Callable[[str], Any]
#: Those say nothing of a value; jsonschema asks a format only where it is told how.
TOLD_ONLY = {"description", "title", "examples", "example", "default", "format", "deprecated"}
IS: dict[str, Fits] = {
    "string": lambda value: isinstance(value, str),
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "boolean": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
}


def checker(schema: Any, find: Find, known: dict[int, Fits] | None = None) -> Fits:
    """known: the functions made so far, by the schema's identity; share it only among schemas that stay."""
    known = {} if known is None else known
    if id(schema) not in known:
        known[id(schema)] = lambda value: made(value)  # a schema may lead back to itself
        known[id(schema)] = made = _all_of(_parts(schema, find, known))
    return known[id(schema)]


def _parts(schema: Any, find: Find, known: dict[int, Fits]) -> list[Fits]:
    if isinstance(schema, bool):
        return [lambda value: schema]
    parts: list[Fits] = []
    for keyword, told in schema.items():
        if keyword == "type":
            parts.insert(0, _type(told))
        elif keyword == "const" and isinstance(told, str):
            parts.insert(0, lambda value, told=told: value == told)  # type: ignore[misc]
        elif keyword == "required":
            parts.append(_required(tuple(told)))
        elif keyword == "properties":
            parts.append(_properties(told, find, known))
        elif keyword == "additionalProperties" and "patternProperties" not in schema:
            parts.append(_further(told, frozenset(schema.get("properties", ())), find, known))
        elif keyword == "items" and "prefixItems" not in schema:
            parts.append(_items(checker(told, find, known)))
        elif keyword == "$ref":
            parts.append(checker(find(told), find, known))
        elif keyword == "allOf":
            parts += [checker(one, find, known) for one in told]
        elif keyword == "anyOf":
            parts.append(_any_of([checker(one, find, known) for one in told]))
        elif keyword not in TOLD_ONLY:
            parts.append(Draft202012Validator({keyword: told}).is_valid)
    return parts


def _all_of(parts: list[Fits]) -> Fits:
    if len(parts) == 1:
        return parts[0]
    return lambda value: all(part(value) for part in parts)


def _any_of(choices: list[Fits]) -> Fits:
    return lambda value: any(choice(value) for choice in choices)


def _type(told: str | list[str]) -> Fits:
    names = [told] if isinstance(told, str) else told
    choices = [IS.get(name) or Draft202012Validator({"type": name}).is_valid for name in names]
    return choices[0] if len(choices) == 1 else _any_of(choices)


def _required(names: tuple[str, ...]) -> Fits:
    return lambda value: not isinstance(value, dict) or all(name in value for name in names)


def _properties(told: dict[str, Any], find: Find, known: dict[int, Fits]) -> Fits:
    """What can only be one value first: it tells most choices apart."""
    ordered = sorted(told.items(), key=lambda one: not (isinstance(one[1], dict) and "const" in one[1]))
    each = [(name, checker(schema, find, known)) for name, schema in ordered]
    return lambda value: not isinstance(value, dict) or all(fits(value[name]) for name, fits in each if name in value)


def _further(told: Any, named: frozenset[str], find: Find, known: dict[int, Fits]) -> Fits:
    fits = checker(told, find, known)
    return lambda value: not isinstance(value, dict) or all(fits(value[name]) for name in value if name not in named)


def _items(fits: Fits) -> Fits:
    return lambda value: not isinstance(value, list) or all(map(fits, value))
