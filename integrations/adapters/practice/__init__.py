"""The practice tool: what it is, as data, and the calls to its API. Values are translated in translate.py.

The tool is served by this installation itself (the package `practice`, whose `api.py` documents what is called here), so that
the whole of Raccord can be tried without any account. Nothing here knows that: it is spoken to by HTTP like any other.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import httpx

from integrations.adapters import errors
from integrations.adapters.base import (
    Account,
    Adapter,
    Auth,
    Capabilities,
    Change,
    Collection,
    Field,
    HookCall,
    HookEvent,
    Hooks,
    HookSays,
    Manifest,
    NewField,
    Page,
    RateLimit,
    Record,
    Schema,
    Subscription,
)
from integrations.adapters.practice import translate
from integrations.adapters.values import Value
from integrations.adapters.words import gettext_noop as _

if TYPE_CHECKING:
    from integrations.transport.http import Transport

FETCH = 100
#: A call that was signed longer ago is refused.
OLD = dt.timedelta(minutes=10)

MANIFEST = Manifest(
    slug="practice",
    name="Practice",
    tagline=_("Invented people, companies and deals to try everything with, and faults to switch on"),
    base_url="http://127.0.0.1:8000/practice/api",  # the settings give this installation's own address
    auth=(
        Auth(
            kind="given",
            help=_(
                "Raccord makes you a table of your own with invented rows. You edit it in another tab and see here what becomes "
                "of it. Nothing in it is real: its people come to stand among your contacts, and can go again when you "
                "delete the connection."
            ),
        ),
    ),
    can=Capabilities(
        write=True,
        delete=True,
        restore=True,
        incremental=True,
        sees_deletions=True,
        webhooks=True,
        create_once="key",
        key_seconds=30 * 24 * 3600,  # a key is forgotten with its row only
        create_fields=True,
        create_collections=True,
        tells_created=True,
        versions=True,
        fetch_batch=FETCH,
    ),
    limits=(RateLimit(requests=600, seconds=60),),
    categories=("practice",),
    tone="#b8901f",
    access=(
        _("Read and change the rows of your practice table, as any tool would be read and changed."),
        _("Be told at once when somebody edits a row there."),
    ),
    setup_minutes=1,
    hooks=Hooks("api"),
)


class RecordGone(errors.NotFound):
    """The table is there, this row is not."""


class PracticeAdapter(Adapter):
    """One object per run; nothing is kept on the class."""

    manifest = MANIFEST

    def __init__(self, credentials: Mapping[str, str], transport: Transport) -> None:
        super().__init__(credentials, transport)
        transport.read_error = read_error
        transport.is_json = lambda method, path: True
        self.http = transport.client
        self.http.headers["Authorization"] = f"Bearer {credentials['token']}"
        self._schemas: dict[str, Schema] = {}

    # --- account and schema -----------------------------------------------------------------------------------------

    def check(self) -> Account:
        me = self._ask("GET", "/v1/me")
        return Account(me["id"], me["name"])

    def collections(self) -> list[Collection]:
        return [
            translate.to_schema(table).collection
            for table in self._ask("GET", "/v1/tables")["tables"]
            if table["fields"]
        ]

    def describe(self, collection: str) -> Schema:
        self._schemas[collection] = translate.to_schema(self._ask("GET", f"/v1/tables/{collection}"))
        return self._schemas[collection]

    def count(self, collection: str) -> int:
        return int(self._ask("GET", f"/v1/tables/{collection}")["rows"])

    def _schema(self, collection: str) -> Schema:
        return self._schemas.get(collection) or self.describe(collection)

    # --- reading ----------------------------------------------------------------------------------------------------

    def read(self, collection: str, cursor: str | None, fields: Sequence[str] | None = None) -> Iterator[Page]:
        """In the order of the changes, which have numbers: whoever goes on after one misses none.

        The cursor: after which number, and whether this is a listing of everything, in which a row that is edited meanwhile
        comes again at the end.
        """
        after, whole = json.loads(cursor) if cursor else (0, True)
        schema = self.describe(collection)
        while True:
            answer = self._ask(
                "GET", f"/v1/tables/{collection}/records", params={"after": after} | ({"whole": 1} if whole else {})
            )
            records = [translate.to_record(raw, schema) for raw in answer["records"]]
            after = answer["position"]
            if not answer["more"]:
                yield Page(records, json.dumps([after, False]), whole)
                return
            yield Page(records, json.dumps([after, whole]))

    def fetch(self, collection: str, ids: Sequence[str]) -> list[Record]:
        schema, found = self._schema(collection), []
        for at in range(0, len(ids), FETCH):
            wanted = ",".join(ids[at : at + FETCH])
            answer = self._ask("GET", f"/v1/tables/{collection}/records", params={"ids": wanted})
            found += [translate.to_record(raw, schema) for raw in answer["records"]]
        return found

    # --- writing: `Adapter.push` goes through the changes and keeps what becomes of each ------------------------------

    def push_one(self, collection: str, change: Change) -> Record:
        schema = self._schema(collection)
        cells = {ident: translate.to_cell(schema.field(ident), value) for ident, value in change.values.items()}
        records = f"/v1/tables/{collection}/records"
        same = {"If-Match": change.version} if change.version else {}
        body: dict[str, Any] = {"fields": cells}
        if change.new_options:
            body["new_options"] = sorted(change.new_options)
        match change.action:
            case "create":  # the same request again gets the first answer again
                body["external_id"] = change.marker
                raw = self._ask("POST", records, json=body, headers={"Idempotency-Key": change.key})
            case "update":
                raw = self._ask("PATCH", f"{records}/{change.id}", json=body, headers=same)
            case "restore":
                raw = self._ask("PATCH", f"{records}/{change.id}", json=body | {"deleted": False})
            case "delete":
                raw = self._ask("DELETE", f"{records}/{change.id}", headers=same)
            case _:
                raise NotImplementedError(change.action)
        try:
            return translate.to_record(raw, schema)
        except errors.SchemaChanged as error:
            raise errors.OutcomeUnknown(f"the answer to a write cannot be read: {error}") from error

    def own_id(self) -> str:
        return "Raccord"

    def reads_back(self, field: Field, value: Value) -> Value:
        return translate.reads_back(field, value)

    def create_fields(self, collection: str, fields: Iterable[NewField]) -> Schema:
        for new in fields:  # one of this name that is there already stays as it is
            body = {"name": new.name, "type": new.type.value, "options": list(new.options), "target": new.target}
            self._ask("POST", f"/v1/tables/{collection}/fields", json=body)
        return self.describe(collection)

    def places(self) -> list[Collection]:
        me = self._ask("GET", "/v1/me")
        return [Collection(me["id"], me["name"])]

    def create_collection(self, place: str, name: str, fields: Sequence[NewField]) -> Schema:
        return self.create_fields(self._ask("POST", "/v1/tables", json={"name": name})["id"], fields)

    # --- being called -----------------------------------------------------------------------------------------------

    def subscribe(self, collection: str, url: str) -> Subscription:
        made = self._ask("POST", f"/v1/tables/{collection}/hooks", json={"url": url})
        return Subscription(made["id"], made["secret"])

    def renew(self, collection: str, subscription: Subscription) -> Subscription:
        found = self._ask("GET", f"/v1/tables/{collection}/hooks/{subscription.id}")
        return Subscription(found["id"], found["secret"])

    def unsubscribe(self, collection: str, subscription: Subscription) -> None:
        try:
            self._ask("DELETE", f"/v1/tables/{collection}/hooks/{subscription.id}")
        except errors.NotFound:
            return

    @classmethod
    def heard(cls, call: HookCall, secret: str, now: dt.datetime) -> HookSays:
        stamp, given = call.headers.get("x-practice-time", ""), call.headers.get("x-practice-signature", "")
        good = hmac.new(secret.encode(), stamp.encode() + b"." + call.body, hashlib.sha256).hexdigest()
        if not secret or not hmac.compare_digest(good.encode(), given.encode()):
            raise errors.Forged("it is not signed by the practice tool")
        try:
            at = dt.datetime.fromtimestamp(int(stamp), dt.UTC)
        except (ValueError, OverflowError, OSError) as error:
            raise errors.Forged("it does not say when it was signed") from error
        if abs(now - at) > OLD:
            raise errors.Forged("it was signed too long ago")
        try:
            told = json.loads(call.body)
            event = HookEvent(
                collection=str(told["table"]), id=str(told["id"]), at=dt.datetime.fromisoformat(told["at"])
            )
        except (ValueError, KeyError, TypeError):
            return HookSays()  # true, and says nothing that we know
        return HookSays((event,) if event.at and event.at.tzinfo else ())

    def _ask(self, method: str, path: str, **more: Any) -> Any:
        answer = self.http.request(method, path, **more).json()
        if not isinstance(answer, dict):
            raise errors.SchemaChanged("an answer is not as documented")
        return answer


def read_error(response: httpx.Response) -> errors.AdapterError | None:
    """What this API says in its body beyond the status; None: what the status usually means."""
    try:
        error = response.json()["error"]
        code, message = error["code"], error["message"]
    except (ValueError, KeyError, TypeError):
        return None
    match code:
        case "unknown_record":
            return RecordGone(message)
        case "unknown_field":
            return errors.SchemaChanged(message, (error.get("field", ""),))
        case "invalid_field":
            return errors.InvalidRecord(message, error.get("field"))
        case "full":  # for all that come after it, too: one stop, and not thousands of records set aside
            return errors.AccessDenied(message)
    return None


adapter = PracticeAdapter
