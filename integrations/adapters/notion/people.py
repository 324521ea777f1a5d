"""People by e-mail, Notion's way: user ids, and a directory that may not tell everything."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from integrations.adapters import errors

PREFIX = "notion:"  # somebody whose e-mail the connection may not see


class Directory:
    """The members of a workspace, asked for at most once and only when somebody is met without an e-mail.

    Guests are not in Notion's list of users, and without the capability "user information" nobody is: such people
    are called "notion:<user id>", which can be written back.
    """

    def __init__(self, load: Callable[[], Iterable[Mapping[str, Any]]]) -> None:
        self._load = load
        self._names: dict[str, str] = {}
        self._ids: dict[str, str] = {}
        self._loaded = False

    def name(self, user: Mapping[str, Any]) -> str:
        ident = user["id"]
        if (known := self._names.get(ident)) is not None:
            return known
        if not self._remember(user):
            self._load_once()
        return self._names.setdefault(ident, PREFIX + ident)

    def member(self, name: str) -> str | None:
        """The user id to write for a canonical name, None for nobody of this workspace."""
        if name.startswith(PREFIX):
            return name.removeprefix(PREFIX)
        folded = name.strip().lower()
        if folded not in self._ids:
            self._load_once()
        return self._ids.get(folded)

    def _remember(self, user: Mapping[str, Any]) -> bool:
        email = (user.get("person") or {}).get("email")
        if not email:
            return False
        self._names[user["id"]] = email.lower()
        self._ids[email.lower()] = user["id"]
        return True

    def _load_once(self) -> None:
        if self._loaded:
            return
        self._loaded = True
        try:
            for user in self._load():
                self._remember(user)
        except errors.AccessDenied:  # the connection may not see people: their ids have to do
            return
