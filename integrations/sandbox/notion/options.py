"""Options of select, multi-select and status."""

from __future__ import annotations

import uuid
from typing import Any

from integrations.sandbox.notion import errors
from integrations.sandbox.notion.model import COLORS, Prop

MAX_OPTIONS = 100
GROUPS = (("To-do", "gray"), ("In progress", "blue"), ("Complete", "green"))


def make(name: str, color: str | None = None, ident: str | None = None) -> dict[str, Any]:
    made = ident or str(uuid.uuid4())
    return {"id": made, "name": name, "color": color or COLORS[sum(name.encode()) % len(COLORS)]}


def by_id(prop: Prop, ident: str | None) -> dict[str, Any] | None:
    return next((option for option in prop.options if option["id"] == ident), None)


def by_name(known: list[dict[str, Any]], name: str | None) -> dict[str, Any] | None:
    return next((option for option in known if option["name"] == name), None)


def check_name(name: str) -> None:
    if "," in name:
        raise errors.invalid(f"Invalid select option, commas not allowed: {name}")
    if len(name) > 100:
        raise errors.invalid(f"Invalid select option, at most 100 characters: {name}")


def replaced(prop: Prop, asked: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The whole new list: those named again keep their id and colour, those left out are gone."""
    if len(asked) > MAX_OPTIONS:
        raise errors.body_invalid(
            f"body.properties.{prop.name}.{prop.type}.options.length should be ≤ `{MAX_OPTIONS}`, "
            f"instead was `{len(asked)}`."
        )
    found = []
    for option in asked:
        known = by_id(prop, option.get("id")) or by_name(prop.options, option.get("name"))
        name = option.get("name") or (known["name"] if known else "")
        check_name(name)
        ident, color = (known["id"], known["color"]) if known else (option.get("id"), option.get("color"))
        found.append(make(name, option.get("color") or color, ident))
    return found


def status_config(options: list[dict[str, Any]], groups: list[str] | None = None) -> dict[str, Any]:
    """Options in Notion's three groups; new ones land in To-do unless `groups` says better."""
    names = groups or ["To-do"] * len(options)
    made = [
        {
            "id": str(uuid.uuid4()),
            "name": group,
            "color": color,
            "option_ids": [option["id"] for option, name in zip(options, names, strict=True) if name == group],
        }
        for group, color in GROUPS
    ]
    return {"options": options, "groups": made}


def default_status() -> dict[str, Any]:
    names = ("Not started", "In progress", "Done")
    return status_config([make(name) for name in names], [group for group, _ in GROUPS])
