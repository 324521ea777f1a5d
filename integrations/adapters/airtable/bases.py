"""What Airtable's metadata API tells: bases, their tables and fields. Kept for one run."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pyairtable import Api

from integrations.adapters import errors
from integrations.adapters.airtable.failures import Hidden
from integrations.adapters.airtable.translate import is_marker

COLLECTION = re.compile(r"(app\w+)/(tbl\w+)")
MAY_WRITE = ("edit", "create", "")  # "": the list of bases does not name it


class Bases:
    """Asks once for each base, and again where it is told that something may have changed.

    Pages are read ahead in a thread, so what is kept is replaced and never taken away while somebody uses it.
    """

    def __init__(self, api: Api) -> None:
        self._api = api
        self._tables: dict[str, dict[str, Any]] = {}  # by collection
        self._levels: dict[str, str] | None = None  # {base id: what this token may do there}

    def all(self) -> list[dict[str, Any]]:
        pages = self._api.iterate_requests("GET", self._api.urls.bases)
        seen = [base for page in pages for base in page["bases"] if base.get("permissionLevel") != "none"]
        self._levels = {base["id"]: base.get("permissionLevel", "") for base in seen}
        return seen

    def may_write(self, collection: str) -> bool:
        if self._levels is None:
            self.all()
        return (self._levels or {}).get(base_of(collection), "") in MAY_WRITE

    def tables(self, base: str) -> list[dict[str, Any]]:
        """Asks anew. Raises NotFound: a base that is gone and one that is not shared look the same."""
        try:
            found = list(self._api.get(self._api.base(base).urls.tables)["tables"])
        except Hidden as error:
            raise errors.NotFound(f"this base is deleted or not shared: {error}") from error
        self._tables |= {f"{base}/{table['id']}": table for table in found}
        return found

    def table(self, collection: str, *, fresh: bool = False) -> dict[str, Any]:
        """Raises NotFound."""
        table = self._tables.get(collection)
        if fresh or table is None:
            self.sdk(collection)
            tables = self.tables(base_of(collection))
            table = next((one for one in tables if collection.endswith(f"/{one['id']}")), None)
        if table is None:
            self.forget(collection)
            raise errors.NotFound("this table is deleted or not shared")
        return table

    def fields(self, collection: str, *, fresh: bool = False) -> dict[str, Mapping[str, Any]]:
        return {raw["id"]: raw for raw in self.table(collection, fresh=fresh)["fields"]}

    def marker(self, collection: str, *, fresh: bool = False) -> str | None:
        """The id of the field that holds our records' ids, where the table has it."""
        fields = self.table(collection, fresh=fresh)["fields"]
        return next((str(raw["id"]) for raw in fields if is_marker(raw)), None)

    def known_field(self, ident: str) -> Mapping[str, Any] | None:
        """By its id, of the tables that were described so far; asks nobody."""
        known = (raw for table in list(self._tables.values()) for raw in table["fields"])
        return next((raw for raw in known if raw["id"] == ident), None)

    def forget(self, collection: str) -> None:
        """It is asked for again when it is needed next."""
        self._tables.pop(collection, None)

    def sdk(self, collection: str) -> Any:
        """The SDK's table. Raises NotFound for what is no collection."""
        if not COLLECTION.fullmatch(collection):
            raise errors.NotFound(f"“{collection}” is no Airtable table")
        return self._api.table(*collection.split("/"))


def base_of(collection: str) -> str:
    return collection.partition("/")[0]
