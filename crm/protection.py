"""Who else has a say before a person changes a record. `crm` knows nobody here; other apps register themselves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from uuid import UUID

#: Answers {record id: reason in words} for the records that people may not change.
Guard = Callable[[str, Sequence[UUID]], dict[str, str]]

_guards: list[Guard] = []


def register(guard: Guard) -> None:
    if guard not in _guards:
        _guards.append(guard)


def read_only(entity: str, ids: Sequence[UUID]) -> dict[str, str]:
    """{record id: why it is read-only}; records that may be changed are absent."""
    found: dict[str, str] = {}
    for guard in _guards:
        found |= guard(entity, ids)
    return found
