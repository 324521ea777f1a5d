"""Tables paired in one go: those whose name speaks of a kind of record, where no other table speaks of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection as Several
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from integrations.adapters.base import Collection
from integrations.models import IntegrationInstance
from integrations.services import setup
from integrations.services.connect import Refused
from integrations.ui.forms import suggest_entity
from integrations.ui.status import plural


def offered(found: Iterable[Collection], paired: Several[tuple[str, str]]) -> list[dict[str, str]]:
    """[{value, table, entity}] for the form, or nothing where there are not at least two.

    paired: (collection, entity) of the streams. Two tables that speak of the same kind are a person's choice.
    """
    used, kept = {table for table, _entity in paired}, {entity for _table, entity in paired}
    free = [(one, suggest_entity(one)) for one in found if one.id not in used]
    speaking = Counter(entity for _one, entity in free)
    matching = [
        {"value": f"{entity}:{one.id}", "table": one.name, "entity": plural(entity)}
        for one, entity in free
        if entity and entity not in kept and speaking[entity] == 1
    ]
    return matching if len(matching) > 1 else []


@dataclass(frozen=True)
class Turn:
    """Some of the chosen tables are paired; the others follow."""

    done: int
    total: int
    left: Sequence[str]
    refused: Sequence[str]
    """Words, one for each table that could not be paired."""


def go_on(integration: IntegrationInstance, chosen: Sequence[str], total: int, at_once: bool, by: str) -> Turn:
    """Pairs the first of the chosen, or all of them. total: how many there were at the beginning."""
    now, left = (chosen, ()) if at_once else (chosen[:1], chosen[1:])
    refused = []
    for one in now:
        entity, _colon, collection = one.partition(":")
        try:
            setup.add(integration, collection, "", entity, by)
        except Refused as why:
            if why.code != "paired_already":  # pressed twice, or somebody else was faster: it is what was wanted
                refused.append(str(why))
    total = max(total, len(chosen))
    return Turn(total - len(left), total, left, refused)


def context(turn: Turn) -> dict[str, Any]:
    """For _pairing.html."""
    return {"turn": turn, "label": _("Pairing"), "unit": _("tables")}
