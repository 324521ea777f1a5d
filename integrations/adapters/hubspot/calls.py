"""The requests we send, through HubSpot's SDK by its raw-response door: its model objects are several times slower.

Paths, versions and encoding are the SDK's business; limits, retries and errors are the transport's, which stands where the SDK's
pool of connections was.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

import hubspot
from hubspot.discovery.discovery_base import DiscoveryBase

from integrations.adapters import errors
from integrations.transport.classify import http_date
from integrations.transport.urllib3_door import PoolDoor, Response

if TYPE_CHECKING:
    from integrations.transport.http import Transport

PAGE = 100
SEARCH_PAGE = 200
ASSOCIATIONS_READ, ASSOCIATIONS_WRITTEN = 1000, 2000
#: A longer list of properties goes into a body: addresses of more than about 8 KB are refused.
URL_BUDGET = 4000

Body = dict[str, Any]
T = TypeVar("T")


class Calls:
    """One object for one run; the SDK makes a new client at every access, so ours are kept."""

    def __init__(self, token: str, transport: Transport) -> None:
        self.token, self.transport = token, transport

        def through_transport(package: Any, name: str, config: Mapping[str, Any]) -> Any:
            api = DiscoveryBase._default_api_factory(package, name, config)
            api.api_client.rest_client.pool_manager = PoolDoor(transport)
            return api

        self._client = hubspot.Client.create(access_token=token, host=transport.base_url, api_factory=through_transport)

    @cached_property
    def _basic(self) -> Any:
        return self._client.crm.objects.basic_api

    @cached_property
    def _batch(self) -> Any:
        return self._client.crm.objects.batch_api

    @cached_property
    def _search(self) -> Any:
        return self._client.crm.objects.search_api

    @cached_property
    def _links(self) -> Any:
        return self._client.crm.associations.v4.batch_api

    @cached_property
    def _properties(self) -> Any:
        return self._client.crm.properties.core_api

    # --- what there is ----------------------------------------------------------------------------------------------

    def account(self) -> Body:
        """Not in the SDK."""
        headers = {"Authorization": f"Bearer {self.token}"}
        return _object(self.transport.client.get("/account-info/v3/details", headers=headers).json())

    def properties(self, kind: str) -> list[Body]:
        return _results(self._properties.get_all(kind, _preload_content=False))

    def create_property(self, kind: str, body: Body) -> None:
        self._properties.create(kind, body, _preload_content=False)

    def change_property(self, kind: str, name: str, body: Body) -> None:
        self._properties.update(kind, name, body, _preload_content=False)

    def pipelines(self, kind: str) -> list[Body]:
        return _results(self._client.crm.pipelines.pipelines_api.get_all(kind, _preload_content=False))

    def schemas(self) -> list[Body]:
        return _results(self._client.crm.schemas.core_api.get_all(_preload_content=False))

    def owners(self, archived: bool) -> Iterator[Body]:
        api, after = self._client.crm.owners.owners_api, None
        while True:
            more: Body = {"after": after} if after else {}
            answer = _read(api.get_page(limit=PAGE, archived=str(archived).lower(), _preload_content=False, **more))
            yield from answer["results"]
            if not (after := next_after(answer)):
                return

    # --- records ----------------------------------------------------------------------------------------------------

    def page(
        self, kind: str, names: Sequence[str], after: str | None, archived: bool = False, size: int = PAGE
    ) -> tuple[Body, dt.datetime | None]:
        """(one page of the listing by id, HubSpot's clock)"""
        more = {"after": after} if after else {}
        joined = ",".join(names) or "hs_object_id"  # without any, HubSpot chooses some
        short = joined if len(joined) <= URL_BUDGET else "hs_object_id"
        answer = self._basic.get_page(
            kind, limit=size, properties=[short], archived=str(archived).lower(), _preload_content=False, **more
        )
        body = _read(answer)
        if short != joined and body["results"]:
            body["results"] = self.batch_read(kind, [row["id"] for row in body["results"]], names, archived=archived)
        return body, http_date(answer.headers.get("date"))

    def batch_read(
        self, kind: str, ids: Sequence[str], names: Sequence[str], by: str = "", archived: bool = False
    ) -> list[Body]:
        """The records of these ids, or of these values of the unique property `by`; those that are not there are left out."""
        found: list[Body] = []
        for part in _parts(ids, PAGE):
            body: Body = {
                "properties": list(names),
                "propertiesWithHistory": [],
                "inputs": [{"id": one} for one in part],
            }
            if by:
                body["idProperty"] = by
            told = {"archived": "true"} if archived else {}
            found += _results(self._batch.read(kind, body, _preload_content=False, **told))
        return found

    def search(self, kind: str, body: Body) -> tuple[list[Body], dt.datetime | None]:
        """(what the search index knows, HubSpot's clock)"""
        answer = self._search.do_search(kind, body, _preload_content=False)
        return _read(answer)["results"], http_date(answer.headers.get("date"))

    def total(self, kind: str) -> int:
        """How many records the search index knows."""
        return int(_read(self._search.do_search(kind, {"limit": 1}, _preload_content=False))["total"])

    def create(self, kind: str, inputs: Sequence[Body]) -> Body:
        return _read(self._batch.create(kind, {"inputs": list(inputs)}, _preload_content=False))

    def update(self, kind: str, inputs: Sequence[Body]) -> Body:
        return _read(self._batch.update(kind, {"inputs": list(inputs)}, _preload_content=False))

    def archive(self, kind: str, ids: Sequence[str]) -> None:
        self._batch.archive(kind, {"inputs": [{"id": one} for one in ids]}, _preload_content=False)

    # --- associations -----------------------------------------------------------------------------------------------

    def links(self, kind: str, target: str, ids: Sequence[str]) -> dict[str, dict[str, set[int]]]:
        """{id: {associated id: type ids}}; a record without associations has an empty dict."""
        found: dict[str, dict[str, set[int]]] = {one: {} for one in ids}
        waiting: list[Body] = [{"id": one} for one in ids]
        while waiting:
            part, waiting = waiting[:ASSOCIATIONS_READ], waiting[ASSOCIATIONS_READ:]
            for row in _results(self._links.get_page(kind, target, {"inputs": part}, _preload_content=False)):
                held = found.setdefault(str(row["from"]["id"]), {})
                for to in row["to"]:
                    types = {int(one["typeId"]) for one in to["associationTypes"]}
                    held.setdefault(str(to["toObjectId"]), set()).update(types)
                if after := next_after(row):
                    waiting.append({"id": row["from"]["id"], "after": after})
        return found

    def link(self, kind: str, target: str, wanted: Sequence[tuple[str, str, Sequence[int]]]) -> list[Body]:
        """wanted: [(id, associated id, type ids; none for HubSpot's default)]. Answers what was refused."""
        refused: list[Body] = []
        for typed, send in ((True, self._links.create), (False, self._links.create_default)):
            for part in _parts([one for one in wanted if bool(one[2]) is typed], ASSOCIATIONS_WRITTEN):
                inputs = [
                    {"from": {"id": one}, "to": {"id": to}} | ({"types": specs(types)} if typed else {})
                    for one, to, types in part
                ]
                refused += _read(send(kind, target, {"inputs": inputs}, _preload_content=False)).get("errors") or []
        return refused

    def unlink(self, kind: str, target: str, unwanted: Sequence[tuple[str, str]]) -> None:
        for part in _parts(unwanted, ASSOCIATIONS_WRITTEN):
            inputs = [{"from": {"id": one}, "to": [{"id": to}]} for one, to in part]
            self._links.archive(kind, target, {"inputs": inputs}, _preload_content=False)


def specs(types: Sequence[int]) -> list[Body]:
    return [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": one} for one in types]


def next_after(answer: Mapping[str, Any]) -> str | None:
    return ((answer.get("paging") or {}).get("next") or {}).get("after")


def _read(response: Response) -> Body:
    return _object(response.json())


def _results(response: Response) -> list[Body]:
    try:
        found: list[Body] = _read(response)["results"]
    except KeyError as error:
        raise errors.SchemaChanged("an answer of HubSpot without its results") from error
    return found


def _object(answer: Any) -> Body:
    if not isinstance(answer, dict):
        raise errors.SchemaChanged("an answer of HubSpot is not as documented")
    return answer


def _parts(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
