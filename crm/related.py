"""What points to a record: a company's contacts and deals, a contact's tasks. The first few, how many, and the list of all."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.urls import reverse

from crm import registry
from crm.cells import drawn
from crm.listing import Asked, Listing
from crm.present import Presenter
from crm.registry import Entity, Field, People

FIRST = 5


def of(entity: Entity, record_id: str, people: People) -> list[dict[str, Any]]:
    """A part for each field of another entity that leads here; a fixed number of queries for each."""
    return [
        _part(other, described, record_id, people)
        for other in registry.every()
        for described in other.fields.values()
        if described.target == entity.name
    ]


def _part(other: Entity, described: Field, record_id: str, people: People) -> dict[str, Any]:
    listed = Listing(other, Asked(filters=((described.name, record_id),)), size=FIRST, people=people)
    page = listed.page()
    # beside the title, the first column that is not the way back
    second = next(name for name in other.columns_shown[1:] if name != described.name)
    show = Presenter(other, people, [{second: item.values[second]} for item in page.items])
    query = urlencode({described.name: record_id})
    return {
        "entity": other,
        "label": other.plural,
        "count": page.count,
        "is_many": page.count is None or page.count > len(page.items),
        "rows": [
            {"id": item.id, "title": item.title, "beside": drawn(show.show(other.fields[second], item.values[second]))}
            for item in page.items
        ],
        "url": f"{reverse('records:list', args=[other.name])}?{query}",
        "add_url": f"{reverse('records:create', args=[other.name])}?{query}",
    }
