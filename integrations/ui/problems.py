"""Records set aside, by cause, with a way to each of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from crm import registry
from integrations.models import SetAside
from integrations.services import failures
from integrations.services.standing import Group
from integrations.sync.tables import BY_A_PERSON
from integrations.ui.tools import tool


def shown(groups: Sequence[Group]) -> list[dict[str, Any]]:
    """For _problems.html. Two small queries per kind of record that has problems."""
    entities = {name: registry.entity(name) for name in {group.stream.entity for group in groups}}
    return [_group(group, entities[group.stream.entity]) for group in groups]


def _group(group: Group, entity: registry.Entity) -> dict[str, Any]:
    name = tool(group.stream.integration.provider).name
    noun = entity.plural if group.count != 1 else entity.label
    said = {
        "here": ngettext(
            "%(n)s %(noun)s could not go to %(tool)s", "%(n)s %(noun)s could not go to %(tool)s", group.count
        ),
        "there": ngettext("%(n)s %(noun)s could not come in", "%(n)s %(noun)s could not come in", group.count),
    }[group.side if group.side in ("here", "there") else "there"]
    field = entity.fields.get(group.field)
    return {
        "title": said % {"n": group.count, "noun": noun.lower(), "tool": name},
        "field": field.label if field else group.field,
        "reason": group.reason or failures.tell(group.code, tool=name).text,
        "table": group.stream.collection_name,
        "examples": [_example(one, group) for one in group.examples],
        "more": max(group.count - len(group.examples), 0),
        "retry_url": reverse("inbox:retry", args=[group.examples[0].pk])
        if group.examples and group.code not in BY_A_PERSON
        else "",
        "choose_url": reverse("connections:matches", args=[group.stream.integration_id, group.stream.pk])
        if group.code == "ambiguous"
        else "",
        "mapping_url": reverse("connections:mapping", args=[group.stream.integration_id, group.stream.pk])
        if group.field
        else "",
    }


def _example(one: SetAside, group: Group) -> dict[str, Any]:
    url = reverse("records:detail", args=[group.stream.entity, one.record_id]) if one.record_id else ""
    return {"title": one.title or _("without a name"), "url": url, "first_at": one.first_at, "retry_at": one.retry_at}
