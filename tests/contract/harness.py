"""What the author of an adapter brings, so that the whole suite of this folder runs over it: one small class.

    # tests/contract/harness_trello.py
    class Harness(SandboxHarness):
        slug = "trello"
        ...

    harness = Harness

`SandboxHarness` does everything for a provider that has a sandbox in `integrations/sandbox`: by-hand edits and faults go
through the sandbox's control API, which is the same for all. See docs/adding-a-provider.md.
"""

from __future__ import annotations

import datetime as dt
import itertools
import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import httpx

from integrations.adapters.base import Adapter, HookCall, Schema
from integrations.adapters.registry import adapter_class
from integrations.adapters.values import Value
from integrations.sandbox.client import Control
from integrations.sandbox.server import SandboxServer
from integrations.transport.http import Transport

#: What a person does in the tool, and what goes wrong. Each name is a request that the suite wants to meet.
READ, FETCH, CREATE, UPDATE = "read", "fetch", "create", "update"

#: What calls to us are signed with.
HOOK_SECRET = "c2VjcmV0IG9mIGEgd2ViaG9vaw=="
HOOK_URL = "https://raccord.example/hooks/x"

_buckets = itertools.count()


class SandboxHarness:
    """One provider in its sandbox. Subclasses say what stands there and how its requests are told apart."""

    slug: ClassVar[str]
    credentials: ClassVar[Mapping[str, str]]
    #: {READ, FETCH, CREATE, UPDATE: (method, pattern of the path)}
    requests: ClassVar[Mapping[str, tuple[str, str]]]
    #: The collection with which the suite works, by name, and the field of it that names a record.
    table: ClassVar[str]
    title: ClassVar[str]
    #: Whether the tool itself keeps what it knows in our database.
    needs_database: ClassVar[bool] = False
    #: Which of our entities it is paired with, when whole runs are tried.
    entity: ClassVar[str] = "contact"

    def __init__(self) -> None:
        self.server = SandboxServer([self.slug])
        self.control: Control = self.server.control
        self._opened: list[Transport] = []

    # --- the provider -------------------------------------------------------------------------------------------------

    @property
    def url(self) -> str:
        return self.server.url(self.slug)

    def reset(self, records: int = 3) -> None:
        """An account with the collection and so many records in it; no faults, no limits."""
        self.control.reset()
        self.control.limit(None)
        self.seed(records)

    def seed(self, records: int) -> None:
        raise NotImplementedError

    def revoke(self) -> None:
        """The credential is worth nothing any more."""
        raise NotImplementedError

    def take_away(self) -> None:
        """The collection is not shared with the credential any more, or deleted."""
        raise NotImplementedError

    def stop(self) -> None:
        self.disconnect()
        self.server.stop()

    # --- the adapter --------------------------------------------------------------------------------------------------

    def connect(self, **options: Any) -> Adapter:
        """An adapter of its own, that waits for nothing and repeats nothing."""
        cls = adapter_class(self.slug)
        options = {"timeout": 5.0, "waits": (), "sleep": lambda _seconds: None, **options}
        transport = Transport(base_url=self.url, bucket=f"{self.slug}-{next(_buckets)}", allow_private=True, **options)
        self._opened.append(transport)
        return cls(dict(self.credentials), transport)

    def disconnect(self) -> None:
        while self._opened:
            self._opened.pop().close()

    def collection(self, adapter: Adapter) -> str:
        return next(one.id for one in adapter.collections() if one.name == self.table)

    def samples(self, schema: Schema) -> dict[str, Sequence[Value]]:
        """{field id: values to write} where those made from the type do not do (options, people, relations). Optional."""
        return {}

    def bad_value(self, schema: Schema) -> tuple[str, Value]:
        """(field id, a value) that this provider refuses."""
        raise NotImplementedError

    # --- people there -------------------------------------------------------------------------------------------------

    def create(self, title: str) -> str:
        return self.control.create_row(self.table, **{self.title: title})["id"]

    def edit(self, record_id: str, title: str) -> None:
        self.control.edit_row(record_id, **{self.title: title})

    def trash(self, record_id: str) -> None:
        self.control.trash_row(record_id)

    def erase(self, record_id: str) -> None:
        self.control.delete_row(record_id)

    def titles(self) -> list[str]:
        """Of all that stands there, outside the trash."""
        return [row["title"] for row in self.control.rows(self.table, limit=1000)]

    def trashed(self) -> list[str]:
        """Of all that lies in the trash: what was made twice and put away shows here."""
        return [row["title"] for row in self.control.rows(self.table, trashed=True, limit=1000)]

    def stop_the_clock(self) -> None:
        """All that happens from here on happens at the same moment, as far as the provider tells."""
        self.control.freeze(dt.datetime.now(dt.UTC).isoformat())

    # --- what goes wrong ----------------------------------------------------------------------------------------------

    def fail(self, on: str, fault: str, **more: Any) -> None:
        """The next such request fails as told (integrations/sandbox/faults.py, KINDS)."""
        method, path = self.requests[on]
        self.control.fail(fault=fault, method=method, path=path, **more)

    def clear_faults(self) -> None:
        self.control.clear_faults()

    def asked(self, for_: str) -> int:
        """How many such requests came in, as far as the log reaches."""
        method, path = self.requests[for_]
        entries = self.control.log(limit=1000)["entries"]
        return sum(one["method"] == method and re.search(path, one["path"]) is not None for one in entries)

    # --- calls to us (capability `webhooks`) --------------------------------------------------------------------------

    def news(self, at: dt.datetime) -> bytes:
        """The body of a call that tells of a change of the collection, as the provider documents it."""
        raise NotImplementedError

    def signed(self, body: bytes, at: dt.datetime) -> HookCall:
        """The call as the provider sends it at that time, signed with HOOK_SECRET: not by the adapter's own code."""
        raise NotImplementedError

    def is_create(self, request: httpx.Request) -> bool:
        method, path = self.requests[CREATE]
        return request.method == method and re.search(path, request.url.path.removeprefix(f"/{self.slug}")) is not None
