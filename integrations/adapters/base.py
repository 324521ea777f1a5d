"""The adapter contract: what a provider's folder must offer, and the frozen values that cross the boundary.

An adapter translates; it knows no ORM, no Celery, no tenant, no settings. It keeps nothing on the class, sleeps never
and retries never: `transport` does those for everybody. One object serves one run of one integration.
"""

from __future__ import annotations

import datetime as dt
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from integrations.adapters import errors
from integrations.adapters.values import Type, Value

if TYPE_CHECKING:
    from integrations.transport.http import Transport

Action = Literal["create", "update", "delete", "restore", "erase"]

#: By what a create is kept from happening twice, best first; docs/engine.md, "Creates", tells what the engine does with each.
#:
#: client_id  the id of the new record is made before the request (`new_ids`); a second create with it is refused
#: key        an idempotency key that the provider remembers: the same request again gets the first answer again
#: upsert     `Change.marker` goes into a field that the provider keeps unique: a create is an upsert by it (`find` looks it up)
#: marker     `Change.marker` is written with the create, and `find` looks it up by a consistent read
#: search     nothing is written: `find_created` looks for what our own account has made since
#: ""         this adapter cannot create
CreateOnce = Literal["", "client_id", "key", "upsert", "marker", "search"]


# --- what an adapter declares -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class FormField:
    """One field of the connect form. `secret` values are write-only everywhere."""

    name: str
    label: str
    help: str = ""
    secret: bool = True
    required: bool = True
    placeholder: str = ""


@dataclass(frozen=True, slots=True)
class Scope:
    """One permission that OAuth asks for. `why`: for the person who grants it, in plain words."""

    name: str
    why: str
    optional: bool = False


@dataclass(frozen=True, slots=True)
class OAuth:
    """OAuth 2 by authorization code, as data. Of the URLs only scheme and host are replaced by PROVIDER_BASE_URLS.

    client: how the app names itself to the token endpoint (HTTP Basic, or in the body). body: the form of what is sent there.
    seconds: how long an access token lives unless told otherwise; 0: nobody knows, it is renewed when it is refused.
    idle_seconds: how long an unused grant lives; 0: for ever.
    rotates: a refresh answers a new refresh token and the old one dies.
    """

    authorize_url: str
    token_url: str
    scopes: tuple[Scope, ...] = ()
    revoke_url: str = ""
    revokes: Literal["refresh_token", "token"] = "refresh_token"  # which of the two is sent there
    pkce: bool = True
    client: Literal["basic", "form"] = "form"
    body: Literal["form", "json"] = "form"
    params: Mapping[str, str] = field(default_factory=dict)  # more of the authorize URL's
    seconds: float = 3600.0
    idle_seconds: float = 0.0
    rotates: bool = False


@dataclass(frozen=True, slots=True)
class Auth:
    """How a tenant connects. `kind` is one of oauth2, token, key_and_token, client_credentials, given.

    Of "token" and of "oauth2" the adapter finds what goes into `Authorization: Bearer` as `credentials["token"]`; renewing it is
    the transport's business. "given": this installation makes the key itself, as `credentials["token"]`, and a person only says
    yes (services/given.py).
    """

    kind: Literal["oauth2", "token", "key_and_token", "client_credentials", "given"]
    fields: tuple[FormField, ...] = ()
    help: str = ""
    help_url: str = ""
    oauth: OAuth | None = None


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What the provider's API allows, honestly; engine and UI ask this, never the slug."""

    write: bool = False
    delete: bool = False  # puts away so that it can be brought back, where the API has such a thing
    restore: bool = False
    erase: bool = False  # deletes for good: nothing of the record is left there
    incremental: bool = False  # `read` honours a cursor; otherwise every read lists everything
    sees_deletions: bool = False  # incremental reading yields tombstones
    webhooks: bool = False
    create_once: CreateOnce = ""  # the best means that the API has; "" only where nothing can be created
    key_seconds: float = 0.0  # of create_once "key": how long the provider surely knows a key again
    create_fields: bool = False
    create_collections: bool = False  # from templates
    tells_created: bool = False  # every record read has `created_at`
    versions: bool = False  # Change.version is honoured and a stale one raises VersionMismatch
    batch: int = 1  # records per write request
    fetch_batch: int = 1  # records per `fetch` request
    clock_seconds: float = 0.0  # granularity of Record.edited_at
    lag_seconds: float = 0.0  # how long a new record may be missing from what `read` yields


