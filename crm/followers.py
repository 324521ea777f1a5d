"""Who has to follow when a field that the tenant added changes. `crm` knows nobody here; other apps register themselves.

Fields are named as the registry does: "custom.tier".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True)
class Follower:
    """places: where it uses the field, in words. hold: nobody writes this field for it until the transaction ends; asked for
    before the field and the records are locked. changed: the field is there no more, or again.
    renamed: its options have other names {old: new}; records_renamed: these records hold the new names now.
    """

    places: Callable[[str, str], list[str]]
    hold: Callable[[str, str], None]
    changed: Callable[[str, str], None]
    renamed: Callable[[str, str, Mapping[str, str]], None]
    records_renamed: Callable[[str, str, Sequence[UUID], Mapping[str, str]], None]


_followers: list[Follower] = []


def register(follower: Follower) -> None:
    if follower not in _followers:
        _followers.append(follower)


def places(entity: str, field: str) -> list[str]:
    return [words for one in _followers for words in one.places(entity, field)]


def hold(entity: str, field: str) -> None:
    for one in _followers:
        one.hold(entity, field)


def changed(entity: str, field: str) -> None:
    for one in _followers:
        one.changed(entity, field)


def renamed(entity: str, field: str, names: Mapping[str, str]) -> None:
    for one in _followers:
        one.renamed(entity, field, names)


def records_renamed(entity: str, field: str, ids: Sequence[UUID], names: Mapping[str, str]) -> None:
    for one in _followers:
        one.records_renamed(entity, field, ids, names)
