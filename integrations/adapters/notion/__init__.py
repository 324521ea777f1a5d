"""Notion: data sources as collections, their pages as records.

Notion's official SDK is for JavaScript; `notion_client` mirrors it and answers plain dicts. Its retries are off and its
client is our transport's. Where it would drop an argument or an answer's header, its own client is used raw.
"""

from __future__ import annotations

import datetime as dt
import logging
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

from notion_client import Client

from integrations.adapters import errors
from integrations.adapters.base import (
    Account,
    Adapter,
    Auth,
    Capabilities,
    Change,
    Collection,
    Field,
    FormField,
    HookCall,
    Hooks,
    HookSays,
    Manifest,
    NewField,
    OAuth,
    Page,
    RateLimit,
    Record,
    Schema,
)
from integrations.adapters.notion import failures, hooks, making, reading, translate, write
from integrations.adapters.notion.people import Directory
from integrations.adapters.values import Type, Value
from integrations.adapters.words import gettext_noop as _
from integrations.transport.classify import http_date

if TYPE_CHECKING:
    from integrations.transport.http import Transport

NOTION_VERSION = "2026-03-11"
PATH_LOOKUPS = 20  # parent pages named when collections are listed; more are not worth the requests
HEX_ID = re.compile(r"[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}", re.IGNORECASE)

log = logging.getLogger(__name__)


