"""Notion's HTTP API: which handler, and the checks that come before every one of them.

Order of checks as recorded from the service: URL, JSON, token, then version and content.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from integrations.sandbox.calls import Answer, Call, Routes, json_answer
from integrations.sandbox.notion import errors, oauth
from integrations.sandbox.notion.asked import Asked
from integrations.sandbox.notion.content import ContentApi
from integrations.sandbox.notion.model import new_id
from integrations.sandbox.notion.pages_api import PagesApi
from integrations.sandbox.notion.query import Queries, page_size
from integrations.sandbox.notion.search import search
from integrations.sandbox.notion.tables_api import TablesApi

if TYPE_CHECKING:
    from integrations.sandbox.notion.world import NotionWorld

OLDER = "2025-09-03"
VERSIONS = (OLDER, "2026-03-11")


class Api:
    def __init__(self, world: NotionWorld) -> None:
        self.world = world
        self.queries = Queries(world)
        self.routes = Routes()
        add = self.routes.add
        add("GET", "/v1/users/me", self.me)
        add("GET", "/v1/users", self.users)
        add("GET", "/v1/users/{user}", self.user)
        add("POST", "/v1/search", lambda asked: search(world, asked))
        add("POST", "/v1/data_sources/{source}/query", self.query)
        PagesApi(world).register(self.routes)
        TablesApi(world).register(self.routes)
        ContentApi(world).register(self.routes)
        self.open_routes = oauth.routes(world)

    def answer(self, call: Call) -> Answer:
        try:
            if (opened := self.open_routes.find(call.method, call.path)) is not None:
                return opened[0](call)
            return self._checked(call)
        except errors.NotionError as error:
            return error.answer()

    def _checked(self, call: Call) -> Answer:
        found = self.routes.find(call.method, call.path)
        if found is None:
            raise errors.invalid_url()
        handler, parts = found
        body = _read_body(call)
        connection = self.world.connection_of(call.bearer)
        if connection is None:
            raise errors.NotionError(401, *errors.MESSAGES[401])
        _check_version(call)
        answer = handler(Asked(call, connection, body, self.world), **parts)
        return _with_archived(answer) if call.headers["notion-version"] == OLDER else answer

    # Users

    def me(self, asked: Asked) -> Answer:
        return with_request_id(self.world.bot_object(asked.connection))

    def users(self, asked: Asked) -> Answer:
        asked.need("user")
        people = [u.id for u in self.world.users.values() if u.workspace == asked.connection.workspace]
        people.append(asked.connection.id)
        size = page_size(asked.number("page_size"), "query.page_size")
        start = _start_at(people, asked.call.param("start_cursor"))
        shown = people[start : start + size]
        mode = "email" if asked.connection.can("email") else "user"
        body = {
            "object": "list",
            "results": [self.world.user_object(ident, mode) for ident in shown],
            "next_cursor": people[start + size] if start + size < len(people) else None,
            "has_more": start + size < len(people),
            "type": "user",
            "user": {},
        }
        return with_request_id(body)

    def user(self, asked: Asked, user: str) -> Answer:
        asked.need("user")
        ident = asked.uuid(user, "user_id")
        found = self.world.users.get(ident) or self.world.connections.get(ident)
        if found is None or found.workspace != asked.connection.workspace:
            raise errors.NotionError(404, "object_not_found", f"Could not find user with ID: {ident}.")
        mode = "email" if asked.connection.can("email") else "user"
        return with_request_id(self.world.user_object(ident, mode))

    # Queries

    def query(self, asked: Asked, source: str) -> Answer:
        asked.need("read")
        asked.only("filter", "sorts", "start_cursor", "page_size", "is_archived", "in_trash", "archived", "result_type")
        found_source = asked.source(source)
        only = asked.filter_properties(found_source)
        body = asked.body
        if body.get("is_archived") or body.get("in_trash") or body.get("archived"):
            return _list(b"", None, False)
        found = self.queries.run(found_source, body)
        world, connection = self.world, asked.connection
        if only is None:
            records = b",".join([world.page_bytes(page, connection) for page in found.pages])
        else:
            records = b",".join([world.writer(page, connection).page(page, only) for page in found.pages])
        return _list(records, found.next_cursor, found.is_capped)


def _list(records: bytes, cursor: str | None, is_capped: bool) -> Answer:
    tail = b'],"next_cursor":%s,"has_more":%s,"type":"page_or_data_source","page_or_data_source":{},' % (
        (b'"%s"' % cursor.encode(), b"true") if cursor else (b"null", b"false")
    )
    if is_capped:
        tail += b'"request_status":{"type":"incomplete","incomplete_reason":"query_result_limit_reached"},'
    return Answer(200, b'{"object":"list","results":[' + records + tail + b'"request_id":"%s"}' % new_id().encode())


def with_request_id(body: dict[str, Any]) -> Answer:
    return json_answer(body | {"request_id": new_id()})


def _with_archived(answer: Answer) -> Answer:
    """Before 2026-03-11 objects carried `archived` as well. Inside a text the quotes would be escaped."""
    body = answer.body
    for flag in (b"true", b"false"):
        body = body.replace(b',"in_trash":' + flag, b',"archived":' + flag + b',"in_trash":' + flag)
    return Answer(answer.status, body, answer.content_type, answer.headers)


def _read_body(call: Call) -> Any:
    if call.method == "GET" or not call.body:
        return {}
    try:
        body = orjson.loads(call.body)
    except orjson.JSONDecodeError as error:
        raise errors.NotionError(400, "invalid_json", "Error parsing JSON body.") from error
    return body


def _check_version(call: Call) -> None:
    version = call.headers.get("notion-version")
    where = "Notion-Version header failed validation: Notion-Version header should be"
    if version is None:
        raise errors.NotionError(400, "missing_version", f"{where} defined, instead was `undefined`.")
    if version not in VERSIONS:
        known = ", ".join(f'`"{known}"`' for known in VERSIONS)
        raise errors.invalid(f'{where} {known}, instead was `"{version}"`.')


def _start_at(idents: list[str], cursor: str | None) -> int:
    if cursor is None:
        return 0
    if cursor not in idents:
        raise errors.invalid(f"The start_cursor provided is invalid: {cursor}")
    return idents.index(cursor)
