"""Everything Notion knows in this sandbox, in memory and written through. Changes come from `edits.py`."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from integrations.sandbox.calls import Answer, Call
from integrations.sandbox.clock import Clock
from integrations.sandbox.faults import Rule
from integrations.sandbox.notion import base, errors, render
from integrations.sandbox.notion.index import SourceIndex
from integrations.sandbox.notion.model import Connection, Database, Page, Prop, Source, User, Workspace
from integrations.sandbox.state import Store


class NotionWorld:
    """Look-ups and bookkeeping; the frame calls `answer`, `reset`, `seed` and so on (see `provider.World`)."""

    def __init__(self, store: Store, clock: Clock) -> None:
        from integrations.sandbox.notion.api import Api
        from integrations.sandbox.notion.hand import NotionHand
        from integrations.sandbox.notion.webhooks import Webhooks

        self.store, self.clock = store, clock
        self.search_lag_seconds = 0.0
        self._forget()
        self.webhooks = Webhooks(self)
        self.hand = NotionHand(self)
        self.api = Api(self)
        self._load()
        if not self.workspaces:
            base.furnish(self)
            store.commit()

    def _forget(self) -> None:
        self.workspaces: dict[str, Workspace] = {}
        self.users: dict[str, User] = {}
        self.connections: dict[str, Connection] = {}
        self.tokens: dict[str, dict[str, Any]] = {}
        self.databases: dict[str, Database] = {}
        self.sources: dict[str, Source] = {}
        self.pages: dict[str, Page] = {}
        self.blocks: dict[str, list[dict[str, Any]]] = {}
        self.codes: dict[str, dict[str, Any]] = {}
        self.indexes: dict[str, SourceIndex] = {}
        self._writers: dict[tuple[str | None, int, str, frozenset[str]], render.PageWriter] = {}
        self._seq = itertools.count(1)

    def _load(self) -> None:
        store = self.store
        self.workspaces = {doc["id"]: Workspace(**doc) for doc in store.load("workspace")}
        self.users = {doc["id"]: User(**doc) for doc in store.load("user")}
        self.connections = {doc["id"]: Connection(**doc) for doc in store.load("connection")}
        self.tokens = {doc["token"]: doc for doc in store.load("token")}
        self.codes = {doc["code"]: doc for doc in store.load("code")}
        self.databases = {doc["id"]: Database(**doc) for doc in store.load("database")}
        for doc in store.load("source"):
            doc["props"] = {prop["id"]: Prop(**prop) for prop in doc["props"]}
            self.sources[doc["id"]] = Source(**doc)
        for doc in store.load("counter"):
            source = self.sources[doc["source"]]
            source.counter = max(source.counter, doc["counter"])
        self.blocks = {doc["page"]: doc["blocks"] for doc in store.load("blocks")}
        self.add_pages([Page(*doc) for doc in store.load("page")])
        self.webhooks.load(store)

    def add_pages(self, pages: Iterable[Page]) -> None:
        """Take in many pages that are already stored (or are stored by the caller)."""
        rows: dict[str, list[Page]] = {ident: [] for ident in self.sources}
        last = next(self._seq) - 1
        for page in pages:
            self.pages[page.id] = page
            last = max(last, page.seq)
            if page.source is not None and not page.trashed:
                rows[page.source].append(page)
        self._seq = itertools.count(last + 1)
        for source, found in rows.items():
            if found or source not in self.indexes:
                self.index(source).fill(found)

    # Bookkeeping

    def now(self) -> int:
        return self.clock.now_ms()

    def next_seq(self) -> int:
        return next(self._seq)

    def index(self, source: str) -> SourceIndex:
        if source not in self.indexes:
            self.indexes[source] = SourceIndex()
        return self.indexes[source]

    def save(self, thing: Workspace | User | Connection | Database | Source | Page) -> None:
        match thing:
            case Page():
                self.store.put("page", thing.id, thing.as_list())
            case Source():
                self.sources[thing.id] = thing
                self.store.put("source", thing.id, asdict(thing) | {"props": [asdict(p) for p in thing.props.values()]})
            case Database():
                self.databases[thing.id] = thing
                self.store.put("database", thing.id, asdict(thing))
            case Connection():
                self.connections[thing.id] = thing
                self.store.put("connection", thing.id, asdict(thing))
            case User():
                self.users[thing.id] = thing
                self.store.put("user", thing.id, asdict(thing))
            case Workspace():
                self.workspaces[thing.id] = thing
                self.store.put("workspace", thing.id, asdict(thing))

    def save_token(self, doc: dict[str, Any]) -> None:
        """{"token", "connection", "at", "revoked", "refresh", "refresh_used"}"""
        self.tokens[doc["token"]] = doc
        self.store.put("token", doc["token"], doc)

    def set_table_trashed(self, database: Database, trashed: bool, author: str) -> None:
        database.trashed, database.edited = trashed, self.now()
        self.save(database)
        for ident in database.sources:
            source = self.sources[ident]
            source.trashed, source.edited, source.edited_by = trashed, self.now(), author
            self.save(source)
            self.webhooks.table_changed(f"data_source.{'deleted' if trashed else 'undeleted'}", ident, author)

    # Looking up

    def connection_of(self, token: str | None) -> Connection | None:
        doc = self.tokens.get(token or "")
        return self.connections.get(doc["connection"]) if doc and not doc["revoked"] else None

    def sees(self, connection: Connection, database: str) -> bool:
        found = self.databases.get(database)
        return found is not None and found.workspace == connection.workspace and database not in connection.hidden

    def sees_page(self, connection: Connection, page: Page) -> bool:
        if page.source is None:
            return page.workspace == connection.workspace
        return self.sees(connection, self.sources[page.source].database)

    def source_of_prop(self, prop: Prop) -> Source | None:
        return next((source for source in self.sources.values() if source.props.get(prop.id) is prop), None)

    def shown_relation(self, page: Page, prop: Prop) -> list[str]:
        """Related pages that are there and not in the trash; the stored list keeps the others, for their return."""
        idents = page.values.get(prop.id)
        if not idents:
            return []
        pages = self.pages
        return [ident for ident in idents if (found := pages.get(ident)) is not None and not found.trashed]

    def user_object(self, ident: str, people: str) -> dict[str, Any]:
        """people: "email", "user" (no e-mail) or "id" (bare)."""
        if people == "id" or ident not in self.users and ident not in self.connections:
            return render.partial_user(ident)
        if ident in self.users:
            return render.user(self.users[ident], with_email=people == "email")
        return self.bot_object(self.connections[ident])

    def bot_object(self, connection: Connection) -> dict[str, Any]:
        owner = self.users.get(connection.owner) if connection.owner else None
        return render.bot(connection, self.workspaces[connection.workspace], owner)

    # Rendering pages

    def page_bytes(self, page: Page, connection: Connection) -> bytes:
        writer = self.writer(page, connection)
        if not writer.cacheable:
            return writer.page(page)
        version = self.sources[page.source].version if page.source else 0
        if page.raw is None or page.raw_version != version:
            page.raw, page.raw_version = writer.page(page), version
        return page.raw

    def writer(self, page: Page, connection: Connection) -> render.PageWriter:
        source = self.sources[page.source] if page.source else None
        people = "email" if connection.can("email") else "user" if connection.can("user") else "id"
        key = (page.source, source.version if source else 0, people, frozenset(connection.hidden))
        if key not in self._writers:
            if len(self._writers) > 200:
                self._writers.clear()
            self._writers[key] = render.PageWriter(self, source, people, connection.hidden)
        return self._writers[key]

    # What the frame asks for

    def answer(self, call: Call) -> Answer:
        return self.api.answer(call)

    def caller(self, call: Call) -> str:
        return "" if call.path.startswith("/v1/oauth/") else call.bearer or ""

    def error(self, rule: Rule) -> Answer:
        if rule.status == 429 or rule.fault == "rate_limited":
            return errors.rate_limited(rule.retry_after, rule.extra.get("reason", "public_api_request_rate_limit"))
        code, message = errors.MESSAGES.get(rule.status, errors.MESSAGES[500])
        retry_after = rule.retry_after if rule.status == 529 else None
        code, message = rule.extra.get("code", code), rule.extra.get("message", message)
        return errors.error_answer(rule.status, code, message, rule.extra.get("additional_data"), retry_after)

    def saved(self, done: Answer) -> Answer:
        return errors.saved(done)

    def reset(self) -> None:
        self.store.clear()
        self.webhooks.clear()
        self.search_lag_seconds = 0.0
        self._forget()
        base.furnish(self)

    def seed(self, name: str, **sizes: int) -> dict[str, Any]:
        from integrations.sandbox.notion import seeds

        return seeds.sow(self, name, sizes)

    def is_empty(self) -> bool:
        return not self.databases

    def welcome(self) -> list[tuple[str, str]]:
        return base.welcome(self)

    def control(self, action: str, body: dict[str, Any]) -> Any:
        from integrations.sandbox.notion import actions

        return actions.perform(self, action, body)

    async def background(self) -> None:
        await self.webhooks.deliver_for_ever()