class NotionAdapter(Adapter):
    """One object per run; nothing is kept on the class."""

    manifest = Manifest(
        slug="notion",
        name="Notion",
        tagline=_("Rows of your Notion databases, with their properties"),
        base_url="https://api.notion.com",
        auth=(
            Auth(
                kind="oauth2",
                oauth=OAuth(
                    authorize_url="https://api.notion.com/v1/oauth/authorize",
                    token_url="https://api.notion.com/v1/oauth/token",  # noqa: S106 - an address
                    revoke_url="https://api.notion.com/v1/oauth/revoke",
                    revokes="token",
                    scopes=(),  # Notion has none: what the connection may do stands in its settings there
                    pkce=False,
                    client="basic",
                    body="json",
                    params={"owner": "user"},
                    seconds=0,
                    rotates=True,
                ),
            ),
            Auth(
                kind="token",
                fields=(
                    FormField(
                        name="token",
                        label=_("Connection token"),
                        help=_("Begins with “ntn_”; older ones begin with “secret_”."),
                        placeholder="ntn_…",
                    ),
                ),
                help=_(
                    "In Notion, open Settings → Connections → Develop or manage connections, create an internal "
                    "connection for your workspace and copy its token. Give it the capabilities to read, update and "
                    "insert content, and to read user information including e-mail addresses. Then open each database "
                    "you want to sync, choose ••• → Connections, and add the connection: Raccord sees only what is "
                    "shared with it."
                ),
                help_url="https://developers.notion.com/docs/create-a-notion-integration",
            ),
        ),
        can=Capabilities(
            write=True,
            delete=True,
            restore=True,
            incremental=True,
            sees_deletions=False,  # trashed rows leave the listing; no query shows them
            webhooks=True,
            create_once="marker",  # no key, no upsert, no id of ours: the property “Raccord ID”
            create_fields=True,
            create_collections=True,
            tells_created=True,
            versions=False,  # no etag, no version: the last writer wins per property
            batch=1,
            fetch_batch=1,
            clock_seconds=60,
            lag_seconds=3,  # queries are served from an index; Notion promises no bound
        ),
        # Business and Enterprise plans allow 600. Together with the transport's pacing this is some 3 a second.
        limits=(RateLimit(180, 60),),
        hooks=Hooks(
            "app",
            help=_(
                "In Notion, open the settings of the app's connection, choose Webhooks and create a subscription with this "
                "address, for page and data source events. Notion sends a verification token: it appears under "
                "Webhooks → Handshakes. Paste it into Notion's form; once Notion has accepted it, confirm it here."
            ),
        ),
        categories=("tables", "boards"),
        docs_url="https://developers.notion.com/reference",
        tone="#37352f",
        access=(
            _("Read the rows of the databases that you share with the connection, to bring them in."),
            _("Update and insert rows there, to carry your changes out; deleted rows go to Notion's trash."),
            _("Add one property, “Raccord ID”, so that no row is ever created twice."),
            _("Read the names and e-mail addresses of members, to match people."),
        ),
    )

    def __init__(self, credentials: Mapping[str, str], transport: Transport) -> None:
        super().__init__(credentials, transport)
        transport.is_read = failures.is_read
        transport.read_error = failures.read_error
        self.notion = Client(
            auth=credentials["token"],
            base_url=transport.base_url,
            notion_version=NOTION_VERSION,
            timeout_ms=int(transport.timeout * 1000),
            retry=False,
            logger=logging.getLogger(f"{__name__}.sdk"),  # without one, each Client adds a handler to a shared logger
            client=transport.client,
        )
        self._http = self.notion.client
        self._people = Directory(self._users)
        self._schemas: dict[str, dict[str, Any]] = {}  # data source objects, by collection
        self._bot: str | None = credentials.get("bot_id")

    # --- account and schema -----------------------------------------------------------------------------------------

    def check(self) -> Account:
        me: Any = self.notion.users.me()
        self._bot = me["id"]
        bot = me.get("bot") or {}
        return Account(
            id=bot.get("workspace_id") or me["id"],
            name=bot.get("workspace_name") or me.get("name") or "Notion",
            detail=f"connection “{me['name']}”" if me.get("name") else "",
        )

    def collections(self) -> list[Collection]:
        """What search finds: not all, and not at once after sharing. See `resolve` for the rest."""
        only = {"property": "object", "value": "data_source"}
        found = [
            source
            for source in self._paged(lambda **more: self.notion.search(filter=only, page_size=100, **more))
            if source.get("object") == "data_source" and not source.get("in_trash")
        ]
        parents: dict[str, tuple[str, ...]] = {}
        return [self._collection(source, parents) for source in found]

    def resolve(self, link_or_id: str) -> Collection:
        """The collection of a pasted link to a database, or of a database's or data source's id. Raises NotFound."""
        ids = HEX_ID.findall(link_or_id.partition("?")[0])
        if not ids:
            raise errors.NotFound("this is neither a link to a Notion database nor its id")
        try:
            source = self._source(ids[-1], fresh=True)
        except (errors.NotFound, errors.InvalidRecord):
            try:
                database: Any = self.notion.databases.retrieve(ids[-1])
            except errors.InvalidRecord as error:
                raise errors.NotFound(f"this is not a database: {error.reason}") from error
            if not database.get("data_sources"):
                raise errors.NotFound("this database has no table of its own") from None
            source = self._source(database["data_sources"][0]["id"], fresh=True)
        return self._collection(source, {})

    def describe(self, collection: str) -> Schema:
        source = self._source(collection, fresh=True)
        home = Collection(source["id"], _title(source), url=source.get("url") or "")  # where it lives costs a request
        return translate.to_schema(home, source["properties"])

    # --- reading ----------------------------------------------------------------------------------------------------

    def read(self, collection: str, cursor: str | None, fields: Sequence[str] | None = None) -> Iterator[Page]:
        state = reading.Cursor.load(cursor) if cursor else None
        translator = translate.Translator(self._people.name, fields)
        if state is None or state.full is not None:
            self._source(collection)  # a trashed data source may answer like an empty one
            query = self._query(collection, fields)
            for rows, after, whole in reading.full(query, state):
                yield Page(self._records(rows, translator), after.dump(), whole)
        else:
            for rows, after in reading.changes(self._query(collection, fields), state):
                yield Page(self._records(rows, translator), after.dump())

    def fetch(self, collection: str, ids: Sequence[str]) -> list[Record]:
        pages, missing = [], False
        for ident in ids:
            try:
                page = self._page(ident)
            except errors.NotFound:
                missing = True
            else:
                if _same(page["parent"].get("data_source_id"), collection):  # else it was moved: gone from here
                    pages.append(page)
        if missing:
            self._source(collection, fresh=True)  # unshared and deleted look the same; then this says NotFound, too
        return self._records(pages)

    def find(self, collection: str, markers: Sequence[str]) -> list[Record]:
        marker = self._marker(collection)
        if marker is None:
            return []
        query, wanted, found = self._query(collection), set(markers), []
        for at in range(0, len(markers), 100):
            equals = [{"property": marker, "rich_text": {"equals": each}} for each in markers[at : at + 100]]
            walk = reading.Walk(query, "created_time", within=[{"or": equals}])
            # Whether Notion's "equals" minds the case is not documented: look again.
            found += [record for rows in walk.pages() for record in self._records(rows) if record.marker in wanted]
        return list({record.id: record for record in found}.values())

    # --- writing ----------------------------------------------------------------------------------------------------

    def push_one(self, collection: str, change: Change) -> Record:
        match change.action:
            case "create":
                page = self._create(collection, change)
            case "update":
                page = self._update(collection, change)
            case "restore":
                page = self._put_away(change, trash=False)
                if change.values:  # a row in the trash takes no values: they follow
                    page = self._update(collection, change)
            case _:
                page = self._put_away(change, trash=True)
        return self._records([page])[0]

    def prepare(self, collection: str) -> None:
        if self._marker(collection) is None and self._marker(collection, fresh=True) is None:
            self._alter(collection, {translate.MARKER: {"rich_text": {}}})

    def reads_back(self, field: Field, value: Value) -> Value:
        """Notion keeps minutes, and no NUL."""
        if field.type in (Type.DATE, Type.DATETIME) and isinstance(value, str) and len(value) > len("2026-09-15"):
            return f"{value[:16]}:00Z"
        if field.type in (Type.TEXT, Type.LONG_TEXT) and isinstance(value, str):
            return value.replace("\x00", "") or None
        return value

    def create_fields(self, collection: str, fields: Iterable[NewField]) -> Schema:
        known = self._source(collection, fresh=True)["properties"]
        new = {f.name: translate.created_field(f.type, f.options, f.target) for f in fields if f.name not in known}
        if new:
            self._alter(collection, new)
        return self.describe(collection)

    def places(self) -> list[Collection]:
        return making.places(self.notion, self._paged)

    def create_collection(self, place: str, name: str, fields: Sequence[NewField]) -> Schema:
        page = _path(place)
        standing = making.standing(self.notion, self._paged, page, name)
        if standing:
            return self.create_fields(standing, fields[1:])
        return self.describe(making.create(self.notion, page, name, fields))

    @classmethod
    def heard(cls, call: HookCall, secret: str, now: dt.datetime) -> HookSays:
        return hooks.heard(call, secret, now)

    def _create(self, collection: str, change: Change) -> dict[str, Any]:
        if change.marker:
            self.prepare(collection)
        body = self._body(collection, change)
        sent = dict(body)
        if change.marker:
            sent[str(self._marker(collection))] = {"rich_text": [{"type": "text", "text": {"content": change.marker}}]}
        parent = {"type": "data_source_id", "data_source_id": collection}
        return self._write(collection, change, body, lambda: self.notion.pages.create(parent=parent, properties=sent))

    def _update(self, collection: str, change: Change) -> dict[str, Any]:
        ident = _path(change.id)
        body = self._body(collection, change)
        if not body:
            return self._page(ident)
        return self._write(collection, change, body, lambda: self.notion.pages.update(ident, properties=body))

    def _put_away(self, change: Change, *, trash: bool) -> dict[str, Any]:
        ident = _path(change.id)
        try:
            return self._answered(lambda: self.notion.pages.update(ident, in_trash=trash))
        except errors.InvalidRecord:
            page = self._page(ident)
            if bool(page.get("in_trash")) is trash:  # trashing twice is refused, and is what was wanted
                return page
            raise

    def _body(self, collection: str, change: Change) -> dict[str, Any]:
        properties = self._properties(collection)
        current = change.current.raw if change.current else None
        if current is None and change.id and write.needs_current(change.values, properties):
            current = self._page(change.id)
        return write.to_properties(change.values, properties, current, self._people.member)

    def _write(
        self, collection: str, change: Change, body: Mapping[str, Any], send: Callable[[], Any]
    ) -> dict[str, Any]:
        before = self._properties(collection)
        try:
            return self._answered(send)
        except errors.NotFound as error:
            # The row itself, its table, or only a row that a relation names?
            if change.id:
                self._page(change.id)
            else:
                self._source(collection, fresh=True)
            raise errors.InvalidRecord(str(error), failures.field_named("", body)) from error
        except errors.InvalidRecord as error:
            if change.id and self._page(change.id).get("in_trash"):
                raise errors.VersionMismatch("the row is in Notion's trash") from error
            after = self._properties(collection, fresh=True)
            moved = tuple(f for f in body if f not in after or after[f]["type"] != before[f]["type"])
            if moved:
                raise errors.SchemaChanged("fields changed in Notion: " + ", ".join(moved), fields=moved) from error
            raise errors.InvalidRecord(error.reason, failures.field_named(error.reason, body)) from error

    def _answered(self, send: Callable[[], Any]) -> dict[str, Any]:
        """The page as it is after the write, also when Notion only says that the write was saved."""
        try:
            page = send()
            return page if "properties" in page else self._page(page["id"])
        except failures.SavedError as saved:
            try:
                return self._page(saved.resource)
            except errors.AdapterError as error:
                raise errors.OutcomeUnknown(f"saved, but not readable yet: {error}") from saved

    def _alter(self, collection: str, properties: Mapping[str, Any]) -> None:
        try:
            self.notion.data_sources.update(_path(collection), properties=properties)
        finally:
            self._schemas.pop(collection, None)

    # --- requests ---------------------------------------------------------------------------------------------------

    def _query(self, collection: str, fields: Sequence[str] | None = None) -> reading.Query:
        path = f"data_sources/{_path(collection)}/query{self._trim(collection, fields)}"

        def query(
            where: dict[str, Any] | None, sorts: list[dict[str, str]], token: str | None, size: int
        ) -> reading.Answer:
            body: dict[str, Any] = {"sorts": sorts, "page_size": size}
            if where:
                body["filter"] = where
            if token:
                body["start_cursor"] = token
            response = self._http.request("POST", path, json=body)  # raw: the SDK's answer has no Date header
            try:
                answer = response.json()
                rows, more = answer["results"], answer["has_more"]
                cut = not more and (answer.get("request_status") or {}).get("type") == "incomplete"
                return reading.Answer(
                    rows, answer["next_cursor"] if more else None, cut, http_date(response.headers.get("date"))
                )
            except (KeyError, TypeError, AttributeError) as error:
                raise errors.SchemaChanged(f"an answer to a Notion query is not as documented: {error!r}") from error

        return query

    def _trim(self, collection: str, fields: Sequence[str] | None) -> str:
        """Ask only for wanted properties, where the schema is known already: it is not worth a request of its own."""
        if fields is None or collection not in self._schemas:
            return ""
        wanted = dict.fromkeys(field.removesuffix(translate.END) for field in fields)
        gone = tuple(field for field in wanted if field not in self._properties(collection))
        if gone:
            raise errors.SchemaChanged("fields that Notion no longer has: " + ", ".join(gone), fields=gone)
        marker = self._marker(collection)
        # Ids come URL-encoded and go into addresses as they are.
        names = "&filter_properties=".join([*wanted, *([marker] if marker else [])])
        return f"?filter_properties={names}" if names else ""

    def _records(
        self, rows: Iterable[Mapping[str, Any]], translator: translate.Translator | None = None
    ) -> list[Record]:
        translator = translator or translate.Translator(self._people.name)
        records = []
        for row in rows:
            if row.get("object", "page") != "page":  # a wiki lists its data sources among its pages
                continue
            record, partial = translator.record(row, self._bot_id)
            for field, kind in partial:
                whole = translator.one(kind, self._whole(record.id, field, kind))
                record = replace(record, values={**record.values, field: whole})
            records.append(record)
        return records

    def _whole(self, page: str, field: str, kind: str) -> list[Any]:
        path = f"pages/{page}/properties/{field}"  # the id is encoded already, so not through the SDK's path check

        def get(**more: Any) -> Any:
            return self._http.request("GET", path, params={"page_size": 100, **more}).json()

        return [item[kind] for item in self._paged(get)]

    def _paged(self, call: Callable[..., Any]) -> Iterator[Any]:
        token: dict[str, str] = {}
        while True:
            answer = call(**token)
            yield from answer["results"]
            if not answer.get("has_more"):
                return
            token = {"start_cursor": answer["next_cursor"]}

    def _page(self, ident: str | None) -> dict[str, Any]:
        return cast(dict[str, Any], self.notion.pages.retrieve(_path(ident)))

    def _users(self) -> Iterator[Mapping[str, Any]]:
        return self._paged(lambda **more: self.notion.users.list(page_size=100, **more))

    def own_id(self) -> str:
        return self._bot_id()

    def _bot_id(self) -> str:
        if self._bot is None:
            self.check()
        return str(self._bot)

    def _source(self, collection: str, *, fresh: bool = False) -> dict[str, Any]:
        """The data source object. Raises NotFound, also when it lies in the trash."""
        if fresh or collection not in self._schemas:
            self._schemas.pop(collection, None)
            source: Any = self.notion.data_sources.retrieve(_path(collection))
            if source.get("in_trash"):
                raise errors.NotFound("the table is in Notion's trash")
            self._schemas[collection] = source
        return self._schemas[collection]

    def _properties(self, collection: str, *, fresh: bool = False) -> dict[str, Any]:
        return {prop["id"]: prop for prop in self._source(collection, fresh=fresh)["properties"].values()}

    def _marker(self, collection: str, *, fresh: bool = False) -> str | None:
        prop = self._source(collection, fresh=fresh)["properties"].get(translate.MARKER)
        return str(prop["id"]) if prop and prop["type"] == "rich_text" else None

    def _collection(self, source: Mapping[str, Any], parents: dict[str, tuple[str, ...]]) -> Collection:
        above = source.get("database_parent") or {}
        path: tuple[str, ...] = ()
        page = above.get("page_id") if above.get("type") == "page_id" else None
        if page and (page in parents or len(parents) < PATH_LOOKUPS):
            if page not in parents:
                parents[page] = self._page_title(page)
            path = parents[page]
        return Collection(source["id"], _title(source), path, source.get("url") or "")

    def _page_title(self, ident: str) -> tuple[str, ...]:
        try:
            properties = self._page(ident)["properties"].values()
        except (errors.NotFound, errors.AccessDenied, errors.InvalidRecord):  # not shared: a path is only a help
            return ()
        title = next((translate.text(prop["title"]) for prop in properties if prop["type"] == "title"), None)
        return (title,) if title else ()


def _title(source: Mapping[str, Any]) -> str:
    return translate.text(source["title"]) or "Untitled"


def _path(ident: str | None) -> str:
    """An id fit for a path. Raises NotFound for what is none."""
    if not ident or not HEX_ID.fullmatch(ident):
        raise errors.NotFound(f"“{ident}” is not a Notion id")
    return ident


def _same(one: str | None, other: str) -> bool:
    return one is not None and one.replace("-", "").lower() == other.replace("-", "").lower()


adapter = NotionAdapter
