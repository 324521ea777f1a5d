"""A provider in memory whose API takes subscriptions: they have a secret, live a week, and can be ended there behind our back."""

from __future__ import annotations

import datetime as dt
import hmac
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar

from integrations.adapters import errors
from integrations.adapters.base import (
    Account,
    Adapter,
    Auth,
    Capabilities,
    Collection,
    FormField,
    HookCall,
    HookEvent,
    Hooks,
    HookSays,
    Manifest,
    Page,
    Record,
    Schema,
    Subscription,
)

WEEK = dt.timedelta(days=7)


@dataclass
class Remote:
    """url -> the subscription there. lose: the next answer is lost after the work was done. fail: what the next call raises."""

    there: dict[str, Subscription] = field(default_factory=dict)
    made: int = 0
    renewed: int = 0
    lose: bool = False
    fail: errors.AdapterError | None = None
    moved: dt.timedelta = dt.timedelta()


class MemoAdapter(Adapter):
    remote: ClassVar[Remote] = Remote()
    manifest = Manifest(
        slug="memo",
        name="Memo",
        tagline="",
        base_url="https://memo.example",
        auth=(Auth("token", (FormField("token", "Token"),)),),
        can=Capabilities(webhooks=True),
        hooks=Hooks("api", WEEK.total_seconds()),
    )

    def check(self) -> Account:
        return Account("memo-account", "Memo")

    def collections(self) -> list[Collection]:
        return []

    def describe(self, collection: str) -> Schema:
        raise errors.NotFound(collection)

    def read(self, collection: str, cursor: str | None, fields: Sequence[str] | None = None) -> Iterator[Page]:
        yield Page([], "")

    def fetch(self, collection: str, ids: Sequence[str]) -> list[Record]:
        return []

    def subscribe(self, collection: str, url: str) -> Subscription:
        self._maybe_fail()
        remote = self.remote
        remote.there.pop(url, None)  # an earlier one whose answer was lost
        remote.made += 1
        remote.there[url] = Subscription(f"hook-{remote.made}", f"key-{remote.made}", self._expiry())
        if remote.lose:
            remote.lose = False
            raise errors.Unavailable("the answer was lost")
        return remote.there[url]

    def renew(self, collection: str, subscription: Subscription) -> Subscription:
        self._maybe_fail()
        for url, there in self.remote.there.items():
            if there.id == subscription.id:
                self.remote.renewed += 1
                self.remote.there[url] = replace(there, expires_at=self._expiry())
                return self.remote.there[url]
        raise errors.NotFound(subscription.id)

    def unsubscribe(self, collection: str, subscription: Subscription) -> None:
        self._maybe_fail()
        kept = {url: there for url, there in self.remote.there.items() if there.id != subscription.id}
        self.remote.there = kept

    @classmethod
    def heard(cls, call: HookCall, secret: str, now: dt.datetime) -> HookSays:
        """Signed with the body's HMAC; no ids: the same bytes are the same call."""
        given = call.headers.get("x-memo", "")
        if not secret or not hmac.compare_digest(given, hmac.new(secret.encode(), call.body, "sha256").hexdigest()):
            raise errors.Forged("no")
        return HookSays((HookEvent(),))

    def _expiry(self) -> dt.datetime:
        return dt.datetime.now(dt.UTC) + WEEK

    def _maybe_fail(self) -> None:
        if error := self.remote.fail:
            raise error
