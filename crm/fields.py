"""Model fields that carry what the entity registry needs to know beyond Django's own types."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import uuid_utils.compat
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Value
from django.db.models.functions import Concat

from crm import letters


def new_id() -> Any:
    """A UUID that sorts by its time of making (version 7): unguessable in a URL, cheap in an index."""
    return uuid_utils.compat.uuid7()


def is_id(text: str) -> bool:
    """As we write one: Python reads more forms of it than PostgreSQL."""
    try:
        return str(UUID(text)) == text.lower()
    except ValueError:
        return False


def search_text(*names: str) -> models.GeneratedField:
    """What the search of a list looks through: these columns in one form of letters, kept by the database in one column.

    Reading one short text costs a fraction of folding two for every record that is looked at.
    """
    parts: list[Any] = [part for name in names for part in (Value(" "), name)][1:]
    text = Concat(*parts, output_field=models.TextField()) if parts[1:] else F(names[0])
    return models.GeneratedField(expression=letters.folded(text), output_field=models.TextField(), db_persist=True)


class LongTextField(models.TextField):
    """Text with paragraphs."""


class PhoneField(models.CharField):
    """A phone number, as written."""


class SelectField(models.CharField):
    """One of named options. The options here are the first ones; a tenant may add its own (`SelectOption`)."""

    def __init__(self, *args: Any, options: tuple[str, ...] = (), **kwargs: Any) -> None:
        self.options = options
        kwargs.setdefault("max_length", 100)
        kwargs.setdefault("blank", True)
        kwargs.setdefault("default", "")
        super().__init__(*args, **kwargs)


class MoneyField(models.DecimalField):
    """An amount; its currency stands in the column `<name>_currency` beside it."""


class RelationField(ArrayField):
    """Ids of several records of another entity, each once, sorted. Dangling ids are passed over when read."""

    def __init__(self, to: str, *args: Any, **kwargs: Any) -> None:
        self.to = to
        kwargs.setdefault("base_field", models.UUIDField())
        kwargs.setdefault("default", list)
        kwargs.setdefault("blank", True)
        super().__init__(*args, **kwargs)

    def deconstruct(self) -> tuple[str, str, list[Any], dict[str, Any]]:
        name, path, args, kwargs = super().deconstruct()
        return name, path, [self.to, *args], kwargs
