"""Lists in pages: a page begins after the sort key of the last item seen, so every page costs the same."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from typing import Any, TypeVar

import orjson
import pydantic
from django.core.exceptions import ValidationError
from django.db.models import Model, Q, QuerySet
from django.utils.translation import gettext as _
from ninja import Field, Schema

from integrations.api.problems import Problem

Row = TypeVar("Row", bound=Model)


class Paging(Schema):
    limit: int = Field(50, ge=1, le=200, description="How many items a page has at most.")
    after: str = Field("", description="The cursor `next` of the page before.")


def page_of(item: type[Schema]) -> Any:
    """The schema of a page of such items."""
    return pydantic.create_model(
        f"{item.__name__}Page",
        __base__=Schema,
        items=(list[item], ...),  # type: ignore[valid-type]
        next=(str | None, Field(None, description="Send it as `after` to get the next page; null on the last one.")),
    )


def page(found: QuerySet[Row], order: Sequence[str], paging: Paging) -> tuple[list[Row], str | None]:
    """One page and the cursor of the next. `order` ends with a unique column; all of it ascends, or all of it descends."""
    names = [name.lstrip("-") for name in order]
    if paging.after:
        found = _beyond(found, names, "lt" if order[0].startswith("-") else "gt", _open(paging.after, len(names)))
    rows = list(found.order_by(*order)[: paging.limit + 1])
    if len(rows) <= paging.limit:
        return rows, None
    rows.pop()
    return rows, _seal([getattr(rows[-1], name) for name in names])


def bad_cursor() -> Problem:
    return Problem("invalid_cursor", _("Take the cursor from the field “next” of the page before, as it is."))


def _beyond(found: QuerySet[Row], names: list[str], step: str, place: list[Any]) -> QuerySet[Row]:
    """The rows after `place` in the order of `names`: (a, b) > (x, y) is a > x, or a = x and b > y."""
    condition, same = Q(), Q()
    for name, value in zip(names, place, strict=True):
        condition |= same & Q(**{f"{name}__{step}": value})
        same &= Q(**{name: value})
    try:
        return found.filter(condition)
    except (ValidationError, ValueError, TypeError) as error:
        raise bad_cursor() from error


def _seal(place: list[Any]) -> str:
    return base64.urlsafe_b64encode(orjson.dumps(place)).decode().rstrip("=")


def _open(cursor: str, size: int) -> list[Any]:
    try:
        place = orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, binascii.Error) as error:
        raise bad_cursor() from error
    if not isinstance(place, list) or len(place) != size or any(isinstance(part, list | dict) for part in place):
        raise bad_cursor()
    return place