@dataclass(frozen=True, slots=True)
class RateLimit:
    r"""At most `requests` in any window of `seconds`. Source: the provider's documentation.

    path: a regular expression that the URL's path is searched for; only such requests count. What its groups match names the
    bucket further: `r"/(app\w+)"` is one bucket per base.
    of: whose requests count together: those of the account, or of everybody who meets the same bucket ("all", Airtable's bases).
    spare: seconds by which we take the window for longer, where a refusal costs more than they do.
    """

    requests: int
    seconds: float
    path: str = ""
    of: Literal["account", "all"] = "account"
    spare: float = 0.0

    @property
    def window(self) -> float:
        return self.seconds + self.spare


@dataclass(frozen=True, slots=True)
class Hooks:
    """How the provider calls us.

    made: who makes a subscription: us, by API, for each collection ("api"), or whoever sets up the app there, once for all
    accounts that use it ("app").
    signed: by what, where a subscription has no secret of its own: one for webhooks, or the app's client secret of OAuth.
    seconds: how long a subscription lives unless it is renewed; 0: for ever.
    """

    made: Literal["api", "app"]
    signed: Literal["hook", "client"] = "hook"
    seconds: float = 0.0
    help: str = ""  # "app": what staff do there


@dataclass(frozen=True, slots=True)
class Manifest:
    """A provider as data; `catalog` rows are made from it."""

    slug: str
    name: str
    tagline: str  # one sentence on the tile: what can sync
    base_url: str  # overridden by the PROVIDER_BASE_URLS setting, never by a tenant
    auth: tuple[Auth, ...]
    can: Capabilities
    limits: tuple[RateLimit, ...] = ()
    categories: tuple[str, ...] = ()
    docs_url: str = ""
    tone: str = "#7a7265"  # colour of the monogram tile
    access: tuple[str, ...] = ()  # in plain words, what access is asked for and why
    setup_minutes: int = 3
    hooks: Hooks | None = None


# --- what an adapter reads ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Account:
    """Whom a credential belongs to. `id` is stable across reconnecting."""

    id: str
    name: str
    detail: str = ""
    may: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Collection:
    """A remote table. `path` is where it lives, outermost first, for people."""

    id: str
    name: str
    path: tuple[str, ...] = ()
    url: str = ""


@dataclass(frozen=True, slots=True)
class Field:
    """A remote field. `id` survives renaming where the provider has such an id."""

    id: str
    name: str
    type: Type
    many: bool = False  # person: holds several; relation: may hold several
    read_only: bool = False
    required: bool = False
    options: tuple[str, ...] = ()
    creates_options: bool = False  # an unknown option is made by writing it
    target: str = ""  # relation: the other collection's id
    max_length: int | None = None  # in UTF-16 code units, as the providers count
    note: str = ""  # why it is read-only, what is lost


@dataclass(frozen=True, slots=True)
class Schema:
    """A collection described. `title` is the id of the field that names a record."""

    collection: Collection
    fields: tuple[Field, ...]
    title: str = ""

    def field(self, field_id: str) -> Field | None:
        return next((f for f in self.fields if f.id == field_id), None)


@dataclass(frozen=True, slots=True)
class Record:
    """One remote record in canonical values. A field absent from `values` was not told: absent is not empty.

    values: {field id: canonical value}. edited_at: the provider's clock, at its granularity.
    marker: what we wrote with a create, if the record carries one; made_by_us: our own credential created it.
    created_at: when it was made, by the provider's clock; create_once "search" needs it.
    edited_by: who wrote to it last, as the provider names them; "" where it does not say.
    unfit: {field id: reason} of fields whose content has no canonical form.
    raw: the provider's own object, for adapters that need the present state to write (Change.current); never stored.
    """

    id: str
    values: Mapping[str, Value]
    edited_at: dt.datetime | None = None
    version: str | None = None
    deleted: bool = False
    marker: str | None = None
    made_by_us: bool = False
    edited_by: str = ""
    created_at: dt.datetime | None = None
    url: str = ""
    unfit: Mapping[str, str] = field(default_factory=dict)
    raw: Any = None


