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

Action = Literal["create", "update", "delete", "restore"]


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
class Auth:
    """How a tenant connects. `kind` is one of oauth2, token, key_and_token, client_credentials."""

    kind: Literal["oauth2", "token", "key_and_token", "client_credentials"]
    fields: tuple[FormField, ...] = ()
    help: str = ""
    help_url: str = ""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What the provider's API allows, honestly; engine and UI ask this, never the slug."""

    write: bool = False
    delete: bool = False  # puts away so that it can be brought back, where the API has such a thing
    restore: bool = False
    incremental: bool = False  # `read` honours a cursor; otherwise every read lists everything
    sees_deletions: bool = False  # incremental reading yields tombstones
    webhooks: bool = False
    marker: bool = False  # creates carry a marker that `find` looks up by a consistent read
    idempotency_key: bool = False
    upsert: bool = False
    client_ids: bool = False  # the id of a new record is made by us
    create_fields: bool = False
    versions: bool = False  # Change.version is honoured and a stale one raises VersionMismatch
    batch: int = 1  # records per write request
    fetch_batch: int = 1  # records per `fetch` request
    clock_seconds: float = 0.0  # granularity of Record.edited_at
    lag_seconds: float = 0.0  # how long a new record may be missing from what `read` yields


@dataclass(frozen=True, slots=True)
class RateLimit:
    """At most `requests` in any window of `seconds`, per credential. Source: the provider's documentation."""

    requests: int
    seconds: float


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
    url: str = ""
    unfit: Mapping[str, str] = field(default_factory=dict)
    raw: Any = None


@dataclass(frozen=True, slots=True)
class Page:
    """Some records and the cursor that is right once they are applied.

    cursor: opaque text; `read(collection, cursor)` goes on from it, also after a crash, also in the middle of a
    listing. Reading a record twice is harmless, skipping one is not. None: as before.
    whole: true on the last page of a listing that began with cursor None in this same call and is provably complete;
    only such a listing says anything about records that it did not contain.
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

    marker: written with a create, to find it again. key: idempotency key, stored with the intent and reused.
    current: the record as the verifying read just saw it, for APIs that replace a whole value to change a part.
    """

    action: Action
    values: Mapping[str, Value] = field(default_factory=dict)
    id: str | None = None
    marker: str | None = None
    key: str = ""
    version: str | None = None
    current: Record | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one change: the record as it now reads there, or why not."""

    change: Change
    record: Record | None = None
    error: errors.AdapterError | None = None


# --- the contract -------------------------------------------------------------------------------------------------


class Adapter(ABC):
    """Translate one provider's API into our values and back.

    Every method may raise any of `errors`; a failure that concerns one record only is a Result of `push`.
    """

    manifest: ClassVar[Manifest]

    def __init__(self, credentials: Mapping[str, str], transport: Transport) -> None:
        self.credentials = credentials
        self.transport = transport

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

    @abstractmethod
    def fetch(self, collection: str, ids: Sequence[str]) -> list[Record]:
        """The records as they are now. Trashed ones come with deleted=True; ids that the API does not know are left out."""

    def find(self, collection: str, markers: Sequence[str]) -> list[Record]:
        """Records that carry one of these markers, by a consistent read (capability `marker`)."""
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

    def close(self) -> None:
        """Give back connections."""
