"""The steps of one mapping as forms, made from the registry of transforms; and what such a form sends back.

Names in the form, for row 3 and its first step: "steps-3" holds the transforms' names, "3-0-decimal" a setting of the first,
"3-0-pairs-theirs" and "3-0-pairs-ours" its list of values side by side, "3-0-pairs-back" what is the way back of a group.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from django.http import QueryDict
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import get_language
from django.utils.translation import gettext as _

import values
from crm import registry
from integrations.adapters.base import Field as RemoteField
from integrations.sync import transforms
from integrations.sync.transforms.base import Mismatch, Parameter, Transform, as_text
from integrations.sync.transforms.choices import renames
from values import Type, Value

#: More lines than this nobody fills in by hand.
MOST_PAIRS = 60


def posted(data: QueryDict, row: str) -> list[dict[str, Any]]:
    """The steps as they stand in the form, with one that was chosen to be added."""
    names = [name for name in data.getlist(f"steps-{row}") if name in transforms.TRANSFORMS]
    steps = [
        {"name": name} | _settings(data, f"{row}-{number}", transforms.TRANSFORMS[name])
        for number, name in enumerate(names)
    ]
    added = data.get(f"add-{row}", "")
    return [*steps, {"name": added}] if added in transforms.TRANSFORMS else steps


def _settings(data: QueryDict, prefix: str, transform: Transform) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for one in transform.parameters:
        key = f"{prefix}-{one.name}"
        if one.kind == "yes":
            found[one.name] = key in data
        elif one.kind == "pairs":
            found[one.name] = _pairs(data, key)
        elif key in data:
            found[one.name] = data[key]
    return found


def _pairs(data: QueryDict, key: str) -> list[list[str]]:
    """In the order of the form; of several there that are one here, the chosen way back comes first, else the one of that name.

    What stays as it is, and is what others become, belongs to their group, and so into the list.
    """
    chosen = set(data.getlist(f"{key}-back"))
    lines = [(theirs.strip(), ours.strip()) for theirs, ours in
             zip(data.getlist(f"{key}-theirs"), data.getlist(f"{key}-ours"), strict=False)]  # fmt: skip
    reached = {values.key(ours): ours for theirs, ours in lines if theirs and ours}
    pairs = [[theirs, ours or reached.get(values.key(theirs), "")] for theirs, ours in lines if theirs]
    return sorted(
        (pair for pair in pairs if all(pair)),
        key=lambda pair: (pair[0] not in chosen, values.key(pair[0]) != values.key(pair[1])),
    )


def drawn(
    row: int, options: Mapping[str, Any], remote: RemoteField, local: registry.Field, seen: Sequence[Value]
) -> dict[str, Any]:
    """For integrations/_mapper_steps.html: the steps with their settings, and those that may come next."""
    steps, kind = [], remote.type
    for number, given in enumerate(transforms.wanted_steps(options)):
        transform = transforms.TRANSFORMS[given["name"]]
        prefix = f"{row}-{number}"
        settings = [_setting(one, prefix, given) for one in transform.parameters if one.kind != "pairs"]
        step = {
            "name": transform.name,
            "label": transform.label,
            "help": transform.help,
            "at": prefix,
            "settings": settings,
        }
        if any(one.kind == "pairs" for one in transform.parameters):
            step["pairs"] = _values(prefix, given.get("pairs") or [], _theirs(kind, remote, seen), _ours(local))
        steps.append(step)
        try:
            kind = transforms.chain({"transforms": [given]}, kind, local.type).gives
        except Mismatch:
            continue  # the row says why
    offered = _offered(kind, get_language())
    return {"row": str(row), "steps": steps, "offered": offered, "labels": [step["label"] for step in steps]}


@cache
def _offered(kind: Type, _language: str) -> SafeString:
    """The options of the steps that may come next: the same for every field of this type."""
    offered = [("", _("Add a step")), *((one.name, one.label) for one in transforms.offered(kind))]
    return format_html_join("", '<option value="{}">{}</option>', offered)


def _setting(parameter: Parameter, prefix: str, given: Mapping[str, Any]) -> dict[str, Any]:
    value = given.get(parameter.name, parameter.default)
    return {
        "key": f"{prefix}-{parameter.name}",
        "label": parameter.label,
        "help": parameter.help,
        "kind": parameter.kind,
        "value": value,
        "least": parameter.least,
        "most": parameter.most,
        "choices": [{"value": one, "label": label, "chosen": one == value} for one, label in parameter.choices],
    }


# --- lists of values --------------------------------------------------------------------------------------------------


def _theirs(kind: Type, remote: RemoteField, seen: Sequence[Value]) -> list[str]:
    """The values that the tool's field may have, as far as they are known."""
    if kind is Type.BOOLEAN:
        return [as_text(True), as_text(False)]
    if remote.options:
        return list(remote.options)
    if any(isinstance(value, dict) for value in seen):
        return []
    parts = {as_text(one): None for value in seen for one in (value if isinstance(value, list) else [value])}
    return list(parts)[:MOST_PAIRS]


def _ours(local: registry.Field) -> list[str]:
    return [as_text(True), as_text(False)] if local.type is Type.BOOLEAN else list(local.options)


def _values(prefix: str, pairs: Sequence[Sequence[str]], theirs: list[str], ours: list[str]) -> dict[str, Any]:
    """One line per value there; then one per value here that none of them becomes; then an empty one where values are free."""
    inward, outward = renames([as_text(one), as_text(other)] for one, other in pairs)
    lines = [_line(one, inward.get(one, ""), "theirs") for one in dict.fromkeys([*theirs, *inward])]
    reached = set(inward.values())
    lines += [
        _line(outward.get(one, ""), one, "ours") for one in dict.fromkeys([*ours, *outward]) if one not in reached
    ]
    if not theirs or not ours:
        lines.append(_line("", "", ""))
    groups: dict[str, list[str]] = {}
    for one, other in inward.items():
        groups.setdefault(other, []).append(one)
    return {
        "key": f"{prefix}-pairs",
        "lines": lines,
        "theirs": [_option(one) for one in dict.fromkeys([*theirs, *inward])] if theirs else [],
        "ours": [_option(one) for one in dict.fromkeys([*ours, *outward])] if ours else [],
        "groups": [
            {"ours": shown(name), "members": [_option(one) | {"chosen": one == outward[name]} for one in members]}
            for name, members in groups.items()
            if len(members) > 1
        ],
    }


def _line(theirs: str, ours: str, fixed: str) -> dict[str, str]:
    """fixed: which of the two is given, and only shown."""
    return {"theirs": theirs, "ours": ours, "fixed": fixed, "shown_theirs": shown(theirs), "shown_ours": shown(ours)}


def _option(value: str) -> dict[str, str]:
    return {"value": value, "label": shown(value)}


def shown(value: str) -> str:
    """Yes and no are not shown as they are stored."""
    return {"true": _("Yes"), "false": _("No")}.get(value, value)