@dataclass(frozen=True, slots=True)
class Page:
    """Some records and the cursor that is right once they are applied.

    cursor: opaque text; `read(collection, cursor)` goes on from it, also after a crash, also in the middle of a
    listing. Reading a record twice is harmless, skipping one is not. None: as before.
    whole: true on the last page of a listing that is provably complete: one that began with cursor None, in this call or in
    an earlier one from whose cursor this one went on. Only such a listing says anything about records that it did not
    contain. Where the second cannot be vouched for, False is right: the engine then reads what was missing by id.
    """

    records: Sequence[Record]
    cursor: str | None = None
    whole: bool = False


# --- what an adapter writes ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class NewField:
    """A field to be created remotely."""

    name: str
    type: Type
    options: tuple[str, ...] = ()
    target: str = ""


@dataclass(frozen=True, slots=True)
class Change:
    """One write. `values` holds only the fields to set; the others stay as they are.

    marker: our record's id, written with a create wherever the API has a place for it, to know the record again.
    key: of a create, stored with the intent; when it comes again, everything else is exactly what it was the first time.
    id: of a create too, when it was made before the request (create_once "client_id").
    current: the record as the verifying read just saw it, for APIs that replace a whole value to change a part.
    new_options: ids of the fields in which an option that is missing there may be made by this write.
    """

    action: Action
    values: Mapping[str, Value] = field(default_factory=dict)
    id: str | None = None
    marker: str | None = None
    key: str = ""
    version: str | None = None
    current: Record | None = None
    new_options: frozenset[str] = frozenset()

    @property
    def deletes(self) -> bool:
        return self.action in ("delete", "erase")


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one change: the record as it now reads there, or why not."""

    change: Change
    record: Record | None = None
    error: errors.AdapterError | None = None


# --- what a provider calls us for ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Subscription:
    """One agreement that the provider calls us when a collection changes; stored with its secret encrypted.

    id: the provider's. secret: what its calls are signed with; "" where the app's own secret does it.
    """

    id: str
    secret: str = ""
    expires_at: dt.datetime | None = None


@dataclass(frozen=True, slots=True)
class HookCall:
    """A call as it came in. url: as the provider called it, with host and query. headers: names in lower case."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class HookEvent:
    """Something changed there: a reason to read, never to believe. What is "" is not told.

    account: `Account.id`, by which calls to an app find their tenants. collection: `Collection.id`; others are not read.
    id: the same for every delivery of the same event, where the provider has such a thing. Without one, the same body is the same
    call: give one where bodies repeat or are empty. Calls are remembered for two days.
    """

    account: str = ""
    collection: str = ""
    id: str = ""
    at: dt.datetime | None = None


@dataclass(frozen=True, slots=True)
class HookSays:
    """What a call says. `answer`: body and content type of our answer, for handshakes that want one. secret: one to be stored."""

    events: tuple[HookEvent, ...] = ()
    answer: tuple[str, str] = ("", "text/plain")
    secret: str = ""


# --- the contract -------------------------------------------------------------------------------------------------


