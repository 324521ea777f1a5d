"""Owners by e-mail: HubSpot's records name them by id."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from integrations.adapters import errors

PREFIX = "hubspot:"  # somebody whose e-mail we may not see


class Owners:
    """Asked for at most once, and only when an owner is met. Former owners are still named, and cannot be set.

    Without the scope for owners people are called "hubspot:<owner id>", which can be written back.
    """

    def __init__(self, load: Callable[[bool], Iterable[Mapping[str, Any]]]) -> None:
        self._load = load
        self._names: dict[str, str] = {}
        self._ids: dict[str, str] = {}
        self._loaded = False

    def name(self, ident: str) -> str:
        self._load_once()
        return self._names.get(ident, PREFIX + ident)

    def member(self, name: str) -> str | None:
        """The owner id to write for a canonical name, None for nobody of this account."""
        if name.startswith(PREFIX):
            return name.removeprefix(PREFIX)
        self._load_once()
        return self._ids.get(name.strip().lower())

    def _load_once(self) -> None:
        if self._loaded:
            return
        try:
            for archived in (True, False):  # the present ones last: an address may have been given to a successor
                for owner in self._load(archived):
                    email = str(owner.get("email") or "").lower()
                    if email:
                        self._names[str(owner["id"])] = email
                        if not archived:
                            self._ids[email] = str(owner["id"])
        except (errors.AccessDenied, errors.NotFound):
            pass
        self._loaded = True
