"""Every transform that a mapping may use, and how a mapping's stored options become a chain of them.

A new transform is one object in one of these modules, one line here and one in docs/mapping.md; its forms, its description in the
API and its laws in tests/integrations/sync/test_transforms.py follow from it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from django.utils.translation import gettext as _

from integrations.sync.transforms import choices, numbers, texts, times
from integrations.sync.transforms.base import NUMBERS, Chain, Mismatch, Step, Transform
from values import Type

TRANSFORMS: dict[str, Transform] = {
    one.name: one
    for one in (
        choices.VALUES,
        texts.TRIM,
        texts.CASE,
        texts.PART,
        texts.SPLIT,
        texts.JOIN,
        numbers.NUMBER,
        numbers.WRITE_NUMBER,
        numbers.ROUND,
        numbers.PRICE,
        numbers.IN_CURRENCY,
        numbers.AMOUNT,
        times.DATE,
        times.WRITE_DATE,
        times.TIME,
        times.DAY,
        choices.DEFAULT,
        choices.CONSTANT,
        choices.CONSTANT_OUT,
    )
}
#: Those that may bridge two fields, as they come: what they do, they can undo, and nobody has to fill them in.
USUAL = [one for one in TRANSFORMS.values() if one.invertible and one is not choices.VALUES]


def wanted_steps(options: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The steps that a mapping's options name, in the order in which values come in.

    `{"values": {remote option: local option}}` is short for a list of values before all others.
    """
    steps = list(options.get("transforms") or [])
    if options.get("values"):
        steps.insert(0, {"name": choices.VALUES.name, "pairs": [list(pair) for pair in options["values"].items()]})
    return steps


def in_full(options: Mapping[str, Any]) -> dict[str, Any]:
    """Options without short forms: two that mean the same are equal."""
    rest = {name: value for name, value in options.items() if name not in ("values", "transforms")}
    return rest | {"transforms": wanted_steps(options)}


def cleaned(options: Mapping[str, Any], takes: Type, wanted: Type) -> dict[str, Any]:
    """Options as they are stored: every setting in its form, without those that are the default. Raises Mismatch."""
    if not options.get("transforms"):
        return {name: value for name, value in options.items() if name != "transforms"}
    steps = [
        {"name": step.transform.name}
        | {one.name: step.params[one.name] for one in step.transform.parameters if step.params[one.name] != one.default}
        for step in chain(options, takes, wanted).steps
    ]
    return dict(options) | {"transforms": steps[1:] if options.get("values") else steps}


def bridge(takes: Type, wanted: Type, fits: Callable[[Mapping[str, Any]], bool]) -> dict[str, Any]:
    """Options with the one step that would make a pair possible, as it comes; {} where none does."""
    listed = [choices.VALUES] if takes in NUMBERS | {Type.SELECT, Type.BOOLEAN} else []  # of what has few values
    for one in [*USUAL, *listed]:
        options = {"transforms": [{"name": one.name}]}
        if takes in one.takes and one.gives(takes, wanted) != takes and fits(options):
            return options
    return {}


def chain(options: Mapping[str, Any], takes: Type, wanted: Type) -> Chain:
    """The chain from a remote field of type `takes` to a local one of type `wanted`. Raises Mismatch."""
    steps: list[Step] = []
    kind = takes
    for one in wanted_steps(options):
        transform = TRANSFORMS.get(one.get("name", "")) if isinstance(one, dict) else None
        if transform is None:
            raise Mismatch(_("There is no transform like %(given)s.") % {"given": one})
        steps.append(transform.step(one, kind, wanted))
        kind = steps[-1].gives
    return Chain(tuple(steps), kind)


def offered(takes: Type) -> list[Transform]:
    """Those that can come next in a chain that has reached this type."""
    return [one for one in TRANSFORMS.values() if takes in one.takes]