class Adapter(ABC):
    """Translate one provider's API into our values and back.

    Every method may raise any of `errors`; a failure that concerns one record only is a Result of `push`.
    """

    manifest: ClassVar[Manifest]

    def __init__(self, credentials: Mapping[str, str], transport: Transport) -> None:
        self.credentials = credentials
        self.transport = transport
        self.subscriptions: Mapping[str, str] = {}  # {collection: id of its subscription}, where that helps reading

    @abstractmethod
    def check(self) -> Account:
        """Name the account. Raises AuthenticationFailed or AccessDenied."""

    @abstractmethod
    def collections(self) -> list[Collection]:
        """Everything this credential sees."""

    def resolve(self, link_or_id: str) -> Collection:
        """The collection of a link that a person pastes, for what `collections` may miss. Optional. Raises NotFound."""
        raise NotImplementedError

    @abstractmethod
    def describe(self, collection: str) -> Schema:
        """Raises NotFound when the collection is gone or not shared."""

    @abstractmethod
    def read(self, collection: str, cursor: str | None, fields: Sequence[str] | None = None) -> Iterator[Page]:
        """Pages of what changed since `cursor` (None: everything), oldest change first where the API allows it.

        fields: ids wanted (None: all); others may be left out. Never holds a whole account in memory. The last
        page always carries a cursor, also when nothing changed.
        """

    def count(self, collection: str) -> int | None:
        """How many records there are, about, where the API tells that in one call. None: nobody knows without reading them."""
        return None

    @abstractmethod
    def fetch(self, collection: str, ids: Sequence[str]) -> list[Record]:
        """The records as they are now. Trashed ones come with deleted=True; ids that the API does not know are left out.

        Where the API shows no trash, those that a readable collection provably lacks come with deleted=True, too.
        """

    # Creates happen once. After an uncertain answer the engine looks, by what `can.create_once` names, before it sends again.

    def new_ids(self, collection: str, count: int) -> list[str]:
        """Ids for records that are about to be created (create_once "client_id").

        `push` creates with `Change.id`; when a record with this id stands there already, it answers that record as it is.
        """
        raise NotImplementedError

    def find(self, collection: str, markers: Sequence[str]) -> list[Record]:
        """Records that carry one of these markers (create_once "upsert" and "marker").

        By a consistent read, never by a search index that may lag: what is not found here is sent again.
        """
        raise NotImplementedError

    def find_created(self, collection: str, since: dt.datetime, change: Change) -> list[Record]:
        """Records made at or after `since` by our own account that may be what `change` created (create_once "search").

        By a consistent read. May answer more than it is asked for: the engine compares `created_at`, `made_by_us` and the
        values, and leaves a doubt to a person.
        """
        raise NotImplementedError

    def push(self, collection: str, changes: Sequence[Change]) -> Iterator[Result]:
        """Write; yields exactly one Result per change, in order.

        Raises on what concerns more than one record; changes after the last Result were then not sent.
        """
        for change in changes:
            try:
                yield Result(change, self.push_one(collection, change))
            except (errors.InvalidRecord, errors.OutcomeUnknown, errors.VersionMismatch, errors.NotFound) as error:
                yield Result(change, error=error)

    def push_one(self, collection: str, change: Change) -> Record:
        """For APIs without batches."""
        raise NotImplementedError

    def own_id(self) -> str:
        """How `Record.edited_by` names us; "" where the provider does not say who edited."""
        return ""

    def reads_back(self, field: Field, value: Value) -> Value:
        """What `value` will look like when it is read again: declare here what the API rounds, trims or folds."""
        return value

    def prepare(self, collection: str) -> None:
        """Make the collection ready for our creates (the marker property). Idempotent."""

    def create_fields(self, collection: str, fields: Iterable[NewField]) -> Schema:
        """Create fields that are missing, by name; answers the schema after it (capability `create_fields`)."""
        raise NotImplementedError

    # Collections made from templates (capability `create_collections`).

    def places(self) -> list[Collection]:
        """Where a collection can be made: pages, bases, workspaces."""
        raise NotImplementedError

    def create_collection(self, place: str, name: str, fields: Sequence[NewField]) -> Schema:
        """Make a collection at a place. The first field names a record.

        Repeatable: one of this name that stands there already, found by a consistent read, is answered instead, with the fields
        that it lacks added. Raises AccessDenied where that is not allowed.
        """
        raise NotImplementedError

    # Webhooks (capability `webhooks`). A call is a reason to read; polling goes on beside it.

    def subscribe(self, collection: str, url: str) -> Subscription:
        """Ask to be called at `url` when the collection changes (Hooks.made "api"). Raises AccessDenied.

        Repeatable: one that stands there for this very `url` (the answer to an earlier call was lost) is used or ended first.
        """
        raise NotImplementedError

    def renew(self, collection: str, subscription: Subscription) -> Subscription:
        """Prolong, or only look at it, once a day or oftener. Raises NotFound when it is gone there and has to be made again."""
        raise NotImplementedError

    def unsubscribe(self, collection: str, subscription: Subscription) -> None:
        """End it. One that is gone already is no error."""
        raise NotImplementedError

    @classmethod
    def heard(cls, call: HookCall, secret: str, now: dt.datetime) -> HookSays:
        """What a call says, once its signature over the raw body is found good with `secret` and its time not too old.

        secret: the subscription's, or the app's (Hooks.made "app", or where the subscription has none); "" while there is
        none: only a handshake says anything then. Raises errors.Forged and nothing else, whatever the body.
        """
        raise errors.Forged("this tool does not call")

    def close(self) -> None:
        """Give back connections."""
        self.transport.close()
