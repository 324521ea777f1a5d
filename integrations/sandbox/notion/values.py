"""From the body of a write to the compact values of `model.py`, with Notion's own objections.

Two passes, as the service does it: first the shape of the whole body, then what the schema says.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson

from integrations.sandbox.notion import dates, errors, options
from integrations.sandbox.notion.model import STRINGS, TEXT, WRITABLE, Connection, Prop, Source, dashed

if TYPE_CHECKING:
    from integrations.sandbox.notion.world import NotionWorld

MAX_RUN = 2000
MAX_ITEMS = 100
MAX_STRING = {"url": 2000, "email": 200, "phone_number": 200}
_RUN_KEYS = {"type", "text", "mention", "equation", "annotations", "plain_text", "href"}
_TOLERATED = {"type", "id", "name", "has_more"}


def utf16_length(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


@dataclass(slots=True)
class Written:
    """What a write asks for: values by property id (None empties), and select options it brings along."""

    values: dict[str, Any] = field(default_factory=dict)
    new_options: list[tuple[Prop, dict[str, Any]]] = field(default_factory=list)


def read_properties(world: NotionWorld, source: Source, connection: Connection, body: Any) -> Written:
    """Raises NotionError, the first objection of the shape or all objections of the schema together."""
    if not isinstance(body, dict):
        raise errors.body_invalid(f"body.properties should be an object, instead was `{_shown(body)}`.")
    kinds = {name: check_shape(f"body.properties.{name}", value) for name, value in body.items()}
    problems, found = [], {}
    for name, kind in kinds.items():
        prop = source.prop(name)
        if prop is None:
            problems.append(f"{name} is not a property that exists.")
        elif prop.type != kind:
            problems.append(f"{prop.name} is expected to be {prop.type}.")
        else:
            found[name] = prop
    if problems:
        raise errors.invalid(" ".join(problems))
    written = Written()
    reader = _Reader(world, connection, written)
    for name, prop in found.items():
        written.values[prop.id] = reader.read(prop, body[name][prop.type])
    return written


def check_shape(where: str, value: Any) -> str:
    """The type a property value claims to be, its shape being right."""
    if not isinstance(value, dict):
        raise errors.body_invalid(f"{where} should be an object, instead was `{_shown(value)}`.")
    kinds = [key for key in value if key in WRITABLE]
    if len(kinds) != 1:
        # Computed types are no alternatives of the request at all, so they are refused like any unknown key.
        raise errors.fix_one([f"{where}.{kind} should be defined, instead was `undefined`." for kind in WRITABLE])
    kind = kinds[0]
    for key in value:
        if key != kind and key not in _TOLERATED:
            raise errors.body_invalid(f"{where}.{key} should be not present, instead was `{_shown(value[key])}`.")
    _SHAPES[kind](f"{where}.{kind}", value[kind])
    return kind


def _expect(is_right: bool, where: str, wanted: str, value: Any) -> None:
    if not is_right:
        raise errors.body_invalid(f"{where} should be {wanted}, instead was `{_shown(value)}`.")


def _expect_list(where: str, value: Any) -> None:
    _expect(isinstance(value, list), where, "an array", value)
    if len(value) > MAX_ITEMS:
        raise errors.body_invalid(f"{where}.length should be ≤ `{MAX_ITEMS}`, instead was `{len(value)}`.")


def check_runs(where: str, value: Any) -> None:
    _expect_list(where, value)
    for number, run in enumerate(value):
        at = f"{where}[{number}]"
        _expect(isinstance(run, dict), at, "an object", run)
        for key in run:
            _expect(key in _RUN_KEYS, f"{at}.{key}", "not present", run[key])
        if "mention" in run or "equation" in run:
            continue
        _expect(isinstance(run.get("text"), dict), f"{at}.text", "defined", run.get("text"))
        content = run["text"].get("content")
        _expect(isinstance(content, str), f"{at}.text.content", "a string", content)
        if (length := utf16_length(content)) > MAX_RUN:
            raise errors.body_invalid(f"{at}.text.content.length should be ≤ `{MAX_RUN}`, instead was `{length}`.")


def _check_string(kind: str) -> Callable[[str, Any], None]:
    def check(where: str, value: Any) -> None:
        _expect(value is None or isinstance(value, str), where, "a string or `null`", value)
        if value == "":
            raise errors.body_invalid(f"{where}.length should be ≥ `1`, instead was `0`.")
        if value is not None and (length := utf16_length(value)) > MAX_STRING[kind]:
            raise errors.body_invalid(f"{where}.length should be ≤ `{MAX_STRING[kind]}`, instead was `{length}`.")

    return check


def _check_number(where: str, value: Any) -> None:
    right = value is None or (isinstance(value, int | float) and not isinstance(value, bool))
    _expect(right, where, "a number or `null`", value)


def _check_option(where: str, value: Any) -> None:
    if value is None:
        return
    _expect(isinstance(value, dict), where, "an object or `null`", value)
    named = value.get("name", value.get("id"))
    _expect(isinstance(named, str) and named != "", f"{where}.name", "a non-empty string", named)


def _check_options(where: str, value: Any) -> None:
    _expect_list(where, value)
    for number, option in enumerate(value):
        _expect(option is not None, f"{where}[{number}]", "an object", option)
        _check_option(f"{where}[{number}]", option)


def _check_references(where: str, value: Any) -> None:
    _expect_list(where, value)
    for number, item in enumerate(value):
        _expect(isinstance(item, dict), f"{where}[{number}]", "an object", item)
        ident = item.get("id")
        right = isinstance(ident, str) and dashed(ident) is not None
        _expect(right, f"{where}[{number}].id", "a valid uuid", ident)


def _check_date(where: str, value: Any) -> None:
    if value is None:
        return
    _expect(isinstance(value, dict), where, "an object or `null`", value)
    for key in value:
        _expect(key in ("start", "end", "time_zone"), f"{where}.{key}", "not present", value[key])
    for key in ("start", "end"):
        moment = value.get(key)
        if moment is None and key == "end":
            continue
        right = isinstance(moment, str) and dates.is_iso(moment)
        _expect(right, f"{where}.{key}", "a valid ISO 8601 date string", moment)


def _check_files(where: str, value: Any) -> None:
    _expect_list(where, value)
    for number, item in enumerate(value):
        right = isinstance(item, dict) and ("external" in item or "file_upload" in item or "file" in item)
        _expect(right, f"{where}[{number}]", "an external file or a file upload", item)


def _check_boolean(where: str, value: Any) -> None:
    _expect(isinstance(value, bool), where, "a boolean", value)


_SHAPES: dict[str, Callable[[str, Any], None]] = {
    **dict.fromkeys(TEXT, check_runs),
    **{kind: _check_string(kind) for kind in STRINGS},
    "number": _check_number,
    "select": _check_option,
    "status": _check_option,
    "multi_select": _check_options,
    "people": _check_references,
    "relation": _check_references,
    "date": _check_date,
    "checkbox": _check_boolean,
    "files": _check_files,
}


class _Reader:
    """Second pass: from a well-shaped value to the compact one, against schema and state."""

    def __init__(self, world: NotionWorld, connection: Connection, written: Written) -> None:
        self.world, self.connection, self.written = world, connection, written

    def read(self, prop: Prop, value: Any) -> Any:
        match prop.type:
            case "title" | "rich_text":
                return read_runs(value) or None
            case "select":
                return self._option(prop, value)
            case "multi_select":
                return list(dict.fromkeys(self._option(prop, option) for option in value)) or None
            case "status":
                return self._status(prop, value)
            case "date":
                return dates.normalise(value) if value else None
            case "people":
                return [self._person(item["id"]) for item in value] or None
            case "relation":
                return list(dict.fromkeys(self._related(prop, item["id"]) for item in value)) or None
            case "files":
                return [_file(item) for item in value] or None
            case "checkbox":
                return value or None
        return value

    def _option(self, prop: Prop, value: Any) -> str | None:
        if value is None:
            return None
        if "id" in value and (known := options.by_id(prop, value["id"])) is not None:
            return known["id"]
        if "name" not in value:
            raise errors.invalid(f'Select option with id "{value["id"]}" does not exist.')
        pending = [option for owner, option in self.written.new_options if owner is prop]
        known = options.by_name(prop.options + pending, value["name"])
        if known is None:
            options.check_name(value["name"])
            known = options.make(value["name"], value.get("color"))
            self.written.new_options.append((prop, known))
        return known["id"]

    def _status(self, prop: Prop, value: Any) -> str:
        if value is None:
            return prop.options[0]["id"]
        known = options.by_id(prop, value.get("id")) or options.by_name(prop.options, value.get("name"))
        if known is None:
            named = value.get("name", value.get("id"))
            raise errors.invalid(f'Invalid status option. Status option "{named}" does not exist".')
        return known["id"]

    def _person(self, ident: str) -> str:
        found = dashed(ident) or ""
        home = self.connection.workspace
        person = self.world.users.get(found) or self.world.connections.get(found)
        if person is None or person.workspace != home:
            raise errors.invalid(f"Could not find user with ID: {found}.")
        return found

    def _related(self, prop: Prop, ident: str) -> str:
        found = dashed(ident) or ""
        page = self.world.pages.get(found)
        if page is None or not self.world.sees_page(self.connection, page):
            raise errors.not_found("page", found, self.connection.name, self.connection.integration)
        if page.source != prop.config["source"]:
            raise errors.invalid(f"Page with ID {found} is not in the related data source of {prop.name}.")
        return found


def read_runs(value: list[dict[str, Any]]) -> str | list[dict[str, Any]]:
    """Neighbours of equal style merge, empty runs vanish; one unstyled run is just its text."""
    runs: list[dict[str, Any]] = []
    for item in value:
        run = _read_run(item)
        if not run["t"]:
            continue
        if runs and "m" not in run and "e" not in run and _style(runs[-1]) == _style(run):
            runs[-1]["t"] += run["t"]
        else:
            runs.append(run)
    return runs[0]["t"] if len(runs) == 1 and set(runs[0]) == {"t"} else runs


def _read_run(item: dict[str, Any]) -> dict[str, Any]:
    run: dict[str, Any] = {}
    if "mention" in item:
        run = {"t": item.get("plain_text") or "Untitled", "m": item["mention"]}
    elif "equation" in item:
        run = {"t": item["equation"].get("expression", ""), "e": item["equation"].get("expression", "")}
    else:
        run["t"] = item["text"]["content"]
        if link := item["text"].get("link"):
            run["l"] = link["url"]
    styles = {key: value for key, value in (item.get("annotations") or {}).items() if value not in (False, "default")}
    return run | {"a": styles} if styles else run


def _style(run: dict[str, Any]) -> tuple[Any, ...]:
    return run.get("a"), run.get("l"), "m" in run or "e" in run


def _file(item: dict[str, Any]) -> dict[str, Any]:
    if "external" in item:
        url = item["external"]["url"]
        return {"name": item.get("name", url), "type": "external", "external": {"url": url}}
    name = item.get("name", "file")
    url = f"https://files.example/{name}"
    return {"name": name, "type": "file", "file": {"url": url, "expiry_time": "2099-01-01T00:00:00.000Z"}}


def _shown(value: Any) -> str:
    return "undefined" if value is None else orjson.dumps(value).decode()
