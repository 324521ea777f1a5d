"""Everything HubSpot knows in this sandbox, in memory and written through; every change goes through here."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from integrations.sandbox.calls import Answer, Call
from integrations.sandbox.clock import Clock
from integrations.sandbox.faults import Rule
from integrations.sandbox.hubspot import base, catalogue, errors, values
from integrations.sandbox.hubspot.limits import Limits
from integrations.sandbox.hubspot.model import Ids, Kind, Owner, Pipeline, Portal, Prop, Record, Stage, Table
from integrations.sandbox.limits import RateLimit
from integrations.sandbox.state import Store

CEILING = 10_000  # results of one search


class HubSpotWorld:
    """The frame calls `answer`, `reset`, `seed` and so on (see `provider.World`)."""

    def __init__(self, store: Store, clock: Clock) -> None:
        from integrations.sandbox.hubspot.api import Api
        from integrations.sandbox.hubspot.hand import HubSpotHand
        from integrations.sandbox.hubspot.webhooks import Webhooks

        self.store, self.clock = store, clock
        self.limit = RateLimit(None)  # the frame puts its own here: whether there are limits at all
        self._forget()
        self.webhooks = Webhooks(self)
        self.hand = HubSpotHand(self)
        self.api = Api(self)
        self._load()
        if not self.portals:
            base.furnish(self)
            store.commit()

    def _forget(self) -> None:
        self.portals: dict[int, Portal] = {}
        self.owners: dict[str, Owner] = {}
        self.kinds: dict[tuple[int, str], Kind] = {}
        self.tables: dict[tuple[int, str], Table] = {}
        self.tokens: dict[str, dict[str, Any]] = {}
        self.codes: dict[str, dict[str, Any]] = {}
        self.ids = Ids()
        self.limits = Limits()
        self.search_ceiling = CEILING
        self.search_lag_seconds = 0.0

    def _load(self) -> None:
        store = self.store
        self.portals = {doc["id"]: Portal(**doc) for doc in store.load("portal")}
        self.owners = {doc["id"]: Owner(**doc) for doc in store.load("owner")}
        self.tokens = {doc["token"]: doc for doc in store.load("token")}
        self.codes = {doc["code"]: doc for doc in store.load("code")}
        for doc in store.load("kind"):
            doc["props"] = {prop["name"]: Prop(**prop) for prop in doc["props"]}
            doc["pipelines"] = [
                Pipeline(each["id"], each["label"], [Stage(**stage) for stage in each["stages"]])
                for each in doc["pipelines"]
            ]
            self._take_kind(Kind(**doc))
        for doc in store.load("record"):
            record = Record(*doc)
            self.tables[record.portal, record.kind].take(record)
        for doc in store.load("ids"):
            self.ids = Ids(doc["given"])
        self.webhooks.load(store)

    # Bookkeeping

    def now(self) -> int:
        return self.clock.now_ms()

    def save_portal(self, portal: Portal) -> None:
        self.portals[portal.id] = portal
        self.store.put("portal", str(portal.id), asdict(portal))

    def save_owner(self, owner: Owner) -> None:
        self.owners[owner.id] = owner
        self.store.put("owner", owner.id, asdict(owner))

    def save_token(self, doc: dict[str, Any]) -> None:
        """{"token", "portal", "scopes", "name", "user", "refresh", "expires" (ms or None), "revoked", "hidden"}"""
        self.tokens[doc["token"]] = doc
        self.store.put("token", doc["token"], doc)

    def save_code(self, doc: dict[str, Any]) -> None:
        self.codes[doc["code"]] = doc
        self.store.put("code", doc["code"], doc)

    def save_kind(self, kind: Kind) -> None:
        if (kind.portal, kind.name) not in self.kinds:
            self._take_kind(kind)
        document = asdict(kind) | {"props": [asdict(prop) for prop in kind.props.values()]}
        self.store.put("kind", f"{kind.portal}/{kind.name}", document)

    def _take_kind(self, kind: Kind) -> None:
        self.kinds[kind.portal, kind.name] = kind
        self.tables[kind.portal, kind.name] = Table(kind)

    def save_record(self, record: Record) -> None:
        self.store.put("record", record.id, record.as_list())

    def table(self, kind: Kind) -> Table:
        return self.tables[kind.portal, kind.name]

    # Looking up

    def kinds_of(self, portal: int) -> list[Kind]:
        return [kind for kind in self.kinds.values() if kind.portal == portal and not kind.archived]

    def kind(self, portal: int, name: str) -> Kind | None:
        """By name, type id, singular, any case; custom ones by `p<portal>_name` and `p_name` as well."""
        wanted = name.lower()
        for kind in self.kinds_of(portal):
            known = {kind.name, kind.type_id, kind.singular.lower()}
            if kind.is_custom:
                known |= {f"p{portal}_{kind.name}", f"p_{kind.name}"}
            if wanted in known:
                return kind
        return None

    def find(self, ident: str) -> Record | None:
        return next((table.records[ident] for table in self.tables.values() if ident in table.records), None)

    def kind_of(self, record: Record) -> Kind:
        return self.kinds[record.portal, record.kind]

    def indexed(self, record: Record) -> dict[str, str] | None:
        """What the search index holds of a record; None while it knows nothing of it, or knows it as archived."""
        now = record.values if record.archived_at is None else None
        if not record.past or not self.search_lag_seconds:
            return now
        reached = self.now() - self.search_lag_seconds * 1000
        return next((held for since, held in reversed(record.past) if since <= reached), None)

    # Changes

    def create(self, kind: Kind, given: dict[str, str], source: str) -> Record:
        now = self.now()
        record = Record(self.ids.next(), kind.name, kind.portal, now, now, {})
        self.store.put("ids", "ids", {"given": self.ids.given})
        self._put(kind, record, given, now)
        self.table(kind).take(record)
        self._index(record, None)
        self.save_record(record)
        self.webhooks.note(kind, record, "creation", source, changeFlag="CREATED")
        return record

    def change(self, kind: Kind, record: Record, given: dict[str, str], source: str) -> None:
        """Equal values are no change, and do not move the last-modified time (recorded)."""
        changed = {name: value for name, value in given.items() if record.values.get(name, "") != value}
        if not changed:
            return
        before = self._held(record)
        merged, now = dict(record.values) | changed, self.now()
        self._put(kind, record, merged, now)
        self._index(record, before)
        self.save_record(record)
        for name, value in changed.items():
            self.webhooks.note(kind, record, "propertyChange", source, propertyName=name, propertyValue=value)

    def set_archived(self, kind: Kind, record: Record, archived: bool, source: str) -> None:
        before = self._held(record)
        self.table(kind).move(record, self.now() if archived else None)
        if not archived:
            record.modified = self.now()
            self._put(kind, record, dict(record.values), record.modified)
        self._index(record, before)
        self.save_record(record)
        what = "deletion" if archived else "restore"
        self.webhooks.note(kind, record, what, source, **({"changeFlag": "DELETED"} if archived else {}))

    def erase(self, kind: Kind, record: Record) -> None:
        for other_kind, others in list(record.links.items()):
            for other in list(others):
                self.unlink(record, self.tables[record.portal, other_kind].records.get(other))
        self.table(kind).remove(record)
        self.store.drop("record", record.id)

    def _put(self, kind: Kind, record: Record, given: dict[str, str], now: int) -> None:
        """Set the values with those that HubSpot keeps itself."""
        record.modified = now
        system = {
            "hs_object_id": record.id,
            kind.created: values.stamp(record.created),
            kind.modified: values.stamp(now),
        }
        if kind.name == "contacts":
            name = " ".join(part for part in (given.get("firstname"), given.get("lastname")) if part)
            system["hs_full_name_or_email"] = name or given.get("email", "")
        if kind.name == "deals" and given.get("dealstage") and not given.get("pipeline"):
            system["pipeline"] = "default"
        known = record.id in self.table(kind).records
        if known:
            self.table(kind).set(record, given | system)
        else:
            record.values = given | system

    def _held(self, record: Record) -> dict[str, str] | None:
        return dict(record.values) if record.archived_at is None else None

    def _index(self, record: Record, before: dict[str, str] | None) -> None:
        if not self.search_lag_seconds:
            record.past = []
            return
        if not record.past:
            record.past = [(0, before)]
        record.past = [*record.past[-20:], (self.now(), self._held(record))]

    # Associations

    def link(self, one: Record, other: Record, types: tuple[int, int], primary: tuple[int, int] | None = None) -> None:
        """Both directions at once. primary: the type ids of the primary association; it takes it from the one that had it."""
        if primary and other.kind == "companies":
            self._take_primary(one, other.kind, primary)
        elif primary and one.kind == "companies":
            self._take_primary(other, one.kind, primary[::-1])
        for here, there, place in ((one, other, 0), (other, one, 1)):
            held = here.links.setdefault(there.kind, {}).setdefault(there.id, [])
            held += [ident for ident in (types[place], *((primary[place],) if primary else ())) if ident not in held]
            self.save_record(here)

    def _take_primary(self, record: Record, kind: str, primary: tuple[int, int]) -> None:
        for ident, held in record.links.get(kind, {}).items():
            if primary[0] in held:
                held.remove(primary[0])
                other = self.tables[record.portal, kind].records[ident]
                back = other.links[record.kind][record.id]
                if primary[1] in back:
                    back.remove(primary[1])
                self.save_record(other)

    def unlink(self, one: Record, other: Record | None) -> None:
        if other is None:
            return
        one.links.get(other.kind, {}).pop(other.id, None)
        other.links.get(one.kind, {}).pop(one.id, None)
        self.save_record(one)
        self.save_record(other)

    def linked(self, record: Record, kind: str) -> dict[str, list[int]]:
        """{id of a live record: type ids}"""
        others = self.tables[record.portal, kind].records
        found = record.links.get(kind, {})
        return {ident: held for ident, held in found.items() if ident in others and others[ident].archived_at is None}

    # What the frame asks for

    def answer(self, call: Call) -> Answer:
        return self.api.answer(call)

    def caller(self, call: Call) -> str:
        return "" if call.path.startswith("/oauth/") else call.bearer or ""

    def error(self, rule: Rule) -> Answer:
        """`rate_limited` says how long, which HubSpot itself does only with 477; `status` 429 does not."""
        waits = (("Retry-After", str(rule.retry_after)),)
        if rule.fault == "rate_limited" or rule.status == 429:
            refused = errors.rate_limited(rule.extra.get("policy", "TEN_SECONDLY_ROLLING"))
            return refused.answer(waits if rule.fault == "rate_limited" else ())
        if "category" in rule.extra:
            refused = errors.HubSpotError(rule.status, rule.extra["category"], rule.extra.get("message", ""))
            return refused.answer()
        return errors.plain(rule.status, waits if rule.status == 477 else ())

    def saved(self, done: Answer) -> Answer:
        return errors.saved(done)

    def reset(self) -> None:
        self.store.clear()
        self.webhooks.clear()
        self._forget()
        base.furnish(self)

    def seed(self, name: str, **sizes: int) -> dict[str, Any]:
        from integrations.sandbox.hubspot import seeds

        return seeds.sow(self, name, sizes)

    def welcome(self) -> list[tuple[str, str]]:
        return base.welcome(self)

    def control(self, action: str, body: dict[str, Any]) -> Any:
        from integrations.sandbox.hubspot import actions

        return actions.perform(self, action, body)

    async def background(self) -> None:
        await self.webhooks.deliver_for_ever()


def association(one: str, other: str) -> tuple[int, int]:
    """Type ids of the unlabelled association, both ways; invented ones for custom types."""
    forth = catalogue.ASSOCIATIONS.get((one, other), (catalogue.invented(one, other), None))
    back = catalogue.ASSOCIATIONS.get((other, one), (catalogue.invented(other, one), None))
    return forth[0], back[0]


def primary(one: str, other: str) -> tuple[int, int] | None:
    forth, back = catalogue.ASSOCIATIONS.get((one, other)), catalogue.ASSOCIATIONS.get((other, one))
    return (forth[1], back[1]) if forth and back and forth[1] and back[1] else None
